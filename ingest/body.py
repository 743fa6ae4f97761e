"""Reading a response body: capped as it arrives and as it unpacks, and complete or refused."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data.errors import Refused, Unreachable

STEP = 64 << 10
KEPT = 1 << 20  # of a body past its cap, this much is kept to look at


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits in bytes; with `truncate` a longer body is cut quietly instead of being a fault."""

    raw: int
    decoded: int
    truncate: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes unpacked; or, where a cap was passed, the first raw bytes and the reason."""

    decoded: bytes
    spoiled: str = ""


def read_body(source: str, response: Any, headers: Mapping[str, str], caps: Caps) -> Body:
    """Read a urllib3 response piece by piece.

    Raises
    ------
    Refused
        If it is packed in a way we did not ask for.
    Unreachable
        If it ends before it is complete.
    """
    packing = headers.get("content-encoding", "").strip().lower()
    if packing not in ("", "identity", "gzip", "x-gzip"):
        raise Refused(source, f"packed as {packing[:20]!r}, which was not asked for")
    reader = _Reader(caps, packed=packing in ("gzip", "x-gzip"))
    while piece := response.read1(STEP, decode_content=False):
        if not reader.take(piece):
            return Body(bytes(reader.out[: caps.decoded])) if caps.truncate else Body(bytes(reader.raw), reader.fault)
    declared = headers.get("content-length", "")
    if declared.isdigit() and reader.size < int(declared):
        raise Unreachable(source, f"the body ended after {reader.size} of {declared} bytes")
    if reader.fault or not reader.complete:
        return Body(bytes(reader.raw), reader.fault or "the gzip stream ends in the middle")
    return Body(bytes(reader.out))


class _Reader:
    def __init__(self, caps: Caps, *, packed: bool) -> None:
        self.caps = caps
        self.packed = packed
        self.unpack = zlib.decompressobj(31) if packed else None
        self.raw = bytearray()  # the first KEPT bytes as received
        self.out = bytearray()
        self.size = 0
        self.fault = ""

    @property
    def complete(self) -> bool:
        return self.unpack is None or self.unpack.eof or (self.size == 0)

    def take(self, piece: bytes) -> bool:
        """Take a piece; False when a cap is passed or the packing is broken."""
        self.size += len(piece)
        self.raw += piece[: max(0, KEPT - len(self.raw))]
        if self.size > self.caps.raw:
            self.fault = f"longer than the {self.caps.raw} bytes allowed"
            return False
        if self.unpack is None:
            self.out += piece
            return True
        try:
            return self._inflate(piece)
        except zlib.error as error:
            self.fault = f"not gzip: {error}"
            return False

    def _inflate(self, piece: bytes) -> bool:
        while piece:
            assert self.unpack is not None
            if self.unpack.eof:  # several members one after another are one stream
                self.unpack = zlib.decompressobj(31)
            self.out += self.unpack.decompress(piece, STEP)
            if len(self.out) > self.caps.decoded:
                self.fault = f"unpacks to more than the {self.caps.decoded} bytes allowed, from {self.size}"
                return False
            piece = self.unpack.unconsumed_tail or self.unpack.unused_data
        return True
