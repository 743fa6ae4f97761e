"""A trial of nothing is no trial: it is refused at once, and never kept as a proof."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.backtest import run_proof
from alerts.history import archive_history
from alerts.proof import find_proof, store_proof
from alerts.proof_scores import NO_TRUTH, NOT_MEASURED
from alerts.rule import Rule
from data.errors import RuleError
from data.store.engine import Store
from data.store.tables import dataset
from tests.alerts.test_backtest import LEVELS, SUM

MONTH = timedelta(days=28)


def test_an_archive_without_what_the_rule_looks_at_is_refused_at_once_whatever_time_is_asked(
    store: Store, home: Path, base_dir: Path, make_rule: Callable[..., Rule], now: datetime
) -> None:
    history = archive_history(store, home, base_dir, since=now - MONTH, until=now)
    looked: list[int] = []
    with pytest.raises(RuleError, match="the history has nothing of what the rules look at: rain"):
        run_proof([make_rule(LEVELS, inputs=SUM)], history, None, progress=lambda done, _total: looked.append(done))
    assert looked == []


def block(no_scores: str, share: float | None) -> dict[str, Any]:
    return {"rules": [{"no_scores": no_scores, "unknown": {"share": share}}]}


@pytest.mark.parametrize(
    ("report", "says"),
    [(block(NOT_MEASURED, None), "has nothing of what"), (block(NO_TRUTH, 1.0), "nobody could tell")],
    ids=["nothing measured", "nothing known"],
)
def test_a_report_of_nothing_is_not_kept(store: Store, now: datetime, report: dict[str, Any], says: str) -> None:
    with pytest.raises(RuleError, match=says), store.write() as connection:
        store_proof(connection, "a.b", "1", "d" * 64, report, "a", now)
    with store.write() as connection:
        store_proof(connection, "a.b", "1", "e" * 64, block(NO_TRUTH, 0.99), "a", now)
        assert find_proof(connection, "d" * 64) is None and find_proof(connection, "e" * 64) is not None


def test_a_survey_comes_in_when_it_was_delivered(
    store: Store, home: Path, base_dir: Path, make_rule: Callable[..., Rule], now: datetime
) -> None:
    item = {"source": "survey", "quantity": "office/bridges", "unit": "1", "take": "count"}
    row = {
        "source": "office", "title": "x", "digest": "d", "path": "x.parquet", "rows": 1, "geometry_types": [],
        "columns": [], "crs_declared": "", "notes": [],
    }  # fmt: skip
    with store.write() as connection:
        for key, days in (("bridges", 3), ("schools", 2)):
            connection.execute(dataset.insert().values(**row, key=key, received_at=now - timedelta(days=days)))
    history = archive_history(store, home, base_dir)
    rule = make_rule({"yellow": {"input": "x", "trigger": 2, "clear": 1}}, inputs={"x": item})
    assert history.arrivals(rule).tolist() == [(now - timedelta(days=3)).timestamp()]
