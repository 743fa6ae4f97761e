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
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from data.clock import iso, parse_duration, parse_time
from data.errors import ConfigError

HEAD, FEEDS, DELIVERIES, ROUNDS = "scenario.yaml", "feeds.yaml", "deliveries.csv", "rounds.csv"
TRUTH, ISSUED, PAYLOADS, FILES = "truth.csv", "issued.csv", "payloads/", "files/"
DELIVERY_COLUMNS = ("at", "run", "source", "path", "received_at", "url", "name", "media_type", "outcome", "reason")
LARGEST_MEMBER, LARGEST_WHOLE = 1 << 30, 64 << 30
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


def read_scenario(path: Path) -> Scenario:
    """A scenario from its zip.

    Raises
    ------
    ConfigError
        With every fault found.
    """
    faults: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, faults)
            if faults:
                raise ConfigError(faults)
            head = _read_head(archive, faults)
            feeds = _read_feeds(archive, faults)
            keys = {str(config.get("key") or config.get("source")) for config in feeds}
            deliveries = _read_deliveries(archive, keys, faults)
            rounds = _read_rounds(archive, len(deliveries), faults)
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError, RuntimeError) as error:
        raise ConfigError([f"{path.name}: not a scenario: {error}"]) from error
    if faults or head is None:
        raise ConfigError([f"{path.name}: {fault}" for fault in faults])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Scenario(path=path, digest=digest, head=head, feeds=feeds, deliveries=deliveries, rounds=rounds)


def _check_members(archive: zipfile.ZipFile, faults: list[str]) -> None:
    members = [item for item in archive.infolist() if not item.is_dir()]
    names = [item.filename for item in members]
    for name in sorted({name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()):
        faults.append(f"{name} is there twice")
    for name in names:
        nested = name.removeprefix(FILES)
        if name.startswith("/") or ".." in name.split("/") or (nested != name and "/" in nested):
            faults.append(f"{name[:120]} leads out of the scenario")
    too_large = [item.filename for item in members if item.file_size > LARGEST_MEMBER]
    faults += [f"{name[:120]} is larger than {LARGEST_MEMBER >> 20} MiB" for name in too_large]
    if sum(item.file_size for item in members) > LARGEST_WHOLE:
        faults.append(f"it unpacks to more than {LARGEST_WHOLE >> 30} GiB")
    faults += [f"{name} is missing" for name in (HEAD, FEEDS) if name not in names]


def _read_yaml(archive: zipfile.ZipFile, name: str, faults: list[str]) -> Any:
    try:
        return yaml.safe_load(archive.read(name).decode("utf-8"))
    except yaml.YAMLError as error:
        faults.append(f"{name}: not YAML: {error}")
        return None


def _read_head(archive: zipfile.ZipFile, faults: list[str]) -> Head | None:
    document = _read_yaml(archive, HEAD, faults)
    try:
        return Head.model_validate(document)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_context=False):
            faults.append(f"{HEAD}: {'.'.join(map(str, item['loc']))}: {item['msg']}")
        return None


def _read_feeds(archive: zipfile.ZipFile, faults: list[str]) -> tuple[Mapping[str, Any], ...]:
    document = _read_yaml(archive, FEEDS, faults)
    if isinstance(document, list) and document and all(isinstance(item, dict) for item in document):
        return tuple(document)
    faults.append(f"{FEEDS}: a list of feeds")
    return ()


def read_table(text: str, columns: Sequence[str], name: str, faults: list[str]) -> list[dict[str, str]]:
    """The rows of a CSV member; a column that is not there is a fault."""
    reader = csv.DictReader(io.StringIO(text))
    absent = [column for column in columns if column not in (reader.fieldnames or ())]
    if absent:
        faults.append(f"{name}: no column {', '.join(absent)}")
        return []
    return [{key: value or "" for key, value in row.items() if key} for row in reader]


def _read_deliveries(archive: zipfile.ZipFile, keys: Iterable[str], faults: list[str]) -> tuple[Delivery, ...]:
    names = archive.namelist()
    paths = sorted(name for name in names if name.startswith(PAYLOADS) and not name.endswith("/"))
    if DELIVERIES in names:
        found = _recorded(archive.read(DELIVERIES).decode("utf-8"), set(names), faults)
    else:
        found = [item for path in paths if (item := _written(path, faults)) is not None]
        found.sort(key=lambda item: (item.at, item.source, item.parts[0].path))
    known = set(keys)
    for source in sorted({item.source for item in found} - known):
        faults.append(f"payloads of {source}, which {FEEDS} does not name")
    if not found and not faults:
        faults.append("it has no payload")
    return tuple(found)


def _written(path: str, faults: list[str]) -> Delivery | None:
    """A payload by its name alone: a run that brought it when it was received."""
    source, _, name = path.removeprefix(PAYLOADS).partition("/")
    at, _, rest = name.partition("_")
    try:
        received_at = read_stamp(at)
    except ValueError:
        faults.append(f"{path}: a name begins with the time received, such as 20210720T090300Z_")
        return None
    part = Part(path=path, received_at=received_at, name=rest, url=f"scenario:{source}/{rest}")
    return Delivery(at=received_at, source=source, parts=(part,))


def _recorded(text: str, names: set[str], faults: list[str]) -> list[Delivery]:
    """The rows of `deliveries.csv`: payloads of one run stand together and share its number."""
    found: list[Delivery] = []
    run = ""
    for number, row in enumerate(read_table(text, DELIVERY_COLUMNS, DELIVERIES, faults), 2):
        try:
            at = parse_time(row["at"])
            received_at = parse_time(row["received_at"]) if row["path"] else at
        except ValueError as error:
            faults.append(f"{DELIVERIES}:{number}: {error}")
            continue
        if row["path"] and row["path"] not in names:
            faults.append(f"{DELIVERIES}:{number}: {row['path']} is not there")
            continue
        facts = {name: row[name] for name in ("path", "url", "name", "media_type")}
        parts = (Part(received_at=received_at, **facts),) if row["path"] else ()
        if found and row["run"] and row["run"] == run:
            last = found.pop()
            found.append(Delivery(at=at, source=last.source, parts=(*last.parts, *parts)))
        else:
            outcome, reason = row["outcome"], row["reason"]
            found.append(Delivery(at=at, source=row["source"], parts=parts, outcome=outcome, reason=reason))
        run = row["run"]
    return found


def _read_rounds(archive: zipfile.ZipFile, deliveries: int, faults: list[str]) -> tuple[Round, ...]:
    if ROUNDS not in archive.namelist():
        return ()
    found: list[Round] = []
    for number, row in enumerate(read_table(archive.read(ROUNDS).decode(), ("at", "seen"), ROUNDS, faults), 2):
        try:
            item = Round(at=parse_time(row["at"]), seen=int(row["seen"]))
        except ValueError as error:
            faults.append(f"{ROUNDS}:{number}: {error}")
            continue
        if not 0 <= item.seen <= deliveries or (found and (item.at < found[-1].at or item.seen < found[-1].seen)):
            faults.append(f"{ROUNDS}:{number}: out of order")
        found.append(item)
    return tuple(found)


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
