"""Grid files: messages made here with known numbers, and every recorded GRIB and NetCDF file."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import psycopg  # noqa: F401 - before ecCodes too: in the other order the process crashes at its end
import pyproj
import pytest

from data.errors import BadPayload, ConfigError, Refused
from data.model import FieldStep, Parsed, Payload
from data.store.engine import Store
from data.store.fields import FieldSink, find_steps, open_step
from data.store.sink import Counts, PutContext
from ingest.grib_messages import split_messages
from ingest.grid_files import GridFiles
from ingest.grid_libraries import load_decoder
from ingest.grid_warp import Projected, plan_target, proj_from_cf, rotated_pole

eccodes = load_decoder("eccodes")

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BASE = {
    "Ni": 8, "Nj": 6, "latitudeOfFirstGridPointInDegrees": 45, "longitudeOfFirstGridPointInDegrees": 10,
    "latitudeOfLastGridPointInDegrees": 40, "longitudeOfLastGridPointInDegrees": 17,
    "iDirectionIncrementInDegrees": 1, "jDirectionIncrementInDegrees": 1, "dataDate": 20260301, "dataTime": 600,
}  # fmt: skip


def grib(
    values: np.ndarray | None = None, *, edition: int = 2, short_name: str = "2t", missing: float | None = None,
    sample: str = "regular_ll_sfc", **keys: Any,
) -> bytes:  # fmt: skip
    """One GRIB message."""
    values = np.arange(48.0) + 273.15 if values is None else values
    handle = eccodes.codes_grib_new_from_samples(f"{sample}_grib{edition}")
    try:
        # The order matters to the library: the template first, then the parameter, the bitmap before the values.
        for key in ("productDefinitionTemplateNumber",):
            if key in keys:
                eccodes.codes_set(handle, key, keys.pop(key))
        for key, value in {**BASE, "shortName": short_name, **keys}.items():
            eccodes.codes_set(handle, key, value)
        eccodes.codes_set(handle, "packingType", "grid_simple")
        eccodes.codes_set(handle, "bitsPerValue", 24)
        if missing is not None:
            eccodes.codes_set(handle, "bitmapPresent", 1)
            eccodes.codes_set(handle, "missingValue", missing)
        eccodes.codes_set_values(handle, np.asarray(values, float).ravel())
        return bytes(eccodes.codes_get_message(handle))
    finally:
        eccodes.codes_release(handle)


def read(body: bytes, name: str = "", **options: Any) -> Parsed:
    source = GridFiles.configured({"url": "/data/x.grib2", **options})
    return source.parse(Payload(source="grid_files", body=body, received_at=NOW, name=name))


def only(parsed: Parsed) -> FieldStep:
    assert parsed.rejects == ()
    (step,) = parsed.records
    assert isinstance(step, FieldStep)
    return step


# ---- GRIB: times, units, names


@pytest.mark.parametrize("edition", [1, 2])
def test_temperature_is_read_in_celsius_north_up(edition: int) -> None:
    step = only(read(grib(edition=edition)))
    assert (step.quantity, step.unit) == ("air_temperature", "degC")
    np.testing.assert_allclose(step.values, np.arange(48.0).reshape(6, 8), atol=1e-4)
    np.testing.assert_allclose(step.lon, np.arange(10.0, 18.0))
    np.testing.assert_allclose(step.lat, np.arange(45.0, 39.0, -1.0))
    assert step.valid_at == step.run_at == datetime(2026, 3, 1, 6, tzinfo=UTC)
    assert not step.forecast


PRECIPITATION: list[tuple[str, Mapping[str, Any], float, tuple[str, str, float, int, int]]] = [
    ("metres since the start, GRIB1", {"edition": 1, "short_name": "tp", "stepRange": "12"}, 0.05,
     ("precipitation", "mm", 50.0, 12, 43_200)),
    ("metres over an interval", {"short_name": "tp", "stepRange": "6-12"}, 0.05,
     ("precipitation", "mm", 50.0, 12, 21_600)),
    ("rate in kg m-2 s-1", {"short_name": "prate", "stepRange": "3"}, 0.001,
     ("precipitation_rate", "mm/h", 3.6, 3, 0)),
    ("pressure in Pa", {"short_name": "prmsl", "stepRange": "3"}, 101_325.0, ("pressure_msl", "hPa", 1013.25, 3, 0)),
    ("a level in the name", {"short_name": "t", "typeOfLevel": "isobaricInhPa", "level": 850, "stepRange": "3"},
     273.15, ("air_temperature_850hpa", "degC", 0.0, 3, 0)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "value", "expected"), [case[1:] for case in PRECIPITATION], ids=[case[0] for case in PRECIPITATION]
)
def test_parameter_becomes_house_quantity(keys: Mapping[str, Any], value: float, expected: tuple[Any, ...]) -> None:
    step = only(read(grib(np.full(48, value), **keys)))
    quantity, unit, converted, hours, interval_s = expected
    assert (step.quantity, step.unit, step.accumulation_s) == (quantity, unit, interval_s)
    np.testing.assert_allclose(step.values, converted, rtol=1e-5, atol=1e-4)
    assert step.valid_at - step.run_at == timedelta(hours=hours)
    assert step.forecast == (hours > 0)


def test_step_in_minutes() -> None:
    step = only(read(grib(indicatorOfUnitOfTimeRange=0, forecastTime=90)))
    assert step.valid_at - step.run_at == timedelta(minutes=90)


def test_unknown_parameter_is_kept_under_its_numbers() -> None:
    body = grib(np.arange(48.0), discipline=0, parameterCategory=19, parameterNumber=233, short_name="2t")
    handle = eccodes.codes_new_from_message(body)
    eccodes.codes_set(handle, "parameterCategory", 19)
    eccodes.codes_set(handle, "parameterNumber", 233)
    body = bytes(eccodes.codes_get_message(handle))
    eccodes.codes_release(handle)
    step = only(read(body))
    assert step.quantity.startswith("grib_0_19_233")
    np.testing.assert_allclose(step.values.ravel(), np.arange(48.0), atol=1e-4)
    assert only(read(body, quantities={step.quantity: "house_name"})).quantity == "house_name"
    assert read(body, quantities={step.quantity: ""}).rejects[0].reason == "left out by configuration"


def test_ensemble_member_control_and_probability_never_share_a_name() -> None:
    member = {"productDefinitionTemplateNumber": 1, "numberOfForecastsInEnsemble": 51}
    control, third = grib(**member, perturbationNumber=0), grib(**member, perturbationNumber=3)
    probability = grib(
        np.full(48, 40.0), productDefinitionTemplateNumber=5, probabilityType=1, scaleFactorOfUpperLimit=0,
        scaledValueOfUpperLimit=300,
    )  # fmt: skip
    parsed = read(control + third + probability)
    assert [step.quantity for step in parsed.records] == ["air_temperature", "air_temperature_probability_above_300"]
    assert parsed.records[1].unit == "%"
    assert parsed.records[1].values[0, 0] == 40.0
    assert "ensemble member 3" in parsed.rejects[0].reason
    kept = read(control + third, members="all").records
    assert [step.quantity for step in kept] == ["air_temperature", "air_temperature_member_3"]


# ---- GRIB: grids


@pytest.mark.parametrize("mode", [0, 64, 128, 192, 16, 32], ids=lambda mode: f"scanning mode {mode}")
def test_scanning_modes_end_north_up_and_eastward(mode: int) -> None:
    field = np.add.outer(np.arange(45.0, 39.0, -1.0) * 100, np.arange(10.0, 18.0))  # says its own place
    written = field[::-1] if mode & 64 else field
    written = written[:, ::-1] if mode & 128 else written
    if mode & 16:
        written = written.copy()
        written[1::2] = written[1::2, ::-1]
    south, north = (40, 45) if mode & 64 else (45, 40)
    west, east = (17, 10) if mode & 128 else (10, 17)
    corners = {
        "latitudeOfFirstGridPointInDegrees": south, "latitudeOfLastGridPointInDegrees": north,
        "longitudeOfFirstGridPointInDegrees": west, "longitudeOfLastGridPointInDegrees": east,
    }  # fmt: skip
    flags = {
        "iScansNegatively": int(bool(mode & 128)), "jScansPositively": int(bool(mode & 64)),
        "jPointsAreConsecutive": int(bool(mode & 32)), "alternativeRowScanning": int(bool(mode & 16)),
    }  # fmt: skip
    file_order = written.T if mode & 32 else written
    step = only(read(grib(file_order.ravel(), short_name="gh", **corners, **flags)))
    np.testing.assert_allclose(step.values, np.add.outer(step.lat * 100, step.lon), rtol=1e-5)
    assert (step.lat[0], step.lon[0]) == (45.0, 10.0)


def test_longitudes_past_180_are_moved_with_their_values() -> None:
    keys = {"longitudeOfFirstGridPointInDegrees": 176, "longitudeOfLastGridPointInDegrees": 183}
    step = only(read(grib(np.tile(np.arange(176.0, 184.0), 6), short_name="gh", **keys)))
    np.testing.assert_allclose(step.lon, [-180, -179, -178, -177, 176, 177, 178, 179])
    np.testing.assert_allclose(step.values[0], step.lon % 360, rtol=1e-5)


def test_wrong_increment_is_not_believed() -> None:
    step = only(read(grib(iDirectionIncrementInDegrees=2, jDirectionIncrementInDegrees=3)))
    assert (step.lon[-1], step.lat[-1]) == (17.0, 40.0)


def test_bitmap_and_infinity_are_missing_not_zero() -> None:
    values = np.arange(48.0) + 280
    values[[0, 7, 40]] = -9999
    step = only(read(grib(values, missing=-9999.0)))
    assert np.isnan(step.values).sum() == 3
    assert np.isnan(step.values[0, [0, 7]]).all()


def test_impossible_values_are_missing_and_told() -> None:
    values = np.arange(48.0) + 273.15
    values[:12] = 900.0
    step = only(read(grib(values)))
    assert np.isnan(step.values).sum() == 12
    assert step.attributes["impossible_share"] == 0.25
    assert step.attributes["impossible_to"] == pytest.approx(900 - 273.15, abs=0.1)
    assert "12 of 48 values (626.85 to 626.85 degC) are impossible for air_temperature" in step.attributes["notes"][0]


def test_single_point_and_unstructured_grid_are_rejected_with_a_reason() -> None:
    point = grib(
        np.array([280.0]), Ni=1, Nj=1, latitudeOfLastGridPointInDegrees=45, longitudeOfLastGridPointInDegrees=10
    )  # fmt: skip
    parsed = read(point + grib())
    assert len(parsed.records) == 1
    assert "station, not a field" in parsed.rejects[0].reason


def test_rotated_grid_is_warped_to_its_place() -> None:
    keys = {"latitudeOfSouthernPoleInDegrees": -43.0, "longitudeOfSouthernPoleInDegrees": 10.0}
    corners = {
        "Ni": 41, "Nj": 41, "latitudeOfFirstGridPointInDegrees": 2, "longitudeOfFirstGridPointInDegrees": -2,
        "latitudeOfLastGridPointInDegrees": -2, "longitudeOfLastGridPointInDegrees": 2,
        "iDirectionIncrementInDegrees": 0.1, "jDirectionIncrementInDegrees": 0.1,
    }  # fmt: skip
    body = grib(np.zeros(41 * 41), short_name="gh", sample="rotated_ll_sfc", **corners, **keys)
    handle = eccodes.codes_new_from_message(body)
    lat, lon = eccodes.codes_get_array(handle, "latitudes"), eccodes.codes_get_array(handle, "longitudes")
    eccodes.codes_set_values(handle, lat * 1000 + (lon + 180) % 360 - 180)  # each cell says where it is
    body = bytes(eccodes.codes_get_message(handle))
    eccodes.codes_release(handle)
    step = only(read(body))
    expected = np.add.outer(step.lat * 1000, step.lon)
    inside = ~np.isnan(step.values)
    assert inside.mean() > 0.8
    inner = inside & np.roll(inside, 2, 0) & np.roll(inside, -2, 0) & np.roll(inside, 2, 1) & np.roll(inside, -2, 1)
    assert np.abs(step.values - expected)[inner].max() < 20  # 0.02 degrees of latitude: a fifth of a cell
    assert abs(step.lat.mean() - 47.0) < 0.2  # the point (0, 0) of this grid is 47 N 10 E
    assert abs(step.lon.mean() - 10.0) < 0.2


# ---- GRIB: damage


def test_damaged_message_is_named_and_the_rest_goes_on() -> None:
    first, second, third = grib(), grib(stepRange="3"), grib(stepRange="6")
    broken = second[:-4] + b"xxxx"
    parsed = read(first + broken + third)
    assert [step.valid_at.hour for step in parsed.records] == [6, 12]
    assert [reject.id for reject in parsed.rejects] == ["message 2"]
    assert "damaged" in parsed.rejects[0].reason


def test_truncated_file_keeps_what_is_whole() -> None:
    parsed = read(grib() + grib(stepRange="3")[:-60])
    assert len(parsed.records) == 1
    assert [reject.reason.split(": ")[1] for reject in parsed.rejects] == ["truncated"]


def test_heading_and_padding_around_messages_are_skipped() -> None:
    parsed = read(b"\r\r\nHTXE85 ECMF 010600\r\r\n" + grib() + b"\0" * 100 + grib(stepRange="3") + b"\r\n")
    assert len(parsed.records) == 2


def test_several_fields_in_one_message_become_steps() -> None:
    one, two = grib(np.full(48, 280.0)), grib(np.full(48, 290.0), stepRange="3")
    sections = [_sections(one), _sections(two)]
    inner = b"".join(sections[0][key] for key in sorted(sections[0]))
    inner += b"".join(sections[1][key] for key in (4, 5, 6, 7))
    packed = one[:8] + (16 + len(inner) + 4).to_bytes(8, "big") + inner + b"7777"
    parsed = read(packed)
    assert [round(float(step.values[0, 0]), 2) for step in parsed.records] == [6.85, 16.85]
    assert [step.valid_at.hour for step in parsed.records] == [6, 9]


def _sections(message: bytes) -> dict[int, bytes]:
    found, place = {}, 16
    while place < len(message) - 4:
        length = int.from_bytes(message[place : place + 4], "big")
        found[message[place + 4]] = message[place : place + length]
        place += length
    return found


def test_same_field_twice_is_stored_once_and_told() -> None:
    parsed = read(grib() + grib())
    assert only(parsed).attributes["notes"] == ["given 2 times in this file with the same values"]


def test_same_field_twice_with_other_values_is_refused_whole() -> None:
    parsed = read(grib() + grib(np.full(48, 280.0)) + grib(stepRange="3"))
    assert [step.valid_at.hour for step in parsed.records] == [9]
    assert len(parsed.rejects) == 2
    assert all("nobody can tell which holds" in reject.reason for reject in parsed.rejects)


def test_bit_flips_never_escape_as_other_errors() -> None:
    body = grib(missing=-9999.0) + grib(stepRange="3")
    rng = np.random.default_rng(5)
    for _ in range(60):
        damaged = bytearray(body)
        for place in rng.integers(0, 40, 2):  # heads and sections, not the packed data
            damaged[place] ^= 1 << int(rng.integers(0, 8))
        try:
            parsed = read(bytes(damaged))
        except BadPayload:
            continue
        assert len(parsed.records) + len(parsed.rejects) >= 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<!DOCTYPE html><html>log in</html>", "neither GRIB nor NetCDF"),
        (b"", "neither GRIB nor NetCDF"),
        (b"\x1f\x8b\x08\x00broken", "gzip cannot be unpacked"),
        (b"\xfd7zXZ\x00broken", "xz cannot be unpacked"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 64, "NetCDF library refuses"),
        (b"CDF\x01" + b"\xff" * 64, "NetCDF library refuses"),
    ],
    ids=["login page", "empty", "gzip", "xz", "hdf", "classic netcdf"],
)
def test_useless_payload_is_bad_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        read(body)


@pytest.mark.parametrize("wrap", [gzip.compress, lzma.compress, bz2.compress], ids=["gzip", "xz", "bzip2"])
def test_compressed_files_are_unwrapped(wrap: Any) -> None:
    assert only(read(wrap(grib()))).quantity == "air_temperature"


def test_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.grid_files.UNPACKED_MAX", 1 << 20)
    with pytest.raises(BadPayload, match="unpacks to more"):
        read(gzip.compress(b"GRIB" + b"\0" * (4 << 20)))


def test_too_many_cells_are_rejected_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.grid_files.CELLS_MAX", 100)
    parsed = read(grib() + grib(stepRange="3") + grib(stepRange="6"))
    assert (len(parsed.records), len(parsed.rejects)) == (2, 1)
    assert "name the wanted quantities" in parsed.rejects[0].reason


# ---- NetCDF


def netcdf(path: Path, build: Any, format: str = "NETCDF4") -> bytes:
    file = netCDF4.Dataset(path, "w", format=format)
    try:
        build(file)
    finally:
        file.close()
    return path.read_bytes()


def axes(file: Any, lat: np.ndarray, lon: np.ndarray, hours: list[float]) -> None:
    for name, values, unit in (
        ("latitude", lat, "degrees_north"), ("longitude", lon, "degrees_east"),
        ("time", hours, "hours since 2026-03-01 00:00"),
    ):  # fmt: skip
        file.createDimension(name, len(values))
        variable = file.createVariable(name, "f8", (name,))
        variable.units = unit
        variable.standard_name = name
        variable[:] = values


@pytest.mark.parametrize("format", ["NETCDF4", "NETCDF4_CLASSIC", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET"])
def test_netcdf_with_cf_names(tmp_path: Path, format: str) -> None:
    def build(file: Any) -> None:
        axes(file, np.array([30.0, 31.0, 32.0]), np.array([200.0, 201.0]), [6.0, 7.0])
        file["time"].bounds = "time_bounds"
        file.createDimension("two", 2)
        file.createVariable("time_bounds", "f8", ("time", "two"))[:] = [[5, 6], [6, 7]]
        rain = file.createVariable("rain", "i2", ("time", "latitude", "longitude"), fill_value=-1)
        rain.standard_name, rain.units, rain.scale_factor = "precipitation_amount", "kg m-2", 0.5
        rain.set_auto_maskandscale(False)
        rain[:] = np.arange(12).reshape(2, 3, 2)
        rain[0, 0, 0] = -1

    parsed = read(netcdf(tmp_path / "rain.nc", build, format))
    assert parsed.rejects == ()
    first, second = parsed.records
    assert (first.quantity, first.unit, first.accumulation_s) == ("precipitation", "mm", 3600)
    assert first.valid_at == datetime(2026, 3, 1, 6, tzinfo=UTC)
    np.testing.assert_allclose(first.lon, [-160.0, -159.0])
    np.testing.assert_allclose(first.lat, [32.0, 31.0, 30.0])
    np.testing.assert_allclose(first.values, [[2.0, 2.5], [1.0, 1.5], [np.nan, 0.5]])
    np.testing.assert_allclose(second.values[0], [5.0, 5.5])


def test_netcdf_forecast_reference_time_makes_a_forecast(tmp_path: Path) -> None:
    def build(file: Any) -> None:
        axes(file, np.array([30.0, 31.0]), np.array([10.0, 11.0]), [6.0])
        run = file.createVariable("forecast_reference_time", "f8", ())
        run.units, run.standard_name = "hours since 2026-03-01 00:00", "forecast_reference_time"
        run[...] = 0.0
        gust = file.createVariable("g", "f4", ("time", "latitude", "longitude"))
        gust.standard_name, gust.units = "wind_speed_of_gust", "km/h"
        gust[:] = 36.0

    step = only(read(netcdf(tmp_path / "gust.nc", build)))
    assert step.forecast
    assert step.run_at == datetime(2026, 3, 1, tzinfo=UTC)
    np.testing.assert_allclose(step.values, 10.0, rtol=1e-6)


def test_netcdf_without_time_or_place_is_told(tmp_path: Path) -> None:
    def build(file: Any) -> None:
        file.createDimension("n", 4)
        file.createVariable("list", "f4", ("n",))[:] = 1.0
        axes(file, np.array([30.0, 31.0]), np.array([10.0, 11.0]), [6.0, 7.0])
        file.createVariable("mask", "f4", ("latitude", "longitude"))[:] = 1.0

    reasons = {reject.id: reject.reason for reject in read(netcdf(tmp_path / "no.nc", build)).rejects}
    assert "no longitude and latitude" in reasons["list"]
    assert "no time" in reasons["mask"]


def test_netcdf_in_another_unit_of_another_thing_is_rejected(tmp_path: Path) -> None:
    def build(file: Any) -> None:
        axes(file, np.array([30.0, 31.0]), np.array([10.0, 11.0]), [6.0])
        odd = file.createVariable("t", "f4", ("time", "latitude", "longitude"))
        odd.standard_name, odd.units = "air_temperature", "m s-1"
        odd[:] = 1.0

    (reject,) = read(netcdf(tmp_path / "odd.nc", build)).rejects
    assert "cannot convert" in reject.reason


# ---- projections


LAMBERT = "+proj=lcc +lon_0=262.5 +lat_0=38.5 +lat_1=38.5 +lat_2=38.5 +R=6371229"
POLAR = "+proj=stere +lat_ts=60 +lat_0=90 +lon_0=249 +R=6371229"


@pytest.mark.parametrize(
    ("source", "north"),
    [
        (Projected(LAMBERT, -600_000, -500_000, 10_000, 10_000, 120, 100), 43.2),
        (Projected(POLAR, -3e6, -3e6, 60_000, 60_000, 100, 100), 90.0),
        (Projected(rotated_pole(43.0, -170.0), -4.0, -3.0, 0.1, 0.1, 81, 61), 50.0),
        (Projected("+proj=lcc +lon_0=180 +lat_0=50 +lat_1=50 +R=6371229", -6e5, -5e5, 1e4, 1e4, 120, 100), 55.0),
    ],
    ids=["lambert", "polar with the pole", "rotated", "lambert across the antimeridian"],
)
def test_warped_cell_holds_the_value_of_its_place(source: Projected, north: float) -> None:
    x, y = np.meshgrid(source.x0 + np.arange(source.nx) * source.dx, source.y0 + np.arange(source.ny) * source.dy)
    lon, lat = source.to_ground(x, y)
    target = plan_target(source)
    cell = abs(target.lat[1] - target.lat[0])
    warped = target.warp(lat.astype(np.float32), False)
    seen = ~np.isnan(warped)
    assert seen.mean() > 0.5
    assert np.abs(warped - target.lat[:, None])[seen].max() < cell
    across = target.warp(np.cos(np.radians(lon)).astype(np.float32), False)
    middle = seen & (np.abs(target.lat)[:, None] < 80)
    expected = np.broadcast_to(np.cos(np.radians(target.lon)), seen.shape)
    assert np.abs(across - expected)[middle].max() < 0.03
    assert abs(min(target.lat.max(), 90.0) - north) < 1.0
    assert 0.3 < target.lat.size * target.lon.size / (source.nx * source.ny) < 4.0


def test_classes_are_never_mixed_by_a_warp() -> None:
    source = Projected(LAMBERT, -600_000, -500_000, 10_000, 10_000, 120, 100)
    values = np.random.default_rng(0).choice(np.array([1.0, 3.0, 96.0], np.float32), (100, 120))
    warped = plan_target(source).warp(values, True)
    assert set(np.unique(warped[~np.isnan(warped)]).tolist()) == {1.0, 3.0, 96.0}


def test_grid_mapping_becomes_the_projection_that_pyproj_makes_of_it() -> None:
    attributes = {
        "grid_mapping_name": "albers_conical_equal_area", "standard_parallel": np.array([-26.2, -29.3]),
        "longitude_of_central_meridian": 153.24, "latitude_of_projection_origin": -27.7178, "false_easting": 0.0,
        "false_northing": 0.0, "semi_major_axis": 6378137.0, "semi_minor_axis": 6356752.31414,
    }  # fmt: skip
    theirs = pyproj.Proj(pyproj.CRS.from_cf(attributes))
    np.testing.assert_allclose(pyproj.Proj(proj_from_cf(attributes))(152.0, -27.0), theirs(152.0, -27.0), atol=1e-3)
    with pytest.raises(ValueError, match="not supported"):
        proj_from_cf({"grid_mapping_name": "vertical_perspective_of_mars"})


# ---- the feed


class Client:
    """A client that has some addresses and not others."""

    def __init__(self, has: set[str]) -> None:
        self.has, self.asked = has, list[str]()

    def get(self, url: str, **_: Any) -> Payload:
        self.asked.append(url)
        if url not in self.has:
            raise Refused("grid_files", "not found", status=404)
        return Payload(source="grid_files", body=grib(), received_at=NOW, url=url)


def feed(**options: Any) -> GridFiles:
    made = GridFiles.configured({"url": "https://example.org/{time:%Y%m%d%H}.grib2", "cycle": "6 h", **options})
    return GridFiles(made.spec, made.options, lambda: NOW)


def test_template_asks_for_what_is_missing_and_waits_for_what_is_not_there() -> None:
    client = Client({"https://example.org/2026030106.grib2"})
    found = feed().fetch(client, None)  # type: ignore[arg-type]
    assert [payload.url for payload in found] == ["https://example.org/2026030106.grib2"]
    hours = ("2026030100", "2026030106", "2026030112")
    assert client.asked == [f"https://example.org/{hour}.grib2" for hour in hours]
    client.asked.clear()
    feed(delay="1 h").fetch(client, datetime(2026, 3, 1, tzinfo=UTC))  # type: ignore[arg-type]
    assert client.asked == ["https://example.org/2026030106.grib2"]


def test_plain_address_that_is_not_there_is_an_error() -> None:
    with pytest.raises(Refused):
        GridFiles.configured({"url": "https://example.org/x.grib2"}).fetch(Client(set()), None)  # type: ignore[arg-type]


def test_path_is_read_from_disk(tmp_path: Path) -> None:
    (tmp_path / "x.grib2").write_bytes(grib())
    source = GridFiles.configured({"url": str(tmp_path / "x.grib2")})
    (payload,) = source.fetch(Client(set()), None)  # type: ignore[arg-type]
    assert payload.name == "x.grib2"
    assert len(source.parse(payload).records) == 1
    with pytest.raises(Refused, match="is not there"):
        GridFiles.configured({"url": f"file://{tmp_path}/y.grib2"}).fetch(Client(set()), None)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"members": "some"}, {"cycle": "often"}, {"colour": "red"}], ids=str)
def test_wrong_option_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, ConfigError)):
        GridFiles.configured({"url": "x", **wrong})


# ---- the recorded files

MESSAGES = {
    "ecmwf-ifs-oper-surface.grib2": 5, "Z_NAFP_C_BABJ_20231207000000_P_CMA-GEPS-GLB-024.grib2": 26,
    "PrecipRate_00.00_20190610-000000.grib2": 1, "PrecipRate_00.00_20190610-001000.grib2": 1,
    "MRMS_PrecipFlag_00.00_20260219-042400.grib2.gz": 1,
    # One message that packs 16 fields: two parameters at eight times.
    "Z__C_RJTD_20170221120000_MSG_GPV_Gll0p5deg_Pys_B20170221120000_F2017022115-2017022212_grib2.bin.xz": 16,
    "icon_global_icosahedral_single-level_2021112018_000_TOT_PREC.grib2": 1, "regular_ll_msl.grib": 1,
    "regular_ll_sfc.grib": 1, "era5-levels-corrupted.grib": 2, "era5-single-level-scalar-time.grib": 1,
    "tp_on_different_grid_resolutions.grib": 2, "step_60m.grib": 73, "fields_with_missing_values.grib": 2,
    "scanning_mode_64.grib": 1, "regular_ll_wrong_increment.grib": 1, "lambert_grid.grib": 1,
    "uv_on_different_levels.grib": 16, "single_gridpoint.grib": 6, "t_analysis_and_fc_0.grib": 1,
    "hrrr.t06z.wrfsfcf01-CFRZR.grib2": 1, "meteofrance.arome-TCDC.grib2": 1, "s2s-pdt9-pdt10-pdt12.grib2": 10,
    "flux.grb": 4, "CMC_reg_WIND_ISBL_300_ps60km_2010052400_P012.grib": 1,
}  # fmt: skip
REJECTED = {
    # Three pairs of local fields of the same identity, and a pressure a hundred times too large.
    "Z_NAFP_C_BABJ_20231207000000_P_CMA-GEPS-GLB-024.grib2": 7,
    "icon_global_icosahedral_single-level_2021112018_000_TOT_PREC.grib2": 1, "regular_ll_msl.grib": 1,
    "era5-levels-corrupted.grib": 1, "single_gridpoint.grib": 6,
    # Cut-down test files whose temperatures are about 0 or 1 K.
    "step_60m.grib": 73, "t_analysis_and_fc_0.grib": 1, "s2s-pdt9-pdt10-pdt12.grib2": 5,
}  # fmt: skip


@pytest.mark.recorded
@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_recorded_grib_gives_a_field_or_a_reject_for_each_message(recorded: Path, name: str) -> None:
    parsed = read((recorded / "grib" / name).read_bytes(), name)
    assert len(parsed.records) + len(parsed.rejects) == MESSAGES[name]
    assert len(parsed.rejects) == REJECTED.get(name, 0)
    for step in parsed.records:
        assert isinstance(step, FieldStep)
        assert step.values.shape == (step.lat.size, step.lon.size)
        assert (np.diff(step.lon) > 0).all()
        assert (np.diff(step.lat) < 0).all()
        assert -180 <= step.lon[0] <= step.lon[-1] < 180
        assert not np.isinf(step.values).any()


@pytest.mark.recorded
def test_every_recorded_grib_is_in_the_table(recorded: Path) -> None:
    assert {path.name for path in (recorded / "grib").iterdir()} == set(MESSAGES)


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "fields", "rejects"),
    [
        ("tiny.nc", 0, 1), ("basin_mask.nc", 0, 1), ("fp_lothar_crop-test.nc", 1, 0),
        ("storm_europe_cosmoe_forecast_vmax_testfile.nc", 24, 1),
        ("S_NWC_CRR_MSG4_Europe-VISIR_20180601T091500Z.nc", 6, 2), ("66_20201031_021000.prcp-c10.nc", 1, 0),
        ("66_20201031_053000.prcp-c10.nc", 1, 0),
    ],
)  # fmt: skip
def test_recorded_netcdf(recorded: Path, name: str, fields: int, rejects: int) -> None:
    parsed = read((recorded / "netcdf" / name).read_bytes(), name)
    assert (len(parsed.records), len(parsed.rejects)) == (fields, rejects)


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "number", "low", "high", "valid"),
    [  # minimum, maximum and number of values as another reader saw them, in the provider's units
        ("regular_ll_sfc.grib", 0, 221.866 - 273.15, 312.866 - 273.15, 2664),
        ("scanning_mode_64.grib", 0, 221.866 - 273.15, 312.866 - 273.15, 2664),
        ("era5-single-level-scalar-time.grib", 0, 263.297 - 273.15, 292.145 - 273.15, 24321),
        ("tp_on_different_grid_resolutions.grib", 0, 0.0, 52.002, 2664),
        ("tp_on_different_grid_resolutions.grib", 1, 0.0, 161.133, 4140),
        ("fields_with_missing_values.grib", 0, 212.704 - 273.15, 308.704 - 273.15, 5572),
        ("fields_with_missing_values.grib", 1, 220.16 - 273.15, 316.16 - 273.15, 5489),
        ("flux.grb", 0, 0.0, 0.001339 * 3600, 18048),
        ("flux.grb", 1, 496.50, 1093.30, 18048),
        ("uv_on_different_levels.grib", 0, -17.8854, 22.1146, 2664),
        ("meteofrance.arome-TCDC.grib2", 0, 0.00869962, 100.009, 665681),
        ("PrecipRate_00.00_20190610-000000.grib2", 0, 0.0, 148.8, None),
        ("MRMS_PrecipFlag_00.00_20260219-042400.grib2.gz", 0, 0.0, 10.0, None),
    ],
)
def test_recorded_values(recorded: Path, name: str, number: int, low: float, high: float, valid: int | None) -> None:
    step = read((recorded / "grib" / name).read_bytes(), name).records[number]
    assert isinstance(step, FieldStep)
    assert np.nanmin(step.values) == pytest.approx(low, abs=2e-3)
    assert np.nanmax(step.values) == pytest.approx(high, rel=1e-4)
    assert valid is None or np.isfinite(step.values).sum() == valid


@pytest.mark.recorded
def test_south_up_and_north_up_files_of_one_field_are_equal(recorded: Path) -> None:
    names = ("regular_ll_sfc.grib", "scanning_mode_64.grib")
    one, two = (only(read((recorded / "grib" / name).read_bytes())) for name in names)
    np.testing.assert_array_equal(one.lat, two.lat)
    np.testing.assert_allclose(one.values, two.values, atol=1e-3)


@pytest.mark.recorded
@pytest.mark.parametrize(
    "name", ["lambert_grid.grib", "CMC_reg_WIND_ISBL_300_ps60km_2010052400_P012.grib"], ids=["lambert", "polar"]
)
def test_recorded_projection_puts_values_where_the_decoder_says(recorded: Path, name: str) -> None:
    """Against the latitudes and longitudes that ecCodes works out point by point."""
    body = (recorded / "grib" / name).read_bytes()
    step = only(read(body))
    handle = eccodes.codes_new_from_message(body)
    lat, lon = eccodes.codes_get_array(handle, "latitudes"), eccodes.codes_get_array(handle, "longitudes")
    values = eccodes.codes_get_values(handle)
    eccodes.codes_release(handle)
    from data.grid import fractional_column, fractional_row

    column = fractional_column(step.lon, (lon + 180) % 360 - 180)
    row = fractional_row(step.lat, lat)
    inner = np.isfinite(row) & np.isfinite(column) & (lat < 79)
    assert inner.mean() > 0.95
    rows, columns = np.rint(row[inner]).astype(int), np.rint(column[inner]).astype(int)
    found = step.values[rows % step.lat.size, columns % step.lon.size]
    with np.errstate(invalid="ignore"):
        near = np.abs(found - values[inner]) <= 0.1 * np.ptp(values)
    assert near[np.isfinite(found)].mean() > 0.97  # the rest is beside steep edges
    assert np.isfinite(found).mean() > 0.97


@pytest.mark.recorded
def test_recorded_rotated_grid_lies_where_its_own_coordinates_say(recorded: Path) -> None:
    body = (recorded / "netcdf" / "storm_europe_cosmoe_forecast_vmax_testfile.nc").read_bytes()
    step = read(body).records[0]
    assert isinstance(step, FieldStep)
    with netCDF4.Dataset("x", memory=body) as file:
        lon, lat, gust = file["lon_1"][:], file["lat_1"][:], file["VMAX_10M"][0, 0]
    centre = step.values[np.abs(step.lat - lat[2, 2]).argmin(), np.abs(step.lon - lon[2, 2]).argmin()]
    assert centre == pytest.approx(float(gust[2, 2]), abs=0.1 * float(np.ptp(gust)))


@pytest.mark.recorded
def test_two_runs_of_a_recorded_file_store_it_once(recorded: Path, store: Store, home: Path) -> None:
    body = (recorded / "grib" / "tp_on_different_grid_resolutions.grib").read_bytes()
    context = PutContext(source="grid_files", payload_id=0, received_at=NOW, home=home)
    counts = []
    for _ in range(2):
        sink, steps = FieldSink(), read(body).records
        prepared = sink.prepare(context, steps)  # type: ignore[arg-type]
        with store.write() as connection:
            counts.append(sink.put(connection, context, prepared))
    assert counts == [Counts(stored=2), Counts(unchanged=2)]
    with store.read() as connection:
        rows = find_steps(connection, quantity="precipitation")
    assert sorted(open_step(home, row).values.shape for row in rows) == [(37, 72), (46, 90)]


@pytest.mark.recorded
def test_large_field_passes_a_child_with_two_gigabytes(recorded: Path) -> None:
    from ingest.child import Limits, parse_in_child

    body = (recorded / "grib" / "PrecipRate_00.00_20190610-000000.grib2").read_bytes()
    payload = Payload(source="grid_files", body=body, received_at=NOW, name="PrecipRate.grib2")
    parsed = parse_in_child(GridFiles(), payload, Limits(memory_bytes=2 << 30))
    (step,) = parsed.records
    assert isinstance(step, FieldStep)
    assert step.values.size == 24_500_000


@pytest.mark.recorded
def test_every_recorded_message_is_found_by_its_marks(recorded: Path) -> None:
    body = (recorded / "grib" / "step_60m.grib").read_bytes()
    messages = list(split_messages(body))
    assert len(messages) == 73
    assert all(body[place : place + len(message)] == message for place, message in messages)
