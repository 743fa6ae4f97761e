"""A load from the command to the catalogue: it goes on where it was ended, and is entered in one step.

Files are read into `HOME/deliveries/<dataset>/.loading-<key>/`, where the key stands for their content and the
mapping. Only a delivery whose files are whole is named in the catalogue; until then nothing of it can be seen.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.errors import BadPayload, ConfigError, Refused, Unreachable
from data.model import Payload
from data.store import catalogue
from data.store.catalogue import Dataset, Delivery, Mode
from data.store.durable import sync
from data.store.engine import Store
from data.store.tables import survey_dataset, survey_delivery
from ingest.child import Limits, parse_in_child
from ingest.survey_files import SPEC
from ingest.survey_load.mapping import LoadMapping
from ingest.survey_load.progress import Progress
from ingest.survey_load.reading import DONE, STOPPED, FileReader, pieces_of, refuse_layer, write_json
from ingest.survey_load.settling import REFUSED_NAME, Settled, settle
from ingest.survey_load.sources import Came, content_of

FOLDER, FACTS = "deliveries", "delivery.json"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,79}")
SLOWEST = 20_000  # bytes a second that a reader is waited for
Content = tuple[Came, Mapping[str, Any]]  # size and digest of each
CHILD = replace(SPEC, key="survey load")


class Audit(Protocol):
    """`access.audit.append`, which is handed in."""

    def __call__(
        self, connection: Connection, *, at: datetime, actor: str, action: str, object: str,
        detail: Mapping[str, Any] | None = None,
    ) -> object: ...  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked for; `new` says what the dataset is, where it is not in the catalogue yet."""

    files: Sequence[Came]
    dataset: str
    mapping: LoadMapping
    mode: Mode = "replace"
    unit: str = ""
    answers: int | None = None
    new: Dataset | None = None


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What came of it; `again` where the same content had been delivered before."""

    number: int
    version: int
    rows: int
    refused: int
    notes: tuple[str, ...]
    reasons: Mapping[str, int]
    again: bool = False


def load(
    store: Store, home: Path, order: Order, *, at: datetime, by: str, audit: Audit, progress: Progress
) -> Loaded:
    """Read files into a delivery and enter it in the catalogue.

    Raises
    ------
    ConfigError
        If the order cannot be carried out as it stands.
    Refused
        If nothing of the files can be used; every reason is in it.
    Unreachable
        If the work had to stop half-way; the same order once more goes on from there.
    """
    before = _check(store, order)
    folder = home / FOLDER / order.dataset
    with _alone(folder):
        came = _sorted_out(order.files, progress)
        work = folder / f".loading-{_key(came, order.mapping)}"
        for left in folder.glob(".loading-*"):
            if left != work:
                shutil.rmtree(left)
        work.mkdir(exist_ok=True)
        try:
            folders = _read_all(work, came, order.mapping, progress)
            settled = settle(work, folders, order.mapping, before if order.mode != "replace" else {})
        except OSError as error:
            raise Unreachable("survey load", f"stopped, run it again to go on: {error.strerror}") from error
        reasons = _reasons(folders, settled)
        if not settled.rows:
            shutil.rmtree(work)
            raise Refused("survey load", "nothing of it can be used: " + "; ".join(reasons))
        loaded = _enter(store, home, order, came, settled, at=at, by=by, audit=audit)
        shutil.rmtree(work)
    return replace(loaded, reasons=reasons)


def _check(store: Store, order: Order) -> Mapping[str, Any]:
    """The schema of the records so far."""
    faults = []
    if not NAME.fullmatch(order.dataset) or order.dataset in catalogue.RESERVED:
        faults.append(f"a dataset's name is small letters, digits, _ and -, and no word of the menu: {order.dataset}")
    if not order.mapping.confirmed.strip():
        faults.append("the mapping is not confirmed: read it, and write your name behind `confirmed`")
    if order.mode == "amend" and order.mapping.id is None:
        faults.append("amendments are told by the identity of records: the mapping names no `id`")
    with store.read() as connection:
        row = connection.execute(
            sa.select(survey_dataset).where(survey_dataset.c.name == order.dataset)
        ).one_or_none()
    if row is None and order.new is None:
        faults.append(f"there is no dataset {order.dataset}: make it with --new")
    if row is not None and order.new is not None:
        faults.append(f"the dataset {order.dataset} is there already: leave --new out")
    if row is None and order.mode != "replace":
        faults.append(f"there is nothing that this could {order.mode}")
    if faults:
        raise ConfigError(faults)
    return row.record_schema if row is not None else {}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError([f"another load of {folder.name} is at work"]) from error
        yield


def _sorted_out(files: Sequence[Came], progress: Progress) -> list[Content]:
    """Each content once, with its digest; different files of one name get different ones."""
    found: dict[str, Content] = {}
    for one in files:
        progress.say(f"{one.name}: looking at its content")
        looked = content_of(one)
        found.setdefault(looked["sha256"], (one, looked))
    taken: set[str] = set()
    different: list[Content] = []
    for one, content in found.values():
        name, number = one.name, 1
        while name in taken:
            number += 1
            name = f"{one.folder_name}-{one.name}" if number == 2 else f"{number}-{one.folder_name}-{one.name}"
        taken.add(name)
        different.append((replace(one, name=name), {**content, "name": name}))
    return different


def _key(came: Sequence[Content], mapping: LoadMapping) -> str:
    written = json.dumps([[content["name"], content["sha256"]] for _, content in came])
    return hashlib.sha256(f"{written}{mapping.digest}".encode()).hexdigest()[:16]


def _read_all(work: Path, came: Sequence[Content], mapping: LoadMapping, progress: Progress) -> list[Path]:
    """The folder of each file's pieces, all of them complete."""
    folders = []
    for index, (one, content) in enumerate(came):
        folder = work / f"{index:05d}"
        folders.append(folder)
        folder.mkdir(exist_ok=True)
        if (folder / DONE).exists():
            continue
        with progress.file(one.name, folder, index + 1, len(came)):
            if one.table:
                from ingest.survey_load.postgis import read_table

                read_table(one, folder, mapping)
            else:
                _in_child(one, content, folder, mapping)
    return folders


def _in_child(one: Came, content: Mapping[str, Any], folder: Path, mapping: LoadMapping) -> None:
    """Read a file in a process of its own; one on which that breaks is refused, a full disk stops the work."""
    seconds = 600 + content["bytes"] // SLOWEST
    reader = FileReader(CHILD, mapping, one.path, one.name, folder)
    payload = Payload(source=CHILD.key, body=b"", received_at=datetime.fromtimestamp(0).astimezone(), name=one.name)
    try:
        parse_in_child(reader, payload, Limits(processor_s=seconds, wall_s=2.0 * seconds))
    except BadPayload as error:
        if error.reason.startswith(STOPPED):
            raise Unreachable("survey load", f"{error.reason}; run it again to go on") from error
        for path in folder.glob("[0-9]*"):
            path.unlink()
        refuse_layer(folder, 0, one.name, error.reason)
        write_json(folder / DONE, {"name": one.name})


def _reasons(folders: Sequence[Path], settled: Settled) -> dict[str, int]:
    """How many records, or whole layers, were refused for each reason."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pieces = (piece for folder in folders for piece in pieces_of(folder))
    whole = {piece["key"] for piece in pieces if piece["refused"] and not piece["read"]}
    counted: dict[str, int] = {}
    with pq.ParquetFile(settled.folder / REFUSED_NAME) as file:
        for batch in file.iter_batches(columns=["source", "reason"]):
            groups = (
                pa.Table.from_batches([batch])
                .group_by(["source", "reason"], use_threads=False)
                .aggregate([([], "count_all")])
            )
            for one in groups.to_pylist():
                reason = f"{one['source']}: {one['reason']}" if one["source"] in whole else one["reason"]
                counted[reason] = counted.get(reason, 0) + one["count_all"]
    return counted


def _enter(
    store: Store, home: Path, order: Order, came: Sequence[Content], settled: Settled, *,
    at: datetime, by: str, audit: Audit,
) -> Loaded:  # fmt: skip
    """The files in their place, and the delivery in the catalogue, in one transaction."""
    facts = {"rows": settled.rows, "refused": settled.refused, "digest": settled.digest}
    sources = [dict(content) for _, content in came]
    written = {**facts, "record_schema": settled.record_schema, "notes": settled.notes, "sources": sources}
    write_json(settled.folder / FACTS, written)
    sync(settled.folder)
    with store.write() as connection:
        if order.new is not None:
            catalogue.put_dataset(connection, order.new, at=at, by=by)
        known = _known(connection, order.dataset, settled.digest)
        if known is None:
            number, version = _new_delivery(connection, home, order, settled, sources, at=at, by=by)
            catalogue.keep_schema(
                connection, order.dataset, settled.record_schema, order.mapping.model_dump(mode="json"), at=at, by=by
            )
            detail = {**facts, "mode": order.mode, "confirmed": order.mapping.confirmed}
            audit(
                connection, at=at, actor=by, action="survey load", object=f"{order.dataset} {version}", detail=detail
            )
        else:
            number, version = known
    return Loaded(
        number=number, version=version, rows=settled.rows, refused=settled.refused, notes=settled.notes, reasons={},
        again=known is not None,
    )  # fmt: skip


def _known(connection: Connection, dataset: str, digest: str) -> tuple[int, int] | None:
    query = sa.select(survey_delivery.c.id, survey_delivery.c.version).where(
        survey_delivery.c.dataset == dataset, survey_delivery.c.digest == digest
    )
    row = connection.execute(query.order_by(survey_delivery.c.version.desc()).limit(1)).one_or_none()
    return None if row is None else (int(row.id), int(row.version))


def _new_delivery(
    connection: Connection, home: Path, order: Order, settled: Settled, sources: Sequence[Mapping[str, Any]], *,
    at: datetime, by: str,
) -> tuple[int, int]:  # fmt: skip
    mine = survey_delivery.c.dataset == order.dataset
    version = (connection.execute(sa.select(sa.func.max(survey_delivery.c.version)).where(mine)).scalar() or 0) + 1
    target = home / FOLDER / order.dataset / str(version)
    shutil.rmtree(target, ignore_errors=True)  # of a load that was ended before it was entered
    settled.folder.rename(target)
    sync(target.parent)
    number = catalogue.add_delivery(
        connection,
        Delivery(
            dataset=order.dataset, mode=order.mode, folder=f"{FOLDER}/{order.dataset}/{version}",
            digest=settled.digest, rows=settled.rows, refused=settled.refused, sources=sources, unit=order.unit,
            notes=settled.notes, answers=order.answers,
        ),
        at=at, by=by,
    )  # fmt: skip
    return number, version
