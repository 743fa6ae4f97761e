"""The sending side: which deliveries may go to a peer, their manifests and pieces, and the receipts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from data.canonical import canonical
from data.clock import iso
from data.peers import Peer
from data.store import catalogue
from layers.survey.exchange import transfers
from layers.survey.exchange.key import opened, read_json
from layers.survey.exchange.manifest import PURPOSE, File, Manifest, content_of, describe_files
from layers.survey.exchange.office import FOLDER, Desk, about_of, caller, check_class, plain, write_whole
from layers.survey.exchange.pool import Place, places_of, read_piece
from layers.survey.exchange.refusal import Refusal

ENDED = ("returned", "replaced")  # states of a delivery that nobody else needs


def may_have(connection: Connection, peer: Peer) -> list[Any]:
    """Deliveries that a peer may have, the oldest first; what may not cross is left out."""
    found = []
    for dataset in peer.send:
        rows = [row for row in catalogue.list_deliveries(connection, dataset) if row.state not in ENDED]
        if not rows or _barred(connection, dataset, peer):
            continue
        found += _needed(rows)
    return found


def barred(connection: Connection, peer: Peer) -> dict[str, str]:
    """Datasets that the settings name for a peer and that may not go there, with the reason."""
    return {name: why for name in peer.send if (why := _barred(connection, name, peer))}


def offers(desk: Desk, name: str) -> list[dict[str, Any]]:
    """What a peer may fetch."""
    with desk.store.read() as connection:
        rows = may_have(connection, desk.peer(name))
    return [
        {"delivery": row.id, "dataset": row.dataset, "version": row.version, "rows": row.rows}
        for row in rows
    ]  # fmt: skip


def manifest_for(desk: Desk, name: str, number: int, now: datetime) -> Manifest:
    """The manifest of a delivery for a peer; Refusal where that peer may not have it."""
    peer = desk.peer(name)
    with desk.store.read() as connection:
        row = catalogue.read_delivery(connection, number)
        dataset = catalogue.read_dataset(connection, row.dataset)
        if row.dataset not in peer.send or row.state in ENDED:
            raise Refusal("there is no such delivery for this peer", status=404)
        agreement = check_class(dataset.data_class, row.dataset, peer)
        answers = _content_of_delivery(connection, name, row.answers)
    files = _files(desk, row)
    return Manifest(
        form="tocsin delivery 1", sender=desk.key.public, receiver=peer.key, made_at=iso(now), dataset=row.dataset,
        about=about_of(dataset), version=row.version, mode=row.mode, unit=row.unit, digest=row.digest,
        content=content_of(files), rows=row.rows, refused=row.refused, sources=list(row.sources),
        notes=list(row.notes), answers=answers, agreement=agreement, files=files,
    )  # fmt: skip


def seal(desk: Desk, name: str, manifest: Manifest, number: int, now: datetime) -> dict[str, Any]:
    """The manifest with its signature, and the transfer in the books."""
    with desk.store.write() as connection:
        known = transfers.find(connection, name, "out", manifest.content)
        transfers.begin(
            connection, name, "out", manifest.content, dataset=manifest.dataset, version=manifest.version,
            size=manifest.bytes, chunks=len(manifest.pieces), at=now, delivery=number,
        )  # fmt: skip
        if known is None:
            detail = {"content": manifest.content, "version": manifest.version, "agreement": manifest.agreement}
            actor, action = caller(name), "exchange sent"
            desk.audit(connection, at=now, actor=actor, action=action, object=manifest.dataset, detail=detail)
    return desk.key.seal(PURPOSE, plain(manifest))


def piece(desk: Desk, name: str, number: int, sha: str, start: int, end: int) -> bytes:
    """Bytes of a piece of a delivery that a peer may have."""
    with desk.store.read() as connection:
        row = next((one for one in may_have(connection, desk.peer(name)) if one.id == number), None)
    if row is None:
        raise Refusal("there is no such delivery for this peer", status=404)
    place = _places(desk, row).get(sha)
    if place is None:
        raise Refusal("the delivery has no such piece", status=404)
    return read_piece((place[0], place[1] + start), end - start)


def receipted(desk: Desk, name: str, sealed: Any, now: datetime) -> dict[str, Any]:
    """Keep a receipt after it was held against what we know we sent; its body."""
    body = opened(sealed, "receipt", desk.peer(name).key)
    with desk.store.write() as connection:
        row = transfers.find(connection, name, "out", str(body.get("content")))
        if row is None or body.get("sender") != desk.key.public:
            raise Refusal("this receipt is for nothing that was sent from here", status=409)
        sent = catalogue.read_delivery(connection, row.delivery_id)
        if (body.get("digest"), body.get("rows")) != (sent.digest, sent.rows):
            raise Refusal("this receipt names another content than was sent", status=409)
        if row.state != "arrived":
            values = {
                "state": "arrived",
                "receipt": sealed,
                "updated_at": now,
                "chunks_there": row.chunks,
                "reason": "",
            }
            transfers.change(connection, name, "out", row.content, **values)
            detail = {"content": row.content, "at": body.get("at")}
            actor, action = caller(name), "exchange receipt"
            desk.audit(connection, at=now, actor=actor, action=action, object=row.dataset, detail=detail)
    return body


def note_progress(
    desk: Desk, name: str, content: str, now: datetime, *, there: int, sent: int, why: str = "", state: str = "moving"
) -> None:
    """How far a transfer of ours is."""
    with desk.store.write() as connection:
        values = {"chunks_there": there, "bytes_sent": sent, "reason": why, "state": state, "updated_at": now}
        transfers.change(connection, name, "out", content, **values)


def _needed(rows: Sequence[Any]) -> list[Any]:
    """Of the deliveries of one dataset, newest first: the last that replaces all, and those after it, in order."""
    kept = []
    for row in rows:
        kept.append(row)
        if row.mode == "replace":
            break
    return kept[::-1]


def _barred(connection: Connection, dataset: str, peer: Peer) -> str:
    known = [row for row in catalogue.list_datasets(connection) if row.name == dataset]
    if not known:
        return "there is no such dataset"
    try:
        check_class(known[0].data_class, dataset, peer)
    except Refusal as refusal:
        return refusal.reason
    return ""


def _content_of_delivery(connection: Connection, name: str, number: int | None) -> str:
    rows = transfers.list_transfers(connection, peer=name) if number is not None else []
    return next((row.content for row in rows if row.direction == "out" and row.delivery_id == number), "")


def _files(desk: Desk, row: Any) -> tuple[File, ...]:
    """The files with their pieces: cut once, for what was delivered stays as it came."""
    path = desk.home / FOLDER / "pieces" / f"{row.id}-{row.digest[:16]}.json"
    if not path.exists():
        found = describe_files(desk.home / row.folder)
        write_whole(path, canonical([file.model_dump(mode="json") for file in found]))
        return found
    return _read_files(path)


@lru_cache(maxsize=4)
def _read_files(path: Path) -> tuple[File, ...]:
    return tuple(File.model_validate(one) for one in read_json(path.read_bytes()))


def _places(desk: Desk, row: Any) -> dict[str, Place]:
    _files(desk, row)
    return _places_at(desk.home / FOLDER / "pieces" / f"{row.id}-{row.digest[:16]}.json", desk.home / row.folder)


@lru_cache(maxsize=4)
def _places_at(path: Path, folder: Path) -> dict[str, Place]:
    return places_of(folder, _read_files(path))
