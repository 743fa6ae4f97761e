"""The warnings layer: what is in force, with its shape or its codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from data.model import Level
from layers.layer import View
from layers.warnings import Warnings, join_codes

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}


class Regions:
    """Stands in for the region table."""

    codes = frozenset({"US-06037", "US-06", "CN-410105"})

    def by_code(self, code: str) -> int | None:
        return 1 if code in self.codes else None


def row(key: str, **fields: Any) -> SimpleNamespace:
    values: dict[str, Any] = {
        "key": key, "source": "feed", "event": "gale", "headline": "Gale", "level": int(Level.ORANGE),
        "severity": "Severe", "urgency": "Expected", "certainty": "Likely", "sender": "desk", "status": "Actual",
        "scope": "Public", "message_type": "Alert", "sent_at": NOW - timedelta(hours=1), "onset_at": None,
        "expires_at": NOW + timedelta(hours=1), "received_at": NOW, "area": "here", "geocodes": [],
        "geometry": SQUARE, "replaced_by": None, "attributes": {"notes": ["closed"]},
    }  # fmt: skip
    return SimpleNamespace(**values | fields)


def compute(*rows: SimpleNamespace, now: datetime = NOW) -> Any:
    return Warnings().compute({"warnings": rows, "regions": Regions()}, View(now=now))


def test_worst_is_drawn_last_and_listed_first() -> None:
    found = compute(
        row("y", level=2), row("r", level=4), row("u", level=-1), row("b", level=1, geometry=None),
        row("o", level=3, geometry=None),
    )  # fmt: skip
    assert [feature["id"] for feature in found.collection["features"]] == ["u", "y", "r"]
    assert [item["key"] for item in found.without_geometry] == ["o", "b"]
    assert found.collection["features"][0]["properties"]["level"] == "unknown"


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "Exercise"}, {"status": "Test"}, {"scope": "Private"}, {"scope": "Restricted"},
        {"message_type": "Cancel"}, {"replaced_by": "z"}, {"expires_at": NOW}, {"status": "Test", "geometry": None},
    ],
)  # fmt: skip
def test_what_is_not_in_force_is_never_shown(fields: dict[str, Any]) -> None:
    found = compute(row("a", **fields))
    assert not found.collection["features"] and not found.without_geometry


def test_warning_leaves_at_its_end_without_new_data() -> None:
    assert len(compute(row("a")).collection["features"]) == 1
    assert not compute(row("a"), now=NOW + timedelta(hours=1)).collection["features"]


def test_properties_say_what_was_assumed() -> None:
    found = compute(row("a", expires_at=None, onset_at=NOW + timedelta(minutes=5)))
    properties = found.collection["features"][0]["properties"]
    assert properties["no_end_given"] and properties["begins_later"] and properties["notes"] == ["closed"]
    assert properties["expires_at"] == "2026-03-02T11:00:00Z"
    assert found.as_of == NOW


@pytest.mark.parametrize(
    ("pairs", "codes", "notes"),
    [
        ([("SAME", "006037")], ["US-06037"], []),
        ([("SAME", "106037"), ("FIPS6", "006037")], ["US-06037"], []),
        ([("SAME", "006000")], ["US-06"], []),
        ([("FIPS6", "006037 006000")], ["US-06037", "US-06"], []),
        ([("SAME", "099999")], [], ["1 codes SAME not joined to a region"]),
        ([("UGC", "CAZ548"), ("UGC", "CAZ549")], [], ["2 codes UGC not joined to a region"]),
        ([("GB/T 2260", "410105")], ["CN-410105"], []),
        ([("EMMA_ID", "410105")], [], ["1 codes EMMA_ID not joined to a region"]),
        ([], [], []),
    ],
)
def test_codes_are_joined_where_a_region_has_them(
    pairs: list[tuple[str, str]], codes: list[str], notes: list[str]
) -> None:
    assert join_codes(pairs, Regions()) == (codes, notes)  # type: ignore[arg-type]


def test_huge_shape_is_thinned_for_display() -> None:
    import math

    ring = [[math.cos(n / 5000 * math.tau), math.sin(n / 5000 * math.tau)] for n in range(5000)]
    huge = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    feature = compute(row("a", geometry=huge)).collection["features"][0]
    assert 20 < len(feature["geometry"]["coordinates"][0]) < 500
