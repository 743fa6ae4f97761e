"""What a record of a survey is: where it lies, in which region it was declared, its facets and its other columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError

CODE_BITS = 24  # of region and combination together: what a key of the pyramid has left
KINDS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8")
SHAPE_BYTES = "shape bytes"  # how long a record's shape is on its way through a build
RESERVED = ("key", "row", "code", "region", "lon", "lat")


@dataclass(frozen=True, kw_only=True)
class Facet:
    """A column with few values, by which records are counted beforehand.

    A record's code is 1 + the place of its value; 0 stands for a value that is missing or not in the list.
    """

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A number that each record carries, as NumPy names its type."""

    name: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The whole record.

    Parameters
    ----------
    facets : tuple of Facet
    regions : tuple of str
        Codes that `region` may have; a record of another is kept, and counted as of no region.
    region : str
        The column with the declared region, or "" where there is none.
    columns : tuple of Column
    lon, lat : str
        Columns with the position [degrees, EPSG:4326]; "" where it is in `geometry`.
    geometry : str
        A column of WKB points, or of any shapes.
    shapes : bool
        Whether `geometry` holds lines and polygons; each counts where one point on it lies.

    Raises
    ------
    LayerError
        With everything that is wrong with it.
    """

    facets: tuple[Facet, ...] = ()
    regions: tuple[str, ...] = ()
    region: str = ""
    columns: tuple[Column, ...] = ()
    lon: str = "lon"
    lat: str = "lat"
    geometry: str = ""
    shapes: bool = False

    def __post_init__(self) -> None:
        faults = []
        names = [*(facet.name for facet in self.facets), *(column.name for column in self.columns)]
        twice = sorted({name for name in names if names.count(name) > 1 or name in RESERVED})
        faults += [f"a column's name is taken: {name}" for name in twice]
        faults += [f"{one.name}: no such kind of number: {one.kind}" for one in self.columns if one.kind not in KINDS]
        faults += [
            f"{one.name}: a value stands twice" for one in self.facets if len(set(one.values)) < len(one.values)
        ]
        if len(set(self.regions)) < len(self.regions):
            faults.append("a region's code stands twice")
        if self.region_bits + self.combination_bits > CODE_BITS:
            product = " x ".join(str(len(one.values) + 1) for one in self.facets)
            faults.append(f"too many combinations of facets and regions: {product} x {len(self.regions) + 1}")
        if bool(self.lon and self.lat) == bool(self.geometry):
            faults.append("a position is either in two columns or in one geometry")
        if self.shapes and not self.geometry:
            faults.append("shapes are in a geometry")
        if faults:
            raise LayerError("; ".join(faults))

    @property
    def combinations(self) -> int:
        """How many combinations of facet codes there can be."""
        return math.prod(len(facet.values) + 1 for facet in self.facets)

    @property
    def combination_bits(self) -> int:
        return max(1, (self.combinations - 1).bit_length())

    @property
    def region_bits(self) -> int:
        return max(1, len(self.regions).bit_length())

    @property
    def code_bits(self) -> int:
        return self.region_bits + self.combination_bits

    @cached_property
    def strides(self) -> tuple[int, ...]:
        """By what a facet's code is multiplied in the number of a combination; the last facet changes fastest."""
        sizes = [len(facet.values) + 1 for facet in self.facets]
        return tuple(math.prod(sizes[index + 1 :]) for index in range(len(sizes)))

    @cached_property
    def record(self) -> dict[str, np.dtype[Any]]:
        """What a record is made of on its way through a build."""
        kinds = {"key": "<u8", "row": "<u8", "code": "<u4", **{one.name: f"<{one.kind}" for one in self.columns}}
        kinds |= {SHAPE_BYTES: "<u4"} if self.shapes else {}
        return {name: np.dtype(kind) for name, kind in kinds.items()}

    def facet_codes(self, combination: NDArray[Any]) -> dict[str, NDArray[np.uint8 | np.uint16]]:
        """The code of each facet, from numbers of combinations."""
        return {
            facet.name: ((combination // stride) % (len(facet.values) + 1)).astype(
                np.uint8 if len(facet.values) < 256 else np.uint16
            )
            for facet, stride in zip(self.facets, self.strides, strict=True)
        }

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Schema:
        """What `as_json` wrote."""
        return cls(
            facets=tuple(Facet(name=one["name"], values=tuple(one["values"])) for one in written["facets"]),
            columns=tuple(Column(**one) for one in written["columns"]),
            regions=tuple(written["regions"]),
            region=written["region"],
            lon=written["lon"],
            lat=written["lat"],
            geometry=written["geometry"],
            shapes=written.get("shapes", False),
        )


def missing(kind: str) -> Any:
    """What stands for "no value" in a column of this kind: NaN, or the number at the end of its range."""
    if kind.startswith("f"):
        return np.nan
    return np.iinfo(kind).min if kind.startswith("i") else np.iinfo(kind).max
