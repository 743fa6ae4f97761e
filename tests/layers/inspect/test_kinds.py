"""The rules of each kind: a record that is right passes, and each rule finds the fault that was planted for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from data.surveys import survey_names
from data.units import is_unit
from layers.survey.inspect import near
from layers.survey.inspect.rules import BUILTIN, EVERY, rules_for
from layers.survey.inspect.run import Run, inspect_files
from tests.layers.inspect.kinds import FAULTS, RIGHT
from tests.layers.inspect.planted import deliver

FILES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(BUILTIN.glob("*.yaml"))}


@pytest.mark.parametrize("name", sorted(set(FILES) - {"general"}))
def test_each_rule_finds_its_planted_fault_and_nothing_in_a_right_record(name: str, tmp_path: Path) -> None:
    kind, right = RIGHT[name]
    mine = {one["id"] for one in FILES[name]["rules"] if one["check"] not in near.CHECKS}
    rows: list[dict[str, Any]] = [{"id": "right", **right}]
    rows += [{"id": id, **right, **FAULTS[id]} for id in sorted(mine)]
    places = {"lon": [116.0 + row / 10 for row in range(len(rows))], "lat": [40.0] * len(rows)}
    columns = {column: [row[column] for row in rows] for column in rows[0]}
    folder = deliver(pa.table(columns | places), tmp_path / "delivery", parts=1)
    rules = [rule for rule in rules_for(kind, "x") if rule.id in mine]
    assert {rule.id for rule in rules} == mine
    run = Run(folder=folder, base_dir=tmp_path, rules=rules, beside={"year_delivered": 2026})
    told = inspect_files(run, tmp_path / "out")
    assert [rule["reason"] for rule in told["rules"]] == [""] * len(rules)
    found = pq.read_table(tmp_path / "out" / "findings.parquet").select(["id", "rule"]).to_pylist()
    assert not [one for one in found if one["id"] == "right"]
    assert {one["rule"] for one in found if one["rule"] == one["id"]} == mine


def test_every_planted_fault_belongs_to_a_rule() -> None:
    ids = [one["id"] for document in FILES.values() for one in document["rules"]]
    assert len(ids) == len(set(ids))
    assert set(FAULTS) <= set(ids)


def test_every_rule_says_where_its_limits_come_from() -> None:
    for name, document in FILES.items():
        for rule in document["rules"]:
            assert str(rule.get("source", document.get("source", ""))).strip(), f"{name}: {rule['id']}"


def test_every_kind_with_rules_of_its_own_is_a_kind() -> None:
    kinds = {kind for document in FILES.values() for kind in document["kinds"]}
    assert kinds - {EVERY} <= set(survey_names().kinds)
    assert len(kinds) > 45


def test_attributes_have_units_that_can_be_read_and_names_of_their_own() -> None:
    attributes = survey_names().attributes
    assert [one.key for one in attributes if one.unit and not is_unit(one.unit)] == []
    called = [
        word for one in attributes for word in {name.casefold() for name in (one.key, one.en, one.zh, *one.also)}
    ]
    assert sorted({word for word in called if called.count(word) > 1}) == []
