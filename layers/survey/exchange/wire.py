"""Requests between two Tocsins: each is signed, so that no session and no password is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from data.canonical import canonical
from data.clock import iso, parse_time
from data.errors import Unreachable
from data.peers import Peer
from layers.survey.exchange.key import check, read_json
from layers.survey.exchange.office import Desk
from layers.survey.exchange.refusal import Refusal

# (method, address, body, headers, most bytes of the answer) -> status and body; ingest.http.Http.ask
Ask = Callable[[str, str, bytes, Mapping[str, str], int], tuple[int, bytes]]
Method = Literal["GET", "POST"]

SCHEME = "Tocsin"
HOLDS = timedelta(minutes=5)
MOST = 64 << 20  # bytes of an answer
PREFIX = "/exchange"


def authorization(desk: Desk, peer: Peer, method: str, path: str, body: bytes, now: datetime) -> str:
    """The header that says who asks, and binds it to this request at this time to this receiver."""
    said = _said(method, path, body, iso(now), peer.key)
    return f"{SCHEME} {desk.key.public} {iso(now)} {desk.key.sign('request', said)}"


def who_asks(desk: Desk, method: str, path: str, body: bytes, header: str, now: datetime) -> str:
    """The name of the peer that signed a request; Refusal for anybody else, and for an old request."""
    parts = header.split(" ")
    if len(parts) != 4 or parts[0] != SCHEME:
        raise Refusal("a request of another office bears its signature", status=401)
    _, public, at, signature = parts
    name = desk.peer_of_key(public)
    check(public, "request", _said(method, path, body, at, desk.key.public), signature)
    try:
        apart = abs(now - parse_time(at))
    except ValueError as error:
        raise Refusal("the request names no time", status=401) from error
    if apart > HOLDS:
        raise Refusal(f"the request is {apart} away from the time here: it is old, or a clock is wrong", status=401)
    return name


class Line:
    """The way to one peer; every answer is JSON or bytes, every refusal of the other side is one here."""

    def __init__(self, desk: Desk, name: str, ask: Ask, clock: Callable[[], datetime]) -> None:
        self.desk, self.name, self.clock = desk, name, clock
        self.peer, self._ask = desk.peer(name), ask
        if not self.peer.url:
            raise Refusal(f"{name}: the settings have no address of this peer; it comes to us", status=404)

    def raw(self, method: Method, path: str, body: bytes = b"") -> bytes:
        """The body of an answer.

        Raises
        ------
        Refusal
            With what the other side says.
        Unreachable
            If there is no whole answer, or one that another try may better.
        """
        whole = PREFIX + path
        header = authorization(self.desk, self.peer, method, whole, body, self.clock())
        address = self.peer.url.rstrip("/") + whole
        headers = {"Authorization": header, "Content-Type": "application/octet-stream"}
        status, answer = self._ask(method, address, body, headers, MOST)
        if status == 200:
            return answer
        said = _message(answer) or f"HTTP {status}"
        if status in (429, 502, 503, 504):
            raise Unreachable(self.name, said)
        raise Refusal(f"{self.name} says: {said}", status=status)

    def json(self, method: Method, path: str, body: Any = None) -> Any:
        """An answer that is JSON."""
        return read_json(self.raw(method, path, b"" if body is None else canonical(body)))


def _said(method: str, path: str, body: bytes, at: str, receiver: str) -> dict[str, str]:
    digest = hashlib.sha256(body).hexdigest()
    return {"method": method, "path": path, "body": digest, "at": at, "receiver": receiver}


def _message(answer: bytes) -> str:
    try:
        said = read_json(answer)
    except Refusal:
        return ""
    return str(said.get("message", ""))[:500] if isinstance(said, dict) else ""
