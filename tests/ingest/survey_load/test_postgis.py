"""Tables of a database. Where PostGIS is not installed, a type and two functions stand for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import shapely

from data.errors import ConfigError, Refused, Unreachable
from data.store.engine import Store, open_store
from ingest.survey_load.sources import read_given
from ingest.survey_load.suggesting import suggest
from tests.survey_loading import delivered, load_files, mapping

LIKE_POSTGIS = """
CREATE TYPE geometry AS (wkb bytea);
CREATE FUNCTION st_asbinary(geometry) RETURNS bytea LANGUAGE sql AS 'SELECT ($1).wkb';
CREATE FUNCTION st_srid(geometry) RETURNS integer LANGUAGE sql AS 'SELECT 3857';
"""


@pytest.fixture
def database(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA survey")
        yield connection


@pytest.fixture
def one_store(sqlite_url: str) -> Iterator[Store]:
    opened = open_store(sqlite_url)
    yield opened
    opened.close()


def test_table_with_geometry_is_read_in_pieces(
    one_store: Store, home: Path, database: psycopg.Connection, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.survey_load.postgis.PIECE", 3)
    database.execute(LIKE_POSTGIS)
    database.execute('CREATE TABLE survey."Sites" (id int, name text, built date, geom geometry)')
    for n in range(8):
        place = shapely.Point(12_000_000 + n, 4_000_000).wkb if n != 5 else None
        database.execute(
            'INSERT INTO survey."Sites" VALUES (%s, %s, %s, ROW(%s))', [n, f"站{n}", "2020-01-02", place]
        )
    address = f"{postgres_url}#survey.Sites"
    assert suggest(read_given([address])[0]).id is not None
    loaded = load_files(one_store, home, [address], mapping(id={"column": "id"}))
    table, refused = delivered(one_store, home, loaded)
    assert table["id"].to_pylist() == ["0", "1", "2", "3", "4", "6", "7"]
    assert table["built"][0].as_py() == "2020-01-02"
    shape = shapely.from_wkb(table["geometry"][0].as_py())
    assert (shape.x, shape.y) == (pytest.approx(107.798, abs=1e-3), pytest.approx(33.785, abs=1e-3))
    assert [(one["row"], one["reason"]) for one in refused] == [(6, "no geometry")]
    again = load_files(one_store, home, [address], mapping(id={"column": "id"}), new=None)
    assert again.again and again.number == loaded.number


@pytest.mark.parametrize(
    ("kind", "place", "wanted"),
    [
        ("geometry(Point, 4490)", "SRID=4490;POINT(113.5 34.5)", "POINT (113.5 34.5)"),
        ("geometry(PointZ, 3857)", "SRID=3857;POINT(12634762 4096139 80)", "POINT (113.5 34.5)"),
        ("geography(Point)", "POINT(113.5 34.5)", "POINT (113.5 34.5)"),
        ("geometry(MultiPolygon, 4326)", "SRID=4326;MULTIPOLYGON(((113 34,114 34,113 35,113 34)))", "MULTIPOLYGON"),
    ],
)
def test_postgis_itself(
    one_store: Store, home: Path, database: psycopg.Connection, postgres_url: str, kind: str, place: str, wanted: str
) -> None:
    try:
        database.execute("CREATE EXTENSION postgis")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("PostGIS is not installed")
    database.execute(f"CREATE TABLE sites (id int, name text, geom {kind})")
    database.execute("INSERT INTO sites VALUES (1, '站', %s), (2, 'b', NULL)", [place])
    loaded = load_files(one_store, home, [f"{postgres_url}#sites"], mapping(id={"column": "id"}))
    table, refused = delivered(one_store, home, loaded)
    shape = shapely.from_wkb(table["geometry"][0].as_py())
    assert shapely.to_wkt(shapely.force_2d(shape), rounding_precision=3).startswith(wanted)
    assert table["name"].to_pylist() == ["站"] and [one["reason"] for one in refused] == ["no geometry"]


def test_table_with_coordinates_is_read_by_their_columns(
    one_store: Store, home: Path, database: psycopg.Connection, postgres_url: str
) -> None:
    database.execute("CREATE TABLE sites (n text, east double precision, north numeric)")
    database.execute("INSERT INTO sites VALUES ('a', 113.5, 34.5), ('b', NULL, 34.5)")
    address = f"{postgres_url}#sites"
    with pytest.raises(Refused, match="name its coordinates in position"):
        load_files(one_store, home, [address])
    chosen = mapping(position={"lon": "east", "lat": "north", "crs": "EPSG:4326"})
    table, refused = delivered(one_store, home, load_files(one_store, home, [address], chosen))
    assert table["n"].to_pylist() == ["a"] and refused[0]["reason"] == "no coordinates"


@pytest.mark.parametrize(
    ("table", "said"),
    [("nowhere", "does not exist"), ("survey.nowhere", "does not exist"), ('x"; DROP', "does not exist")],
)
def test_table_that_is_not_there_is_told(
    one_store: Store, home: Path, database: psycopg.Connection, postgres_url: str, table: str, said: str
) -> None:
    with pytest.raises(Unreachable, match=said):
        load_files(one_store, home, [f"{postgres_url}#{table}"])


def test_address_says_which_table(postgres_url: str) -> None:
    with pytest.raises(ConfigError, match="ends with #table"):
        read_given([postgres_url])


def test_password_of_an_address_is_kept_nowhere(
    one_store: Store, home: Path, database: psycopg.Connection, postgres_url: str
) -> None:
    from data.store.catalogue import read_delivery

    database.execute("CREATE TABLE sites (lon double precision, lat double precision)")
    database.execute("INSERT INTO sites VALUES (1, 2)")
    address = postgres_url.replace("tocsin@", "tocsin:quite-secret@") + "#sites"
    chosen = mapping(position={"lon": "lon", "lat": "lat", "crs": "EPSG:4326"})
    loaded = load_files(one_store, home, [address], chosen)
    with one_store.read() as connection:
        assert "quite-secret" not in str(read_delivery(connection, loaded.number))
    kept = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert not any(b"quite-secret" in body for body in kept)
