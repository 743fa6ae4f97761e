"""Checks that need one record at a time, over a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.errors import RuleError
from data.surveys import survey_names
from layers.survey.inspect.delivery import Batch
from layers.survey.inspect.expression import Expression
from layers.survey.inspect.rules import Rule

ORIGIN_DEGREES = 1e-6  # 0.1 m: a position of 0, 0 is a default and no place
METRES_EAST, METRES_NORTH = (
    (1e5, 1e8),
    (1e4, 1.1e7),
)  # what projected coordinates look like

Marks = NDArray[np.bool_]
Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Found:
    """What a check says of a batch: which records it found, which it could not judge, and words for those found."""

    marks: Marks
    unknown: Marks | None = None
    value: list[str] | None = None
    other: list[str] | None = None
    metres: Array | None = None


def geometry(batch: Batch, given: Mapping[str, Any]) -> Found:
    """Geometries that are not there, cannot be read, are empty or are not valid (OGC Simple Features)."""
    import shapely

    if not batch.has_shapes:
        raise RuleError("the delivery has positions and no geometry")
    lacking = pc.is_null(batch.table["geometry"]).to_numpy()
    shapes = batch.shapes
    unread = shapely.is_missing(shapes) & ~lacking
    match given["fault"]:
        case "none":
            return Found(lacking)
        case "unreadable":
            return Found(unread, lacking)
        case "empty":
            return Found(shapely.is_empty(shapes), lacking | unread)
    wrong = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)
    return Found(wrong, lacking | unread, value=list(shapely.is_valid_reason(shapes[wrong])))


def position(batch: Batch, given: Mapping[str, Any]) -> Found:
    """Positions that are not there, not on the earth, at 0, 0, or written in another way than degrees."""
    lon, lat = batch.positions
    lacking = np.isnan(lon) | np.isnan(lat)
    on_earth = (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
    metres = _between(lon, METRES_EAST) & _between(lat, METRES_NORTH)
    minutes = _packed(lon, 180) & _packed(lat, 90)
    match given["fault"]:
        case "none":
            return Found(lacking)
        case "origin":
            marks = on_earth & ~is_place(lon, lat)
        case "metres":
            marks = metres & ~minutes
        case "degrees_minutes":
            marks = minutes
        case _:
            marks = ~on_earth & ~metres & ~minutes & ~lacking
    return Found(marks, lacking, value=[f"{x:.12g}, {y:.12g}" for x, y in zip(lon[marks], lat[marks], strict=True)])


def is_place(lon: Array, lat: Array) -> Marks:
    """Which positions are on the earth and not at 0, 0."""
    at_origin = (np.abs(lon) < ORIGIN_DEGREES) & (np.abs(lat) < ORIGIN_DEGREES)
    return np.asarray((np.abs(lon) <= 180) & (np.abs(lat) <= 90) & ~at_origin)


def _between(values: Array, span: tuple[float, float]) -> Marks:
    return np.asarray((np.abs(values) >= span[0]) & (np.abs(values) <= span[1]))


def _packed(values: Array, most: float) -> Marks:
    """Degrees and minutes in one number: 11623.45 is 116 degrees 23.45 minutes."""
    size = np.abs(values)
    return np.asarray((size > most) & (size <= 100 * most) & (size % 100 < 60))


def required(batch: Batch, given: Mapping[str, Any]) -> Found:
    """Values that are not there: null, not a number, or text of nothing but spaces."""
    return Found(_absent(batch.table[given["column"]]))


def _absent(column: pa.ChunkedArray) -> Marks:
    values = plain(column)
    lacking = pc.is_null(values, nan_is_null=True)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        lacking = pc.or_(lacking, pc.fill_null(pc.equal(pc.utf8_trim_whitespace(values), ""), False))
    return np.asarray(lacking.to_numpy())


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column without a dictionary."""
    return pc.cast(column, column.type.value_type) if pa.types.is_dictionary(column.type) else column


def limits(batch: Batch, given: Mapping[str, Any]) -> Found:
    """Numbers outside of what can be; text that is a number counts as one, other text cannot be judged."""
    column = plain(batch.table[given["column"]])
    values = numbers_of(column)
    unknown = np.isnan(values)
    low, high = (float(given.get(name, default)) for name, default in (("least", -np.inf), ("most", np.inf)))
    marks = (values < low) | (values > high)
    return Found(marks, unknown, value=told(given["column"], [f"{one:.12g}" for one in values[marks]]))


def numbers_of(column: pa.ChunkedArray) -> Array:
    """A column as numbers, NaN where it has none."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        trimmed = pc.utf8_trim_whitespace(column)
        number = pc.match_substring_regex(trimmed, r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")
        column = pc.if_else(number, trimmed, pa.scalar(None, column.type))
    if pa.types.is_temporal(column.type) or pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        raise RuleError(f"a column of {column.type} is no number")
    return np.asarray(pc.fill_null(pc.cast(column, pa.float64(), safe=False), np.nan).to_numpy())


def codes(batch: Batch, given: Mapping[str, Any]) -> Found:
    """Values that are not in the list; missing ones are another rule's matter."""
    column = batch.table[given["column"]]
    words = pc.cast(plain(column), pa.string())
    known = pc.is_in(words, value_set=pa.array([str(one) for one in given["values"]]))
    unknown = _absent(column)
    marks = ~known.to_numpy() & ~unknown
    return Found(marks, unknown, value=told(given["column"], words.filter(pa.array(marks)).to_pylist()))


def logic(batch: Batch, given: Mapping[str, Any]) -> Found:
    """Records for which a comparison is false, among those that are meant."""
    must = Expression(str(given["must"]))
    columns = {name: _comparable(name, plain(batch.table[name])) for name in batch.table.column_names}
    holds = _marks(must(columns), len(batch), of=False)
    unknown = _unknown(must(columns), len(batch))
    names = must.names
    if "when" in given:
        when = Expression(str(given["when"]))
        meant = when(columns)
        unknown = _unknown(meant, len(batch)) | (unknown & _marks(meant, len(batch), of=True))
        holds &= _marks(meant, len(batch), of=True)
        names = tuple(dict.fromkeys((*when.names, *must.names)))
    chosen = [columns[name].filter(pa.array(holds)).to_pylist() for name in names]
    words = [
        ", ".join(f"{name} = {_word(one)}" for name, one in zip(names, row, strict=True))
        for row in zip(*chosen, strict=True)
    ]
    return Found(holds, unknown, value=words)


def _comparable(name: str, column: pa.ChunkedArray) -> Any:
    """A column; numbers that are kept as words, as years by which records are counted, are numbers again."""
    if name in _numbers() and (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return pa.array(numbers_of(column), from_pandas=True)
    return column


@lru_cache(maxsize=1)
def _numbers() -> frozenset[str]:
    return frozenset(one.key for one in survey_names().attributes if not one.text)


def _word(value: Any) -> str:
    return "–" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)


def _marks(answer: Any, count: int, *, of: bool) -> Marks:
    """Where an answer is known and is `of`."""
    if isinstance(answer, pa.Scalar):
        return np.full(count, answer.is_valid and bool(answer.as_py()) is of)
    return np.asarray(pc.fill_null(pc.equal(answer, of), False).to_numpy(zero_copy_only=False))


def _unknown(answer: Any, count: int) -> Marks:
    if isinstance(answer, pa.Scalar):
        return np.full(count, not answer.is_valid)
    return np.asarray(pc.is_null(answer).to_numpy(zero_copy_only=False))


def told(column: str, words: list[Any]) -> list[str]:
    """Values with the name of their column."""
    return [f"{column} = {word}" for word in words]


Check = Callable[[Batch, Mapping[str, Any]], Found]
CHECKS: Mapping[str, Check] = {
    "geometry": geometry, "position": position, "required": required, "range": limits, "codes": codes, "logic": logic,
}  # fmt: skip


def check(batch: Batch, rule: Rule) -> Found:
    """What a rule says of a batch; RuleError where it cannot be run over these columns."""
    try:
        return CHECKS[rule.check](batch, rule.given)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise RuleError(str(error)) from error
