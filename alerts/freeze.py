"""A rule's state as bytes and back: numbers only, no pickle, and the same state continues exactly."""

from __future__ import annotations

import io
import json
import zlib
from dataclasses import fields

import numpy as np

from alerts.engine import State
from data.errors import RuleError

FORMAT = b"TOCSIN-STATE-1\n"
TEXTS = ("names", "failed")


def state_to_bytes(state: State, codes: np.ndarray) -> bytes:
    """The state with the codes of its regions, so that it finds them again after the base data changed."""
    columns = {item.name: getattr(state, item.name) for item in fields(state) if item.name not in TEXTS}
    texts = json.dumps({name: getattr(state, name) for name in TEXTS}, ensure_ascii=False).encode()
    buffer = io.BytesIO()
    np.savez(
        buffer,
        allow_pickle=False,
        codes=np.char.encode(codes.astype(np.str_), "utf-8"),
        texts=np.frombuffer(texts, dtype=np.uint8),
        **columns,
    )
    return FORMAT + zlib.compress(buffer.getvalue(), 1)


def state_from_bytes(blob: bytes) -> tuple[State, np.ndarray]:
    """The state and the codes of its regions.

    Raises
    ------
    RuleError
        If the bytes are not a state of this format.
    """
    if not blob.startswith(FORMAT):
        raise RuleError("a stored rule state has another format")
    try:
        with np.load(io.BytesIO(zlib.decompress(blob[len(FORMAT) :])), allow_pickle=False) as file:
            columns = {name: file[name] for name in file.files}
        codes = np.char.decode(columns.pop("codes"), "utf-8")
        texts = json.loads(columns.pop("texts").tobytes())
        columns.setdefault("level_since", np.where(columns["level"] > 0, columns["since"], np.nan))
        columns.setdefault("proposed", columns["level"])
        return State(**columns, names=tuple(texts["names"]), failed=texts["failed"]), codes
    except (zlib.error, ValueError, KeyError, TypeError, OSError) as error:
        raise RuleError(f"a stored rule state is damaged: {error}") from error
