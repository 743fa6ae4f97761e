"""Rules as files: ours are whole, an office's take their place, and every fault is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.errors import RuleError
from layers.survey.inspect.rules import NEEDED, rules_for

FILE = """kinds: [{kind}]
rules:
  - {{id: {id}, check: range, column: floors, least: 1, severity: note, en: a, zh: 一}}
"""


def test_every_check_has_a_rule_of_ours_or_is_for_offices() -> None:
    used = {rule.check for rule in rules_for("urban_dwelling", "x")}
    assert set(NEEDED) - used == {"codes", "link"}


def test_a_kind_has_the_rules_of_every_kind_and_its_own() -> None:
    general, building = ({rule.id for rule in rules_for(kind, "x")} for kind in ("rainstorm", "school"))
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


OWN = "rules:\n  - {id: x, check: range, column: colour, least: 1, severity: note, en: a, zh: b}\n"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("kinds: [school]", "own.yaml: x: no such column: colour"),
        ("kinds: ['*']", "no such column: colour"),
        ("kinds: [castle]\ncolumns: [colour]", "own.yaml: no such kind: castle"),
        ("kinds: school", "kinds: not a list"),
        ("kinds: [school]\ncolumns: [colour]", ""),
        ("datasets: [walls]", ""),  # the catalogue knows what columns a dataset has
    ],
)
def test_a_file_of_an_office_names_kinds_and_columns_that_there_are(head: str, said: str, tmp_path: Path) -> None:
    folder = tmp_path / "inspection"
    folder.mkdir()
    (folder / "own.yaml").write_text(f"{head}\n{OWN}", encoding="utf-8")
    if said:
        with pytest.raises(RuleError, match=said):
            rules_for("school", "x", tmp_path)
    else:
        assert "x" in {rule.id for rule in rules_for("school", "walls", tmp_path)}


def test_a_site_that_adds_a_kind_and_an_attribute_may_have_rules_for_them(tmp_path: Path) -> None:
    (tmp_path / "surveys.yaml").write_text(
        "attributes: [{key: colour, en: Colour, zh: 颜色}]\n"
        "groups: [{key: asset, en: Exposed assets, zh: 承灾体, classes: "
        "[{key: buildings, en: Buildings, zh: 房屋, kinds: [{key: castle, en: Castles, zh: 城堡}]}]}]\n",
        encoding="utf-8",
    )
    (tmp_path / "inspection").mkdir()
    (tmp_path / "inspection" / "own.yaml").write_text(f"kinds: [castle]\nsource: our walls\n{OWN}", encoding="utf-8")
    (mine,) = (rule for rule in rules_for("castle", "x", tmp_path) if rule.id == "x")
    assert mine.source == "our walls"


def test_two_rules_of_one_id_in_a_file_are_told(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    line = "  - {id: x, check: required, column: y, severity: note, en: a, zh: b}\n"
    path.write_text(f"datasets: [x]\nrules:\n{line}{line}", encoding="utf-8")
    with pytest.raises(RuleError, match="x: 2 rules have this id"):
        rules_for("school", "x", extra=[path])


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
