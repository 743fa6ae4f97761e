"""A store of survey records, opened: exact counts of any tile, polygon or region, and the records themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from layers.kernels.survey import keys_of_cells
from layers.survey.build import MANIFEST, read_manifest
from layers.survey.choice import Choice, choose
from layers.survey.plan import CUBE_LEVELS, TOTAL_LEVELS
from layers.survey.schema import Schema
from layers.survey.segment import Segment

LAST_ZOOM = 24  # beyond it cells are smaller than a key
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Tally:
    """Exact counts: by combination of facets and by declared region, 0 being those without one."""

    schema: Schema
    combinations: Counts
    regions: Counts

    @property
    def total(self) -> int:
        return int(self.combinations.sum())

    def by_facet(self, name: str) -> dict[str, int]:
        """Counts by value of a facet; "" is a record without a known one. Values that do not occur are left out."""
        places = [facet.name for facet in self.schema.facets].index(name)
        table = self.table().sum(axis=tuple(axis for axis in range(len(self.schema.facets)) if axis != places))
        return _named(self.schema.facets[places].values, table)

    def table(self) -> Counts:
        """One axis a facet, in the schema's order; the first entry of each is "no value"."""
        return self.combinations.reshape([len(facet.values) + 1 for facet in self.schema.facets])

    def by_region(self) -> dict[str, int]:
        """Counts by declared region; "" is none, or one that is not known. Regions without records are left out."""
        return _named(self.schema.regions, self.regions)


def _named(words: tuple[str, ...], counts: Counts) -> dict[str, int]:
    return {word: count for word, count in zip(("", *words), counts.tolist(), strict=True) if count}


class Store:
    """What a folder holds now; open another one when `is_current` says no."""

    def __init__(self, folder: Path) -> None:
        manifest = read_manifest(folder)
        if manifest is None:
            raise LayerError(f"{folder}: no store of survey records")
        self.folder, self.manifest = folder, manifest
        self.schema = Schema.from_json(manifest["schema"])
        self.segments, self.withdrawn = _segments(folder / "segments", self.schema, manifest["segments"])
        self.stamp = f"{(folder / MANIFEST).stat().st_mtime_ns:x}"

    @property
    def rows(self) -> int:
        return sum(-int(one["rows"]) if one.get("of") else int(one["rows"]) for one in self.manifest["segments"])

    @property
    def signed(self) -> list[tuple[Segment, int]]:
        """Segments whose records count, and with -1 those whose records are taken off again."""
        return [(one, 1) for one in self.segments] + [(one, -1) for one in self.withdrawn]

    @property
    def bounds(self) -> list[float] | None:
        """West, south, east and north of all records [degrees]; None where there is none."""
        boxes = np.array([one["bounds"] for one in self.manifest["segments"] if one["bounds"]])
        return [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()] if len(boxes) else None

    @property
    def is_current(self) -> bool:
        """Whether the folder still says what it said when this was opened."""
        return f"{(self.folder / MANIFEST).stat().st_mtime_ns:x}" == self.stamp

    @property
    def everything(self) -> Choice:
        return choose(self.schema)

    def grid(self, zoom: int, x: int, y: int, choice: Choice | None = None) -> NDArray[np.uint32]:
        """Records in the cells of a map tile.

        Parameters
        ----------
        zoom, x, y : int
            As web maps number them.
        choice : Choice, optional

        Returns
        -------
        array of uint32
            (256, 256), north first; (128, 128) where a choice is made of a tile that is counted beforehand.

        Raises
        ------
        LayerError
            If there is no such tile.
        """
        tile = tile_number(zoom, x, y)
        choice = choice or self.everything
        counted = not choice.everything and any(one.is_counted(zoom, tile) for one, _ in self.signed)
        side = 1 << (CUBE_LEVELS if counted else TOTAL_LEVELS)
        grid = np.zeros((side, side), np.uint32)
        for segment in self.segments:
            segment.add_tile(zoom, tile, choice, grid)
        if self.withdrawn:
            off = np.zeros_like(grid)
            for segment in self.withdrawn:
                segment.add_tile(zoom, tile, choice, off)
            grid -= off
        return grid

    def tally(self, choice: Choice | None = None) -> Tally:
        """Counts of the whole store, from the table that a build leaves."""
        choice = choice or self.everything
        cross = np.zeros((len(self.schema.regions) + 1) * self.schema.combinations, np.int64)
        for segment, sign in self.signed:
            cross[segment.cross_at] += sign * segment.cross
        table = cross.reshape(-1, self.schema.combinations)
        table = table * choice.combinations[: self.schema.combinations] * choice.regions[: len(table), np.newaxis]
        return Tally(self.schema, table.sum(axis=0), table.sum(axis=1))

    def empty_counts(self) -> tuple[Counts, Counts]:
        """Where counts by combination and by region are added up."""
        bits = self.schema
        return np.zeros(1 << bits.combination_bits, np.int64), np.zeros(1 << bits.region_bits, np.int64)

    def tally_of(self, counts: tuple[Counts, Counts]) -> Tally:
        """What was added up."""
        combinations, regions = counts
        return Tally(self.schema, combinations[: self.schema.combinations], regions[: len(self.schema.regions) + 1])


def _segments(folder: Path, schema: Schema, entries: Sequence[Any]) -> tuple[list[Segment], list[Segment]]:
    """The segments with records, each knowing what is taken off it; and all that is taken off."""
    off = [(one["of"], Segment(folder / one["name"], schema)) for one in entries if one.get("of")]
    served = [
        Segment(folder / one["name"], schema, [segment for name, segment in off if name == one["name"]])
        for one in entries if not one.get("of")
    ]  # fmt: skip
    return served, [segment for _, segment in off]


def tile_number(zoom: int, x: int, y: int) -> int:
    """The Morton number of a map tile; LayerError for one that there is not."""
    side = 1 << min(max(zoom, 0), LAST_ZOOM)
    if not (0 <= zoom <= LAST_ZOOM and 0 <= x < side and 0 <= y < side):
        raise LayerError(f"no such tile: {zoom}/{x}/{y}")
    out: NDArray[Any] = np.empty(1, np.uint64)
    keys_of_cells(np.array([x], np.uint64), np.array([y], np.uint64), out)
    return int(out[0])
