"""What a source is: a manifest, a fetch that does I/O, and a parse that does none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from data.model import Parsed, Payload

if TYPE_CHECKING:
    from ingest.http import Http


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """The manifest of a source: what the Feeds page, the documents and the scheduler read."""

    key: str
    title: str
    provider: str
    hazard: str  # earthquake, weather, water, warning, survey
    url: str  # "" where the operator must name one before the source can be switched on
    licence: str
    credit: str
    every: timedelta
    stale_after: timedelta  # age of the newest observation past which what depends on it is unknown
    silence_is_normal: bool = False  # event feeds: an old newest event is no fault while fetches succeed
    decode_in_child: bool = False  # C parsers: run with memory and time limits in a process of their own
    max_bytes: int = 32 << 20
    links: tuple[str, ...] = ()


class Source(Protocol):
    """One feed."""

    @property
    def spec(self) -> SourceSpec: ...

    def fetch(self, http: Http, since: datetime | None) -> Sequence[Payload]:
        """Get what is new.

        Parameters
        ----------
        http : Http
            The guarded client; the only way out.
        since : datetime or None
            Newest observation time already held; None on the first run.

        Returns
        -------
        sequence of Payload
            Empty when the provider says that nothing changed.

        Raises
        ------
        Unreachable, Refused
            As the client raises them.
        """

    def parse(self, payload: Payload) -> Parsed:
        """Read a payload. Pure: no clock, no I/O, equal input gives equal output.

        Raises
        ------
        BadPayload
            If the whole cannot be read as what the source promises. A bad part becomes a reject instead.
        """
