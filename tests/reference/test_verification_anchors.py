"""Published numbers of other services against the table of facts."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from data.anchors import published

NUMBER = re.compile(r"\d+(?:\.\d+)?")


def numbers(text: str) -> set[str]:
    return set(NUMBER.findall(text))


@pytest.mark.recorded
def test_every_confirmed_fact_is_there_with_its_numbers_and_no_other(oracles: Path) -> None:
    lines = (oracles / "verification_anchors.csv").read_text(encoding="utf-8").splitlines()
    rows = [row for row in csv.DictReader(lines[1:]) if row["status"].startswith("confirmed")]
    known = [numbers(" ".join((row["value"], row["period"]))) for row in rows]
    every = set().union(*known)
    given = [numbers(f"{one.value} {one.period} {one.note.get('en', '')}") for one in published()]
    assert sorted(set().union(*given) - every - {"100", "30"}) == []
    for fact in known:
        assert any(fact <= set().union(*given[at : at + 2]) for at in range(len(given))), fact


def test_each_has_its_words_in_both_languages_and_a_source() -> None:
    assert len(published()) == 24
    for one in published():
        assert one.source and one.period and numbers(one.value)
        for words in (one.system, one.measure, *([one.note] if one.note else [])):
            assert words["en"] and words["zh"] and words["en"] != words["zh"]
            assert numbers(words["en"]) == numbers(words["zh"])
