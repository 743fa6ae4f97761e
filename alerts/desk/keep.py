"""How a message of the desk is written: rows, editions, decisions, and a new version for the screens with each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from alerts.desk.content import Content
from alerts.desk.issued import Kind
from alerts.desk.read import DeskWarning, one
from alerts.desk.refusal import Refusal, Stale
from data.store.changes import bump
from data.store.tables import warning, warning_decision, warning_edition


def held(connection: Connection, id: int, edition: int, *states: str) -> DeskWarning:
    """A message that is about to be changed, held until the transaction ends.

    Raises
    ------
    Stale
        If its text is not the one that the person has seen.
    Refusal
        If it is in none of these states.
    """
    item = one(connection, id, lock=True)
    if item.state not in states:
        raise Refusal("This warning is {state} now: this cannot be done with it.", state=item.state)
    if item.edition != edition:
        raise Stale(
            "The text was changed meanwhile: you saw version {seen}, now it is version {now}.",
            seen=edition, now=item.edition,
        )  # fmt: skip
    return item


def begin(
    connection: Connection,
    content: Content,
    *,
    kind: Kind,
    by: str,
    now: datetime,
    chain: int | None = None,
    proposal_id: int | None = None,
    rule: str = "",
    digest: str = "",
    frozen: dict[str, Any] | None = None,
) -> DeskWarning:
    """The first text of a message."""
    values = {
        "kind": kind, "state": "draft", "proposal_id": proposal_id, "rule": rule, "digest": digest, "edition": 1,
        "author": by, "created_at": now, "updated_at": now, "chain": chain, "frozen": frozen or {},
        **_columns(content),
    }  # fmt: skip
    inserted = connection.execute(warning.insert().values(**values)).inserted_primary_key
    assert inserted is not None
    id = int(inserted[0])
    if chain is None:
        connection.execute(warning.update().where(warning.c.id == id).values(chain=id))
    _edition(connection, id, 1, content, by, now)
    bump(connection, "desk")
    return one(connection, id)


def rewrite(connection: Connection, item: DeskWarning, content: Content, *, by: str, now: datetime) -> DeskWarning:
    """The next text of a message, which is a draft again."""
    put(
        connection, item.id, state="draft", edition=item.edition + 1, author=by, updated_at=now, submitted_at=None,
        **_columns(content),
    )  # fmt: skip
    _edition(connection, item.id, item.edition + 1, content, by, now)
    bump(connection, "desk")
    return one(connection, item.id)


def put(connection: Connection, id: int, **values: Any) -> None:
    """Write some columns of a message."""
    connection.execute(warning.update().where(warning.c.id == id).values(**values))


def decide(
    connection: Connection, item: DeskWarning, decision: str, *, by: str, now: datetime, why: str = ""
) -> None:
    """Keep that somebody has done something with a message."""
    connection.execute(
        warning_decision.insert().values(
            warning_id=item.id, edition=item.edition, decision=decision, by=by, at=now, why=why
        )
    )
    bump(connection, "desk")


def _edition(connection: Connection, id: int, number: int, content: Content, by: str, now: datetime) -> None:
    values = {"content": content.plain, "content_sha256": content.digest, "by": by, "at": now}
    connection.execute(warning_edition.insert().values(warning_id=id, number=number, **values))


def _columns(content: Content) -> dict[str, Any]:
    return {
        "status": content.status, "hazard": content.hazard, "level": int(content.rank), "content": content.plain,
        "content_sha256": content.digest, "onset_at": content.onset_at, "expires_at": content.expires_at,
    }  # fmt: skip
