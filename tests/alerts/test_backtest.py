"""Rules on the past: the same transitions as the live engine step by step, and the scores that follow from them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from alerts.backtest import FACTORS, run_proof, run_rule, scaled
from alerts.evaluate import evaluate_all
from alerts.history import History, archive_history, open_history
from alerts.pack import PackRule
from alerts.proof import find_proof, store_proof
from alerts.rule import Rule
from alerts.truth import Truth, truth_of
from data.errors import RuleError
from data.regions import load_regions
from data.store.engine import Store
from data.store.tables import observation, rule_state, station, transition

HOUR = timedelta(hours=1)
LEVELS = {
    "blue": {"input": "x", "trigger": 10, "clear": 8, "hold": "1h"},
    "yellow": {"input": "x", "trigger": 20, "clear": 16, "for": "1h"},
}
SUM = {"x": {"source": "stations", "quantity": "rain", "unit": "mm", "accumulate": "sum", "window": "3h"}}


@pytest.fixture
def rule(make_rule: Callable[..., Rule]) -> Rule:
    return make_rule(LEVELS, inputs=SUM, max_age="2h", regions={"kinds": ["cn-county"]})


@pytest.fixture
def table(now: datetime) -> pd.DataFrame:
    """Two days of hourly rain at five stations in three counties: gaps, late reports, a station that falls silent."""
    source = np.random.default_rng(7)
    rows = []
    for number, lon in enumerate((100.3, 100.7, 101.5, 102.2, 102.8)):
        storm = np.zeros(48)
        storm[8 + 5 * number : 16 + 5 * number] = source.uniform(0, 14, 8)
        for hour, amount in enumerate(storm):
            at = now + hour * HOUR
            if (number == 1 and 20 <= hour < 26) or (number == 4 and hour > 30):
                continue
            late = timedelta(minutes=95) if source.random() < 0.1 else timedelta(minutes=4)
            value = "" if source.random() < 0.03 else f"{amount:.1f}"
            rows.append((f"s{number}", lon, 21.0, "rain", "mm", at.isoformat(), value, (at + late).isoformat()))
    names = ["station", "lon", "lat", "quantity", "unit", "observed_at", "value", "received_at"]
    return pd.DataFrame(rows, columns=names)


@pytest.fixture
def past(tmp_path: Path, base_dir: Path, table: pd.DataFrame) -> Any:
    path = tmp_path / "history.csv"
    table.to_csv(path, index=False)
    with open_history(path, base_dir) as history:
        yield history


def live_changes(
    store: Store, home: Path, base_dir: Path, rule: Rule, table: pd.DataFrame, times: list[datetime]
) -> list[tuple[datetime, str, int]]:
    """Level changes of the live engine that is fed as readings come and evaluates at these times."""
    waiting = table.sort_values("received_at", kind="stable").to_dict("records")
    waiting = sorted(waiting, key=lambda row: datetime.fromisoformat(row["received_at"]))
    known: set[str] = set()
    for at in times:
        with store.write() as connection:
            while waiting and datetime.fromisoformat(waiting[0]["received_at"]) <= at:
                row = waiting.pop(0)
                if row["station"] not in known:
                    known.add(row["station"])
                    connection.execute(
                        station.insert().values(
                            source="table", id=row["station"], lon=row["lon"], lat=row["lat"], attributes={}
                        )
                    )
                value = float(row["value"]) if row["value"] else None
                connection.execute(
                    observation.insert().values(
                        source="table", quantity="rain", station=row["station"], unit="mm", value=value,
                        observed_at=datetime.fromisoformat(row["observed_at"]),
                        received_at=datetime.fromisoformat(row["received_at"]),
                        quality="missing" if value is None else "good",
                    )
                )  # fmt: skip
        evaluate_all(store, home, base_dir, [PackRule(rule=rule, path=Path("a.yaml"))], at)
    moved = transition.c
    with store.read() as connection:
        rows = connection.execute(
            sa.select(moved.at, moved.region, moved.to_level).where(moved.to_level != moved.from_level)
        ).all()
    return sorted((row.at, row.region, row.to_level) for row in rows)


@pytest.mark.one_database
@pytest.mark.parametrize("spatial", ["max", "mean"])
def test_backtest_gives_the_transitions_of_the_live_engine(
    store: Store, home: Path, base_dir: Path, rule: Rule, table: pd.DataFrame, past: History, spatial: str
) -> None:
    body = rule.body
    body["inputs"]["x"]["spatial"] = spatial
    rule = Rule.model_validate(body)
    since, until = past.span([rule])
    until += 6 * HOUR
    run = run_rule(rule, past, since, until, curve=False)
    times = [since + timedelta(seconds=float(at) - since.timestamp()) for at in _times(rule, past, since, until)]
    codes = run.present.codes
    found = sorted(
        (since + timedelta(seconds=change.at - since.timestamp()), codes[change.region], change.level)
        for change in run.present.changes
    )
    live = live_changes(store, home, base_dir, rule, table, times)
    assert len(live) >= 8
    assert found == live
    with store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(rule_state)).scalar() == 1


def _times(rule: Rule, past: History, since: datetime, until: datetime) -> list[float]:
    from alerts.backtest import moments

    found: list[float] = moments(rule, past, since.timestamp(), until.timestamp(), None).tolist()
    return found


def truth(now: datetime, base_dir: Path, *rows: str) -> Truth:
    head = "hazard,region,lon,lat,radius_km,start,end,level,source,status\n"
    return truth_of((head + "\n".join(rows)).encode(), load_regions(base_dir))


def test_proof_counts_hits_misses_and_false_alarms(rule: Rule, past: History, now: datetime, base_dir: Path) -> None:
    told = truth(
        now, base_dir,
        f"rain,CN-110101,,,,{(now + 13 * HOUR).isoformat()},{(now + 16 * HOUR).isoformat()},yellow,gauge,observed",
        f"rain,CN-110202,,,,{(now + 13 * HOUR).isoformat()},{(now + 16 * HOUR).isoformat()},blue,report,observed",
        f"quake,CN-110101,,,,{now.isoformat()},,,,",
    )  # fmt: skip
    report = run_proof([rule], past, told, officers=2)
    assert report["truth"]["of_other_hazards"] == {"quake": 1}
    found = report["rules"][0]
    assert (found["all"]["events"], found["all"]["hits"], found["all"]["misses"]) == (2, 1, 1)
    assert found["all"]["scores"]["pod"]["value"] == 0.5 and found["all"]["scores"]["pod"]["few"]
    assert found["all"]["false_alarms"] == found["all"]["warnings"] - found["all"]["verified"] > 0
    assert found["lead_s"]["count"] == 1 and found["lead_s"]["median"] > 0
    assert found["misses"][0] == {
        "region": "CN-110202", "name": "CN-110202", "name_zh": "CN-110202", "events": 1, "missed": 1,
    }  # fmt: skip
    assert found["proposals"]["per_week"] is None  # two days are no week
    assert found["proposals"]["total"] > 0
    assert 0 < found["unknown"]["share"] < 1
    days = found["all"]["region_days"]
    assert days["hits"] >= 1 and days["correct_negatives"] > 0 and days["scores"]["hss"]["value"] is not None
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_curve_passes_through_the_present_choice_and_falls_with_the_trigger(
    rule: Rule, past: History, now: datetime, base_dir: Path
) -> None:
    told = truth(
        now, base_dir, f"rain,CN-1101,,,,{(now + 13 * HOUR).isoformat()},{(now + 16 * HOUR).isoformat()},,gauge,"
    )
    found = run_proof([rule], past, told)["rules"][0]
    curve = found["curve"]
    assert [point["factor"] for point in curve] == list(FACTORS) and len(curve) == 15
    present = next(point for point in curve if point["present"])
    assert (present["hits"], present["warnings"]) == (found["all"]["hits"], found["all"]["warnings"])
    assert present["triggers"] == {"blue": [10], "yellow": [20]}
    hits = [point["hits"] for point in curve]
    assert hits == sorted(hits, reverse=True)
    assert curve[0]["triggers"]["blue"] == [5.0] and curve[-1]["triggers"]["yellow"] == [40.0]


@pytest.mark.parametrize("tree", [False, True], ids=["one comparison", "joined"])
def test_a_light_trial_changes_levels_as_a_whole_one(rule: Rule, past: History, tree: bool) -> None:
    """Variants are followed only where they can have a level."""
    if tree:
        body = rule.body
        body["inputs"]["y"] = {**body["inputs"]["x"], "window": "6h"}
        either = [{"input": "x", "trigger": 10, "clear": 8}, {"input": "y", "trigger": 16, "clear": 12}]
        body["levels"]["blue"] = {"any": either}
        rule = Rule.model_validate(body)
    since, until = past.span([rule])
    run = run_rule(rule, past, since, until)
    assert sum(trial.light for trial in run.trials) == len(FACTORS) - 1
    for trial in run.trials:
        if trial.light:
            alone = run_rule(trial.rule, past, since, until, curve=False).present
            assert not alone.light
            assert (trial.changes, trial.proposals) == (alone.changes, alone.proposals)


def test_without_truth_there_are_no_scores_but_a_reason(rule: Rule, past: History) -> None:
    found = run_proof([rule], past, None)["rules"][0]
    pod = found["all"]["scores"]["pod"]
    assert (pod["value"], pod["reason"]) == (None, "no truth was given")
    assert found["all"]["false_alarms"] is None and found["all"]["warnings"] > 0


def test_temperatures_are_moved_and_not_multiplied(make_rule: Callable[..., Rule]) -> None:
    inputs = {"x": {"source": "stations", "quantity": "air_temperature", "unit": "degC"}}
    levels = {
        "blue": {"input": "x", "trigger": 4, "clear": 5, "direction": "below"},
        "red": {"input": "x", "trigger": -16, "clear": -15, "direction": "below"},
    }
    rule = make_rule(levels, inputs=inputs)
    colder = scaled(rule, 0.5)
    assert (colder.levels["blue"].trigger, colder.levels["blue"].clear) == (-16, -15)
    assert (colder.levels["red"].trigger, colder.levels["red"].clear) == (-36, -35)
    assert scaled(rule, 1.0) is rule


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param("rain,CN-999999,,,,2026-03-01T00:00:00Z,,,,", "no region has the code", id="region"),
        pytest.param("rain,,,,,2026-03-01T00:00:00Z,,,,", "neither a region nor a point", id="nowhere"),
        pytest.param("rain,CHN,,,,2026-03-01T00:00:00,,,,", "time without a zone", id="no offset"),
        pytest.param("rain,CHN,,,,2026-03-02T00:00:00Z,2026-03-01T00:00:00Z,,,", "ends before", id="backwards"),
        pytest.param("rain,CHN,,,,2026-03-01T00:00:00Z,,purple,,", "not a level", id="level"),
        pytest.param("rain,,abc,21,,2026-03-01T00:00:00Z,,,,", "lon is not a number", id="lon"),
        pytest.param("rain,CHN,,,,2026-03-01T00:00:00Z,,,,guess", "status is observed or", id="status"),
        pytest.param(",CHN,,,,2026-03-01T00:00:00Z,,,,", "hazard is missing", id="hazard"),
    ],
)
def test_bad_rows_of_truth_are_named_and_the_good_ones_kept(
    row: str, reason: str, now: datetime, base_dir: Path
) -> None:
    good = "rain,CHN,,,,2026-03-01T00:00:00Z,2026-03-01T06:00:00Z,,,"
    found = truth(now, base_dir, good, row)
    assert len(found.events) == 1
    assert [line for line, _ in found.rejected] == [3] and reason in found.rejected[0][1]
    with pytest.raises(RuleError, match="no row of the truth table"):
        truth(now, base_dir, row)


def test_bad_rows_of_a_history_are_named(tmp_path: Path, base_dir: Path, table: pd.DataFrame, rule: Rule) -> None:
    table.loc[3, "observed_at"] = "2026-03-01 12:00"
    table.loc[5, "value"] = "wet"
    path = tmp_path / "bad.csv"
    table.drop(columns="received_at").to_csv(path, index=False)
    with open_history(path, base_dir) as history:
        report = run_proof([rule], history, None, curve=False)
    assert [item["row"] for item in report["history"]["rejected"]] == [5, 7]
    assert "when readings came" in report["history"]["notes"][0]


def test_parquet_and_csv_are_the_same_history(
    tmp_path: Path, base_dir: Path, table: pd.DataFrame, rule: Rule
) -> None:
    frame = table.assign(
        value=pd.to_numeric(table["value"], errors="coerce"),
        observed_at=pd.to_datetime(table["observed_at"], utc=True, format="ISO8601"),
        received_at=pd.to_datetime(table["received_at"], utc=True, format="ISO8601"),
    )
    frame.to_parquet(tmp_path / "h.parquet")
    table.to_csv(tmp_path / "h.csv", index=False)
    reports = []
    for name in ("h.parquet", "h.csv"):
        with open_history(tmp_path / name, base_dir) as history:
            reports.append(run_proof([rule], history, None, curve=False)["rules"])
    assert reports[0] == reports[1]


def test_a_history_without_what_the_rule_looks_at_is_refused(
    tmp_path: Path, base_dir: Path, table: pd.DataFrame, make_rule: Callable[..., Rule]
) -> None:
    table.to_csv(tmp_path / "h.csv", index=False)
    other = make_rule(LEVELS, inputs={"x": {**SUM["x"], "quantity": "snow"}})
    with open_history(tmp_path / "h.csv", base_dir) as history, pytest.raises(RuleError, match="snow"):
        run_proof([other], history, None)


def test_proof_is_found_by_the_digest_of_the_rule(store: Store, rule: Rule, now: datetime) -> None:
    with store.write() as connection:
        assert find_proof(connection, rule.digest) is None
        store_proof(connection, rule.key, rule.version, rule.digest, {"n": 1, "rules": []}, "a@b", now)
        store_proof(connection, rule.key, rule.version, rule.digest, {"n": 2, "rules": []}, "a@b", now + HOUR)
    with store.read() as connection:
        found = find_proof(connection, rule.digest)
        assert find_proof(connection, "other") is None
    assert found is not None and (found["report"], found["by"], found["at"]) == (
        {"n": 2, "rules": []},
        "a@b",
        now + HOUR,
    )


@pytest.mark.one_database
def test_archive_of_a_home_is_a_history(
    store: Store, home: Path, base_dir: Path, rule: Rule, table: pd.DataFrame, past: History
) -> None:
    since, until = past.span([rule])
    times = [*(since + number * HOUR for number in range(int((until - since) / HOUR) + 1)), until]
    live_changes(store, home, base_dir, rule, table, times)
    from_archive = run_proof([rule], archive_history(store, home, base_dir, since=since, until=until), None)
    from_table = run_proof([rule], past, None)
    assert from_archive["rules"] == from_table["rules"]
