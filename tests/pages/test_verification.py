"""The page of verification: sentences first, undefined scores in words, both languages, what people bring is kept."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from data.errors import TocsinError
from data.regions import load_regions
from data.store.engine import Store
from data.store.tables import audit, rule_version, transition
from data.text import translator
from pages.verification import bring, found_month, shown
from tests.pages.test_shell import text_of

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
