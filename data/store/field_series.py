"""Series of field steps: what a time slider walks, which step is best at each time, and which runs came whole.

A series is all steps of one source, quantity, accumulation and grid, analyses and forecasts of all runs together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.store.tables import field_step

PARTS = ("source", "quantity", "accumulation_s", "grid")
PEERS = 7  # runs of the same hour that say how long such a run is: a week of daily ones
columns = field_step.c


@dataclass(frozen=True, order=True)
class SeriesKey:
    """The name of a series; its text is `source~quantity~accumulation_s~grid`."""

    source: str
    quantity: str
    accumulation_s: int
    grid: str

    def __str__(self) -> str:
        return f"{self.source}~{self.quantity}~{self.accumulation_s}~{self.grid}"

    @classmethod
    def of(cls, text: str) -> SeriesKey:
        """The key that a text names.

        Raises
        ------
        ValueError
            If it has not four parts or no whole number of seconds.
        """
        source, _, rest = text.partition("~")
        parts = rest.rsplit("~", 2)
        if len(parts) != 3 or not (source and all(parts)) or not (parts[1].isascii() and parts[1].isdigit()):
            raise ValueError(f"not the key of a series: {text[:200]!r}")
        return cls(source, parts[0], int(parts[1]), parts[2])


@dataclass(frozen=True)
class Series:
    """A series and what is known of it without opening a file."""

    key: SeriesKey
    unit: str
    title: str  # the provider's words for the quantity, "" where it gave none
    first_at: datetime
    last_at: datetime
    newest_run_at: datetime
    count: int  # of valid times
    forecast: bool  # whether any step is one
    bounds: tuple[float, float, float, float]  # west, south, east, north
    received_at: datetime  # of the newest delivery


@dataclass(frozen=True)
class Run:
    """The steps of one run that are here, and the valid times that should be and are not."""

    run_at: datetime
    forecast: bool
    steps: int
    first_at: datetime
    last_at: datetime
    missing: tuple[datetime, ...]

    @property
    def expected(self) -> int:
        return self.steps + len(self.missing)

    @property
    def whole(self) -> bool:
        return not self.missing


def key_of(row: Any) -> SeriesKey:
    """The series of a row of `field_step`."""
    return SeriesKey(row.source, row.quantity, row.accumulation_s, row.grid)


def in_series(key: SeriesKey) -> sa.ColumnElement[bool]:
    """The condition on `field_step` that a row belongs to a series."""
    return sa.and_(*(columns[part] == getattr(key, part) for part in PARTS))


def list_series(connection: Connection, *, quantity: str | None = None) -> list[Series]:
    """Every series, or those of one quantity, by key."""
    return _read_series(connection, sa.true() if quantity is None else columns.quantity == quantity)


def find_series(connection: Connection, key: SeriesKey) -> Series | None:
    """One series; None where it has no step."""
    return next(iter(_read_series(connection, in_series(key))), None)


def _read_series(connection: Connection, where: sa.ColumnElement[bool]) -> list[Series]:
    parts = [columns[part] for part in PARTS]
    group = (
        sa.select(
            *parts,
            sa.func.min(columns.valid_at, type_=columns.valid_at.type).label("first_at"),
            sa.func.max(columns.valid_at, type_=columns.valid_at.type).label("last_at"),
            sa.func.max(columns.run_at, type_=columns.run_at.type).label("newest_run_at"),
            sa.func.max(columns.received_at, type_=columns.received_at.type).label("newest_received_at"),
            sa.func.count(columns.valid_at.distinct()).label("count"),
            sa.func.max(sa.case((columns.forecast, 1), else_=0)).label("any_forecast"),
        )
        .where(where)
        .group_by(*parts)
        .subquery()
    )
    last = sa.and_(*(columns[part] == group.c[part] for part in PARTS), columns.valid_at == group.c.last_at)
    facts = [columns[name] for name in ("unit", "west", "south", "east", "north", "attributes")]
    query = sa.select(group, *facts).select_from(sa.join(group, field_step, last)).order_by(columns.run_at)
    found = {key_of(row): _series(row) for row in connection.execute(query)}  # the newest run of the last time stays
    return [found[key] for key in sorted(found)]


def _series(row: Any) -> Series:
    return Series(
        key=key_of(row), unit=row.unit, title=str(row.attributes.get("title", "")), first_at=row.first_at,
        last_at=row.last_at, newest_run_at=row.newest_run_at, count=row.count, forecast=bool(row.any_forecast),
        bounds=(row.west, row.south, row.east, row.north), received_at=row.newest_received_at,
    )  # fmt: skip


def best_steps(
    connection: Connection,
    key: SeriesKey,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    run_at: datetime | None = None,
    forecast: bool | None = None,
    limit: int = 10_000,
) -> list[sa.Row[Any]]:
    """Rows of `field_step`, oldest first, one for each valid time: analysis before forecast, then the newest run.

    Parameters
    ----------
    since, until : datetime, optional
        Valid times after `since`, up to and with `until`.
    run_at : datetime, optional
        Steps of this run only.
    forecast : bool, optional
        Forecasts only, or analyses only.
    limit : int
        Where there are more, the newest stay.
    """
    ranked = _ranked(key, since=since, until=until, run_at=run_at, forecast=forecast)
    query = sa.select(field_step).join(ranked, columns.id == ranked.c.id).where(ranked.c.place == 1)
    return list(connection.execute(query.order_by(columns.valid_at.desc()).limit(limit)))[::-1]


def best_ids(connection: Connection, key: SeriesKey, **within: Any) -> list[tuple[int, datetime]]:
    """Id and valid time of the steps that `best_steps` would give, without the rest of their rows."""
    ranked = _ranked(key, **within)
    query = sa.select(ranked.c.id, ranked.c.valid_at).where(ranked.c.place == 1).order_by(ranked.c.valid_at)
    return [(number, valid_at) for number, valid_at in connection.execute(query)]


def _ranked(
    key: SeriesKey,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    run_at: datetime | None = None,
    forecast: bool | None = None,
) -> sa.Subquery:
    """Ids with their place among the steps of the same valid time; the best has place 1."""
    conditions = [in_series(key)]
    conditions += [] if since is None else [columns.valid_at > since]
    conditions += [] if until is None else [columns.valid_at <= until]
    conditions += [] if run_at is None else [columns.run_at == run_at]
    conditions += [] if forecast is None else [columns.forecast == sa.literal(forecast)]
    order = (columns.forecast, columns.run_at.desc(), columns.id.desc())
    place = sa.func.row_number().over(partition_by=columns.valid_at, order_by=order).label("place")
    return sa.select(columns.id, columns.valid_at, place).where(*conditions).subquery()


def read_runs(connection: Connection, key: SeriesKey, *, limit: int = 1000) -> list[Run]:
    """The runs of a series, newest first, each with the valid times it lacks.

    Missing are the holes in a run's own usual steps, and the steps that most other runs of the same hour of the day
    have. What is older than everything kept of the series has been let go of and is not missing.
    """
    times: dict[datetime, list[datetime]] = {}
    forecasts: dict[datetime, bool] = {}
    query = sa.select(columns.run_at, columns.valid_at, columns.forecast).where(in_series(key))
    for run_at, valid_at, forecast in connection.execute(query.order_by(columns.run_at.desc(), columns.valid_at)):
        times.setdefault(run_at, []).append(valid_at)
        forecasts[run_at] = forecasts.get(run_at, False) or bool(forecast)
    first = min((found[0] for found in times.values()), default=None)
    runs = []
    for run_at, found in list(times.items())[:limit]:
        lacking = set(holes(found)) | (_usual_times(run_at, times) - set(found))
        missing = tuple(sorted(at for at in lacking if first is not None and at >= first))
        runs.append(Run(run_at, forecasts[run_at], len(found), found[0], found[-1], missing))
    return runs


def _usual_times(run_at: datetime, times: Mapping[datetime, Sequence[datetime]]) -> set[datetime]:
    """Valid times that a run would have if it were like most of its peers."""
    peers = [at for at in times if at != run_at and at.time() == run_at.time()]
    nearest = sorted(peers, key=lambda at: abs(at - run_at))[:PEERS]
    leads = Counter(valid_at - at for at in nearest for valid_at in times[at])
    return {run_at + lead for lead, count in leads.items() if 2 * count > len(nearest)}


def holes(times: Sequence[datetime]) -> tuple[datetime, ...]:
    """The times that lack in a rising sequence.

    Steps may become longer on the way, as in forecasts that go on in steps of three hours; a distance that is longer
    than a usual one after it, or that occurs once while others repeat, is a hole.
    """
    gaps = [later - earlier for earlier, later in pairwise(times)]
    usual = {gap for gap, count in Counter(gaps).items() if count > 1}
    found: list[datetime] = []
    for place, (start, gap) in enumerate(zip(times, gaps, strict=False)):
        after = [step for step in gaps[place + 1 :] if step in usual]
        before = [step for step in gaps[:place] if step in usual]
        step = min(after, default=gap) if gap in usual else (after or before[::-1] or [gap])[0]
        found += _between(start, gap, step)
    return tuple(found)


def _between(start: datetime, gap: timedelta, step: timedelta) -> list[datetime]:
    if step <= timedelta(0) or gap % step:
        return []
    return [start + number * step for number in range(1, gap // step)]
