"""Subscriptions: from our own pages, to allowed push services, changed only by the browser that made them."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.push import allowed
from data.store.engine import Store
from data.store.tables import push_subscription
from tests.pages.public.conftest import base_dir, client, clock, desk, server, settings  # noqa: F401 - fixtures

POINT = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
    Encoding.X962, PublicFormat.UncompressedPoint
)  # fmt: skip
KEY = urlsafe_b64encode(POINT).rstrip(b"=").decode()
AUTH = urlsafe_b64encode(b"0123456789abcdef").rstrip(b"=").decode()
FROM = {"Origin": "http://localhost"}


def wish(endpoint: str = "https://push.example/a", **changes: Any) -> dict[str, Any]:
    keys = {"p256dh": changes.pop("p256dh", KEY), "auth": changes.pop("auth", AUTH)}
    told = {"endpoint": endpoint, "expirationTime": None, "keys": keys}
    return {"subscription": told, "regions": ["CN-4101"], "least_level": 2, "locale": "zh", **changes}


def kept(store: Store) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(sa.select(push_subscription).order_by(push_subscription.c.id)))


def test_browser_subscribes_changes_and_ends(client: Any, store: Store) -> None:  # noqa: F811
    assert client.post("/public/push", json=wish(), headers=FROM).status_code == 201
    assert client.post("/public/push", json=wish(least_level=4, regions=[]), headers=FROM).status_code == 200
    (row,) = kept(store)
    assert (row.endpoint, row.regions, row.least_level, row.locale) == ("https://push.example/a", [], 4, "zh")
    ended = {"endpoint": "https://push.example/a", "auth": AUTH}
    assert client.post("/public/push/end", json=ended, headers=FROM).status_code == 200
    assert kept(store) == []


def test_subscription_of_another_browser_stays_as_it_is(client: Any, store: Store) -> None:  # noqa: F811
    client.post("/public/push", json=wish(), headers=FROM)
    other = urlsafe_b64encode(b"x" * 16).rstrip(b"=").decode()
    assert client.post("/public/push", json=wish(auth=other, least_level=4), headers=FROM).status_code == 403
    wrong = {"endpoint": "https://push.example/a", "auth": other}
    assert client.post("/public/push/end", json=wrong, headers=FROM).status_code == 200  # and nothing is said
    (row,) = kept(store)
    assert (row.least_level, row.auth) == (2, AUTH)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(wish("https://evil.example/a"), id="1.3.6 host"),
        pytest.param(wish("http://push.example/a"), id="1.3.6 without encryption"),
        pytest.param(wish("http://127.0.0.1:1/a"), id="1.3.6 port of this machine"),
        pytest.param(wish("https://push.example@evil.example/"), id="1.3.6 before the at sign"),
        pytest.param(wish("https://push.example.evil.example/"), id="1.3.6 longer host"),
        pytest.param(wish("https://push.example\r\nX: y/"), id="1.3.11 header"),
        pytest.param(wish(regions=["NOWHERE"]), id="2.2.1 region"),
        pytest.param(wish(regions=["AAA"] * 21), id="2.2.1 regions"),
        pytest.param(wish(least_level=0), id="2.2.1 level"),
        pytest.param(wish(locale="xx"), id="2.2.1 language"),
        pytest.param(wish(p256dh="AAAA"), id="2.2.1 key"),
        pytest.param(wish(auth="!"), id="2.2.1 secret"),
        pytest.param({**wish(), "id": 7}, id="15.3.3 further field"),
        pytest.param([], id="no object"),
        pytest.param("x", id="a text"),
    ],
)
def test_subscription_that_cannot_be_is_refused(client: Any, store: Store, body: Any) -> None:  # noqa: F811
    assert client.post("/public/push", json=body, headers=FROM).status_code == 400
    assert kept(store) == []


def test_3_5_1_request_that_names_no_page_of_ours_is_refused(client: Any, store: Store) -> None:  # noqa: F811
    assert client.post("/public/push", json=wish()).status_code == 403
    plain = {"data": "{}", "content_type": "text/plain", "headers": FROM}
    assert client.post("/public/push", **plain).status_code == 415
    assert kept(store) == []


def test_2_4_1_nobody_subscribes_in_bulk(client: Any, store: Store, clock: Any) -> None:  # noqa: F811
    answers = [
        client.post("/public/push", json=wish(f"https://push.example/{n}"), headers=FROM).status_code
        for n in range(25)
    ]
    assert answers == [201] * 20 + [429] * 5
    clock.pass_(minutes=4)
    assert client.post("/public/push", json=wish("https://push.example/x"), headers=FROM).status_code == 201


def test_key_is_the_offices_own(client: Any, settings: Any) -> None:  # noqa: F811
    from alerts.channels.vapid import public_key, vapid_key

    assert client.get("/public/push/key").get_json() == {"key": public_key(vapid_key(settings.home))}


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        pytest.param("https://push.example/x", True, id="named"),
        pytest.param("https://push.example:443/x", True, id="its usual port"),
        pytest.param("https://push.example:8443/x", False, id="another port"),
        pytest.param("https://a.b.notify.example/x", True, id="below"),
        pytest.param("https://notify.example/x", False, id="not below"),
        pytest.param("https://evilnotify.example/x", False, id="alike"),
        pytest.param("http://127.0.0.1:9999/x", True, id="on this machine"),
        pytest.param("http://127.0.0.1:9998/x", False, id="on this machine, not named"),
        pytest.param("ftp://push.example/x", False, id="scheme"),
        pytest.param("https://push.example\\@evil.example/", False, id="backslash"),
        pytest.param("https://[push.example/", False, id="no address"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_1_3_6_push_services_are_those_that_the_operator_names(endpoint: str, expected: bool) -> None:
    assert allowed(endpoint, ("push.example", "*.notify.example", "127.0.0.1:9999")) is expected
