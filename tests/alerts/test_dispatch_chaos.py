"""Dispatch is killed again and again while it delivers: nothing is lost, repeats are the same to the letter.

Reliability I1, I3, I4 and I5, against a collector that has each request on the disk before it answers.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.clock import utc_now
from data.store.engine import Store
from data.store.tables import delivery, warning
from tests.alerts.channels.stand_ins import Collector
from tests.alerts.sending import add_group, issue, rows
from tests.conftest import ROOT

PATIENCE_S = 120.0
PER_LIFE = 10  # deliveries between two kills, about: a life begins with a second's worth
READY = ("sent", "failed", "expired", "superseded")


def start(url: str, collector: Collector, rate: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.alerts.dispatch_worker", url, collector.host, str(rate)]
    return subprocess.Popen(command, cwd=ROOT)


def open_rows(store: Store) -> int:
    with store.read() as connection:
        query = sa.select(sa.func.count()).select_from(delivery).where(delivery.c.state.not_in(READY))
        return int(connection.execute(query).scalar_one())


def kill_again_and_again(store: Store, url: str, collector: Collector, kills: int, chance: random.Random) -> int:
    """Each life is ended at a random moment after its first delivery. Returns how often."""
    done = 0
    while done < kills and open_rows(store):
        worker = start(url, collector, rate=PER_LIFE)
        try:
            before, ends = len(collector.received), time.monotonic() + PATIENCE_S
            while len(collector.received) == before and open_rows(store):
                assert time.monotonic() < ends and worker.poll() is None
                time.sleep(0.005)
            time.sleep(chance.uniform(0.0, 0.3))
        finally:
            worker.kill()
            worker.wait()
        done += 1
    return done


def deliver_under_kills(store: Store, url: str, folder: Path, number: int, kills: int) -> None:
    collector = Collector(folder)
    poison = collector.url("/hook/7")
    collector.answer = lambda path, _headers, _body: 410 if path == "/hook/7" else 200
    readers = [("webhook", collector.url(f"/hook/{place}")) for place in range(number // 2)]
    with store.write() as connection:
        add_group(connection, "all", *readers)
        issued = [issue(connection, 1, now=utc_now()), issue(connection, 2, now=utc_now())]
        never = issue(connection, 3, now=utc_now())
        connection.execute(warning.update().where(warning.c.id == never.id).values(state="approved"))
    try:
        killed = kill_again_and_again(store, url, collector, kills, random.Random(5))
        worker = start(url, collector, rate=2000.0)
        try:
            ends = time.monotonic() + PATIENCE_S
            while open_rows(store):
                assert time.monotonic() < ends
                time.sleep(0.1)
        finally:
            worker.kill()
            worker.wait()
    finally:
        collector.close()
    found = rows(store, delivery)
    bodies = collector.by_key()
    sent = {row.key for row in found if row.state == "sent"}
    failed = {row.key for row in found if row.state == "failed"}
    assert killed == kills
    assert len(sent) + len(failed) == len(found) == number + number // 2
    assert sent <= bodies.keys()  # whatever counts as sent has arrived
    assert {row.recipient for row in found if row.key in failed and row.warning_id != never.id} == {poison}
    assert {row.warning_id for row in found if row.key in sent} == {1, 2}
    allowed = {row.key: row.warning_id for row in found if row.warning_id != never.id}
    assert bodies.keys() <= allowed.keys()  # nothing unapproved
    texts = {one.id: {one.signed} for one in issued}
    other = {key: sorted(map(len, bodies[key])) for key in bodies if bodies[key] != texts[allowed[key]]}
    assert other == {}  # one body a key
    repeats = Counter(one.headers["idempotency-key"] for one in collector.received)
    print(
        f"{number} deliveries, {killed} kills: {sum(repeats.values()) - len(repeats)} repeats, "
        f"{collector.cut_off} requests cut off"
    )


def test_i1_i3_i4_kills_lose_nothing(store: Store, database_url: str, tmp_path: Path) -> None:
    deliver_under_kills(store, database_url, tmp_path, number=100, kills=4)


@pytest.mark.prove
def test_i1_i3_i4_200_kills_over_2000_deliveries_lose_nothing(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    deliver_under_kills(store, database_url, tmp_path, number=2000, kills=200)
