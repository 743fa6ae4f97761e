"""Requests to see a dataset, decided by somebody else, for a time, and taken back where needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from access import audit
from access.matrix import may
from access.sharing.terms import LADDER, Allows
from data.actor import Above, Actor
from data.errors import NotPermitted
from data.store.changes import note_change
from data.store.tables import survey_grant, survey_terms

LONGEST = timedelta(days=366)
SHORTEST_PURPOSE = 10  # characters
MOST_LEAST = 1_000
LEAST_M, MOST_M = 0.03, 500.0  # how far a mark may move a record
OUT_OF_RANGE = "The smallest number told is 1 to 1,000; a mark moves records by 0.03 to 500 m."
TOPIC = "surveys"
NO_PURPOSE = "Say in a sentence what it is needed for."
TOO_LONG = "A grant lasts from now to a year from now."
ALREADY = "This was decided already."
NO_SUCH = "There is no such request."
NOT_OWN = "Nobody decides about a request of their own."
NOT_DECIDE = "This account may not decide who sees a survey."
BEYOND = "This account is limited to regions that do not hold what is asked for."


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody asks for; `regions` and `facets` narrow it, and empty is all that the account may see."""

    dataset: str
    purpose: str
    allows: Allows
    expires_at: datetime
    regions: tuple[str, ...] = ()
    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def ask(connection: Connection, actor: Actor, request: Request, now: datetime) -> int:
    """Write a request down; its number.

    Raises
    ------
    NotPermitted
        If its purpose is not said, or it has no end within a year.
    """
    purpose = " ".join(request.purpose.split())
    if not may(actor.roles, "plan.view") or request.allows not in LADDER:
        raise NotPermitted(NOT_DECIDE)
    if len(purpose) < SHORTEST_PURPOSE:
        raise NotPermitted(NO_PURPOSE)
    if not now < request.expires_at <= now + LONGEST:
        raise NotPermitted(TOO_LONG)
    values = {
        "dataset": request.dataset, "asked_by": actor.email, "asked_at": now, "purpose": purpose[:2000],
        "allows": request.allows, "regions": list(request.regions), "expires_at": request.expires_at,
        "facets": {name: list(words) for name, words in request.facets.items()},
    }  # fmt: skip
    made = connection.execute(survey_grant.insert().values(**values)).inserted_primary_key
    assert made is not None
    detail = {"purpose": values["purpose"], "allows": request.allows, "until": request.expires_at.isoformat()}
    _note(connection, actor, "survey.ask", request.dataset, int(made[0]), now, detail)
    return int(made[0])


def decide(
    connection: Connection, actor: Actor, number: int, granted: bool, reason: str, now: datetime, above: Above
) -> None:
    """Grant a request or turn it down.

    Raises
    ------
    NotPermitted
        If it is one's own, was decided already, or reaches beyond what the decider may see.
    """
    row = read(connection, number)
    _check_decider(actor, row.regions, above)
    if row.asked_by == actor.email:
        raise NotPermitted(NOT_OWN)
    open_one = (survey_grant.c.id == number, survey_grant.c.granted.is_(None))
    values = {"granted": granted, "decided_at": now, "decided_by": actor.email, "reason": reason[:2000]}
    if connection.execute(survey_grant.update().where(*open_one).values(**values)).rowcount != 1:
        raise NotPermitted(ALREADY)
    detail = {"asked_by": row.asked_by, "reason": reason[:500]}
    _note(connection, actor, "survey.grant" if granted else "survey.refuse", row.dataset, number, now, detail)


def revoke(connection: Connection, actor: Actor, number: int, now: datetime, above: Above) -> None:
    """End a grant before its time: by who may decide, or by who holds it."""
    row = read(connection, number)
    if row.asked_by != actor.email:
        _check_decider(actor, row.regions, above)
    live = (survey_grant.c.id == number, survey_grant.c.revoked_at.is_(None))
    if connection.execute(survey_grant.update().where(*live).values(revoked_at=now, revoked_by=actor.email)).rowcount:
        _note(connection, actor, "survey.revoke", row.dataset, number, now, {"asked_by": row.asked_by})


def set_terms(
    connection: Connection, actor: Actor, dataset: str, *, least: int, accuracy_m: float, now: datetime
) -> None:
    """What an office says of one dataset beside its class: the smallest number told, and how far marks may move.

    Raises
    ------
    NotPermitted
        If this person does not decide, or a number is out of its range.
    """
    _check_decider(actor, [], lambda _: ())
    if not 1 <= least <= MOST_LEAST or not LEAST_M <= accuracy_m <= MOST_M:
        raise NotPermitted(OUT_OF_RANGE)
    values = {"least": least, "accuracy_m": accuracy_m, "changed_at": now, "changed_by": actor.email}
    if not connection.execute(
        survey_terms.update().where(survey_terms.c.dataset == dataset).values(**values)
    ).rowcount:
        connection.execute(survey_terms.insert().values(dataset=dataset, **values))
    detail = {"least": least, "accuracy_m": accuracy_m}
    audit.append(connection, at=now, actor=actor.email, action="survey.terms", object=dataset, detail=detail)
    note_change(connection, TOPIC, at=now, kind="survey.terms", subject=dataset, detail={"by": actor.email})


def read(connection: Connection, number: int) -> sa.Row[Any]:
    """A request; NotPermitted where there is none of this number."""
    row = connection.execute(sa.select(survey_grant).where(survey_grant.c.id == number)).one_or_none()
    if row is None:
        raise NotPermitted(NO_SUCH)
    return row


def of_dataset(connection: Connection, dataset: str, asked_by: str | None = None) -> list[sa.Row[Any]]:
    """Requests for a dataset, the newest first; of one person where named."""
    query = sa.select(survey_grant).where(survey_grant.c.dataset == dataset).order_by(survey_grant.c.id.desc())
    return list(connection.execute(query if asked_by is None else query.where(survey_grant.c.asked_by == asked_by)))


def waiting(connection: Connection, email: str, now: datetime) -> Counter[str]:
    """How many requests for each dataset wait for somebody to decide, without those of one person."""
    query = sa.select(survey_grant.c.dataset).where(
        survey_grant.c.granted.is_(None), survey_grant.c.expires_at > now, survey_grant.c.asked_by != email
    )
    return Counter(connection.scalars(query))


def in_force(connection: Connection, dataset: str, reader: str, now: datetime) -> sa.Row[Any] | None:
    """The grant that lets a person see a dataset now: the one that allows most, of those the newest."""
    query = sa.select(survey_grant).where(
        survey_grant.c.dataset == dataset, survey_grant.c.asked_by == reader, survey_grant.c.granted,
        survey_grant.c.revoked_at.is_(None), survey_grant.c.decided_at <= now, survey_grant.c.expires_at > now,
    )  # fmt: skip
    rows: Iterable[sa.Row[Any]] = connection.execute(query)
    return max(rows, key=lambda row: (LADDER.index(row.allows), row.id), default=None)


def state_of(row: sa.Row[Any], now: datetime) -> str:
    """Where a request stands: asked, refused, revoked, over, or granted."""
    if row.granted is None:
        return "asked" if row.expires_at > now else "over"
    if not row.granted:
        return "refused"
    if row.revoked_at is not None:
        return "revoked"
    return "granted" if row.expires_at > now else "over"


def _check_decider(actor: Actor, regions: list[str], above: Above) -> None:
    if not may(actor.roles, "surveys.decide"):
        raise NotPermitted(NOT_DECIDE)
    own = frozenset(actor.regions)
    if own and not (regions and all(not own.isdisjoint((code, *above(code))) for code in regions)):
        raise NotPermitted(BEYOND)


def _note(
    connection: Connection, actor: Actor, action: str, dataset: str, number: int, now: datetime,
    detail: Mapping[str, Any],
) -> None:  # fmt: skip
    audit.append(connection, at=now, actor=actor.email, action=action, object=f"{dataset} #{number}", detail=detail)
    note_change(connection, TOPIC, at=now, kind=action, subject=str(number), detail={"by": actor.email})
