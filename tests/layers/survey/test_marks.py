"""Whose copy a file is: found after sorting, rounding and cutting, and nobody accused of what is not theirs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
import shapely
from scipy.stats import binom

from data.errors import ConfigError, LayerError
from data.permit import Permit
from data.store.catalogue import Dataset, put_dataset
from data.store.engine import open_store
from data.store.tables import survey_terms
from layers.survey.marks import order
from layers.survey.marks.book import NO_PURPOSE, Book
from layers.survey.marks.command import read_positions
from layers.survey.marks.copy import write_copy
from layers.survey.marks.mark import METRES_A_DEGREE, Floats, Mark, digits_for
from layers.survey.marks.trace import MOST_FALSE, tail, trace
from tests.conftest import tries

SECRET = b"a secret of the office"
PERMIT = Permit(
    dataset="sites", reader="reader@eoc.example", data_class="shared", counts=True, records=True, export=True
)
WHY = "shelter planning of the district"


@pytest.fixture
def book(database_url: str) -> Iterator[Book]:
    """An empty book of copies, once on each engine."""
    store = open_store(database_url)
    yield Book(store, SECRET)
    store.close()


def scattered(count: int, seed: int) -> tuple[Floats, Floats]:
    draw = np.random.default_rng(seed)
    return draw.normal(116.4, 0.2, count), draw.normal(39.9, 0.2, count)


def crowded(count: int, seed: int) -> tuple[Floats, Floats]:
    """Positions that many records share, in 5 decimals as a provider gives them."""
    draw = np.random.default_rng(seed)
    places = np.round(draw.normal(0, 0.01, (count // 5 + 1, 2)), 5)
    chosen = places[draw.integers(0, len(places), count)]
    return chosen[:, 0] + 116.4, chosen[:, 1] + 39.9


@pytest.mark.parametrize("latitude", [0.0, 39.9, 80.0, -84.9])
def test_no_record_moves_farther_than_is_said(latitude: float) -> None:
    lon, lat = scattered(20_000, 1)
    lat = lat - 39.9 + latitude
    moved_lon, moved_lat = Mark(SECRET, 7, 5).place(lon, lat)
    east = (moved_lon - lon) * METRES_A_DEGREE * np.cos(np.radians(lat))
    north = (moved_lat - lat) * METRES_A_DEGREE
    assert np.hypot(east, north).max() <= 2.37 <= 2.5  # metres: what a permit allows unless an office sets another
    assert max(np.abs(moved_lon - lon).max(), np.abs(moved_lat - lat).max()) <= 1.5e-5 + 1e-12
    assert digits_for(2.5) == 5 and digits_for(0.3) == 6 and digits_for(30) == 4
    assert np.array_equal(np.round(moved_lon, 5), moved_lon)


def test_an_accuracy_that_no_mark_keeps_is_refused() -> None:
    with pytest.raises(LayerError, match=r"0\.03 m"):
        digits_for(0.01)


def test_records_at_the_edge_of_the_world_stay_on_it() -> None:
    lon, lat = Mark(SECRET, 1, 5).place(np.array([180.0, -180.0, 0.0]), np.array([85.0, -85.0, 90.0]))
    assert np.abs(lon).max() <= 180 and np.abs(lat).max() <= 90


@pytest.mark.parametrize("positions", [scattered, crowded])
def test_a_copy_sorted_anew_rounded_and_cut_to_a_third_is_traced(positions: object) -> None:
    lon, lat = positions(3_000, 2)  # type: ignore[operator]
    marks = [Mark(SECRET, number, 5) for number in range(1, 201)]
    leaked_lon, leaked_lat = marks[41].place(lon, lat)
    draw = np.random.default_rng(3)
    kept = draw.choice(len(lon), int(len(lon) * 0.3), replace=False)
    kept = kept[np.argsort(leaked_lat[kept])]
    (found,) = trace(np.round(leaked_lon[kept], 5), np.round(leaked_lat[kept], 5), marks)
    assert found.copy == 42 and found.by == "coordinates" and found.hits == found.tried
    assert found.false_positive < 1e-100


def test_forty_records_are_enough_and_five_are_not() -> None:
    lon, lat = scattered(40, 4)
    marks = [Mark(SECRET, number, 5) for number in range(1_000)]
    placed = marks[3].place(lon, lat)
    assert [one.copy for one in trace(*placed, marks)] == [3]
    assert trace(placed[0][:5], placed[1][:5], marks) == []


def test_what_two_readers_put_together_names_both() -> None:
    lon, lat = scattered(2_000, 5)
    marks = [Mark(SECRET, number, 5) for number in range(50)]
    one, two = marks[11].place(lon[:1_000], lat[:1_000]), marks[12].place(lon[1_000:], lat[1_000:])
    both = trace(np.concatenate([one[0], two[0]]), np.concatenate([one[1], two[1]]), marks)
    assert {found.copy for found in both} == {11, 12}


def test_the_order_tells_where_coordinates_were_rounded_to_ten_metres() -> None:
    lon, lat = scattered(4_000, 6)
    marks = [Mark(SECRET, number, 5) for number in range(100)]
    placed = marks[9].place(lon, lat)
    arranged = order.arrange(marks[9], *placed)
    assert sorted(arranged.tolist()) == list(range(4_000)) and np.abs(arranged - np.arange(4_000)).max() == 1
    found = trace(np.round(placed[0][arranged], 4), np.round(placed[1][arranged], 4), marks)
    assert [(one.copy, one.by) for one in found] == [(9, "order")]


@pytest.mark.parametrize("positions", [scattered, crowded])
@pytest.mark.parametrize("digits", [7, 5])
def test_nobody_is_accused_of_an_unmarked_file(positions: object, digits: int) -> None:
    accused, above = 0, 0
    trials = tries(2_000, 1_000)
    for trial in range(trials):
        lon, lat = positions(300, trial)  # type: ignore[operator]
        mark = Mark(SECRET, trial, 5)
        found = trace(np.round(lon, digits), np.round(lat, digits), [mark], most_false=0.01)
        accused += bool(found)
        above += any(one.false_positive <= MOST_FALSE for one in found)
    assert above == 0 and accused <= binom.ppf(1 - 1e-9, trials, 0.01)


def test_nobody_is_accused_of_the_copies_of_others() -> None:
    lon, lat = scattered(500, 8)
    readers = [Mark(SECRET, number, 5) for number in range(1_000)]
    for number in range(0, 1_000, 100):
        placed = readers[number].place(lon, lat)
        assert [one.copy for one in trace(*placed, readers)] == [number]  # and none of the 999 others


def test_another_office_s_secret_finds_nothing() -> None:
    lon, lat = scattered(1_000, 9)
    assert trace(*Mark(b"another", 1, 5).place(lon, lat), [Mark(SECRET, 1, 5)]) == []


def test_the_bound_on_chance_is_above_the_exact_tail() -> None:
    for tried in (10, 100, 1_000):
        for hits in range(0, tried + 1, max(tried // 20, 1)):
            for chance in (0.25, 0.5):
                assert tail(hits, tried, chance) >= binom.sf(hits - 1, tried, chance) * (1 - 1e-9)
    assert tail(0, 0, 0.25) == 1.0


@pytest.mark.parametrize("form", ["csv", "geojson", "parquet"])
def test_corners_of_lines_and_polygons_carry_the_mark_and_neighbours_stay_joined(
    book: Book, now: datetime, tmp_path: Path, form: str
) -> None:
    cells = [
        shapely.box(116 + i / 97, 39 + j / 89, 116 + (i + 1) / 97, 39 + (j + 1) / 89)
        for i in range(6)
        for j in range(6)
    ]
    inner = shapely.get_coordinates(shapely.point_on_surface(cells))
    part = pa.table({"lon": inner[:, 0], "lat": inner[:, 1], "geometry": shapely.to_wkt(cells, rounding_precision=7)})
    for _ in range(4):
        mark, notice = book.begin(PERMIT, WHY, form, now)
    write_copy(tmp_path / f"copy.{form}", iter([part]), mark, notice)
    corners = read_positions(tmp_path / f"copy.{form}")
    assert len(corners[0]) == 36 * 5 and len(set(zip(*corners, strict=True))) == 7 * 7
    (found,) = trace(*corners, (given for given, _ in book.given("sites")))
    assert found.copy == mark.copy and found.hits == found.tried == 49


@pytest.mark.parametrize("form", ["csv", "geojson", "parquet"])
def test_a_copy_says_whose_it_is_and_its_mark_is_read_from_the_file(
    book: Book, now: datetime, tmp_path: Path, form: str
) -> None:
    path = tmp_path / f"copy.{form}"
    lon, lat = scattered(400, 10)
    words = pa.array(["=cmd()", None, "校"] * 133 + ["x"])
    part = pa.table({"lon": lon, "lat": lat, "name": words, "area": np.where(lon > 116.4, np.nan, 1.0)})
    for _ in range(3):
        mark, notice = book.begin(PERMIT, WHY, form, now)
    written = write_copy(path, iter([part.slice(0, 200), part.slice(200)]), mark, notice)
    book.finish(mark, written)
    assert written == 400 and not list(tmp_path.glob(".*"))
    line = notice.line()
    assert PERMIT.reader in line and WHY in line and "copy 3" in line and "2026-03-01 12:00 UTC" in line
    shown = pq.read_schema(path).metadata[b"copy"].decode() if form == "parquet" else path.read_text()
    assert line in (json.loads(shown)["copy"] if form == "geojson" else shown)
    assert form != "csv" or '"\'=cmd()"' in shown  # a spreadsheet shows it and does not run it
    given = list(book.given("sites"))
    assert [row.rows for _, row in given] == [400, None, None] and list(book.given("others")) == []
    (found,) = trace(*read_positions(path), (mark for mark, _ in given))
    assert found.copy == 3 and found.by == "coordinates" and found.hits == found.tried


def test_an_operator_s_copy_keeps_the_class_and_the_reach_of_its_dataset(book: Book, now: datetime) -> None:
    plain = book.of_operator("sites", "li@eoc.example")
    assert (plain.data_class, plain.accuracy_m, plain.export) == ("unknown", 2.5, True)
    dataset = Dataset(name="sites", title={"en": "x"}, level="county", sector="x", kind="y", data_class="secret")
    with book.store.write() as connection:
        put_dataset(connection, dataset, at=now, by="test")
        row = {"dataset": "sites", "least": None, "accuracy_m": 30.0, "changed_at": now, "changed_by": "test"}
        connection.execute(survey_terms.insert().values(**row))
    mark, notice = book.begin(book.of_operator("sites", "li@eoc.example"), WHY, "csv", now)
    assert mark.digits == 4 and "secret" in notice.line()


def test_a_copy_without_a_purpose_or_records_is_none(book: Book, now: datetime, tmp_path: Path) -> None:
    path = tmp_path / "copy.parquet"
    with pytest.raises(LayerError, match=NO_PURPOSE):
        book.begin(PERMIT, "  because ", "csv", now)
    mark, notice = book.begin(PERMIT, WHY, "parquet", now)
    with pytest.raises(LayerError, match="No record"):
        write_copy(path, iter([]), mark, notice)
    with pytest.raises(LayerError, match=r"\.csv, \.geojson, \.parquet"):
        write_copy(tmp_path / "copy.exe", iter([]), mark, notice)
    assert list(tmp_path.glob("*copy*")) == []


@pytest.mark.parametrize(
    ("name", "body"),
    [("a.csv", "name\nx\n"), ("b.geojson", "{}"), ("c.parquet", "no"), ("d.csv", "lon,lat\na,b\n"), ("e.csv", "")],
)
def test_a_file_without_positions_gets_a_clear_error(tmp_path: Path, name: str, body: str) -> None:
    (tmp_path / name).write_text(body)
    with pytest.raises(ConfigError, match="no positions"):
        read_positions(tmp_path / name)


def test_a_re_saved_file_is_read_whatever_its_columns_are_called(tmp_path: Path) -> None:
    table = pa.table({"Latitude": [39.0, None], "LONGITUDE": [116.0, 1.0]})
    pc.write_csv(table, tmp_path / "a.csv")
    assert [axis.tolist() for axis in read_positions(tmp_path / "a.csv")] == [[116.0], [39.0]]
