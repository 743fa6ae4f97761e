"""`backtest` and `truth add` from the command line, over a table, a scenario and what is wrong with either."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
import xarray as xr

import app
from data.store.engine import open_store
from data.store.tables import proof, truth_event
from tests.pages.test_report import HOUR, START, rule

RULE_YAML = "rules:\n  - "


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, a rule file, a day of rain at Zhengzhou and its truth."""
    monkeypatch.setenv("TOCSIN_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "rules.yaml").write_text(RULE_YAML + json.dumps(rule().body), encoding="utf-8")
    lines = ["station,lon,lat,quantity,unit,observed_at,value,received_at"]
    for hour in range(24):
        at = START + hour * HOUR
        amount = 15 if 8 <= hour < 12 else 0
        came = at + timedelta(minutes=5)
        lines.append(f"z,113.65,34.72,rain,mm,{at.isoformat()},{amount},{came.isoformat()}")
    (tmp_path / "rain.csv").write_text("\n".join(lines), encoding="utf-8")
    happened = f"{(START + 11 * HOUR).isoformat()},{(START + 15 * HOUR).isoformat()}"
    truth = f"hazard,lon,lat,start,end\nrain,113.65,34.72,{happened}\n"
    (tmp_path / "truth.csv").write_text(truth, encoding="utf-8")
    return tmp_path


def run(files: Path, *more: str) -> int:
    return app.main(
        ["backtest", "--rules", str(files / "rules.yaml"), "--history", str(files / "rain.csv"), *more]
    )  # fmt: skip


def test_backtest_prints_scores_writes_the_page_and_keeps_the_report(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = files / "out" / "report.html"
    more = ("--truth", str(files / "truth.csv"), "--officers", "2", "--html", str(page), "--keep", "--json")
    assert run(files, *more) == 0
    report = json.loads(capsys.readouterr().out)
    found = report["rules"][0]["all"]
    assert (found["events"], found["hits"], found["false_alarms"]) == (1, 1, 0)
    assert report["rules"][0]["lead_s"]["median"] == 115 * 60  # 30 mm are reached at 09:00, told at 09:05
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    store = open_store(f"sqlite:///{files / 'home' / 'tocsin.db'}")
    with store.read() as connection:
        kept = connection.execute(sa.select(proof)).one()
    store.close()
    assert (kept.digest, kept.report["rules"][0]["all"]["hits"]) == (rule().digest, 1)


def test_backtest_tells_people_in_sentences(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, "--truth", str(files / "truth.csv"), "--no-curve", "--lang", "zh") == 0
    assert "1 次事件中 1 次得到预警" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param(("--step", "soon"), "--step", id="step"),
        pytest.param(("--from", "yesterday"), "--from", id="from"),
        pytest.param(("--rule", "other.rule"), "no rule other.rule", id="rule"),
        pytest.param(("--truth", "/nowhere/truth.csv"), "cannot be read", id="truth"),
        pytest.param(("--officers", "0"), "at least one officer", id="officers"),
        pytest.param(("--history", "/nowhere/at/all"), "no history", id="history"),
    ],
)
def test_what_is_wrong_is_one_line(
    files: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], said: str
) -> None:
    assert run(files, *more) != 0
    assert said in capsys.readouterr().err


def test_truth_is_kept_once_and_bad_rows_are_told(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = files / "truth.csv"
    assert app.main(["truth", "add", str(path)]) == 0
    path.write_text(path.read_text(encoding="utf-8") + "rain,,,soon,\n", encoding="utf-8")
    assert app.main(["truth", "add", str(path), "--json"]) == 1
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["events"], told["stored"], told["rejected"][0]["row"]) == (1, 0, 3)
    store = open_store(f"sqlite:///{files / 'home' / 'tocsin.db'}")
    with store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(truth_event)).scalar() == 1
    store.close()


def test_scenario_brings_its_own_rules_truth_and_signals(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ("--rule", "cma.rainstorm.observed", "--no-curve", "--json")
    assert app.main(["backtest", "--history", "zhengzhou_2021", *more]) == 0
    report = json.loads(capsys.readouterr().out)
    found = report["rules"][0]["all"]
    assert found["events"] == 7 and found["hits"] >= 5
    red = next(item for item in report["rules"][0]["warnings"] if item["region"] == "CN-410103")
    assert red["level"] == "red" and red["start"] < "2021-07-20T09:00:00Z"
    assert report["issued"]["warnings"] == 2 and report["issued"]["hits"] == 7
    assert report["history"]["notes"][0]["zh"].startswith("演练用重建情景")


def test_a_folder_of_grid_files_is_a_history(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = files / "grids"
    folder.mkdir()
    lon, lat = np.arange(112.0, 115.01, 0.1), np.arange(36.0, 33.99, -0.1)
    for hour in range(8):
        amount = np.full((1, len(lat), len(lon)), 14.0 if 3 <= hour < 6 else 0.0, np.float32)
        at = np.datetime64((START + hour * HOUR).replace(tzinfo=None), "ns")
        rain = xr.DataArray(
            amount, dims=("time", "lat", "lon"), coords={"time": [at], "lat": lat, "lon": lon},
            attrs={"units": "mm", "standard_name": "precipitation_amount", "long_name": "rain",
                   "cell_methods": "time: sum (interval: 1 hour)"},
        )  # fmt: skip
        rain["lat"].attrs, rain["lon"].attrs = {"units": "degrees_north"}, {"units": "degrees_east"}
        bounds = xr.DataArray([[at - np.timedelta64(1, "h"), at]], dims=("time", "nv"))
        data = xr.Dataset({"tp": rain, "time_bnds": bounds})
        data["time"].attrs["bounds"] = "time_bnds"
        data["time"].encoding["units"] = "hours since 2026-01-01"
        data.to_netcdf(folder / f"rain_{hour:02}.nc")
    (folder / "rain_99.nc").write_bytes(b"no grid")
    body = rule().body
    body["inputs"]["x"] = {
        "source": "field", "quantity": "precipitation", "unit": "mm", "accumulate": "sum", "window": "3h",
    }  # fmt: skip
    path = files / "field.yaml"
    path.write_text(RULE_YAML + json.dumps(body), encoding="utf-8")
    more = ("--rules", str(path), "--history", str(folder), "--no-curve", "--json")
    assert app.main(["backtest", *more]) == 0
    report = json.loads(capsys.readouterr().out)
    found = report["rules"][0]
    assert found["unknown"]["regions_watched"] > 50 and found["all"]["warnings"] > 50
    first = min(item["start"] for item in found["warnings"])
    assert first == "2026-03-01T04:00:00Z"  # 28 mm in two hours
    notes = report["history"]["notes"]
    assert any("do not say when they came" in note for note in notes)
    assert any(note.startswith("rain_99.nc: ") for note in notes)
