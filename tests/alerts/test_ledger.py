"""The ledger: nothing approved is lost, nothing unapproved leaves, nothing leaves late (reliability I1 to I7)."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from alerts.hold import hold, resume
from alerts.ledger import LONGEST_WAIT_S, Links, attempt, claim, finish, release, sweep, work
from alerts.vouch import TAMPERED, UNAPPROVED
from data.errors import ConfigError
from data.model import Level
from data.store.engine import Store
from data.store.tables import delivery, delivery_attempt, outgoing, recipient, warning
from tests.alerts.sending import Recorder, add_group, issue, rows, subscribe

SECOND = timedelta(seconds=1)


def prepared(store: Store, *readers: tuple[str, str], statuses: tuple[str, ...] = ("Actual",)) -> None:
    with store.write() as connection:
        add_group(connection, "office", *readers, statuses=list(statuses))


def test_i1_each_recipient_gets_the_message_once_and_the_attempt_is_kept(store: Store, now: datetime) -> None:
    prepared(store, ("webhook", "https://a.example/"), ("email", "b@example.org"))
    with store.write() as connection:
        issued = issue(connection, 1, now=now)
    hook, mail = Recorder("webhook"), Recorder("email")
    assert work(store, {"webhook": hook, "email": mail}, "w", now=now) == 2
    assert work(store, {"webhook": hook, "email": mail}, "w", now=now) == 0
    assert [message.body for message in hook.sent] == [issued.signed]
    assert b"Stay away from streams" in mail.sent[0].body
    assert {row.state for row in rows(store, delivery)} == {"sent"}
    assert [(row.outcome, row.receipt) for row in rows(store, delivery_attempt)] == [("sent", "taken")] * 2


def test_i1_a_row_names_its_approval_or_is_refused_by_the_database(store: Store, now: datetime) -> None:
    prepared(store, ("webhook", "https://a.example/"))
    with store.write() as connection:
        issue(connection, 1, now=now)
    with pytest.raises(sa.exc.IntegrityError), store.write() as connection:
        connection.execute(delivery.update().values(approval_id=None))


def test_i1_failure_for_now_is_tried_again_with_the_same_key_after_a_growing_pause(
    store: Store, now: datetime
) -> None:
    prepared(store, ("webhook", "https://a.example/"))
    with store.write() as connection:
        issue(connection, 1, now=now)
    hook, moment, pauses = Recorder("webhook", [None, None, None]), now, []
    for _ in range(4):
        assert work(store, {"webhook": hook}, "w", now=moment) == 1
        row = rows(store, delivery)[0]
        pauses.append((row.next_at - moment).total_seconds())
        assert row.state == "sent" or work(store, {"webhook": hook}, "w", now=moment) == 0
        moment = max(row.next_at, moment)
    assert pauses[0] < pauses[1] < pauses[2] <= LONGEST_WAIT_S
    assert [row.outcome for row in rows(store, delivery_attempt)] == ["retry", "retry", "retry", "sent"]
    assert len(hook.sent) == 1


def test_i1_final_failure_ends_at_once_with_its_reason(store: Store, now: datetime) -> None:
    prepared(store, ("email", "gone@example.org"), ("email", "there@example.org"))
    with store.write() as connection:
        issue(connection, 1, now=now)
    mail = Recorder("email", ["550 no such user"])
    assert work(store, {"email": mail}, "w", now=now) == 2
    assert [(row.state, row.error) for row in rows(store, delivery)] == [
        ("failed", "email: 550 no such user"),
        ("sent", ""),
    ]


def test_address_that_fails_for_good_is_marked_until_something_arrives_there(store: Store, now: datetime) -> None:
    prepared(store, ("email", "gone@example.org"), ("email", "there@example.org"))
    mail = Recorder("email", ["550 no such user"])
    for number, marked in ((1, ["email: 550 no such user", ""]), (2, ["", ""])):
        with store.write() as connection:
            issue(connection, number, now=now)
        work(store, {"email": mail}, "w", now=now)
        assert [row.reason for row in rows(store, recipient)] == marked
        assert [row.failed_at for row in rows(store, recipient)] == [now if reason else None for reason in marked]


def test_i1_lease_of_a_dead_worker_is_taken_over_and_its_late_answer_changes_nothing(
    store: Store, now: datetime
) -> None:
    prepared(store, ("webhook", "https://a.example/"))
    with store.write() as connection:
        issue(connection, 1, now=now)
    held = claim(store, "host:1", 10, now=now)
    assert claim(store, "host:2", 10, now=now + 59 * SECOND) == []
    taken = claim(store, "host:2", 10, now=now + 60 * SECOND)
    assert [task.message.key for task in taken] == [task.message.key for task in held]
    finish(store, "host:2", [attempt(Recorder("webhook"), taken[0], now=now + 61 * SECOND)])
    finish(store, "host:1", [attempt(Recorder("webhook", [None]), held[0], now=now + 62 * SECOND)])
    assert [row.state for row in rows(store, delivery)] == ["sent"]
    assert [row.outcome for row in rows(store, delivery_attempt)] == ["sent", "retry"]


def test_i1_leases_of_workers_known_to_be_dead_come_back_at_once(store: Store, now: datetime) -> None:
    prepared(store, ("webhook", "https://a.example/"))
    with store.write() as connection:
        issue(connection, 1, now=now)
    assert len(claim(store, "host:1", 10, now=now)) == 1
    assert release(store, lambda worker: worker == "other", now=now) == 0
    assert release(store, lambda worker: worker == "host:1", now=now) == 1
    assert len(claim(store, "host:2", 10, now=now)) == 1


def test_i3_every_attempt_has_the_same_key_bytes_and_link(store: Store, now: datetime) -> None:
    prepared(store, ("email", "a@example.org"))
    with store.write() as connection:
        issue(connection, 1, now=now)
    links = Links(secret=b"s" * 32, base="https://office.example")
    first = claim(store, "a", 1, now=now, links=links)[0]
    second = claim(store, "b", 1, now=now + timedelta(minutes=2), links=links)[0]
    assert first.message == second.message
    assert first.message.acknowledge.startswith("https://office.example/ack/")
    finish(store, "b", [attempt(Recorder("email"), second, now=now)])
    token = first.message.acknowledge.rpartition("/")[2]
    assert rows(store, delivery)[0].token_sha256 == hashlib.sha256(token.encode()).hexdigest()


@pytest.mark.parametrize("what", ["outgoing", "signed", "another approval", "not issued"])
def test_i5_bytes_that_were_not_approved_never_leave(store: Store, now: datetime, what: str) -> None:
    prepared(store, ("webhook", "https://a.example/"))
    with store.write() as connection:
        issue(connection, 1, now=now)
        issue(connection, 2, now=now, level=Level.RED)
    with store.write() as connection:  # what somebody with a database shell could do
        match what:
            case "outgoing":
                connection.execute(outgoing.update().values(body=b"forged"))
            case "signed":
                connection.execute(warning.update().values(signed=b"forged"))
            case "another approval":
                connection.execute(warning.update().where(warning.c.id == 1).values(approval_id=None))
                connection.execute(warning.update().where(warning.c.id == 2).values(approval_id=None))
            case _:
                connection.execute(warning.update().values(state="approved"))
    hook = Recorder("webhook")
    work(store, {"webhook": hook}, "w", now=now)
    assert hook.sent == []
    found = {(row.state, row.error) for row in rows(store, delivery)}
    assert found == {("failed", TAMPERED if what == "outgoing" else UNAPPROVED)}


def test_i6_clock_that_jumps_two_days_sends_nothing_that_is_over(store: Store, now: datetime) -> None:
    prepared(store, ("webhook", "https://a.example/"))
    with store.write() as connection:
        issue(connection, 1, now=now)
    held = claim(store, "w", 1, now=now)
    later, hook = now + timedelta(days=2), Recorder("webhook")
    outcome = attempt(hook, held[0], now=later)
    assert (outcome.state, hook.sent) == ("expired", [])
    assert work(store, {"webhook": hook}, "w", now=later) == 0
    assert [(row.state, row.error) for row in rows(store, delivery)] == [("expired", "over before it could be sent")]


def test_i6_held_deliveries_wait_for_a_person_but_later_notices_leave(store: Store, now: datetime) -> None:
    prepared(store, ("webhook", "https://a.example/"))
    with store.write() as connection:
        issue(connection, 1, now=now)
        hold(connection, by="restore", why="restored from a backup", now=now + SECOND)
        issue(connection, 2, now=now + 2 * SECOND)
    hook = Recorder("webhook")
    assert work(store, {"webhook": hook}, "w", now=now + 3 * SECOND) == 0
    with store.write() as connection:
        assert resume(connection, by="duty@office.example", now=now + 4 * SECOND) == {"holds": 1, "released": 2}
    assert work(store, {"webhook": hook}, "w", now=now + 5 * SECOND) == 2
    with store.write() as connection, pytest.raises(ConfigError):
        resume(connection, by="duty@office.example", now=now + 6 * SECOND)


def test_i6_after_a_long_absence_only_what_is_old_waits(store: Store, now: datetime) -> None:
    prepared(store, ("webhook", "https://a.example/"))
    with store.write() as connection:
        issue(connection, 1, now=now)
        hold(connection, by="dispatch", why="away", now=now + 2 * SECOND, before=now + SECOND)
        issue(connection, 2, now=now + 2 * SECOND)
    hook = Recorder("webhook")
    assert work(store, {"webhook": hook}, "w", now=now + 3 * SECOND) == 1
    assert [message.about for message in hook.sent] == ["office.example.2"]
    with store.write() as connection:
        assert resume(connection, by="x", now=now, discard=True) == {"holds": 1, "discarded": 1}
    assert [row.state for row in rows(store, delivery)] == ["superseded", "sent"]


@pytest.mark.parametrize("status", ["Exercise", "Test"])
def test_i7_what_is_not_real_reaches_only_groups_for_it(store: Store, now: datetime, status: str) -> None:
    with store.write() as connection:
        add_group(connection, "public hooks", ("webhook", "https://public.example/"))
        add_group(connection, "trainers", ("webhook", "https://train.example/"), statuses=[status])
        subscribe(connection, "https://push.example/1", now=now)
        issue(connection, 1, now=now, status=status)
    hook, push = Recorder("webhook"), Recorder("webpush")
    work(store, {"webhook": hook, "webpush": push}, "w", now=now)
    assert [(message.recipient, message.status) for message in hook.sent] == [("https://train.example/", status)]
    assert push.sent == []


def test_i7_row_for_a_group_that_is_not_for_it_is_refused_also_when_it_stands_there(
    store: Store, now: datetime
) -> None:
    with store.write() as connection:
        add_group(connection, "trainers", ("webhook", "https://train.example/"), statuses=["Exercise"])
        add_group(connection, "public hooks")
        issue(connection, 1, now=now, status="Exercise")
        connection.execute(delivery.update().values(recipient_group="public hooks"))
    hook = Recorder("webhook")
    work(store, {"webhook": hook}, "w", now=now)
    assert hook.sent == []
    assert [row.error for row in rows(store, delivery)] == ["public hooks is not told of Exercise messages"]


def test_later_message_overtakes_what_still_waits_of_the_earlier_one(store: Store, now: datetime) -> None:
    prepared(store, ("webhook", "https://a.example/"), ("email", "b@example.org"))
    with store.write() as connection:
        first = issue(connection, 1, now=now)
    hook, mail = Recorder("webhook", [None]), Recorder("email")
    assert work(store, {"webhook": hook, "email": mail}, "w", now=now) == 2
    flying = claim(store, "slow", 5, now=now + 5 * SECOND)
    with store.write() as connection:
        issue(connection, 2, now=now + 6 * SECOND, kind="cancel", earlier=[first])
    finish(store, "slow", [attempt(Recorder("webhook", [None]), flying[0], now=now + 7 * SECOND)])
    later = now + timedelta(minutes=10)
    assert sweep(store, now=later) == 1
    assert work(store, {"webhook": hook, "email": mail}, "w", now=later) == 2
    assert [message.about for message in hook.sent] == ["office.example.2"]
    assert {row.warning_id: row.state for row in rows(store, delivery) if row.channel == "webhook"} == {
        1: "superseded",
        2: "sent",
    }


def test_worst_goes_first_and_a_cancel_before_all(store: Store, now: datetime) -> None:
    prepared(store, ("webhook", "https://a.example/"))
    with store.write() as connection:
        issue(connection, 1, now=now, level=Level.BLUE)
        issue(connection, 2, now=now, level=Level.RED)
        first = issue(connection, 3, now=now, level=Level.YELLOW)
        issue(connection, 4, now=now, level=Level.YELLOW, kind="cancel", earlier=[first])
    hook = Recorder("webhook")
    work(store, {"webhook": hook}, "w", now=now)
    assert [message.about[-1] for message in hook.sent] == ["4", "2", "1"]
