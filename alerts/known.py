"""What rules are checked against: the regions there are, and how often the data in the store come."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.check import Facts
from data.errors import ConfigError
from data.regions import load_regions
from data.store.engine import Store
from data.store.tables import field_step, observation

LOOKED_AT = timedelta(days=3)  # of data, for how often they come
MOST_ROWS = 4000  # of each quantity


def facts_of(store: Store | None, base_dir: Path | None, now: datetime) -> Facts:
    """What can be known here: regions where there is base data, steps where there is a store with data."""
    try:
        regions = load_regions(base_dir)
    except ConfigError:
        regions = None
    if store is None:
        return Facts(regions=regions)
    with store.read() as connection:
        return Facts(regions=regions, steps={**_of_stations(connection, now), **_of_fields(connection, now)})


def _of_stations(connection: Connection, now: datetime) -> dict[tuple[str, str], float]:
    """The usual time between two readings of one station, of the source where it is shortest."""
    table = observation.c
    found: dict[tuple[str, str], float] = {}
    recent = sa.and_(table.observed_at > now - LOOKED_AT, table.observed_at <= now)
    for quantity in connection.execute(sa.select(table.quantity).where(recent).distinct()).scalars().all():
        rows = connection.execute(
            sa.select(table.source, table.station, table.observed_at)
            .where(table.quantity == quantity, recent)
            .order_by(table.observed_at.desc())
            .limit(MOST_ROWS)
        ).all()
        series: dict[tuple[str, str], list[float]] = {}
        for row in rows:
            series.setdefault((row.source, row.station), []).append(row.observed_at.timestamp())
        gaps: dict[str, list[float]] = {}
        for (source, _), times in series.items():
            gaps.setdefault(source, []).extend((-np.diff(times)).tolist())
        usual = [float(np.median(values)) for values in gaps.values() if values]
        if usual:
            found[("stations", quantity)] = min(usual)
    return found


def _of_fields(connection: Connection, now: datetime) -> dict[tuple[str, str], float]:
    """The time between two steps of one series, of the series where it is shortest."""
    table = field_step.c
    query = (
        sa.select(table.quantity, table.source, table.grid, table.accumulation_s, table.run_at, table.valid_at)
        .where(table.valid_at > now - LOOKED_AT, table.valid_at <= now + LOOKED_AT)
        .order_by(table.valid_at.desc())
        .limit(MOST_ROWS)
    )
    series: dict[tuple[str, str, str, int], set[float]] = {}
    for row in connection.execute(query):
        key = (row.quantity, row.source, row.grid, row.accumulation_s)
        series.setdefault(key, set()).add(row.valid_at.timestamp())
    found: dict[tuple[str, str], float] = {}
    for (quantity, _, _, accumulation_s), times in series.items():
        gaps = np.diff(sorted(times))
        step = float(accumulation_s) or (float(np.median(gaps)) if len(gaps) else np.inf)
        if np.isfinite(step):
            name = ("field", quantity)
            found[name] = min(found.get(name, np.inf), step)
    return found
