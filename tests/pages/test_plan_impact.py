"""Outlines that are pasted, and numbers that say when they are lower bounds."""

from __future__ import annotations

from typing import Any

import pytest
import shapely

from data.errors import LayerError
from pages import _plan_outline as outline
from pages._plan_impact import for_map, people_words, stored
from pages._plan_state import read


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("1,2\n3,4\n5,6", id="a corner a line"),
        pytest.param("1 2; 3 4; 5 6;", id="semicolons and blanks"),
        pytest.param("1,2\n3,4\n5,6\n1,2", id="closed"),
        pytest.param('{"type":"Polygon","coordinates":[[[1,2],[3,4],[5,6],[1,2]]]}', id="GeoJSON"),
    ],
)
def test_outline_is_read(text: str) -> None:
    assert shapely.geometry.shape(outline.parse(text)).area == pytest.approx(0.0, abs=1e-9)
    assert outline.parse(text)["coordinates"][0][0] == [1, 2]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("", outline.NOT_READ, id="nothing"),
        pytest.param("Paris", outline.NOT_READ, id="a name"),
        pytest.param("1,2\n3,4", outline.TOO_FEW, id="two corners"),
        pytest.param("{broken", outline.NOT_READ, id="broken JSON"),
        pytest.param("1,2\n" * 600_000, outline.TOO_LONG, id="too long"),
    ],
)
def test_what_is_no_outline_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(LayerError) as caught:
        outline.parse(text)
    assert str(caught.value) == sentence


class Counted:
    """The part of an impact that the words look at."""

    def __init__(self, people: float | None, at_least: bool) -> None:
        self.people, self.people_at_least = people, at_least


@pytest.mark.parametrize(
    ("people", "at_least", "words"),
    [
        pytest.param(12345.4, False, "12,345", id="counted"),
        pytest.param(12345.4, True, "at least 12,345", id="a part is unknown"),
        pytest.param(None, False, "Unknown", id="unknown is no zero"),
        pytest.param(0.0, False, "0", id="nobody"),
    ],
)
def test_people_say_how_sure_they_are(people: float | None, at_least: bool, words: str) -> None:
    found: Any = Counted(people, at_least)
    assert people_words(found, str) == words


def test_link_holds_the_area() -> None:
    drawn = stored(read({"area": "1,2;3,4;5,6"}))
    assert drawn is not None
    assert drawn["geometry"]["coordinates"] == [[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [1.0, 2.0]]]
    assert stored(read({"reach": "regions:40"})) == {"kind": "regions", "value": 40.0}
    assert stored(read({})) is None


def test_outline_on_the_map_is_coarser_where_it_has_too_many_corners() -> None:
    fine = shapely.Point(0, 0).buffer(5, quad_segs=8000)
    drawn = shapely.geometry.shape(for_map(fine))
    assert shapely.get_num_coordinates(drawn) < 2000
    assert drawn.area == pytest.approx(fine.area, rel=0.01)
