"""Scenarios: payloads with the times at which they were received, to be played again through the live code.

A scenario is a zip of

- `scenario.yaml`: what it is, from when to when, where its facts come from, what was observed and what reconstructed;
- `feeds.yaml`: the feeds, as the configuration names them;
- `payloads/<feed>/<received>_<name>`: bytes as they came, the time as `20210720T090300Z`;
- `deliveries.csv`, where it was recorded: the runs of the feeds in their order, those that brought nothing too;
- `rounds.csv`, where it was recorded: the evaluations of the rules, and how many deliveries each of them saw;
- `truth.csv` and `issued.csv`, where they are known: what happened, and what was really issued.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from data.clock import iso, parse_duration, parse_time

HEAD, FEEDS, DELIVERIES, ROUNDS = "scenario.yaml", "feeds.yaml", "deliveries.csv", "rounds.csv"
TRUTH, ISSUED, PAYLOADS, FILES = "truth.csv", "issued.csv", "payloads/", "files/"
DELIVERY_COLUMNS = ("at", "run", "source", "path", "received_at", "url", "name", "media_type", "outcome", "reason")
STAMP = "%Y%m%dT%H%M%S"
UNPACKED_AT = (1980, 1, 1, 0, 0, 0)  # the date of every member: equal content makes equal bytes


class Words(BaseModel):
    """A text in both languages."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    en: str
    zh: str


class Origin(BaseModel):
    """Where a fact comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str
    gives: str = ""
    url: str = ""
    read_on: date | None = None


class Head(BaseModel):
    """What `scenario.yaml` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,79}$")
    title: Words
    begin: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    counts_from: datetime | None = None  # what comes before only warms up: its transitions are not told
    status: str = Field(pattern="^(recorded|reconstruction)$")
    about: Words
    sources: tuple[Origin, ...] = ()
    observed: tuple[str, ...] = ()
    reconstructed: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()  # packs such as `cma/rainstorm.yaml`; all of them where none is named
    switch_on: tuple[str, ...] = ()  # rules that are off until an office wants them
    period: timedelta = timedelta(seconds=10)
    show_from: datetime | None = None  # a demonstration runs up to here as fast as it can
    view: tuple[float, float, float] | None = None  # longitude, latitude, zoom at which the map opens
    zone: str = ""  # in which the times of an exercise are shown, where the office has set none

    @field_validator("begin", "end", "counts_from", "show_from", mode="before")
    @classmethod
    def _time(cls, value: Any) -> Any:
        return parse_time(value) if isinstance(value, str) else value

    @field_validator("period", mode="before")
    @classmethod
    def _duration(cls, value: Any) -> Any:
        return parse_duration(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _ordered(self) -> Head:
        times = [value for value in (self.begin, self.end, self.counts_from, self.show_from) if value is not None]
        if any(value.tzinfo is None for value in times):
            raise ValueError("every time carries its zone")
        if self.end <= self.begin:
            raise ValueError("`to` comes after `from`")
        if any(not self.begin <= value <= self.end for value in times):
            raise ValueError("counts_from and show_from are within the scenario")
        if self.zone and self.zone not in available_timezones():
            raise ValueError(f"not a time zone: {self.zone!r}")
        if self.view is not None and not (
            abs(self.view[0]) <= 180 and abs(self.view[1]) <= 90 and 0 <= self.view[2] <= 22
        ):
            raise ValueError("view: longitude, latitude and zoom")
        if self.period < timedelta(seconds=1):
            raise ValueError("period: at least 1 s")
        return self


@dataclass(frozen=True, kw_only=True)
class Part:
    """A payload of a scenario, not yet read."""

    path: str
    received_at: datetime
    url: str = ""
    name: str = ""
    media_type: str = ""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One run of a feed: what it brought at which time, or how it failed."""

    at: datetime
    source: str
    parts: tuple[Part, ...] = ()
    outcome: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Round:
    """One evaluation of the rules, and how many deliveries it had seen."""

    at: datetime
    seen: int


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A scenario, read but for the bytes of its payloads."""

    path: Path
    digest: str
    head: Head
    feeds: tuple[Mapping[str, Any], ...]
    deliveries: tuple[Delivery, ...]
    rounds: tuple[Round, ...] = ()  # empty: at the engine's rhythm, and after each delivery

    def text(self, name: str) -> str | None:
        """A member such as `truth.csv`, or None where there is none."""
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(name).decode("utf-8") if name in archive.namelist() else None

    def unpack_files(self, folder: Path) -> tuple[Mapping[str, Any], ...]:
        """The feeds, with the files that they name laid into a folder."""
        with zipfile.ZipFile(self.path) as archive:
            for name in archive.namelist():
                if name.startswith(FILES):
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / name.removeprefix(FILES)).write_bytes(archive.read(name))
        return tuple(_with_files(config, folder) for config in self.feeds)


def _with_files(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    found = dict(config)
    stations = found.get("stations")
    if isinstance(stations, Mapping) and str(stations.get("path", "")).startswith(FILES):
        found["stations"] = {**stations, "path": str(folder / str(stations["path"]).removeprefix(FILES))}
    return found


def stamp(at: datetime) -> str:
    """A time as it stands in the name of a payload."""
    at = at.astimezone(UTC)
    return at.strftime(STAMP) + (f".{at.microsecond:06d}" if at.microsecond else "") + "Z"


def read_stamp(text: str) -> datetime:
    """The time of a payload's name; ValueError for anything else."""
    form = f"{STAMP}.%fZ" if "." in text else f"{STAMP}Z"
    return datetime.strptime(text, form).replace(tzinfo=UTC)


def write_scenario(path: Path, members: Mapping[str, bytes]) -> None:
    """Write a scenario's zip; equal members give equal bytes."""
    partial = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, UNPACKED_AT), members[name], zipfile.ZIP_DEFLATED)
    partial.replace(path)


def table_bytes(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A CSV member."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: iso_micro(one) if isinstance(one, datetime) else one for key, one in row.items()})
    return out.getvalue().encode()


def iso_micro(at: datetime) -> str:
    """A time to the microsecond, as exact as it was kept."""
    return at.astimezone(UTC).isoformat() if at.microsecond else iso(at)
