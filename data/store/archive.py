"""The payload archive: bytes as received, named by their hash, compressed, never changed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.errors import StoreError
from data.model import Payload
from data.store.durable import to_disk
from data.store.tables import payload as payload_table

LEVEL = 3  # zstd: feeds shrink about tenfold at 500 MB/s


def write_durable(path: Path, body: bytes) -> None:
    """Write a file so that a reader, or a restart after any kill, sees all of it or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".partial-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            to_disk(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        to_disk(folder)
    finally:
        os.close(folder)


class Archive:
    """Content-addressed files under a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path_of(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / f"{sha256}.zst"

    def put(self, body: bytes) -> str:
        """Keep bytes; the same bytes are kept once. Returns their SHA-256."""
        from backports.zstd import compress

        sha256 = hashlib.sha256(body).hexdigest()
        path = self.path_of(sha256)
        if not path.exists():
            write_durable(path, compress(body, LEVEL))
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes with this hash.

        Raises
        ------
        StoreError
            If they are not there, or are not what they were.
        """
        from backports.zstd import ZstdError, decompress

        try:
            body = decompress(self.path_of(sha256).read_bytes())
        except FileNotFoundError:
            raise StoreError(f"payload {sha256[:12]} is not in the archive") from None
        except ZstdError as error:
            raise StoreError(f"payload {sha256[:12]} is damaged: {error}") from error
        if hashlib.sha256(body).hexdigest() != sha256:
            raise StoreError(f"payload {sha256[:12]} is damaged: its hash is another")
        return body


def record_payload(connection: Connection, item: Payload, sha256: str) -> int:
    """The row of a payload already in the archive; the same bytes from the same address are one row."""
    same = sa.and_(
        payload_table.c.source == item.source,
        payload_table.c.sha256 == sha256,
        payload_table.c.url == item.url,
    )
    found = connection.execute(sa.select(payload_table.c.id).where(same)).scalar()
    if found is not None:
        return int(found)
    inserted = connection.execute(
        payload_table.insert().values(
            source=item.source,
            sha256=sha256,
            size=len(item.body),
            received_at=item.received_at,
            media_type=item.media_type[:120],
            name=item.name,
            url=item.url,
            status=item.status,
            headers=dict(item.headers),
        )
    )
    key = inserted.inserted_primary_key
    assert key is not None
    return int(key[0])


def addresses_had(connection: Connection, source: str, addresses: Collection[str], since: datetime) -> set[str]:
    """Which of these addresses gave a source a payload since a time."""
    table = payload_table.c
    query = sa.select(table.url).where(table.source == source, table.received_at >= since).distinct()
    return set(addresses).intersection(connection.execute(query).scalars())
