"""Texts that try to do harm arrive as text; nothing of a request is given back as anything else."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from icalendar import Calendar
from lxml import etree

from tests.alerts.media.warnings import HOSTILE
from tests.issuing import Desk

ANY = [pytest.param(text, id=name) for name, text in HOSTILE.items()]
PAGES = ("/public", "/public/w/tocsin.1", "/public/history")
NAMES = ("event", "headline", "description", "instruction", "sender_name", "contact", "area")


class Reader(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def issue(desk: Desk, text: str) -> None:
    desk.issue(english=dict.fromkeys(NAMES, text), chinese=dict.fromkeys(NAMES, text))


@pytest.mark.parametrize("text", ANY)
@pytest.mark.parametrize("path", PAGES)
def test_1_2_1_text_stays_text_on_pages(client: Any, desk: Desk, path: str, text: str) -> None:
    issue(desk, text)
    page = Reader(client.get(f"{path}?lang=en").get_data(as_text=True))
    assert page.tags.count("script") == 1 and not {"b", "img", "iframe", "speak"} & set(page.tags)
    assert not {name for name in page.names if name.startswith("on")}
    assert text.split()[0] in page.text


@pytest.mark.parametrize("text", ANY)
def test_1_2_1_text_stays_text_in_feeds(client: Any, desk: Desk, text: str) -> None:
    issue(desk, text)
    feed = etree.fromstring(client.get("/public/feed.atom").data)
    assert text.strip().split("\n")[0][:40].split()[0] in str(feed.findtext(".//{*}summary"))
    assert {element.tag.split("}")[1] for element in feed.iter()} <= {
        "feed", "id", "title", "subtitle", "updated", "link", "author", "name", "entry", "published", "summary",
        "category",
    }  # fmt: skip
    etree.fromstring(client.get("/public/feed.rss").data)
    (event,) = Calendar.from_ical(client.get("/public/warnings.ics").data).walk("VEVENT")
    assert set(event) == {
        "UID", "DTSTAMP", "LAST-MODIFIED", "DTSTART", "DTEND", "SUMMARY", "LOCATION", "DESCRIPTION", "URL", "STATUS",
    }  # fmt: skip


def test_bidi_overrides_are_seen_on_pages(client: Any, desk: Desk) -> None:
    issue(desk, "safe \u202e txt.exe")
    page = client.get("/public/w/tocsin.1?lang=en").get_data(as_text=True)
    assert "\u202e" not in page and "\ufffd" in page


@pytest.mark.parametrize(
    "path",
    [
        "/public?q=%3Cscript%3Ealert(1)%3C/script%3E&lang=en",
        "/public?place=%22%3E%3Cscript%3E",
        "/public/w/%3Cscript%3E",
        "/public/history?before=%3Cscript%3E",
        "/public/check?q=%3Cscript%3E&kind=%22%3E%3Cscript%3E",
        "/public/follow?q=%22%20onfocus=x",
    ],
)
def test_1_2_1_what_is_asked_for_comes_back_as_text(client: Any, desk: Desk, path: str) -> None:
    answer = client.get(path)
    page = Reader(answer.get_data(as_text=True))
    assert page.tags.count("script") == 1 and not {name for name in page.names if name.startswith("on")}


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "https://a b", 'https://x/"><b>'])
def test_1_2_2_only_web_addresses_become_links(client: Any, desk: Desk, address: str) -> None:
    desk.issue(english={"web": address}, chinese={"web": address})
    page = client.get("/public/w/tocsin.1?lang=en").get_data(as_text=True)
    assert f'href="{address}"' not in page and "javascript:" not in page


def test_1_3_11_a_name_cannot_add_headers(client: Any, desk: Desk) -> None:
    for path in (
        "/public/w/x%0d%0aSet-Cookie:%20a=b",
        "/public/cap/x%0d%0aX-Evil:%201.xml",
        "/public?lang=en%0d%0aX:1",
    ):
        answer = client.get(path)
        assert "Set-Cookie" not in answer.headers and "X-Evil" not in answer.headers and "X" not in answer.headers


@pytest.mark.parametrize("path", ["/public/assets/..%2f..%2fapp.py", "/public/assets/%2e%2e", "/public/file/..%2fx",
                                  "/public/media/x/..%2fmanifest.json"])  # fmt: skip
def test_5_3_2_no_other_file_is_served(client: Any, desk: Desk, path: str) -> None:
    assert client.get(path).status_code == 404
