"""What really happened: a table that people bring afterwards, read with every bad row named.

Columns: `hazard`; `region` (a code) or `lon`, `lat` and optionally `radius_km`; `start` and `end`, ISO 8601 with
offset; optionally `level`, `source` and `status` (`observed` or `reconstruction`). An empty `end` is an event that is
over at once.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.event_inputs import NEIGHBOURHOOD
from alerts.matching import Happening
from data.clock import iso, parse_time
from data.errors import RuleError
from data.model import Level
from data.regions import RegionIndex, locate
from data.store.tables import truth_event

NEEDED = ("hazard", "start")
STATUS = ("observed", "reconstruction")
MOST_BYTES = 20_000_000
FARTHEST_KM = 1000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class TrueEvent:
    """One event as somebody tells it."""

    hazard: str
    start_at: datetime
    end_at: datetime
    region: str = ""
    lon: float | None = None
    lat: float | None = None
    radius_km: float = 0.0
    level: Level = Level.NONE
    source: str = ""
    status: str = "observed"
    origin: Literal["people", "instruments"] = "people"  # who told of it

    @property
    def key(self) -> str:
        """A name made of what it says."""
        words = (
            self.hazard, self.region, self.lon, self.lat, self.radius_km, iso(self.start_at), iso(self.end_at),
            int(self.level),
        )  # fmt: skip
        return hashlib.sha256("\n".join(map(str, words)).encode()).hexdigest()

    def is_of(self, hazard: str) -> bool:
        """Whether a rule of this hazard is there for it: a truth of `rain` is also one of `rain.flash`."""
        return hazard == self.hazard or hazard.startswith(f"{self.hazard}.")


@dataclass(frozen=True, kw_only=True)
class Truth:
    """True events, and the rows that could not be used: (line, reason)."""

    events: tuple[TrueEvent, ...]
    rejected: tuple[tuple[int, str], ...] = ()


def read_truth(path: Path, index: RegionIndex) -> Truth:
    """A truth table from a file; RuleError as in `truth_of`, or where the file cannot be read."""
    try:
        return truth_of(path.read_bytes(), index)
    except OSError as error:
        raise RuleError(f"the truth table cannot be read: {error}") from error


def truth_of(body: bytes, index: RegionIndex) -> Truth:
    """A truth table.

    Raises
    ------
    RuleError
        Where nothing of it can be used.
    """
    if len(body) > MOST_BYTES:
        raise RuleError(f"the truth table is larger than {MOST_BYTES // 1_000_000} MB")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RuleError("the truth table is not text in UTF-8") from error
    lines = (line for line in io.StringIO(text, newline="") if not line.startswith("#"))
    reader = csv.DictReader(lines)
    missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise RuleError(f"the truth table lacks the column {', '.join(missing)}")
    events: dict[str, TrueEvent] = {}
    rejected: list[tuple[int, str]] = []
    try:
        for number, row in enumerate(reader, start=2):
            try:
                event = _event({name: (value or "").strip() for name, value in row.items() if name}, index)
            except ValueError as error:
                rejected.append((number, str(error)))
                continue
            events.setdefault(event.key, event)
    except csv.Error as error:
        raise RuleError(f"the truth table is not CSV: {error}") from error
    if rejected and not events:
        raise RuleError(f"no row of the truth table could be used; row {rejected[0][0]}: {rejected[0][1]}")
    ordered = sorted(events.values(), key=lambda item: (item.start_at, item.key))
    return Truth(events=tuple(ordered), rejected=tuple(rejected))


def _event(row: Mapping[str, str], index: RegionIndex) -> TrueEvent:
    hazard, region = row.get("hazard", ""), row.get("region", "")
    if not hazard:
        raise ValueError("hazard is missing")
    lon, lat = _number(row, "lon"), _number(row, "lat")
    if region and index.by_code(region) is None:
        raise ValueError(f"no region has the code {region}")
    if not region and (lon is None or lat is None):
        raise ValueError("neither a region nor a point (lon, lat)")
    if lon is not None and not -180 <= lon <= 180:
        raise ValueError(f"lon {lon:g} is no longitude")
    if lat is not None and not -90 <= lat <= 90:
        raise ValueError(f"lat {lat:g} is no latitude")
    radius = _number(row, "radius_km") or 0.0
    if not 0 <= radius <= FARTHEST_KM:
        raise ValueError(f"radius_km is 0 to {FARTHEST_KM:g}")
    start = _time(row, "start")
    end = _time(row, "end") if row.get("end") else start
    if end < start:
        raise ValueError("it ends before it begins")
    status = row.get("status") or "observed"
    if status not in STATUS:
        raise ValueError(f"status is {' or '.join(STATUS)}, not {status}")
    return TrueEvent(
        hazard=hazard, start_at=start, end_at=end, region=region, lon=lon, lat=lat, radius_km=radius,
        level=Level.of(row["level"]) if row.get("level") else Level.NONE, source=row.get("source", ""), status=status,
    )  # fmt: skip


def _number(row: Mapping[str, str], name: str) -> float | None:
    if not row.get(name):
        return None
    try:
        value = float(row[name])
    except ValueError:
        raise ValueError(f"{name} is not a number: {row[name]}") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} is not a finite number")
    return value


def _time(row: Mapping[str, str], name: str) -> datetime:
    try:
        return parse_time(row.get(name, ""))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def happenings(
    events: Sequence[TrueEvent], index: RegionIndex, rids: NDArray[np.int32]
) -> list[tuple[TrueEvent, Happening]]:
    """Each event with those of the regions that it concerns: its own, those within, those around it, in reach.

    An event that concerns none of them is nobody's miss and is left out.
    """
    wanted = set(rids.tolist())
    found = []
    for event in events:
        codes = frozenset(str(index.code[rid]) for rid in _places(event, index, rids) & wanted)
        if codes:
            span = (event.start_at.timestamp(), event.end_at.timestamp())
            found.append(
                (event, Happening(id=event.key[:12], areas=codes, start=span[0], end=span[1], level=event.level))
            )
    return found


def _places(event: TrueEvent, index: RegionIndex, rids: NDArray[np.int32]) -> set[int]:
    if event.region:
        rid = index.by_code(event.region)
        return set() if rid is None else {*index.chain(rid), *index.descendants(rid)}
    assert event.lon is not None and event.lat is not None
    leaf = locate(event.lon, event.lat, base_dir=index.base_dir)
    found = set() if leaf is None else set(index.chain(leaf))
    if event.radius_km > 0:
        near = NEIGHBOURHOOD.near(index, rids, event.lon, event.lat, event.radius_km)
        found |= set(rids[near.region].tolist())
    return found


def store_truth(connection: Connection, events: Sequence[TrueEvent], *, by: str, at: datetime) -> int:
    """Keep true events; one that is there already stays as it is. Returns how many are new."""
    keys = {event.key: event for event in events}
    table = truth_event.c
    held = set(connection.execute(sa.select(table.key).where(table.key.in_(list(keys)))).scalars())
    rows = [
        {
            "key": key, "hazard": event.hazard, "region": event.region, "lon": event.lon, "lat": event.lat,
            "radius_km": event.radius_km, "start_at": event.start_at, "end_at": event.end_at,
            "level": int(event.level), "source": event.source, "status": event.status, "added_at": at, "added_by": by,
        }
        for key, event in keys.items()
        if key not in held
    ]  # fmt: skip
    if rows:
        connection.execute(truth_event.insert(), rows)
    return len(rows)


def stored_truth(connection: Connection, since: datetime, until: datetime) -> list[TrueEvent]:
    """The true events that touch a time, earliest first."""
    table = truth_event.c
    query = sa.select(truth_event).where(table.start_at < until, table.end_at >= since).order_by(table.start_at)
    return [
        TrueEvent(
            hazard=row.hazard, start_at=row.start_at, end_at=row.end_at, region=row.region, lon=row.lon, lat=row.lat,
            radius_km=row.radius_km or 0.0, level=Level(row.level), source=row.source, status=row.status,
        )
        for row in connection.execute(query)
    ]  # fmt: skip
