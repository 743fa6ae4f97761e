"""The link by which a recipient says that they have read a warning."""

from __future__ import annotations

from datetime import datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from alerts.ledger import Links, work
from data.store.engine import Store
from data.store.tables import delivery, warning
from tests.alerts.sending import Recorder, add_group, issue, rows

HOSTILE = '<script>alert(1)</script>"&'


@pytest.fixture
def link(store: Store, now: datetime) -> str:
    """The path of the link of one e-mail that was sent."""
    with store.write() as connection:
        add_group(connection, "all", ("email", "a@example.org"))
        issue(connection, 1, now=now)
        texts = {"en": {"headline": HOSTILE}, "zh": {"headline": "北部有暴雨"}}
        connection.execute(warning.update().values(content={"texts": texts}))
    mail = Recorder("email")
    work(store, {"email": mail}, "w", now=now, links=Links(secret=b"s" * 32, base="https://office.example"))
    return mail.sent[0].acknowledge.removeprefix("https://office.example")


def test_asvs_3_5_3_opening_the_link_changes_nothing(server: Flask, store: Store, link: str) -> None:
    answer = server.test_client().get(link)
    assert answer.status_code == 200 and b'<form method="post">' in answer.data
    assert answer.headers["Cache-Control"] == "no-store"
    assert rows(store, delivery)[0].acknowledged_at is None


def test_button_acknowledges_once(server: Flask, store: Store, link: str, now: datetime) -> None:
    client = server.test_client()
    first, second = client.post(link), client.post(link)
    assert (first.status_code, second.status_code) == (200, 200)
    assert b"<form" not in first.data and b"2026-03-01 12:00 +0000" in first.data
    assert rows(store, delivery)[0].acknowledged_at == now


def test_asvs_1_2_1_headline_is_text(server: Flask, link: str) -> None:
    body = server.test_client().get(f"{link}?lang=en").data
    assert b"<script>" not in body and b"&lt;script&gt;" in body
    assert "北部有暴雨" in server.test_client().get(f"{link}?lang=zh").get_data(as_text=True)


@pytest.mark.parametrize("token", ["", "x", "0" * 48, "' OR 1=1 --"])
def test_link_of_nobody_is_not_found(server: Flask, store: Store, link: str, token: str) -> None:
    client = server.test_client()
    assert client.get(f"/ack/{token}").status_code == client.post(f"/ack/{token}").status_code == 404
    assert rows(store, delivery)[0].acknowledged_at is None


def test_message_without_a_link_belongs_to_no_token(server: Flask, store: Store, link: str) -> None:
    """Rows that were never sent have no hash, and the hash of nothing is not theirs."""
    with store.write() as connection:
        connection.execute(delivery.update().values(token_sha256=""))
        assert connection.execute(sa.select(delivery.c.id)).first() is not None
    assert server.test_client().get(link).status_code == 404


@pytest.mark.parametrize("state", ["replaced", "exercise"])
def test_page_says_when_it_is_not_in_force_or_not_real(server: Flask, store: Store, link: str, state: str) -> None:
    with store.write() as connection:
        connection.execute(sa.text("DROP TRIGGER warning_fixed" + ("" if store.is_sqlite else " ON warning")))
        changes = {"replaced_by": 1} if state == "replaced" else {"status": "Exercise"}
        connection.execute(warning.update().values(**changes))
    body = server.test_client().get(f"{link}?lang=en").get_data(as_text=True)
    assert ("A later message has taken its place." if state == "replaced" else "It is not real.") in body
