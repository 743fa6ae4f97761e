"""The files of a delivery, read in batches: who each record is, where it lies, what unit it was declared in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.errors import LayerError

BATCH = 200_000  # records held at a time
ID, GEOMETRY, LON, LAT = "id", "geometry", "lon", "lat"
POINT = 0  # of `shapely.GeometryType`

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Batch:
    """Some records of a delivery; `first` is the number of the first within it."""

    first: int
    table: pa.Table
    region: str  # the column with the declared unit, or ""

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        return np.arange(self.first, self.first + len(self), dtype=np.int64)

    @cached_property
    def wkb(self) -> Array:
        return np.asarray(self.table[GEOMETRY].to_numpy(), dtype=object)

    @cached_property
    def has_shapes(self) -> bool:
        return GEOMETRY in self.table.column_names

    @cached_property
    def shapes(self) -> Array:
        """Geometries; None where there is none or none can be read."""
        import shapely

        return np.asarray(shapely.from_wkb(self.wkb, on_invalid="ignore"), dtype=object)

    @cached_property
    def drawn(self) -> bool:
        """Whether a record is something else than a point."""
        import shapely

        kinds = shapely.get_type_id(self.shapes) if self.has_shapes else np.empty(0)
        return bool((kinds > POINT).any())

    @cached_property
    def positions(self) -> tuple[Array, Array]:
        """Longitude and latitude [degrees] of a point of each record; NaN where there is none."""
        import shapely

        if not self.has_shapes:
            lon, lat = (pc.cast(self.table[name], pa.float64()) for name in (LON, LAT))
            return tuple(one.fill_null(np.nan).to_numpy() for one in (lon, lat))  # type: ignore[return-value]
        shapes = _where_drawn(self.shapes)
        if self.drawn:
            usable = shapely.is_valid(shapes)
            places = shapely.centroid(shapes)
            places[usable] = shapely.point_on_surface(shapes[usable])
            shapes = _where_drawn(places)
        return shapely.get_x(shapes), shapely.get_y(shapes)

    @cached_property
    def ids(self) -> pa.Array:
        return pc.cast(self.table[ID], pa.string()).combine_chunks()

    @cached_property
    def units(self) -> pa.Array:
        """Declared units as text, null where none is."""
        if not self.region:
            return pa.nulls(len(self), pa.string())
        return pc.cast(self.table[self.region], pa.string()).combine_chunks()


def _where_drawn(shapes: Array) -> Array:
    """Shapes, None in the place of empty ones: these have no coordinates to ask for."""
    import shapely

    kept = shapes.copy()
    kept[shapely.is_empty(shapes)] = None
    return kept


class Files:
    """A delivery's files, in the order of their names.

    Parameters
    ----------
    folder : Path
    region : str
        The column with the declared unit, or "".
    beside : mapping
        Columns with one value for all records, where the files have none of the name.

    Raises
    ------
    LayerError
        If there is none, or one cannot be read or has neither a geometry nor a position.
    """

    def __init__(self, folder: Path, region: str = "", beside: Mapping[str, Any] | None = None) -> None:
        self.paths = sorted(folder.glob("part-*.parquet"))
        if not self.paths:
            raise LayerError(f"{folder.name}: no part-*.parquet")
        faults = []
        self.rows = 0
        self.columns: dict[str, pa.DataType] = {}
        for path in self.paths:
            try:
                self.rows += pq.read_metadata(path).num_rows
                schema = pq.read_schema(path)
            except (OSError, pa.ArrowInvalid) as error:
                faults.append(f"{path.name}: {error}")
                continue
            faults += _lacking(path.name, set(schema.names))
            faults += self._changed(path.name, schema)
        if region and region not in self.columns:
            faults.append(f"no column {region}, which should hold the declared unit")
        if faults:
            raise LayerError("; ".join(faults))
        self.region = region
        self.beside = {name: pa.scalar(one) for name, one in (beside or {}).items() if name not in self.columns}
        self.columns |= {name: one.type for name, one in self.beside.items()}

    def _changed(self, name: str, schema: pa.Schema) -> Iterator[str]:
        """Columns that are of another kind than in the files before."""
        for one in schema:
            if self.columns.setdefault(one.name, one.type) != one.type:
                yield f"{name}: {one.name} is {one.type}, {self.columns[one.name]} before"

    @property
    def position(self) -> list[str]:
        return [GEOMETRY] if GEOMETRY in self.columns else [LON, LAT]

    def batches(self, columns: Sequence[str], size: int = BATCH) -> Iterator[Batch]:
        """Every record, with its identity, position, unit and the columns asked for."""
        wanted = dict.fromkeys([ID, *self.position, *([self.region] if self.region else []), *columns])
        beside = [name for name in wanted if name in self.beside]
        first = 0
        for path in self.paths:
            with pq.ParquetFile(path) as file:
                for part in file.iter_batches(size, columns=[name for name in wanted if name not in beside]):
                    table = pa.Table.from_batches([part])
                    for name in beside:
                        table = table.append_column(name, pa.repeat(self.beside[name], len(table)))
                    yield Batch(first, table, self.region)
                    first += part.num_rows

    def identities(self, size: int = BATCH) -> Iterator[tuple[int, pa.Array]]:
        """Identities alone, each part with the number of its first record."""
        first = 0
        for path in self.paths:
            with pq.ParquetFile(path) as file:
                for part in file.iter_batches(size, columns=[ID]):
                    yield first, pc.cast(part[ID], pa.string())
                    first += part.num_rows


def _lacking(name: str, present: set[str]) -> list[str]:
    faults = [] if ID in present else [f"{name}: no column {ID}"]
    return faults if GEOMETRY in present or {LON, LAT} <= present else [*faults, f"{name}: no position"]
