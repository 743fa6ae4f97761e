"""Whether a text is fit to be submitted and signed: every problem at once, and the bytes that would go out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.cap.build import build
from alerts.cap.chain import identifier, live
from alerts.cap.check import check
from alerts.cap.finding import REJECT, Finding
from alerts.cap.message import Context
from alerts.cap.model import Alert
from alerts.desk.content import Content, Words, blanks
from alerts.desk.issued import Kind
from alerts.desk.limits import Limits, limits_of
from alerts.desk.message import message_of
from alerts.desk.office import Office
from alerts.desk.read import DeskWarning, alerts_of, sent_in
from alerts.desk.refusal import Refusal, told
from alerts.rule import Rule
from data.store.tables import rule_version
from data.text import Translate

LEAST = timedelta(minutes=1)  # a warning that ends sooner is over before it is read


@dataclass(frozen=True)
class Problem:
    """Something that keeps a text from going out: a sentence with blanks, and the part of the text."""

    text: str
    blanks: Mapping[str, Any] = field(default_factory=dict)
    part: str = ""  # such as texts.en.headline

    def told(self, t: Translate = str) -> str:
        """The sentence in the language of `t`."""
        return told(self.text, self.blanks, t)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A message as it would leave now."""

    alert: Alert
    body: bytes
    kind: Kind
    findings: tuple[Finding, ...]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    @property
    def rejects(self) -> tuple[Finding, ...]:
        """Findings of the checklist that keep it from going out."""
        return tuple(one for one in self.findings if one.weight is REJECT)


def problems(content: Content, kind: Kind, office: Office, now: datetime, limits: Limits) -> list[Problem]:
    """What is missing or wrong in a text, apart from the checklist of CAP."""
    return [
        *_of_texts(content),
        *_of_area(content),
        *_of_times(content, kind, now, limits),
        *_of_office(content, office),
    ]


def limits_for(connection: Connection, item: DeskWarning) -> Limits:
    """The durations of the rule that proposed a message, else of its hazard."""
    same = sa.and_(rule_version.c.rule == item.rule, rule_version.c.digest == item.digest)
    body = connection.execute(sa.select(rule_version.c.body).where(same)).scalar()
    return limits_of(item.hazard, None if body is None else Rule.model_validate(body).duration)


def prepare(
    connection: Connection, office: Office, item: DeskWarning, now: datetime, *, kind: Kind | None = None
) -> Prepared:
    """The message that would leave now, with what the checklist of CAP finds.

    Raises
    ------
    WarningError
        If it cannot be written.
    """
    wanted = kind or item.kind
    sent = [] if wanted == "alert" else alerts_of(sent_in(connection, item.chain))
    sent_at = now.replace(microsecond=0)
    if sent:  # two messages of a chain never bear the same second
        sent_at = max(sent_at, max(one.sent_at for one in sent) + timedelta(seconds=1))
    references = live(sent, sent_at)
    alert = message_of(
        item.content, office, identifier=identifier(office.identifier_root, sent_at, item.id), sent_at=sent_at,
        kind=wanted, references=references,
    )  # fmt: skip
    body = build(alert)
    context = Context(
        now=now, issuing=True, public=True, live=references, jurisdiction=office.jurisdiction,
        profiles=office.profiles, meant=alert,
    )  # fmt: skip
    return Prepared(alert=alert, body=body, kind=wanted, findings=tuple(check(body, context)))


def refuse_unfit(
    connection: Connection, office: Office, item: DeskWarning, now: datetime, *, kind: Kind | None = None
) -> Prepared:
    """The message that would leave now; Refusal with the first problem where it may not."""
    found = problems(item.content, kind or item.kind, office, now, limits_for(connection, item))
    if found:
        raise Refusal(found[0].text, **found[0].blanks)
    ready = prepare(connection, office, item, now, kind=kind)
    if ready.rejects:
        first = ready.rejects[0]
        raise Refusal("The message breaks rule {rule} of CAP: {why}", rule=first.rule, why=first.sentence())
    return ready


def _of_texts(content: Content) -> Iterator[Problem]:
    if not content.texts:
        yield Problem("The warning says nothing in any language.")
    for language, words in content.texts.items():
        for name in Words.model_fields:
            if not getattr(words, name):
                values = {"part": name, "language": language}
                yield Problem("Nothing is said as {part} in {language}.", values, f"texts.{language}.{name}")
    for tongue, name, blank in blanks(content):
        values = {"blank": blank, "part": name, "language": tongue}
        yield Problem("A blank is not filled: {blank} in {part} ({language}).", values, f"texts.{tongue}.{name}")


def _of_area(content: Content) -> Iterator[Problem]:
    if not (content.regions or content.polygons or content.circles):
        yield Problem("The warning says nothing of where.", part="regions")


def _of_times(content: Content, kind: Kind, now: datetime, limits: Limits) -> Iterator[Problem]:
    if content.expires_at < now + LEAST:
        yield Problem("The end of the warning is over or in less than a minute.", part="expires_at")
    if content.onset_at is not None and content.onset_at >= content.expires_at:
        yield Problem("The warning ends before it begins.", part="onset_at")
    if kind != "cancel" and content.expires_at > now + limits.hard:
        values = {"hours": f"{limits.hard.total_seconds() / 3600:g}"}
        yield Problem(
            "The warning lasts longer than the {hours} hours that this hazard allows.", values, "expires_at"
        )


def _of_office(content: Content, office: Office) -> Iterator[Problem]:
    if content.status == "Actual" and not office.named:
        yield Problem("The office has no name as a sender: the operator sets `sender` in tocsin.yaml.")
    if content.status == "Actual" and office.exercise:
        yield Problem("This is an exercise: nothing of it can be an actual warning.", part="status")
