"""Runs whose payloads are already here, stored as the scheduler's are: for replays, with the clock of then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data.errors import IngestError, Refused, Unreachable
from data.model import Payload
from data.store.runs import GOOD
from ingest.http import Http
from ingest.runner import Desk, RunReport, store_run
from ingest.source import Source


@dataclass
class _Recorded(Http):
    """A client for which the world outside does not exist: what an index names counts as unchanged."""

    def get(self, url: str, *, accept: str = "*/*", max_bytes: int | None = None) -> Payload | None:
        return None


def deliver(
    source: Source, desk: Desk, payloads: Sequence[Payload], *, outcome: str = "", reason: str = ""
) -> RunReport:
    """Store what a run brought, and mark its feed as heard or as failing, as of the desk's clock.

    Parameters
    ----------
    source, desk
        The feed, and where to write.
    payloads : sequence of Payload
        Empty where the provider said that nothing had changed, or where the run failed.
    outcome, reason : str
        How a run without a payload failed.
    """
    client = _Recorded(clock=desk.clock).for_source(source.spec, {})
    failed = not payloads and outcome != "" and outcome not in GOOD
    return store_run(source, desk, client, payloads, _failure(source.spec.key, outcome, reason) if failed else None)


def _failure(source: str, outcome: str, reason: str) -> IngestError:
    match outcome:
        case "refused":
            return Refused(source, reason)
        case "unreachable":
            return Unreachable(source, reason)
        case _:
            return IngestError(source, reason)
