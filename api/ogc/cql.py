"""Filters in CQL2 (OGC 21-065r2): what a program asks for, checked against the properties of a collection.

Comparisons of a property with a value, AND, OR, NOT, IS NULL, LIKE, BETWEEN, IN, and S_INTERSECTS of the geometry
with a box or a shape. What compares with nothing is neither true nor false, as in SQL.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from pygeoapi.provider.base import ProviderInvalidQueryError
from shapely.errors import ShapelyError

from api.ogc.asked import box_of
from api.ogc.cql_text import DEEPEST, read_text
from api.ogc.names import LANGUAGES
from data.clock import parse_time

LONGEST = 8_000  # characters of a filter
GEOMETRY = "geometry"

Fields = Mapping[str, Mapping[str, Any]]  # name -> JSON schema, as pygeoapi has them
Written = tuple[str, str] | None  # a filter and its language


class Rows(Protocol):
    """Items that a filter is tried on."""

    def column(self, name: str) -> Any:
        """The values of a property, as Arrow has them."""

    def meets(self, area: shapely.Geometry) -> Any:
        """Whether each item's geometry meets an area, as booleans of Arrow."""


@dataclass(frozen=True)
class Condition:
    """What must hold.

    Parameters
    ----------
    names : frozenset of str
        The properties that are looked at, with `geometry`.
    holds : callable
        True, false or null for each of some rows.
    parts : tuple of Condition
        Of an AND: what must hold, each by itself.
    area : Geometry, optional
        Where this is nothing but that the geometry meets an area.
    """

    names: frozenset[str]
    holds: Callable[[Rows], Any]
    parts: tuple[Condition, ...] = field(default=())
    area: shapely.Geometry | None = None

    @property
    def conjuncts(self) -> tuple[Condition, ...]:
        """What must hold, each by itself."""
        return tuple(one for part in self.parts for one in part.conjuncts) if self.parts else (self,)


def read_filter(written: str, language: str, fields: Fields) -> Condition:
    """A filter as it comes.

    Raises
    ------
    ValueError
        With a sentence for whoever asks.
    """
    if len(written) > LONGEST:
        raise ValueError(f"a filter has at most {LONGEST:,} characters")
    if language == LANGUAGES[0]:
        tree = read_text(written)
    else:
        try:
            tree = json.loads(written, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise ValueError("the filter is no JSON") from error
    return _Checked(fields).condition(tree, 0)


def conditions(written: Written, numbers: Iterable[tuple[str, str]], fields: Fields) -> list[Condition]:
    """What must hold, each by itself: of a filter, and of numbers that are asked for by value."""
    try:
        found = list(read_filter(*written, fields).conjuncts) if written else []
        return found + [_equal(name, value, fields) for name, value in numbers]
    except ValueError as error:
        raise ProviderInvalidQueryError(user_msg=str(error)) from error


def _equal(name: str, value: str, fields: Fields) -> Condition:
    try:
        number = float(value)
    except ValueError as error:
        raise ValueError(f"{name} is a number, not {_short(value)}") from error
    return _Checked(fields).condition({"op": "=", "args": [{"property": name}, number]}, 0)


def true_rows(found: Any) -> Any:
    """Where a condition is true: neither false nor unknown."""
    return pc.fill_null(found, False)


class _Checked:
    """Makes conditions of the JSON form, and refuses what is not understood."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def condition(self, tree: Any, depth: int) -> Condition:
        if depth > DEEPEST:
            raise ValueError(f"the filter is nested deeper than {DEEPEST} levels")
        if isinstance(tree, bool):
            return Condition(frozenset(), lambda _, given=tree: pa.scalar(given))  # type: ignore[misc]
        if not isinstance(tree, Mapping) or set(tree) != {"op", "args"} or not isinstance(tree["args"], list):
            raise ValueError(f"a filter is made of operators with their arguments, not of {_short(tree)}")
        op, args = tree["op"], tree["args"]
        if op in ("and", "or", "not"):
            return self._joined(op, [self.condition(one, depth + 1) for one in args])
        if op == "isNull":
            name = self._property(*_exactly(args, 1, op))
            return Condition(frozenset({name}), lambda rows: pc.is_null(rows.column(name)))
        if op == "s_intersects":
            return self._meets(_exactly(args, 2, op))
        if not isinstance(op, str) or op not in _TESTS:
            raise ValueError(f"there is no operator {_short(op)} in filters here")
        return self._test(op, args)

    @staticmethod
    def _joined(op: str, parts: list[Condition]) -> Condition:
        names = frozenset[str]().union(*(one.names for one in parts))
        if op == "not":
            (part,) = _exactly(parts, 1, op)
            return Condition(names, lambda rows: pc.invert(part.holds(rows)))
        if len(parts) < 2:
            raise ValueError(f"{op} needs two arguments or more")
        join = pc.and_kleene if op == "and" else pc.or_kleene
        return Condition(
            names,
            lambda rows: functools.reduce(join, (one.holds(rows) for one in parts)),
            tuple(parts) if op == "and" else (),
        )

    def _meets(self, args: Sequence[Any]) -> Condition:
        shape, named = args if _is_property(args[1]) else (args[1], args[0])
        if named != {"property": GEOMETRY}:
            raise ValueError("s_intersects is for the property geometry and a shape")
        area = _shape(shape)
        shapely.prepare(area)
        return Condition(frozenset({GEOMETRY}), lambda rows: rows.meets(area), area=area)

    def _test(self, op: str, args: list[Any]) -> Condition:
        least, most = _ARGUMENTS.get(op, (2, 2))
        if not least <= len(args) <= most:
            raise ValueError(f"{op} has {least} arguments, not {len(args)}")
        if op in _MIRRORED and _is_property(args[1]) and not _is_property(args[0]):
            op, args = _MIRRORED[op], args[::-1]
        name, values = self._property(args[0]), args[1:]
        if op == "in":
            if not isinstance(args[1], list) or not args[1]:
                raise ValueError("in needs a list of values")
            values = args[1]
        kind = self._fields[name]
        if (op == "like" and _kind(kind) != "text") or (op == "between" and _kind(kind) == "text"):
            raise ValueError(f"{op} is not for {name}")
        return Condition(frozenset({name}), _TESTS[op](name, [_value(one, name, kind) for one in values]))

    def _property(self, named: Any) -> str:
        if not _is_property(named):
            raise ValueError(f"a property is compared with values; {_short(named)} is none")
        name = named["property"]
        if name not in self._fields:
            raise ValueError(f"there is no property {_short(name)} to filter by; see queryables")
        return str(name)


def _compared(compare: Callable[[Any, Any], Any]) -> Callable[[str, list[Any]], Callable[[Rows], Any]]:
    def of(name: str, values: list[Any]) -> Callable[[Rows], Any]:
        return lambda rows: compare(_as(rows.column(name), values[0]), values[0])

    return of


def _between(name: str, values: list[Any]) -> Callable[[Rows], Any]:
    def holds(rows: Rows) -> Any:
        low, high = (_as(rows.column(name), value) for value in values)
        return pc.and_kleene(pc.greater_equal(low, values[0]), pc.less_equal(high, values[1]))

    return holds


def _like(name: str, values: list[Any]) -> Callable[[Rows], Any]:
    return lambda rows: pc.match_like(rows.column(name), values[0].as_py())


def _in(name: str, values: list[Any]) -> Callable[[Rows], Any]:
    def holds(rows: Rows) -> Any:
        column = rows.column(name)
        return functools.reduce(pc.or_kleene, (pc.equal(_as(column, one), one) for one in values))

    return holds


_TESTS: Mapping[str, Callable[[str, list[Any]], Callable[[Rows], Any]]] = {
    "=": _compared(pc.equal), "<>": _compared(pc.not_equal), "<": _compared(pc.less),
    "<=": _compared(pc.less_equal), ">": _compared(pc.greater), ">=": _compared(pc.greater_equal),
    "between": _between, "like": _like, "in": _in,
}  # fmt: skip
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ARGUMENTS = {"between": (3, 3)}


def _as(column: Any, value: Any) -> Any:
    """A column as what it is compared with: times with a day by their day (UTC), numbers without loss."""
    if pa.types.is_date(value.type):
        return pc.cast(column, pa.date32())
    return pc.cast(column, pa.float64(), safe=False) if pa.types.is_floating(value.type) else column


def _kind(schema: Mapping[str, Any]) -> str:
    if schema.get("format") == "date-time":
        return "time"
    return "text" if schema["type"] == "string" else "number"


def _value(given: Any, name: str, schema: Mapping[str, Any]) -> Any:
    """A value as Arrow has it, of the kind that the property holds."""
    kind = _kind(schema)
    if kind == "number" and isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given):
        return pa.scalar(float(given))
    if kind == "text" and isinstance(given, str):
        return pa.scalar(given)
    if kind == "time" and isinstance(given, Mapping) and len(given) == 1:
        try:
            if isinstance(given.get("date"), str):
                return pa.scalar(date.fromisoformat(given["date"]))
            if isinstance(given.get("timestamp"), str):
                return pa.scalar(parse_time(given["timestamp"]), pa.timestamp("us", "UTC"))
        except ValueError as error:
            raise ValueError(f"{_short(given)} is no time") from error
    wanted = {"number": "a number", "text": "a text in quotes", "time": "a TIMESTAMP or DATE"}[kind]
    raise ValueError(f"{name} is compared with {wanted}, not with {_short(given)}")


def _shape(given: Any) -> shapely.Geometry:
    """A box or a GeoJSON geometry in degrees of CRS84."""
    try:
        if isinstance(given, Mapping) and set(given) == {"bbox"} and _are_edges(given["bbox"]):
            return box_of(given["bbox"])
        if isinstance(given, Mapping) and "type" in given:
            found = shapely.force_2d(shapely.from_geojson(json.dumps(given)))
            if found.is_empty or not found.is_valid:
                raise ValueError(f"the shape is not valid: {shapely.is_valid_reason(found)}")
            if not np.all(np.abs(shapely.get_coordinates(found)) <= (180, 90)):
                raise ValueError("the shape is beyond the world")
            return found
    except (ShapelyError, TypeError) as error:
        raise ValueError("the shape cannot be read") from error
    raise ValueError(f"s_intersects needs a box or a shape, not {_short(given)}")


def _exactly(args: Sequence[Any], count: int, op: str) -> Sequence[Any]:
    if len(args) != count:
        raise ValueError(f"{op} has {count} argument{'s' if count > 1 else ''}, not {len(args)}")
    return args


def _are_edges(given: Any) -> bool:
    return isinstance(given, list) and len(given) in (4, 6) and all(type(edge) in (int, float) for edge in given)


def _is_property(given: Any) -> bool:
    return isinstance(given, Mapping) and set(given) == {"property"} and isinstance(given["property"], str)


def _short(given: Any) -> str:
    return json.dumps(given, ensure_ascii=False)[:60]


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")
