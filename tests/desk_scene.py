"""A desk with work on it, written for tests and pictures: proposals, people who write and sign, groups that hear."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from access import accounts, factors, totp
from access.keys import read_keys
from alerts.pack import load_rules
from alerts.rule import Rule
from data.model import Level
from data.store.changes import note_change
from data.store.engine import Store
from data.store.tables import proposal, recipient, recipient_group, rule_version, transition
from tests.running import PASSWORD, Running

RAIN = "cma.rainstorm.observed"
AUTHOR, APPROVER = "anna@example.org", "bo@example.org"
ROLES = {AUTHOR: ("viewer", "duty", "author"), APPROVER: ("viewer", "duty", "approver")}
SETTINGS = {
    "zone": "Asia/Shanghai", "sender": "warn@office.example", "sender_name": "Henan Test Office",
    "contact": "0371-12379", "public_url": "https://office.example",
}  # fmt: skip
ZHENGZHOU = ("CN-410102", "CN-410103", "CN-410104", "CN-410105", "CN-410122")
KAIFENG = ("CN-410202", "CN-410203")


def people(system: Running) -> None:
    """An author, and an approver."""
    for email, roles in ROLES.items():
        system.command("user", "add", email, *roles, "--password-stdin", stdin=PASSWORD + "\n")


def second_factor(store: Store, home: Path, email: str, now: datetime) -> str:
    """Give an account an authenticator. Returns its secret."""
    secret = totp.new_secret()
    with store.write() as connection:
        account = accounts.find(connection, email=email)
        assert account is not None
        step = totp.step_of(now) - 2
        factors.add_totp(connection, account.id, secret=secret, name="phone", step=step, keys=read_keys(home), at=now)
    return secret


@cache
def rain_rule() -> Rule:
    """The rule for observed rain, read once."""
    return next(item.rule for item in load_rules() if item.rule.key == RAIN)


def propose(
    store: Store, now: datetime, *, level: int, reason: str, regions: Sequence[str], value: float, ago: timedelta
) -> int:
    """A proposal of the rule for observed rain, with the change of level behind it."""
    rule = rain_rule()
    at = now - ago
    with store.write() as connection:
        same = sa.and_(rule_version.c.rule == rule.key, rule_version.c.digest == rule.digest)
        if connection.execute(sa.select(rule_version.c.rule).where(same)).first() is None:
            connection.execute(
                rule_version.insert().values(
                    rule=rule.key, digest=rule.digest, version=rule.version, pack="cma",
                    body=rule.body, first_at=at,
                )
            )  # fmt: skip
        key = _insert(
            connection, proposal,
            created_at=at, updated_at=at, rule=rule.key, digest=rule.digest, hazard=rule.hazard, level=level,
            reason=reason, regions=list(regions), state="open",
            detail={"before": 0, "branch": rule.branch, "version": rule.version},
        )  # fmt: skip
        for code in regions:
            _insert(
                connection, transition,
                rule=rule.key, digest=rule.digest, region=code, at=at, from_phase="normal", to_phase="firing",
                from_level=0, to_level=level, reason=reason, value=value, value_at=at, proposal_id=key,
            )  # fmt: skip
        note_change(connection, "proposals", at=at, kind=reason, subject=rule.key, level=Level(level), detail={})
    return key


def group(store: Store, name: str, addresses: Sequence[tuple[str, str]], **values: Any) -> None:
    """A group of recipients: channel and address of each."""
    base = {"statuses": ["Actual"], "regions": [], "hazards": [], "least_level": 1}
    with store.write() as connection:
        key = _insert(connection, recipient_group, name=name, **{**base, **values})
        for channel, address in addresses:
            _insert(connection, recipient, group_id=key, channel=channel, address=address)


def _insert(connection: sa.Connection, table: sa.Table, **values: Any) -> int:
    made = connection.execute(table.insert().values(**values)).inserted_primary_key
    assert made is not None
    return int(made[0])


def fill(store: Store, now: datetime) -> int:
    """A bad evening: the worst proposal is the oldest. Returns its id."""
    first = propose(store, now, level=3, reason="first", regions=ZHENGZHOU, value=88.0, ago=timedelta(minutes=14))
    propose(store, now, level=2, reason="new area", regions=KAIFENG, value=56.0, ago=timedelta(minutes=3))
    group(store, "Duty officers", [("email", f"duty{n}@example.org") for n in range(3)])
    group(store, "Exercise", [("email", "exercise@example.org")], statuses=["Exercise", "Test"])
    return first
