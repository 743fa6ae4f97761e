"""Not too often from one address: counted in the memory of one process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime

MOST_ADDRESSES = 20_000


class Limit:
    """So many requests of an address in so many seconds; what was used comes back evenly."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._each = seconds / most
        self._full_at: OrderedDict[str, float] = OrderedDict()  # when an address has all of its requests back
        self._lock = threading.Lock()

    def wait_s(self, address: str, now: datetime) -> int:
        """0 where this request may pass, which counts it; else the seconds until one may."""
        at = now.timestamp()
        with self._lock:
            full_at = min(max(self._full_at.pop(address, at), at), at + self._most * self._each)
            room = at + self._most * self._each - full_at
            if room >= self._each:
                full_at += self._each
            self._full_at[address] = full_at
            while len(self._full_at) > MOST_ADDRESSES:
                self._full_at.popitem(last=False)
        return 0 if room >= self._each else max(1, int(self._each - room) + 1)
