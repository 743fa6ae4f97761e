"""Scenarios made from small tables that people can read: facts in, payloads in the forms that our feeds read out.

`make:` in a scenario's folder lists what is made: `readings` (a table of values by hour and station), `quakes`
(solutions of networks, as the USGS feed would have told them), `cyclone_wind` and `track` (from a best track).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from alerts.scenario import FEEDS, HEAD, ISSUED, PAYLOADS, TRUTH, stamp, write_scenario
from alerts.scenario_cyclone import GUST, fix_at, read_track, wind_ms
from alerts.scenario_file import read_scenario
from data.clock import iso, parse_duration, parse_time
from data.errors import ConfigError
from data.settings import ROOT

BUILTIN = ROOT / "data" / "reference" / "scenarios"
HOUR = timedelta(hours=1)
PLACE = ("station", "name", "lon", "lat")
Row = Mapping[str, str]
Payloads = Iterator[tuple[datetime, str, bytes]]  # received, name, bytes


def build(folder: Path, out: Path) -> Path:
    """The zip of a folder of sources; the same sources give the same bytes.

    Raises
    ------
    ConfigError
        With what is wrong in the sources.
    """
    try:
        members = _members(folder)
    except (KeyError, ValueError, TypeError, OSError, yaml.YAMLError, csv.Error) as error:
        raise ConfigError([f"{folder.name}: {type(error).__name__}: {error}"]) from error
    write_scenario(out, members)
    read_scenario(out)
    return out


def _members(folder: Path) -> dict[str, bytes]:
    head = yaml.safe_load((folder / HEAD).read_text(encoding="utf-8"))
    begin, end = parse_time(head["from"]), parse_time(head["to"])
    members: dict[str, bytes] = {FEEDS: (folder / FEEDS).read_bytes()}
    for item in head.pop("make"):
        for received_at, name, body in MAKERS[item["kind"]](folder, item, begin, end):
            if begin <= received_at <= end:
                members[f"{PAYLOADS}{item['feed']}/{stamp(received_at)}_{name}"] = body
    for name in (TRUTH, ISSUED):
        if (folder / name).is_file():
            members[name] = (folder / name).read_bytes()
    members[HEAD] = yaml.safe_dump(head, allow_unicode=True, sort_keys=False).encode()
    return members


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a table."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _readings(folder: Path, item: Mapping[str, Any], _begin: datetime, _end: datetime) -> Payloads:
    """A payload for each time: what every station reported then."""
    delay = parse_duration(item["delay"])
    stations = rows_of(folder / item["stations"])
    found: dict[datetime, dict[str, dict[str, str]]] = {}
    for quantity, name in item["values"].items():
        for row in rows_of(folder / name):
            times = found.setdefault(parse_time(next(iter(row.values()))), {})
            for station in stations:
                if row[station["station"]]:
                    times.setdefault(station["station"], {})[quantity] = row[station["station"]]
    columns = (*PLACE, "time", *item["values"])
    for at, values in sorted(found.items()):
        rows = [
            {**_place(one), "time": iso(at), **values[one["station"]]} for one in stations if one["station"] in values
        ]
        yield at + delay, "readings.csv", _csv(columns, rows)


def _cyclone_wind(folder: Path, item: Mapping[str, Any], begin: datetime, end: datetime) -> Payloads:
    """A payload each hour: wind at the stations, from the track."""
    delay, track = parse_duration(item["delay"]), read_track(rows_of(folder / item["track"]))
    stations = rows_of(folder / item["stations"])
    at = begin
    while at <= end:
        fix = fix_at(track, at)
        rows = []
        for one in stations if fix else ():
            assert fix is not None
            wind = wind_ms(fix, float(one["lon"]), float(one["lat"])) * float(one["exposure"])
            rows.append(
                {**_place(one), "time": iso(at), "wind_speed": f"{wind:.1f}", "wind_gust": f"{wind * GUST:.1f}"}
            )
        if rows:
            yield at + delay, "wind.csv", _csv((*PLACE, "time", "wind_speed", "wind_gust"), rows)
        at += HOUR


def _track(folder: Path, item: Mapping[str, Any], _begin: datetime, _end: datetime) -> Payloads:
    """A payload for each fix: the centre as a station that moves."""
    delay = parse_duration(item["delay"])
    columns = (*PLACE, "time", "wind_kt", "pressure_hpa")
    for fix in rows_of(folder / item["track"]):
        row = {**fix, "station": str(item["station"]), "name": item["name"]}
        yield parse_time(fix["time"]) + delay, "track.csv", _csv(columns, [row])


def _quakes(folder: Path, item: Mapping[str, Any], begin: datetime, end: datetime) -> Payloads:
    """The summary feed as it stood each few minutes: the last told solution of each event, with the ids of all."""
    every, delay = parse_duration(item["every"]), parse_duration(item["delay"])
    solutions = sorted(rows_of(folder / item["solutions"]), key=lambda row: parse_time(row["told"]))
    at = begin
    while at + delay <= end:
        told: dict[str, list[Row]] = {}
        for row in solutions:
            if parse_time(row["told"]) <= at:
                told.setdefault(row["event"], []).append(row)
        features = [_feature(rows) for rows in told.values()]
        document = {
            "type": "FeatureCollection",
            "metadata": {"generated": _ms(at), "title": "reconstruction", "status": 200, "count": len(features)},
            "features": features,
        }
        yield at + delay, "quakes.geojson", json.dumps(document, ensure_ascii=False).encode()
        at += every


def _feature(rows: Sequence[Row]) -> dict[str, Any]:
    newest = rows[-1]
    ids = ",".join(row["id"] for row in reversed(rows))
    properties = {
        "mag": float(newest["mag"]), "magType": newest["mag_type"], "place": newest["place"],
        "title": f"M {float(newest['mag']):.1f} - {newest['place']}", "time": _ms(parse_time(newest["occurred"])),
        "updated": _ms(parse_time(newest["told"])), "status": newest["status"], "net": newest["net"],
        "type": "earthquake", "ids": f",{ids},", "sources": f",{','.join(row['net'] for row in rows)},", "url": "",
    }  # fmt: skip
    place = [float(newest["lon"]), float(newest["lat"]), float(newest["depth_km"])]
    return {
        "type": "Feature", "id": newest["id"], "properties": properties,
        "geometry": {"type": "Point", "coordinates": place},
    }  # fmt: skip


def _ms(at: datetime) -> int:
    return round((at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


def _place(station: Row) -> dict[str, str]:
    return {name: station[name] for name in PLACE}


def _csv(columns: Sequence[str], rows: Sequence[Row]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


MAKERS: Mapping[str, Callable[[Path, Mapping[str, Any], datetime, datetime], Payloads]] = {
    "readings": _readings, "cyclone_wind": _cyclone_wind, "track": _track, "quakes": _quakes,
}  # fmt: skip
