"""What must hold between the columns of one record, written as a comparison and worked out over whole columns.

`floors >= 1 and (built <= repaired or missing(repaired))` is read with Python's grammar and nothing is run: names are
columns, and what stands in `_BINARY`, `_COMPARE` and `_CALLS` is all there is. A value that is missing makes a
comparison unknown, as in SQL; unknown is neither right nor a fault.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data.errors import RuleError

LONGEST = 1000
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: pc.add, ast.Sub: pc.subtract, ast.Mult: pc.multiply, ast.Div: pc.divide,
}  # fmt: skip
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: pc.equal, ast.NotEq: pc.not_equal, ast.Lt: pc.less, ast.LtE: pc.less_equal, ast.Gt: pc.greater,
    ast.GtE: pc.greater_equal,
}  # fmt: skip
_CALLS: Mapping[str, Callable[[Any], Any]] = {
    "missing": lambda one: pc.is_null(one, nan_is_null=True),
    "length": pc.utf8_length,
    "abs": pc.abs,
    "year": pc.year,
}


class Expression:
    """A comparison between columns.

    Raises
    ------
    RuleError
        Where it holds anything that is not in the list.
    """

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise RuleError(f"longer than {LONGEST} characters")
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise RuleError(f"cannot be read: {text[:80]!r}") from error
        self.text = text
        _check(self._tree)
        calls = {id(node.func) for node in ast.walk(self._tree) if isinstance(node, ast.Call)}
        named = [node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name) and id(node) not in calls]
        self.names = tuple(dict.fromkeys(named))

    def __call__(self, table: Mapping[str, Any]) -> pa.ChunkedArray | pa.Array | pa.Scalar:
        """True, false or unknown (null) for each record.

        Raises
        ------
        RuleError
            Where the columns are not of a kind that can be compared so.
        """
        try:
            return _work(self._tree, table)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            raise RuleError(f"{self.text}: {error}") from error


def _check(node: ast.expr) -> None:
    """Refuse what is not a comparison of columns and constants."""
    match node:
        case ast.BoolOp(values=parts):
            inner = parts
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=one):
            inner = [one]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            inner = [left, right]
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()], comparators=[ast.Tuple(elts=choices)]):
            if not all(isinstance(one, ast.Constant) for one in choices):
                raise RuleError("`in` takes constants in brackets")
            inner = [left, *choices]
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARE for op in ops):
            inner = [left, *others]
        case ast.Call(func=ast.Name(id=name), args=[one], keywords=[]) if name in _CALLS:
            inner = [one]
        case ast.Call(func=ast.Name(id="matches"), args=[one, ast.Constant(value=str())], keywords=[]):
            inner = [one]
        case ast.Name():
            inner = []
        case ast.Constant(value=bool() | int() | float() | str()):
            inner = []
        case _:
            raise RuleError(f"not a part of a comparison: {ast.unparse(node)[:80]!r}")
    for one in inner:
        _check(one)


def _work(node: ast.expr, table: Mapping[str, Any]) -> Any:
    match node:
        case ast.BoolOp(op=op, values=parts):
            join = pc.and_kleene if isinstance(op, ast.And) else pc.or_kleene
            return reduce(join, (_work(part, table) for part in parts))
        case ast.UnaryOp(op=op, operand=one):
            return (pc.invert if isinstance(op, ast.Not) else pc.negate)(_work(one, table))
        case ast.BinOp(left=left, op=op, right=right):
            sides = [_work(side, table) for side in (left, right)]
            if isinstance(op, ast.Div):
                sides = [pc.cast(side, pa.float64()) for side in sides]
            return _BINARY[type(op)](*sides)
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as within], comparators=[ast.Tuple(elts=choices)]):
            constants = [one.value for one in choices if isinstance(one, ast.Constant)]
            return _among(_work(left, table), constants, isinstance(within, ast.NotIn))
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [_work(side, table) for side in (left, *others)]
            steps = zip(ops, sides[:-1], sides[1:], strict=True)
            return reduce(pc.and_kleene, (_COMPARE[type(step)](one, two) for step, one, two in steps))
        case ast.Call(func=ast.Name(id="matches"), args=[one, ast.Constant(value=pattern)]):
            return pc.match_substring_regex(_work(one, table), str(pattern))
        case ast.Call(func=ast.Name(id=name), args=[one]):
            return _CALLS[name](_work(one, table))
        case ast.Name(id=name):
            return table[name]
    assert isinstance(node, ast.Constant)
    return pa.scalar(node.value)


def _among(values: Any, choices: list[Any], turned: bool) -> Any:
    """Whether values are among constants; unknown where the value is."""
    found = pc.is_in(values, value_set=pa.array(choices).cast(values.type))
    known = pc.if_else(pc.is_null(values), pa.scalar(None, pa.bool_()), found)
    return pc.invert(known) if turned else known
