"""Radar composites in HDF5 made here: of ODIM_H5 and of KNMI."""

from __future__ import annotations

import io
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pyproj
import pytest

from data.errors import BadPayload
from data.model import FieldStep, Parsed, Payload
from ingest.grid_files import GridFiles

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROJ = "+proj=stere +lat_ts=60 +lat_0=90 +lon_0=10 +a=6378137 +b=6356752.3142451802"
NX, NY, CELL = 40, 30, 2000.0
LEFT, TOP = -40_000.0, -4_200_000.0  # outer edges, metres


def corners(proj: str = PROJ) -> dict[str, tuple[float, float]]:
    """Outer corners of the picture, lon and lat."""
    plane = pyproj.Proj(proj)
    right, bottom = LEFT + NX * CELL, TOP - NY * CELL
    places = {"UL": (LEFT, TOP), "UR": (right, TOP), "LR": (right, bottom), "LL": (LEFT, bottom)}
    return {name: plane(x, y, inverse=True) for name, (x, y) in places.items()}


def named(place: tuple[float, float]) -> list[tuple[str, float]]:
    return list(zip(("lon", "lat"), place, strict=True))


def group(parent: Any, name: str, **attributes: Any) -> Any:
    made = parent.createGroup(name)
    made.setncatts({key: value for key, value in attributes.items() if value is not None})
    return made


def odim(
    path: Path, raw: np.ndarray, *, quantity: str = "ACRR", kind: str = "COMP", end: str = "085500", gain: Any = 0.01,
    offset: Any = -0.01, shift: float = 0.0, start: str = "085000",
) -> bytes:  # fmt: skip
    file = netCDF4.Dataset(path / "odim.h5", "w")
    file.Conventions = "ODIM_H5/V2_3"
    group(file, "what", object=kind, date="20260301", time="085500", version="H5rad 2.3", source="ORG:1")
    where = {f"{name}_{key}": value for name, place in corners().items() for key, value in named(place)}
    where["LR_lon"] += shift
    group(file, "where", projdef=PROJ, xsize=NX, ysize=NY, xscale=CELL, yscale=CELL, **where)
    dataset = group(file, "dataset1")
    group(dataset, "what", startdate="20260301", starttime=start, enddate="20260301", endtime=end, product="MAX")
    data = group(dataset, "data1")
    group(data, "what", quantity=quantity, gain=gain, offset=offset, nodata=65535.0, undetect=0.0)
    data.createDimension("y", NY)
    data.createDimension("x", NX)
    data.createVariable("data", raw.dtype, ("y", "x"))[:] = raw
    file.close()
    return (path / "odim.h5").read_bytes()


def read(body: bytes, **options: Any) -> Parsed:
    source = GridFiles.configured({"url": "/data/x.h5", **options})
    return source.parse(Payload(source="grid_files", body=body, received_at=NOW, name="x.h5"))


def only(parsed: Parsed) -> FieldStep:
    assert parsed.rejects == ()
    (step,) = parsed.records
    assert isinstance(step, FieldStep)
    return step


def value_at(step: FieldStep, lon: float, lat: float) -> float:
    return float(step.values[np.abs(step.lat - lat).argmin(), np.abs(step.lon - lon).argmin()])


@pytest.fixture
def raw() -> np.ndarray:
    """1.00 mm, but 2.50 mm in the north-east, none in the south-west, no data in the south-east."""
    values = np.full((NY, NX), 101, np.uint16)
    values[:5, -5:], values[-5:, :5], values[-5:, -5:] = 251, 0, 65535
    return values


def inside(x_cell: float, y_cell: float) -> tuple[float, float]:
    """Lon-lat of a place in cells from the upper left corner."""
    lon, lat = pyproj.Proj(PROJ)(LEFT + x_cell * CELL, TOP - y_cell * CELL, inverse=True)
    return float(lon), float(lat)


def test_amount_lies_where_it_fell(tmp_path: Path, raw: np.ndarray) -> None:
    step = only(read(odim(tmp_path, raw)))
    assert (step.quantity, step.unit, step.accumulation_s) == ("precipitation", "mm", 300)
    assert (step.valid_at, step.forecast) == (datetime(2026, 3, 1, 8, 55, tzinfo=UTC), False)
    assert value_at(step, *inside(20, 15)) == pytest.approx(1.0)
    assert value_at(step, *inside(37.5, 2.5)) == pytest.approx(2.5)
    assert value_at(step, *inside(2.5, 27.5)) == 0.0
    assert np.isnan(value_at(step, *inside(37.5, 27.5)))
    assert "warped from its projection (stere)" in step.attributes["notes"][-1]


def test_nowcast_is_a_forecast_of_its_run(tmp_path: Path, raw: np.ndarray) -> None:
    step = only(read(odim(tmp_path, raw, start="094000", end="094500")))
    assert (step.run_at.hour, step.valid_at.hour, step.forecast, step.accumulation_s) == (8, 9, True, 300)


def test_echo_that_is_not_there_is_weak_and_not_zero(tmp_path: Path, raw: np.ndarray) -> None:
    step = only(read(odim(tmp_path, np.minimum(raw, 250), quantity="DBZH", gain=0.5, offset=-32.0)))
    assert (step.quantity, step.unit) == ("reflectivity", "dBZ")
    assert value_at(step, *inside(2.5, 27.5)) == -32.0
    assert value_at(step, *inside(20, 15)) == pytest.approx(18.5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"quantity": "VRADH"}, "quantity 'VRADH' is not one"), ({"gain": None}, "integers have no gain"),
        ({"start": "085500"}, "start is not before its end"), ({"end": "noon"}, "are no time"),
    ],
    ids=["another quantity", "no gain", "no interval", "no time"],
)  # fmt: skip
def test_picture_that_cannot_be_read_is_a_reject(
    tmp_path: Path, raw: np.ndarray, change: dict[str, Any], reason: str
) -> None:
    parsed = read(odim(tmp_path, raw, **change))
    assert parsed.records == ()
    assert reason in parsed.rejects[0].reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"kind": "PVOL"}, "only composites and images"), ({"shift": 0.3}, "cells from where its projection")],
    ids=["a polar volume", "corners that do not fit"],
)
def test_file_that_is_not_on_the_ground_is_refused(
    tmp_path: Path, raw: np.ndarray, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BadPayload, match=reason):
        read(odim(tmp_path, raw, **change))


def test_archive_gives_the_fields_of_its_files(tmp_path: Path, raw: np.ndarray) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, body in (
            ("now", odim(tmp_path, raw)), ("later", odim(tmp_path, raw, start="090000", end="090500")),
            ("text", b"read me"),
        ):  # fmt: skip
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    parsed = read(buffer.getvalue())
    assert [step.forecast for step in parsed.records] == [False, True]  # type: ignore[union-attr]
    assert [(reject.id, reject.reason[:25]) for reject in parsed.rejects] == [("text", "neither GRIB nor NetCDF n")]
    second = 512 + -(-len(odim(tmp_path, raw)) // 512) * 512
    short = read(buffer.getvalue()[: second + 1000])
    assert len(short.records) == 1
    assert "the archive is damaged" in short.rejects[0].reason


def knmi(path: Path, raw: np.ndarray, formula: str = "GEO=0.01*PV+0.0") -> bytes:
    proj = "+proj=stere +lat_0=90 +lon_0=10 +lat_ts=60.0 +a=6378.137 +b=6356.7523142451802 +x_0=0 +y_0=0"
    file = netCDF4.Dataset(path / "knmi.h5", "w")
    group(
        file,
        "overview",
        product_datetime_start="01-MAR-2026;08:50:00.000",
        product_datetime_end="01-MAR-2026;08:55:00.000",
    )
    places = corners()
    order = [value for name in ("LL", "UL", "UR", "LR") for value in places[name]]
    geographic = group(
        file, "geographic", geo_number_rows=np.int32(NY), geo_number_columns=np.int32(NX), geo_dim_pixel="KM,KM",
        geo_pixel_size_x=np.float32(2.0), geo_pixel_size_y=np.float32(-2.0), geo_product_corners=np.array(order),
    )  # fmt: skip
    group(geographic, "map_projection", projection_proj4_params=proj)
    image = group(file, "image1", image_geo_parameter="ACCUMULATED_PRECIPITATION_[MM]", image_product_name="RAU")
    group(
        image, "calibration", calibration_formulas=formula, calibration_missing_data=np.int32(65535),
        calibration_out_of_image=np.int32(65535),
    )  # fmt: skip
    image.createDimension("y", NY)
    image.createDimension("x", NX)
    image.createVariable("image_data", "u2", ("y", "x"))[:] = raw
    file.close()
    return (path / "knmi.h5").read_bytes()


def test_format_of_knmi_in_kilometres(tmp_path: Path, raw: np.ndarray) -> None:
    step = only(read(knmi(tmp_path, raw)))
    assert (step.quantity, step.accumulation_s, step.valid_at.minute) == ("precipitation", 300, 55)
    assert value_at(step, *inside(37.5, 2.5)) == pytest.approx(2.51)
    assert value_at(step, *inside(2.5, 27.5)) == 0.0
    assert np.isnan(value_at(step, *inside(37.5, 27.5)))


def test_format_of_knmi_without_a_calibration_is_refused(tmp_path: Path, raw: np.ndarray) -> None:
    (reject,) = read(knmi(tmp_path, raw, "see the manual")).rejects
    assert "no formula" in reject.reason
