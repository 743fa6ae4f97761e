"""Bad input gets a clear reason and nothing lost: the payload kept, the reject counted, the other feeds untouched."""

from __future__ import annotations

import gzip
import json
import random
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.errors import BadPayload
from data.model import Payload
from data.store.archive import Archive
from data.store.engine import Store, open_store
from data.store.runs import read_state
from data.store.tables import event, payload, reject
from ingest.http import Http
from ingest.runner import Desk, run_source
from ingest.safe_json import parse_json
from ingest.station_table import StationTable
from ingest.usgs_quakes import UsgsQuakes
from ingest.water_services import WaterServices
from tests.conftest import ROOT
from tests.ingest import feedserver
from tests.ingest.feedserver import FeedServer, run_feed_server

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": f"us{number}",
                "properties": {
                    "time": 1_700_000_000_000 + number,
                    "mag": 4.5,
                    "title": "M 4.5 é",
                    "ids": f",us{number},",
                },
                "geometry": {"type": "Point", "coordinates": [10.5, 20.5, number]},
            }
            for number in range(4)
        ],
    },
    ensure_ascii=False,
).encode()
WATER = json.dumps(
    {
        "value": {
            "timeSeries": [
                {
                    "sourceInfo": {
                        "siteName": "A CREEK", "siteCode": [{"value": "01"}],
                        "geoLocation": {"geogLocation": {"latitude": 40.0, "longitude": -75.0}},
                        "timeZoneInfo": {"defaultTimeZone": {"zoneOffset": "-05:00"}},
                    },
                    "variable": {"variableCode": [{"value": "00065"}], "unit": {"unitCode": "ft"}},
                    "values": [{"value": [{"value": "6.5", "dateTime": "2026-03-01T06:00:00-05:00"}]}],
                }
            ]
        }
    }
).encode()  # fmt: skip
TABLE = b"id,time,stage\na,2026-03-01T10:00:00Z,1.5\nb,2026-03-01T10:00:00Z,2.5\n"
MAPPING = {"station": "id", "time": "time", "values": {"river_stage": {"column": "stage", "unit": "m"}}}
DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with run_feed_server() as server:
        yield server


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>", 'an HTML page titled "Sign in"'),
        (b"<?xml version='1.0'?><rss/>", "XML came instead"),
        (GOOD[:300], "not JSON"),
        (b'{"type": "FeatureCollection", "features": [{"id": NaN}]}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e999}', "past the range"),
        (b'{"a": ' + b"9" * 5000 + b"}", "5000 digits"),
        (DEEP, "nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (GOOD.decode().encode("latin-1"), "not UTF-8"),
        (GOOD.decode().encode("utf-16-le")[:-1], "UTF-16"),
        (b"\xff\xfe\xfd\xfc", "not JSON"),
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"\x00" * 64, "not JSON"),
        (b"PK\x03\x04" + bytes(range(128, 255)), "not UTF-8"),
    ],
)
def test_parse_json_refuses_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload) as caught:
        parse_json(body, "feed")
    assert reason.lower() in caught.value.reason.lower()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_parse_json_reads_the_encodings_of_unicode(encoding: str) -> None:
    assert parse_json('{"a": "é"}'.encode(encoding), "feed").value == {"a": "é"}


def test_parse_json_notes_repeated_keys_and_mends_texts() -> None:
    document = parse_json(b'{"a": 1, "a": 2, "b": {"c": "x\\u0000\\ud800y"}}', "feed")
    assert document.value == {"a": 2, "b": {"c": "x\ufffd\ufffdy"}}
    assert document.repeated_keys == ("a",)


def test_parse_json_size_cap() -> None:
    with pytest.raises(BadPayload, match="more than"):
        parse_json(b"[1]" + b" " * 100, "feed", max_bytes=50)


def spoil(body: bytes, seed: int) -> bytes:
    """Cut, flip bits in, or splice a body, the same way for a seed."""
    luck = random.Random(seed)
    changed = bytearray(body)
    match luck.randrange(4):
        case 0:
            return bytes(changed[: luck.randrange(len(changed))])
        case 1:
            for _ in range(luck.randint(1, 8)):
                changed[luck.randrange(len(changed))] ^= 1 << luck.randrange(8)
        case 2:
            start = luck.randrange(len(changed))
            changed[start : start + luck.randint(1, 40)] = luck.randbytes(luck.randint(0, 40))
        case _:  # a syntactically valid change: other types where ours stood
            for old in luck.sample([b"4.5", b'"us1"', b"20.5", b'"6.5"', b'"00065"', b"40.0", b"1.5", b"[10.5"], 3):
                new = luck.choice(
                    [b"null", b"{}", b"[]", b'"\\ud800"', b"-1e300", b"true", b'"x"', b"123456789012345"]
                )
                changed = bytearray(bytes(changed).replace(old, new))
    return bytes(changed)


@pytest.mark.parametrize(
    ("source", "body"),
    [(UsgsQuakes(), GOOD), (WaterServices(), WATER), (StationTable.configured(MAPPING), TABLE)],
    ids=["usgs_quakes", "water_services", "station_table"],
)  # fmt: skip
def test_parse_spoiled_body_is_read_in_part_or_refused(source: Any, body: bytes) -> None:
    read = refused = 0
    for seed in range(600):
        try:
            source.parse(Payload(source="feed", body=spoil(body, seed), received_at=NOW))
            read += 1
        except BadPayload as error:
            assert error.reason
            refused += 1
    assert read > 20 and refused > 20


def test_store_takes_whatever_a_parser_lets_through(store: Store, home: Path) -> None:
    desk = Desk(store=store, archive=Archive(home / "payloads"), home=home, clock=lambda: NOW)
    from ingest.runner import ingest_payloads

    outcomes = set()
    for seed in range(60):
        for source, body in ((UsgsQuakes(), GOOD), (WaterServices(), WATER)):
            item = Payload(source="", body=spoil(body, seed * 4 + 3), received_at=NOW)
            outcomes.add(ingest_payloads(source, desk, [item]).outcome)
    assert outcomes <= {"stored", "unchanged", "bad_payload"}


Route = Callable[[FeedServer], None]


def _static(body: bytes, **headers: str) -> Route:
    return lambda feeds: feeds.serve("/bad", body, **headers) and None  # type: ignore[func-returns-value]


def _routed(name: str) -> Route:
    return lambda feeds: feeds.routes.update({"/bad": getattr(feedserver, name)})


@pytest.mark.parametrize(
    ("route", "outcome", "kept"),
    [
        (_static(b"<html><title>Log in</title></html>", Content_Type="text/html"), "bad_payload", True),
        (_static(GOOD[:500]), "bad_payload", True),
        (_static(DEEP), "bad_payload", True),
        (_static(b'{"type": "FeatureCollection", "features": NaN}'), "bad_payload", True),
        (_static(gzip.compress(GOOD)[:-20], Content_Encoding="gzip"), "bad_payload", True),
        (_routed("gzip_bomb"), "bad_payload", True),
        (_routed("endless_body"), "bad_payload", True),
        (_routed("slow_headers"), "unreachable", False),
        (_routed("slow_body"), "unreachable", False),
        (_routed("cut_short"), "unreachable", False),
        (lambda feeds: feeds.serve("/bad", b"oops", status=500) and None, "refused", True),
        (lambda feeds: feeds.serve("/bad", b"slow down", status=429, Retry_After="60") and None, "refused", True),
        (lambda feeds: feeds.serve("/bad", b"later", status=503, Retry_After="60") and None, "refused", True),
    ],
    ids=["login", "cut", "deep", "nan", "half-gzip", "bomb", "endless", "slow-headers", "slow-body", "reset", "500",
         "429", "503"],
)  # fmt: skip
def test_bad_feed_is_kept_counted_and_harms_no_other(
    feeds: FeedServer, sqlite_url: str, home: Path, route: Route, outcome: str, kept: bool
) -> None:
    route(feeds)
    feeds.serve("/good", GOOD)
    opened = open_store(sqlite_url)
    desk = Desk(store=opened, archive=Archive(home / "payloads"), home=home, clock=lambda: NOW)
    http = Http(allow_hosts=(feeds.host,), clock=lambda: NOW, attempts=1, attempt_s=0.8)
    spec = UsgsQuakes().spec
    bad = UsgsQuakes(replace(spec, key="bad", url=feeds.url("/bad"), max_bytes=1 << 20))
    good = UsgsQuakes(replace(spec, key="good", url=feeds.url("/good")))
    if outcome == "bad_payload":
        http.attempt_s = 10
    report = run_source(bad, desk, http)
    assert (report.outcome, report.stored) == (outcome, 0)
    assert run_source(good, desk, http).stored == 4
    with opened.read() as connection:
        state = read_state(connection, "bad")
        stored = {row.source for row in connection.execute(sa.select(event.c.source))}
        payloads = list(connection.execute(sa.select(payload).where(payload.c.source == "bad")))
        rejects = list(connection.execute(sa.select(reject).where(reject.c.source == "bad")))
    opened.close()
    assert state is not None and state.failing_since == NOW and state.reason
    assert stored == {"good"}
    assert (len(payloads), len(rejects)) == ((1, 1) if kept else (0, 0))
    if kept:
        assert rejects[0].native_id == "payload" and rejects[0].payload_id == payloads[0].id
        assert desk.archive.get(payloads[0].sha256)


def test_memory_stays_bounded_under_bomb_and_depth(feeds: FeedServer, tmp_path: Path) -> None:
    """The whole client and parser inside 400 MiB of address space."""
    feeds.routes["/bomb"] = feedserver.gzip_bomb
    feeds.serve("/deep", DEEP * 20)
    script = """
import sys
from data.errors import BadPayload
from ingest.http import Http
from ingest.safe_json import parse_json
http = Http(allow_hosts=(sys.argv[1],), attempts=1, max_bytes=8 << 20)
for path in ("/bomb", "/deep"):
    try:
        parse_json(http.get(f"http://{sys.argv[1]}{path}").body, "feed")
    except BadPayload as error:
        print(error.reason)
"""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))

    done = subprocess.run(
        [sys.executable, "-c", script, feeds.host],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=limit,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "unpacks to more" in done.stdout and "nested too deeply" in done.stdout
