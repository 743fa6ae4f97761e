"""An office with its people, a small country, a key of its own, and the steps that most tests begin with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import Connection

from access import audit
from alerts.desk.content import Words
from alerts.desk.desk import Desk
from alerts.desk.issued import Issued
from alerts.desk.key import new_signer
from alerts.desk.office import Office
from alerts.desk.prefill import fresh
from alerts.desk.read import DeskWarning
from alerts.desk.service import Approved, Confirmation, approve, asked, draft_new, recheck, submit
from alerts.desk.signing import LocalSigner, Signed
from alerts.desk.standing import Order, OrderText, propose_order, second
from alerts.rule import Rule
from data.actor import Actor, Reauthentication
from data.model import Level
from data.regions import load_regions
from data.store.engine import Store
from data.store.tables import proposal, rule_version, transition

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def later(**length: float) -> datetime:
    return NOW + timedelta(**length)


OFFICE = Office(
    sender="warn@office.example", sender_name="Office of Tests", identifier_root="test", contact="119",
    public_url="https://office.example", zone=ZoneInfo("Asia/Shanghai"), jurisdiction=(99.0, 19.0, 105.0, 23.0),
    profiles=(), sends_unsigned=False,
)  # fmt: skip


def person(name: str, *roles: str, proved_at: datetime | None = NOW, **limits: Any) -> Actor:
    proof = None if proved_at is None else Reauthentication(proved_at, "totp", True)
    return Actor(
        id=sum(map(ord, name)), email=f"{name}@office.example", name=name.title(), roles=frozenset(roles),
        proved=proof, **limits,
    )  # fmt: skip


ANNA = person("anna", "author", "approver")
BO = person("bo", "author", "approver")
CHEN = person("chen", "approver")
EVE = person("eve", "viewer", "duty", "planner", "admin")


@dataclass
class Recorder:
    """A router that keeps what it was given, and counts three deliveries each time."""

    issued: list[Issued]

    def __call__(self, connection: Connection, issued: Issued, *, now: datetime) -> int:
        self.issued.append(issued)
        return 3


class Switchable:
    """A signer that can be made to fail."""

    def __init__(self, inner: LocalSigner) -> None:
        self.inner = inner
        self.fault: Exception | None = None
        self.asked = 0

    def sign(self, body: bytes, now: datetime) -> Signed:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return self.inner.sign(body, now)


@pytest.fixture
def desk(base_dir: Path) -> Desk:
    return Desk(office=OFFICE, index=load_regions(base_dir), audit=audit.append)


@pytest.fixture
def router() -> Recorder:
    return Recorder([])


@pytest.fixture
def signer() -> Switchable:
    return Switchable(LocalSigner(new_signer("Office of Tests", NOW)))


def text(
    desk: Desk,
    *,
    level: Level = Level.ORANGE,
    regions: tuple[str, ...] = ("CN-110101",),
    now: datetime = NOW,
    **changes: Any,
) -> Any:
    why = {"en": "88 mm of rain has fallen.", "zh": "实况降雨量88毫米。"}
    return fresh("rainstorm", level, regions, desk, now, why=why).with_(**changes)  # type: ignore[arg-type]


@pytest.fixture
def write(store: Store, desk: Desk) -> Callable[..., Any]:
    """Carry out one step of the service in a transaction of its own."""

    def act(step: Callable[..., Any], *words: Any, by: Actor = ANNA, now: datetime = NOW, **more: Any) -> Any:
        with store.write() as connection:
            return step(connection, desk, *words, actor=by, now=now, **more)

    return act


@pytest.fixture
def submitted(desk: Desk, write: Callable[..., Any]) -> Callable[..., DeskWarning]:
    """A warning that Anna wrote and handed in."""

    def make(by: Actor = ANNA, now: datetime = NOW, **changes: Any) -> DeskWarning:
        item = write(draft_new, text(desk, now=now, **changes), by=by, now=now)
        made: DeskWarning = write(submit, item.id, item.edition, by=by, now=now)
        return made

    return make


@pytest.fixture
def sign(store: Store, desk: Desk, signer: Switchable, router: Recorder) -> Callable[..., Approved]:
    """Bo's signature with everything that it takes; parts can be replaced."""

    def act(item: DeskWarning, by: Actor = BO, now: datetime = NOW, **changes: Any) -> Approved:
        with store.read() as connection:
            seen = recheck(connection, desk.index, item, now).digest
        words = asked(item.content)
        typed = Confirmation(
            level=words.level[0] if words.level else "", area=words.area[0] if words.area else "", seen=seen
        )
        if by.proved is not None and now != NOW:
            by = replace(by, proved=replace(by.proved, at=now))
        given = {"actor": by, "confirm": typed, "now": now, "signer": signer, "router": router, **changes}
        return approve(store, desk, item.id, item.edition, **given)

    return act


LEVELS = {
    name: {"input": "x", "trigger": number, "clear": number - 5}
    for name, number in (("yellow", 50), ("orange", 80), ("red", 120))
}


@pytest.fixture
def rule(make_rule: Callable[..., Rule]) -> Rule:
    text = {"en": "{region}: {value} {unit} of rain has fallen: {level}.", "zh": "{region}降雨{value}毫米，{level}。"}
    return make_rule(LEVELS, hazard="rainstorm", text=text, duration={"default": "3h", "hard_limit": "12h"})


@pytest.fixture
def keep_rule(store: Store, rule: Rule) -> None:
    """The rule's text as the engine keeps it."""
    values = {"rule": rule.key, "digest": rule.digest, "version": "1", "pack": "test", "body": rule.body}
    with store.write() as connection:
        connection.execute(rule_version.insert().values(**values, first_at=NOW))


@pytest.fixture
def propose(store: Store, rule: Rule, keep_rule: None) -> Callable[..., int]:
    """A proposal as the engine keeps one."""

    def act(*regions: str, level: Level = Level.ORANGE, reason: str = "first", value: float = 88.0) -> int:
        with store.write() as connection:
            made = connection.execute(
                proposal.insert().values(
                    created_at=NOW, updated_at=NOW, rule=rule.key, digest=rule.digest, hazard="rainstorm",
                    level=int(level), reason=reason, regions=list(regions), state="open", detail={"before": 0},
                )
            )  # fmt: skip
            assert made.inserted_primary_key is not None
            number = int(made.inserted_primary_key[0])
            for code in regions:
                connection.execute(
                    transition.insert().values(
                        rule=rule.key, digest=rule.digest, region=code, at=NOW, from_phase="normal",
                        to_phase="firing", from_level=0, to_level=int(level), reason="first", value=value,
                        value_at=NOW, proposal_id=number,
                    )
                )  # fmt: skip
        return number

    return act


WORDS = {
    "en": Words(
        event="Earthquake", headline="{level} {event} warning for {area}", description="{why}",
        instruction="Drop, cover and hold on.", area="{area}",
    ),
    "zh": Words(
        event="地震", headline="{area}{event}{level}预警", description="{why}", instruction="伏地、遮挡、手抓牢。",
        area="{area}",
    ),
}  # fmt: skip
TEXT = OrderText(texts=WORDS, lasts=timedelta(hours=1), within=("CN-1101",), response_types=("Shelter",))  # type: ignore[arg-type]


@pytest.fixture
def first(store: Store, desk: Desk, rule: Rule, keep_rule: None) -> Callable[..., Order]:
    def act(by: Any = ANNA, now: datetime = NOW, **changes: Any) -> Order:
        given = {
            "rule": rule.key, "digest": rule.digest, "least_level": Level.ORANGE, "content": TEXT, "starts_at": NOW,
            "ends_at": later(days=30), "why": "seconds count", **changes,
        }  # fmt: skip
        with store.write() as connection:
            return propose_order(connection, desk, actor=by, now=now, **given)

    return act


@pytest.fixture
def both(store: Store, desk: Desk, first: Callable[..., Order]) -> Callable[..., Order]:
    def act(**changes: Any) -> Order:
        item = first(**changes)
        with store.write() as connection:
            return second(connection, desk, item.id, actor=BO, now=NOW)

    return act
