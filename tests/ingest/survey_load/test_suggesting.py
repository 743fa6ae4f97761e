"""Mappings guessed from the beginning of a file: what is found, the reasons, and that a person has to confirm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import yaml

from data.errors import BadPayload, ConfigError, Refused
from ingest.survey_load.coordinates import read_degrees
from ingest.survey_load.mapping import LoadMapping, mapping_from, read_mapping, write_mapping
from ingest.survey_load.sources import Came
from ingest.survey_load.suggesting import beginning_of, guess, suggest

HEAD = "统一编号,名称,经度,纬度,行政区划代码,类型,高度(米),备注\n"
ROWS = "".join(
    f"{n:05d},第{n}站,{113 + n / 100},{34 + n / 100},41010{n % 3},{'学校医院'[n % 2 * 2 :][:2]},"
    f'{"-9999" if n == 7 else n * 1.5},"x, {n}"\n'
    for n in range(40)
)


def guessed(path: Path, text: str) -> LoadMapping:
    path.write_text(text, encoding="utf-8")
    return guess(beginning_of(Came(path, path.name), path.parent / "unpacked"))


def test_table_of_a_survey_is_understood(tmp_path: Path) -> None:
    found = guessed(tmp_path / "s.csv", HEAD + ROWS)
    assert found.confirmed == ""
    assert found.id is not None and found.id.column == "统一编号" and "no two of the first 40" in found.id.why
    assert found.region is not None and found.region.column == "行政区划代码" and "3 different" in found.region.why
    assert (found.position.lon, found.position.lat, found.position.form) == ("经度", "纬度", "number")
    assert [(one.name, one.column) for one in found.facets] == [("类型", "类型")]
    (height,) = found.columns
    assert (height.name, height.column, height.unit, height.missing) == ("高度", "高度(米)", "m", (-9999.0,))
    assert "-9999 taken for no value" in height.why
    assert all(part.why for part in (found.id, found.region, found.position, *found.facets, *found.columns))


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("name,lat,lon\na,113.5,34.5\nb,113.6,34.6\n", {"lon": "lon", "lat": "lat", "swapped": True}),
        ("name,经度,纬度\na,113°30′00″,34°30′\nb,113°31′,34°31′\n", {"form": "degrees-minutes"}),
        ("name,X,Y\na,3841000,38462000\nb,3842000,38463000\n", {"lon": "Y", "lat": "X", "crs": "EPSG:4526"}),
        ("name,POINT_X,POINT_Y\na,20462000,3841000\n", {"lon": "POINT_X", "lat": "POINT_Y", "crs": "EPSG:4498"}),
        ("name,x,y\na,462000,3841000\n", {"lon": "x", "lat": "y", "crs": ""}),
        ("name,x,y\na,113.5,34.5\n", {"lon": "x", "lat": "y", "crs": "EPSG:4326"}),
        ("name,where\na,here\n", {"lon": "", "lat": ""}),
    ],
    ids=["swapped", "degrees_minutes", "chinese_axes", "six_degree_zone", "metres", "x_and_y_degrees", "none"],
)
def test_place_is_guessed_with_its_reason(tmp_path: Path, text: str, position: dict[str, Any]) -> None:
    found = guessed(tmp_path / "s.csv", text).position
    assert {name: getattr(found, name) for name in position} == position and found.why


def test_codes_stay_words_and_numbers_with_thousands_are_numbers(tmp_path: Path) -> None:
    text = "lon,lat,postcode,zone,people,year,grade\n"
    text += "".join(f'1,2,4100{n:02d},0{n},"1,{n:03d}",{2020 + n % 3},{n % 5}\n' for n in range(50))
    found = guessed(tmp_path / "s.csv", text)
    assert [(one.column, one.kind) for one in found.columns] == [("people", "i4")]
    assert {one.column for one in found.facets} == {"year", "grade"}


def test_swapped_geometry_and_layers_are_seen(tmp_path: Path) -> None:
    import pyogrio

    wkb = np.array([shapely.Point(34.5, 113.5).wkb, shapely.Point(34.6, 113.6).wkb], dtype=object)
    for name in ("sites", "roads"):
        pyogrio.raw.write(
            tmp_path / "a.gpkg", wkb, [np.array(["x", "y"], object)], ["n"], geometry_type="Point", crs="EPSG:4326",
            layer=name, append=name == "roads",
        )  # fmt: skip
    found = suggest(Came(tmp_path / "a.gpkg", "a.gpkg"))
    assert found.position.swapped and found.layers == ("sites",) and "2 layers" in found.why


def test_what_is_written_for_a_person_is_read_again(tmp_path: Path) -> None:
    found = guessed(tmp_path / "s.csv", HEAD + ROWS)
    path = tmp_path / "m.yaml"
    path.write_text(write_mapping(found).replace("confirmed: ''", "confirmed: 王"), encoding="utf-8")
    again = read_mapping(path)
    assert again.confirmed == "王" and again.digest == found.digest
    assert again.model_dump() == {**found.model_dump(), "confirmed": "王"}
    assert mapping_from(json.loads(again.model_dump_json()), "the catalogue") == again


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("columns: [{name: a, column: A, unit: parsec of beer}]", "columns.0"),
        ("columns: [{name: a, column: A, unit: m, to: kg}]", "columns.0"),
        ("columns: [{name: id, column: A}]", "names that are taken: id"),
        ("facets: [{name: a, column: A}, {name: a, column: B}]", "names that are taken: a"),
        ("facets: [{name: 'a b', column: A}]", "facets.0.name"),
        ("position: {crs: 'EPSG:999999'}", "position.crs"),
        ("positon: {lon: x}", "positon"),
        ("deleted: {column: a, values: []}", "deleted.values"),
        ("[1, 2", "m.yaml"),
        ("- a", "m.yaml"),
    ],
)
def test_mapping_with_a_fault_is_refused_with_its_place(tmp_path: Path, written: str, said: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(written, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        read_mapping(path)
    assert said in str(refused.value)


def test_all_faults_are_told_at_once() -> None:
    written = yaml.safe_load("columns: [{name: '1', column: A, unit: xyzzy}]\nfacets: [{column: A}]\nodd: 1")
    with pytest.raises(ConfigError) as refused:
        mapping_from(written, "m")
    assert len(refused.value.faults) >= 3


def test_file_that_nothing_can_be_guessed_of_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.geojson"
    path.write_text("{")
    with pytest.raises(Refused, match=r"x\.geojson: "):
        suggest(Came(path, path.name))
    with pytest.raises(BadPayload):
        guessed(tmp_path / "y.dbf", "x")


@pytest.mark.parametrize(
    ("written", "degrees"),
    [
        ("34°42′30″N", 34.708333), ("34 42 30", 34.708333), ("N34:42.5", 34.708333), ("东经113度40分", 113.666667),
        ("113.5", 113.5), ("-34°30'", -34.5), ("S 12°30'", -12.5), ("113度40分12秒", 113.67),
        ("W073 58 12.3", -73.970083), ("北纬34°42'30.5\"", 34.708472),
    ],
)  # fmt: skip
def test_degrees_are_read_as_people_write_them(written: str, degrees: float) -> None:
    assert read_degrees(written) == pytest.approx(degrees, abs=1e-6)


@pytest.mark.parametrize("written", ["", "north", "34°61′", "34°10′60″", "1 2 3 4", "°", "34°N 113°E"])
def test_what_is_no_degrees_is_refused(written: str) -> None:
    with pytest.raises(ValueError):
        read_degrees(written)


@pytest.mark.recorded
def test_recorded_landslides_are_understood(recorded: Path) -> None:
    path = recorded / "landslide" / "nasa_glc_before2014.csv.gz"
    found = suggest(Came(path, path.name))
    assert found.id is not None and found.id.column == "id"
    assert (found.position.lon, found.position.lat) == ("longitude", "latitude")
    assert {"landslide_type", "landslide_size"} <= {one.name for one in found.facets}
    assert {"fatalities", "injuries"} <= {one.name for one in found.columns}


def test_columns_that_are_called_as_attributes_get_their_names_and_units(tmp_path: Path) -> None:
    text = "水库名称,经度,纬度,水库规模,总库容（万立方米）,最大坝高(米),坝长(公顷),建成年份\n"
    text += "".join(
        f"{n}号水库,{113 + n / 100},34,{'中小'[n % 2]}型,{n * 100},{n}.5,{n},{1950 + n % 9}\n" for n in range(40)
    )
    found = guessed(tmp_path / "s.csv", text)
    numbers = {one.name: one for one in found.columns}
    capacity, height = numbers["capacity"], numbers["dam_height"]
    assert (capacity.unit, capacity.to, capacity.kind, capacity.conversion[0]) == ("wan_m3", "m**3", "f8", 1e4)
    assert (height.unit, height.to) == ("m", "m")
    assert "坝长" in numbers  # hectares are no length: it is left to the person
    assert {one.name for one in found.facets} == {"reservoir_class", "year"}
    assert [(one.name, one.column) for one in found.texts] == [("name", "水库名称")]


def test_number_of_no_unit_is_taken_for_ours_and_says_so(tmp_path: Path) -> None:
    (height,) = guessed(tmp_path / "s.csv", "lon,lat,坝高\n" + "113,34,12.5\n" * 3).columns
    assert (height.name, height.unit, height.to) == ("dam_height", "", "")
    assert "no unit is told, taken for m" in height.why
