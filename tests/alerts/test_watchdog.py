"""The watchdog opens one notice a cause, and the ledger delivers each at least once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from alerts.channels.webhook import WebhookChannel
from alerts.ledger import LEASE, claim, work
from alerts.notices import open_notices
from alerts.watchdog import Facts, find_causes, keep_notices, read_facts
from data.errors import Unreachable
from data.store.engine import Store
from data.store.tables import delivery, leader, outgoing, rule_state, source_state

PERIOD, PATIENCE = timedelta(seconds=10), timedelta(seconds=60)
RECIPIENTS = [("webhook", "https://pager.example/hook")]


class Receiver:
    """Stands for the outside: answers with the statuses it is given and keeps what it accepted."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.accepted: list[tuple[str, bytes]] = []

    def __call__(self, address: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
        status = self.answers.pop(0) if self.answers else 200
        if status == 0:
            raise Unreachable("webhook", "no route")
        if status < 300:
            self.accepted.append((headers["Idempotency-Key"], body))
        return status, b"ok"


def test_silent_engine_is_one_cause_that_stands_for_all(now: datetime) -> None:
    facts = Facts(heartbeat_at=now - timedelta(minutes=5), evaluated={"r": None}, failing={"f": (now, "x")})
    assert set(find_causes(facts, now=now, period=PERIOD, patience=PATIENCE)) == {"engine"}


def test_missing_evaluation_and_failing_feed_are_causes_after_their_time(now: datetime) -> None:
    facts = Facts(
        heartbeat_at=now,
        evaluated={"fresh": now - PERIOD, "stopped": now - PERIOD * 4, "never": None},
        failing={"short": (now - timedelta(seconds=30), "x"), "long": (now - timedelta(minutes=5), "timeout")},
    )
    causes = find_causes(facts, now=now, period=PERIOD, patience=PATIENCE)
    assert causes["rules"]["rules"] == ["never", "stopped"]
    assert list(causes["feeds"]["feeds"]) == ["long"]


def test_fault_in_a_rule_file_is_a_cause_of_its_own(now: datetime) -> None:
    facts = Facts(heartbeat_at=now, evaluated={}, failing={}, rule_faults=["own.yaml:3:1: no such key"])
    causes = find_causes(facts, now=now, period=PERIOD, patience=PATIENCE)
    assert causes["rule files"]["faults"] == ["own.yaml:3:1: no such key"]


@pytest.mark.parametrize(
    ("share", "told"), [(None, False), (0.05, False), (0.049, True)], ids=["unseen", "enough", "full"]
)
def test_full_disk_is_a_cause_also_while_the_engine_is_silent(now: datetime, share: float | None, told: bool) -> None:
    facts = Facts(heartbeat_at=None, evaluated={}, failing={}, disk_free_share=share)
    causes = find_causes(facts, now=now, period=PERIOD, patience=PATIENCE)
    assert ("disk" in causes) is told
    assert "engine" in causes


def test_read_facts_asks_the_disk_under_the_home_folder(
    store: Store, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_facts(store).disk_free_share is None
    assert read_facts(store, home=home / "not-made-yet").disk_free_share is None
    monkeypatch.setattr("alerts.watchdog.shutil.disk_usage", lambda _: SimpleNamespace(total=200, used=194, free=6))
    assert read_facts(store, home=home).disk_free_share == 0.03


def test_read_facts_leaves_out_what_is_off_or_paused(store: Store, now: datetime) -> None:
    with store.write() as connection:
        connection.execute(leader.insert().values(name="engine", epoch=1, holder="x", heartbeat_at=now))
        connection.execute(
            rule_state.insert(),
            [
                {"rule": "on", "digest": "d", "enabled": True, "evaluated_at": now},
                {"rule": "off", "digest": "d", "enabled": False, "evaluated_at": None},
            ],
        )
        for source, enabled, paused in (("on", True, ""), ("off", False, ""), ("paused", True, "a@example.org")):
            connection.execute(
                source_state.insert().values(
                    source=source, enabled=enabled, paused_by=paused, failing_since=now, reason="r", validators={}
                )
            )
    facts = read_facts(store)
    assert facts.heartbeat_at == now
    assert dict(facts.evaluated) == {"on": now}
    since = now - timedelta(hours=1)
    facts = read_facts(store, rules=dict.fromkeys(("on", "off", "never"), since))
    assert dict(facts.evaluated) == {"on": now, "never": since}
    assert dict(read_facts(store, rules={}).evaluated) == {}  # it left the files
    assert set(facts.failing) == {"on"}


def test_notice_opens_once_is_told_and_closes_once(store: Store, now: datetime) -> None:
    receiver = Receiver()
    channels = {"webhook": WebhookChannel(receiver)}
    for minute in range(3):
        keep_notices(store, {"engine": {"what": "silent"}}, RECIPIENTS, now=now + timedelta(minutes=minute))
    later = now + timedelta(minutes=4)
    with store.read() as connection:
        assert len(open_notices(connection)) == 1
    assert work(store, channels, "w", now=later) == 1
    keep_notices(store, {}, RECIPIENTS, now=later)
    assert work(store, channels, "w", now=later) == 1
    states = [json.loads(body)["state"] for _, body in receiver.accepted]
    assert states == ["open", "closed"]
    assert len({key for key, _ in receiver.accepted}) == 2
    with store.read() as connection:
        assert open_notices(connection) == []


def test_retryable_failure_is_tried_again_with_the_same_key(store: Store, now: datetime) -> None:
    receiver = Receiver(503, 0, 200)
    channels = {"webhook": WebhookChannel(receiver)}
    keep_notices(store, {"engine": {"what": "silent"}}, RECIPIENTS, now=now)
    moments = [now + timedelta(minutes=10 * attempt) for attempt in range(4)]
    assert [work(store, channels, "w", now=moment) for moment in moments] == [1, 1, 1, 0]
    with store.read() as connection:
        row = connection.execute(sa.select(delivery)).one()
    assert (row.state, row.attempts, len(receiver.accepted)) == ("sent", 3, 1)


def test_permanent_failure_ends_at_once_and_is_visible(store: Store, now: datetime) -> None:
    keep_notices(store, {"engine": {"what": "silent"}}, RECIPIENTS, now=now)
    work(store, {"webhook": WebhookChannel(Receiver(404))}, "w", now=now)
    with store.read() as connection:
        row = connection.execute(sa.select(delivery)).one()
    assert (row.state, row.error) == ("failed", "webhook: HTTP 404")


def test_lease_of_a_dead_worker_runs_out(store: Store, now: datetime) -> None:
    keep_notices(store, {"engine": {"what": "silent"}}, RECIPIENTS, now=now)
    assert len(claim(store, "dead", 10, now=now)) == 1
    assert claim(store, "other", 10, now=now + LEASE / 2) == []
    assert len(claim(store, "other", 10, now=now + LEASE)) == 1


def test_changed_message_is_never_sent(store: Store, now: datetime) -> None:
    keep_notices(store, {"engine": {"what": "silent"}}, RECIPIENTS, now=now)
    with store.write() as connection:
        connection.execute(outgoing.update().values(body=b'{"forged": true}'))
    receiver = Receiver()
    work(store, {"webhook": WebhookChannel(receiver)}, "w", now=now)
    assert receiver.accepted == []
    with store.read() as connection:
        assert connection.execute(sa.select(delivery.c.state)).scalar() == "failed"
