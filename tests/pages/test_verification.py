"""The page of verification: sentences first, undefined scores in words, both languages, what people bring is kept."""

from __future__ import annotations

import base64
import io
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import sqlalchemy as sa

from alerts.pack import load_rules
from alerts.past_readings import PastTable
from alerts.truth import truth_of
from data.errors import TocsinError
from data.regions import load_regions
from data.store.engine import Store
from data.store.tables import audit, observation, rule_state, rule_version, station, transition
from data.text import translator
from pages._table_faults import row_faults, table_fault
from pages._verification_others import others
from pages._verification_table import truth_list
from pages.verification import bring, found_month, shown
from tests.pages.test_shell import text_of

HOUR = timedelta(hours=1)
NOW = datetime(2026, 3, 20, tzinfo=UTC)
HEAD = "hazard,region,start,end,source\n"
OFFICE = {"en": "City office", "zh": "市局"}


@pytest.fixture
def context(store: Store) -> Any:
    settings = SimpleNamespace(zone=ZoneInfo("Asia/Shanghai"), rule_paths=())
    return SimpleNamespace(store=store, settings=settings, regions=load_regions(), clock=lambda: NOW)


@pytest.fixture
def warned(store: Store) -> None:
    """Twenty warnings of a day each at Zhengzhou, and one at Beijing."""
    rows = [("CN-410102", day, 6.0) for day in range(1, 20)] + [("CN-110101", 3, 6.0)]
    with store.write() as connection:
        body = {"hazard": "rainstorm", "authority": OFFICE}
        connection.execute(
            rule_version.insert().values(rule="r", digest="d", version="1", pack="p", body=body, first_at=NOW)
        )
        for region, day, hours in rows:
            at = datetime(2026, 3, day, tzinfo=UTC)
            for when, before, after in ((at, 0, 3), (at + timedelta(hours=hours), 3, 0)):
                connection.execute(
                    transition.insert().values(
                        rule="r", digest="d", region=region, at=when, from_phase="normal", to_phase="firing",
                        from_level=before, to_level=after, reason="",
                    )
                )  # fmt: skip


def upload(text: str) -> str:
    return "data:text/csv;base64," + base64.b64encode(text.encode()).decode()


def words(context: Any, locale: str) -> str:
    return " ".join(
        text_of(part) for part in shown(context, found_month(context, "2026-03"), translator(locale), locale)
    )


def test_before_anybody_told_what_happened_no_warning_is_false(context: Any, warned: None) -> None:
    said = words(context, "en")
    assert "20 warnings; whether rightly, nobody can tell yet" in said
    assert "undefined: nobody has told what happened in this month" in said
    assert "not known" in said


def test_what_people_bring_makes_the_scores_and_is_audited(context: Any, store: Store, warned: None) -> None:
    rows = [f"rainstorm,CN-410102,2026-03-{day:02}T02:00Z,2026-03-{day:02}T09:00Z,gauge" for day in range(1, 13)]
    truth, stored = bring(context, upload(HEAD + "\n".join(rows) + "\nrainstorm,CN-0,2026-03-01T00:00Z,,\n"), "p@x")
    assert (len(truth.events), stored, truth.rejected[0][0]) == (12, 12, 14)
    said = words(context, "en")
    assert "12 of 12 events were warned of, in the mean 2 h 00 ahead; 8 of 20 warnings were false." in said
    assert "too few cases" not in said
    assert "not counted" in said  # the quiet times
    assert "12 次事件中命中 12 次" in words(context, "zh") and "市局" in words(context, "zh")
    with store.read() as connection:
        entry = connection.execute(sa.select(audit)).one()
    assert (entry.action, entry.actor, entry.detail["new"]) == ("truth.add", "p@x", 12)


def test_few_cases_are_said_in_words(context: Any, warned: None) -> None:
    bring(context, upload(HEAD + "rainstorm,CN-410102,2026-03-05T02:00Z,2026-03-05T09:00Z,gauge\n"), "p@x")
    assert "These are too few cases to rely on" in words(context, "en")
    assert "个例太少" in words(context, "zh")


def test_a_table_of_nothing_is_refused_and_keeps_nothing(context: Any, store: Store) -> None:
    for text in ("", "a,b\n1,2\n", HEAD + "rainstorm,CN-0,soon,,\n"):
        with pytest.raises(TocsinError):
            bring(context, upload(text), "p@x")
    with store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(audit)).scalar() == 0


def test_an_empty_month_says_why(context: Any) -> None:
    assert "No rule proposed a warning in this month" in words(context, "en")


@pytest.fixture
def gauge(store: Store) -> None:
    """A gauge at Zhengzhou that stood above its stage on the tenth, and told nothing after the fifteenth."""
    rule = next(item.rule for item in load_rules() if item.rule.key == "nws.river_stage")
    first = datetime(2026, 2, 20, tzinfo=UTC)
    hours = [first + timedelta(hours=number) for number in range(24 * 23)]
    flood = datetime(2026, 3, 10, tzinfo=UTC)
    with store.write() as connection:
        connection.execute(
            rule_version.insert().values(
                rule=rule.key, digest=rule.digest, version="1", pack="p", body=rule.body, first_at=first
            )
        )
        connection.execute(rule_state.insert().values(rule=rule.key, digest=rule.digest, enabled=True))
        stages = {"stages_m": {"action": 2.0, "minor": 3.0}}
        connection.execute(station.insert().values(source="gauges", id="g", lon=113.61, lat=34.75, attributes=stages))
        common = {"source": "gauges", "quantity": "river_stage", "station": "g", "unit": "m", "quality": "good"}
        rows = [
            {**common, "observed_at": at, "received_at": at, "value": 3.5 if 0 <= (at - flood) / HOUR < 6 else 1.0}
            for at in hours
        ]
        connection.execute(observation.insert(), rows)
        for at, before, after in ((flood + HOUR, 0, 2), (flood + 8 * HOUR, 2, 0), (NOW - 9 * HOUR, 0, 2),
                                  (NOW - HOUR, 2, 0)):  # fmt: skip
            connection.execute(
                transition.insert().values(
                    rule=rule.key, digest=rule.digest, region="CN-410102", at=at, from_phase="normal",
                    to_phase="firing", from_level=before, to_level=after, reason="",
                )
            )  # fmt: skip


def test_instruments_tell_apart_from_people_and_only_where_they_were_heard(context: Any, gauge: None) -> None:
    said = words(context, "en")
    assert "1 of 1 events were warned of; 0 of 1 warnings were false." in said
    assert "Of the events 1 were seen by instruments, and 0 told of by people." in said
    assert "Instruments could have seen it in 74 % of this time" in said
    assert "1 warnings met nothing at times or places in which nobody could tell" in said
    assert "the score checks the rule's timing and reach, not the reading" in said
    assert "仪器能够观测到的时间占 74 %" in words(context, "zh")
    t = translator("en")
    month = found_month(context, "2026-03")
    table = text_of(truth_list(month, {}, lambda event: event.region, lambda at: f"{at:%d %H}", t))
    assert "CN-410102 10 00 10 06 instruments gauges/g (observed)" in " ".join(table.split())


def test_numbers_of_others_are_folded_and_say_that_measures_differ() -> None:
    folded = others(translator("en"), "en")
    assert type(folded).__name__ == "Details" and not getattr(folded, "open", False)
    said = text_of(folded)
    assert "Measures differ from service to service" in said and "0.20" in said and "Gourley 2012" in said
    assert "各机构的指标不同" in text_of(others(translator("zh"), "zh"))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(",CN-410102,2026-03-01T00:00Z,,", "缺少 hazard", id="no hazard"),
        pytest.param("rain,CN-0,2026-03-01T00:00Z,,", "没有代码为 CN-0 的区域", id="no such region"),
        pytest.param("rain,,2026-03-01T00:00Z,,", "既无区域，也无点位", id="no place"),
        pytest.param("rain,CN-410102,soon,,", "start 不是带时区偏移的时间", id="no time"),
        pytest.param("rain,CN-410102,2026-03-01T00:00,,", "start 不是带时区偏移的时间", id="no offset"),
        pytest.param("rain,CN-410102,2026-03-02T00:00Z,2026-03-01T00:00Z,", "结束早于开始", id="backwards"),
    ],
)
def test_fault_of_a_row_is_told_in_chinese(context: Any, row: str, expected: str) -> None:
    good = "rain,CN-410102,2026-03-01T00:00Z,,"
    found = truth_of(f"{HEAD}{good}\n{row}\n".encode(), context.regions)
    assert expected in table_fault(found.rejected[0][1], translator("zh"))
    assert table_fault(found.rejected[0][1], translator("en")).isascii()
    with pytest.raises(TocsinError) as raised:
        truth_of(f"{HEAD}{row}\n".encode(), context.regions)
    told = table_fault(str(raised.value), translator("zh"))
    assert told.startswith("实况表没有一行可用；第 2 行：") and expected in told


def test_faults_of_a_table_of_readings_are_told_in_chinese() -> None:
    head = "station,lon,lat,quantity,unit,observed_at,value\n"
    rows = ["a,113,34,rain,mm,2026-03-01T00:00Z,1", "a,113,34,rain,mm,soon,1", "a,113,34,rain,mm,2026-03-01T00:00Z,x",
            "a,,34,rain,mm,2026-03-01T00:00Z,1"]  # fmt: skip
    table = PastTable.of("t.csv", pd.read_csv(io.StringIO(head + "\n".join(rows)), dtype=str, keep_default_na=False))
    told = row_faults([{"row": row, "reason": reason} for row, reason in table.rejected], translator("zh"))
    assert "第 3 行：observed_at 不是带时区偏移的时间" in told
    assert "第 4 行：value 不是数字" in told and "第 5 行：没有位置" in told
    with pytest.raises(TocsinError) as raised:
        PastTable.of("t.csv", pd.DataFrame({"station": []}))
    assert table_fault(str(raised.value), translator("zh")).startswith("t.csv缺少列 lon")
