"""Where a reading is heading: its slope with its error, and when it would reach the next levels at this rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.rule import Rule, RuleInput
from data.model import Level, Quality
from data.store.engine import Store
from data.store.field_series import key_of
from data.store.tables import field_step, observation
from data.units import factor_offset
from layers.region_history import read_history

SPAN = timedelta(hours=3)  # readings before the newest that the slope is taken from
LEAST, MOST = 3, 60  # readings
FARTHEST = timedelta(hours=48)  # a slope says nothing of later times

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Reach:
    """When a trigger would be reached. `soonest` and `latest` are by the slope more and less its error."""

    level: Level
    trigger: float
    in_s: float
    soonest_s: float
    latest_s: float | None  # None: by the least slope it would not be reached within two days
    by: str  # readings, or forecast


@dataclass(frozen=True, kw_only=True)
class Trend:
    """The course of a station's last readings; `per_hour` with its standard error, in the unit of the input."""

    per_hour: float
    error: float
    readings: int
    span_s: float
    reaches: tuple[Reach, ...] = ()


def slope_of(at: Floats, value: Floats) -> tuple[float, float]:
    """The slope of a straight line through readings, and its standard error.

    Parameters
    ----------
    at : array
        (m,) times [s], at least three that are not all the same.
    value : array
        (m,) [unit]

    Returns
    -------
    slope, error : float
        [unit/h] By least squares; the error is that of readings which scatter alike and independently about the line.

    References
    ----------
    .. [1] N. R. Draper and H. Smith, Applied Regression Analysis, 3rd ed., Wiley 1998, section 1.3 and 1.4.
    """
    from scipy.stats import linregress

    found = linregress((at - at[-1]) / 3600.0, value)
    return float(found.slope), float(found.stderr)


def reach_of(level: Level, trigger: float, direction: str, value: float, slope: float, error: float) -> Reach | None:
    """When a value that moves on like this meets a trigger; None where it does not within two days, or is past it."""
    sign = 1.0 if direction == "above" else -1.0
    gap, rate = sign * (trigger - value), sign * slope
    if gap <= 0 or rate <= error or gap / rate * 3600.0 > FARTHEST.total_seconds():
        return None
    slow = gap / (rate - error) * 3600.0
    return Reach(
        level=level, trigger=trigger, in_s=gap / rate * 3600.0, soonest_s=gap / (rate + error) * 3600.0,
        latest_s=slow if slow <= FARTHEST.total_seconds() else None, by="readings",
    )  # fmt: skip


def trend_of(rule: Rule, name: str, at: Floats, value: Floats) -> Trend | None:
    """The trend of an input's readings; None with fewer than three, or all at one time.

    `value` is what the rule compares, so less a gauge's own stage where the rule takes it off. A slope that is not
    larger than its error reaches nothing.
    """
    if len(at) < LEAST or at[0] == at[-1]:
        return None
    slope, error = slope_of(at, value)
    reaches = (
        reach_of(Level.of(key), float(leaf.trigger), leaf.direction, float(value[-1]), slope, error)
        for key, level in rule.levels.items()
        for leaf in level.leaves()
        if leaf.input == name and leaf.trigger is not None
    )
    return Trend(
        per_hour=slope, error=error, readings=len(at), span_s=float(at[-1] - at[0]),
        reaches=tuple(sorted((one for one in reaches if one is not None), key=lambda one: one.in_s)),
    )  # fmt: skip


def forecast_reaches(
    limits: Iterable[tuple[Level, float, str]], now: datetime, course: Iterable[tuple[datetime, float]]
) -> tuple[Reach, ...]:
    """When a forecast first meets each trigger (level, number, direction): by its steps, which have no spread."""
    ahead = [(at, value) for at, value in course if at > now]
    found = []
    for level, trigger, direction in limits:
        over = [at for at, value in ahead if (value >= trigger if direction == "above" else value <= trigger)]
        if over:
            wait = (min(over) - now).total_seconds()
            found.append(
                Reach(level=level, trigger=trigger, in_s=wait, soonest_s=wait, latest_s=wait, by="forecast")
            )  # fmt: skip
    return tuple(sorted(found, key=lambda one: one.in_s))


def forecast_course(
    store: Store, home: Path, base_dir: Path, rid: int, quantity: str, unit: str, now: datetime
) -> list[tuple[datetime, float]]:
    """What is forecast of a quantity in a region, the largest of its cells at each time; empty where nothing is."""
    with store.read() as connection:
        table = field_step.c
        newest = (
            sa.select(field_step)
            .where(table.quantity == quantity, table.forecast, table.accumulation_s == 0, table.valid_at > now)
            .order_by(table.run_at.desc(), table.valid_at)
            .limit(1)
        )
        row = connection.execute(newest).first()
    if row is None:
        return []
    points = read_history(
        store, home, key_of(row), rid, "max", since=now, until=now + FARTHEST, base_dir=base_dir
    )  # fmt: skip
    factor, offset = factor_offset(row.unit, unit)
    return [(one.valid_at, one.value * factor + offset) for one in points if one.value is not None]


def station_trend(
    connection: Connection, rule: Rule, name: str, source: str, native: str, newest: datetime, shown: float
) -> Trend | None:
    """The trend of the station behind an input; `shown` is what the rule compares its newest reading as."""
    item: RuleInput = rule.inputs[name]
    if item.accumulate != "latest" or item.over is not None:
        return None
    table = observation.c
    rows: Sequence[Any] = connection.execute(
        sa.select(table.observed_at, table.value, table.unit)
        .where(
            table.source == source, table.quantity == item.quantity, table.station == native,
            table.quality == Quality.GOOD.value, table.value.is_not(None),
            table.observed_at > newest - SPAN, table.observed_at <= newest,
        )
        .order_by(table.observed_at.desc())
        .limit(MOST)
    ).all()  # fmt: skip
    rows = list(reversed(rows))
    if not rows:
        return None
    at = np.array([row.observed_at.timestamp() for row in rows])
    value = np.array([_in_unit(row, item.unit) for row in rows])
    return trend_of(rule, name, at, value + (shown - value[-1]))


def _in_unit(row: Any, unit: str) -> float:
    factor, offset = factor_offset(row.unit, unit)
    return float(row.value) * factor + offset
