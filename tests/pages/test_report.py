"""A trial's report: the sentence that a planner needs, undefined scores in words, and a file that fetches nothing."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alerts.backtest import run_proof
from alerts.history import open_history
from alerts.rule import Rule
from alerts.truth import truth_of
from data.regions import load_regions
from data.text import translator
from pages._report import figures, page, score_rows, sentences

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ZHENGZHOU = (113.65, 34.72)
WORDS = {"en": "Rain", "zh": "降雨"}


def rule() -> Rule:
    return Rule.model_validate(
        {
            "key": "test.rain", "version": "3", "authority": WORDS, "hazard": "rain", "branch": "observed",
            "citation": {"title": "none", "read_on": "2026-01-01"}, "valid_from": "2000-01-01", "title": WORDS,
            "text": WORDS, "max_age": "2h", "regions": {"kinds": ["cn-county"], "within": ["CN-410000"]},
            "inputs": {"x": {"source": "stations", "quantity": "rain", "unit": "mm", "accumulate": "sum",
                             "window": "3h"}},
            "levels": {"blue": {"input": "x", "trigger": 20, "clear": 15}},
            "duration": {"default": "1h", "hard_limit": "2h"},
        }
    )  # fmt: skip


def report_of(folder: Path, truth: str | None) -> dict[str, Any]:
    rows = []
    for hour in range(24 * 16):
        storm = 12.0 if hour % 120 in (30, 31, 32, 33) else 0.0
        at = (START + hour * HOUR).isoformat()
        rows.append(("z", *ZHENGZHOU, "rain", "mm", at, storm))
    names = ["station", "lon", "lat", "quantity", "unit", "observed_at", "value"]
    path = folder / "rain.csv"
    pd.DataFrame(rows, columns=names).to_csv(path, index=False)
    index = load_regions()
    told = None if truth is None else truth_of(truth.encode(), index)
    with open_history(path, index.base_dir) as history:
        return run_proof([rule()], history, told, officers=3)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    head = "hazard,lon,lat,start,end,source\n"
    at = [START + hours * HOUR for hours in (32, 152, 200)]
    body = "".join(f"rain,113.65,34.72,{one.isoformat()},{(one + 4 * HOUR).isoformat()},gauge\n" for one in at)
    return report_of(tmp_path_factory.mktemp("scored"), head + body)


@pytest.fixture(scope="module")
def unscored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return report_of(tmp_path_factory.mktemp("unscored"), None)


def test_the_first_sentence_says_what_a_planner_needs(scored: dict[str, Any]) -> None:
    said = sentences(scored, "en")
    assert said[0] == (
        "Of 3 events 2 were warned of, in the median 60 min ahead; 1 of 3 warnings were false."
    )  # fmt: skip
    assert any("too few cases" in text for text in said[1:])
    assert any("for each of 3 officers" in text for text in said[1:])
    assert sentences(scored, "zh")[0].startswith("3 次事件中 2 次得到预警")


def test_events_are_told_at_their_own_level(tmp_path: Path) -> None:
    at = START + 32 * HOUR
    report = report_of(tmp_path, f"hazard,lon,lat,start,level\nrain,113.65,34.72,{at.isoformat()},blue\n")
    assert "At blue or above: 1 of 1 events, in the mean 60 min ahead." in sentences(report, "en")
    assert "达到蓝色及以上：1 次事件中 1 次，平均提前60 分钟。" in sentences(report, "zh")


def test_without_truth_nobody_is_told_a_score(unscored: dict[str, Any]) -> None:
    said = sentences(unscored, "en")[0]
    assert said == (
        "3 warnings would have been proposed; whether rightly, nobody can tell: no truth was given."
    )  # fmt: skip
    rows = dict(score_rows(unscored["rules"][0], translator("en")))
    assert rows["Probability of detection (POD)"] == "undefined: no truth was given"
    assert len(figures(unscored, "en")) == 2


def test_figures_mark_the_present_choice_and_the_missed_place(scored: dict[str, Any]) -> None:
    curve, leads, weeks, misses = figures(scored, "en")
    assert len(curve["data"][0]["x"]) == 15
    assert curve["layout"]["shapes"][0]["x0"] == 1
    assert sum(weeks["data"][0]["y"]) == scored["rules"][0]["proposals"]["total"]
    assert leads["data"][0]["x"] == [60.0, 60.0]
    missed = misses["data"][-1]
    assert len(missed["x"]) == 1 and "1 of 3 missed" in missed["text"][0]
    outline = np.array([value for value in misses["data"][0]["x"] if value is not None])
    assert outline.min() < ZHENGZHOU[0] < outline.max()
    assert "#2e" not in json.dumps(misses)  # no green


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_page_is_one_file_that_needs_nothing_from_outside(scored: dict[str, Any], lang: str) -> None:
    made = page(scored, lang)
    own = re.sub(r"<script>.*?</script>", "", made, count=1, flags=re.DOTALL)  # plotly.js itself
    assert "http://" not in own and "https://" not in own
    assert not re.search(r"<(link|img|iframe)|src=", own)
    assert sentences(scored, lang)[0] in own
    assert '"showSendToCloud": false' in own


def test_page_escapes_what_others_wrote(scored: dict[str, Any]) -> None:
    told = json.loads(json.dumps(scored))
    told["rules"][0]["events"][0]["source"] = "<script>alert(1)</script>"
    told["history"]["notes"] = [{"en": "<i>note", "zh": "注"}]
    told["rules"][0]["misses"][0]["name"] = "</script><b>"
    made = page(told, "en")
    assert "<i>" not in made and "&lt;i&gt;note." in made
    assert "<script>alert(1)" not in made and "</script><b>" not in made
