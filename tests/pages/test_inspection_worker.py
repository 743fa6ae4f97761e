"""The process of an inspection: it inspects, says how far it is, and cleans up behind itself when it is cancelled."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data.regions import default_base_dir
from data.settings import Settings
from data.store.engine import Store
from data.text import translator
from layers.survey.inspect import book, job
from pages import _inspection_worker as worker
from pages.inspection.progress import words
from tests.conftest import ROOT
from tests.layers.inspect.small import small
from tests.layers.inspect.test_desk import INSPECTOR

T = translator("en")


@pytest.fixture
def settings(store: Store, home: Path) -> Settings:
    url = store.engine.url.render_as_string(hide_password=False)
    return Settings(home=home, database_url=url, base_dir=default_base_dir())


def ask(store: Store, number: int) -> int:
    with store.write() as connection:
        return job.ask(connection, number, INSPECTOR, datetime.now(UTC))


def found(store: Store, wish: int) -> job.Job:
    with store.read() as connection:
        kept = job.find(connection, wish)
    assert kept is not None
    return kept


def test_the_worker_inspects_what_was_asked_for(store: Store, home: Path, settings: Settings) -> None:
    number = small(store, home)
    wish = ask(store, number)
    assert worker.main(wish, settings) == 0
    assert worker.main(wish, settings) == 1  # it has ended
    with store.read() as connection:
        kept = book.last_inspection(connection, number)
    assert kept is not None and kept.by == INSPECTOR.email
    assert found(store, wish).state == "done"


def test_what_goes_wrong_is_told(store: Store, home: Path, settings: Settings) -> None:
    number = small(store, home)
    for path in (home / "deliveries" / "huts1" / "1").iterdir():
        path.unlink()
    wish = ask(store, number)
    with pytest.raises(Exception, match=r"no part-\*\.parquet"):
        worker.main(wish, settings)
    told = words(found(store, wish), datetime.now(UTC), T)
    assert told == "⚠ The inspection failed: 1: no part-*.parquet"


def test_how_far_it_is_and_that_it_was_cancelled(store: Store, home: Path) -> None:
    wish, ended = ask(store, small(store, home)), threading.Event()
    assert words(found(store, wish), datetime.now(UTC), T) == "… The inspection begins."
    pulse = worker.Pulse(store, wish, ended.set)
    pulse.progress("neighbours", 1_000_000, 3_000_000)
    with pulse:
        while found(store, wish).state == "waiting":
            threading.Event().wait(0.02)
        told = words(found(store, wish), datetime.now(UTC), T)
        with store.write() as connection:
            job.cancel(connection, wish, by="li@x", now=datetime.now(UTC))
        assert ended.wait(30)
    assert told == "… Inspection under way: neighbours, 1,000,000 of 3,000,000 records"
    assert "ended by li@x" in words(found(store, wish), datetime.now(UTC), T)


@pytest.mark.one_database
def test_the_process_of_a_cancelled_inspection_goes_and_leaves_nothing(store: Store, settings: Settings) -> None:
    number = small(store, settings.home)
    wish = ask(store, number)
    script = (
        "import os, signal, sys, threading\n"
        "from data.settings import read_settings\n"
        "from layers.survey.inspect import run\n"
        "from pages import _inspection_worker as worker\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))\n"
        "def wait(self):\n"
        "    print('here', flush=True)\n"
        "    threading.Event().wait(60)\n"
        "run._Work.all = wait\n"
        "worker.main(int(sys.argv[1]), read_settings(os.environ))\n"
    )
    environ = {"TOCSIN_HOME": str(settings.home), "TOCSIN_DATABASE_URL": settings.url,
               "TOCSIN_BASE_DIR": str(settings.base_dir), "PATH": "/usr/bin"}  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", script, str(wish)], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environ
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "here\n"
        with store.write() as connection:
            job.cancel(connection, wish, by="li@x", now=datetime.now(UTC))
        assert process.wait(50) == 1
    assert not list((settings.home / "inspections" / str(number)).iterdir())
