"""Faults of a rule file beyond its form: each with its place and a sentence, and all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alerts.check import Facts, colours_of
from alerts.known import facts_of
from alerts.limits import quantities
from alerts.pack import builtin_paths, check_paths, check_rules, read_paths, read_text
from data.regions import load_regions
from data.store.engine import Store
from data.units import is_unit

GOOD = """rules:
  - key: county.rain
    version: "1"
    authority: {en: A, zh: 甲}
    citation: {title: T, read_on: 2026-01-01}
    valid_from: 2020-01-01
    hazard: rainstorm
    branch: observed
    title: {en: A, zh: 甲}
    text: {en: A, zh: 甲}
    regions: {kinds: [cn-county], within: [CN-1101]}
    inputs:
      x: {source: stations, quantity: precipitation, unit: mm, accumulate: sum, window: 3h}
    levels:
      blue: {input: x, trigger: 50, clear: 45}
      red: {input: x, trigger: 90, clear: 80}
    max_age: 2h
    duration: {default: 1h, hard_limit: 2h}
"""
QUAKE = "source: events, quantity: earthquake, unit: '1', within_km: 50, window: 24h"
RAIN = "source: stations, quantity: precipitation, unit: mm, accumulate: sum, window: 3h"


@pytest.fixture(scope="session")
def facts(base_dir: Path) -> Facts:
    return Facts(regions=load_regions(base_dir), steps={("stations", "precipitation"): 6 * 3600.0})


def told(text: str, facts: Facts) -> list[tuple[int, int, str]]:
    return [(fault.line, fault.column, fault.message) for fault in check_rules(text, facts=facts)]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        pytest.param("90, clear: 80", "40, clear: 35", 16, "before blue (50)", id="levels-out-of-order"),
        pytest.param("90, clear: 80", "50, clear: 40", 16, "blue could never be seen", id="level-hidden"),
        pytest.param("clear: 45", "clear: 60", 15, "wrong side", id="clear-on-the-wrong-side"),
        pytest.param("hazard: rainstorm", "hazard: high_temperature", 15, "has no level blue", id="no-such-colour"),
        pytest.param("unit: mm", "unit: mmm", 13, "mmm is not a unit", id="unknown-unit"),
        pytest.param("unit: mm", "unit: degC", 13, "cannot be told in degC", id="unit-of-something-else"),
        pytest.param("window: 3h", "window: 30min", 13, "shorter than the interval", id="window-below-interval"),
        pytest.param("cn-county", "cn-town", 11, "no kind of region cn-town", id="no-such-kind"),
        pytest.param("[CN-1101]", "[CN-1101, XX-9]", 11, "no region XX-9", id="no-such-region"),
        pytest.param("cn-county", "cn-province", 11, "could never fire", id="nothing-within"),
        pytest.param(RAIN, QUAKE, 16, "at most 10 1: a trigger of 90 could never be met", id="trigger-too-far"),
        pytest.param("trigger: 50, clear: 45", "trigger: 50, clear: 0", 15, "could never end", id="clear-too-far"),
        pytest.param(
            "blue: {input: x, trigger: 50, clear: 45}",
            "blue: {all: [{input: x, trigger: 50, clear: 45}, "
            "{input: x, trigger: 40, clear: 41, direction: below}]}",
            15, "at least 50 and at most 40 at once", id="conditions-that-exclude-each-other",
        ),
    ],
)  # fmt: skip
def test_check_tells_each_fault_with_its_place(facts: Facts, old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    found = told(GOOD.replace(old, new, 1), Facts(regions=facts.regions))
    assert any(at == line and says in message for at, _, message in found), found


def test_check_of_a_good_rule_finds_nothing(facts: Facts) -> None:
    assert told(GOOD, Facts(regions=facts.regions)) == []


def test_check_tells_everything_at_once_with_line_and_column(facts: Facts) -> None:
    bad = (
        GOOD.replace("hazard: rainstorm", "hazard: high_temperature")
        .replace("unit: mm", "unit: mmm")
        .replace("CN-1101", "CN-77")
        .replace("trigger: 90", "trigger: 40")
        .replace("max_age: 2h", "max_age: soon")
        .replace("clear: 80", "clear: 35")
    )
    assert [(line, column) for line, column, _ in told(bad, facts)] == [
        (11, 44), (13, 60), (13, 90), (15, 13), (16, 32), (17, 14),
    ]  # fmt: skip


def test_check_looks_at_the_other_parts_where_one_cannot_be_read(facts: Facts) -> None:
    bad = GOOD.replace("clear: 45", "clear: 45, hold: never").replace("[CN-1101]", "[CN-77]")
    messages = [message for _, _, message in told(bad, facts)]
    assert any("levels.blue.hold" in message for message in messages)
    assert "there is no region CN-77" in messages
    assert not any("not used" in message for message in messages)


def test_check_knows_the_step_of_the_data_in_the_store(facts: Facts) -> None:
    (found,) = told(GOOD, facts)
    assert found == (13, 89, "the window of 3 h is shorter than the step of the data, which come every 6 h")


def test_check_of_an_event_that_is_forgotten_before_its_level_begins(facts: Facts) -> None:
    bad = (
        GOOD.replace(RAIN, QUAKE)
        .replace("50, clear: 45}", "5, clear: 5, for: 24h}")
        .replace("90, clear: 80", "7, clear: 7")
    )
    assert [(line, message.partition(":")[2]) for line, _, message in told(bad, facts)] == [
        (15, " the level could never begin")
    ]


def test_check_applies_to_what_a_site_overrides(facts: Facts, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("overrides:\n  cma.rainstorm.observed:\n    levels:\n      blue: {clear: 0}\n", encoding="utf-8")
    rules, faults = read_paths([*builtin_paths(), path])
    assert [(fault.line, fault.column) for fault in faults] == [(4, 21)]
    kept = next(item for item in rules if item.rule.key == "cma.rainstorm.observed")
    assert kept.changes == ()


def test_faulty_rule_is_left_out_and_the_others_stay() -> None:
    other = GOOD.removeprefix("rules:\n").replace("county.rain", "county.other")
    rules, faults = read_text(GOOD.replace("unit: mm", "unit: mmm") + other)
    assert [item.rule.key for item in rules] == ["county.other"]
    assert len(faults) == 1


def test_builtin_packs_are_sound_against_the_table_of_limits() -> None:
    assert [str(fault) for fault in check_paths(builtin_paths())] == []


def test_limits_are_in_units_that_can_be_read() -> None:
    assert all(is_unit(limits.unit) and limits.least < limits.most for limits in quantities().values())


@pytest.mark.parametrize(
    ("key", "hazard", "expected"),
    [
        ("cma.heat", "high_temperature", "yellow orange red"),
        ("county.heat", "high_temperature", "yellow orange red"),
        ("nws.heat", "heat", "orange"),
        ("jma.wave", "tsunami", "yellow orange red"),
        ("county.locusts", "locusts", "blue yellow orange red"),
    ],
)
def test_colours_are_those_of_the_authority_or_of_the_public_signal(key: str, hazard: str, expected: str) -> None:
    assert " ".join(colours_of(key, hazard)) == expected


def test_facts_tell_how_often_data_come(
    store: Store, base_dir: Path, tmp_path: Path, now: datetime, add_station: Callable[..., None],
    add_reading: Callable[..., None],
) -> None:  # fmt: skip
    add_station("s1", 100.5)
    for hours in (0, 3, 6, 9, 20):
        add_reading("s1", "precipitation", now - timedelta(hours=hours), 1.0)
    found = facts_of(store, base_dir, now)
    assert found.steps == {("stations", "precipitation"): 3 * 3600.0}
    assert found.regions is not None and len(found.regions) == 8
    assert facts_of(None, tmp_path, now).regions is None
