"""Mutes hold proposals back and nothing else, and stop by themselves."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from access import audit
from alerts.evaluate import evaluate_all
from alerts.mute import LONGEST, Mute, add_mute, end_mute, read_mutes
from alerts.mute_command import add_arguments, mute_main
from alerts.pack import PackRule
from alerts.rule import Rule
from alerts.why import explain
from data.errors import ConfigError, RuleError
from data.model import Level
from data.regions import load_regions
from data.store.engine import Store
from data.store.tables import audit as audit_table
from data.store.tables import level_snapshot, proposal, transition
from layers.regions import from_bytes

HOUR = timedelta(hours=1)
HERE, BESIDE = "CN-110101", "CN-110102"
LEVELS = {
    "yellow": {"input": "x", "trigger": 50, "clear": 45},
    "red": {"input": "x", "trigger": 90, "clear": 85},
}


class Desk:
    """Two counties with a gauge each, one rule, and what is put before people."""

    def __init__(
        self, store: Store, home: Path, base_dir: Path, rule: Rule, add_reading: Callable[..., None]
    ) -> None:
        self.store, self.home, self.base_dir, self.rule = store, home, base_dir, rule
        self._read = add_reading

    def look(self, now: datetime, here: float, beside: float = 0.0) -> None:
        self._read("a", "rain", now, here)
        self._read("b", "rain", now, beside)
        evaluate_all(self.store, self.home, self.base_dir, [PackRule(rule=self.rule, path=self.home)], now)

    def mute(self, now: datetime, **wanted: Any) -> Mute:
        one = {
            "region": HERE,
            "starts_at": now,
            "ends_at": now + 3 * HOUR,
            "owner": "Li",
            "reason": "works",
            **wanted,
        }
        with self.store.write() as connection:
            return add_mute(connection, Mute(**one), rules=[self.rule], index=load_regions(self.base_dir), now=now)

    def proposed(self) -> list[tuple[str, int, list[str]]]:
        with self.store.read() as connection:
            rows = connection.execute(sa.select(proposal).order_by(proposal.c.id)).all()
        return [(row.reason, row.level, row.regions) for row in rows]

    def levels(self) -> list[int]:
        with self.store.read() as connection:
            rows = connection.execute(sa.select(transition).order_by(transition.c.id)).all()
        return [row.to_level for row in rows if row.region == HERE and row.from_level != row.to_level]


@pytest.fixture
def desk(
    store: Store, home: Path, base_dir: Path, make_rule: Callable[..., Rule], add_station: Callable[..., None],
    add_reading: Callable[..., None],
) -> Desk:  # fmt: skip
    add_station("a", 100.5)
    add_station("b", 101.5)
    return Desk(store, home, base_dir, make_rule(LEVELS, max_age="2h"), add_reading)


def test_muted_region_keeps_its_level_and_proposes_nothing(desk: Desk, now: datetime) -> None:
    made = desk.mute(now)
    desk.look(now, 60.0, 60.0)
    assert desk.levels() == [2]
    assert desk.proposed() == [("first", 2, [BESIDE])]
    found = explain(desk.store, desk.base_dir, HERE, now)
    assert (int(found.level), found.rules[0].phase) == (2, "firing")
    assert found.as_json["rules"][0]["muted"] == {
        "id": made.id, "until": "2026-03-01T15:00:00Z", "up_to": "red", "owner": "Li", "reason": "works",
    }  # fmt: skip
    assert explain(desk.store, desk.base_dir, BESIDE, now).rules[0].muted is None
    with desk.store.read() as connection:
        row = connection.execute(sa.select(level_snapshot)).one()
    assert row.counts["muted"] == {"count": 1, "regions": [HERE]}
    shown = from_bytes(row.levels)
    assert shown.muted is not None
    assert load_regions(desk.base_dir).code[shown.muted].tolist() == [HERE]


def test_mute_ends_by_itself_and_what_still_stands_is_proposed(desk: Desk, now: datetime) -> None:
    desk.mute(now)
    desk.look(now, 60.0)
    desk.look(now + HOUR, 95.0)
    desk.look(now + 2 * HOUR, 70.0)
    assert desk.proposed() == []
    desk.look(now + 3 * HOUR, 70.0)
    assert desk.proposed() == [("first", 2, [HERE])]
    assert desk.levels() == [2, 4, 2]
    desk.look(now + 4 * HOUR, 70.0)
    assert len(desk.proposed()) == 1


def test_what_rose_and_fell_under_a_mute_is_not_proposed_afterwards(desk: Desk, now: datetime) -> None:
    desk.mute(now)
    for hours, value in enumerate((60.0, 95.0, 0.0, 0.0, 0.0)):
        desk.look(now + hours * HOUR, value)
    assert desk.levels() == [2, 4, 0]
    assert desk.proposed() == []


def test_end_of_a_level_under_a_mute_is_told_when_the_mute_is_over(desk: Desk, now: datetime) -> None:
    desk.look(now, 60.0)
    desk.mute(now + HOUR)
    for hours in range(1, 5):
        desk.look(now + hours * HOUR, 0.0)
    assert desk.proposed() == [("first", 2, [HERE]), ("all clear", 0, [HERE])]


def test_higher_level_than_the_mute_reaches_is_proposed(desk: Desk, now: datetime) -> None:
    desk.mute(now, up_to=Level.ORANGE)
    desk.look(now, 60.0)
    assert desk.proposed() == []
    desk.look(now + HOUR, 95.0)
    assert desk.proposed() == [("first", 4, [HERE])]


@pytest.mark.parametrize(
    "about", [{"region": "CN-11"}, {"region": "", "rule": "test.rule"}, {"region": "", "hazard": "rain"}], ids=str
)
def test_mute_reaches_all_that_it_names(desk: Desk, now: datetime, about: dict[str, str]) -> None:
    desk.mute(now, **about)
    desk.look(now, 60.0, 60.0)
    assert desk.proposed() == []


def test_unmutable_rule_is_heard_through_a_mute_of_its_region(desk: Desk, now: datetime) -> None:
    desk.rule = desk.rule.model_copy(update={"unmutable": True})
    desk.mute(now)
    desk.look(now, 60.0)
    assert desk.proposed() == [("first", 2, [HERE])]
    with pytest.raises(RuleError, match=r"test\.rule may not be muted"):
        desk.mute(now, rule="test.rule")


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"ends_at": timedelta(0)}, "ends after now"),
        ({"ends_at": LONGEST + HOUR}, "at most 31 days"),
        ({"owner": " "}, "owner"),
        ({"reason": ""}, "reason"),
        ({"region": ""}, "names a rule, a hazard or a region"),
        ({"region": "XX"}, "no region XX"),
        ({"rule": "no.such"}, "no rule no.such"),
        ({"hazard": "locusts"}, "no rule is about locusts"),
        ({"up_to": Level.NONE}, "up to blue"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_mute_without_what_it_needs_is_refused(desk: Desk, now: datetime, wanted: dict[str, Any], says: str) -> None:
    if "ends_at" in wanted:
        wanted = {"ends_at": now + wanted["ends_at"]}
    with pytest.raises(RuleError, match=says):
        desk.mute(now, **wanted)
    with desk.store.read() as connection:
        assert read_mutes(connection) == []


def test_mute_ended_early_is_kept_with_who_ended_it(desk: Desk, now: datetime) -> None:
    made = desk.mute(now)
    with desk.store.write() as connection:
        end_mute(connection, made.id, by="Wang", now=now + HOUR)
    with desk.store.write() as connection, pytest.raises(RuleError, match="no mute"):
        end_mute(connection, made.id, by="Wang", now=now + HOUR)
    with desk.store.read() as connection:
        assert read_mutes(connection, now + HOUR) == []
        (kept,) = read_mutes(connection)
    assert (kept.ended_by, kept.ended_at, kept.ends_at) == ("Wang", now + HOUR, now + 3 * HOUR)


def command(desk: Desk, now: datetime, *words: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser.add_subparsers(dest="action", required=True))
    rules, index = [PackRule(rule=desk.rule, path=desk.home)], load_regions(desk.base_dir)
    return mute_main(desk.store, parser.parse_args(words), rules=rules, index=index, now=now, audit=audit.append)


def test_mute_command_adds_lists_and_ends_with_an_audit_row_each(
    desk: Desk, now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        command(desk, now, "add", "--region", HERE, "--for", "2 h", "--owner", "Li", "--reason", "works", "--json")
        == 0
    )
    (added,) = json.loads(capsys.readouterr().out)
    assert (added["region"], added["ends_at"], added["holds"]) == (HERE, "2026-03-01T14:00:00Z", True)
    assert command(desk, now + HOUR, "list") == 0
    assert "Li: works" in capsys.readouterr().out
    assert command(desk, now + HOUR, "end", str(added["id"]), "--by", "Wang") == 0
    assert command(desk, now + HOUR, "list", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == []
    with desk.store.read() as connection:
        rows = connection.execute(sa.select(audit_table).order_by(audit_table.c.seq)).all()
        assert audit.verify(connection) is None
    assert [(row.actor, row.action, row.object) for row in rows] == [
        ("Li", "mute add", "mute 1"), ("Wang", "mute end", "mute 1"),
    ]  # fmt: skip


def test_mute_command_leaves_no_audit_row_of_what_was_refused(desk: Desk, now: datetime) -> None:
    with pytest.raises(RuleError):
        command(desk, now, "add", "--region", "XX", "--for", "2 h", "--owner", "Li", "--reason", "works")
    with pytest.raises(ConfigError):
        command(desk, now, "add", "--region", HERE, "--until", "soon", "--owner", "Li", "--reason", "works")
    with desk.store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(audit_table)).scalar() == 0
