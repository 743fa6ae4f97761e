"""Rules over deliveries with planted faults: each finds exactly what was planted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from data.errors import LayerError
from data.regions import default_base_dir
from layers.survey.inspect import spill
from layers.survey.inspect.rules import rules_for
from layers.survey.inspect.run import Run, inspect_files
from tests.layers.inspect.planted import buildings, deliver, rule, shaped

PLANTED = {
    "elsewhere": "unit.elsewhere", "swapped": "unit.swapped", "unknown": "unit.unknown", "no_unit": "unit.none",
    "twice": "place.twice", "near": "building.near", "metres": "position.metres",
    "minutes": "position.degrees_minutes", "origin": "position.origin", "nowhere": "position.none",
    "many_floors": "building.floors.range", "no_floors": "building.floors.missing", "repaired": "building.repaired",
}  # fmt: skip


def look(table: pa.Table, tmp_path: Path, *written: str, **options: Any) -> tuple[dict[str, Any], pa.Table]:
    """What some rules say of a table."""
    folder = deliver(table, tmp_path / "delivery", parts=options.pop("parts", 1))
    rules = [rule(one) for one in written]
    run = Run(folder=folder, base_dir=default_base_dir(), rules=rules, **options)
    told = inspect_files(run, tmp_path / "out")
    return told, pq.read_table(tmp_path / "out" / "findings.parquet")


def ids(found: pa.Table) -> list[str]:
    return sorted(found["id"].to_pylist())


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], pa.Table, dict[str, set[str]]]:
    """3,000 buildings with 5 of each fault, looked at in strips of 700."""
    folder = tmp_path_factory.mktemp("planted")
    table, truth = buildings()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spill, "PART_ROWS", 700)
        patch.setattr("layers.survey.inspect.near.PART_ROWS", 700)
        run = Run(
            folder=deliver(table, folder / "delivery"), base_dir=default_base_dir(), region="county",
            rules=rules_for("urban_dwelling", "x"), expected={"110108": 964, "110114": 2000},
        )  # fmt: skip
        told = inspect_files(run, folder / "out")
    return told, pq.read_table(folder / "out" / "findings.parquet"), truth


@pytest.mark.parametrize("fault", PLANTED)
def test_planted_fault_is_found_and_nothing_else(fault: str, inspected: Any) -> None:
    _, found, truth = inspected
    assert set(found.filter(pa.compute.equal(found["rule"], PLANTED[fault]))["id"].to_pylist()) == truth[fault]


def test_an_identity_that_is_there_twice_names_the_earlier_record(inspected: Any) -> None:
    _, found, _ = inspected
    rows = found.filter(pa.compute.equal(found["rule"], "identity.twice")).to_pylist()
    assert {one["id"] for one in rows} == {f"b{number}" for number in range(200, 205)}
    assert all(one["row"] >= 1500 and one["other"] == one["id"] for one in rows)


def test_counts_by_unit_are_of_records_and_not_of_findings(inspected: Any) -> None:
    told, found, _ = inspected
    units = {one["unit"]: one for one in told["units"]}
    assert sum(one["records"] for one in told["units"]) == told["records"] == 3000
    errors = found.filter(pa.compute.equal(found["severity"], "error"))
    for unit, counts in units.items():
        mine = errors.filter(
            pa.compute.and_(pa.compute.equal(errors["unit"], unit), pa.compute.greater_equal(errors["row"], 0))
        )
        assert counts["error"] == len(set(mine["row"].to_pylist()))


def test_a_rule_that_could_not_be_run_says_why(inspected: Any) -> None:
    told, _, _ = inspected
    rules = {one["id"]: one for one in told["rules"]}
    assert rules["geometry.invalid"]["reason"] == "positions only"
    assert rules["geometry.invalid"]["checked"] == 0
    assert rules["building.floors.range"]["unknown"] == 5  # those without a number are judged by another rule


def test_expected_counts_find_the_unit_that_lacks_records(inspected: Any) -> None:
    _, found, _ = inspected
    rows = found.filter(pa.compute.equal(found["rule"], "coverage.count")).to_pylist()
    assert [(one["unit"], one["value"], one["row"]) for one in rows] == [("110114", "989 / 2000", -1)]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("none", ["a1"]), ("unreadable", ["a2"]), ("empty", ["a3"]), ("invalid", ["a4"])],
)
def test_geometry(fault: str, expected: list[str], tmp_path: Path) -> None:
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    shapes = [shapely.box(0, 0, 1, 1), None, b"\x01\x02", shapely.Point(), bow]
    told, found = look(shaped(shapes), tmp_path, f"check: geometry\nfault: {fault}")
    assert ids(found) == expected
    if fault == "invalid":
        assert found["value"].to_pylist() == ["Self-intersection[0.5 0.5]"]
        assert told["rules"][0]["unknown"] == 2


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("outside", ["far"]),
        ("none", ["none"]),
        ("origin", ["zero"]),
        ("metres", ["gauss"]),
        ("degrees_minutes", ["dm"]),
    ],
)
def test_position(fault: str, expected: list[str], tmp_path: Path) -> None:
    places = {
        "good": (116.0, 40.0), "edge": (180.0, -90.0), "far": (200.0, 40.0), "none": (None, 40.0), "zero": (0.0, 0.0),
        "gauss": (39_500_000.0, 4_400_000.0), "dm": (11623.5, 3954.2),
    }  # fmt: skip
    table = pa.table(
        {
            "id": list(places),
            **{name: [place[axis] for place in places.values()] for axis, name in enumerate(("lon", "lat"))},
        }
    )
    assert ids(look(table, tmp_path, f"check: position\nfault: {fault}")[1]) == expected


def table_of(**columns: Any) -> pa.Table:
    count = len(next(iter(columns.values())))
    own = {"id": [f"r{number}" for number in range(count)], "lon": [1.0] * count, "lat": [2.0] * count}
    return pa.table(own | columns)


@pytest.mark.parametrize(
    ("columns", "written", "expected", "unknown"),
    [
        ({"a": ["x", " ", None, ""]}, "check: required\ncolumn: a", ["r1", "r2", "r3"], 0),
        ({"a": [1.0, float("nan"), 2.0]}, "check: required\ncolumn: a", ["r1"], 0),
        ({"a": [0, 5, 11, None]}, "check: range\ncolumn: a\nleast: 1\nmost: 10", ["r0", "r2"], 1),
        ({"a": ["7", "12", "many", None]}, "check: range\ncolumn: a\nmost: 10", ["r1"], 2),
        ({"a": ["x", "y", None]}, "check: codes\ncolumn: a\nvalues: [x, z]", ["r1"], 1),
        ({"a": [1, 2, 9]}, "check: codes\ncolumn: a\nvalues: [1, 2]", ["r2"], 0),
        ({"a": [1, 5, None], "b": [2, 2, 2]}, "check: logic\nmust: a <= b", ["r1"], 1),
        ({"a": [1, 5, 5], "b": [0, 1, 0]}, "check: logic\nwhen: b == 1\nmust: a < 3", ["r1"], 0),
    ],
)
def test_attributes(columns: dict[str, Any], written: str, expected: list[str], unknown: int, tmp_path: Path) -> None:
    told, found = look(table_of(**columns), tmp_path, written)
    assert ids(found) == expected
    assert told["rules"][0]["unknown"] == unknown


def test_words_of_a_dictionary_are_read_as_words(tmp_path: Path) -> None:
    table = table_of(a=pa.array(["x", "y"]).dictionary_encode())
    assert ids(look(table, tmp_path, "check: codes\ncolumn: a\nvalues: [x]")[1]) == ["r1"]


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    told, found = look(
        table_of(a=[1]), tmp_path, "check: required\ncolumn: b\nid: need", "check: range\ncolumn: b\nleast: 1"
    )
    assert [one["reason"] for one in told["rules"]] == ["no column b", "no column b"]
    assert found.to_pylist()[0] | {"lon": None, "lat": None} == {
        "row": -1, "id": None, "rule": "need", "severity": "error", "unit": "", "lon": None, "lat": None,
        "value": "no column b", "other": None, "metres": None,
    }  # fmt: skip


def test_a_column_of_the_wrong_kind_stops_only_its_rule(tmp_path: Path) -> None:
    table = table_of(a=["x", "y"], b=[1, 2])
    told, found = look(table, tmp_path, "check: logic\nmust: a > 3\nid: one", "check: range\ncolumn: b\nmost: 1")
    assert "a > 3" in told["rules"][0]["reason"]
    assert ids(found) == ["r1"]


def test_a_link_to_nothing(tmp_path: Path) -> None:
    villages = pa.array(["v1", "v2"])
    written = "check: link\ncolumn: village\ndataset: villages\nto: id"
    table = table_of(village=["v1", "v9", None])
    told, found = look(
        table, tmp_path, written, linked=lambda dataset, _: villages if dataset == "villages" else None
    )
    assert (ids(found), told["rules"][0]["unknown"]) == (["r1"], 1)


def test_a_link_to_a_dataset_that_is_not_there_is_not_checked(tmp_path: Path) -> None:
    told, found = look(table_of(v=["v1"]), tmp_path, "check: link\ncolumn: v\ndataset: villages\nto: id")
    assert told["rules"][0]["reason"] == "no delivery of villages with id"
    assert not found.num_rows


def test_near_is_not_further_than_the_limit_nor_of_other_values(tmp_path: Path) -> None:
    step = 1 / 111_195  # about a metre of latitude
    table = pa.table(
        {"id": ["a", "b", "c", "d"], "lon": [116.0] * 4, "lat": [40.0, 40 + 2 * step, 40 + 9 * step, 40 + 10 * step],
         "kind": ["x", "x", "x", "y"]}
    )  # fmt: skip
    assert ids(look(table, tmp_path, "check: near\nwithin_m: 3\ncolumns: [kind]")[1]) == ["b"]


def test_near_reaches_across_the_antimeridian_and_between_strips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spill, "PART_ROWS", 2)
    step = 1 / 111_195
    lon = [180 - step, -180 + step, 10.0, 10 + 2 * step, 50.0, -50.0]
    table = pa.table({"id": list("abcdef"), "lon": lon, "lat": [0.0] * 6})
    assert ids(look(table, tmp_path, "check: near\nwithin_m: 3")[1]) == ["b", "d"]


def test_outlier_among_its_neighbours(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    lon, lat = 116 + draw.uniform(0, 0.002, 60), 40 + draw.uniform(0, 0.002, 60)
    floors = draw.integers(2, 5, 60).astype(float)
    floors[7], floors[9] = 40, np.nan
    table = pa.table({"id": [f"r{one}" for one in range(60)], "lon": lon, "lat": lat, "floors": floors})
    written = "check: outlier\ncolumn: floors\nwithin_m: 500\nbeyond: 12\nleast_spread: 1"
    _, found = look(table, tmp_path, written)
    assert ids(found) == ["r7"]
    assert found["value"][0].as_py().startswith("floors = 40; ")


def test_a_lone_value_is_no_outlier(tmp_path: Path) -> None:
    lon = [*np.linspace(0, 40, 20), 41.0]
    table = pa.table(
        {"id": [str(one) for one in range(21)], "lon": lon, "lat": [0.0] * 21, "v": [1.0] * 20 + [900.0]}
    )
    assert ids(look(table, tmp_path, "check: outlier\ncolumn: v\nwithin_m: 1000")[1]) == []


def squares(*places: tuple[float, float, float, float]) -> list[Any]:
    return [shapely.box(*(one * 1e-4 for one in place)) for place in places]


def test_overlap_is_common_ground_and_not_a_common_edge(tmp_path: Path) -> None:
    table = shaped(squares((0, 0, 1, 1), (1, 0, 2, 1), (1.5, 0, 2.5, 1)))
    found = look(table, tmp_path, "check: overlap\nleast_m2: 1")[1]
    assert [(one["id"], one["other"]) for one in found.to_pylist()] == [("a2", "a1")]
    assert float(found["value"][0].as_py().split()[0]) == pytest.approx(0.5 * 11.1195**2, rel=0.01)


def test_overlap_between_strips_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "PART_ROWS", 2)
    table = shaped(squares((0, 0, 9, 1), (8, 0, 20, 1), (30, 0, 31, 1), (40, 0, 41, 1)))
    found = look(table, tmp_path, "check: overlap")[1]
    assert [(one["id"], one["other"]) for one in found.to_pylist()] == [("a1", "a0")]


def test_gap_is_narrow_and_closed_in(tmp_path: Path) -> None:
    ring = [(0, 0, 3, 1), (0, 1, 1, 2), (1.1, 1, 3, 2), (0, 2, 3, 3)]  # between: 0.1 x 1, which is 1.1 m wide
    open_one = [(10, 0, 11, 1), (11.1, 0, 12, 1)]
    wide = [(20, 0, 23, 1), (20, 1, 21, 2), (22, 1, 23, 2), (20, 2, 23, 3)]
    found = look(shaped(squares(*ring, *open_one, *wide)), tmp_path, "check: gap\nwidest_m: 2")[1]
    assert found.num_rows == 1
    assert found["lon"][0].as_py() == pytest.approx(1.05e-4)


def test_a_delivery_that_is_none_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(LayerError, match=r"no part-\*\.parquet"):
        inspect_files(Run(folder=tmp_path / "empty", base_dir=default_base_dir(), rules=[]), tmp_path / "out")
    pq.write_table(pa.table({"lon": [1.0]}), tmp_path / "empty" / "part-0.parquet")
    with pytest.raises(LayerError, match=r"no column id; part-0\.parquet: no position"):
        inspect_files(Run(folder=tmp_path / "empty", base_dir=default_base_dir(), rules=[]), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


def test_a_column_that_changes_its_kind_half_way_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "delivery"
    folder.mkdir()
    for number, values in enumerate(([1, 2], ["a", "b"])):
        pq.write_table(table_of(floors=values), folder / f"part-{number}.parquet")
    with pytest.raises(LayerError, match="floors is string, int64 before"):
        inspect_files(Run(folder=folder, base_dir=default_base_dir(), rules=[]), tmp_path / "out")


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "none", "invalid"), [("ex1_invalid_rings.json", 0, 1), ("six_counties_three_null.json", 3, 1)]
)
def test_recorded_broken_shapes_are_found(name: str, none: int, invalid: int, recorded: Path, tmp_path: Path) -> None:
    document = json.loads((recorded / "vector_broken" / name).read_text(encoding="utf-8"))
    drawn = [one["geometry"] for one in document["features"]]
    table = shaped([None if one is None else shapely.from_geojson(json.dumps(one)) for one in drawn])
    faults = ("none", "invalid", "empty", "unreadable")
    told, _ = look(table, tmp_path, *(f"check: geometry\nfault: {fault}\nid: {fault}" for fault in faults))
    assert [one["found"] for one in told["rules"]] == [none, invalid, 0, 0]
