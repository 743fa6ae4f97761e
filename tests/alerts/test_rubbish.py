"""What people and machines bring that is no rule, no scenario, no table, no reason: refused, and told why."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from alerts import past_readings
from alerts.month import COUNTS, SCORES, Month, MonthRow, month_csv
from alerts.past_readings import PastTable
from alerts.rule_version import rule_of
from alerts.scenario import write_scenario
from alerts.scenario_file import read_scenario
from alerts.truth import truth_of
from alerts.verify import NO_EVENT
from data.errors import ConfigError, RuleError
from data.regions import load_regions
from data.store.engine import Store
from tests.alerts.replaying import storm_members
from tests.alerts.test_rule_version import ANNA, TEXT, saved, versions


@pytest.mark.parametrize(
    "value", ["!!bool x", "!!int ''", "!!float ''", "!!int x", "!!timestamp x", "!!python/name:os.system x"]
)
def test_a_value_that_its_own_tag_denies_is_a_fault_and_no_crash(value: str) -> None:
    rule, faults = rule_of(TEXT + f"  enabled: {value}\n")
    assert rule is None and faults


@pytest.mark.parametrize("why", ["\u200b", "\u202e \u2066", "\x00", "\ufeff\n"])
def test_a_reason_that_nobody_can_see_is_none(store: Store, why: str) -> None:
    with pytest.raises(RuleError, match="a reason is needed"):
        saved(store, why=why)


def test_a_reason_keeps_its_words_and_loses_what_turns_them_round(store: Store) -> None:
    assert saved(store, why=" 暴雨\u202e more\x00 rain ").why == "暴雨 more rain"
    with store.read() as connection:
        assert [one.by for one in versions(connection, "test.rain")] == [ANNA]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scenario.yaml": b"from: 2021-13-45"}, "scenario.yaml: not YAML"),
        ({"scenario.yaml": b"enabled: !!bool x"}, "scenario.yaml: not YAML"),
        ({"scenario.yaml": b"#" * ((4 << 20) + 1)}, "scenario.yaml is larger than 4 MiB"),
        ({"feeds.yaml": b"[" * 5000}, "not a scenario"),
        ({"rounds.csv": b"at,seen\n" + b"x" * 200_000 + b",1\n"}, "not a scenario"),
    ],
)
def test_scenario_of_rubbish_is_refused(tmp_path: Path, change: dict[str, bytes], words: str) -> None:
    write_scenario(tmp_path / "a.zip", {**storm_members(), **change})
    with pytest.raises(ConfigError) as caught:
        read_scenario(tmp_path / "a.zip")
    assert words in str(caught.value)


@pytest.mark.parametrize("view", [[float("nan"), 0, 5], [500, 0, 5], [0, 95, 5], [0, 0, float("inf")]])
def test_view_of_nowhere_is_refused(tmp_path: Path, view: list[float]) -> None:
    write_scenario(tmp_path / "a.zip", storm_members({"view": view}))
    with pytest.raises(ConfigError, match="view: longitude, latitude and zoom"):
        read_scenario(tmp_path / "a.zip")


def test_scenario_whose_bytes_are_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write_scenario(path, {"scenario.yaml": b"name: x\n" * 50, "feeds.yaml": b"[]"})
    body = bytearray(path.read_bytes())
    begin = body.index(b"scenario.yaml") + len("scenario.yaml")
    body[begin : begin + 6] = b"\xff" * 6
    path.write_bytes(body)
    with pytest.raises(ConfigError, match="not a scenario"):
        read_scenario(path)


def test_hazard_of_a_truth_is_no_formula_in_the_csv_of_a_month(now: datetime) -> None:
    score = {"value": None, "reason": NO_EVENT, "cases": 0, "low": None, "high": None}
    counts = dict.fromkeys(COUNTS, 0)
    row = MonthRow(hazard='=HYPERLINK("x")', office=None, counts=counts, scores=dict.fromkeys(SCORES, score))
    (read,) = csv.DictReader(io.StringIO(month_csv(Month(begin=now, end=now, rows=(row,), truth=()))))
    assert read["hazard"] == '\'=HYPERLINK("x")'


@pytest.mark.parametrize("lon", ["1134", "-200", "nan", "inf"])
def test_truth_beside_the_earth_is_named(base_dir: Path, lon: str) -> None:
    table = f"hazard,lon,lat,start\nrain,{lon},34,2026-03-01T00:00Z\n"
    with pytest.raises(RuleError, match="lon"):
        truth_of(table.encode(), load_regions(base_dir))


def test_parquet_that_swells_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"station": ["s"] * 100_000}).to_parquet(path)
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(past_readings, "MOST_ROWS", 99_999)
    monkeypatch.setattr(pd, "read_parquet", _unread)
    with pytest.raises(RuleError, match="more than 99,999 rows"):
        PastTable.read(path)


def _unread(_path: Path) -> Callable[..., None]:
    raise AssertionError("it was read")
