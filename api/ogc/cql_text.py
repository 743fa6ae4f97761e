"""CQL2 as text (OGC 21-065r2, annex B), read into its JSON form.

The grammar that pygeofilter 0.4 brings is not used: there AND does not bind tighter than OR, a quote within a text
cannot be written, and names are ASCII of at least two letters.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

DEEPEST = 30  # brackets and NOTs within each other

_TOKENS = re.compile(
    r"""\s*(?:
      (?P<text>'(?:''|\\'|[^'])*')
    | (?P<quoted>"[^"]+")
    | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>[^\W\d][\w.:]*)
    | (?P<sign><>|<=|>=|[<>=(),])
    )""",
    re.VERBOSE,
)
_COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})
_INSTANTS = {"DATE": "date", "TIMESTAMP": "timestamp"}
_SHAPES = {
    word.upper(): word for word in ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")
}
_DEPTHS = {"Point": 0, "LineString": 1, "MultiPoint": 1, "Polygon": 2, "MultiLineString": 2, "MultiPolygon": 3}


class Token(NamedTuple):
    """A word of a filter, what it is, and where it begins."""

    kind: str
    text: str
    at: int


def read_text(written: str) -> Any:
    """The JSON form of a filter; ValueError with the place of the first fault."""
    return _Reader(written).whole()


def _tokens(written: str) -> list[Token]:
    found, at = [], 0
    end = len(written.rstrip())
    while at < end:
        match = _TOKENS.match(written, at)
        if match is None:
            at = end - len(written[at:end].lstrip())
            raise ValueError(f"the filter cannot be read from character {at + 1}: {written[at : at + 20]!r}")
        kind = str(match.lastgroup)
        found.append(Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return [*found, Token("end", "", end)]


class _Reader:
    """Reads from left to right, one method a rule of the grammar."""

    def __init__(self, written: str) -> None:
        self._tokens, self._next, self._depth = _tokens(written), 0, 0

    def whole(self) -> Any:
        found = self._either()
        if self._here.kind != "end":
            raise self._fault("AND, OR or the end")
        return found

    @property
    def _here(self) -> Token:
        return self._tokens[self._next]

    def _fault(self, wanted: str) -> ValueError:
        found = repr(self._here.text[:20]) if self._here.text else "the end"
        return ValueError(f"the filter has {found} at character {self._here.at + 1}, where {wanted} belongs")

    def _take(self, kind: str, wanted: str) -> str:
        if self._here.kind != kind:
            raise self._fault(wanted)
        self._next += 1
        return self._tokens[self._next - 1].text

    def _is(self, word: str) -> bool:
        """Whether this keyword or sign comes next; it is taken then."""
        here = self._here
        if here.kind not in ("word", "sign") or here.text.upper() != word:
            return False
        self._next += 1
        return True

    def _must(self, word: str) -> None:
        if not self._is(word):
            raise self._fault(word)

    def _either(self) -> Any:
        args = [self._both()]
        while self._is("OR"):
            args.append(self._both())
        return args[0] if len(args) == 1 else {"op": "or", "args": args}

    def _both(self) -> Any:
        args = [self._one()]
        while self._is("AND"):
            args.append(self._one())
        return args[0] if len(args) == 1 else {"op": "and", "args": args}

    def _one(self) -> Any:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ValueError(f"the filter is nested deeper than {DEEPEST} levels")
        if self._is("NOT"):
            found: Any = {"op": "not", "args": [self._one()]}
        elif self._is("("):
            found = self._either()
            self._must(")")
        else:
            found = self._predicate()
        self._depth -= 1
        return found

    def _predicate(self) -> Any:
        if self._is("S_INTERSECTS"):
            self._must("(")
            left = self._operand()
            self._must(",")
            found = {"op": "s_intersects", "args": [left, self._operand()]}
            self._must(")")
            return found
        left = self._operand()
        if self._here.kind == "sign" and self._here.text in _COMPARISONS:
            self._next += 1
            return {"op": self._tokens[self._next - 1].text, "args": [left, self._operand()]}
        if self._is("IS"):
            negated = self._is("NOT")
            self._must("NULL")
            return _not({"op": "isNull", "args": [left]}, negated)
        negated = self._is("NOT")
        if not negated and isinstance(left, bool):
            return left
        return _not(self._range(left), negated)

    def _range(self, left: Any) -> Any:
        if self._is("LIKE"):
            return {"op": "like", "args": [left, self._operand()]}
        if self._is("BETWEEN"):
            low = self._operand()
            self._must("AND")
            return {"op": "between", "args": [left, low, self._operand()]}
        if not self._is("IN"):
            raise self._fault("a comparison, LIKE, BETWEEN, IN or IS NULL")
        self._must("(")
        values = [self._operand()]
        while self._is(","):
            values.append(self._operand())
        self._must(")")
        return {"op": "in", "args": [left, values]}

    def _operand(self) -> Any:
        kind, text = self._here.kind, self._here.text
        if kind not in ("text", "quoted", "number", "word"):
            raise self._fault("a property or a value")
        self._next += 1
        match kind:
            case "text":
                return _unquoted(text)
            case "quoted":
                return {"property": text[1:-1]}
            case "number":
                return _number(text)
        word = text.upper()
        if word in ("TRUE", "FALSE"):
            return word == "TRUE"
        if self._here.text == "(":
            return self._called(word)
        return {"property": text}

    def _called(self, word: str) -> Any:
        """What stands in the brackets behind a word: an instant, a box or a shape."""
        if word in _INSTANTS:
            self._must("(")
            found: Any = {_INSTANTS[word]: _unquoted(self._take("text", "a time in quotes"))}
            self._must(")")
            return found
        if word == "BBOX":
            return {"bbox": self._row()}
        if word not in _SHAPES:
            raise ValueError(f"there is no function {word[:40]} in filters here")
        kind = _SHAPES[word]
        return {"type": kind, "coordinates": self._points(_DEPTHS[kind], loose=kind == "MultiPoint")}

    def _row(self) -> list[float]:
        """Numbers with commas between, in brackets."""
        self._must("(")
        found = [_number(self._take("number", "a number"))]
        while self._is(","):
            found.append(_number(self._take("number", "a number")))
        self._must(")")
        return found

    def _points(self, depth: int, *, loose: bool = False) -> Any:
        """A point, or lists of them within each other, in brackets; points of a MultiPoint may stand without."""
        self._must("(")
        if depth == 0:
            found: Any = self._position()
        else:
            found = [self._inner(depth, loose)]
            while self._is(","):
                found.append(self._inner(depth, loose))
        self._must(")")
        return found

    def _inner(self, depth: int, loose: bool) -> Any:
        if depth > 1 or (loose and self._here.text == "("):
            return self._points(depth - 1)
        return self._position()

    def _position(self) -> list[float]:
        return [_number(self._take("number", "a longitude")), _number(self._take("number", "a latitude"))]


def _not(found: Any, negated: bool) -> Any:
    return {"op": "not", "args": [found]} if negated else found


def _unquoted(text: str) -> str:
    return re.sub(r"''|\\'", "'", text[1:-1])


def _number(text: str) -> float:
    return float(text) if re.search(r"[.eE]", text) else int(text)
