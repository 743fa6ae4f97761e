"""Where a file is cut into pieces by its content: the same bytes give the same pieces, wherever they stand in it.

A rolling sum over the last 64 bytes (the gear hash of Xia et al., FastCDC, USENIX ATC 2016): a piece ends where the
upper bits of the sum are zero.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from layers.kernels.compiled import compiled

SHORTEST, LONGEST = 128 << 10, 2 << 20  # bytes
MASK = np.uint64(((1 << 19) - 1) << 45)  # 19 of the upper bits: about half a megabyte behind the shortest

# A number for each byte, the same on every machine.
GEAR = np.frombuffer(b"".join(hashlib.sha256(b"tocsin cut %d" % one).digest()[:8] for one in range(256)), "<u8")


@compiled()
def end_of_piece(body: Any, start: Any, gear: Any, mask: Any, shortest: Any, longest: Any) -> Any:
    """Where the piece ends that begins at `start`; the end of `body` where no cut comes before it."""
    last = min(len(body), start + longest)
    total = np.uint64(0)
    for index in range(min(start + shortest, last), last):
        total = (total << np.uint64(1)) + gear[body[index]]
        if total & mask == 0:
            return index + 1
    return last
