"""The receiving side: a manifest is checked, pieces are taken, and what is whole enters the catalogue at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from sqlalchemy.engine import Connection

from data.canonical import canonical
from data.clock import iso
from data.errors import LayerError
from data.peers import Peer
from data.store import catalogue
from data.store.catalogue import DataClass
from layers.survey.exchange import transfers
from layers.survey.exchange.key import opened, read_json
from layers.survey.exchange.manifest import PURPOSE, Manifest, read_manifest
from layers.survey.exchange.office import FOLDER, Desk, caller, check_class, plain, write_whole
from layers.survey.exchange.pool import Place, Pool, places_of
from layers.survey.exchange.refusal import Refusal

AHEAD = timedelta(minutes=5)  # by which clocks may differ
CLASSES = get_args(DataClass)  # from open to closed


def offered(desk: Desk, name: str, sealed: Any, now: datetime) -> dict[str, Any]:
    """What is still wanted of a delivery, or the receipt where it is here already.

    Raises
    ------
    Refusal
        With the reason; nothing of the delivery is kept then.
    """
    peer = desk.peer(name)
    manifest = read_manifest(opened(sealed, PURPOSE, peer.key))
    _check_parties(desk, peer, manifest, now)
    ours = peer.receive.get(manifest.dataset, manifest.dataset)
    try:
        _check_dataset(peer, manifest)
        with desk.store.read() as connection:
            row = transfers.find(connection, name, "in", manifest.content)
            if row is not None and row.state == "arrived":
                return {"state": "arrived", "receipt": row.receipt}
            _check_order(connection, name, ours, manifest)
            _check_known(connection, ours, manifest)
        pool = _pool(desk, name, ours, manifest)
        with pool.locked():
            write_whole(pool.folder / "manifest.json", canonical(plain(manifest)))
        pool.need_room()
    except Refusal as refusal:
        _note_refused(desk, name, ours, manifest, refusal.reason, now)
        raise
    missing = pool.missing()
    with desk.store.write() as connection:
        _begin(connection, name, ours, manifest, now)
        _progress(connection, name, manifest, missing, now)
    return {"state": "wanted", "missing": missing}


def take(desk: Desk, name: str, content: str, sha: str, start: int, body: bytes, now: datetime) -> dict[str, Any]:
    """Add bytes to a piece of a delivery under way; how many of the piece are here."""
    manifest = _under_way(desk, name, content)
    here, new = Pool(_folder(desk, name, content), manifest, {}).take(sha, start, body)
    if not new:
        return {"here": here}
    with desk.store.write() as connection:
        row = transfers.find(connection, name, "in", content)
        whole = here == manifest.pieces[sha]
        if row is not None and row.state == "moving":
            there = min(row.chunks, row.chunks_there + int(whole))
            sent = row.bytes_sent + new
            transfers.change(connection, name, "in", content, chunks_there=there, bytes_sent=sent, updated_at=now)
    return {"here": here}


def finish(desk: Desk, name: str, content: str, now: datetime) -> dict[str, Any]:
    """Enter a delivery whose pieces are all here; the signed receipt, or what is wanted still."""
    with desk.store.read() as connection:
        row = transfers.find(connection, name, "in", content)
    if row is not None and row.state == "arrived":
        return {"state": "arrived", "receipt": row.receipt}
    manifest = _under_way(desk, name, content)
    ours = _check_dataset(desk.peer(name), manifest)
    pool = _pool(desk, name, ours, manifest)
    folder = Path("deliveries") / ours / f"{name}-{content[:16]}"
    with pool.locked():
        missing = pool.missing()
        if not missing:
            spoiled = pool.assemble(desk.home / folder)
            pool.forget(spoiled)
            missing = pool.missing()
        if missing:
            return {"state": "wanted", "missing": missing}
        write_whole(
            contents_file(desk.home, content), canonical({"folder": str(folder), "manifest": plain(manifest)})
        )
        with desk.store.write() as connection:
            receipt = _enter(connection, desk, name, ours, manifest, str(folder), now)
        pool.clear()
    return {"state": "arrived", "receipt": receipt}


def contents_file(home: Path, content: str) -> Path:
    """Where the list of pieces of a content is kept, for later deliveries of the dataset."""
    return home / FOLDER / "contents" / f"{content}.json"


def _check_parties(desk: Desk, peer: Peer, manifest: Manifest, now: datetime) -> None:
    if manifest.receiver != desk.key.public or manifest.sender != peer.key:
        raise Refusal("this manifest was made for another office", status=403)
    if manifest.time > now + AHEAD:
        raise Refusal("this manifest is of a time to come: one of the two clocks is wrong", status=403)
    if manifest.bytes > peer.largest_gb * 1e9:
        said = f"{manifest.bytes / 1e9:.1f} GB, and the settings allow {peer.largest_gb:g} GB (largest_gb)"
        raise Refusal(f"this delivery holds {said}", status=413)


def _check_dataset(peer: Peer, manifest: Manifest) -> str:
    """Our name of the dataset."""
    ours = peer.receive.get(manifest.dataset)
    if ours is None or ours in catalogue.RESERVED:
        raise Refusal(f"{manifest.dataset} is not among the datasets that are taken from this peer", status=403)
    check_class(manifest.about.data_class, manifest.dataset, peer)
    return ours


def _check_order(connection: Connection, name: str, ours: str, manifest: Manifest) -> None:
    newest = transfers.newest_arrived(connection, name, ours)
    if manifest.version <= newest:
        raise Refusal(f"version {manifest.version} comes after version {newest} has arrived: it is old", status=409)


def _check_known(connection: Connection, ours: str, manifest: Manifest) -> None:
    """What is here already must not be opened by what comes."""
    try:
        known = catalogue.read_dataset(connection, ours)
    except LayerError:
        return
    if CLASSES.index(manifest.about.data_class) > CLASSES.index(known.data_class):
        raise Refusal(f"{ours} is {known.data_class} here, and the sender calls it {manifest.about.data_class}")


def _under_way(desk: Desk, name: str, content: str) -> Manifest:
    with desk.store.read() as connection:
        row = transfers.find(connection, name, "in", content)
    path = _folder(desk, name, content) / "manifest.json" if row is not None else None
    if row is None or row.state == "refused" or path is None or not path.exists():
        raise Refusal("no such delivery is under way", status=409)
    return _manifest_at(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _manifest_at(path: Path, _changed: int) -> Manifest:
    return read_manifest(read_json(path.read_bytes()))


def _folder(desk: Desk, name: str, content: str) -> Path:
    return desk.home / FOLDER / "in" / f"{name}-{content}"


def _pool(desk: Desk, name: str, ours: str, manifest: Manifest) -> Pool:
    return Pool(_folder(desk, name, manifest.content), manifest, _known_pieces(desk, name, ours, manifest))


def _known_pieces(desk: Desk, name: str, ours: str, manifest: Manifest) -> dict[str, Place]:
    """Pieces that this peer sent earlier: of those of others it must not even learn that they are here."""
    with desk.store.read() as connection:
        rows = transfers.list_transfers(connection, peer=name)
    found: dict[str, Place] = {}
    for row in rows:
        path = contents_file(desk.home, row.content)
        if row.direction == "in" and row.state == "arrived" and row.dataset == ours and path.exists():
            places = _places_at(path, desk.home)
            found |= {sha: places[sha] for sha in manifest.pieces if sha in places}
    return {sha: place for sha, place in found.items() if place[0].exists()}


@lru_cache(maxsize=8)
def _places_at(path: Path, home: Path) -> dict[str, Place]:
    kept = read_json(path.read_bytes())
    return places_of(home / kept["folder"], read_manifest(kept["manifest"]).files)


def _begin(connection: Connection, name: str, ours: str, manifest: Manifest, now: datetime) -> None:
    transfers.begin(
        connection, name, "in", manifest.content, dataset=ours, version=manifest.version, size=manifest.bytes,
        chunks=len(manifest.pieces), at=now,
    )  # fmt: skip


def _progress(
    connection: Connection, name: str, manifest: Manifest, missing: Mapping[str, int], now: datetime
) -> None:
    there = len(manifest.pieces) - len(missing)
    transfers.change(connection, name, "in", manifest.content, chunks_there=there, updated_at=now)


def _note_refused(desk: Desk, name: str, ours: str, manifest: Manifest, reason: str, now: datetime) -> None:
    with desk.store.write() as connection:
        _begin(connection, name, ours, manifest, now)
        transfers.change(connection, name, "in", manifest.content, state="refused", reason=reason, updated_at=now)
        desk.audit(
            connection, at=now, actor=caller(name), action="exchange refused", object=ours, detail={"why": reason}
        )


def _enter(
    connection: Connection, desk: Desk, name: str, ours: str, manifest: Manifest, folder: str, now: datetime
) -> dict[str, Any]:
    """Catalogue, transfer, receipt and audit: one transaction, so that all are there or none."""
    by, unit = caller(name), desk.peer(name).unit or manifest.unit
    try:
        catalogue.read_dataset(connection, ours)
    except LayerError:
        about = manifest.about.model_dump()
        catalogue.put_dataset(connection, catalogue.Dataset(name=ours, **about), at=now, by=by)
    answered = transfers.find(connection, name, "in", manifest.answers) if manifest.answers else None
    delivery = catalogue.Delivery(
        dataset=ours, mode=manifest.mode, folder=folder, digest=manifest.digest, rows=manifest.rows,
        refused=manifest.refused, sources=manifest.sources, unit=unit, notes=manifest.notes,
        answers=answered.delivery_id if answered is not None else None,
    )  # fmt: skip
    number = catalogue.add_delivery(connection, delivery, at=now, by=by)
    body = {
        "content": manifest.content, "digest": manifest.digest, "dataset": ours, "delivery": number,
        "version": manifest.version, "rows": manifest.rows, "bytes": manifest.bytes, "at": iso(now),
        "sender": manifest.sender, "receiver": desk.key.public,
    }  # fmt: skip
    receipt = desk.key.seal("receipt", body)
    transfers.change(
        connection, name, "in", manifest.content, state="arrived", delivery_id=number, receipt=receipt,
        updated_at=now, chunks_there=len(manifest.pieces), reason="",
    )  # fmt: skip
    detail = {"content": manifest.content, "delivery": number, "agreement": manifest.agreement}
    desk.audit(connection, at=now, actor=by, action="exchange received", object=ours, detail=detail)
    return receipt
