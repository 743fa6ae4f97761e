"""How parsed records reach the store: files first, then one transaction for everything of a payload."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.engine import Connection


@dataclass(frozen=True, kw_only=True)
class PutContext:
    """Where records come from, and where bulky ones may leave files."""

    source: str
    payload_id: int
    received_at: datetime
    home: Path


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What an upsert did; a record already there in the same form is unchanged."""

    stored: int = 0
    unchanged: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(stored=self.stored + other.stored, unchanged=self.unchanged + other.unchanged)


class Sink(Protocol):
    """Keeps records of one type.

    `prepare` writes files (idempotent, durable) outside any transaction and returns what `put` needs;
    `put` writes rows and notes the change for screens, inside the caller's transaction. A kill between the two leaves
    an unreferenced file and no half record.
    """

    def prepare(self, context: PutContext, records: Sequence[Any]) -> Any: ...

    def put(self, connection: Connection, context: PutContext, prepared: Any) -> Counts: ...
