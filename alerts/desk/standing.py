"""Standing orders: what a rule may issue by itself, its words and limits signed by two people in advance.

An order names one version of one rule by its digest; another version needs other signatures. It says what is sent, to
whom, where at most and for how long, and it ends by itself. Ending it early takes one person.
"""

from __future__ import annotations

import hashlib
import json
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Self

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.engine import Connection

from alerts.desk.content import LANGUAGES, Body, Language, LevelKey, Line, Words
from alerts.desk.desk import SIGNERS_IN_ADVANCE, Desk, need_role, need_scope, one_at_a_time, reason, same_person
from alerts.desk.limits import limits_of
from alerts.desk.refusal import Refusal
from alerts.desk.template import BLANKS, LEVEL_WORDS
from alerts.rule import Rule
from data.actor import PROOF_HOLDS, Actor
from data.model import Level
from data.store.changes import bump
from data.store.engine import Store
from data.store.tables import rule_version, standing_order

LONGEST = timedelta(days=366)


class OrderText(BaseModel):
    """What is issued: words with the blanks {level}, {event}, {area} and {why}, and the limits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Annotated[str, Field(pattern="^(Actual|Exercise|Test)$")] = "Actual"
    texts: dict[Language, Words]
    within: tuple[str, ...] = ()  # regions that it may speak of, with all below; empty is wherever the rule looks
    most_regions: Annotated[int, Field(ge=1, le=12_000)] = 12_000
    highest: LevelKey = "red"
    lasts: timedelta
    response_types: tuple[str, ...] = ()
    groups: tuple[Line, ...] = ()
    note: Body = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.texts:
            raise ValueError("an order says something in a language")
        for words in self.texts.values():
            for name in Words.model_fields:
                text = getattr(words, name)
                used = [rest for _, *rest in string.Formatter().parse(text) if rest[0] is not None]
                plain = all(blank in BLANKS and not form and not conversion for blank, form, conversion in used)
                if not text or not plain or "[[" in text:
                    raise ValueError(f"{name}: a text with no other blanks than {', '.join(sorted(BLANKS))}")
        if self.lasts <= timedelta():
            raise ValueError("lasts: longer than nothing")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of its canonical JSON: what both people sign."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def words(self, level: Level, area: dict[Language, str], why: dict[Language, str]) -> dict[Language, Words]:
        """The texts with their blanks filled; a language without a reason says the level instead."""
        found = {}
        for language in LANGUAGES:
            if (given := self.texts.get(language)) is None:
                continue
            word = LEVEL_WORDS[language][level.key]
            filled = {
                "level": word, "area": area[language], "why": why.get(language, word),
                "event": given.event,
            }  # fmt: skip
            found[language] = Words(**{name: getattr(given, name).format(**filled) for name in Words.model_fields})
        return found


@dataclass(frozen=True, kw_only=True)
class Order:
    """A standing order as it is kept."""

    id: int
    rule: str
    digest: str
    least_level: Level
    content: OrderText
    content_sha256: str
    why: str
    first_by: str
    first_at: datetime
    second_by: str | None
    second_at: datetime | None
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    ended_by: str

    def holds(self, now: datetime) -> bool:
        """Whether it may issue now: signed twice, begun, not over, and what was signed."""
        signed = self.second_by is not None and self.content.digest == self.content_sha256
        return signed and self.ended_at is None and self.starts_at <= now < self.ends_at


def propose_order(
    connection: Connection,
    desk: Desk,
    *,
    rule: str,
    digest: str,
    least_level: Level,
    content: OrderText,
    starts_at: datetime,
    ends_at: datetime,
    why: str,
    actor: Actor,
    now: datetime,
) -> Order:
    """The first signature; nothing is issued until a second person signs.

    Raises
    ------
    Refusal
        For a rule that the store does not know, an end that is missing or too far away, words that last longer than
        the hazard allows, or a person without a fresh second factor.
    """
    told = reason(why)
    one_at_a_time(connection)
    _may_sign(actor, now)
    known = _rule(connection, rule, digest)
    _check(desk, known, content, starts_at, ends_at, now)
    need_scope(actor, desk, known.hazard, content.within)
    inserted = connection.execute(
        standing_order.insert().values(
            rule=rule, digest=digest, least_level=int(least_level), content=content.model_dump(mode="json"),
            content_sha256=content.digest, why=told, first_by=actor.email, first_at=now, starts_at=starts_at,
            ends_at=ends_at,
        )
    ).inserted_primary_key  # fmt: skip
    assert inserted is not None
    made = order(connection, int(inserted[0]))
    _told(connection, desk, made, "proposed", actor, now, why=told)
    return made


def second(connection: Connection, desk: Desk, id: int, *, actor: Actor, now: datetime) -> Order:
    """The second signature: from its beginning on the order issues by itself."""
    one_at_a_time(connection)
    _may_sign(actor, now)
    item = order(connection, id, lock=True)
    if item.second_by is not None or item.ended_at is not None or now >= item.ends_at:
        raise Refusal("This standing order is signed already, or over.")
    if same_person(item.first_by, actor.email):
        raise Refusal("Somebody else signs it: you proposed this standing order.")
    known = _rule(connection, item.rule, item.digest)
    if item.content.digest != item.content_sha256:
        raise Refusal("This is not the standing order that was proposed.")
    need_scope(actor, desk, known.hazard, item.content.within)
    connection.execute(
        standing_order.update().where(standing_order.c.id == id).values(second_by=actor.email, second_at=now)
    )
    made = order(connection, id)
    _told(connection, desk, made, "signed", actor, now)
    return made


def end_order(connection: Connection, desk: Desk, id: int, *, why: str, actor: Actor, now: datetime) -> Order:
    """Stop an order at once; what it has issued stays in force until somebody ends it."""
    told = reason(why)
    one_at_a_time(connection)
    need_role(actor, SIGNERS_IN_ADVANCE)
    item = order(connection, id, lock=True)
    if item.ended_at is not None:
        raise Refusal("This standing order is signed already, or over.")
    connection.execute(
        standing_order.update().where(standing_order.c.id == id).values(ended_at=now, ended_by=actor.email)
    )
    made = order(connection, id)
    _told(connection, desk, made, "ended", actor, now, why=told)
    return made


def order(connection: Connection, id: int, *, lock: bool = False) -> Order:
    """An order by its id; Refusal where there is none."""
    query = sa.select(standing_order).where(standing_order.c.id == id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise Refusal("There is no standing order {id}.", id=id)
    return _of(row)


def orders(connection: Connection) -> list[Order]:
    """Every order, the newest first."""
    return [_of(row) for row in connection.execute(sa.select(standing_order).order_by(standing_order.c.id.desc()))]


def holding(connection: Connection, now: datetime) -> list[Order]:
    """The orders that may issue now."""
    column = standing_order.c
    query = sa.select(standing_order).where(
        column.second_by.is_not(None), column.ended_at.is_(None), column.starts_at <= now, column.ends_at > now
    )
    return [item for row in connection.execute(query.order_by(column.id)) if (item := _of(row)).holds(now)]


def any_holds(store: Store, now: datetime) -> bool:
    """Whether an order may issue now."""
    with store.read() as connection:
        return bool(holding(connection, now))


def _of(row: sa.Row[Any]) -> Order:
    values = dict(row._mapping)
    content = OrderText.model_validate(values["content"])
    return Order(**{**values, "content": content, "least_level": Level(values["least_level"])})


def _may_sign(actor: Actor, now: datetime) -> None:
    need_role(actor, SIGNERS_IN_ADVANCE)
    proof = actor.proved
    if proof is None or not proof.second_factor or not timedelta(seconds=-5) <= now - proof.at <= PROOF_HOLDS:
        raise Refusal("Prove who you are with your second factor before you sign a standing order.")


def _rule(connection: Connection, rule: str, digest: str) -> Rule:
    same = sa.and_(rule_version.c.rule == rule, rule_version.c.digest == digest)
    body = connection.execute(sa.select(rule_version.c.body).where(same)).scalar()
    if body is None:
        raise Refusal("This version of the rule has never run here: let it run first, then sign an order for it.")
    return Rule.model_validate(body)


def _check(desk: Desk, rule: Rule, content: OrderText, starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    if not starts_at < ends_at or ends_at <= now or ends_at - starts_at > LONGEST:
        raise Refusal("A standing order has an end, at most a year after its beginning.")
    if content.lasts > limits_of(rule.hazard, rule.duration).hard:
        raise Refusal("What it issues would last longer than this hazard allows.")
    if content.status == "Actual" and (desk.office.exercise or not desk.office.named):
        raise Refusal("This office cannot issue actual warnings: it is an exercise, or has no sender.")
    for code in content.within:
        if desk.index.by_code(code) is None:
            raise Refusal("There is no region {code} in the base data.", code=code)


def _told(
    connection: Connection, desk: Desk, item: Order, action: str, actor: Actor, now: datetime, **detail: Any
) -> None:
    told = {"rule": item.rule, "digest": item.digest, "content": item.content_sha256, **detail}
    desk.audit(connection, at=now, actor=actor.email, action=f"standing.{action}", object=str(item.id), detail=told)
    bump(connection, "desk")
