"""One number for each region of a kind, from one stored step, on demand: any statistic, also weighted by people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from data.grid import bounds_of
from data.regions import KINDS, load_regions
from data.store.engine import Store
from data.store.fields import StepArray
from layers.impact.people import find_population
from layers.layer import RegionValues
from layers.population import People, people_on
from layers.step_values import open_values
from layers.zonal import Weights, load_weights, percentiles, reduce_field, region_values, weights_path

PLAIN = ("mean", "area_mean", "sum", "max", "min")
WORDS = ", ".join(PLAIN) + ", p0 to p100, share:LIMIT, people:LIMIT"
NO_PEOPLE = "no population grid in the archive meets this field"


@dataclass(frozen=True)
class Statistic:
    """A statistic as written: `mean`, `p90`, `share:25` (of the area at or above 25), `people:25` (how many)."""

    name: str  # one of PLAIN, percentile, share, people
    number: float = float("nan")  # of a percentile, or the limit

    @classmethod
    def of(cls, text: str) -> Statistic:
        """The statistic that a text names; LayerError for any other."""
        if text in PLAIN:
            return cls(text)
        if found := re.fullmatch(r"p(\d{1,3}(?:\.\d+)?)", text):
            if float(found[1]) <= 100:
                return cls("percentile", float(found[1]))
        elif found := re.fullmatch(r"(share|people):(-?\d+(?:\.\d+)?)", text):
            return cls(found[1], float(found[2]))
        raise LayerError(f"statistic {text[:40]!r} is not one of {WORDS}")


def region_table(
    store: Store,
    home: Path,
    base_dir: Path,
    step_row: Any,
    kind: str,
    statistic: str,
    *,
    population: bool = False,
) -> RegionValues:
    """A statistic of a stored step for every region of a kind.

    Parameters
    ----------
    step_row : row of field_step
    kind : str
        One of `data.regions.KINDS`.
    statistic : str
        See `Statistic`.
    population : bool
        Weigh cells by the people in them: mean, percentile and share. `people:LIMIT` always does.

    Returns
    -------
    RegionValues
        NaN where no cell is known; with people also where nobody is known to live. `valid_share` is then the share of
        the people whose cells have a value, times the share of the area for which people are known.

    Raises
    ------
    LayerError
        For an unknown kind or statistic, one that cannot be weighed by people, or without a population grid.
    StoreError
        If the step cannot be read.
    """
    wanted = Statistic.of(statistic)
    if kind not in KINDS:
        raise LayerError(f"kind {kind[:40]!r} is not one of {', '.join(KINDS)}")
    if population and wanted.name in ("sum", "max", "min", "area_mean"):
        raise LayerError(f"{statistic} does not depend on people: mean, percentile and share do")
    step, values = open_values(home, step_row)
    weights = _weights_of_kind(home, base_dir, kind, step)
    if population or wanted.name == "people":
        people = _people(store, home, step)
        return _weighted(step, values, weights, people, wanted)
    return _plain(step, values, weights, wanted)


def _weights_of_kind(home: Path, base_dir: Path, kind: str, step: StepArray) -> Weights:
    """Weights of one kind, out of those of all kinds where the engine has built them."""
    if not weights_path(home, base_dir, KINDS, step.row.grid).exists():
        return load_weights(home, base_dir, [kind], step.lon, step.lat)
    every = load_weights(home, base_dir, KINDS, step.lon, step.lat)
    chosen = np.flatnonzero(load_regions(base_dir).kind[every.rid] == kind)
    return select(every, chosen)


def select(weights: Weights, chosen: NDArray[np.intp]) -> Weights:
    """The weights of some regions, by their places, in order."""

    def ranges(at: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        length = at[chosen + 1] - at[chosen]
        ends = np.append(0, np.cumsum(length))
        return np.repeat(at[chosen] - ends[:-1], length) + np.arange(ends[-1]), ends

    run, run_at = ranges(weights.run_at)
    edge, edge_at = ranges(weights.edge_at)
    return replace(
        weights, rid=weights.rid[chosen], inside=weights.inside[chosen], run_at=run_at, edge_at=edge_at,
        run_first=weights.run_first[run], run_length=weights.run_length[run], edge_cell=weights.edge_cell[edge],
        edge_weight=weights.edge_weight[edge],
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class _Field:
    quantity: str
    unit: str
    valid_at: datetime
    values: NDArray[np.float32]


def _plain(step: StepArray, values: NDArray[np.float32], weights: Weights, wanted: Statistic) -> RegionValues:
    names: Mapping[str, str] = {"area_mean": "mean", "share": "share_above"}
    options: dict[str, Any] = {"by_area": wanted.name == "area_mean"}
    if wanted.name == "percentile":
        options["percentile"] = wanted.number
    if wanted.name == "share":
        options["above"] = wanted.number
    row = step.row
    named = _Field(quantity=row.quantity, unit=row.unit, valid_at=row.valid_at, values=values)
    return region_values(
        named, weights, names.get(wanted.name, wanted.name), sources=(str(step.row.source),), **options
    )


def _weighted(
    step: StepArray, values: NDArray[np.float32], weights: Weights, people: People, wanted: Statistic
) -> RegionValues:
    count = people.count.astype(np.float64)
    valued = np.where(np.isnan(values), np.nan, count)

    def total(cells: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(reduce_field(cells, weights)[:, 0])

    everyone, reached = total(count), total(valued)
    everything = reduce_field(values, weights)[:, 2]
    if wanted.name == "mean":
        found = total(values * count)
    elif wanted.name == "percentile":
        found = percentiles(values, weights, wanted.number, people=count)
    else:
        found = total(np.where(values >= wanted.number, valued, valued * 0.0))
    known, nothing = reached > 0, np.full(everyone.shape, np.nan)
    if wanted.name in ("mean", "share"):
        found = np.divide(found, reached, out=nothing.copy(), where=known)
    area = np.divide(total(people.known.astype(np.float64)), everything, out=np.zeros_like(nothing),
                     where=everything > 0)  # fmt: skip
    share = np.divide(reached, everyone, out=np.zeros_like(nothing), where=everyone > 0)
    watched = everything > 0
    unit = {"share": "1", "people": "1"}.get(wanted.name, step.row.unit)
    return RegionValues(
        quantity=step.row.quantity, unit=unit, rid=weights.rid, value=np.where(known, found, np.nan),
        observed_at=np.where(watched, step.row.valid_at.timestamp(), np.nan), watched=watched,
        valid_share=np.clip(share * area, 0.0, 1.0) * weights.inside, sources=(str(step.row.source),),
    )  # fmt: skip


def _people(store: Store, home: Path, step: StepArray) -> People:
    with store.read() as connection:
        rows = find_population(connection, bounds_of(step.lon, step.lat))
    if not rows:
        raise LayerError(NO_PEOPLE)
    return _resampled(_Request(home, tuple(row.id for row in rows), step.row.grid, rows, step))


@dataclass(frozen=True)
class _Request:
    """People on a grid; the same for the same steps and grid."""

    home: Path
    steps: tuple[int, ...]
    grid: str
    rows: list[Any] = field(compare=False)
    on: StepArray = field(compare=False)


@lru_cache(maxsize=2)
def _resampled(wanted: _Request) -> People:
    return people_on(wanted.home, wanted.rows, wanted.on.lon, wanted.on.lat)
