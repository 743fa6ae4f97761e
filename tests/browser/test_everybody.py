"""One warning the whole way: a rule fires, two people write and sign it, and everybody who is to hear of it does.

The rule looks at a feed; mail goes to a real relay, MQTT to a real broker, webhooks to a collector that syncs each
request, and push messages to a stand-in that checks who sent them and decrypts them. An update and a cancel follow.
"""

from __future__ import annotations

import email
import json
import queue
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.cap.parse import parse
from alerts.desk.read import in_force, several
from data.clock import utc_now
from data.regions import RegionIndex
from data.store.engine import Store, open_store
from data.store.tables import delivery, push_subscription, warning
from tests import desk_scene, scene
from tests.alerts.channels.stand_ins import Browser, Collector, Letters, broker, check_vapid, mail_relay
from tests.alerts.channels.test_mqtt import listener
from tests.browser.conftest import Site, until
from tests.browser.desk import KEPT, OPEN, Codes, field, opener, sign, submit
from tests.desk_scene import APPROVER, AUTHOR
from tests.running import FeedServer, Running

pytestmark = pytest.mark.browser

HEADLINE = "Leave the banks of the river"


@dataclass
class World:
    """One Tocsin and everybody outside."""

    system: Running
    store: Store
    codes: Codes
    letters: Letters
    hook: Collector
    topics: queue.Queue[Any]
    phone: Browser

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.system.url}{path}", timeout=30) as answer:
            return str(answer.read().decode())

    def told(self) -> list[str]:
        """The state of each delivery."""
        with self.store.read() as connection:
            return list(connection.scalars(sa.select(delivery.c.state).order_by(delivery.c.id)))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    home = tmp_path / "home"
    home.mkdir()
    with ExitStack() as stack:
        letters = Letters()
        relay = stack.enter_context(mail_relay(letters))
        port = stack.enter_context(broker(tmp_path))
        topics = stack.enter_context(listener(port))
        hook, feeds = Collector(tmp_path), FeedServer()
        stack.callback(hook.close)
        stack.callback(feeds.close)
        scene.stage(feeds, utc_now())
        channels = {
            "email": {"host": "127.0.0.1", "port": relay, "tls": "none", "sender": "warn@office.example"},
            "mqtt": {"host": "127.0.0.1", "port": port, "tls": False},
            "webpush": {"contact": "mailto:warn@office.example"},
        }
        settings = {
            **desk_scene.SETTINGS, "channels": channels, "allow_hosts": [f"127.0.0.1:{feeds.port}", hook.host],
        }  # fmt: skip
        system = Running(home, scene.sources(feeds), settings=settings)
        stack.callback(system.stop)
        store = open_store(f"sqlite:///{home / 'tocsin.db'}")
        stack.callback(store.close)
        desk_scene.people(system)
        system.wait_ready(180)
        secret = desk_scene.second_factor(store, home, APPROVER, utc_now())
        readers = [("email", "mayor@example.org"), ("webhook", hook.url("/hook")), ("mqtt", "tocsin/county")]
        desk_scene.group(store, "Everybody", readers)
        phone = Browser(hook.url("/push/1"))
        with store.write() as connection:
            connection.execute(
                push_subscription.insert().values(
                    endpoint=phone.endpoint, p256dh=phone.p256dh, auth=phone.auth, regions=[], least_level=1,
                    locale="en", created_at=utc_now(),
                )
            )  # fmt: skip
        yield World(system, store, Codes(secret), letters, hook, topics, phone)


@pytest.fixture
def open_as(world: World, chromium: Any, index: RegionIndex) -> Iterator[Callable[..., Any]]:
    site = Site(url=world.system.url, store=world.store, index=index, now=utc_now())
    with opener(world.system.url, chromium, site, world.codes) as opened:
        yield opened


def hand_over(world: World, author: Any, approver: Any) -> None:
    """The author hands in what is open, and the second person signs it."""
    submit(author)
    approver.goto(world.system.url + author.evaluate("location.pathname + location.search"))
    until(approver, "document.querySelector('.warn-sign') !== null")
    level = "Red" if "Red" in approver.inner_text("#warn-decide, .warn-middle, body") else "Orange"
    assert sign(approver, world.codes, level=level) == ""


def everybody_heard(world: World, page: Any, messages: int) -> list[bytes]:
    """Wait for all receipts on the desk's own page; the CAP bytes by MQTT, by webhook and in the store agree."""
    until(page, "document.querySelector('#warn-deliveries').textContent.includes('4 sent')")
    assert world.told() == ["sent"] * 4 * messages
    assert len(world.letters.taken) == messages
    hooked = [one.body for one in world.hook.received if one.path == "/hook"]
    pushed = [one for one in world.hook.received if one.path == "/push/1"]
    assert len(hooked) == len(pushed) == messages
    check_vapid(pushed[-1].headers["authorization"], f"http://{world.hook.host}")
    note = json.loads(world.phone.read(pushed[-1].body))
    assert world.topics.get(timeout=30).payload == hooked[-1]
    with world.store.read() as connection:
        sent = several(connection, warning.c.state == "issued")
    assert sent[-1].signed == hooked[-1] and note["identifier"] == sent[-1].identifier
    return hooked


def test_a_warning_its_update_and_its_end_reach_everybody(
    world: World, open_as: Callable[..., Any], tmp_path: Path
) -> None:
    author, approver = open_as(AUTHOR, "/warn"), open_as(APPROVER, "/warn")
    until(author, "document.querySelectorAll('#warn-list-decide a.row').length > 0")  # the rules have fired
    author.click("#warn-list-decide a.row >> nth=0")
    author.click("text=Write it")
    until(author, OPEN)
    author.fill(field("texts/en/headline"), HEADLINE)
    until(author, KEPT)
    hand_over(world, author, approver)
    first = everybody_heard(world, approver, 1)
    letter = email.message_from_bytes(world.letters.taken[0])
    assert HEADLINE in str(letter) or HEADLINE in (letter.get_payload(0).get_payload(decode=True) or b"").decode()
    assert HEADLINE in world.get("/public")
    (identifier,) = [parse(one).identifier for one in first]
    assert identifier in world.get("/public/feed.atom")

    until(author, "document.querySelector('#warn-list-force a.row') !== null")
    author.click("#warn-list-force >> text=Change or extend")
    until(author, f"{OPEN} && document.querySelector('.warn-title + p').textContent.includes('Update')")
    author.fill(field("texts/en/instruction"), "Stay on high ground until this ends.")
    until(author, KEPT)
    hand_over(world, author, approver)
    second = everybody_heard(world, approver, 2)
    assert [one.identifier for one in parse(second[1]).references] == [identifier]
    assert "Stay on high ground" in world.get("/public/w/" + parse(second[1]).identifier)

    author.click("#warn-list-force >> text=End it")
    until(author, f"{OPEN} && document.querySelector('.warn-title + p').textContent.includes('Cancel')")
    hand_over(world, author, approver)
    third = everybody_heard(world, approver, 3)
    assert parse(third[2]).message_type == "Cancel"
    assert len(parse(third[2]).references) == 2
    with world.store.read() as connection:
        assert in_force(connection, utc_now()) == []
    assert f"<h2>{HEADLINE}" not in world.get("/public")
    evidence_holds(world, tmp_path)


def evidence_holds(world: World, folder: Path) -> None:
    """The pack of the first message, checked by the program that lies in it; one byte changed is found."""
    with world.store.read() as connection:
        number = several(connection, warning.c.state == "issued")[0].id
    pack = folder / "evidence.zip"
    world.system.command("evidence", str(number), "--out", str(pack))
    with zipfile.ZipFile(pack) as inside:
        program = next(name for name in inside.namelist() if name.endswith("verify_pack.py"))
        alone = Path(inside.extract(program, folder))
    check = [sys.executable, str(alone), str(pack)]
    assert subprocess.run(check, capture_output=True, cwd=folder, timeout=120).returncode == 0
    body = bytearray(pack.read_bytes())
    body[len(body) // 2] ^= 1
    pack.write_bytes(bytes(body))
    assert subprocess.run(check, capture_output=True, cwd=folder, timeout=120).returncode == 1
