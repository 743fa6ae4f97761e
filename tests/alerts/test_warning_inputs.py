"""Warnings of other services as conditions: where they reach, how high, and when nobody can tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely
from pydantic import ValidationError

from alerts.evaluate import evaluate_all
from alerts.pack import PackRule, load_rules
from alerts.preview import Preview, preview
from alerts.rule import Rule
from alerts.why import explain
from data.model import IncomingWarning, Level
from data.store.engine import Store
from data.store.incoming import WarningSink
from data.store.sink import PutContext
from data.store.tables import source_state

HOUR = timedelta(hours=1)
INPUT = {"source": "warnings", "quantity": "warning", "unit": "1"}
LEVELS = {
    "yellow": {"input": "x", "trigger": 2, "clear": 2},
    "orange": {"input": "x", "trigger": 3, "clear": 3},
    "red": {"input": "x", "trigger": 4, "clear": 4},
}
COUNTY = ("GB/T 2260", "110101")


class Service:
    """Another service that warns, and a rule that listens to it."""

    def __init__(self, store: Store, home: Path, base_dir: Path, make_rule: Callable[..., Rule]) -> None:
        self.store, self.home, self.base_dir, self._make = store, home, base_dir, make_rule
        self._told = 0

    def say(self, now: datetime, level: Level = Level.ORANGE, source: str = "met", **parts: Any) -> None:
        self._told += 1
        message = IncomingWarning(
            **{
                "id": f"w{self._told}", "sender": "met@example", "sent_at": now, "status": "Actual",
                "message_type": "Alert", "scope": "Public", "level": level, "event": "High wind",
                "expires_at": now + 6 * HOUR, **parts,
            }
        )  # fmt: skip
        with self.store.write() as connection:
            context = PutContext(source=source, payload_id=0, received_at=now, home=self.home)
            WarningSink().put(connection, context, [message])

    def heard(self, at: datetime, source: str = "met") -> None:
        with self.store.write() as connection:
            connection.execute(source_state.delete().where(source_state.c.source == source))
            connection.execute(
                source_state.insert().values(source=source, enabled=True, last_success_at=at, validators={})
            )

    def rule(self, **item: Any) -> Rule:
        branch = item.pop("branch", "observed")
        return self._make(LEVELS, inputs={"x": {**INPUT, **item}}, max_age="1h", branch=branch)

    def look(self, now: datetime, **item: Any) -> Preview:
        return preview(self.rule(**item), self.store, self.home, self.base_dir, now)

    def reached(self, now: datetime, **item: Any) -> list[int]:
        found = self.look(now, **item)
        assert found.reason == ""
        return [int(level) for level in found.reached]


@pytest.fixture
def service(store: Store, home: Path, base_dir: Path, make_rule: Callable[..., Rule], now: datetime) -> Service:
    made = Service(store, home, base_dir, make_rule)
    made.heard(now)
    return made


def box(west: float, east: float) -> dict[str, Any]:
    found: dict[str, Any] = shapely.box(west, 20.0, east, 22.0).__geo_interface__
    return found


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param({"geocodes": (COUNTY,)}, [3, 0, 0, 0], id="code-of-a-county"),
        pytest.param({"geocodes": (("GB/T 2260", "110101"), ("SAME", "006037"))}, [3, 0, 0, 0], id="other-code"),
        pytest.param({"geometry": box(100.0, 101.05)}, [3, 0, 0, 0], id="shape-touches-the-neighbour"),
        pytest.param({"geometry": box(100.0, 101.2)}, [3, 3, 0, 0], id="shape-over-a-fifth-of-the-neighbour"),
        pytest.param({"geometry": box(102.4, 102.42)}, [0, 0, 3, 0], id="small-shape-inside"),
        pytest.param({"geometry": shapely.Point(103.5, 21).__geo_interface__}, [0, 0, 0, 3], id="point"),
        pytest.param({"geometry": box(103.0, 104.0), "geocodes": (COUNTY,)}, [3, 0, 0, 3], id="code-and-shape"),
    ],
)
def test_warning_reaches_the_regions_that_it_covers(
    service: Service, now: datetime, where: dict[str, Any], expected: list[int]
) -> None:
    service.say(now, **where)
    assert service.reached(now) == expected


def test_highest_of_several_counts_and_milder_ones_than_the_rule_do_not(service: Service, now: datetime) -> None:
    service.say(now, Level.BLUE, geocodes=(COUNTY,))
    assert service.reached(now) == [0, 0, 0, 0]
    service.say(now, Level.YELLOW, geocodes=(COUNTY,))
    service.say(now, Level.RED, geocodes=(COUNTY,))
    assert service.reached(now) == [4, 0, 0, 0]


@pytest.mark.parametrize(
    ("item", "hears"),
    [
        ({}, True),
        ({"senders": ["met@example"]}, True),
        ({"senders": ["other@example"]}, False),
        ({"about": ["WIND", "snow"]}, True),
        ({"about": ["flood"]}, False),
        ({"parameter": "awareness_level"}, True),
        ({"parameter": "hail"}, False),
        ({"feeds": ["met"]}, True),
    ],
    ids=str,
)
def test_rule_listens_to_what_it_names(service: Service, now: datetime, item: dict[str, Any], hears: bool) -> None:
    info = {"parameter": [["awareness_level", "3; orange; Severe"]]}
    service.say(now, geocodes=(COUNTY,), infos=(info,))
    assert service.reached(now, **item)[0] == (3 if hears else 0)


@pytest.mark.parametrize(
    "parts",
    [
        {"status": "Exercise"}, {"scope": "Private"}, {"message_type": "Cancel"}, {"onset_at": timedelta(hours=2)},
        {"expires_at": timedelta(0)},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_in_force_now_counts_for_nothing(service: Service, now: datetime, parts: dict[str, Any]) -> None:
    parts = {name: now + part if isinstance(part, timedelta) else part for name, part in parts.items()}
    service.say(now, geocodes=(COUNTY,), **parts)
    assert service.reached(now) == [0, 0, 0, 0]
    assert not service.look(now).unknown.any()


def test_forecast_rule_hears_of_what_is_to_begin(service: Service, now: datetime) -> None:
    service.say(now, geocodes=(COUNTY,), onset_at=now + 2 * HOUR)
    assert service.reached(now, branch="forecast") == [3, 0, 0, 0]


def test_silent_feed_is_unknown_and_a_feed_without_warnings_is_not(service: Service, now: datetime) -> None:
    service.say(now - 5 * HOUR, geocodes=(COUNTY,), expires_at=now - HOUR)
    assert not service.look(now).unknown.any()
    assert service.look(now + 2 * HOUR).unknown.all()
    assert not service.look(now, feeds=["nobody"]).watched.any()


def test_warning_that_cannot_be_placed_or_graded_is_not_taken_for_none(service: Service, now: datetime) -> None:
    service.say(now, Level.UNKNOWN, geocodes=(COUNTY,))
    assert service.look(now).unknown.tolist() == [True, False, False, False]
    service.say(now, Level.YELLOW, geocodes=(("GB/T 2260", "110102"),))
    service.say(now, Level.ORANGE, geocodes=(("EMMA_ID", "XX001"),), area="Somewhere")
    found = service.look(now)
    assert found.reached.tolist() == [0, 2, 0, 0]
    assert found.unknown.all()


@pytest.mark.parametrize("kind", ["Polygon", "MultiPolygon", "GeometryCollection"])
def test_warning_with_an_empty_shape_is_nowhere_and_not_nothing(service: Service, now: datetime, kind: str) -> None:
    inside = "geometries" if kind == "GeometryCollection" else "coordinates"
    service.say(now, Level.RED, geometry={"type": kind, inside: []})
    assert service.look(now).unknown.all()


def test_level_ends_with_the_warning_and_the_why_names_it(service: Service, now: datetime) -> None:
    item = PackRule(rule=service.rule(), path=service.home)
    service.say(now, geocodes=(COUNTY,), headline="Gale tonight", expires_at=now + HOUR)
    evaluate_all(service.store, service.home, service.base_dir, [item], now)
    (why,) = explain(service.store, service.base_dir, "CN-110101", now).rules
    assert (int(why.level), why.readings[0].value) == (3, 3.0)
    behind = why.readings[0].behind
    assert behind is not None and (behind.kind, behind.name, behind.source) == ("warnings", "Gale tonight", "met")
    later = now + 61 * timedelta(minutes=1)
    service.heard(later)
    evaluate_all(service.store, service.home, service.base_dir, [item], later)
    (why,) = explain(service.store, service.base_dir, "CN-110101", later).rules
    assert (int(why.level), why.phase) == (0, "normal")


def test_meteoalarm_levels_come_from_the_warnings_of_its_members() -> None:
    (rule,) = [item.rule for item in load_rules() if item.rule.key.startswith("meteoalarm.")]
    assert {key: level.trigger for key, level in rule.levels.items()} == {"yellow": 2, "orange": 3, "red": 4}
    assert rule.inputs["awareness"].parameter == "awareness_level"


@pytest.mark.parametrize(
    "item",
    [
        {"quantity": "wind"}, {"window": "3h", "accumulate": "max"}, {"take": "count"}, {"spatial": "mean"},
        {"column": "a"}, {"within_km": 3},
    ],
    ids=str,
)  # fmt: skip
def test_words_of_other_sources_are_refused(service: Service, item: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        service.rule(**item)
