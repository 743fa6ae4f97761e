"""Reading a scenario's zip: checked whole, every fault at once; the bytes of payloads stay in it."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from alerts.scenario import (
    DELIVERIES,
    DELIVERY_COLUMNS,
    FEEDS,
    FILES,
    HEAD,
    PAYLOADS,
    ROUNDS,
    Delivery,
    Head,
    Part,
    Round,
    Scenario,
    read_stamp,
)
from data.clock import parse_time
from data.errors import ConfigError

LARGEST_MEMBER, LARGEST_WHOLE = 1 << 30, 64 << 30
LARGEST_TEXT = 4 << 20  # of what describes it
UNREADABLE = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    csv.Error,
    UnicodeDecodeError,
    NotImplementedError,
    RuntimeError,
)


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
    except UNREADABLE as error:
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
    if archive.getinfo(name).file_size > LARGEST_TEXT:
        faults.append(f"{name} is larger than {LARGEST_TEXT >> 20} MiB")
        return None
    try:
        return yaml.safe_load(archive.read(name).decode("utf-8"))
    except (yaml.YAMLError, ValueError, LookupError) as error:  # PyYAML lets `2021-13-45` out as a ValueError
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
