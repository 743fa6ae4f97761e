"""The public's answers from memory: built once by the pages, then given to everybody until something changes.

Stands in front of the server for the addresses under `/public` alone. There it takes cookies and credentials off, so
that nothing that is kept can belong to a person, and reduces what a browser asks for to language and compression.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from werkzeug.http import http_date, parse_date, unquote_etag

from api.public.bulletin import Bulletin
from data.text import pick_locale

Environ = dict[str, Any]
Start = Callable[..., Any]
Application = Callable[[Environ, Start], Iterable[bytes]]
Key = tuple[str, ...]

ROOT = "/public"
LARGE = ("/public/file/", "/public/media/")  # files, sent in parts as they are asked for
MOST_KEPT = 512
LARGEST_KEPT = 512 << 10
LONGEST_QUERY = 200
PERSONAL = ("HTTP_COOKIE", "HTTP_AUTHORIZATION")
CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_RANGE", "HTTP_IF_RANGE")
DROPPED = frozenset({"set-cookie", "vary", "etag", "content-length"})


@dataclass(frozen=True)
class Answer:
    """One answer as it goes over the wire."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    etag: str
    modified: datetime | None

    @property
    def may_be_kept(self) -> bool:
        public = any(name.lower() == "cache-control" and "public" in value for name, value in self.headers)
        return public and self.status.startswith("200") and len(self.body) <= LARGEST_KEPT


class Front:
    """The memory in front of an application."""

    def __init__(self, application: Application, bulletin: Bulletin) -> None:
        self._application = application
        self._bulletin = bulletin
        self._kept: OrderedDict[Key, tuple[str, Answer]] = OrderedDict()
        self._lock = threading.Lock()
        self._building: dict[Key, threading.Lock] = {}

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path != ROOT and not path.startswith(ROOT + "/"):
            return self._application(environ, start)
        plain = {name: value for name, value in environ.items() if name not in PERSONAL}
        query = environ.get("QUERY_STRING", "")
        if (
            path.startswith(LARGE)
            or environ["REQUEST_METHOD"] not in ("GET", "HEAD")
            or len(query) > LONGEST_QUERY
            or _from_a_script_elsewhere(environ)
        ):
            return self._application(plain, start)
        locale = pick_locale(
            "", environ.get("HTTP_ACCEPT_LANGUAGE", "")[:200], self._bulletin.settings.locale
        )  # fmt: skip
        encoding = _encoding(environ.get("HTTP_ACCEPT_ENCODING", ""))
        plain |= {"REQUEST_METHOD": "GET", "HTTP_ACCEPT_LANGUAGE": locale, "HTTP_ACCEPT_ENCODING": encoding}
        return _give(self._answer((path, query, locale, encoding), plain), environ, start)

    def _answer(self, key: Key, environ: Environ) -> Answer:
        identity = self._bulletin.picture().identity
        found = self._find(key, identity)
        if found is not None:
            return found
        with self._lock:
            lock = self._building.setdefault(key, threading.Lock())
        with lock:
            found = self._find(key, identity)
            if found is not None:
                return found
            try:
                answer = _asked(self._application, environ)
            finally:
                with self._lock:
                    self._building.pop(key, None)
            # what changed while it was built is not known to be in it
            if answer.may_be_kept and self._bulletin.picture().identity == identity:
                self._keep(key, identity, answer)
            return answer

    def _find(self, key: Key, identity: str) -> Answer | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept[0] != identity:
                return None
            self._kept.move_to_end(key)
            return kept[1]

    def _keep(self, key: Key, identity: str, answer: Answer) -> None:
        with self._lock:
            self._kept[key] = (identity, answer)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)


def _encoding(accepted: str) -> str:
    offers = [part.replace(" ", "").partition(";") for part in accepted[:200].split(",")]
    names = [name for name, _, weight in offers if weight != "q=0"]
    return next((name for name in ("br", "gzip") if name in names), "identity")


def _from_a_script_elsewhere(environ: Environ) -> bool:
    """What the guard refuses, which only it can word."""
    site = environ.get("HTTP_SEC_FETCH_SITE", "none")
    return site not in ("same-origin", "none") and environ.get("HTTP_SEC_FETCH_MODE") != "navigate"


def _asked(application: Application, environ: Environ) -> Answer:
    """The whole answer of the application to an unconditional question."""
    asked = {name: value for name, value in environ.items() if name not in CONDITIONS}
    told: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], object]:
        told[:] = [status, headers]
        return told.append

    pieces = application(asked, start)
    try:
        body = b"".join(pieces)
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
    status, headers = told[0], told[1]
    kept = [(name, value) for name, value in headers if name.lower() not in DROPPED]
    etag = hashlib.sha256(body).hexdigest()[:24]
    modified = next((parse_date(value) for name, value in headers if name.lower() == "last-modified"), None)
    kept += [("Vary", "Accept-Encoding, Accept-Language"), ("ETag", f'"{etag}"')]
    return Answer(status, tuple(kept), body, etag, modified)


def _give(answer: Answer, environ: Environ, start: Start) -> Iterable[bytes]:
    if answer.status.startswith("200") and _has_it(answer, environ):
        left_out = ("content-type", "content-encoding")
        start("304 NOT MODIFIED", [pair for pair in answer.headers if pair[0].lower() not in left_out])
        return ()
    start(answer.status, [*answer.headers, ("Content-Length", str(len(answer.body)))])
    return () if environ["REQUEST_METHOD"] == "HEAD" else (answer.body,)


def _has_it(answer: Answer, environ: Environ) -> bool:
    """Whether the asker has these very bytes already (RFC 9110, section 13.1)."""
    tags = environ.get("HTTP_IF_NONE_MATCH")
    if tags is not None:
        return any(unquote_etag(tag.strip())[0] in (answer.etag, "*") for tag in tags[:1000].split(","))
    since = parse_date(environ.get("HTTP_IF_MODIFIED_SINCE"))
    return since is not None and answer.modified is not None and answer.modified <= since


def last_modified(at: datetime) -> str:
    """A time as HTTP writes it."""
    return http_date(at.astimezone(UTC))
