"""From two people's signatures to the public: what the desk issues is what everybody sees, checks and reads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

import api
from alerts.desk.read import DeskWarning
from alerts.desk.service import Approved, draft_cancel, submit
from alerts.genuine import judge
from api.context import EXTENSION
from data.settings import Settings
from data.store.engine import Store
from pages import public
from tests.alerts.conftest import base_dir  # noqa: F401 - fixtures, from here on
from tests.alerts.desk.conftest import desk, later, router, sign, signer, submitted, write  # noqa: F401
from tests.issuing import Desk as Rows
from tests.pages.public.conftest import Clock


@pytest.fixture
def client(store: Store, home: Any, base_dir: Any, database_url: str, clock: Clock) -> Iterator[Any]:  # noqa: F811
    settings = Settings(home=home, base_dir=base_dir, database_url=database_url, public_url="https://office.example")
    server = Flask("from-the-desk")
    api.register(server, store, settings, clock=clock, watch=lambda: lambda: True)
    public.register(server, store, settings, clock=clock)
    Rows(store, clock.now).watch(clock.now)
    yield server.test_client()
    server.extensions[EXTENSION].hub.close()


def test_signed_warning_is_public_and_its_ending_too(
    store: Store, client: Any, clock: Clock, submitted: Callable[..., DeskWarning],  # noqa: F811
    sign: Callable[..., Approved], write: Callable[..., Any],  # noqa: F811
) -> None:  # fmt: skip
    item = submitted()
    assert "No warning of this office is in force." in client.get("/public?lang=en").get_data(as_text=True)
    made = sign(item).item
    clock.pass_(seconds=1)
    page = client.get("/public?lang=en").get_data(as_text=True)
    assert "Orange warning of Rainstorm" in page and "CN-110101暴雨橙色预警" not in page
    assert "CN-110101暴雨橙色预警" in client.get("/public?lang=zh").get_data(as_text=True)
    body = client.get(f"/public/cap/{made.identifier}.xml").data
    assert body == made.signed and hashlib.sha256(body).hexdigest() == made.signed_sha256
    assert made.certificate_sha256 in client.get(f"/public/w/{made.identifier}").get_data(as_text=True)
    with store.read() as connection:
        assert judge(connection, body, clock.now).finding == "issued"
        assert judge(connection, body.replace(b"Severe", b"Minor"), clock.now).finding == "altered"
    ending = write(draft_cancel, made.id, now=later(hours=1))
    cancel = sign(write(submit, ending.id, ending.edition, now=later(hours=1)), now=later(hours=1)).item
    clock.pass_(hours=1, seconds=1)
    assert 'class="card level-orange"' not in client.get("/public?lang=en").get_data(as_text=True)
    old = client.get(f"/public/w/{made.identifier}?lang=en").get_data(as_text=True)
    assert "No longer in force" in old and f"/public/w/{cancel.identifier}" in old
    asked = client.post("/public/check?lang=en", data={"text": body.decode()}).get_data(as_text=True)
    assert "But it is no longer in force: Cancelled." in asked


def test_I5_draft_and_submitted_and_unsigned_texts_are_not_public(
    client: Any, clock: Clock, submitted: Callable[..., DeskWarning], sign: Callable[..., Approved],  # noqa: F811
    signer: Any,  # noqa: F811
) -> None:  # fmt: skip
    item = submitted()
    signer.fault = OSError("no signer")
    held = sign(item).item
    clock.pass_(seconds=1)
    assert held.state == "approved"
    for path in ("/public", "/public/history", "/public/feed.atom", "/public/warnings.json"):
        assert "Rainstorm" not in client.get(f"{path}?lang=en").get_data(as_text=True), path
    assert client.get(f"/public/cap/{held.identifier}.xml").status_code == 404
