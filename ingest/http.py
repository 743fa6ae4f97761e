"""The one way out: a guarded HTTP client with a total deadline, size caps and addresses checked before connecting."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urljoin

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from data.clock import Clock, iso, utc_now
from data.errors import BadPayload, Refused, Unreachable
from data.model import Payload
from ingest.address import Allowed, Resolver, check_port, checked_addresses, shown
from ingest.body import Body, Caps, read_body
from ingest.connection import Wire, open_connection

if TYPE_CHECKING:
    from ingest.source import SourceSpec

__all__ = ["Http", "shown"]

USER_AGENT = "Tocsin/0.1 (hazard watch; https is preferred)"
REDIRECTS = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 3
ERROR_BODY = 64 << 10
KEPT_HEADERS = ("content-type", "content-encoding", "content-length", "date", "etag", "last-modified", "retry-after")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: Body
    url: str


@dataclass
class Http:
    """A client; `for_source` gives one with the limits and the validators of a feed, for one run.

    Clock, random numbers, sleeping and the resolver are arguments so that tests own them.
    """

    allow_hosts: tuple[str, ...] = ()
    clock: Clock = utc_now
    jitter: Callable[[], float] = random.random
    sleep: Callable[[float], None] = time.sleep
    resolver: Resolver = socket.getaddrinfo
    attempts: int = 3
    attempt_s: float = 20.0
    budget_s: float = 60.0
    source: str = "http"
    max_bytes: int = 32 << 20
    validators: dict[str, dict[str, str]] = field(default_factory=dict)  # address -> etag, last_modified, for later
    _known: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    _ends: float | None = None

    def for_source(self, spec: SourceSpec, validators: Mapping[str, Any]) -> Http:
        """A client for one run of a feed: its caps, its time budget, what it may ask conditionally."""
        return replace(
            self,
            source=spec.key,
            max_bytes=spec.max_bytes,
            validators={},
            _known=validators,
            _ends=time.monotonic() + self.budget_s,
        )

    def get(self, url: str, *, accept: str = "*/*", max_bytes: int | None = None) -> Payload | None:
        """Get a body, or None when the provider says that nothing changed or that there is nothing.

        Raises
        ------
        Unreachable
            No connection, or no complete answer in time, after the attempts that fit into the budget.
        Refused
            The provider said no, or our guard did.
        BadPayload
            The body went past a cap; what was read of it is on the error as `payload`.
        """
        ends = self._ends if self._ends is not None else time.monotonic() + self.budget_s
        cap = self.max_bytes if max_bytes is None else min(max_bytes, self.max_bytes)
        for attempt in range(self.attempts):
            try:
                return self._get_once(url, accept, cap, ends)
            except (Unreachable, Refused) as error:
                pause_s = self._pause(attempt, error)
                if pause_s is None or time.monotonic() + pause_s >= ends:
                    raise
                self.sleep(pause_s)
        raise AssertionError("unreachable")

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str] | None = None, timeout_s: float = 10.0
    ) -> tuple[int, bytes]:
        """Send a body once, follow nothing, and return the status and the first bytes of the answer.

        Raises
        ------
        Unreachable, Refused
            As `get`; a status of the provider is returned, not raised.
        """
        caps = Caps(raw=ERROR_BODY, decoded=ERROR_BODY, truncate=True)
        answer = self._exchange("POST", url, dict(headers or {}), body, caps, time.monotonic() + timeout_s)
        return answer.status, answer.body.decoded

    def ask(
        self, method: Literal["GET", "POST"], url: str, body: bytes, headers: Mapping[str, str], max_bytes: int
    ) -> tuple[int, bytes]:
        """One request to a program of the same kind, followed nowhere; its status and the whole answer.

        Raises
        ------
        Unreachable, Refused
            As `get`, also where the answer goes past its cap; a status of the other side is returned.
        """
        caps, ends = Caps(raw=max_bytes, decoded=max_bytes), time.monotonic() + self.attempt_s
        answer = self._exchange(method, url, dict(headers), body if method == "POST" else None, caps, ends)
        if answer.body.spoiled:
            raise Refused(self.source, answer.body.spoiled)
        return answer.status, answer.body.decoded

    def _pause(self, attempt: int, error: Unreachable | Refused) -> float | None:
        """Seconds until the next attempt; None when there is to be none."""
        if attempt + 1 >= self.attempts or (isinstance(error, Refused) and not error.retry):
            return None
        if isinstance(error, Refused) and error.retry_after_s is not None:
            return None  # the provider named its time: the schedule waits for it, not this run
        return float(0.5 * 2**attempt * (0.5 + self.jitter()))

    def _get_once(self, url: str, accept: str, cap: int, ends: float) -> Payload | None:
        headers = {"Accept": accept, "Accept-Encoding": "gzip"}
        known = self._known.get(shown(url), {})
        if known.get("etag"):
            headers["If-None-Match"] = known["etag"]
        if known.get("last_modified"):
            headers["If-Modified-Since"] = known["last_modified"]
        answer = self._follow(url, headers, Caps(raw=cap, decoded=cap), ends)
        if answer.status == 304:
            self.validators[shown(url)] = dict(known)
            return None
        if answer.status == 204:
            return None
        payload = Payload(
            source=self.source,
            body=answer.body.decoded,
            received_at=self.clock(),
            url=shown(answer.url)[:2000],
            media_type=answer.headers.get("content-type", "")[:120],
            status=answer.status,
            headers={name: answer.headers[name][:300] for name in KEPT_HEADERS if name in answer.headers},
            name=(parse_url(answer.url).path or "").rpartition("/")[2][:200],
        )
        if answer.body.spoiled:
            raise _with(BadPayload(self.source, answer.body.spoiled), payload)
        if answer.status != 200:
            raise _with(self._refusal(answer), payload if payload.body else None)
        told = {"etag": answer.headers.get("etag", ""), "last_modified": answer.headers.get("last-modified", "")}
        kept = {name: value for name, value in told.items() if value and len(value) <= 300 and value.isascii()}
        if kept:
            self.validators[shown(url)] = {**kept, "read_at": iso(payload.received_at)}
        return payload

    def _refusal(self, answer: _Answer) -> Refused:
        after_s = _retry_after(answer.headers.get("retry-after", ""), self.clock())
        reason = f"HTTP {answer.status}" + (f", to be asked again in {after_s:.0f} s" if after_s is not None else "")
        return Refused(self.source, reason, status=answer.status, retry_after_s=after_s)

    def _follow(self, url: str, headers: dict[str, str], caps: Caps, ends: float) -> _Answer:
        for hop in range(MAX_REDIRECTS + 1):
            answer = self._exchange("GET", url, headers, None, caps, min(ends, time.monotonic() + self.attempt_s))
            if answer.status not in REDIRECTS or "location" not in answer.headers:
                return answer
            if hop == MAX_REDIRECTS:
                break
            target = urljoin(url, answer.headers["location"])
            if url.lower().startswith("https:") and not target.lower().startswith("https:"):
                raise Refused(self.source, f"redirected from https to {shown(target)[:200]}")
            url = target
        raise Refused(self.source, f"more than {MAX_REDIRECTS} redirects")

    def _exchange(
        self,
        method: Literal["GET", "POST"],
        url: str,
        headers: dict[str, str],
        body: bytes | None,
        caps: Caps,
        ends: float,
    ) -> _Answer:
        """One request in a thread of its own, cut off at the deadline whatever the other side is doing."""
        target = _parse(self.source, url)
        wire = Wire()
        outcome: list[_Answer | BaseException] = []

        def work() -> None:
            try:
                outcome.append(self._request(method, target, url, headers, body, caps, wire, ends))
            except BaseException as error:
                outcome.append(error)

        thread = threading.Thread(target=work, name=f"http-{self.source}", daemon=True)
        thread.start()
        thread.join(max(0.0, ends - time.monotonic()))
        late = thread.is_alive()
        wire.cut()
        if late:
            thread.join(1.0)
        result = outcome[0] if outcome and not late else None
        if isinstance(result, _Answer):
            return result
        if isinstance(result, Refused | BadPayload | Unreachable):
            raise result
        if result is None or late:
            raise Unreachable(self.source, f"no complete answer from {target.host} in time")
        if isinstance(result, HTTPError | HTTPException | OSError | ValueError):
            raise Unreachable(self.source, f"{target.host}: {_plain(result)}") from result
        raise result

    def _request(
        self,
        method: str,
        target: Url,
        url: str,
        headers: dict[str, str],
        body: bytes | None,
        caps: Caps,
        wire: Wire,
        ends: float,
    ) -> _Answer:
        host, port = str(target.host), target.port or (443 if target.scheme == "https" else 80)
        allowed = Allowed.read(self.allow_hosts)
        check_port(self.source, host, port, allowed)
        addresses = checked_addresses(self.source, host.strip("[]"), port, allowed, self.resolver)
        connection = open_connection(str(target.scheme), host, port, addresses, wire, ends)
        try:
            connection.request(
                method,
                target.request_uri,
                body=body,
                headers={"User-Agent": USER_AGENT, "Connection": "close", **headers},
                preload_content=False,
                decode_content=False,
            )
            response: Any = connection.getresponse()
            told = {name.lower(): str(value) for name, value in response.headers.items()}
            if response.status >= 400:
                caps = Caps(raw=ERROR_BODY, decoded=ERROR_BODY, truncate=True)
            nothing = response.status in REDIRECTS or response.status in (204, 304)
            read = Body(b"") if nothing else read_body(self.source, response, told, caps)
            return _Answer(response.status, told, read, url)
        finally:
            with contextlib.suppress(OSError, HTTPError):
                connection.close()


def _parse(source: str, url: str) -> Url:
    try:
        target = parse_url(url)
    except LocationParseError:
        raise Refused(source, "not an address") from None
    if target.scheme not in ("http", "https"):
        raise Refused(source, f"only http and https are read, not {str(target.scheme)[:20]!r}")
    if target.auth:
        raise Refused(source, "an address must not carry a name and password")
    if not target.host:
        raise Refused(source, "an address without a host")
    return target


def _with(error: Any, payload: Payload | None) -> Any:
    """The error with the bytes that came, so that the runner can keep them."""
    error.payload = payload
    return error


def _plain(error: BaseException) -> str:
    """The reason in a line, without addresses that may hold secrets."""
    if isinstance(error, urllib3.exceptions.SSLError) or "CERTIFICATE" in str(error).upper():
        return f"TLS: {str(error)[:200]}"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return f"{type(error).__name__}: {str(error)[:200]}"


def _retry_after(text: str, now: datetime) -> float | None:
    """Seconds of a Retry-After header, as a number or as a date; at most a day."""
    text = text.strip()
    if not text:
        return None
    try:
        seconds = float(text) if text.isdigit() else (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), 86_400.0)
