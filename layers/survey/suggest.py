"""What a delivery's schema could be, from its columns: a proposal that a person reads and confirms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely

from data.errors import LayerError
from layers.survey.schema import Column, Facet, Schema

LON = ("lon", "longitude", "long", "x", "经度")
LAT = ("lat", "latitude", "y", "纬度")
REGION = ("county", "admin", "adcode", "region", "district", "行政区划代码", "区划代码", "县代码")
MOST_VALUES = 40  # of a column that could be a facet
MOST_REGIONS = 4_000
BATCH = 200_000
LOOKED_AT = 10_000  # geometries, to see whether they are points
TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_dictionary)


def suggest(path: Path) -> Schema:
    """A schema for a Parquet file: positions and the region by the usual names, texts with few values as facets.

    The columns that could be facets or the region are read whole, so that no value is missed.

    Raises
    ------
    LayerError
        If no position can be found.
    """
    file = pq.ParquetFile(path)
    fields = {field.name: field.type for field in file.schema_arrow}
    lon, lat = _named(fields, LON), _named(fields, LAT)
    geometry = "" if lon and lat else _geometry(fields)
    shapes = bool(geometry) and _has_shapes(file, geometry)
    if not geometry and not (lon and lat):
        raise LayerError(f"{path.name}: neither longitude and latitude nor a geometry in {', '.join(fields)}")
    region = _named(fields, REGION)
    regions = _values(file, region, MOST_REGIONS) if region else None
    left = {name: kind for name, kind in fields.items() if name not in (lon, lat, geometry, "bbox", region)}
    texts = {name: _values(file, name, MOST_VALUES) for name, kind in left.items() if _is_text(kind)}
    facets = [Facet(name=name, values=values) for name, values in texts.items() if values and len(values) > 1]
    numbers = (pa.types.is_integer, pa.types.is_floating)
    return Schema(
        facets=_fitting(facets, regions or ()), regions=regions or (), region=region if regions else "",
        columns=tuple(
            Column(name=name, kind=_kind(kind)) for name, kind in left.items() if any(test(kind) for test in numbers)
        ),
        lon="" if geometry else lon, lat="" if geometry else lat, geometry=geometry, shapes=shapes,
    )  # fmt: skip


def _named(fields: Mapping[str, Any], names: Iterable[str]) -> str:
    present = {name.casefold(): name for name in fields}
    return next((present[name] for name in names if name in present), "")


def _geometry(fields: Mapping[str, pa.DataType]) -> str:
    binary = [name for name, kind in fields.items() if pa.types.is_binary(kind)]
    return next((name for name in ("geometry", "geom", "wkb_geometry", *binary) if name in binary), "")


def _has_shapes(file: pq.ParquetFile, name: str) -> bool:
    """Whether a column of WKB holds anything but points, as far as its first rows tell."""
    first = next(file.iter_batches(LOOKED_AT, columns=[name]), None)
    written = [] if first is None else [one for one in first[name].to_pylist() if one]
    kinds = shapely.get_type_id(shapely.from_wkb(np.array(written, dtype=object), on_invalid="ignore"))
    return bool((kinds > shapely.GeometryType.POINT).any())


def _values(file: pq.ParquetFile, name: str, most: int) -> tuple[str, ...] | None:
    """Every value of a column in order; None where there are more than asked for."""
    found: set[str] = set()
    for batch in file.iter_batches(BATCH, columns=[name]):
        found.update(word for word in pc.unique(pc.cast(batch[name], pa.string())).to_pylist() if word)
        if len(found) > most:
            return None
    return tuple(sorted(found))


def _is_text(kind: pa.DataType) -> bool:
    return any(test(kind) for test in TEXT)


def _fitting(facets: Sequence[Facet], regions: tuple[str, ...]) -> tuple[Facet, ...]:
    """As many facets as a key has room for beside the regions, those with the fewest values first."""
    kept: tuple[Facet, ...] = ()
    for facet in sorted(facets, key=lambda one: len(one.values)):
        try:
            kept = Schema(facets=(*kept, facet), regions=regions).facets
        except LayerError:
            break
    return kept


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_floating(kind):
        return "f4" if kind.bit_width <= 32 else "f8"
    return f"{'i' if pa.types.is_signed_integer(kind) else 'u'}{kind.bit_width // 8}"
