"""A month's warnings against what happened: joined by office, undecided while in force, undefined in words."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from alerts.month import NO_TRUTH, Month, month_csv, month_of, verify_month
from alerts.truth import TrueEvent, store_truth, stored_truth
from data.regions import load_regions
from data.store.engine import Store
from data.store.tables import rule_version, transition

HOUR = timedelta(hours=1)
BEGIN, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
CITY, STATE = {"en": "City", "zh": "市局"}, {"en": "State", "zh": "国家局"}


@pytest.fixture
def moved(store: Store) -> Callable[..., None]:
    """Level changes of a rule in a region: pairs of hours since the first of March and levels."""
    known: set[str] = set()

    def write(rule: str, region: str, *steps: tuple[float, int], office: dict[str, str] = CITY) -> None:
        with store.write() as connection:
            if rule not in known:
                known.add(rule)
                body = {"hazard": rule.split("-")[0], "authority": office}
                connection.execute(
                    rule_version.insert().values(
                        rule=rule, digest="d", version="1", pack="p", body=body, first_at=BEGIN
                    )
                )
            level = 0
            for hours, after in steps:
                connection.execute(
                    transition.insert().values(
                        rule=rule, digest="d", region=region, at=BEGIN + hours * HOUR, from_phase="normal",
                        to_phase="firing", from_level=level, to_level=after, reason="",
                    )
                )  # fmt: skip
                level = after

    return write


@pytest.fixture
def happened(store: Store, now: datetime) -> Callable[..., None]:
    def write(hazard: str, region: str, start: float, end: float) -> None:
        event = TrueEvent(
            hazard=hazard, region=region, start_at=BEGIN + start * HOUR, end_at=BEGIN + end * HOUR, source="report"
        )
        with store.write() as connection:
            store_truth(connection, [event, event], by="a@b", at=now)

    return write


@pytest.fixture
def verify(store: Store, base_dir: Path) -> Callable[..., Month]:
    def run(now: datetime = END + HOUR) -> Month:
        with store.read() as connection:
            return verify_month(connection, load_regions(base_dir), BEGIN, END, now)

    return run


def test_warnings_are_scored_by_hazard_and_office(
    moved: Callable[..., None], happened: Callable[..., None], verify: Callable[..., Month]
) -> None:
    moved("rain-a", "CN-110101", (10, 1), (12, 3), (20, 0), (100, 1), (110, 0))
    moved("rain-b", "CN-110101", (14, 2), (30, 0))  # of the same office: one warning with the first
    moved("rain-c", "CN-110102", (10, 1), (20, 0), office=STATE)
    happened("rain", "CN-110101", 15, 18)
    happened("rain", "CN-110202", 15, 18)
    rows = {(row.office.en if row.office else ""): row for row in verify().rows}
    city = rows["City"].counts
    assert (city["events"], city["hits"], city["warnings"], city["false_alarms"]) == (2, 1, 2, 1)
    assert rows["City"].scores["pod"]["value"] == 0.5 and rows["City"].scores["pod"]["few"]
    assert rows["City"].scores["lead_all_s"]["value"] == 2.5 * 3600
    assert rows["State"].counts["hits"] == 0 and rows["State"].scores["csi"]["value"] == 0.0
    whole = rows[""].counts
    assert (whole["warnings"], whole["false_alarms"], whole["misses"]) == (3, 2, 1)


def test_without_truth_nothing_is_false(moved: Callable[..., None], verify: Callable[..., Month]) -> None:
    moved("rain-a", "CN-110101", (10, 1), (20, 0))
    row = verify().rows[0]
    assert (row.counts["warnings"], row.counts["false_alarms"], row.counts["hits"]) == (1, None, None)
    assert (row.scores["far"]["value"], row.scores["far"]["reason"]) == (None, NO_TRUTH)


def test_truth_of_another_hazard_makes_no_warning_false(
    moved: Callable[..., None], happened: Callable[..., None], verify: Callable[..., Month]
) -> None:
    moved("gale-a", "CN-110101", (10, 1), (20, 0))
    happened("rain", "CN-110101", 15, 18)
    gale, rain = verify().rows
    assert (gale.hazard, gale.counts["false_alarms"], gale.scores["far"]["reason"]) == ("gale", None, NO_TRUTH)
    assert (rain.hazard, rain.counts["misses"]) == ("rain", 1)


def test_a_warning_in_force_is_not_false_yet(
    moved: Callable[..., None], happened: Callable[..., None], verify: Callable[..., Month]
) -> None:
    moved("rain-a", "CN-110101", (10, 1))
    happened("rain", "CN-110202", 15, 18)
    row = verify(BEGIN + 40 * HOUR).rows[0]
    assert (row.counts["warnings"], row.counts["false_alarms"], row.counts["still_in_force"]) == (1, 0, 1)
    assert row.scores["far"]["value"] is None


def test_an_event_that_no_rule_looks_at_is_a_miss_of_the_month(
    happened: Callable[..., None], verify: Callable[..., Month]
) -> None:
    happened("landslide", "CN-110101", 15, 18)
    row = verify().rows[0]
    assert (row.hazard, row.office, row.counts["misses"], row.counts["warnings"]) == ("landslide", None, 1, 0)
    assert row.scores["far"]["reason"] == "nothing was warned"


def test_a_level_of_the_month_before_counts_where_it_was_still_in_force(
    moved: Callable[..., None], happened: Callable[..., None], verify: Callable[..., Month]
) -> None:
    moved("rain-a", "CN-110101", (-30, 1), (5, 0))
    moved("rain-b", "CN-110102", (-30, 1), (-5, 0))
    happened("rain", "CN-110101", 2, 3)
    row = verify().rows[0]
    assert (row.counts["warnings"], row.counts["hits"]) == (0, 1)


def test_what_spans_two_months_counts_in_the_one_in_which_it_began(
    store: Store, base_dir: Path, moved: Callable[..., None], happened: Callable[..., None]
) -> None:
    """One warning comes true after the end of its month; the other never."""
    whole = 31 * 24
    moved("rain-a", "CN-110101", (whole - 10, 1), (whole + 20, 0))
    moved("rain-b", "CN-110102", (whole - 10, 1), (whole + 20, 0))
    moved("rain-c", "CN-110102", (whole + 10, 2), (whole + 30, 0))  # overlaps: the same warning, still
    happened("rain", "CN-110101", whole + 5, whole + 8)
    happened("rain", "CN-110202", whole - 4, whole + 4)
    months = ((BEGIN, END), (END, END + timedelta(days=30)))
    with store.read() as connection:
        first, second = (
            verify_month(connection, load_regions(base_dir), begin, end, end + timedelta(days=40)).rows[0].counts
            for begin, end in months
        )
    wanted = ("warnings", "verified", "false_alarms", "events", "hits", "misses")
    assert [first[name] for name in wanted] == [2, 1, 1, 1, 0, 1]
    assert [second[name] for name in wanted] == [0, 0, 0, 1, 1, 0]


def test_csv_has_a_reason_in_place_of_an_undefined_score(
    moved: Callable[..., None], verify: Callable[..., Month]
) -> None:
    moved("rain-a", "CN-110101", (10, 1), (20, 0), office={"en": "=cmd()", "zh": "甲"})
    row = next(csv.DictReader(io.StringIO(month_csv(verify()))))
    assert (row["hazard"], row["office"], row["warnings"]) == ("rain", "'=cmd()", "1")
    assert (row["pod"], row["pod_undefined"], row["false_alarms"]) == ("", NO_TRUTH, "")


def test_month_is_one_of_the_operators_zone() -> None:
    begin, end = month_of("2026-12", ZoneInfo("Asia/Shanghai"))
    assert (begin, end) == (datetime(2026, 11, 30, 16, tzinfo=UTC), datetime(2026, 12, 31, 16, tzinfo=UTC))
    with pytest.raises(ValueError, match="does not match"):
        month_of("soon", UTC)


def test_truth_told_twice_is_kept_once(store: Store, happened: Callable[..., None]) -> None:
    happened("rain", "CN-110101", 15, 18)
    happened("rain", "CN-110101", 15, 18)
    with store.read() as connection:
        assert len(stored_truth(connection, BEGIN, END)) == 1
        assert stored_truth(connection, BEGIN, BEGIN + HOUR) == []
