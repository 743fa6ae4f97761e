"""The history of a field beside a rule: the right series, in the rule's unit, and limits only where they fit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alerts.why import Behind
from data.model import Level
from data.settings import Settings
from data.store.engine import Store, open_store
from layers.derivations import DERIVED
from layers.derive import Deriver
from layers.region_history import bring_up_to_date
from pages._why_history import field_history, limits
from tests.layers.archive_scene import field_step, put, write_base

HOUR = timedelta(hours=1)


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    opened = open_store(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def context(store: Store, home: Path, tmp_path: Path) -> Any:
    return SimpleNamespace(store=store, settings=Settings(home=home, base_dir=write_base(tmp_path / "base")))


def reading(step: int, how: str, accumulate: str, window_h: float, unit: str = "mm") -> Any:
    behind = Behind(kind="field", source="radar", id=f"{step},1")
    return SimpleNamespace(
        input="x", how=how, accumulate=accumulate, window_s=window_h * 3600, unit=unit, behind=behind
    )


def prepare(context: Any, now: datetime) -> list[int]:
    steps = (field_step(1.0 + h, now - h * HOUR) for h in range(4))
    found = put(context.store, context.settings.home, *steps, received_at=now)
    deriver = Deriver(context.store, context.settings.home, [item for item in DERIVED if item.name.endswith("_3h")])
    while deriver.work(now):
        pass
    while bring_up_to_date(context.store, context.settings.home, context.settings.base_dir, now):
        pass
    return found


def values(found: Any) -> list[tuple[datetime, float]]:
    return [(row.observed_at, row.value) for row in found.rows]


def test_sums_are_drawn_where_they_were_made(context: Any, now: datetime) -> None:
    step = prepare(context, now)[0]
    found = field_history(reading(step, "sum over 3 h, max over field", "sum", 3), 1, context, now - 4 * HOUR, now)
    assert found is not None and found.whole
    assert values(found) == [(now - HOUR, 9.0), (now, 6.0)]


def test_single_steps_are_drawn_where_there_are_no_sums(context: Any, now: datetime) -> None:
    step = prepare(context, now)[0]
    asked = reading(step, "sum over 12 h, mean over field", "sum", 12, unit="cm")
    found = field_history(asked, 1, context, now - 2 * HOUR, now)
    assert found is not None and not found.whole
    assert values(found) == [(now - HOUR, pytest.approx(0.2)), (now, pytest.approx(0.1))]


@pytest.mark.parametrize(
    ("how", "accumulate", "whole"),
    [
        ("latest, max over field", "latest", True),
        ("latest, min of 3 every 24 h, max over field", "latest", False),
        ("max over 2 h, max over field", "max", False),
    ],
)
def test_limits_stand_only_beside_what_the_rule_compares(
    context: Any, now: datetime, how: str, accumulate: str, whole: bool
) -> None:
    step = prepare(context, now)[0]
    found = field_history(reading(step, how, accumulate, 0), 1, context, now - 2 * HOUR, now)
    assert found is not None and found.whole is whole


@pytest.mark.parametrize(
    ("how", "unit"),
    [
        ("latest, share above 3 over field", "1"),
        ("latest, 80th percentile over field", "mm"),
        ("latest, max over field", "K"),
    ],
    ids=["share", "percentile", "unit"],
)
def test_what_is_not_kept_is_not_drawn(context: Any, now: datetime, how: str, unit: str) -> None:
    step = prepare(context, now)[0]
    assert field_history(reading(step, how, "latest", 0, unit), 1, context, now - 2 * HOUR, now) is None


def test_a_step_that_is_gone_has_no_history(context: Any, now: datetime) -> None:
    asked = reading(5, "latest, max over field", "latest", 0)
    assert field_history(asked, 1, context, now - 2 * HOUR, now) is None


def test_limits_are_those_of_the_input() -> None:
    rule: Any = SimpleNamespace(
        thresholds=[
            SimpleNamespace(level=level, comparisons=[SimpleNamespace(input=name, trigger=trigger)])
            for level, name, trigger in ((Level.BLUE, "x", 5.0), (Level.RED, "y", 9.0))
        ]
    )
    assert limits(reading(1, "", "latest", 0), rule) == {Level.BLUE: 5.0}
