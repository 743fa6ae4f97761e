"""How far every unit's submission is: what was expected from whom until when, what came, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from data.peers import Exchange, Peer
from data.store import catalogue
from layers.survey.exchange import transfers

# What is known of a submission; from "loaded" on these are the states of the catalogue.
Status = Literal[
    "expected", "overdue", "undated", "moving", "refused", "arrived", "loaded", "inspected", "passed", "returned",
    "served", "replaced",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One unit's newest submission of one dataset, or the lack of it; or one delivery that we sent.

    Parameters
    ----------
    peer : str
        Key of the peer in the settings; "" for a delivery that was loaded here by hand.
    share : float or None
        Of the pieces that have come, while it is on its way.
    delivery : int or None
        Its number in the catalogue here.
    version : int or None
        Within the dataset here; of a delivery under way there is none yet.
    """

    peer: str
    title: str
    unit: str
    dataset: str
    status: Status
    until: date | None = None
    share: float | None = None
    at: datetime | None = None
    version: int | None = None
    rows: int | None = None
    why: str = ""
    verdict: dict[str, Any] | None = None
    delivery: int | None = None

    @property
    def waits(self) -> bool:
        """Whether somebody has to do something before this goes on."""
        return self.status in ("overdue", "refused", "returned")


def submissions(connection: Connection, exchange: Exchange, now: datetime, zone: ZoneInfo) -> list[Submission]:
    """What comes to us, by unit and dataset; those that wait for somebody first."""
    moves = [row for row in transfers.list_transfers(connection) if row.direction == "in"]
    deliveries = catalogue.list_deliveries(connection)
    today, found, told = now.astimezone(zone).date(), [], set()
    for name, peer in exchange.peers.items():
        for dataset in sorted({*peer.receive.values(), *peer.expects}):
            move = next((row for row in moves if (row.peer, row.dataset) == (name, dataset)), None)
            mine = [row for row in deliveries if row.dataset == dataset and _came_from(row, name, peer)]
            told |= {row.id for row in mine}
            found.append(_one(name, peer, dataset, move, mine[0] if mine else None, today))
    seen: set[tuple[str, str]] = set()
    for row in deliveries:
        if row.unit and row.id not in told and (row.unit, row.dataset) not in seen:
            seen.add((row.unit, row.dataset))
            found.append(_by_hand(row))
    return sorted(found, key=lambda one: (not one.waits, one.unit, one.dataset))


def sent(connection: Connection, exchange: Exchange) -> list[Submission]:
    """What went to others, the newest first."""
    rows = [row for row in transfers.list_transfers(connection) if row.direction == "out"]
    return [_sent(row, exchange.peers.get(row.peer)) for row in rows]


def _came_from(row: Any, name: str, peer: Peer) -> bool:
    return bool(row.received_by == f"exchange:{name}" or (peer.unit and row.unit == peer.unit))


def _one(name: str, peer: Peer, dataset: str, move: Any, delivery: Any, today: date) -> Submission:
    until = peer.expects.get(dataset)
    facts: dict[str, Any] = {
        "peer": name, "title": peer.title or name, "unit": peer.unit, "dataset": dataset, "until": until,
    }  # fmt: skip
    newer = move is not None and (delivery is None or move.updated_at > delivery.received_at)
    if newer and move.state == "moving":
        return Submission(**facts, status="moving", share=_share(move), at=move.updated_at, why=move.reason)
    if newer and move.state == "refused":
        return Submission(**facts, status="refused", at=move.updated_at, why=move.reason)
    if delivery is not None:
        return Submission(**facts, **_of_delivery(delivery))
    if until is None:
        return Submission(**facts, status="undated")
    return Submission(**facts, status="overdue" if until < today else "expected")


def _by_hand(row: Any) -> Submission:
    return Submission(peer="", title=row.received_by, unit=row.unit, dataset=row.dataset, **_of_delivery(row))


def _of_delivery(row: Any) -> dict[str, Any]:
    facts = {"version": row.version, "rows": row.rows, "delivery": row.id}
    return {"status": row.state, "at": row.received_at, **facts}


def _sent(row: Any, peer: Peer | None) -> Submission:
    verdict = row.verdict["body"] if row.verdict else None
    status = verdict["state"] if verdict and row.state == "arrived" else row.state
    return Submission(
        peer=row.peer, title=(peer.title if peer is not None else "") or row.peer, unit=peer.unit if peer else "",
        dataset=row.dataset, status=status, share=_share(row), at=row.updated_at, version=row.version, why=row.reason,
        verdict=verdict,
    )  # fmt: skip


def _share(row: Any) -> float:
    return float(row.chunks_there / row.chunks) if row.chunks else 0.0
