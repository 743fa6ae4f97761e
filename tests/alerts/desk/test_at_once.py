"""Several people in the same moment, and processes that die in the middle; on both databases."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from access.audit import verify
from alerts.desk.automatic import issue_standing
from alerts.desk.desk import Desk
from alerts.desk.issued import Issued
from alerts.desk.read import DeskWarning, approval_of, in_force, one
from alerts.desk.service import Approved, Confirmation, approve, draft_cancel, draft_from_proposal, save, submit
from data.actor import Actor
from data.errors import TocsinError
from data.store.engine import Store, open_store
from data.store.tables import approval, audit, delivery, outgoing, warning
from tests.alerts.desk.conftest import ANNA, BO, CHEN, NOW, Recorder, Switchable, person, text

Submitted = Callable[..., DeskWarning]
Sign = Callable[..., Approved]
Write = Callable[..., Any]
TYPED = Confirmation(level="orange", area="CN-110101")


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Results or errors of acts that begin in the same moment."""
    gate, found = threading.Barrier(len(acts)), [None] * len(acts)

    def run(place: int, act: Callable[[], Any]) -> None:
        gate.wait(20)
        try:
            found[place] = act()
        except TocsinError as error:
            found[place] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def count(store: Store, table: sa.Table) -> int:
    with store.read() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def test_asvs_2_3_4_two_approvers_at_once_make_one_approval(
    store: Store, submitted: Submitted, sign: Sign, router: Recorder
) -> None:
    for _ in range(5):
        item, before = submitted(status="Test"), len(router.issued)
        found = together(*(lambda who=who: sign(item, by=who) for who in (BO, CHEN, person("dan", "approver"))))  # noqa: B023
        assert sum(isinstance(one_, Approved) for one_ in found) == 1
        assert sum(isinstance(one_, TocsinError) for one_ in found) == 2
        assert len(router.issued) == before + 1
    assert count(store, approval) == 5
    with store.read() as connection:
        assert verify(connection) is None


def test_i5_edit_and_approval_at_once_never_send_another_text(
    store: Store, desk: Desk, submitted: Submitted, sign: Sign, write: Write, router: Recorder
) -> None:
    for number in range(5):
        item = submitted(note=f"{number}", status="Test")
        edited = text(desk, note=f"{number} edited", status="Test")
        together(lambda: sign(item), lambda: write(save, item.id, item.edition, edited))  # noqa: B023
        with store.read() as connection:
            found = one(connection, item.id)
            kept = approval_of(connection, found)
        if found.state == "issued":
            assert kept is not None and kept.content_sha256 == item.content_sha256 == found.content_sha256
        else:
            assert (found.state, found.content.note, kept) == ("draft", f"{number} edited", None)
    assert {issued.alert.note for issued in router.issued} <= {f"{number}" for number in range(5)}


def test_i25_two_endings_at_once_end_it_once(
    store: Store, submitted: Submitted, sign: Sign, write: Write, router: Recorder
) -> None:
    item = sign(submitted()).item
    found = together(*(lambda who=who: write(draft_cancel, item.id, by=who) for who in (ANNA, BO)))
    assert {made.id for made in found} == {found[0].id}
    handed = write(submit, found[0].id, 1)
    together(*(lambda who=who: sign(handed, by=who) for who in (BO, CHEN)))
    assert [issued.kind for issued in router.issued] == ["alert", "cancel"]
    with store.read() as connection:
        assert in_force(connection, NOW) == []


def test_one_proposal_is_taken_up_once(store: Store, propose: Callable[..., int], write: Write) -> None:
    number = propose("CN-110101")
    found = together(*(lambda who=who: write(draft_from_proposal, number, by=who) for who in (ANNA, BO)))
    assert {made.id for made in found} == {found[0].id} and count(store, warning) == 1


def queue(connection: Connection, issued: Issued, *, now: datetime) -> int:
    """A router that puts one delivery into the queue."""
    digest = hashlib.sha256(issued.signed).hexdigest()
    values = {"form": "cap", "body": issued.signed, "created_at": now}
    connection.execute(outgoing.insert().values(sha256=digest, **values))
    connection.execute(
        delivery.insert().values(
            key=hashlib.sha256(str(issued.id).encode()).hexdigest(), warning_id=issued.id,
            approval_id=issued.approval_id, channel="folder", recipient="here", payload_sha256=digest,
            state="pending", next_at=now, created_at=now,
        )
    )  # fmt: skip
    return 1


def killed_at(url: str, statement: int, act: Callable[[Store], Any]) -> bool:
    """Do something in a process that is killed before its nth statement; False where it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            store, seen = open_store(url), [0]

            @sa.event.listens_for(store.engine, "before_cursor_execute")
            def count_down(*_: Any) -> None:
                seen[0] += 1
                if seen[0] == statement:
                    os.kill(os.getpid(), signal.SIGKILL)

            @sa.event.listens_for(store.engine, "commit")
            def before_commit(*_: Any) -> None:
                count_down()

            act(store)
            os._exit(0)
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def whole_or_nothing(store: Store, id: int | None) -> str:
    """The state of the warning, after everything that belongs to it was looked for."""
    with store.read() as connection:
        rows = connection.execute(sa.select(warning).where(warning.c.id == id)).all()
        state = rows[0].state if rows else ""
        kept = connection.execute(sa.select(approval).where(approval.c.warning_id == id)).all()
        queued = connection.execute(sa.select(delivery).where(delivery.c.warning_id == id)).all()
        told = connection.scalars(sa.select(audit.c.action).where(audit.c.object == str(id))).all()
        assert verify(connection) is None
    done = state == "issued"
    assert len(kept) == len(queued) == int(done)
    assert [action for action in told if action in ("warning.approved", "warning.issued")] == (
        ["warning.approved", "warning.issued"] if done else []
    )
    assert not done or (rows[0].signed and queued[0].payload_sha256 == rows[0].signed_sha256)
    return str(state)


EVERY = [6, pytest.param(1, marks=pytest.mark.prove)]


@pytest.mark.parametrize("every", EVERY)
def test_i2_killed_between_any_two_statements_leaves_all_or_nothing(
    every: int, store: Store, database_url: str, desk: Desk, submitted: Submitted, signer: Switchable
) -> None:
    item, statement, states = submitted(), 1 - every, []

    def act(own: Store, by: Actor = BO) -> None:
        approve(own, desk, item.id, item.edition, actor=by, confirm=TYPED, now=NOW, signer=signer, router=queue)

    store.engine.dispose()
    while not states or states[-1] != "issued":
        statement += every
        dead = killed_at(database_url, statement, act)
        states.append(whole_or_nothing(store, item.id))
        assert dead or states[-1] == "issued"
    assert set(states[:-1]) == {"submitted"} and statement > 20


@pytest.mark.parametrize("every", EVERY)
def test_i2_order_that_is_killed_in_the_middle_issues_once(
    every: int,
    store: Store,
    database_url: str,
    desk: Desk,
    signer: Switchable,
    both: Any,
    propose: Callable[..., int],
) -> None:
    both()
    propose("CN-110101")
    statement = 0
    store.engine.dispose()
    while count(store, warning) == 0:
        statement += 1
        killed_at(
            database_url, statement, lambda own: issue_standing(own, desk, signer=signer, router=queue, now=NOW)
        )
    with store.read() as connection:
        id = connection.scalar(sa.select(warning.c.id))
    assert whole_or_nothing(store, id) == "issued"
    assert issue_standing(store, desk, signer=signer, router=queue, now=NOW) == []
    assert count(store, delivery) == 1 and statement > 20
