"""What the page of rules knows: every rule with what runs of it, and the one text that somebody has opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.mute import Mute, read_mutes
from alerts.offer import shares_of
from alerts.pack import PackRule
from alerts.rule_version import Decision, Edition, Standing, decisions, one_at_a_time, standings, versions
from alerts.running import enabled, only_saved, with_decisions
from data.store.tables import proof, proposal, rule_draft, rule_edition, rule_version
from pages import packs
from pages._context import Context
from pages._rule_text import text_of

WEEK = timedelta(days=7)
LOOKED_AT = timedelta(days=28)  # of real proposals
FAR_OVER = 3.0  # standard deviations of a Poisson count above what the trial promised
FEWEST = 3  # proposals before a rule is called far over its budget


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a rule asks of people: promised by its newest trial, and counted."""

    expected: float | None  # a week; None where no trial can tell
    count: int
    weeks: float  # that the count is of; less than four where the rule is younger

    @property
    def real(self) -> float | None:
        """A week; None in the first days of a rule."""
        return self.count / self.weeks if self.weeks >= 1.0 else None

    @property
    def far_over(self) -> bool:
        """Whether chance cannot be blamed for the count any more."""
        if self.expected is None:
            return False
        promised = self.expected * self.weeks
        return self.count >= FEWEST and self.count > promised + FAR_OVER * float(promised**0.5)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One rule of the list."""

    item: PackRule  # as it runs; the files' own where nothing was decided
    standing: Standing
    load: Load
    mutes: tuple[Mute, ...]
    waiting: Edition | None


@dataclass(frozen=True, kw_only=True)
class Opened:
    """One rule before a person's eyes."""

    key: str
    item: PackRule | None  # of the files
    standing: Standing
    versions: tuple[Edition, ...]
    decisions: tuple[Decision, ...]
    text: str
    number: int | None  # the version that is shown; None: the draft, or what runs
    draft_at: datetime | None

    @property
    def known(self) -> bool:
        return self.item is not None or bool(self.versions) or self.draft_at is not None

    def version(self, number: int | None) -> Edition | None:
        return next((one for one in self.versions if one.number == number), None)


def lines(context: Context, now: datetime) -> tuple[list[Line], tuple[str, ...]]:
    """Every rule there is, and what is wrong with files and enabled versions."""
    files, faults = packs.packs(context)
    with context.store.read() as connection:
        decided, running = standings(connection), enabled(connection)
        mutes = read_mutes(connection, now)
        waiting = {
            rule: next(one for one in versions(connection, rule) if one.number == standing.waiting.number)
            for rule, standing in decided.items()
            if standing.waiting is not None
        }
        saved = only_saved(connection, {item.rule.key for item in files})
    rules, broken = with_decisions(files, decided, running)
    rules += tuple(item for item in saved if item.rule.key not in {one.rule.key for one in rules})
    with context.store.read() as connection:
        loads = _loads(connection, {item.rule.key: item.rule.digest for item in rules}, now)
    found = [
        Line(
            item=item, standing=decided.get(item.rule.key, Standing()),
            load=loads[item.rule.key],
            mutes=tuple(one for one in mutes if one.covers(item.rule)), waiting=waiting.get(item.rule.key),
        )
        for item in rules
    ]  # fmt: skip
    return found, (*(str(fault) for fault in faults), *broken)


def _loads(connection: Connection, digests: Mapping[str, str], now: datetime) -> dict[str, Load]:
    """What was counted of each rule, beside what the newest trial of exactly what runs has promised."""
    since = now - LOOKED_AT
    recent = connection.execute(sa.select(proposal).where(proposal.c.created_at > since))
    count = Counter(share["rule"] for row in recent for share in shares_of(row))
    first = sa.select(rule_version.c.rule, sa.func.min(rule_version.c.first_at)).group_by(rule_version.c.rule)
    begun = {row[0]: max(row[1], since) for row in connection.execute(first)}
    newest = sa.select(sa.func.max(proof.c.id)).where(proof.c.digest.in_(list(digests.values())))
    reports = sa.select(proof.c.digest, proof.c.report).where(proof.c.id.in_(newest.group_by(proof.c.digest)))
    promised = {row.digest: _per_week(row.report) for row in connection.execute(reports)}
    return {
        rule: Load(
            expected=promised.get(digest), count=count[rule],
            weeks=(now - begun[rule]) / WEEK if rule in begun else 0.0,
        )
        for rule, digest in digests.items()
    }  # fmt: skip


def _per_week(report: Mapping[str, Any]) -> float | None:
    blocks: Sequence[Mapping[str, Any]] = report.get("rules", ())
    found = blocks[0]["proposals"]["per_week"] if blocks else None
    return None if found is None else float(found)


def opened(context: Context, key: str, number: int | None, person: str) -> Opened:
    """A rule with the text that is asked for: a version, else the person's draft, else what runs, else the file's."""
    files, _ = packs.packs(context)
    item = next((one for one in files if one.rule.key == key), None)
    with context.store.read() as connection:
        kept, steps = versions(connection, key), decisions(connection, key)
        standing = standings(connection).get(key, Standing())
        here = sa.and_(rule_draft.c.rule == key, rule_draft.c.person == person)
        draft = connection.execute(sa.select(rule_draft).where(here)).first()
    asked = next((one for one in kept if one.number == number), None)
    running = next((one for one in kept if one.number == standing.running), None)
    if asked is not None:
        text = asked.text
    elif draft is not None:
        text = draft.text
    elif running is not None:
        text = running.text
    else:
        text = text_of(item) if item is not None else (kept[0].text if kept else "")
    return Opened(
        key=key, item=item, standing=standing, versions=tuple(kept), decisions=tuple(steps), text=text,
        number=None if asked is None else asked.number, draft_at=draft.at if draft is not None else None,
    )  # fmt: skip


def begun(context: Context, person: str) -> list[str]:
    """Keys of rules that a person has begun to write and that exist nowhere else yet."""
    files, _ = packs.packs(context)
    with context.store.read() as connection:
        saved = sa.select(rule_edition.c.rule)
        mine = sa.select(rule_draft.c.rule).where(rule_draft.c.person == person, rule_draft.c.rule.not_in(saved))
        keys = connection.execute(mine.order_by(rule_draft.c.rule)).scalars().all()
    return [key for key in keys if key not in {item.rule.key for item in files}]


def keep_draft(connection: Connection, key: str, person: str, text: str, now: datetime) -> None:
    """Keep a person's unfinished text; nothing takes it away, and so does what a version has already.

    A text may come once more after it was saved: it was on its way when the button was pressed.
    """
    one_at_a_time(connection)
    here = sa.and_(rule_draft.c.rule == key, rule_draft.c.person == person)
    saved = sa.select(rule_edition.c.number).where(rule_edition.c.rule == key, rule_edition.c.text == text)
    if not text or connection.execute(saved.limit(1)).first() is not None:
        connection.execute(rule_draft.delete().where(here))
    elif not connection.execute(rule_draft.update().where(here).values(text=text, at=now)).rowcount:
        connection.execute(rule_draft.insert().values(rule=key, person=person, text=text, at=now))
