"""The public face behind the real guard: the same answers, with headers, for whoever is signed in or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dash
import pytest
from dash import _callback

from data.settings import Settings
from data.store.migrate import open_migrated
from tests.issuing import Desk


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The web process as `python app.py web` builds it, with one warning in force."""
    from app import build_web

    home = tmp_path_factory.mktemp("home")
    pages, entries = dict(dash.page_registry), dict(_callback.GLOBAL_CALLBACK_MAP)
    listed = list(_callback.GLOBAL_CALLBACK_LIST)
    dash.page_registry.clear()
    _callback.GLOBAL_CALLBACK_MAP.clear()
    _callback.GLOBAL_CALLBACK_LIST.clear()
    settings = replace(Settings(home=home), base_dir=home / "base", push_services=("push.example",))
    store = open_migrated(settings.url)
    now = datetime.now(UTC).replace(microsecond=0)
    Desk(store, now).issue()
    _, server = build_web(settings)
    yield server
    store.close()
    dash.page_registry.clear()
    dash.page_registry.update(pages)
    _callback.GLOBAL_CALLBACK_MAP.update(entries)
    _callback.GLOBAL_CALLBACK_LIST.extend(listed)


PATHS = ("/public", "/public/w/tocsin.1", "/public/history", "/public/follow", "/public/check", "/public/feed.atom",
         "/public/cap/tocsin.1.xml", "/public/warnings.json", "/public/sw.js")  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_stranger_is_answered_with_all_headers_and_no_cookie(guarded: Any, path: str) -> None:
    for _ in range(2):  # built, then from memory
        answer = guarded.test_client().get(path)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "public, no-cache"
        assert answer.headers["Vary"] == "Accept-Encoding, Accept-Language"
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_page_has_nothing_that_its_policy_forbids(guarded: Any) -> None:
    page = guarded.test_client().get("/public").get_data(as_text=True)
    assert "style=" not in page and "<style" not in page and page.count("<script") == 1
    assert '<script type="module" src="/public/assets/public.mjs' in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page


def test_3_5_1_foreign_page_cannot_subscribe_or_read(guarded: Any) -> None:
    client = guarded.test_client()
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    assert client.post("/public/push", json={}, headers=foreign).status_code == 403
    assert client.get("/public/warnings.json", headers=foreign).status_code == 403
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/public", headers=link).status_code == 200


def test_question_needs_no_session_and_no_token(guarded: Any) -> None:
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    answer = guarded.test_client().post("/public/check?lang=en", data={"text": "hello"}, headers=own)
    assert answer.status_code == 200 and "Words alone cannot be verified." in answer.get_data(as_text=True)


def test_nothing_else_below_the_address_is_open(guarded: Any) -> None:
    answer = guarded.test_client().get("/public/other", headers={"Accept": "application/json"})
    assert answer.status_code == 401


def test_3_3_1_session_cookie_of_somebody_is_neither_read_nor_answered(guarded: Any) -> None:
    client = guarded.test_client()
    login = client.get("/login")
    assert "Set-Cookie" in login.headers
    answer = client.get("/public")
    assert "Set-Cookie" not in answer.headers and "Cookie" not in answer.headers["Vary"]
