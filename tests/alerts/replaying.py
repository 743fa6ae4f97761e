"""Small scenarios over the made-up country, and what of a replay's store is its final state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
from sqlalchemy.engine import Connection

from alerts.scenario import Scenario, stamp, write_scenario
from alerts.scenario_file import read_scenario
from data.clock import iso
from data.settings import Settings
from data.store.engine import open_store
from data.store.tables import event, level_snapshot, observation, proposal, rule_state, station, transition
from pages.past import rehearsal

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = 24
FEED = {
    "source": "station_table", "key": "rain", "url": "scenario:rain", "station": "id", "lon": "lon", "lat": "lat",
    "time": "time", "values": {"precipitation": {"column": "rain", "unit": "mm"}},
}  # fmt: skip
HEAD = {
    "name": "storm", "title": {"en": "Storm", "zh": "暴雨"}, "from": iso(BEGIN),
    "to": iso(BEGIN + timedelta(hours=HOURS)), "status": "reconstruction",
    "about": {"en": "Made up.", "zh": "虚构。"}, "rules": ["cma/rainstorm.yaml"],
}  # fmt: skip
STATIONS = (("s1", 100.5, 1.0), ("s2", 101.5, 0.6), ("s3", 102.5, 0.3))


def rain_at(hour: int) -> float:
    """A storm that rises to 60 mm an hour and goes again."""
    return max(0.0, 60.0 - 12.0 * abs(hour - 9))


def storm_members(head: Mapping[str, Any] | None = None, minutes: int = 3) -> dict[str, bytes]:
    """The storm, hourly at three stations and told minutes later; the third says nothing for some hours."""
    members = {
        "scenario.yaml": yaml.safe_dump({**HEAD, **(head or {})}, allow_unicode=True).encode(),
        "feeds.yaml": yaml.safe_dump([FEED]).encode(),
    }
    for hour in range(HOURS):
        at = BEGIN + timedelta(hours=hour)
        rows = [
            f"{name},{lon},21.0,{iso(at)},{rain_at(hour) * share:.1f}"
            for name, lon, share in STATIONS
            if name != "s3" or not 11 <= hour <= 15
        ]
        body = "id,lon,lat,time,rain\n" + "\n".join(rows) + "\n"
        members[f"payloads/rain/{stamp(at + timedelta(minutes=minutes))}_rain.csv"] = body.encode()
    return members


def late_storm_members(head: Mapping[str, Any], minutes: int) -> dict[str, bytes]:
    """The storm with what the first station measured in its worst hours told only later, all at once."""
    members, kept = storm_members(head, minutes), []
    for hour in (8, 9, 10):
        name = f"payloads/rain/{stamp(BEGIN + timedelta(hours=hour, minutes=minutes))}_rain.csv"
        lines = members[name].decode().splitlines(keepends=True)
        kept += [line for line in lines if line.startswith("s1,")]
        members[name] = "".join(line for line in lines if not line.startswith("s1,")).encode()
    at = BEGIN + timedelta(hours=13, minutes=47)
    members[f"payloads/rain/{stamp(at)}_rain.csv"] = ("id,lon,lat,time,rain\n" + "".join(kept)).encode()
    return members


def write_storm(path: Path, head: Mapping[str, Any] | None = None) -> Scenario:
    write_scenario(path, storm_members(head))
    return read_scenario(path)


def play(
    scenario: Path, home: Path, base_dir: Path, *, speed: float = 0.0, until: datetime | None = None,
    resume: bool = False, **more: Any,
) -> int:  # fmt: skip
    """The command `replay`, in a home of its own over the made-up country."""
    settings = Settings(home=home / "live", base_dir=base_dir)
    return rehearsal.run_replay(
        settings, str(scenario), home=home, speed=speed, until=until, resume=resume, as_json=True, **more
    )


def final_state(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything a replay decided and kept, without the numbers of rows."""
    wanted: Sequence[tuple[sa.Table, tuple[str, ...]]] = (
        (transition, ("at", "rule", "region", "from_phase", "to_phase", "from_level", "to_level", "reason", "value")),
        (proposal, ("created_at", "updated_at", "rule", "level", "reason", "regions", "state", "detail")),
        (rule_state, ("rule", "digest", "enabled", "loaded", "state")),
        (level_snapshot, ("at", "levels", "counts")),
        (observation, ("source", "station", "quantity", "observed_at", "value", "received_at")),
        (station, ("source", "id", "lon", "lat")),
        (event, ("source", "id", "magnitude", "revision", "same_as")),
    )
    store = open_store(f"sqlite:///{home / 'tocsin.db'}")
    with store.read() as connection:
        found = {table.name: _rows(connection, table, names) for table, names in wanted}
    store.close()
    return found


def _rows(connection: Connection, table: sa.Table, names: Sequence[str]) -> list[tuple[Any, ...]]:
    rows = connection.execute(sa.select(*[table.c[name] for name in names]))
    return sorted((tuple(row) for row in rows), key=repr)
