"""Readers and namers of set-up, on payloads written here."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import shapely

from data.setup import china
from data.setup.places import chinese, is_han
from data.setup.romanise import alike, pinyin
from data.setup.rows import slug
from data.setup.topojson import Topology

SQUARES = {
    "type": "Topology",
    "transform": {"scale": [0.5, 0.5], "translate": [10, 20]},
    "arcs": [[[2, 0], [0, 2]], [[2, 2], [-2, 0], [0, -2], [2, 0]], [[2, 2], [2, 0], [0, -2], [-2, 0]]],
    "objects": {
        "pair": {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "Polygon", "id": "w", "properties": {"name": "West"}, "arcs": [[0, 1]]},
                {"type": "Polygon", "id": "e", "arcs": [[0, 2]]},
                {"type": None, "id": "empty"},
            ],
        }
    },
}


@pytest.fixture
def topology(tmp_path: Path) -> Topology:
    path = tmp_path / "pair.json"
    path.write_text(json.dumps(SQUARES), encoding="utf-8")
    return Topology(path)


def test_topology_gives_neighbours_and_empty_members(topology: Topology) -> None:
    west, east, empty = topology.features("pair")
    assert (west.native_id, west.name, east.name) == ("w", "West", "")
    assert west.geometry is not None and west.geometry.bounds == (10, 20, 11, 21)
    assert east.geometry is not None and east.geometry.bounds == (11, 20, 12, 21)
    assert empty.geometry is None


def test_topology_shares_only_the_common_border(topology: Topology) -> None:
    (line,) = topology.shared_lines("pair")
    assert line.tolist() == [[11, 20], [11, 21]]


def test_topology_refuses_another_kind_of_json(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"type": "FeatureCollection"}', encoding="utf-8")
    with pytest.raises(ValueError, match="not TopoJSON"):
        Topology(path)


def _packed(*members: bytes) -> bytes:
    sizes = b"".join(struct.pack("<I", len(member)) for member in members)
    return struct.pack("<I", len(members)) + sizes + b"".join(members)


def test_read_geometries_of_both_encodings(tmp_path: Path) -> None:
    first = (round(280 / 2e-6), round(120 / 2e-6))  # 100 E, 30 N
    steps = struct.pack("<I2I6h", 1, *first, 500, 0, 0, 500, -500, -500)
    whole = struct.pack("<I4I", 0, *first, first[0] + 1, first[1] + 2)
    path = tmp_path / "two.bin"
    path.write_bytes(_packed(struct.pack("<I", 5) + _packed(steps), struct.pack("<I", 2) + whole))
    area, line = china.read_geometries(path)
    assert shapely.get_coordinates(area).tolist() == [[100, 30], [100.001, 30], [100.001, 30.001], [100, 30]]
    assert shapely.get_coordinates(line).tolist() == [[100, 30], [100.000002, 30.000004]]


@pytest.mark.parametrize(
    ("full", "short", "word"),
    [
        pytest.param("六安市", "六安", "Lu'an", id="apostrophe"),
        pytest.param("二七区", "二七区", "Erqi", id="district"),
        pytest.param("重庆市", "重庆", "Chongqing", id="reading settled by its neighbour"),
        pytest.param("涉县", "涉县", "Shexian", id="one character keeps the kind"),
        pytest.param("湘西土家族苗族自治州", "湘西", "Xiangxi", id="autonomous prefecture"),
        pytest.param("定日县", "定日县", "Dingri", id="Tibetan county in pinyin"),
    ],
)
def test_pinyin_of_a_unit(full: str, short: str, word: str) -> None:
    assert pinyin(full, short) == word


@pytest.mark.parametrize(
    ("name", "word", "expected"),
    [("Lüliang", "Lvliang", True), ("Qiqihar", "Qiqiha'er", True), ("Longshan", "Liaoyuan", False)],
)
def test_alike_tells_spellings_from_other_names(name: str, word: str, expected: bool) -> None:
    assert alike(name, word) is expected


def test_chinese_prefers_short_and_simplified() -> None:
    assert chinese(["Cheng", "鄭州", "郑州市", "郑州", "정저우"]) == "郑州"
    assert chinese(["宝安", "寶安", "新安", "深圳", "深圳市"]) == "深圳"
    assert chinese(["上海", "上海市", "中国上海", "沪"]) == "上海"
    assert chinese(["東京"]) == "东京"
    assert chinese(["Paris", "パリ"]) == ""


def test_is_han_allows_joined_parts() -> None:
    assert is_han("圣胡利娅-德洛里亚")
    assert not is_han("サン・ジュリア")


def test_slug_is_plain_capitals() -> None:
    assert slug("N. Cyprus") == "N-CYPRUS"
    assert slug("Åland Östra") == "ALAND-OSTRA"
