"""Deliveries carried over a line that may break at any time: pushed to a peer, or pulled from one.

Pieces travel in parts. A break halves the next part and every success doubles it, so that a line that breaks every
few kilobytes still gets everything across; what has come is never sent again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from data.errors import Unreachable
from layers.survey.exchange import inbox, outbox, transfers, verdict
from layers.survey.exchange.key import opened, read_json
from layers.survey.exchange.manifest import PURPOSE, Manifest, read_manifest
from layers.survey.exchange.outbox import note_progress
from layers.survey.exchange.refusal import Refusal
from layers.survey.exchange.wire import Line, Method

SMALLEST, LARGEST = 4 << 10, 1 << 20  # bytes of a part
PATIENCE = 12  # breaks one after another, without any success between them
ROUNDS = 5  # times that a receiver may want pieces again

T = TypeVar("T")
Report = Callable[[str, int, int], object]  # dataset, bytes that are there, of how many
Skip = Container[tuple[str, int]]  # datasets, as they are called here, and versions that were refused


@dataclass
class Steady:
    """Tries again after a break, with a smaller part and after a longer pause."""

    sleep: Callable[[float], object] = time.sleep
    part: int = LARGEST
    broken: int = field(default=0, init=False)

    def tried(self, work: Callable[[int], T]) -> T:
        """What `work(part)` gives; Unreachable when the line has broken too often in a row."""
        while True:
            try:
                done = work(self.part)
            except Unreachable:
                self.broken += 1
                if self.broken >= PATIENCE:
                    raise
                self.part = max(SMALLEST, self.part // 2)
                self.sleep(min(0.05 * 2**self.broken, 10.0))
                continue
            self.broken, self.part = 0, min(LARGEST, self.part * 2)
            return done


def push(line: Line, steady: Steady, report: Report, *, skip: Skip = ()) -> list[dict[str, Any]]:
    """Send a peer every delivery that it may have and has not; one line of account for each."""
    with line.desk.store.read() as connection:
        rows = outbox.may_have(connection, line.peer)
    return [
        _left_out(row.dataset, row.version) if (row.dataset, row.version) in skip
        else _push_one(line, steady, row.id, report)
        for row in rows
    ]  # fmt: skip


def pull(line: Line, steady: Steady, report: Report, *, skip: Skip = ()) -> list[dict[str, Any]]:
    """Fetch from a peer every delivery that it offers, that we take, and that is not here."""
    offered = _asked(line, steady, "GET", "/offers")
    if not isinstance(offered, list) or not all(isinstance(one, dict) for one in offered):
        raise Refusal(f"{line.name} answered with something else than its offers")
    wanted = [
        one for one in offered if one.get("dataset") in line.peer.receive and isinstance(one.get("delivery"), int)
    ]
    known = [(line.peer.receive[one["dataset"]], one.get("version")) for one in wanted]
    return [
        _left_out(*here) if here in skip else _pull_one(line, steady, one["delivery"], report)
        for one, here in zip(wanted, known, strict=True)
    ]  # fmt: skip


def ask_verdicts(line: Line, steady: Steady) -> int:
    """Ask what became of the deliveries that have arrived; how many were asked for."""
    with line.desk.store.read() as connection:
        rows = [row for row in transfers.list_transfers(connection, peer=line.name) if row.direction == "out"]
    asked = [row.content for row in rows if row.state == "arrived" and not _settled(row)]
    for content in asked:
        sealed = _asked(line, steady, "GET", f"/verdict/{content}")
        verdict.keep(line.desk, line.name, content, sealed, line.clock())
    return len(asked)


def _asked(line: Line, steady: Steady, method: Method, path: str, body: Any = None) -> Any:
    """An answer that is JSON, asked for until it comes whole."""
    return steady.tried(lambda _part: line.json(method, path, body))


def _document(line: Line, answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise Refusal(f"{line.name} answered with something else than was asked")
    return answer


def _settled(row: Any) -> bool:
    return bool(row.verdict) and row.verdict["body"]["state"] == "replaced"


def _push_one(line: Line, steady: Steady, number: int, report: Report) -> dict[str, Any]:
    manifest = outbox.manifest_for(line.desk, line.name, number, line.clock())
    with line.desk.store.read() as connection:
        known = transfers.find(connection, line.name, "out", manifest.content)
    if known is not None and known.state == "arrived":
        return _account(manifest, "arrived", 0)
    sealed = outbox.seal(line.desk, line.name, manifest, number, line.clock())
    load = _Load(line, manifest, number, report, sent=known.bytes_sent if known is not None else 0)
    try:
        answer = _document(line, _asked(line, steady, "POST", "/offer", sealed))
        for _ in range(ROUNDS):
            if answer.get("state") == "arrived":
                outbox.receipted(line.desk, line.name, answer.get("receipt"), line.clock())
                return _account(manifest, "arrived", load.sent)
            load.send(_missing(manifest, answer), steady)
            answer = _document(line, _asked(line, steady, "POST", f"/finish/{manifest.content}"))
        raise Refusal(f"{line.name} wants the same pieces again and again")
    except (Refusal, Unreachable) as error:
        state = "refused" if isinstance(error, Refusal) else "moving"
        there, why = len(manifest.pieces) - load.left, str(error)[:500]
        note_progress(
            line.desk, line.name, manifest.content, line.clock(), there=there, sent=load.sent, why=why, state=state
        )
        return _account(manifest, state, load.sent, why)


class _Load:
    """The pieces of one delivery on their way out."""

    def __init__(self, line: Line, manifest: Manifest, number: int, report: Report, *, sent: int) -> None:
        self.line, self.manifest, self.number, self.report = line, manifest, number, report
        self.sent, self.left = sent, len(manifest.pieces)

    def send(self, missing: dict[str, int], steady: Steady) -> None:
        self.left = len(missing)
        total = self.manifest.bytes
        there = total - sum(self.manifest.pieces[sha] - came for sha, came in missing.items())
        for sha, came in missing.items():
            size = self.manifest.pieces[sha]
            while came < size:
                came, before = steady.tried(partial(self._part, sha, came)), came
                there += came - before
                self.report(self.manifest.dataset, there, total)
            self.left -= 1
            line, done = self.line, len(self.manifest.pieces) - self.left
            note_progress(line.desk, line.name, self.manifest.content, line.clock(), there=done, sent=self.sent)

    def _part(self, sha: str, start: int, part: int) -> int:
        line, end = self.line, min(start + part, self.manifest.pieces[sha])
        body = outbox.piece(line.desk, line.name, self.number, sha, start, end)
        if len(body) != end - start:
            raise Refusal("a file of the delivery has been changed since it was described", status=409)
        answer = read_json(line.raw("POST", f"/piece/{self.manifest.content}/{sha}/{start}", body))
        self.sent += len(body)
        here = _document(line, answer).get("here")
        if not isinstance(here, int) or not 0 <= here <= self.manifest.pieces[sha]:
            raise Refusal(f"{line.name} answered with something else than how much has come")
        return here


def _pull_one(line: Line, steady: Steady, number: int, report: Report) -> dict[str, Any]:
    desk, name = line.desk, line.name
    sealed = _asked(line, steady, "GET", f"/manifest/{number}")
    manifest = read_manifest(opened(sealed, PURPOSE, line.peer.key))
    fetched = 0
    try:
        answer = inbox.offered(desk, name, sealed, line.clock())
        for _ in range(ROUNDS):
            if answer["state"] == "arrived":
                _asked(line, steady, "POST", "/receipt", answer["receipt"])
                return _account(manifest, "arrived", fetched)
            for sha, came in answer["missing"].items():
                fetched += _fetch(line, steady, manifest, number, sha, came, report)
            answer = inbox.finish(desk, name, manifest.content, line.clock())
        raise Refusal("pieces turn out spoiled again and again")
    except (Refusal, Unreachable) as error:
        state = "refused" if isinstance(error, Refusal) else "moving"
        with desk.store.write() as connection:
            values = {"state": state, "reason": str(error)[:500], "updated_at": line.clock()}
            transfers.change(connection, name, "in", manifest.content, **values)
        return _account(manifest, state, fetched, str(error)[:500])


def _fetch(line: Line, steady: Steady, manifest: Manifest, number: int, sha: str, came: int, report: Report) -> int:
    size, fetched = manifest.pieces[sha], 0

    def part(start: int, most: int) -> bytes:
        end = min(start + most, size)
        body = line.raw("GET", f"/piece/{number}/{sha}/{start}/{end}")
        if len(body) != end - start:
            raise Unreachable(line.name, f"{len(body)} bytes of {end - start} came")
        return body

    while came < size:
        body = steady.tried(partial(part, came))
        came = int(inbox.take(line.desk, line.name, manifest.content, sha, came, body, line.clock())["here"])
        fetched += len(body)
        report(manifest.dataset, came, size)
    return fetched


def _missing(manifest: Manifest, answer: dict[str, Any]) -> dict[str, int]:
    """Pieces that a receiver wants; of what it says nothing is believed that is not ours."""
    missing = answer.get("missing")
    if not isinstance(missing, dict) or not all(
        isinstance(came, int) and sha in manifest.pieces and 0 <= came <= manifest.pieces[sha]
        for sha, came in missing.items()
    ):
        raise Refusal("the receiver wants pieces that this delivery has not")
    return {str(sha): int(came) for sha, came in missing.items()}


def _left_out(dataset: str, version: Any) -> dict[str, Any]:
    return {"dataset": dataset, "version": version, "state": "refused"}


def _account(manifest: Manifest, state: str, sent: int, why: str = "") -> dict[str, Any]:
    return {
        "dataset": manifest.dataset, "version": manifest.version, "content": manifest.content, "state": state,
        "bytes": manifest.bytes, "sent": sent, "why": why,
    }  # fmt: skip
