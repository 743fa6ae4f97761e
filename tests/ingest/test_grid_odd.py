"""Odd grids: each is mended, and a note of the field says so, or refused with a reason; none is wrong in silence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from data.errors import BadPayload
from data.model import FieldStep, Parsed, Payload
from ingest.grid_files import GridFiles
from ingest.grid_units import scale_to
from ingest.grid_values import record_rain

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LAT, LON = np.array([30.0, 31.0, 32.0]), np.array([100.0, 101.0, 102.0, 103.0])
HOURS = "hours since 2026-03-01 00:00"
FIELD = np.arange(12.0).reshape(3, 4)  # says its own place
Build = Callable[[Any], None]


def payload(path: Path, build: Build, format: str = "NETCDF4") -> bytes:
    file = netCDF4.Dataset(path / "odd.nc", "w", format=format)
    try:
        build(file)
    finally:
        file.close()
    return (path / "odd.nc").read_bytes()


def read(path: Path, build: Build, **options: Any) -> Parsed:
    source = GridFiles.configured({"url": "/data/x.nc", **options})
    return source.parse(Payload(source="grid_files", body=payload(path, build), received_at=NOW, name="odd.nc"))


def coordinate(file: Any, name: str, values: Any, dimension: str = "", **attributes: Any) -> Any:
    dimension = dimension or name
    if dimension not in file.dimensions:
        file.createDimension(dimension, len(values))
    made = file.createVariable(name, np.asarray(values).dtype if len(values) else "f8", (dimension,))
    made.setncatts(attributes)
    made[:] = values
    return made


def grid(
    file: Any, *, lat: Any = LAT, lon: Any = LON, hours: Any = (6.0,), skip: str = "", **attributes: Any
) -> None:
    """Ordinary axes; `lat={...}` and the like in `attributes` replace what a coordinate says of itself."""
    plain = {
        "latitude": {"units": "degrees_north", "standard_name": "latitude"},
        "longitude": {"units": "degrees_east", "standard_name": "longitude"},
        "time": {"units": HOURS, "standard_name": "time"},
    }
    for name, values in (("time", hours), ("latitude", lat), ("longitude", lon)):
        if name != skip:
            coordinate(file, name, np.asarray(values), **attributes.get(name, plain[name]))


def field(
    file: Any, values: Any = FIELD, *, name: str = "t", dims: tuple[str, ...] = ("time", "latitude", "longitude"),
    kind: str = "f8", fill: Any = None, **attributes: Any,
) -> Any:  # fmt: skip
    made = file.createVariable(name, kind, dims, fill_value=fill)
    made.set_auto_maskandscale(False)
    if "standard_name" not in attributes:
        attributes = {"standard_name": "air_temperature", "units": "degC", **attributes}
    made.setncatts({key: value for key, value in attributes.items() if value is not None})
    made[:] = np.broadcast_to(values, made.shape)
    return made


def only(parsed: Parsed) -> FieldStep:
    assert parsed.rejects == ()
    (step,) = parsed.records
    assert isinstance(step, FieldStep)
    return step


def notes(step: Any) -> str:
    return "; ".join(step.attributes.get("notes", []))


def refused(parsed: Parsed) -> str:
    assert parsed.records == ()
    return "; ".join(reject.reason for reject in parsed.rejects)


def test_ordinary_grid_has_no_notes(tmp_path: Path) -> None:
    step = only(read(tmp_path, lambda file: (grid(file), field(file))[0]))
    assert "notes" not in step.attributes
    np.testing.assert_array_equal(step.values, FIELD[::-1])


# ---- places: mended


def exchanged_names(file: Any) -> None:
    """Standard names on the wrong axes, and longitudes past 90 tell which is which."""
    grid(
        file, latitude={"standard_name": "longitude", "units": "degrees_north"},
        longitude={"standard_name": "latitude", "units": "degrees_east"},
    )  # fmt: skip
    field(file)


def exchanged_all(file: Any) -> None:
    """Everything on the wrong axes."""
    coordinate(file, "time", np.array([6.0]), units=HOURS)
    coordinate(file, "lon", LAT, units="degrees_east", standard_name="longitude")
    coordinate(file, "lat", LON, units="degrees_north", standard_name="latitude")
    field(file, dims=("time", "lon", "lat"))


def transposed(file: Any) -> None:
    grid(file)
    field(file, FIELD.T, dims=("time", "longitude", "latitude"))


def along_other_names(file: Any) -> None:
    """One-dimensional coordinates beside dimensions that have none of their own."""
    grid(file, skip="none")
    file.createDimension("y", 3)
    file.createDimension("x", 4)
    coordinate(file, "lat", LAT, "y", units="degrees_north")
    coordinate(file, "lon", LON, "x", units="degrees_east")
    field(file, dims=("time", "y", "x"), coordinates="lat lon")


def radians(file: Any) -> None:
    grid(
        file, lat=np.radians(LAT), lon=np.radians(LON), latitude={"units": "radians", "standard_name": "latitude"},
        longitude={"units": "radian", "standard_name": "longitude"},
    )  # fmt: skip
    field(file)


def gap_in_latitude(file: Any) -> None:
    grid(file, lat=np.array([30.0, 31.0, np.nan, 33.0]), lon=LON[:3])
    field(file, np.arange(12.0).reshape(4, 3))


def cell_by_cell(file: Any) -> None:
    coordinate(file, "time", np.array([6.0]), units=HOURS)
    file.createDimension("y", 3)
    file.createDimension("x", 4)
    for name, values, unit in (("lat2", LAT[:, None], "degrees_north"), ("lon2", LON[None], "degrees_east")):
        made = file.createVariable(name, "f8", ("y", "x"))
        made.units = unit
        made[:] = np.broadcast_to(values, (3, 4))
    field(file, dims=("time", "y", "x"), coordinates="lat2 lon2")


def plain_mapping(file: Any) -> None:
    grid(file, skip="none")
    coordinate(file, "y", LAT)
    coordinate(file, "x", LON)
    file.createVariable("crs", "i4", ()).grid_mapping_name = "latitude_longitude"
    field(file, dims=("time", "y", "x"), grid_mapping="crs")


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (exchanged_names, "longitude and latitude are mixed up"),
        (exchanged_all, "longitude and latitude are mixed up"),
        (transposed, ""), (along_other_names, ""), (radians, "from radians to degrees"),
        (cell_by_cell, "form straight rows and columns"), (plain_mapping, ""),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)  # fmt: skip
def test_odd_axes_end_in_the_same_place(tmp_path: Path, build: Build, told: str) -> None:
    step = only(read(tmp_path, build))
    np.testing.assert_allclose(step.lat, LAT[::-1], atol=1e-9)
    np.testing.assert_allclose(step.lon, LON, atol=1e-9)
    np.testing.assert_array_equal(step.values, FIELD[::-1])
    assert told in notes(step)
    assert bool(told) == bool(notes(step))


def test_missing_latitude_of_an_even_axis_is_filled(tmp_path: Path) -> None:
    step = only(read(tmp_path, gap_in_latitude))
    np.testing.assert_allclose(step.lat, [33, 32, 31, 30])
    assert "1 of 4 values of latitude are missing; it is even" in notes(step)


def test_longitudes_to_360_are_turned_and_told(tmp_path: Path) -> None:
    lon = np.arange(0.0, 361.0, 90.0)

    def build(file: Any) -> None:
        grid(file, lon=lon)
        field(file, np.tile(np.append(lon[:-1], 0) / 10, (3, 1)))

    step = only(read(tmp_path, build))
    np.testing.assert_array_equal(step.lon, [-180, -90, 0, 90])
    np.testing.assert_allclose(step.values[0], [18, 27, 0, 9])
    assert "longitudes 0 to 360 turned" in notes(step)
    assert "the column at 360 repeats the one at 0" in notes(step)


# ---- places: refused


def contradiction(file: Any) -> None:
    grid(file, lon=LON - 90, latitude={"standard_name": "longitude", "units": "degrees_north"})
    field(file)


def both_latitude(file: Any) -> None:
    grid(file, lon=LON - 90, longitude={"units": "degrees_north", "standard_name": "latitude"})
    field(file)


def both_wide(file: Any) -> None:
    grid(file, lat=LAT + 100)
    field(file)


def row_numbers(file: Any) -> None:
    coordinate(file, "time", np.array([6.0]), units=HOURS)
    coordinate(file, "y", np.array([1, 2, 3]), units="1")
    coordinate(file, "longitude", LON, units="degrees_east")
    field(file, dims=("time", "y", "longitude"))


def no_latitude(file: Any) -> None:
    coordinate(file, "time", np.array([6.0]), units=HOURS)
    file.createDimension("lat", 3)
    coordinate(file, "lon", LON, units="degrees_east")
    field(file, dims=("time", "lat", "lon"))


def metres(file: Any) -> None:
    grid(file, lon=LON * 1000, longitude={"units": "m", "standard_name": "longitude"})
    field(file)


def uneven_gap(file: Any) -> None:
    grid(file, lat=np.array([30.0, np.nan, 33.5, 34.0]), lon=LON[:3])
    field(file, np.zeros((4, 3)))


def one_column(file: Any) -> None:
    grid(file, lon=LON[:1])
    field(file, FIELD[:, :1])


def no_columns(file: Any) -> None:
    grid(file, lon=LON[:0])
    file.createVariable("t", "f4", ("time", "latitude", "longitude")).setncatts({"units": "K"})


def no_times(file: Any) -> None:
    grid(file, hours=())
    file.createVariable("t", "f4", ("time", "latitude", "longitude")).setncatts({"units": "K"})


def to_and_fro(file: Any) -> None:
    grid(file, lat=np.array([30.0, 32.0, 31.0]))
    field(file)


def twice_the_same_row(file: Any) -> None:
    grid(file, lat=np.array([30.0, 30.0, 31.0]))
    field(file)


def curved(file: Any) -> None:
    coordinate(file, "time", np.array([6.0]), units=HOURS)
    file.createDimension("y", 3)
    file.createDimension("x", 4)
    for name, values, unit in (
        ("lat2", LAT[:, None] + LON / 50, "degrees_north"),
        ("lon2", LON + LAT[:, None] / 50, "degrees_east"),
    ):
        made = file.createVariable(name, "f8", ("y", "x"))
        made.units = unit
        made[:] = values
    field(file, dims=("time", "y", "x"), coordinates="lat2 lon2")


def contradicts_its_extent(file: Any) -> None:
    file.setncatts(
        {
            f"geospatial_{key}": value
            for key, value in (("lat_min", 10.0), ("lat_max", 14.0), ("lon_min", 29.0), ("lon_max", 33.0))
        }
    )
    grid(file, lon=np.array([10.0, 11.0, 12.0, 13.0]))
    field(file)


def plane(file: Any, step: float, **attributes: Any) -> None:
    coordinate(file, "time", np.array([6.0]), units=HOURS)
    for key in "xy":
        coordinate(file, key, np.arange(5) * step, standard_name=f"projection_{key}_coordinate", **attributes)
    crs = file.createVariable("crs", "i4", ())
    crs.setncatts(
        {
            "grid_mapping_name": "lambert_azimuthal_equal_area",
            "longitude_of_projection_origin": 10.0,
            "latitude_of_projection_origin": 52.0,
        }
    )
    field(file, np.ones((5, 5)), dims=("time", "y", "x"), grid_mapping="crs")


def plane_of_no_unit(file: Any) -> None:
    plane(file, 5.0)


def plane_that_disagrees(file: Any) -> None:
    plane(file, 5000.0, units="m")
    for name, unit in (("lat", "degrees_north"), ("lon", "degrees_east")):
        made = file.createVariable(name, "f8", ("y", "x"))
        made.units = unit
        made[:] = 40.0


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (contradiction, "contradict themselves (latitude: name latitude, standard_name longitude"),
        (both_latitude, "contradict themselves"), (both_wide, "neither can be the latitude"),
        (row_numbers, "latitude is missing: y holds plain numbers"),
        (no_latitude, "latitude is missing: lat has no coordinates"), (metres, "longitude is in 'm'"),
        (uneven_gap, "1 of 4 values of its latitude are missing"), (one_column, "3 x 1 has no cell size"),
        (no_columns, "longitude has no entries"), (no_times, "time has no entries"),
        (to_and_fro, "latitudes are not monotonic"), (twice_the_same_row, "latitudes are not monotonic"),
        (curved, "curved grid"), (contradicts_its_extent, "exchanged with the longitudes"),
        (plane_of_no_unit, "could be metres, kilometres or degrees"), (plane_that_disagrees, "disagree by"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)  # fmt: skip
def test_place_that_is_not_clear_is_refused(tmp_path: Path, build: Build, reason: str) -> None:
    assert reason in refused(read(tmp_path, build))


def test_projection_in_metres_without_a_unit_is_noted(tmp_path: Path) -> None:
    step = only(read(tmp_path, lambda file: plane(file, 5000.0)))
    assert "x has no unit and was taken as metres" in notes(step)
    assert "warped from its projection (laea)" in notes(step)


# ---- units

RAIN = {"standard_name": "precipitation_flux"}


@pytest.mark.parametrize(
    ("unit", "house", "factor", "offset"),
    [
        ("mm/day", "mm/h", 1 / 24, 0), ("mm d-1", "mm/h", 1 / 24, 0), ("mm h-1", "mm/h", 1, 0),
        ("kg m-2 s-1", "mm/h", 3600, 0), ("kg m-2 day-1", "mm/h", 1 / 24, 0), ("kg/m2/s", "mm/h", 3600, 0),
        ("m s-1", "mm/h", 3.6e6, 0), ("0.1 mm", "mm", 0.1, 0), ("10^-3 m", "mm", 1, 0), ("1e-3 m", "mm", 1, 0),
        ("10**-3 m", "mm", 1, 0), ("kg m^-2", "mm", 1, 0), ("inches", "mm", 25.4, 0), ("kelvin", "degC", 1, -273.15),
        ("Kelvin", "degC", 1, -273.15), ("K", "degC", 1, -273.15), ("0.1 K", "degC", 0.1, -273.15),
        ("deg_C", "degC", 1, 0), ("degrees_celsius", "degC", 1, 0), ("degF", "degC", 5 / 9, -160 / 9),
        ("mb", "hPa", 1, 0), ("Pa", "hPa", 0.01, 0), ("m.s-1", "m/s", 1, 0), ("km/h", "m/s", 1 / 3.6, 0),
        ("fraction", "%", 100, 0), ("(0 - 1)", "%", 100, 0),
    ],
)  # fmt: skip
def test_unit_as_files_write_it(unit: str, house: str, factor: float, offset: float) -> None:
    assert scale_to(unit, house) == (pytest.approx(factor, rel=1e-6), pytest.approx(offset, rel=1e-4))


@pytest.mark.parametrize(
    ("unit", "house"), [("mm", "mm/h"), ("mm/3h", "mm/h"), ("K", "mm"), ("MM", "mm"), ("furlongs of rain", "mm")]
)
def test_unit_of_another_thing_or_of_none_is_refused(unit: str, house: str) -> None:
    with pytest.raises(ValueError, match="cannot convert"):
        scale_to(unit, house)


def with_field(values: Any = FIELD, **attributes: Any) -> Build:
    def build(file: Any) -> None:
        grid(file)
        field(file, values, **attributes)

    return build


def test_tenths_of_millimetres_are_not_millimetres(tmp_path: Path) -> None:
    build = with_field(standard_name="precipitation_amount", units="0.1 mm")
    step = only(read(tmp_path, build, intervals={"precipitation": "1 h"}))
    np.testing.assert_allclose(step.values, FIELD[::-1] / 10, rtol=1e-6)
    assert step.accumulation_s == 3600


@pytest.mark.parametrize(
    ("standard", "values", "taken", "first"),
    [
        ("air_temperature", FIELD + 280, "K", 8 + 280 - 273.15),
        ("surface_air_pressure", FIELD + 100_000, "Pa", 1000.08),
        ("air_pressure_at_sea_level", FIELD + 1000, "hPa", 1008.0), ("relative_humidity", FIELD * 8, "%", 64.0),
    ],
)  # fmt: skip
def test_absent_unit_is_taken_where_the_values_leave_one(
    tmp_path: Path, standard: str, values: Any, taken: str, first: float
) -> None:
    step = only(read(tmp_path, with_field(values, standard_name=standard, units=None)))
    assert step.values[0, 0] == pytest.approx(first, rel=1e-5)
    assert f"no unit in the file: the values can only be {taken}" in notes(step)


@pytest.mark.parametrize(
    ("standard", "values"),
    [
        ("air_temperature", FIELD), ("precipitation_flux", FIELD), ("wind_speed", FIELD),
        ("relative_humidity", FIELD / 20), ("air_pressure_at_sea_level", FIELD),
    ],
)  # fmt: skip
def test_absent_unit_that_could_be_another_is_refused_until_named(tmp_path: Path, standard: str, values: Any) -> None:
    build = with_field(values, standard_name=standard, units=None)
    assert "it gives no unit, and the values do not tell it" in refused(read(tmp_path, build))
    if standard == "wind_speed":
        step = only(read(tmp_path, build, units={"wind_speed": "km/h"}))
        np.testing.assert_allclose(step.values, FIELD[::-1] / 3.6, rtol=1e-6)


def test_operator_s_unit_goes_before_the_file_s(tmp_path: Path) -> None:
    build = with_field(FIELD, units="kelvin")
    assert "are impossible for air_temperature: its unit or scale must be wrong" in refused(read(tmp_path, build))
    step = only(read(tmp_path, build, units={"air_temperature": "degC"}))
    np.testing.assert_array_equal(step.values, FIELD[::-1])
    assert "the file says 'kelvin'; the feed's settings say 'degC'" in notes(step)


@pytest.mark.parametrize(
    ("standard", "unit", "values"),
    [
        ("air_temperature", "degC", FIELD + 280), ("air_pressure_at_sea_level", "Pa", FIELD + 1000),
        ("precipitation_amount", "m", FIELD * 40), ("precipitation_amount", "mm", -FIELD - 1),
        ("wind_speed", "km s-1", FIELD + 3),
    ],
    ids=["kelvin called degC", "hPa called Pa", "mm called m", "amounts with the wrong sign", "m/s called km/s"],
)  # fmt: skip
def test_values_that_cannot_be_in_their_unit_are_refused(
    tmp_path: Path, standard: str, unit: str, values: Any
) -> None:
    parsed = read(
        tmp_path, with_field(values, standard_name=standard, units=unit), intervals={"precipitation": "1 h"}
    )
    assert "must be wrong" in refused(parsed) or "no amount" in refused(parsed)


def test_envelope_of_rain_lies_above_the_world_s_records() -> None:
    """Measured extremes, WMO World Weather and Climate Extremes Archive: Barot, Holt, Foc-Foc, Cherrapunji."""
    for seconds, depth in ((60, 38.0), (42 * 60, 305.0), (24 * 3600, 1825.0), (96 * 3600, 4936.0)):
        assert depth < record_rain(seconds) < 4 * depth


# ---- fill values that nobody declared


@pytest.mark.parametrize("fill", [-9999.0, -999.0, 9.96921e36, 1e20, 9999.0, -32768.0], ids=str)
@pytest.mark.parametrize("standard", ["air_temperature", "eastward_wind", "kinetic_thing"])
def test_undeclared_fill_is_missing_and_named(tmp_path: Path, fill: float, standard: str) -> None:
    values = FIELD.copy()
    values[0, :2] = fill
    unit = "degC" if standard == "air_temperature" else "m s-1"
    step = only(read(tmp_path, with_field(values, standard_name=standard, units=unit)))
    assert np.isnan(step.values).sum() == 2
    np.testing.assert_array_equal(step.values[:2], FIELD[:0:-1])
    assert "in 2 cells is no value: undeclared fill, made missing" in notes(step)


def test_fill_of_packed_numbers_is_found_in_what_it_unpacks_to(tmp_path: Path) -> None:
    packed = (FIELD * 100).astype("i2")
    packed[2, 3] = 32767
    build = with_field(
        packed, kind="i2", scale_factor=0.01, add_offset=0.0, standard_name="eastward_wind", units="m/s"
    )
    step = only(read(tmp_path, build))
    assert np.isnan(step.values[0, 3])
    assert np.isfinite(step.values).sum() == 11
    assert "327.67 in 1 cells is no value" in notes(step)


def test_number_that_may_be_a_fill_or_a_value_is_refused(tmp_path: Path) -> None:
    values = FIELD * 180 - 600.0  # from -600 to 1380: -999 is outside, but not far
    values[0, 0] = -999.0
    build = with_field(values, name="anomaly", standard_name="strange", units="1")
    assert "-999 in 1 cells may be a value or a fill value" in refused(read(tmp_path, build))


def test_usual_fill_among_values_is_a_value(tmp_path: Path) -> None:
    def build(file: Any) -> None:
        grid(file, lat=np.arange(10.0), lon=np.arange(20.0))
        field(file, np.linspace(-1100.0, -999.0, 200).reshape(10, 20), standard_name="strange", units="m")

    assert np.isfinite(only(read(tmp_path, build)).values).all()


def test_code_of_far_sight_is_no_fill(tmp_path: Path) -> None:
    values = np.where(FIELD < 3, FIELD * 100, 9999.0)
    step = only(read(tmp_path, with_field(values, standard_name="visibility_in_air", units="m")))
    assert np.isfinite(step.values).all()


def test_two_fill_values_and_attributes_written_as_text(tmp_path: Path) -> None:
    values = FIELD.copy()
    values[0, 0], values[0, 1] = -1.0, -7777.0
    build = with_field(values, fill=-1.0, missing_value="-7777")
    step = only(read(tmp_path, build))
    assert np.isnan(step.values).sum() == 2
    assert "missing_value is written as text ('-7777')" in notes(step)


@pytest.mark.parametrize("scale", ["0,1", 0.0, np.nan], ids=str)
def test_scale_that_gives_no_values_is_refused_and_others_go_on(tmp_path: Path, scale: Any) -> None:
    def build(file: Any) -> None:
        grid(file)
        field(file, name="bad", scale_factor=scale)
        field(file, name="good")

    parsed = read(tmp_path, build)
    assert len(parsed.records) == 1
    assert parsed.rejects[0].id == "bad"
    assert "scale_factor" in parsed.rejects[0].reason


def test_values_outside_the_declared_valid_range_are_missing(tmp_path: Path) -> None:
    packed = FIELD.astype("i2")
    build = with_field(packed, kind="i2", scale_factor=0.5, add_offset=0.0, valid_range=np.array([0, 9], "i2"))
    step = only(read(tmp_path, build))
    assert np.nanmax(step.values) == 4.5
    assert "2 values are outside the valid range that the file declares" in notes(step)


def test_field_of_nothing_is_kept_and_says_so(tmp_path: Path) -> None:
    step = only(read(tmp_path, with_field(np.full((3, 4), np.nan))))
    assert np.isnan(step.values).all()
    assert "no cell holds a value" in notes(step)


def test_number_too_large_for_single_precision_is_missing(tmp_path: Path) -> None:
    values = FIELD.copy()
    values[0, 0] = 1e300
    assert np.isnan(only(read(tmp_path, with_field(values))).values[2, 0])


# ---- times


def test_duplicate_and_disordered_times(tmp_path: Path) -> None:
    def build(file: Any) -> None:
        grid(file, hours=[3.0, 1.0, 2.0, 2.0, 3.0])
        field(file, np.array([3.0, 1.0, 2.0, 5.0, 3.0])[:, None, None])

    parsed = read(tmp_path, build)
    kept = {step.valid_at.hour: step for step in parsed.records if isinstance(step, FieldStep)}
    assert sorted(kept) == [1, 3]
    assert "given 2 times in this file with the same values" in notes(kept[3])
    assert "the times of the file are not in order" in notes(kept[1])
    assert [reject.reason.split(":")[0] for reject in parsed.rejects] == [
        "given 2 times in this file with different values"
    ] * 2


def test_step_left_out_is_told_on_the_next(tmp_path: Path) -> None:
    def build(file: Any) -> None:
        grid(file, hours=[1.0, 2.0, 3.0, 6.0, 7.0, 10.0, 13.0, 16.0])
        field(file, np.zeros((8, 1, 1)))

    steps = read(tmp_path, build).records
    told = [step.valid_at.hour for step in steps if "are not in this file" in notes(step)]  # type: ignore[union-attr]
    assert told == [6]  # and not the change of rhythm at 10
    assert "2 steps between 2026-03-01 03:00Z and 2026-03-01 06:00Z" in notes(steps[3])


def test_missing_time_costs_its_step_only(tmp_path: Path) -> None:
    def build(file: Any) -> None:
        grid(file, hours=[1.0, np.nan, 3.0])
        field(file, np.zeros((3, 1, 1)))

    parsed = read(tmp_path, build)
    assert len(parsed.records) == 2
    assert [reject.reason for reject in parsed.rejects] == ["its time is missing"]


@pytest.mark.parametrize("calendar", ["360_day", "noleap"])
def test_calendar_of_no_world_is_refused(tmp_path: Path, calendar: str) -> None:
    def build(file: Any) -> None:
        grid(file, time={"units": "days since 2026-02-01", "calendar": calendar})
        field(file)

    assert f"{calendar} calendar" in refused(read(tmp_path, build))


@pytest.mark.parametrize(
    "unit", ["months since 2026-01-01", "hours since yesterday", "day as %Y%m%d.%f", "hours", ""]
)
def test_time_in_a_unit_that_is_none_is_refused(tmp_path: Path, unit: str) -> None:
    def build(file: Any) -> None:
        grid(file, time={"units": unit} if unit else {"long_name": "time"})
        field(file)

    reason = refused(read(tmp_path, build))
    assert "decode time units" in reason or "where 'hours since' a date is needed" in reason or "no unit" in reason


def test_zone_in_the_start_of_a_time_axis_counts(tmp_path: Path) -> None:
    def build(file: Any) -> None:
        grid(file, time={"units": "hours since 2026-03-01 08:00 +08:00"})
        field(file)

    assert only(read(tmp_path, build)).valid_at == datetime(2026, 3, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "hour"), [("2026-03-01T14:00+08:00", 6), ("2026-03-01 14:00", None), ("soon", None)]
)
def test_times_as_text_need_their_zone(tmp_path: Path, text: str, hour: int | None) -> None:
    def build(file: Any) -> None:
        grid(file, skip="time")
        file.createDimension("time", 1)
        file.createVariable("time", str, ("time",))[0] = text
        field(file)

    parsed = read(tmp_path, build)
    if hour is None:
        assert "has no zone, or is no time" in refused(parsed)
    else:
        assert only(parsed).valid_at.hour == hour
        assert "written as text" in notes(only(parsed))


def test_lead_times_beside_their_valid_times(tmp_path: Path) -> None:
    """As cfgrib writes a run: a scalar `time` that is the run, a `step`, and valid times along it."""

    def build(file: Any) -> None:
        grid(file, skip="time")
        coordinate(file, "step", np.array([3.0, 6.0]), units="hours", standard_name="forecast_period")
        coordinate(file, "valid_time", np.array([3.0, 6.0]), "step", units=HOURS, standard_name="time")
        run = file.createVariable("time", "f8", ())
        run.setncatts({"units": HOURS, "standard_name": "forecast_reference_time"})
        run[...] = 0.0
        amounts = np.array([0.002, 0.005])[:, None, None]
        dims = ("step", "latitude", "longitude")
        field(file, amounts, name="tp", dims=dims, units="m", standard_name="unknown", coordinates="valid_time time")

    first, second = read(tmp_path, build).records
    assert isinstance(first, FieldStep) and isinstance(second, FieldStep)
    assert first.forecast
    assert (first.run_at.hour, first.valid_at.hour, first.accumulation_s, second.accumulation_s) == (
        0,
        3,
        10_800,
        21_600,
    )
    np.testing.assert_allclose(second.values, 5.0, rtol=1e-6)


# ---- dimensions


def level_grid(file: Any, levels: Any, **attributes: Any) -> None:
    grid(file)
    coordinate(file, "level", np.asarray(levels), **attributes)
    field(file, np.arange(float(len(levels)))[:, None, None], dims=("time", "level", "latitude", "longitude"))


def test_levels_become_quantities(tmp_path: Path) -> None:
    parsed = read(tmp_path, lambda file: level_grid(file, [85_000.0, 50_000.0], units="Pa", axis="Z"))
    assert [step.quantity for step in parsed.records] == ["air_temperature_850hpa", "air_temperature_500hpa"]  # type: ignore[union-attr]
    assert [float(step.values[0, 0]) for step in parsed.records] == [0.0, 1.0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "value", "unit", "suffix"),
    [
        ("isobaricInhPa", 850.0, "hPa", "_850hpa"), ("height", 2.0, "m", ""), ("height", 100.0, "m", "_100m"),
        ("depth", 0.1, "m", "_depth_0p1m"), ("soil_layer", 2.0, "", "_soil_layer_2"),
    ],
)  # fmt: skip
def test_scalar_level_is_in_the_name(tmp_path: Path, name: str, value: float, unit: str, suffix: str) -> None:
    def build(file: Any) -> None:
        grid(file)
        level = file.createVariable(name, "f8", ())
        level.units = unit
        level[...] = value
        field(file, coordinates=name)

    assert only(read(tmp_path, build)).quantity == f"air_temperature{suffix}"


def test_dimension_of_one_is_dropped_and_of_more_refused(tmp_path: Path) -> None:
    def build(file: Any) -> None:
        grid(file)
        for name, count in (("band", 1), ("expver", 2)):
            coordinate(file, name, np.arange(count))
            field(file, name=f"t_{name}", dims=("time", name, "latitude", "longitude"))

    parsed = read(tmp_path, build)
    (step,) = parsed.records
    assert "dimension band of length 1 dropped" in notes(step)
    assert [reject.reason for reject in parsed.rejects] == ["dimension expver of 2 beside time and place is not read"]


def test_bounds_and_cell_coordinates_are_no_fields(tmp_path: Path) -> None:
    def build(file: Any) -> None:
        grid(file)
        file.createDimension("nv", 2)
        file.createVariable("lat_bnds", "f8", ("latitude", "nv"))[:] = 30.0
        field(file)

    assert only(read(tmp_path, build)).quantity == "air_temperature"


def test_variables_inside_a_group_are_read(tmp_path: Path) -> None:
    def build(file: Any) -> None:
        inner = file.createGroup("Grid")
        grid(inner)
        field(inner, FIELD.T, dims=("time", "longitude", "latitude"), standard_name="rainfall_rate", units="mm/hr")

    step = only(read(tmp_path, build))
    assert step.quantity == "precipitation_rate"
    np.testing.assert_array_equal(step.values, FIELD[::-1])


# ---- amounts


def totals(file: Any, amounts: Any, *, hours: Any = (1.0, 2.0, 3.0)) -> None:
    grid(file, hours=hours)
    run = file.createVariable("forecast_reference_time", "f8", ())
    run.setncatts({"units": HOURS, "standard_name": "forecast_reference_time"})
    run[...] = 0.0
    field(file, np.asarray(amounts), standard_name="precipitation_amount", units="kg m-2")


def test_total_that_falls_is_told_and_marked(tmp_path: Path) -> None:
    amounts = np.ones((3, 3, 4)) * np.array([5.0, 9.0, 12.0])[:, None, None]
    amounts[2, 0, :2] = 0.5
    steps = read(tmp_path, lambda file: totals(file, amounts)).records
    assert [step.attributes.get("accumulation_reset", False) for step in steps] == [False, False, True]  # type: ignore[union-attr]
    assert "lower than at 2026-03-01 02:00Z in 2 of 12 cells, by up to 8.5 mm: it was begun anew" in notes(steps[2])
    np.testing.assert_array_equal(steps[2].values[2, :2], 0.5)  # type: ignore[union-attr] # kept as it came


def test_total_that_falls_by_rounding_is_only_told(tmp_path: Path) -> None:
    amounts = np.array([5.0, 4.95, 4.5])[:, None, None]
    steps = read(tmp_path, lambda file: totals(file, amounts)).records
    assert notes(steps[1]) == ""
    assert "in 12 of 12 cells, by up to 0.45 mm" in notes(steps[2])
    assert "accumulation_reset" not in steps[2].attributes  # type: ignore[union-attr]


def test_small_negative_amounts_are_none_and_large_ones_missing(tmp_path: Path) -> None:
    amounts = FIELD.copy()
    amounts[0, :3] = [-0.05, -0.1, -3.0]
    step = only(read(tmp_path, lambda file: totals(file, amounts, hours=(1.0,))))
    np.testing.assert_array_equal(step.values[2], [0.0, 0.0, np.nan, 3.0])
    assert "negative amounts down to -0.1 mm in 2 cells set to 0" in notes(step)
    assert "negative amounts down to -3 mm in 1 cells made missing" in notes(step)


def test_amount_over_nobody_knows_how_long_is_refused(tmp_path: Path) -> None:
    build = with_field(standard_name="precipitation_amount", units="mm")
    assert "does not say over how long" in refused(read(tmp_path, build))


def test_rain_beyond_the_world_s_record_is_missing(tmp_path: Path) -> None:
    amounts = np.full((30, 40), 5.0)
    amounts[3, 3] = 900.0

    def build(file: Any) -> None:
        grid(file, lat=np.arange(30.0), lon=np.arange(40.0))
        field(file, amounts, standard_name="precipitation_amount", units="mm")

    step = only(read(tmp_path, build, intervals={"precipitation": "1 h"}))
    assert np.isnan(step.values).sum() == 1
    assert "1 of 1200 values (900 to 900 mm) are impossible for precipitation: made missing" in notes(step)


def test_hostile_bytes_in_headers_never_escape_as_other_errors(tmp_path: Path) -> None:
    body = payload(tmp_path, with_field(), "NETCDF3_CLASSIC")
    rng = np.random.default_rng(7)
    for _ in range(80):
        damaged = bytearray(body)
        for place in rng.integers(4, min(len(body), 700), 3):
            damaged[place] ^= 1 << int(rng.integers(0, 8))
        source = GridFiles.configured({"url": "/data/x.nc"})
        try:
            parsed = source.parse(Payload(source="grid_files", body=bytes(damaged), received_at=NOW, name="odd.nc"))
        except BadPayload:
            continue
        assert len(parsed.records) + len(parsed.rejects) >= 1
