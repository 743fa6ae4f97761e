"""A rule as a table: conditions in words, whether it is in force, a site's changes beside the pack's own."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.pack import builtin_paths, load_rules, read_paths
from data.regions import load_regions
from data.text import translator
from pages import packs
from pages._pack_table import article
from pages._pack_words import EXPIRED, IN_FORCE, NOT_YET, OFF, ends, standing, starts
from tests.pages.test_shell import text_of

T = translator("en")
RULES = {item.rule.key: item for item in load_rules()}
DAY = date(2026, 3, 1)
CONTEXT: Any = SimpleNamespace(
    settings=SimpleNamespace(rule_paths=(), zone=ZoneInfo("Asia/Shanghai")),
    regions=load_regions(),
    clock=lambda: datetime(2026, 2, 28, 17, 0, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("key", "day", "expected"),
    [
        pytest.param("mee.air_quality", DAY, IN_FORCE, id="first day"),
        pytest.param("mee.air_quality", date(2026, 2, 28), NOT_YET, id="day before"),
        pytest.param("mee.air_quality_2012", date(2026, 2, 28), IN_FORCE, id="last day"),
        pytest.param("mee.air_quality_2012", DAY, EXPIRED, id="day after"),
        pytest.param("cma.typhoon.forecast", DAY, OFF, id="switched off"),
    ],
)
def test_rule_is_in_force_from_its_first_to_its_last_day(key: str, day: date, expected: str) -> None:
    assert standing(RULES[key].rule, day) == expected


def test_condition_is_told_with_what_is_measured_number_and_unit() -> None:
    rule = RULES["cma.rainstorm.observed"].rule
    level = rule.levels["red"]
    assert text_of(starts(rule, level, T)) == "precipitation: sum over 3 h, max over stations   ≥ 100 mm"
    assert (
        text_of(ends(rule, level, T))
        == "precipitation: sum over 3 h, max over stations   < 90 mm and this for 60 min"
    )


def test_several_conditions_end_the_other_way_round() -> None:
    """A level that needs all of its conditions is over with any of them; one that needs any, with all of them."""
    cold, gale = RULES["cma.cold_wave.observed"].rule, RULES["cma.gale.observed"].rule
    assert text_of(starts(cold, cold.levels["red"], T)).startswith("all of these:")
    assert text_of(ends(cold, cold.levels["red"], T)).startswith("any of these:")
    assert "≤ -16 °C" in text_of(starts(cold, cold.levels["red"], T))
    assert "> -15 °C" in text_of(ends(cold, cold.levels["red"], T))
    assert text_of(starts(gale, gale.levels["red"], T)).startswith("any of these:")
    assert text_of(ends(gale, gale.levels["red"], T)).startswith("all of these:")


@pytest.mark.parametrize("locale", ["en", "zh"])
@pytest.mark.parametrize("item", RULES.values(), ids=lambda item: item.rule.key)
def test_every_rule_can_be_read_whole(item: Any, locale: str) -> None:
    words = text_of(article(item, CONTEXT.regions, DAY, translator(locale), locale))
    rule = item.rule
    for said in (
        rule.key,
        rule.title.of(locale),
        rule.citation.title,
        rule.citation.note,
        rule.version,
        rule.digest[:16],
    ):
        assert said in words
    assert rule.judge is not None and rule.judge.of(locale) in words
    assert words.count("≥") + words.count("≤") >= len(rule.levels)


def test_overridden_values_stand_beside_the_pack(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(
        "overrides:\n  cma.rainstorm.observed:\n    levels: {blue: {trigger: 40, clear: 35}, orange: null}\n",
        encoding="utf-8",
    )
    item = next(one for one in read_paths((*builtin_paths(), path))[0] if one.base)
    words = text_of(article(item, CONTEXT.regions, DAY, T, "en"))
    assert "≥ 40 mm" in words and "≥ 50 mm" in words
    assert "levels.blue.trigger 50 40" in words
    assert "not at this site" in words
    assert "overrides parts of version 2007.1, in site.yaml" in words


def test_listing_by_hazard_says_which_signals_have_no_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "saved_only", lambda *_: ())
    assert "no feed brings strokes of lightning" in text_of(packs.listing(CONTEXT, T, "en", "lightning", None))
    both = text_of(packs.listing(CONTEXT, T, "en", "road_icing", None))
    assert "Road icing, observed" in both and "Signals without a rule" in both
    assert "No such rule." in text_of(packs.listing(CONTEXT, T, "en", "all", "no.such"))


def test_layout_shows_the_faults_of_the_sites_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("overrides:\n  no.such.rule: {enabled: true}\n", encoding="utf-8")
    monkeypatch.setattr(packs, "saved_only", lambda *_: ())
    context: Any = SimpleNamespace(**{**vars(CONTEXT), "settings": SimpleNamespace(rule_paths=(path,))})
    assert f"{path}:2:3: there is no rule no.such.rule to override" in text_of(packs.layout(context, T, "en", {}))
