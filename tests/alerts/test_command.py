"""The command line: rules checked and evaluated, nothing written."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from alerts.command import check_main, evaluate_main
from alerts.pack import PACKS
from data.errors import ConfigError
from data.settings import Settings
from data.store.engine import Store
from data.store.tables import evaluation, level_snapshot, rule_state, transition

RAIN = [PACKS / "cma" / "rainstorm.yaml"]


@pytest.fixture
def settings(home: Path, base_dir: Path, store: Store) -> Settings:
    url = store.engine.url.set(drivername=store.engine.url.get_backend_name())
    return Settings(home=home, base_dir=base_dir, database_url=url.render_as_string(hide_password=False))


@pytest.fixture
def storm(now: datetime, add_station: Callable[..., None], add_reading: Callable[..., None]) -> None:
    add_station("s1", 100.5)
    for hours in range(12):
        add_reading("s1", "precipitation", now - timedelta(hours=hours), 10.0)


@pytest.mark.usefixtures("storm")
def test_evaluate_tells_level_and_why_and_writes_nothing(
    store: Store, settings: Settings, now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_main(settings, RAIN, now, None, True) == 0
    told = json.loads(capsys.readouterr().out)
    levels = {one["code"]: one["level"] for one in told["regions"]}
    assert levels == {"CN-110101": "yellow", "CN-1101": "yellow", "CN-11": "yellow", "CHN": "yellow"}
    county = next(one for one in told["regions"] if one["code"] == "CN-110101")
    readings = {one["input"]: one["value"] for one in county["why"][0]["readings"]}
    assert readings == {"rain_12h": 120.0, "rain_6h": 60.0, "rain_3h": 30.0}
    assert county["why"][0]["readings"][0]["behind"]["id"] == "s1"
    assert told["not_watched"] == 4
    with store.read() as connection:
        for table in (evaluation, level_snapshot, rule_state, transition):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0


@pytest.mark.usefixtures("storm")
def test_evaluate_of_one_region_and_those_below(
    settings: Settings, now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_main(settings, RAIN, now, "CN-1102", True) == 0
    assert json.loads(capsys.readouterr().out)["regions"] == []
    assert evaluate_main(settings, RAIN, now, "CN-1101", False) == 0
    text = capsys.readouterr().out
    assert "CN-110101 CN-110101: yellow" in text and "rain_6h = 60 mm" in text
    with pytest.raises(ConfigError):
        evaluate_main(settings, RAIN, now, "XX", True)


@pytest.mark.usefixtures("storm")
def test_evaluate_at_another_time_uses_what_there_was(
    settings: Settings, now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate_main(settings, RAIN, now - timedelta(hours=7), "CN-110101", True)
    (early,) = json.loads(capsys.readouterr().out)["regions"]
    assert (early["level"], early["unknown"]) == ("yellow", False)  # five readings: 50 mm in six hours
    evaluate_main(settings, RAIN, now + timedelta(hours=9), "CN-110101", True)
    (late,) = json.loads(capsys.readouterr().out)["regions"]
    assert late["unknown"] and "too old" in late["why"][0]["missing"]


def test_rules_check_tells_faults_and_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_main([PACKS], False) == 0
    assert "0 faults" in capsys.readouterr().out
    bad = tmp_path / "bad.yaml"
    bad.write_text("rules:\n  - key: 3\n", encoding="utf-8")
    assert check_main([bad], True) == 1
    told = json.loads(capsys.readouterr().out)
    assert all(fault["line"] == 2 for fault in told["faults"])
    assert len(told["faults"]) > 5
