"""JSON of strangers: bounded, UTF-8 or UTF-16, no NaN, no Infinity, no absurd number, no endless nesting."""

from __future__ import annotations

import codecs
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from data.errors import BadPayload

MAX_BYTES = 64 << 20
MAX_DIGITS = 25  # longer whole numbers are noise, and turning them into int costs the square of their length
UNFIT = re.compile("[\0\ud800-\udfff]")  # no database takes a NUL or half of a surrogate pair in a text
UNFIT_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
MARKUP = re.compile(r"<title[^>]*>\s*(.{1,80}?)\s*</title", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON value and the keys that an object in it had more than once (the last one counts)."""

    value: Any
    repeated_keys: tuple[str, ...] = ()


def decode_text(body: bytes, source: str, max_bytes: int = MAX_BYTES) -> str:
    """The text of a body: UTF-8 with or without a mark, or UTF-16 with one.

    Raises
    ------
    BadPayload
        If it is too long, empty, or in another encoding.
    """
    if len(body) > max_bytes:
        raise BadPayload(source, f"{len(body)} bytes, more than the {max_bytes} allowed")
    encoding = "utf-8-sig"
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif body[:1] == b"\0" or body[1:2] == b"\0":
        encoding = "utf-16-be" if body[:1] == b"\0" else "utf-16-le"
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadPayload(source, f"not {error.encoding.upper()} text: byte {error.start} does not fit") from error
    if not text.strip():
        raise BadPayload(source, "an empty body")
    return text


def explain_markup(text: str) -> str:
    """Why a text that should be data is not: it is a page, and its title says which."""
    title = MARKUP.search(text[:20_000])
    head = text[:1000].lower()
    kind = "an HTML page" if "<html" in head or "<!doctype html" in head or title else "XML"
    named = f' titled "{title.group(1)}"' if title else ""
    return f"{kind}{named} came instead of data; is it a login or error page?"


def parse_json(body: bytes, source: str, max_bytes: int = MAX_BYTES) -> Document:
    """Read JSON.

    Raises
    ------
    BadPayload
        With the reason: size, encoding, a page instead of data, a syntax error and its place, NaN or Infinity, a
        whole number of more than 25 digits, or nesting past what the interpreter allows (about 1,000).
    """
    text = decode_text(body, source, max_bytes)
    if text.lstrip()[:1] == "<":
        raise BadPayload(source, explain_markup(text))
    repeated: set[str] = set()

    def join(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            seen: set[str] = set()
            repeated.update(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return value

    try:
        value = json.loads(
            text, object_pairs_hook=join, parse_constant=_refuse, parse_int=_whole, parse_float=_finite
        )
        if UNFIT_ESCAPE.search(text) or "\0" in text:
            value = _fit(value)
    except RecursionError:
        raise BadPayload(source, "nested too deeply") from None
    except ValueError as error:
        raise BadPayload(source, f"not JSON: {error}"[:300]) from error
    return Document(value, tuple(sorted(repeated)))


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not a number of JSON")


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a whole number of {len(digits)} digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:40]} is past the range of numbers")
    return value


def _fit(value: Any) -> Any:
    if isinstance(value, str):
        return UNFIT.sub("\ufffd", value)
    if isinstance(value, list):
        return [_fit(item) for item in value]
    if isinstance(value, dict):
        return {_fit(key): _fit(item) for key, item in value.items()}
    return value
