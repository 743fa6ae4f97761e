"""Whose limits hold which regions and hazards."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from data.actor import Actor

TREE = {"CN-110101": ("CN-110101", "CN-110000", "CHN"), "CN-110000": ("CN-110000", "CHN"), "US-01": ("US-01", "USA")}


def above(code: str) -> Collection[str]:
    return TREE.get(code, ())


@pytest.mark.parametrize(
    ("regions", "hazards", "asked", "hazard", "covered"),
    [
        pytest.param((), (), ["CN-110101"], "flood", True, id="no-limit"),
        pytest.param((), (), [], "flood", True, id="no-limit-no-region"),
        pytest.param(("CN-110000",), (), ["CN-110101"], "flood", True, id="below-the-own-region"),
        pytest.param(("CHN",), (), ["CN-110101", "CN-110000"], "flood", True, id="country-holds-all-below"),
        pytest.param(("CN-110101",), (), ["CN-110000"], "flood", False, id="above-the-own-region"),
        pytest.param(("CN-110000",), (), ["CN-110101", "US-01"], "flood", False, id="one-of-two-elsewhere"),
        pytest.param(("CN-110000", "USA"), (), ["CN-110101", "US-01"], "flood", True, id="two-regions"),
        pytest.param(("CN-110000",), (), [], "flood", False, id="area-that-nobody-can-place"),
        pytest.param(("CN-110000",), (), ["XX"], "flood", False, id="unknown-region"),
        pytest.param((), ("flood",), ["US-01"], "flood", True, id="own-hazard"),
        pytest.param((), ("flood",), ["US-01"], "earthquake", False, id="other-hazard"),
        pytest.param(("USA",), ("flood",), ["CN-110101"], "flood", False, id="own-hazard-elsewhere"),
    ],
)
def test_actor_covers(
    regions: tuple[str, ...], hazards: tuple[str, ...], asked: list[str], hazard: str, covered: bool
) -> None:
    actor = Actor(1, "a@eoc.example", "A", frozenset({"approver"}), regions, hazards)
    assert actor.covers(asked, hazard, above) is covered
