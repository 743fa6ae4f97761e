"""Feeds and files of published messages, read by other libraries than those that write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from lxml import etree

from alerts.cap.parse import parse
from data.model import Level
from tests.issuing import Desk

ATOM = {"a": "http://www.w3.org/2005/Atom"}
FEEDS = ("feed.atom", "feed.rss", "warnings.json", "warnings.geojson", "warnings.ics")


def test_C61_cap_file_is_the_exact_signed_bytes(client: Any, desk: Desk) -> None:
    row = desk.issue()
    answer = client.get("/public/cap/tocsin.1.xml")
    assert answer.data == desk.bytes_of(row)
    assert answer.content_type == "application/cap+xml"
    assert parsedate_to_datetime(answer.headers["Last-Modified"]) == desk.now


def test_cap_file_is_compressed_on_the_way_alone(client: Any, desk: Desk) -> None:
    import gzip

    row = desk.issue()
    answer = client.get("/public/cap/tocsin.1.xml", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data) == desk.bytes_of(row)


@pytest.mark.parametrize("path", [f"/public/{name}" for name in FEEDS] + ["/public/cap/tocsin.1.xml", "/public"])
def test_what_the_asker_has_is_not_sent_again(client: Any, desk: Desk, clock: Any, path: str) -> None:
    desk.issue()
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    desk.issue("tocsin.1b", replaces=1, kind="update") if path != "/public/cap/tocsin.1.xml" else None
    clock.pass_(seconds=1)
    changed = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == (304 if path.endswith(".xml") else 200)


def test_feed_answers_by_time_too(client: Any, desk: Desk) -> None:
    desk.issue()
    date = client.get("/public/feed.atom").headers["Last-Modified"]
    assert client.get("/public/feed.atom", headers={"If-Modified-Since": date}).status_code == 304
    earlier = "Sat, 28 Feb 2026 12:00:00 GMT"
    assert client.get("/public/feed.atom", headers={"If-Modified-Since": earlier}).status_code == 200


def test_atom_leads_to_the_signed_message(client: Any, desk: Desk) -> None:
    desk.issue()
    feed = etree.fromstring(client.get("/public/feed.atom?lang=en").data)
    (entry,) = feed.findall("a:entry", ATOM)
    link = entry.find("a:link[@type='application/cap+xml']", ATOM)
    assert link is not None and link.get("href") == "https://warn.example/public/cap/tocsin.1.xml"
    assert entry.findtext("a:title", namespaces=ATOM) == "Red warning: Rainstorm, Zhengzhou"
    assert entry.findtext("a:updated", namespaces=ATOM) == "2026-03-01T12:00:00Z"
    path = str(link.get("href")).removeprefix("https://warn.example")
    assert parse(client.get(path).data).identifier == "tocsin.1"
    for name in ("id", "title", "updated", "author"):
        assert feed.find(f"a:{name}", ATOM) is not None, name


def test_feeds_speak_both_languages(client: Any, desk: Desk) -> None:
    desk.issue()
    for name in FEEDS:
        assert "暴雨红色预警" in client.get(f"/public/{name}?lang=zh").get_data(as_text=True), name


def test_message_stays_in_feeds_for_a_day_after_its_end_and_says_that_it_ended(
    client: Any, desk: Desk, clock: Any
) -> None:
    desk.issue(lasts=timedelta(hours=2))
    clock.pass_(hours=25, minutes=59)
    assert "[No longer in force: Expired]" in client.get("/public/feed.atom?lang=en").get_data(as_text=True)
    (plain,) = client.get("/public/warnings.json").get_json()["warnings"]
    assert (plain["standing"], plain["ended_at"]) == ("expired", "2026-03-01T14:00:00Z")
    clock.pass_(minutes=2)
    for name in FEEDS:
        assert "tocsin.1" not in client.get(f"/public/{name}").get_data(as_text=True), name
    assert client.get("/public/cap/tocsin.1.xml").status_code == 200


def test_rss_is_rss(client: Any, desk: Desk) -> None:
    desk.issue()
    root = etree.fromstring(client.get("/public/feed.rss?lang=en").data)
    item = root.find("channel/item")
    assert root.get("version") == "2.0" and item is not None
    assert item.findtext("guid") == "https://warn.example/public/cap/tocsin.1.xml"
    assert parsedate_to_datetime(str(item.findtext("pubDate"))) == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_json_tells_what_stands_and_whether_anybody_watches(client: Any, desk: Desk, clock: Any) -> None:
    first = desk.issue()
    desk.issue("tocsin.2", kind="update", level=Level.ORANGE, replaces=first)
    body = client.get("/public/warnings.json?lang=en").get_json()
    assert body["watch"] == {"state": "ok", "since": None}
    found = {one["identifier"]: one for one in body["warnings"]}
    assert found["tocsin.2"]["standing"] == "in force" and found["tocsin.2"]["level"] == "orange"
    assert (found["tocsin.1"]["standing"], found["tocsin.1"]["replaced_by"]) == ("replaced", "tocsin.2")
    clock.pass_(minutes=5)
    watch = client.get("/public/warnings.json").get_json()["watch"]
    assert watch == {"state": "engine", "since": "2026-03-01T12:00:00Z"}
    assert "We cannot tell at present" in client.get("/public/feed.atom?lang=en").get_data(as_text=True)


def test_geojson_is_of_what_is_in_force_longitude_first(client: Any, desk: Desk) -> None:
    first = desk.issue()
    desk.issue("tocsin.2", kind="cancel", replaces=first)
    desk.issue("tocsin.3", ring=None)
    desk.issue("tocsin.4")
    found = json.loads(client.get("/public/warnings.geojson").data)["features"]
    by_id = {one["id"]: one["geometry"] for one in found}
    assert set(by_id) == {"tocsin.3", "tocsin.4"} and by_id["tocsin.3"] is None
    ring = by_id["tocsin.4"]["coordinates"][0]
    assert {tuple(place) for place in ring} == {(113.2, 34.3), (114.2, 34.3), (114.2, 35.0), (113.2, 35.0)}


def test_calendar_holds_each_warning_from_begin_to_end(client: Any, desk: Desk, clock: Any) -> None:
    from icalendar import Calendar

    first = desk.issue()
    clock.pass_(minutes=10)
    desk.issue("tocsin.2", kind="cancel", replaces=first, sent_at=clock.now)
    events = Calendar.from_ical(client.get("/public/warnings.ics?lang=en").data).walk("VEVENT")
    (one,) = [event for event in events if event["uid"] == "tocsin.1"]
    assert one["status"] == "CANCELLED" and one.decoded("dtend") == clock.now
    assert str(one["location"]) == "Zhengzhou"


def test_feed_for_a_place_holds_what_concerns_it(client: Any, desk: Desk) -> None:
    desk.issue("of.zhengzhou")
    desk.issue("of.beland", regions=["BBB"], ring=None)
    for name in FEEDS:
        body = client.get(f"/public/{name}?place=CN-410105").get_data(as_text=True)
        assert "of.zhengzhou" in body and "of.beland" not in body, name
        assert client.get(f"/public/{name}?place=NOWHERE").status_code == 404


@pytest.mark.parametrize("status", ["Exercise", "Test"])
def test_I7_exercises_are_in_no_feed(client: Any, desk: Desk, status: str) -> None:
    desk.issue(status=status)
    for name in FEEDS:
        assert "tocsin.1" not in client.get(f"/public/{name}").get_data(as_text=True), name
    assert client.get("/public/cap/tocsin.1.xml").status_code == 404


def test_addresses_are_the_operators_not_those_of_the_request(client: Any, desk: Desk) -> None:
    desk.issue()
    for name in FEEDS:
        body = client.get(f"/public/{name}", headers={"Host": "evil.example"}).get_data(as_text=True)
        assert "evil.example" not in body and "https://warn.example/public" in body, name
