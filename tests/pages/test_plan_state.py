"""What a link says of the Plan page, and what it cannot say."""

from __future__ import annotations

from typing import Any

import pytest

from pages._plan_state import MOST_CORNERS, Choice, RiskChoice, read


def test_link_restores_everything() -> None:
    asked = {
        "series": "grid~precipitation~3600~abc", "step": "12", "show": "level:50", "kind": "us-county",
        "statistic": "share_above", "above": "25.5", "people": "1", "region": "US-01001", "tab": "risk",
        "paint": "risk", "risk": "people*0.5**;field.precipitation.mean*2*0*100", "area": "1,2;3,4;5,-6.5",
    }  # fmt: skip
    found = read(asked)
    assert (found.series, found.step, found.show, found.kind) == (asked["series"], 12, "level:50", "us-county")
    assert (found.statistic, found.above, found.people, found.region) == ("share_above", 25.5, True, "US-01001")
    assert (found.tab, found.paint, found.area) == ("risk", "risk", ((1.0, 2.0), (3.0, 4.0), (5.0, -6.5)))
    assert found.risk == (
        RiskChoice(key="people", weight=0.5),
        RiskChoice(key="field.precipitation.mean", weight=2.0, low=0.0, high=100.0),
    )


@pytest.mark.parametrize(
    ("asked", "name", "expected"),
    [
        pytest.param({"statistic": "drop table"}, "statistic", "mean", id="unknown statistic"),
        pytest.param({"tab": "admin"}, "tab", "ranking", id="unknown tab"),
        pytest.param({"step": "-1"}, "step", None, id="negative step"),
        pytest.param({"step": "٣"}, "step", None, id="digits of another script"),
        pytest.param({"above": "nan"}, "above", None, id="no number"),
        pytest.param({"show": "level:0"}, "show", "value", id="no years"),
        pytest.param({"area": "1,2;3,4"}, "area", (), id="two corners"),
        pytest.param({"area": "1,2;3,95;5,6"}, "area", (), id="off the globe"),
        pytest.param({"risk": "a*-1;b*x;*2"}, "risk", (), id="weights that are none"),
        pytest.param({"reach": "cells:40"}, "reach", ("cells", 40.0), id="cells at or above"),
        pytest.param({"reach": "planets:40"}, "reach", None, id="neither regions nor cells"),
    ],
)
def test_malformed_part_falls_back_alone(asked: dict[str, str], name: str, expected: Any) -> None:
    found = read(asked)
    assert getattr(found, name) == expected


def test_empty_address_is_what_the_page_proposes() -> None:
    assert read({}) == Choice()


def test_area_of_too_many_corners_is_cut_before_it_is_read() -> None:
    asked = {"area": ";".join(f"{place},0" for place in range(MOST_CORNERS + 20))}
    assert len(read(asked).area) == MOST_CORNERS
