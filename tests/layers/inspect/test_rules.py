"""Rules as files: ours are whole, an office's take their place, and every fault is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.errors import RuleError
from data.surveys import survey_names
from layers.survey.inspect.rules import BUILTIN, NEEDED, rules_for

FILE = """kinds: [{kind}]
rules:
  - {{id: {id}, check: range, column: floors, least: 1, severity: note, en: a, zh: 一}}
"""


def test_every_check_has_a_rule_of_ours_or_is_for_offices() -> None:
    used = {rule.check for rule in rules_for("urban_dwelling", "x")}
    assert set(NEEDED) - used == {"codes", "link"}


def test_our_rules_name_kinds_that_there_are(tmp_path: Path) -> None:
    import yaml

    kinds = set(survey_names(tmp_path).kinds)
    for path in BUILTIN.glob("*.yaml"):
        named = set(yaml.safe_load(path.read_text(encoding="utf-8"))["kinds"])
        assert named <= kinds | {"*"}, path.name


def test_a_kind_has_the_rules_of_every_kind_and_its_own() -> None:
    general, building = ({rule.id for rule in rules_for(kind, "x")} for kind in ("landslide", "school"))
    assert general < building
    assert "building.floors.range" in building - general


def test_an_office_changes_a_rule_by_its_id_and_adds_one_for_a_dataset(tmp_path: Path) -> None:
    folder = tmp_path / "inspection"
    folder.mkdir()
    (folder / "a.yaml").write_text(FILE.format(kind="school", id="building.floors.range"), encoding="utf-8")
    (folder / "b.yaml").write_text(
        FILE.format(kind="none", id="own").replace("kinds:", "datasets:"), encoding="utf-8"
    )
    found = {rule.id: rule for rule in rules_for("school", "x", tmp_path)}
    assert found["building.floors.range"].severity == "note"
    assert "own" not in found
    assert "own" in {rule.id for rule in rules_for("school", "none", tmp_path)}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{id: x, check: guess, severity: error, en: a, zh: b}", "no such check"),
        ("{id: x, check: range, column: y, severity: error, en: a, zh: b}", "least or most"),
        ("{id: x, check: range, least: 1, severity: grave, en: a, zh: b}", "grave; column is missing"),
        ("{id: x, check: geometry, fault: ugly, severity: error, en: a, zh: b}", "fault is one of"),
        ("{id: x, check: required, column: y, colour: z, severity: error, en: a, zh: b}", "does not know colour"),
        ("{id: x, check: logic, must: open('x'), severity: error, en: a, zh: b}", "must:"),
        ("{id: x, check: required, column: y, severity: error, en: a}", "in each language"),
        ("just words", "without an id"),
    ],
)
def test_a_rule_that_is_wrong_is_told(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(f"kinds: ['*']\nrules:\n  - {line}\n", encoding="utf-8")
    with pytest.raises(RuleError, match=said):
        rules_for("school", "x", extra=[path])
