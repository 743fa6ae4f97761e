"""Gridded values at a place: the statistic of a region, or the cell in the middle of anything smaller."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import numpy as np
import sqlalchemy as sa

from data.store.field_history import point_history
from data.store.field_series import Series, in_series, list_series
from data.store.tables import field_step
from layers.frame.item import Found, Item, Question
from layers.frame.notes import FIELDS_SILENT, NO_FIELD, VALUES_MISSING, note
from layers.region_history import read_history

GONE = "missing"


def fields(asked: Question) -> Found:
    """Values of every series whose grid reaches the place, by series, the newest first."""
    every = list_series(asked.connection)
    here = [one for one in every if _reaches(asked, one)]
    if not here:
        return Found(missing=(note(NO_FIELD),))
    items: list[Item] = []
    total, skip = 0, asked.offset
    silent = []
    for series in here:
        rows = _best(asked, series)
        if not rows:
            silent.append(series.title or series.key.quantity)
        wanted = asked.limit - len(items)
        if wanted > 0 and skip < len(rows):
            items += _values(asked, series, rows[skip : skip + wanted])
        skip, total = max(0, skip - len(rows)), total + len(rows)
    missing = [note(FIELDS_SILENT, names=", ".join(sorted(set(silent))))] if silent else []
    unknown = sum(item.value is None for item in items)
    if unknown:
        missing.append(note(VALUES_MISSING, n=unknown))
    return Found(items=items, total=total, missing=missing, as_of=max(one.received_at for one in here))


def _reaches(asked: Question, series: Series) -> bool:
    lon, lat = asked.place.middle
    west, south, east, north = series.bounds
    return south <= lat <= north and any(west <= lon + turn <= east for turn in (-360.0, 0.0, 360.0))


def _best(asked: Question, series: Series) -> list[Any]:
    """The best step at each valid time: analysis before forecast, then the newest run; the newest time first."""
    table = field_step.c
    query = sa.select(field_step).where(
        in_series(series.key), table.valid_at >= asked.start, table.valid_at < asked.end
    )
    order = (table.valid_at.desc(), table.forecast.asc(), table.run_at.desc(), table.id.desc())
    best: dict[Any, Any] = {}
    for row in asked.connection.execute(query.order_by(*order)):
        best.setdefault(row.valid_at, row)
    return list(best.values())


def _values(asked: Question, series: Series, rows: list[Any]) -> list[Item]:
    lon, lat = asked.place.middle
    if asked.place.rid is None:
        found = point_history(asked.home, rows, lon, lat)
        values = [None if np.isnan(value) else float(value) for value in found]
        return [_item(series, row, value, (lon, lat), "cell") for row, value in zip(rows, values, strict=True)]
    since, until = rows[-1].valid_at, rows[0].valid_at
    points = read_history(
        asked.store, asked.home, series.key, asked.place.rid, "mean", since=since - timedelta(microseconds=1),
        until=until, base_dir=asked.base_dir,
    )  # fmt: skip
    known = {point.valid_at: point.value for point in points}
    return [_item(series, row, known.get(row.valid_at), None, "mean of the region") for row in rows]


def _item(series: Series, row: Any, value: float | None, place: tuple[float, float] | None, what: str) -> Item:
    facts = {
        "quantity": row.quantity, "statistic": what, "forecast": bool(row.forecast), "run": row.run_at.isoformat(),
        "accumulation_s": row.accumulation_s,
    }  # fmt: skip
    quality = GONE if value is None else ("forecast" if row.forecast else "analysis")
    return Item(
        kind="fields", id=str(row.id), title=series.title or row.quantity, source=row.source, at=row.valid_at,
        place=place, value=value, unit=row.unit, quality=quality, known_at=row.received_at, facts=facts,
        link="/plan?" + urlencode({"series": str(series.key), "step": row.id}),
    )  # fmt: skip
