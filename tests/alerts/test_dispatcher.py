"""All channels at once over one queue: woken by the commit, each at its own pace, none stopped by another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from alerts.channels.channel import Channel, ChannelSpec, Outgoing
from alerts.dispatch_causes import dispatch_causes
from alerts.dispatcher import AWAY, Dispatcher, beat, is_dead, worker_name
from alerts.escalate import escalate
from alerts.heartbeat import keep_monitor, prove_paths
from alerts.hold import holds
from alerts.lane import Rate
from alerts.ledger import Links, work
from data.errors import DeliveryError, Unreachable
from data.store.engine import Store
from data.store.tables import delivery, notice, warning
from data.ways_out import Pace
from tests.alerts.sending import Recorder, add_group, issue, routing, rows

PATIENCE_S = 60.0


def until(met: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < ends
        time.sleep(0.02)


@contextmanager
def dispatching(store: Store, channels: Mapping[str, Channel], now: datetime, **options: Any) -> Iterator[Dispatcher]:
    stop = threading.Event()
    made = Dispatcher(store, channels, clock=lambda: now, **options)
    thread = threading.Thread(target=made.run, args=(stop,))
    thread.start()
    try:
        yield made
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def states(store: Store) -> dict[str, int]:
    with store.read() as connection:
        query = sa.select(delivery.c.state, sa.func.count().label("number")).group_by(delivery.c.state)
        return {row.state: row.number for row in connection.execute(query)}


class Trips(Recorder):
    """A channel with a fault of its own for one recipient, and nobody at home for another."""

    def send(self, message: Outgoing, *, now: datetime) -> str:
        if message.recipient == "poison@example.org":
            raise RuntimeError("a fault in the channel")
        if message.recipient == "gone@example.org":
            raise DeliveryError("email", "550 no such user", retry=False)
        return super().send(message, now=now)


def test_i1_poisonous_recipient_among_3000_stops_nobody(store: Store, now: datetime) -> None:
    readers = [("email", f"r{number}@example.org") for number in range(2998)]
    readers[700:700] = [("email", "poison@example.org"), ("email", "gone@example.org")]
    with store.write() as connection:
        add_group(connection, "all", *readers)
        issue(connection, 1, now=now)
    mail = Trips("email")
    with dispatching(store, {"email": mail}, now):
        until(lambda: not states(store).keys() & {"pending", "leased"})
    assert states(store) == {"sent": 2998, "failed": 2}
    assert len({message.recipient for message in mail.sent}) == len(mail.sent) == 2998
    cause = dispatch_causes(store, now=now)["deliveries"]["channels"]["email"]
    assert cause["failed"] == 2
    assert {one["reason"] for one in cause["examples"]} == {
        "email: RuntimeError: a fault in the channel",
        "email: 550 no such user",
    }


def test_commit_wakes_dispatch_and_a_slow_channel_holds_up_no_other(store: Store, now: datetime) -> None:
    with store.write() as connection:
        add_group(connection, "all", ("slow", "a"), ("webhook", "https://a.example/"))
    entered, leave = threading.Event(), threading.Event()

    class Slow(Recorder):
        def send(self, message: Outgoing, *, now: datetime) -> str:
            entered.set()
            leave.wait(PATIENCE_S)
            return super().send(message, now=now)

    hook = Recorder("webhook")
    with dispatching(store, {"slow": Slow("slow"), "webhook": hook}, now):
        for number in range(1, 6):
            with store.write() as connection:
                issue(connection, number, now=now)
        until(lambda: entered.is_set() and len(hook.sent) == 5)
        assert states(store).get("sent", 0) <= 5
        leave.set()
        until(lambda: states(store) == {"sent": 10})


def test_stopping_ends_what_is_under_way_and_writes_what_came_of_it(store: Store, now: datetime) -> None:
    with store.write() as connection:
        add_group(connection, "all", *[("webhook", f"https://{number}.example/") for number in range(50)])
        issue(connection, 1, now=now)
    hook = Recorder("webhook")
    with dispatching(store, {"webhook": hook}, now, pace={"webhook": Pace(per_second=20)}):
        until(lambda: len(hook.sent) > 5)
    assert states(store).get("leased", 0) == 0
    assert states(store)["sent"] == len(hook.sent) < 50


def test_channel_that_is_not_configured_is_a_failure_that_is_told(store: Store, now: datetime) -> None:
    with store.write() as connection:
        add_group(connection, "all", ("mqtt", "a/b"))
        issue(connection, 1, now=now)
    with dispatching(store, {}, now):
        until(lambda: states(store) == {"failed": 1})
    assert "no such channel: mqtt" in str(dispatch_causes(store, now=now)["deliveries"])


def test_i7_exercise_home_sends_nothing_that_is_real(store: Store, now: datetime) -> None:
    with store.write() as connection:
        add_group(connection, "all", ("webhook", "https://a.example/"))
        issue(connection, 1, now=now)
    hook = Recorder("webhook")
    with dispatching(store, {"webhook": hook}, now, statuses=frozenset({"Exercise", "Test"})):
        until(lambda: states(store) == {"failed": 1})
    assert hook.sent == []


def test_rate_is_a_second_worth_at_most_and_fills_again() -> None:
    at = [0.0]
    rate = Rate(10, clock=lambda: at[0])
    assert [rate.take(100), rate.take(100)] == [10, 0]
    at[0] = 0.35
    assert rate.take(100) == 3
    rate.give(2)
    assert rate.take(100) == 2
    at[0] = 60.0
    assert rate.take(100) == 10
    assert Rate(None).take(7) == 7
    slow = Rate(0.5, clock=lambda: at[0])
    assert [slow.take(1), slow.take(1)] == [1, 0]
    at[0] = 62.5
    assert slow.take(5) == 1


def test_i6_after_a_long_absence_old_rows_wait_for_a_person(store: Store, now: datetime) -> None:
    assert beat(store, now=now) is False
    with store.write() as connection:
        add_group(connection, "all", ("webhook", "https://a.example/"))
        issue(connection, 1, now=now, length=timedelta(days=3))
    assert beat(store, now=now + AWAY) is False
    later = now + timedelta(days=2)
    with store.write() as connection:
        issue(connection, 2, now=later)
    assert beat(store, now=later) is True
    assert beat(store, now=later) is False
    hook = Recorder("webhook")
    assert work(store, {"webhook": hook}, "w", now=later) == 1
    assert [message.about for message in hook.sent] == ["office.example.2"]
    cause = dispatch_causes(store, now=later)["held"]
    assert cause["waiting"] == 1 and "dispatch was away" in cause["holds"][0]["why"]
    with store.read() as connection:
        assert len(holds(connection)) == 1


def test_only_a_process_of_this_machine_that_is_gone_is_dead() -> None:
    assert is_dead(f"{worker_name().rpartition(':')[0]}:999999999") is True
    assert is_dead("another-machine:1") is False
    assert is_dead(f"{worker_name().rpartition(':')[0]}:1") is False


def test_nobody_who_acknowledges_makes_the_next_group_hear_of_it(store: Store, now: datetime) -> None:
    with store.write() as connection:
        add_group(connection, "duty", ("email", "d@example.org"), escalate_to="chiefs", escalate_after_s=600)
        add_group(connection, "chiefs", ("email", "c@example.org"), hazards=["none of these"])
        issue(connection, 1, now=now)
        issue(connection, 2, now=now)
        connection.execute(warning.update().values(content=CONTENT))
        first = delivery.c.warning_id == 2
        connection.execute(delivery.update().where(first).values(acknowledged_at=now))
    assert escalate(store, routing(), now=now + timedelta(seconds=599)) == []
    assert escalate(store, routing(), now=now + timedelta(seconds=600)) == [(1, "chiefs")]
    assert escalate(store, routing(), now=now + timedelta(seconds=700)) == []
    assert [(row.recipient, row.recipient_group) for row in rows(store, delivery) if row.warning_id == 1] == [
        ("d@example.org", "duty"),
        ("c@example.org", "chiefs"),
    ]


CONTENT = {
    "hazard": "rain", "level": "orange", "regions": ["CN-11"], "texts": {}, "severity": "Severe",
    "urgency": "Immediate", "certainty": "Likely", "expires_at": "2026-03-01T15:00:00Z",
}  # fmt: skip


def test_i13_each_path_is_proved_once_a_day_and_silence_is_told(store: Store, now: datetime) -> None:
    paths, zone = [("email", "ops@example.org"), ("webhook", "https://ops.example/")], ZoneInfo("Asia/Shanghai")
    early = now.replace(hour=0, minute=30)  # 08:30 there
    assert prove_paths(store, paths, hour=9, zone=zone, now=early) == 0
    assert prove_paths(store, paths, hour=9, zone=zone, now=now) == 2
    assert prove_paths(store, paths, hour=9, zone=zone, now=now + timedelta(hours=2)) == 0
    work(store, {"webhook": Recorder("webhook"), "email": Recorder("email", [None])}, "w", now=now)
    assert "paths" not in dispatch_causes(store, now=now)
    assert set(dispatch_causes(store, now=now + timedelta(minutes=20))["paths"]["paths"]) == {"email"}
    assert prove_paths(store, paths, hour=9, zone=zone, now=now + timedelta(days=1)) == 2
    assert [row.closed_at is not None for row in rows(store, notice)] == [True, True]


def test_i13_monitor_hears_of_us_only_while_all_is_well(now: datetime) -> None:
    stop, told, health = threading.Event(), [], iter([True, False, True, True])

    def post(address: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
        told.append(address)
        if len(told) == 2:
            raise Unreachable("dispatch", "no route")
        if len(told) == 3:
            stop.set()
        return 200, b""

    keep_monitor(post, "https://monitor.example/", lambda: next(health), stop, clock=lambda: now, every_s=0)
    assert len(told) == 3


def test_i5_tampering_is_a_cause_of_its_own(store: Store, now: datetime) -> None:
    with store.write() as connection:
        add_group(connection, "all", ("webhook", "https://a.example/"))
        issue(connection, 1, now=now)
        connection.execute(warning.update().values(signed=b"forged"))
    work(store, {"webhook": Recorder("webhook")}, "w", now=now)
    causes = dispatch_causes(store, now=now)
    assert causes["tampered"]["warnings"] == [1] and "deliveries" not in causes


def test_asvs_13_3_1_notice_names_the_host_of_a_webhook_and_not_its_token(store: Store, now: datetime) -> None:
    with store.write() as connection:
        add_group(connection, "all", ("webhook", "https://hook.example/services/T0KEN?key=s3cret"))
        issue(connection, 1, now=now)
    work(store, {"webhook": Recorder("webhook", ["HTTP 404"])}, "w", now=now)
    told = str(dispatch_causes(store, now=now))
    assert "https://hook.example" in told and "T0KEN" not in told and "s3cret" not in told


def test_link_that_acknowledges_is_the_same_for_the_same_key_and_tells_nothing_of_it() -> None:
    links = Links(secret=b"s" * 40, base="https://office.example/")
    assert links.of("k1") == links.of("k1") != links.of("k2")
    assert Links(secret=b"t" * 40, base="https://office.example").of("k1") != links.of("k1")
    assert "k1" not in links.of("k1") and links.of("k1").startswith("https://office.example/ack/")
    assert Links(base="https://office.example").of("k1") == Links(secret=b"s").of("k1") == ""


@pytest.mark.parametrize("spec", [ChannelSpec(key="x", title="X", timeout_s=1.0)])
def test_lane_takes_as_many_at_once_as_its_channel_says(store: Store, now: datetime, spec: ChannelSpec) -> None:
    flying, most, lock = [0], [0], threading.Lock()

    class Counted(Recorder):
        def send(self, message: Outgoing, *, now: datetime) -> str:
            with lock:
                flying[0] += 1
                most[0] = max(most[0], flying[0])
            time.sleep(0.005)
            with lock:
                flying[0] -= 1
            return super().send(message, now=now)

    with store.write() as connection:
        add_group(connection, "all", *[("x", str(number)) for number in range(40)])
        issue(connection, 1, now=now)
    with dispatching(store, {"x": Counted("x")}, now, pace={"x": Pace(at_once=3)}):
        until(lambda: states(store) == {"sent": 40})
    assert most[0] <= 3
