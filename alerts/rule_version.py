"""Versions of rules as people write them, and the two people that it takes to let one run.

A version is kept for ever as it was saved. Somebody proposes it, and somebody else, who neither wrote nor proposed
it, enables it; both have had the report of its own trial on the past before their eyes. Every check stands here, in
the writing transaction, under one lock, so that no page and no second click gets around it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.check import NOTHING_KNOWN, Facts
from alerts.faults import Fault
from alerts.pack import read_text
from alerts.rule import Rule
from data.errors import RuleError
from data.store.tables import proof, proof_opening, rule_decision, rule_edition, rule_state

ADVISORY_KEY = 0x72756C6573  # "rules": held to the end of the transaction on PostgreSQL
LONGEST_WHY = 2000


class Audit(Protocol):
    """What appends to the audit chain; alerts do not know people."""

    def __call__(
        self, connection: Connection, *, at: datetime, actor: str, action: str, object: str,
        detail: Mapping[str, Any] | None = None,
    ) -> int: ...  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Edition:
    """One version of a rule as it was saved."""

    rule: str
    number: int
    version: str
    digest: str
    text: str
    based_on: str
    at: datetime
    by: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One step of a person: proposed, withdrawn, enabled, disabled."""

    id: int
    rule: str
    number: int | None
    decision: str
    at: datetime
    by: str
    why: str
    proof_id: int | None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What runs of a rule and what waits; both None where people have decided nothing."""

    ruling: Decision | None = None  # the newest of enabled and disabled
    waiting: Decision | None = None  # a proposal after which nothing was decided
    proposed: Decision | None = None  # the proposal on which the ruling stands

    @property
    def running(self) -> int | None:
        """Number of the version that runs in place of the files' rule."""
        return self.ruling.number if self.ruling is not None and self.ruling.decision == "enabled" else None

    @property
    def switched_off(self) -> bool:
        return self.ruling is not None and self.ruling.decision == "disabled"


def rule_of(text: str, facts: Facts = NOTHING_KNOWN) -> tuple[Rule | None, list[Fault]]:
    """The one rule of a text, or None and every reason why there is none."""
    rules, faults = read_text(text, facts=facts)
    if not faults and len(rules) != 1:
        faults.append(
            Fault(path=Path("rules.yaml"), line=1, column=1, message="exactly one rule is edited at a time")
        )
    return (rules[0].rule if not faults else None), faults


def save_version(
    connection: Connection,
    text: str,
    *,
    by: str,
    why: str,
    at: datetime,
    audit: Audit,
    based_on: str = "",
    facts: Facts = NOTHING_KNOWN,
) -> Edition:
    """Keep a text as the next version of its rule.

    Raises
    ------
    RuleError
        For a text with faults, without a reason, or with nothing new in it.
    """
    rule, faults = rule_of(text, facts)
    if rule is None:
        raise RuleError("\n".join(f"{fault.line}:{fault.column}: {fault.message}" for fault in faults))
    reason = _reason(why)
    one_at_a_time(connection)
    kept = versions(connection, rule.key)
    same = next((one for one in kept if one.digest == rule.digest), None)
    if same is not None:
        raise RuleError(f"this is the same rule as version {same.number}")
    number = max((one.number for one in kept), default=0) + 1
    found = Edition(
        rule=rule.key, number=number, version=rule.version, digest=rule.digest, text=text, based_on=based_on, at=at,
        by=by, why=reason,
    )  # fmt: skip
    connection.execute(rule_edition.insert().values(**vars(found)))
    _tell(connection, audit, found, "saved", by, reason, at)
    return found


def propose(
    connection: Connection, rule: str, number: int, *, by: str, why: str, at: datetime, audit: Audit
) -> Decision:
    """Ask a second person to let a version run.

    Raises
    ------
    RuleError
        Unless a trial of exactly this version is kept and this person has opened its report.
    """
    reason = _reason(why)
    one_at_a_time(connection)
    edition, standing = _edition(connection, rule, number), standing_of(connection, rule)
    if standing.waiting is not None and standing.waiting.number == number:
        raise RuleError(f"version {number} is proposed already, by {standing.waiting.by}")
    _refuse_to_run(edition, standing)
    proof_id = _opened_proof(connection, edition, by)
    return _decide(connection, audit, edition, "proposed", by, reason, at, proof_id)


def enable(
    connection: Connection, rule: str, number: int, *, by: str, why: str, at: datetime, audit: Audit
) -> Decision:
    """Let a proposed version run in place of what ran before.

    Raises
    ------
    RuleError
        Unless it is proposed, by somebody else, was written by somebody else, and this person has opened the report
        of its trial.
    """
    reason = _reason(why)
    one_at_a_time(connection)
    edition, standing = _edition(connection, rule, number), standing_of(connection, rule)
    if standing.waiting is None or standing.waiting.number != number:
        raise RuleError(f"version {number} is not proposed")
    if by in (edition.by, standing.waiting.by):
        raise RuleError(f"a second person enables it: {by} wrote or proposed version {number}")
    _refuse_to_run(edition, standing)
    proof_id = _opened_proof(connection, edition, by)
    _switch(connection, rule, True)
    return _decide(connection, audit, edition, "enabled", by, reason, at, proof_id)


def withdraw(
    connection: Connection, rule: str, number: int, *, by: str, why: str, at: datetime, audit: Audit
) -> Decision:
    """Take a proposal back, or turn it down; RuleError where there is none."""
    reason = _reason(why)
    one_at_a_time(connection)
    edition, standing = _edition(connection, rule, number), standing_of(connection, rule)
    if standing.waiting is None or standing.waiting.number != number:
        raise RuleError(f"version {number} is not proposed")
    return _decide(connection, audit, edition, "withdrawn", by, reason, at, None)


def disable(
    connection: Connection, rule: str, *, by: str, why: str, at: datetime, audit: Audit, files: Collection[str] = ()
) -> Decision:
    """Switch a rule off, whether a file has it or a version runs: one person and a reason are enough.

    Parameters
    ----------
    files : collection of str
        Keys of the rules that files have; others are known by what they left in the store.

    Raises
    ------
    RuleError
        Where there is no such rule, it is off already, or no reason is given.
    """
    reason = _reason(why)
    one_at_a_time(connection)
    if rule not in files and not _known(connection, rule):
        raise RuleError(f"there is no rule {rule}")
    standing = standing_of(connection, rule)
    if standing.switched_off:
        raise RuleError(f"{rule} is switched off already")
    _switch(connection, rule, False)
    edition = None if standing.running is None else _edition(connection, rule, standing.running)
    number = None if edition is None else edition.number
    made = _keep(connection, rule, number, "disabled", by, reason, at, None)
    detail = {"why": reason, **({} if edition is None else {"number": edition.number, "digest": edition.digest})}
    audit(connection, at=at, actor=by, action="rule.disabled", object=rule, detail=detail)
    return made


def versions(connection: Connection, rule: str) -> list[Edition]:
    """Every version of a rule, newest first."""
    query = sa.select(rule_edition).where(rule_edition.c.rule == rule).order_by(rule_edition.c.number.desc())
    return [Edition(**row._mapping) for row in connection.execute(query)]


def decisions(connection: Connection, rule: str) -> list[Decision]:
    """Everything that people decided of a rule, newest first."""
    query = sa.select(rule_decision).where(rule_decision.c.rule == rule).order_by(rule_decision.c.id.desc())
    return [Decision(**row._mapping) for row in connection.execute(query)]


def standing_of(connection: Connection, rule: str) -> Standing:
    """What runs of a rule and what waits."""
    return _standing(decisions(connection, rule))


def standings(connection: Connection) -> dict[str, Standing]:
    """Every rule of which people have decided something."""
    found: dict[str, list[Decision]] = {}
    for row in connection.execute(sa.select(rule_decision).order_by(rule_decision.c.id.desc())):
        one = Decision(**row._mapping)
        found.setdefault(one.rule, []).append(one)
    return {rule: _standing(steps) for rule, steps in found.items()}


def _standing(steps: list[Decision]) -> Standing:
    """`steps` are newest first."""
    waiting = steps[0] if steps and steps[0].decision == "proposed" else None
    ruling = next((one for one in steps if one.decision in ("enabled", "disabled")), None)
    before = () if ruling is None else [one for one in steps if one.id < ruling.id and one.decision == "proposed"]
    proposed = next((one for one in before if ruling is not None and one.number == ruling.number), None)
    return Standing(ruling=ruling, waiting=waiting, proposed=proposed)


def note_opening(connection: Connection, proof_id: int, *, by: str, at: datetime) -> None:
    """Keep that a person has opened the report of a trial; the first time counts."""
    one_at_a_time(connection)
    here = sa.and_(proof_opening.c.proof_id == proof_id, proof_opening.c.person == by)
    if connection.execute(sa.select(proof_opening.c.at).where(here)).first() is None:
        connection.execute(proof_opening.insert().values(proof_id=proof_id, person=by, at=at))


def openings(connection: Connection, proof_ids: Iterable[int]) -> set[tuple[int, str]]:
    """Who has opened which of these reports."""
    query = sa.select(proof_opening.c.proof_id, proof_opening.c.person)
    rows = connection.execute(query.where(proof_opening.c.proof_id.in_(list(proof_ids))))
    return {(int(row.proof_id), str(row.person)) for row in rows}


def one_at_a_time(connection: Connection) -> None:
    """Until the end of the transaction nobody else decides or keeps anything here; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_KEY)))


def _reason(why: str) -> str:
    reason = "".join(one for one in why if one.isprintable() or one == "\n").strip()[:LONGEST_WHY]
    if not reason:
        raise RuleError("a reason is needed")
    return reason


def _known(connection: Connection, rule: str) -> bool:
    """Whether a rule was ever evaluated or saved."""
    tables = (rule_state, rule_edition)
    return any(connection.execute(sa.select(one.c.rule).where(one.c.rule == rule).limit(1)).first() for one in tables)


def _edition(connection: Connection, rule: str, number: int) -> Edition:
    same = sa.and_(rule_edition.c.rule == rule, rule_edition.c.number == number)
    row = connection.execute(sa.select(rule_edition).where(same)).first()
    if row is None:
        raise RuleError(f"there is no version {number} of {rule}")
    return Edition(**row._mapping)


def _refuse_to_run(edition: Edition, standing: Standing) -> None:
    if standing.running == edition.number:
        raise RuleError(f"version {edition.number} runs already")
    rule, faults = rule_of(edition.text)
    if rule is None:
        raise RuleError(f"version {edition.number} can no longer be read: {faults[0].message}")
    if not rule.enabled:
        raise RuleError("its text says `enabled: false`: save a version without it")


def _opened_proof(connection: Connection, edition: Edition, by: str) -> int:
    """The newest trial of exactly this version that this person has opened."""
    mine = sa.and_(proof_opening.c.proof_id == proof.c.id, proof_opening.c.person == by)
    query = sa.select(proof.c.id, proof_opening.c.at).outerjoin(proof_opening, mine)
    same = sa.and_(proof.c.rule == edition.rule, proof.c.digest == edition.digest)
    rows = connection.execute(query.where(same).order_by(proof.c.id.desc())).all()
    if not rows:
        raise RuleError(f"version {edition.number} was not tried on the past")
    opened = next((row.id for row in rows if row.at is not None), None)
    if opened is None:
        raise RuleError(f"{by} has not opened the report of its trial")
    return int(opened)


def _switch(connection: Connection, rule: str, on: bool) -> None:
    connection.execute(rule_state.update().where(rule_state.c.rule == rule).values(enabled=on))


def _decide(
    connection: Connection, audit: Audit, edition: Edition, decision: str, by: str, why: str, at: datetime,
    proof_id: int | None,
) -> Decision:  # fmt: skip
    made = _keep(connection, edition.rule, edition.number, decision, by, why, at, proof_id)
    _tell(connection, audit, edition, decision, by, why, at)
    return made


def _keep(
    connection: Connection, rule: str, number: int | None, decision: str, by: str, why: str, at: datetime,
    proof_id: int | None,
) -> Decision:  # fmt: skip
    values = {
        "rule": rule, "number": number, "decision": decision, "at": at, "by": by, "why": why, "proof_id": proof_id,
    }  # fmt: skip
    inserted = connection.execute(rule_decision.insert().values(**values)).inserted_primary_key
    assert inserted is not None
    return Decision(id=int(inserted[0]), **values)  # type: ignore[arg-type]


def _tell(
    connection: Connection, audit: Audit, edition: Edition, action: str, by: str, why: str, at: datetime
) -> None:
    detail = {"number": edition.number, "digest": edition.digest, "why": why}
    audit(connection, at=at, actor=by, action=f"rule.{action}", object=edition.rule, detail=detail)
