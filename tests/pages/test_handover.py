"""The handover page: what it says when there is nothing, when there is trouble, and who may sign."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from access.people import Person
from data.settings import Settings
from data.store.engine import Store
from data.store.tables import level_snapshot, notice
from data.text import translator
from pages import handover
from pages._context import Context
from tests.alerts.conftest import base_dir as base_dir
from tests.pages.test_shell import text_of

T = translator("en")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DORA = Person(id=1, email="dora@example.org", roles=frozenset({"duty"}))
EMIL = Person(id=2, email="emil@example.org", roles=frozenset({"duty"}))
GUEST = Person(id=3, email="guest@example.org", roles=frozenset({"viewer"}))


@pytest.fixture
def context(store: Store, home: Path, base_dir: Path) -> Context:
    settings = Settings(home=home, base_dir=base_dir, zone=ZoneInfo("Asia/Shanghai"))
    return Context(store=store, settings=settings, sources=(), feed_health=None, clock=lambda: NOW)  # type: ignore[arg-type]


@pytest.fixture
def be(monkeypatch: pytest.MonkeyPatch) -> Callable[[Person], None]:
    return lambda person: monkeypatch.setattr(handover, "current", lambda: person)


def words(parts: Any) -> str:
    return " ".join(text_of(part) for part in parts)


def test_without_any_evaluation_nobody_can_tell(context: Context) -> None:
    said = words(handover.picture(context, T, "en"))
    assert "No rule has been evaluated: nobody can tell any level." in said
    assert "Nothing is known to be wrong." not in said
    assert "Nothing is in force." in said


def test_unknown_regions_and_notices_are_told(context: Context, store: Store) -> None:
    with store.write() as connection:
        connection.execute(level_snapshot.insert().values(at=NOW, levels=b"", counts={"unknown": 17}))
        connection.execute(
            notice.insert().values(
                cause="disk", opened_at=NOW - timedelta(minutes=5), last_at=NOW, detail={"what": "The disk is full"}
            )
        )
    said = words(handover.picture(context, T, "en"))
    assert "17 regions have an unknown level." in said
    assert "The disk is full" in said
    assert "What is wrong (2)" in said


def test_one_signs_and_another_takes_over(context: Context, be: Callable[[Person], None]) -> None:
    be(DORA)
    assert "Nobody has handed over" in words(handover.state(context, T))
    assert handover.carry_out(context, None, "gauge <b>7</b> is odd") == ""
    own = handover.state(context, T)
    assert "dora@example.org handed over at" in words(own)
    assert "gauge <b>7</b> is odd" in words(own)
    assert "Take over the shift" not in words(own)
    assert handover.carry_out(context, 1, "") == "Another officer takes over: not the account that hands over."
    be(GUEST)
    assert "Take over the shift" not in words(handover.state(context, T))
    assert handover.carry_out(context, 1, "") == "Only a duty officer hands over or takes over a shift."
    be(EMIL)
    assert "Take over the shift" in words(handover.state(context, T))
    assert handover.carry_out(context, 1, "") == ""
    assert "emil@example.org took over at" in words(handover.state(context, T))


def test_who_may_not_sign_is_offered_nothing(context: Context, be: Callable[[Person], None]) -> None:
    be(GUEST)
    assert "Sign and hand over" not in text_of(handover.layout(context, T, "en", {}))
    be(DORA)
    assert "Sign and hand over" in text_of(handover.layout(context, T, "en", {}))


def test_refusals_of_the_service_are_translated() -> None:
    t = translator("zh")
    for text in (
        "The handover before has not been taken over yet.", "The notes are too long.",
        "There is no such handover to take over.", "This handover has been taken over already.",
        "Another officer takes over: not the account that hands over.",
        "Only a duty officer hands over or takes over a shift.",
    ):  # fmt: skip
        assert t(text) != text
