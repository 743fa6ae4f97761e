"""A local feed server that behaves, misbehaves and counts, on a free loopback port."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Handler"], None]


@dataclass
class FeedServer:
    """Paths and what they answer with; every request is noted."""

    port: int
    routes: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"

    def serve(self, path: str, body: bytes, *, status: int = 200, **headers: str) -> str:
        """Answer a path with a body; returns its address."""
        self.routes[path] = lambda handler: handler.send(status, body, headers)
        return self.url(path)

    def serve_with_etag(self, path: str, body: bytes, etag: str) -> str:
        def answer(handler: Handler) -> None:
            if handler.headers.get("If-None-Match") == etag:
                handler.send(304, b"", {"etag": etag})
            else:
                handler.send(200, body, {"etag": etag})

        self.routes[path] = answer
        return self.url(path)

    def count(self, path: str) -> int:
        return sum(1 for asked, _ in self.requests if asked == path)


class Handler(BaseHTTPRequestHandler):
    """One request; raw answers write to `self.wfile` themselves."""

    feeds: FeedServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.feeds.requests.append((path, {name.lower(): value for name, value in self.headers.items()}))
        self.close_connection = True
        with contextlib.suppress(ConnectionError, OSError):
            self.feeds.routes.get(path, lambda handler: handler.send(404, b"no such feed", {}))(self)

    do_POST = do_GET

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def raw(self, *parts: bytes, pause_s: float = 0.0) -> None:
        for part in parts:
            self.wfile.write(part)
            self.wfile.flush()
            if pause_s and self.feeds.ending.wait(pause_s):
                return

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def run_feed_server() -> Iterator[FeedServer]:
    handler = type("BoundHandler", (Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    feeds = FeedServer(server.server_address[1])
    handler.feeds = feeds
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield feeds
    finally:
        feeds.ending.set()
        server.shutdown()
        server.server_close()
        thread.join()


def slow_headers(handler: Handler) -> None:
    """One header line at a time, each in time for a read timeout, for ever."""
    handler.raw(b"HTTP/1.1 200 OK\r\n")
    for number in range(10_000):
        handler.raw(f"X-Wait-{number}: 1\r\n".encode(), pause_s=0.05)
        if handler.feeds.ending.is_set():
            return


def slow_body(handler: Handler) -> None:
    handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(10_000):
        handler.raw(b"x", pause_s=0.05)
        if handler.feeds.ending.is_set():
            return


def endless_body(handler: Handler) -> None:
    handler.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while not handler.feeds.ending.is_set():
        handler.raw(b"[1,2,3,4,5,6,7,8]" * 4096)


def gzip_bomb(handler: Handler) -> None:
    """Zeros that unpack a thousandfold."""
    packed = gzip.compress(bytes(64 << 20), 9)
    handler.send(200, packed, {"Content-Encoding": "gzip"})


def cut_short(handler: Handler) -> None:
    handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b'{"type": "Feature')
    handler.connection.shutdown(socket.SHUT_RDWR)


def deaf(handler: Handler) -> None:
    """Takes the request and says nothing."""
    handler.feeds.ending.wait(30)


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether a condition comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()
