"""Every built-in rule: valid, cited, in both languages, able to compile; and faults found with their line."""

from __future__ import annotations

import os
import string
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.engine import compile_rule
from alerts.pack import INDEX, PACKS, PackRule, builtin_paths, check_paths, load_rules
from alerts.rule import SCALE, Rule
from data.regions import load_regions
from data.units import factor_offset
from ingest import grid_parameters, table_mapping
from layers.derivations import DERIVED

RULES = load_rules()
SIGNALS: list[dict[str, Any]] = yaml.safe_load((PACKS / INDEX).read_text(encoding="utf-8"))["signals"]
FIELDS = {"region", "value", "unit", "level", "window"}
GRIDDED = {
    **{
        parameter.quantity: parameter.unit
        for table in (
            grid_parameters.SHORT_NAMES, grid_parameters.STANDARD_NAMES, grid_parameters.VARIABLE_NAMES,
        )
        for parameter in table.values()
    },
    **{spec.quantity: spec.unit for item in DERIVED for spec in item.specs},
}  # fmt: skip
BROUGHT = {
    "stations": table_mapping.UNITS,
    "field": GRIDDED,
    "events": {"earthquake": "1"},
    "warnings": {"warning": "1"},
}


@pytest.mark.parametrize("item", RULES, ids=lambda item: item.rule.key)
def test_rule_compiles_and_reads_back_from_its_stored_form(item: PackRule) -> None:
    compiled = compile_rule(item.rule)
    again = Rule.model_validate(item.rule.body)
    assert again.digest == item.rule.digest
    assert len(compiled.scale) == len(item.rule.levels)


@pytest.mark.parametrize("item", RULES, ids=lambda item: item.rule.key)
def test_rule_says_whose_numbers_they_are(item: PackRule) -> None:
    rule = item.rule
    assert item.path.parent.name == rule.key.split(".")[0]
    assert rule.citation.title and (rule.citation.house or "house rule" in rule.citation.note)
    assert rule.citation.url == "" or rule.citation.url.startswith("http")
    assert rule.citation.read_on.year == 2026
    assert all(text.strip() for text in (rule.title.en, rule.title.zh, rule.authority.en, rule.authority.zh))
    assert rule.judge is not None


@pytest.mark.parametrize("item", RULES, ids=lambda item: item.rule.key)
def test_rule_texts_fill_in_what_there_is(item: PackRule) -> None:
    for text in (item.rule.text.en, item.rule.text.zh):
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        assert names <= FIELDS and {"region", "value"} <= names


@pytest.mark.parametrize("item", RULES, ids=lambda item: item.rule.key)
def test_rule_looks_at_what_some_feed_brings_in_a_unit_that_fits(item: PackRule) -> None:
    for entry in item.rule.inputs.values():
        brought = BROUGHT[entry.source]
        assert entry.quantity in brought, f"no input could ever fire on {entry.quantity} of {entry.source}"
        assert factor_offset(brought[entry.quantity], entry.unit)[0] > 0


@pytest.mark.parametrize("item", RULES, ids=lambda item: item.rule.key)
def test_rule_names_regions_that_exist(item: PackRule) -> None:
    codes = load_regions().code
    assert set(item.rule.regions.within) <= set(codes.tolist())


@pytest.mark.parametrize("item", RULES, ids=lambda item: item.rule.key)
def test_rule_that_is_not_confirmed_is_a_house_rule_and_says_so(item: PackRule) -> None:
    note = item.rule.citation.note
    if "not confirmed" in note or "not checked" in note or "older plan" in note:
        assert item.rule.citation.house and not item.rule.enabled


@pytest.mark.parametrize("item", RULES, ids=lambda item: item.rule.key)
def test_rule_has_levels_in_order(item: PackRule) -> None:
    """Of levels over one input the higher one begins further on."""
    for name in item.rule.inputs:
        triggers = [
            leaf.trigger if leaf.direction == "above" else -(leaf.trigger or 0.0)
            for level in SCALE
            if level in item.rule.levels
            for leaf in item.rule.levels[level].leaves()  # type: ignore[index]
            if leaf.input == name
        ]
        if not item.rule.key.startswith("cma.haze"):  # whose branches look at one input twice
            assert triggers == sorted(triggers, key=lambda one: one or 0.0)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda one: f"{one['authority']}.{one['hazard']}")
def test_signal_has_a_rule_for_each_level_or_a_reason_why_not(signal: dict[str, Any]) -> None:
    told = {
        level
        for item in RULES
        if item.path.parent.name == signal["authority"] and item.rule.hazard == signal["hazard"]
        for level in item.rule.levels
    }
    missing = signal.get("no_rule", {"levels": []})
    assert told | set(missing["levels"]) == set(signal["levels"])
    assert not told & set(missing["levels"])
    assert all(signal["title"][locale] for locale in ("en", "zh"))
    assert not missing["levels"] or all(missing["why"][locale] for locale in ("en", "zh"))


def test_each_rule_of_an_authority_is_of_a_signal_in_the_index() -> None:
    known = {(one["authority"], one["hazard"]) for one in SIGNALS}
    assert len(known) == len(SIGNALS)
    rules = {(item.path.parent.name, item.rule.hazard) for item in RULES if item.path.parent.name != "generic"}
    assert rules <= known


def test_builtin_packs_have_no_fault_and_no_key_twice() -> None:
    assert check_paths(builtin_paths()) == []
    assert check_paths([Path(os.path.relpath(PACKS))]) == [], "the folder is checked without its index"
    assert len({item.rule.key for item in RULES}) == len(RULES)


GOOD = """rules:
  - key: test.one
    version: "1"
    authority: {en: A, zh: 甲}
    citation: {title: T, read_on: 2026-01-01}
    valid_from: 2020-01-01
    hazard: rain
    branch: observed
    title: {en: A, zh: 甲}
    text: {en: A, zh: 甲}
    inputs:
      x: {source: stations, quantity: rain, unit: mm, accumulate: sum, window: 3h}
    levels:
      blue: {input: x, trigger: 50, clear: 45}
    max_age: 2h
    duration: {default: 1h, hard_limit: 2h}
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        pytest.param("version:", "verzion:", 3, "verzion", id="unknown-key"),
        pytest.param("clear: 45", "clear: 55", 14, "wrong side", id="clear-above-trigger"),
        pytest.param("input: x,", "input: y,", 14, "no such input: y", id="unknown-input"),
        pytest.param("trigger: 50", "trigger: .nan", 14, "finite", id="nan"),
        pytest.param("trigger: 50", "trigger: high", 14, "a number", id="word-for-number"),
        pytest.param("max_age: 2h", "max_age: 2", 15, "duration", id="no-unit"),
        pytest.param("window: 3h", "window: 3 hours", 12, "duration", id="unit-in-words"),
        pytest.param("hazard: rain", "hazard: rain\n    hazard: snow", 8, "twice", id="repeated-key"),
        pytest.param("branch: observed", "branch: seen", 8, "observed", id="not-a-branch"),
        pytest.param("2020-01-01", "2020-13-01", 6, "date", id="no-such-day"),
        pytest.param("blue:", "violet:", 14, "violet", id="no-such-level"),
        pytest.param("    max_age: 2h\n", "", 2, "max_age", id="missing-key"),
        pytest.param("accumulate: sum, ", "", 12, "window", id="window-without-accumulation"),
        pytest.param("{en: A, zh: 甲}\n    cit", "&a {en: A, zh: 甲}\n    x: *a\n    cit", 2, "alias", id="alias"),
        pytest.param("rules:", "rules: [", 2, "not YAML", id="not-yaml"),
        pytest.param("rules:", "rulez:", 1, "rulez", id="other-document"),
    ],
)  # fmt: skip
def test_check_names_the_line_of_each_fault(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    path = tmp_path / "pack.yaml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    faults = check_paths([path])
    assert faults
    assert any(fault.line == line and says in fault.message for fault in faults), [str(fault) for fault in faults]


def test_check_finds_all_faults_at_once(tmp_path: Path) -> None:
    path = tmp_path / "pack.yaml"
    bad = GOOD.replace("trigger: 50", "trigger: x").replace("max_age: 2h", "max_age: soon").replace("zh: 甲}", "}", 1)
    path.write_text(bad + GOOD.removeprefix("rules:\n"), encoding="utf-8")
    assert {fault.line for fault in check_paths([path])} == {4, 14, 15}


@pytest.mark.parametrize(
    "text", ["", "- a\n", "rules: []\n", "rules: 3\n", "rules: [1]\n", "rules: [[]]\n", "[" * 5000], ids=range(7)
)
def test_check_survives_what_is_no_pack(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pack.yaml"
    path.write_text(text, encoding="utf-8")
    assert check_paths([path])


def test_check_of_bytes_and_missing_files_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "pack.yaml"
    path.write_bytes(b"rules: \xff\xfe")
    faults = check_paths([path, tmp_path / "gone.yaml", tmp_path / "gone"])
    assert len(faults) == 3


def test_check_refuses_one_key_in_two_files(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(GOOD, encoding="utf-8")
    faults = check_paths([tmp_path])
    assert len(faults) == 1 and "also in" in faults[0].message


@pytest.mark.parametrize("name", ["rules.md", "packs.md"])
def test_check_accepts_the_example_of_the_documents(tmp_path: Path, name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / name).read_text(encoding="utf-8")
    path = tmp_path / "example.yaml"
    path.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    assert [str(fault) for fault in check_paths([path])] == []
