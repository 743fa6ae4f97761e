"""What every step at the desk stands on: the office, its regions, the audit chain, and who may do what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.desk.content import Content
from alerts.desk.office import Office
from alerts.desk.refusal import Refusal
from alerts.rule_version import Audit
from data.actor import Actor, codes_above
from data.regions import RegionIndex

AUTHORS = frozenset({"author"})  # `warn.draft` in the matrix of roles; a test holds both together
APPROVERS = frozenset({"approver"})  # `warn.approve`
CLOSERS = frozenset({"duty", "author", "approver"})  # `proposals.close`
SIGNERS_IN_ADVANCE = frozenset({"author", "approver"})  # `standing.sign`
ADVISORY_KEY = 0x7461726E  # held to the end of the transaction on PostgreSQL
LONGEST_WHY = 2000


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Handed down to every function that writes."""

    office: Office
    index: RegionIndex
    audit: Audit

    def told(self, connection: Connection, actor: str, action: str, id: int, now: datetime, **detail: Any) -> None:
        """Add to the audit chain, within the transaction of what is told."""
        self.audit(connection, at=now, actor=actor, action=f"warning.{action}", object=str(id), detail=detail)


def one_at_a_time(connection: Connection) -> None:
    """Until the end of the transaction nobody else decides here; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_KEY)))


def need_role(actor: Actor, roles: frozenset[str]) -> None:
    """Refusal where none of a person's roles lets them do this."""
    if not actor.roles & roles:
        raise Refusal("Your account may not do this: it needs the role {roles}.", roles=" / ".join(sorted(roles)))


def need_scope(actor: Actor, desk: Desk, hazard: str, regions: Iterable[str]) -> None:
    """Refusal where the limits of a person's roles do not hold this hazard and all of this area."""
    if not actor.covers(regions, hazard, codes_above(desk.index)):
        raise Refusal("The area or the hazard is outside the limits of your account.")


def reach(content: Content) -> tuple[str, ...]:
    """Every region that a text is about, chosen or reached by what was drawn."""
    return (*content.regions, *content.touched)


def reason(why: str) -> str:
    """A reason as it is kept; Refusal where there is none."""
    found = "".join(one for one in why if one.isprintable() or one == "\n").strip()[:LONGEST_WHY]
    if not found:
        raise Refusal("A reason is needed.")
    return found


def same_person(one: str, other: str) -> bool:
    """Addresses of accounts are the same whatever their capitals."""
    return one.casefold() == other.casefold()
