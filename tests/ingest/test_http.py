from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from data.errors import BadPayload, Refused, Unreachable
from ingest.address import Allowed, checked_addresses, is_public, shown
from ingest.http import Http
from ingest.usgs_quakes import SPEC
from tests.ingest import feedserver
from tests.ingest.feedserver import FeedServer, run_feed_server

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with run_feed_server() as server:
        yield server


def client(feeds: FeedServer, **options: Any) -> Http:
    given = {"attempts": 1, "attempt_s": 0.6, "clock": lambda: NOW, "sleep": lambda _: None, **options}
    return Http(allow_hosts=(feeds.host,), **given)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("::127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::a00:1", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),  # Teredo is never needed
    ],
)
def test_is_public_address(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://[::1]/",
        "http://[::ffff:127.0.0.1]/", "http://0.0.0.0/", "http://localhost/", "http://169.254.169.254/latest/",
        "http://10.0.0.1/", "http://224.0.0.1/", "http://[64:ff9b::7f00:1]/", "file:///etc/passwd",
        "gopher://127.0.0.1/", "http://user:secret@8.8.8.8/", "http://8.8.8.8:22/", "//no-scheme", "http://",
    ],
)  # fmt: skip
def test_get_private_or_odd_address_refused_without_connecting(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: connected.append(address))
    with pytest.raises(Refused) as caught:
        Http(attempts=1).get(url)
    assert connected == []
    assert "secret" not in str(caught.value)


def test_checked_addresses_one_private_among_public_refused() -> None:
    def resolver(*_arguments: object, **_options: object) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, 1, 6, "", ("8.8.8.8", 80)), (socket.AF_INET, 1, 6, "", ("10.0.0.1", 80))]

    with pytest.raises(Refused, match=r"10\.0\.0\.1"):
        checked_addresses("feed", "mixed.example", 80, Allowed.read(()), resolver)
    found = checked_addresses("feed", "mixed.example", 80, Allowed.read(("mixed.example",)), resolver)
    assert [address for _, address in found] == [("8.8.8.8", 80), ("10.0.0.1", 80)]


def test_get_looks_the_name_up_once(feeds: FeedServer) -> None:
    asked: list[object] = []

    def resolver(host: str, port: int, **options: Any) -> Any:
        asked.append(host)
        return socket.getaddrinfo("127.0.0.1" if len(asked) == 1 else "8.8.8.8", port, **options)

    feeds.serve("/feed", b"first")
    http = Http(allow_hosts=(f"feed.example:{feeds.port}",), resolver=resolver, attempts=1, attempt_s=2)
    payload = http.get(f"http://feed.example:{feeds.port}/feed")
    assert payload is not None and payload.body == b"first"
    assert asked == ["feed.example"]


def test_get_sends_back_validators_and_takes_304(feeds: FeedServer) -> None:
    url = feeds.serve_with_etag("/feed", b"body", '"v1"')
    first = client(feeds).for_source(SPEC, {})
    assert first.get(url) is not None
    second = client(feeds).for_source(SPEC, first.validators)
    assert second.get(url) is None
    assert second.validators == first.validators
    assert first.validators[url]["etag"] == '"v1"'


def test_get_unpacks_gzip_of_several_members(feeds: FeedServer) -> None:
    url = feeds.serve("/feed", gzip.compress(b"one ") + gzip.compress(b"two"), Content_Encoding="gzip")
    payload = client(feeds).get(url)
    assert payload is not None and payload.body == b"one two"


def test_get_other_packing_refused(feeds: FeedServer) -> None:
    with pytest.raises(Refused, match="br"):
        client(feeds).get(feeds.serve("/feed", b"x", Content_Encoding="br"))


@pytest.mark.parametrize("path", ["slow_headers", "slow_body", "deaf"])
def test_get_slow_answer_ends_at_the_deadline(feeds: FeedServer, path: str) -> None:
    feeds.routes["/slow"] = getattr(feedserver, path)
    begun = time.monotonic()
    with pytest.raises(Unreachable, match="in time"):
        client(feeds).get(feeds.url("/slow"))
    assert time.monotonic() - begun < 1.6
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith("http-")], "the request's thread is still there"


def test_get_endless_body_stops_at_the_cap_and_keeps_its_beginning(feeds: FeedServer) -> None:
    feeds.routes["/endless"] = feedserver.endless_body
    with pytest.raises(BadPayload, match="longer than") as caught:
        client(feeds, max_bytes=300_000, attempt_s=10).get(feeds.url("/endless"))
    kept = caught.value.payload  # type: ignore[attr-defined]
    assert kept.body.startswith(b"[1,2,3") and len(kept.body) <= 400_000


def test_get_gzip_bomb_stops_at_the_unpacked_cap(feeds: FeedServer) -> None:
    feeds.routes["/bomb"] = feedserver.gzip_bomb
    with pytest.raises(BadPayload, match="unpacks to more") as caught:
        client(feeds, max_bytes=1 << 20, attempt_s=10).get(feeds.url("/bomb"))
    assert caught.value.payload.body[:2] == b"\x1f\x8b"  # type: ignore[attr-defined]


def test_get_body_cut_short_is_unreachable(feeds: FeedServer) -> None:
    feeds.routes["/cut"] = feedserver.cut_short
    with pytest.raises(Unreachable):
        client(feeds).get(feeds.url("/cut"))


@pytest.mark.parametrize(
    ("status", "header", "seconds", "asked"),
    [
        (500, {}, None, 3), (503, {"Retry_After": "120"}, 120.0, 1), (429, {"Retry_After": "7"}, 7.0, 1),
        (503, {"Retry_After": "Sun, 01 Mar 2026 12:01:00 GMT"}, 60.0, 1), (429, {}, None, 3), (404, {}, None, 1),
        (401, {}, None, 1), (503, {"Retry_After": "soon"}, None, 3), (503, {"Retry_After": "99999999"}, 86400.0, 1),
    ],
)  # fmt: skip
def test_get_error_status_retried_or_left(
    feeds: FeedServer, status: int, header: dict[str, str], seconds: float | None, asked: int
) -> None:
    url = feeds.serve("/feed", b"an error page", status=status, **header)
    with pytest.raises(Refused) as caught:
        client(feeds, attempts=3, attempt_s=5).get(url)
    assert (caught.value.status, caught.value.retry_after_s, feeds.count("/feed")) == (status, seconds, asked)


def test_get_recovers_within_the_run(feeds: FeedServer) -> None:
    answers = iter([503, 500, 200])
    feeds.routes["/feed"] = lambda handler: handler.send(next(answers), b"body", {})
    pauses: list[float] = []
    http = client(feeds, attempts=3, attempt_s=5, sleep=pauses.append, jitter=lambda: 0.5)
    payload = http.get(feeds.url("/feed"))
    assert payload is not None and payload.body == b"body"
    assert pauses == [0.5, 1.0]


def test_get_redirects_are_checked_each_time(feeds: FeedServer) -> None:
    feeds.serve("/end", b"here")
    ok = feeds.serve("/one", b"", status=302, Location="/end")
    loop = feeds.serve("/loop", b"", status=302, Location="/loop")
    inward = feeds.serve("/inward", b"", status=302, Location="http://127.0.0.2/")
    payload = client(feeds).get(ok)
    assert payload is not None and payload.url.endswith("/end")
    with pytest.raises(Refused, match="more than 3"):
        client(feeds).get(loop)
    with pytest.raises(Refused, match=r"127\.0\.0\.2"):
        client(feeds).get(inward)


def test_get_port_needs_the_operators_word(feeds: FeedServer) -> None:
    with pytest.raises(Refused, match="allow_hosts"):
        Http(allow_hosts=("127.0.0.1",), attempts=1).get(feeds.serve("/feed", b"x"))


def test_get_nothing_listens_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(Unreachable, match="refused"):
            Http(allow_hosts=(f"127.0.0.1:{port}",), attempts=1).get(f"http://127.0.0.1:{port}/")


def test_get_untrusted_certificate_refused(feeds: FeedServer) -> None:
    with pytest.raises(Unreachable):  # a plain server answers a TLS greeting
        client(feeds).get(f"https://{feeds.host}/feed")


def test_post_returns_status_and_first_bytes(feeds: FeedServer) -> None:
    url = feeds.serve("/hook", b"taken", status=202)
    assert client(feeds).post(url, b"{}", {"Idempotency-Key": "k"}, 2.0) == (202, b"taken")
    assert feeds.requests[-1][1]["idempotency-key"] == "k"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://u:p@host/a?x=1", "https://host/a?x=1"),
        ("https://host/a?x=1&api_key=abc&y=2", "https://host/a?x=1&api_key=***&y=2"),
        ("https://host/a?sites=01,02&format=json", "https://host/a?sites=01,02&format=json"),
    ],
)
def test_shown_hides_secrets(url: str, expected: str) -> None:
    assert shown(url) == expected


def test_get_more_headers_than_anyone_sends_is_unreachable(feeds: FeedServer) -> None:
    many = b"".join(b"X-%d: 1\r\n" % number for number in range(300))
    feeds.routes["/many"] = lambda handler: handler.raw(b"HTTP/1.1 200 OK\r\n" + many + b"\r\n")
    with pytest.raises(Unreachable, match="headers"):
        client(feeds).get(feeds.url("/many"))
