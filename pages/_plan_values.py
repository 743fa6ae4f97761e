"""What the Plan page reads: the series there are, the step in question, and one number for each region of a kind."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data.derived import is_derived
from data.regions import KINDS, RegionIndex
from data.store.changes import read_versions
from data.store.field_series import Series, SeriesKey, best_steps, key_of, list_series
from data.store.fields import find_step
from data.store.tables import field_step
from layers.layer import RegionValues
from pages._context import Context

KEPT_TABLES = 48
SLOW = re.compile(r"^population|_annual_max$|_normal$|_return_level_\d+y$|_return_period$")
WEIGHTED = ("mean", "p90", "share_above")  # statistics that people can weigh
LIMITED = {"share_above": "share", "people_above": "people"}  # those of a limit, as `layers.region_table` calls them
FINEST = ("cn-county", "us-county", "admin1", "country")


@dataclass(frozen=True, kw_only=True)
class Question:
    """What one table answers."""

    step: int
    kind: str
    statistic: str
    above: float | None = None
    people: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """The numbers of a question, with the row of the step that they were computed from."""

    question: Question
    row: Any  # of field_step
    values: RegionValues

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Regions that the grid reaches."""
        return self.values.watched

    @property
    def unknown(self) -> NDArray[np.bool_]:
        return self.values.watched & np.isnan(self.values.value)


class ValueReader:
    """Answers questions, each once while it is remembered: a step never changes under its number."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._kept: OrderedDict[Question, Answer] = OrderedDict()
        self._series: tuple[int, list[Series]] | None = None

    def series(self) -> list[Series]:
        """Every series by quantity, then by source; read anew when a field came or went."""
        with self._context.store.read() as connection:
            version = read_versions(connection).get("fields", 0)
            with self._lock:
                if self._series is not None and self._series[0] == version:
                    return self._series[1]
            found = list_series(connection)
        found.sort(key=lambda one: (one.key.quantity, one.key.source, one.key.accumulation_s))
        with self._lock:
            self._series = (version, found)
        return found

    def step(self, key: SeriesKey, wanted: int | None) -> Any | None:
        """The step wanted where it is of this series, else the latest."""
        with self._context.store.read() as connection:
            row = None if wanted is None else find_step(connection, wanted)
            if row is not None and key_of(row) == key:
                return row
            return latest(connection, key, self._context.clock())

    def answer(self, row: Any, question: Question) -> Answer:
        """Region values of a step.

        Raises
        ------
        TocsinError
            If the step has left the archive, or the statistic cannot be taken of it.
        """
        with self._lock:
            if question in self._kept:
                self._kept.move_to_end(question)
                return self._kept[question]
        answer = Answer(question=question, row=row, values=self._compute(row, question))
        with self._lock:
            self._kept[question] = answer
            while len(self._kept) > KEPT_TABLES:
                self._kept.popitem(last=False)
        return answer

    def _compute(self, row: Any, question: Question) -> RegionValues:
        from layers.region_table import region_table

        context = self._context
        word, people = question.statistic, question.people and question.statistic in WEIGHTED
        if word in LIMITED:
            word = f"{LIMITED[word]}:{question.above or 0.0:f}"
        settings = context.settings
        return region_table(
            context.store, settings.home, settings.base_dir, row, question.kind, word, population=people
        )  # fmt: skip


def latest(connection: Any, key: SeriesKey, now: datetime) -> Any | None:
    """The newest analysis; of a series of forecasts only, the last step that is not ahead, or the first of all."""
    analyses = best_steps(connection, key, forecast=False, limit=1)
    if analyses:
        return analyses[-1]
    steps = best_steps(connection, key)
    return next((row for row in reversed(steps) if row.valid_at <= now), steps[0] if steps else None)


def default_kind(bounds: tuple[float, float, float, float], regions: RegionIndex) -> str:
    """The finest kind of which at least half lies within a series; countries for a field of the whole world."""
    west, south, east, north = bounds
    inside = (regions.lon >= west) & (regions.lon <= east) & (regions.lat >= south) & (regions.lat <= north)
    kinds = [kind for kind in KINDS if len(regions.of_kind(kind))]
    if east - west > 180.0 and "country" in kinds:
        return "country"
    for kind in FINEST:
        if kind in kinds and inside[regions.of_kind(kind)].mean() >= 0.5:
            return kind
    return max(kinds, key=lambda kind: int(inside[regions.of_kind(kind)].sum()))


def pick(series: Sequence[Series], key: str) -> Series | None:
    """The series of a key, or the freshest of the weather where none is named; None where the named one is not here.

    What changes slower than the weather (people, yearly extremes) is proposed only where there is nothing else.
    """
    if not key:
        return max(series, key=_freshness, default=None)
    return next((one for one in series if str(one.key) == key), None)


def _freshness(one: Series) -> tuple[bool, bool, datetime]:
    return not SLOW.search(one.key.quantity), not is_derived(one.key.source), one.received_at


def last_received(context: Context) -> datetime | None:
    """When a step of any series came last: for what is said of an empty page."""
    with context.store.read() as connection:
        at: datetime | None = connection.execute(sa.select(sa.func.max(field_step.c.received_at))).scalar()
        return at
