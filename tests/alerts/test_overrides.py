"""A site's own numbers in a pack's rule: merged, marked, and refused with their line where they do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.command import check_main
from alerts.overrides import merged
from alerts.pack import PackRule, builtin_paths, load_rules, read_paths

KEY = "cma.rainstorm.observed"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def base() -> PackRule:
    return next(item for item in load_rules() if item.rule.key == KEY)


def test_override_replaces_only_what_it_names(tmp_path: Path) -> None:
    path = written(
        tmp_path, f"overrides:\n  {KEY}:\n    note: Plan of the city\n    levels: {{blue: {{trigger: 47}}}}\n"
    )
    rules, faults = read_paths((*builtin_paths(), path))
    assert faults == []
    assert [item.rule.key for item in rules] == [item.rule.key for item in load_rules()]
    (item,) = (item for item in rules if item.base)
    assert (item.rule.key, item.rule.version, item.changed_in) == (KEY, "2007.1+site", path)
    assert item.rule.levels["blue"].trigger == 47
    assert item.rule.levels["blue"].clear == 45
    assert item.rule.levels["red"] == base().rule.levels["red"]
    assert [str(change) for change in item.changes] == ["levels.blue.trigger: 50 -> 47"]
    assert "Plan of the city" in item.rule.citation.note
    assert "levels.blue.trigger: 50 -> 47" in item.rule.citation.note
    assert item.base == base().rule
    assert item.rule.digest != base().rule.digest


def test_override_alone_is_checked_against_the_built_in_packs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, f"overrides:\n  {KEY}: {{enabled: false}}\n")
    assert check_main([path], False) == 0
    assert "1 rules, 0 faults" in capsys.readouterr().out
    (item,) = load_rules([path])
    assert not item.rule.enabled


def test_override_can_change_the_form_of_a_condition_and_take_a_level_away() -> None:
    rule, changes = merged(
        base().rule,
        {
            "levels": {
                "blue": {"any": [{"input": "rain_12h", "trigger": 50, "clear": 45},
                                 {"input": "rain_6h", "trigger": 40, "clear": 35}]},
                "orange": None,
            }
        },
    )  # fmt: skip
    assert set(rule.levels) == {"blue", "yellow", "red"}
    assert [leaf.trigger for leaf in rule.levels["blue"].leaves()] == [50, 40]
    assert rule.levels["blue"].hold == 3600
    assert {change.place[:2] for change in changes} == {("levels", "blue"), ("levels", "orange")}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        pytest.param("  cma.rain.seen: {enabled: false}\n", 2, "no rule cma.rain.seen", id="no-such-rule"),
        pytest.param(f"  {KEY}:\n    hazard: snow\n", 3, "write a rule of your own", id="another-hazard"),
        pytest.param(f"  {KEY}:\n    levels:\n      blue: {{trigger: 40}}\n", 4, "wrong side", id="clear-above"),
        pytest.param(f"  {KEY}:\n    levels:\n      blue: {{triger: 60}}\n", 4, "triger", id="unknown-word"),
        pytest.param(f"  {KEY}:\n    max_age: 2\n", 3, "duration", id="no-unit"),
        pytest.param(f"  {KEY}: 3\n", 2, "a mapping", id="no-mapping"),
        pytest.param(f"  {KEY}: {{enabled: false}}\n  {KEY}: {{max_age: 1h}}\n", 3, "also overridden", id="twice"),
        pytest.param(" []\n", 2, "mapping from rule keys", id="list"),
    ],
)
def test_override_faults_are_told_with_their_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    path = written(tmp_path, "overrides:\n" + text)
    rules, faults = read_paths((*builtin_paths(), path))
    assert [(fault.path, fault.line) for fault in faults] == [(path, line)], [str(fault) for fault in faults]
    assert says in faults[0].message
    assert sum(item.base is not None for item in rules) == (says == "also overridden"), "the pack's own rule stays"


def test_override_faults_are_told_all_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, f"overrides:\n  {KEY}:\n    max_age: x\n    duration: {{default: 0}}\n  other: {{}}\n")
    assert {fault.line for fault in read_paths([path])[1]} >= {3, 4, 5}
