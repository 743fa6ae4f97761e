"""What leaves a drill goes out by channels and to people of exercises alone, and says everywhere what it is."""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import app
import data.supervise
from alerts.channels.allowed import allowed, exercise_ways
from alerts.desk.message import MARKS
from alerts.media.said import said_of
from alerts.routing import Bodies, routing_of
from data.settings import Settings, read_settings
from data.store.engine import Store, open_store
from data.store.exercise import clock_of
from data.store.migrate import migrate
from data.store.tables import delivery, recipient, recipient_group
from data.ways_out import WaysOut
from pages._exercise import _leaving
from pages.past import drills
from tests.alerts.replaying import storm_members, write_scenario
from tests.alerts.sending import above, add_group, issue

OFFICE = {
    "email": {"host": "mail.office.example", "sender": "warn@office.example"},
    "notices": ["webhook:https://pager.office.example/x"],
}
GROUPS = {"everybody": ["Actual"], "both": ["Actual", "Exercise"], "players": ["Exercise", "Test"], "tests": ["Test"]}


def drill_of(live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Settings, set[str]]:
    """The settings of a drill's home as its processes read them, and which processes begin there."""
    begun: set[str] = set()

    def supervise(commands: Mapping[str, Sequence[str]], *_: Any, **__: Any) -> int:
        begun.update(commands)
        return 0

    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(data.supervise, "supervise", supervise)
    write_scenario(tmp_path / "storm.zip", storm_members())
    options = argparse.Namespace(
        command="drill", scenario=str(tmp_path / "storm.zip"), home=tmp_path / "drill", speed=1.0, port=18098
    )
    assert drills.run_exercise(live, options, None) == 0
    own = read_settings({"TOCSIN_HOME": str(tmp_path / "drill"), "TOCSIN_BASE_DIR": str(live.base_dir)})
    return own, begun


@pytest.fixture
def live(home: Path, base_dir: Path) -> Settings:
    """An office with channels, addresses of its own, and groups of every kind."""
    settings = Settings(
        home=home, base_dir=base_dir, webhooks=("https://hook.office.example/secret",), sender="warn@office.example",
        channels=WaysOut.model_validate(OFFICE), allow_hosts=("10.0.0.7",),
    )  # fmt: skip
    with closing(open_store(settings.url)) as store:
        migrate(store)
        with store.write() as connection:
            for name, statuses in GROUPS.items():
                add_group(connection, name, ("folder", name), ("email", f"{name}@office.example"), statuses=statuses)
    return settings


def test_without_channels_for_exercises_nothing_leaves_and_the_page_says_so(
    live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own, begun = drill_of(live, tmp_path, monkeypatch)
    assert begun == {"play", "web", "signer"} and exercise_ways(own) == ()
    assert _leaving(argparse.Namespace(settings=own), str) == "nothing goes out"  # type: ignore[arg-type]
    with closing(open_store(own.url)) as store, store.read() as connection:
        for table in (recipient_group, recipient):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0
    monkeypatch.setattr(os, "environ", {"TOCSIN_HOME": str(own.home), "TOCSIN_BASE_DIR": str(own.base_dir)})
    assert app.main(["dispatch"]) == 2
    assert "that of an exercise, storm" in capsys.readouterr().err


def test_a_drill_has_the_channels_and_people_of_exercises_and_none_of_the_office(
    live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = WaysOut.model_validate({"folder": {"path": tmp_path / "out"}, "notices": ["folder:players"]})
    own, begun = drill_of(replace(live, exercise_channels=ways), tmp_path, monkeypatch)
    assert begun == {"play", "web", "signer", "dispatch"} and exercise_ways(own) == ("folder",)
    assert _leaving(argparse.Namespace(settings=own), str) == "goes out by folder"  # type: ignore[arg-type]
    assert (own.channels, own.webhooks, own.database_url) == (WaysOut(), (), "")
    written = (own.home / "tocsin.yaml").read_text(encoding="utf-8")
    assert "mail.office" not in written and "pager.office" not in written and "hook.office" not in written
    may = allowed(own, exercise=True)
    assert may.ways == ways and may.notices == may.heartbeats == () and "Actual" not in may.statuses
    with closing(open_store(own.url)) as store, store.read() as connection:
        assert connection.execute(sa.select(recipient_group.c.name)).scalars().all() == ["players"]
        addresses = connection.execute(sa.select(recipient.c.address)).scalars().all()
    assert sorted(addresses) == ["players", "players@office.example"]


def test_dispatch_of_a_drill_sends_what_is_marked_and_nothing_else(
    live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = WaysOut.model_validate({"folder": {"path": tmp_path / "out"}})
    own, _ = drill_of(replace(live, exercise_channels=ways), tmp_path, monkeypatch)
    with closing(open_store(own.url)) as store:
        now, router = clock_of(store)(), routing_of(own, above, exercise=True)
        with store.write() as connection:
            issue(connection, 1, now=now, status="Exercise", router=router)
            issue(connection, 2, now=now, status="Actual", router=router)
        states = sent_by_dispatch(own, store)
    assert states == {(1, "folder", "sent"), (1, "email", "failed")}  # of the second nobody is to hear
    (file,) = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert b"<status>Exercise</status>" in file.read_bytes()


def sent_by_dispatch(own: Settings, store: Store) -> set[tuple[int, str, str]]:
    """What became of the queue once the dispatch process of this home has worked."""
    stop, column = threading.Event(), delivery.c
    process = threading.Thread(target=app.run_dispatch, args=(own, stop))
    process.start()
    deadline = time.monotonic() + 60
    while True:
        with store.read() as connection:
            found = connection.execute(sa.select(column.warning_id, column.channel, column.state)).all()
        if all(row.state in ("sent", "failed") for row in found) or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    stop.set()
    process.join()
    return {(row.warning_id, row.channel, row.state) for row in found}


@pytest.mark.parametrize("form", ["cap", "email", "sms", "push", "chat"])
@pytest.mark.parametrize("locale", ["en", "zh"])
def test_every_form_of_a_message_is_marked(store: Store, now: Any, form: str, locale: str) -> None:
    def made(number: int, status: Any) -> str:
        with store.write() as connection:
            one = issue(connection, number, now=now, status=status, length=timedelta(hours=1))
        _, body = Bodies(one, said_of(one.alert, one.level, "Office"), "").of(form, locale)
        return body.decode()

    marks = [*MARKS["Exercise"].values(), "<status>Exercise</status>"]
    drilled, real = made(1, "Exercise"), made(2, "Actual")
    assert any(mark in drilled for mark in marks) and not any(mark in real for mark in marks)
