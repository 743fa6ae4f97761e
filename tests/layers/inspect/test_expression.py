"""Comparisons between columns: what they say, what they cannot say, and what is refused."""

from __future__ import annotations

import pyarrow as pa
import pytest

from data.errors import RuleError
from layers.survey.inspect.expression import Expression

TABLE = {
    "floors": pa.chunked_array([[1, 5, None]]),
    "area": pa.chunked_array([[100.0, 10.0, 50.0]]),
    "use": pa.chunked_array([["school", None, "shop"]]),
}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("floors >= 2", [False, True, None]),
        ("1 <= floors < 5", [True, False, None]),
        ("area >= 20 * floors", [True, False, None]),
        ("area / floors > 50", [True, False, None]),
        ("missing(floors)", [False, False, True]),
        ("missing(floors) or floors > 0", [True, True, True]),
        ("floors > 3 and area < 60", [False, True, None]),
        ("not floors == 1", [False, True, None]),
        ("use in ('school', 'shop')", [True, None, True]),
        ("use not in ('school',)", [False, None, True]),
        ("length(use) == 4", [False, None, True]),
        ("matches(use, '^s[ch]')", [True, None, True]),
        ("abs(-floors) == floors", [True, True, None]),
    ],
)
def test_comparison_is_true_false_or_unknown(text: str, told: list[bool | None]) -> None:
    assert Expression(text)(TABLE).to_pylist() == told


def test_names_are_the_columns_alone() -> None:
    assert Expression("missing(floors) or abs(area) > floors").names == ("floors", "area")


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "floors.__class__", "(lambda: 1)()", "[x for x in floors]", "floors[0]",
        "f'{floors}'", "open('x')", "floors if area else use", "floors ** 9999", "missing(floors, area)",
        "floors in area", "floors >", "", "(" * 5000, "1 < " * 400 + "1",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(RuleError):
        Expression(text)


def test_columns_that_cannot_be_compared_are_told() -> None:
    with pytest.raises(RuleError, match="use > 3"):
        Expression("use > 3")(TABLE)
