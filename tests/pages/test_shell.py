"""The status bar and the side list say what is wrong, and say why they are empty."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data.model import Level
from data.store.incoming import InForce
from data.text import translator
from pages import _list
from pages._facts import Facts, FeedLine, RuleLine
from pages._shell import status

T = translator("en")
REGIONS = SimpleNamespace(
    code=np.array(["AAA", "AAA.1"]),
    name=np.array(["Aland", "North"]),
    name_zh=np.array(["甲国", ""]),
    bbox=np.zeros((2, 4)),
    by_code=lambda code: {"AAA": 0, "AAA.1": 1}.get(code),
    ancestors=lambda rid: (0,) if rid == 1 else (),
)
CONTEXT: Any = SimpleNamespace(regions=REGIONS, settings=SimpleNamespace(zone=None))


def text_of(component: Any) -> str:
    """All words of a component tree, in reading order."""
    if component is None:
        return ""
    if isinstance(component, str | int | float):
        return str(component)
    if isinstance(component, list | tuple):
        return " ".join(text_of(child) for child in component)
    return text_of(getattr(component, "children", None))


def feed(light: str, **more: Any) -> FeedLine:
    spec: Any = SimpleNamespace(key="usgs", title="USGS earthquakes")
    return FeedLine(spec=spec, state=None, light=light, age=timedelta(minutes=9), reason=more.get("reason", ""))


@pytest.fixture
def facts(now: datetime) -> Facts:
    titles = {"en": "Rainstorm", "zh": "暴雨"}
    line = RuleLine(rule="r", titles=titles, at=now - timedelta(seconds=8), outcome="quiet",
                    watched=10, firing=0, unknown=0, reason="")  # fmt: skip
    return Facts(now=now, version=1, heartbeat_at=now, feeds=[feed("fresh")], rules=[line], levels=b"", levels_at=now,
                 counts={"watched": 10, "unknown": 0}, proposals=[], warnings=[], changes=[], notices=[])  # fmt: skip


def test_status_is_quiet_when_all_is_well(facts: Facts) -> None:
    words = text_of(status(facts, T))
    assert "0 unknown" in words
    assert "8 s" in words
    assert "silent" not in words


def test_status_shouts_when_the_engine_is_silent(facts: Facts) -> None:
    stopped = replace(facts, heartbeat_at=facts.now - timedelta(minutes=5))
    bar = status(stopped, T)
    assert "engine silent · 5 min ago" in text_of(bar)
    assert any("alarm" in str(part.className) for part in bar)


def test_status_says_that_nothing_is_watched_instead_of_zero_unknown(facts: Facts) -> None:
    assert "nothing is watched" in text_of(status(replace(facts, counts={}), T))


def test_list_says_why_it_is_empty(facts: Facts) -> None:
    words = text_of(_list.build(facts, CONTEXT, T, "en"))
    assert "No region is at a level. 0 of 10 watched regions are unknown." in words
    assert "1 rules evaluated, 0 could not be." in words


def test_list_shows_unknown_rule_and_late_feed_under_not_known(facts: Facts) -> None:
    blind = replace(facts.rules[0], outcome="unknown", unknown=10, reason="no reading younger than 2 h")
    words = text_of(_list.build(replace(facts, rules=[blind], feeds=[feed("late", reason="old")]), CONTEXT, T, "en"))
    assert "10 of 10 regions" in words
    assert "no reading younger than 2 h" in words
    assert "Late · 9 min" in words


def test_list_names_places_in_the_reader_s_language_and_counts_the_rest(facts: Facts) -> None:
    many = [(1, Level.RED, False)] + [(0, Level.BLUE, True)] * 20
    words = text_of(_list.build(replace(facts, worst=many), CONTEXT, translator("zh"), "zh"))
    assert "North 甲国" in words
    assert "还有 17 项" in words


def test_list_shows_a_warning_that_gives_no_end(facts: Facts) -> None:
    row = SimpleNamespace(level=3, headline="Gale", event="Gale", area="Strait", sender="met@example.org")
    one = InForce(row=row, ends_at=facts.now + timedelta(hours=20), no_end_given=True, begins_later=False)
    context: Any = SimpleNamespace(regions=REGIONS, settings=SimpleNamespace(zone=UTC))
    words = text_of(_list.build(replace(facts, warnings=[one]), context, T, "en"))
    assert "Gale No end given Strait · met@example.org" in words
    assert _list.signature(replace(facts, warnings=[one]))[2] == 0
