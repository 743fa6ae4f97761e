"""Fields as OGC coverages and by EDR: the values at a point over time, or in an area at one time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pygeoapi.provider.base import (
    BaseProvider,
    ProviderInvalidQueryError,
    ProviderItemNotFoundError,
    ProviderNoDataError,
    ProviderRequestEntityTooLargeError,
)
from pygeoapi.provider.base_edr import BaseEDRProvider

from api.context import api
from api.ogc.asked import box_of, span_of
from api.ogc.names import CRS84
from data.clock import iso
from data.errors import StoreError
from data.store.field_series import SeriesKey, best_steps, find_series

MOST_STEPS = 2_000
MOST_CELLS = 250_000
GROUND = {
    "coordinates": ["x", "y"],
    "system": {"type": "GeographicCRS", "id": CRS84},
}
TIME = {"coordinates": ["t"], "system": {"type": "TemporalRS", "calendar": "Gregorian"}}
Floats = NDArray[Any]


class Series:
    """One series of fields, and the steps of it that are asked for."""

    def __init__(self, data: str) -> None:
        self.key = SeriesKey.of(data)
        with api().store.read() as connection:
            found = find_series(connection, self.key)
        if found is None:
            raise ProviderItemNotFoundError(user_msg="There is no such series.")
        self.series = found
        self.name = self.key.quantity

    @property
    def fields(self) -> dict[str, Any]:
        """The one quantity, as pygeoapi describes fields."""
        title = self.series.title or self.name
        return {self.name: {"type": "number", "title": title, "x-ogc-unit": self.series.unit}}

    @property
    def parameters(self) -> dict[str, Any]:
        """The one quantity, as CoverageJSON describes parameters."""
        label = {"en": self.series.title or self.name}
        unit = {"symbol": {"value": self.series.unit, "type": "http://www.opengis.net/def/uom/UCUM/"}}
        return {self.name: {"type": "Parameter", "observedProperty": {"label": label}, "unit": unit}}

    def steps(self, datetime_: str | None) -> list[Any]:
        """Steps in a time; of all where none is said, the newest that has come, or the first to come."""
        first, until = span_of(datetime_)
        since = None if first is None else first - timedelta(microseconds=1)  # the store gives what is after it
        with api().store.read() as connection:
            if datetime_:
                found = best_steps(connection, self.key, since=since, until=until, limit=MOST_STEPS)
            else:
                now = api().clock()
                found = best_steps(connection, self.key, until=now, limit=1) or best_steps(
                    connection, self.key, since=now, limit=MOST_STEPS
                )[:1]  # fmt: skip
        if not found:
            raise ProviderNoDataError(user_msg="There is no step in this time.")
        return list(found)

    def at_point(self, point: shapely.Point, datetime_: str | None) -> Any:
        """CoverageJSON of a point over time (OGC 21-069r2, PointSeries)."""
        from layers.field_point import read_point

        steps = self.steps(datetime_)
        found = read_point(api().settings.home, steps, point.x, point.y)
        if found is None:
            raise ProviderNoDataError(user_msg="The point is outside the field.")
        times = [iso(one.valid_at) for one in found.points]
        axes = {"x": {"values": [point.x]}, "y": {"values": [point.y]}, "t": {"values": times}}
        return self._coverage("PointSeries", axes, ["t"], [len(times)], [one.value for one in found.points])

    def grid(self, area: shapely.Geometry, datetime_: str | None) -> Any:
        """CoverageJSON of the cells of an area at one time; cells whose middle lies outside are null."""
        lon, lat, values, at = self.cells(area, datetime_)
        axes = {"x": {"values": lon.tolist()}, "y": {"values": lat.tolist()}, "t": {"values": [iso(at)]}}
        flat = [None if np.isnan(value) else float(value) for value in values.ravel()]
        return self._coverage("Grid", axes, ["t", "y", "x"], [1, *values.shape], flat)

    def cells(self, area: shapely.Geometry, datetime_: str | None) -> tuple[Floats, Floats, Floats, datetime]:
        """Longitudes, latitudes and values of the cells that an area holds, and their valid time."""
        row = self.steps(datetime_)[-1]
        try:
            step = api().steps().get(row)
            west, south, east, north = area.bounds
            columns = np.flatnonzero((step.lon >= west) & (step.lon <= east))
            rows = np.flatnonzero((step.lat >= south) & (step.lat <= north))
            if not len(columns) or not len(rows):
                raise ProviderNoDataError(user_msg="The area holds no cell of the field.")
            if len(columns) * len(rows) > MOST_CELLS:
                raise ProviderRequestEntityTooLargeError(
                    f"{len(columns) * len(rows):,} cells; at most {MOST_CELLS:,}"
                )
            window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            values = np.array(step.levels[0][window], np.float32)
        except StoreError as error:
            raise ProviderNoDataError(user_msg="This step has been removed.") from error
        lon, lat = step.lon[window[1]], step.lat[window[0]]
        values[~shapely.intersects_xy(area, *np.meshgrid(lon, lat))] = np.nan
        return lon, lat, values, row.valid_at

    def _coverage(self, domain: str, axes: Any, names: list[str], shape: list[int], values: Sequence[Any]) -> Any:
        return {
            "type": "Coverage",
            "domain": {"type": "Domain", "domainType": domain, "axes": axes, "referencing": [GROUND, TIME]},
            "parameters": self.parameters,
            "ranges": {self.name: {"type": "NdArray", "dataType": "float", "axisNames": names, "shape": shape,
                                   "values": values}},
        }  # fmt: skip


class FieldQueries(BaseEDRProvider):  # type: ignore[misc]
    """EDR: position, area and cube."""

    def __init__(self, provider_def: Any) -> None:
        super().__init__(provider_def)
        self.series = Series(self.data)
        self._fields = self.series.fields

    def get_fields(self) -> Any:
        """The one quantity."""
        return self._fields

    def position(self, wkt: Any = None, datetime_: Any = None, **_: Any) -> Any:
        """Values at a point."""
        if wkt.geom_type != "Point" or not (-180 <= wkt.x <= 360 and -90 <= wkt.y <= 90):
            raise ProviderInvalidQueryError(user_msg="coords is a POINT of longitude and latitude")
        return self.series.at_point(wkt, datetime_)

    def area(self, wkt: Any = None, datetime_: Any = None, **_: Any) -> Any:
        """Values in a polygon."""
        if wkt.geom_type not in ("Polygon", "MultiPolygon") or not wkt.is_valid:
            raise ProviderInvalidQueryError(user_msg="coords is a valid POLYGON")
        return self.series.grid(wkt, datetime_)

    def cube(self, bbox: Any = (), datetime_: Any = None, **_: Any) -> Any:
        """Values in a box."""
        return self.series.grid(box_of(bbox), datetime_)


class FieldCoverage(BaseProvider):  # type: ignore[misc]
    """A field at one time as a coverage, in CoverageJSON or NetCDF."""

    def __init__(self, provider_def: Any) -> None:
        super().__init__(provider_def)
        self.series = Series(self.data)
        self._fields, self.axes, self.crs = self.series.fields, ["x", "y"], CRS84
        self.filename = f"{self.series.name}.nc"

    def get_fields(self) -> Any:
        """The one quantity."""
        return self._fields

    @property
    def _coverage_properties(self) -> dict[str, Any]:
        """Size and times, for the description of the collection."""
        step = api().steps().get(self.series.steps(None)[-1])
        span = self.series.series
        return {
            "width": len(step.lon), "height": len(step.lat), "resx": float(abs(np.diff(step.lon).mean())),
            "resy": float(abs(np.diff(step.lat).mean())), "time_range": [iso(span.first_at), iso(span.last_at)],
        }  # fmt: skip

    def query(
        self, bbox: Any = (), datetime_: Any = None, subsets: Any = None, format_: str = "json", **_: Any
    ) -> Any:
        """The cells of a box, or of the whole field where it is small enough."""
        area = box_of(bbox) if len(bbox) else shapely.box(-180, -90, 180, 90)
        for axis, (low, high) in ((axis, (span[0], span[-1])) for axis, span in (subsets or {}).items()):
            band = shapely.box(low, -90, high, 90) if axis == "x" else shapely.box(-180, low, 180, high)
            area = shapely.intersection(area, band)
        if area.area == 0:
            raise ProviderNoDataError(user_msg="The subset is empty.")
        return self.series.grid(area, datetime_) if format_ == "json" else self._netcdf(area, datetime_)

    def _netcdf(self, area: shapely.Geometry, datetime_: str | None) -> bytes:
        import xarray

        lon, lat, values, at = self.series.cells(area, datetime_)
        degrees = {"lon": {"units": "degrees_east"}, "lat": {"units": "degrees_north"}}
        coordinates = {"lat": ("lat", lat, degrees["lat"]), "lon": ("lon", lon, degrees["lon"])}
        about = {"units": self.series.series.unit, "valid_at": iso(at)}
        found = xarray.Dataset(
            {self.series.name: (("lat", "lon"), values, about)}, coordinates, {"Conventions": "CF-1.8"}
        )
        return bytes(found.to_netcdf(engine="scipy"))  # the classic form, which is made in memory
