"""What a rule would do now, without a trace in the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from alerts.preview import preview
from alerts.rule import Rule
from data.store.engine import Store
from data.store.tables import evaluation, rule_state, transition

LEVELS = {"yellow": {"input": "x", "trigger": 5, "clear": 4, "for": "1h"}}


def test_preview_shows_what_is_reached_and_what_would_wait_and_writes_nothing(
    store: Store, home: Path, base_dir: Path, now: datetime, make_rule: Callable[..., Rule],
    add_station: Callable[..., None], add_reading: Callable[..., None],
) -> None:  # fmt: skip
    for key, lon, value, age in (("a", 100.5, 9.0, 0), ("b", 101.5, 1.0, 0), ("c", 102.5, 9.0, 600)):
        add_station(key, lon)
        add_reading(key, "rain", now - timedelta(minutes=age), value)
    found = preview(make_rule(LEVELS, max_age="1h"), store, home, base_dir, now)
    assert found.reason == ""
    assert found.reached.tolist() == [2, 0, 0, 0]
    assert found.state.level.tolist() == [0, 0, 0, 0]
    assert found.watched.tolist() == [True, True, True, False]
    assert found.unknown.tolist() == [False, False, True, False]
    with store.read() as connection:
        for table in (evaluation, rule_state, transition):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0


def test_preview_of_a_rule_that_cannot_be_evaluated_is_unknown_and_says_why(
    store: Store, home: Path, base_dir: Path, now: datetime, make_rule: Callable[..., Rule],
    add_station: Callable[..., None], add_reading: Callable[..., None],
) -> None:  # fmt: skip
    add_station("a", 100.5)
    add_reading("a", "rain", now, 9.0, unit="degC")
    found = preview(make_rule(LEVELS), store, home, base_dir, now)
    assert "degC" in found.reason
    assert found.unknown.all() and not found.reached.any()
