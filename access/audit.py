"""The audit chain: who did what, each entry bound to the one before by its hash.

An entry's hash is the SHA-256 of its canonical JSON, which contains the hash of the entry before. Triggers refuse to
change or delete a row; whoever gets around them breaks the chain from that row on. A cut at the end cannot be seen
from inside, so `head` gives what an outsider keeps (a number and a hash) and `verify` takes it back.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.store.tables import audit

GENESIS = "0" * 64
ADVISORY_KEY = 0x617564697473  # "audits": held to the end of the transaction on PostgreSQL


def append(
    connection: Connection,
    *,
    at: datetime,
    actor: str,
    action: str,
    object: str,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Add an entry within a writing transaction (`Store.write`). Returns its number.

    Raises
    ------
    ValueError
        If the time has no zone, or the detail is not JSON (no NaN).
    """
    if at.tzinfo is None:
        raise ValueError("time without a zone")
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_KEY)))
    number, previous = head(connection)
    entry = {
        "seq": number + 1,
        "at": at,
        "actor": clean(actor, 255),
        "action": clean(action, 60),
        "object": clean(object, 2000),
        "detail": json.loads(json.dumps(_cleaned(dict(detail or {})), allow_nan=False)),
        "previous": previous,
    }
    connection.execute(audit.insert().values(**entry, hash=digest(entry)))
    return number + 1


def head(connection: Connection) -> tuple[int, str]:
    """The number and hash of the newest entry."""
    row = connection.execute(sa.select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).first()
    return (int(row.seq), str(row.hash)) if row else (0, GENESIS)


def verify(connection: Connection, anchors: Iterable[tuple[int, str]] = ()) -> int | None:
    """Read the whole chain; the number of the first entry that does not fit, or None.

    Parameters
    ----------
    anchors
        Numbers and hashes from `head`, kept elsewhere; they find a chain that was cut or rewritten before them.
    """
    kept: dict[int, set[str]] = defaultdict(set)
    for number, known in anchors:
        kept[number].add(known)
    expected, previous = 1, GENESIS
    query = sa.select(audit).order_by(audit.c.seq).execution_options(yield_per=1000)
    with connection.execute(query) as rows:
        for row in rows.mappings():
            entry = {key: row[key] for key in ("seq", "at", "actor", "action", "object", "detail", "previous")}
            if row["seq"] != expected or row["previous"] != previous or row["hash"] != digest(entry):
                return min(expected, int(row["seq"]))
            if kept.get(expected, {row["hash"]}) != {row["hash"]}:
                return expected
            expected, previous = expected + 1, row["hash"]
    return expected if max(kept, default=0) >= expected else None


def digest(entry: Mapping[str, Any]) -> str:
    """SHA-256 of an entry's canonical JSON: sorted keys, no blanks, UTF-8, time in UTC to the microsecond."""
    written = {**entry, "at": entry["at"].astimezone(UTC).isoformat(timespec="microseconds")}
    text = json.dumps(written, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def clean(text: str, limit: int) -> str:
    """Text that cannot start a line of its own, hide, or fail to be stored."""
    readable = text[:limit].encode("utf-8", "replace").decode("utf-8")
    return "".join(character if character.isprintable() else "\ufffd" for character in readable)


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return clean(value, 2000)
        case dict():
            return {clean(str(key), 200): _cleaned(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_cleaned(item) for item in value]
        case _:
            return value
