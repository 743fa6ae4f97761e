"""Approved and not signed: kept, told, tried again, and never sent once it is not what it was; on both databases."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.cap.sign import Signer
from alerts.desk.desk import Desk
from alerts.desk.key import new_signer
from alerts.desk.read import DeskWarning, in_force, one
from alerts.desk.refusal import Refusal
from alerts.desk.service import Approved, approve, discard, reopen, save, sign_waiting, submit
from alerts.desk.signing import LocalSigner, Signed
from alerts.desk.waiting import any_waits
from data.errors import WarningError
from data.store.engine import Store
from data.store.tables import approval, warning
from tests.alerts.desk.conftest import ANNA, BO, CHEN, NOW, Recorder, Switchable, later, text

Submitted = Callable[..., DeskWarning]
Sign = Callable[..., Approved]
Write = Callable[..., Any]


class Wrong:
    """A signer that signs another message than it was given."""

    def __init__(self, inner: LocalSigner) -> None:
        self.inner = inner

    def sign(self, body: bytes, now: Any) -> Signed:
        return self.inner.sign(body.replace(b"Orange", b"Yellow"), now)


def a_signer(fault: str) -> Any:
    good = new_signer("Office", NOW)
    match fault:
        case "expired certificate":
            return LocalSigner(new_signer("Office", later(days=-9), valid=timedelta(days=1)))
        case "certificate of the future":
            return LocalSigner(new_signer("Office", later(days=2)))
        case "wrong key":
            return LocalSigner(Signer(good.key, new_signer("Office", NOW).certificate))
        case "signs something else":
            return Wrong(LocalSigner(good))
        case _:
            signer = Switchable(LocalSigner(good))
            signer.fault = WarningError("the signer cannot be reached")
            return signer


@pytest.fixture
def again(store: Store, desk: Desk, router: Recorder) -> Callable[..., list[Approved]]:
    def act(signer: Any, now: Any = NOW) -> list[Approved]:
        return sign_waiting(store, desk, signer=signer, router=router, now=now)

    return act


@pytest.mark.parametrize(
    "fault",
    ["expired certificate", "certificate of the future", "wrong key", "signs something else", "missing key"],
)
def test_message_that_cannot_be_signed_is_approved_and_waits(
    fault: str, store: Store, submitted: Submitted, sign: Sign, router: Recorder, again: Any, signer: Switchable
) -> None:
    made = sign(submitted(), signer=a_signer(fault))
    assert made.item.state == "approved" and made.unsigned_reason and made.item.unsigned_reason
    assert made.item.signed is None and not router.issued and any_waits(store)
    with store.read() as connection:
        assert in_force(connection, NOW) == []
        kept = connection.execute(sa.select(approval)).one()
    assert kept.body_sha256 == hashlib.sha256(made.item.body or b"").hexdigest()
    assert again(a_signer(fault))[0].item.state == "approved" and not router.issued
    found = again(signer)[0].item
    assert (found.state, found.unsigned_reason, found.body) == ("issued", "", made.item.body)
    assert len(router.issued) == 1 and not any_waits(store) and again(signer) == []


@pytest.fixture
def unsigned(submitted: Submitted, sign: Sign) -> DeskWarning:
    return sign(submitted(), signer=a_signer("missing key")).item


def test_i6_clock_jump_of_two_days_sends_nothing(
    unsigned: DeskWarning, again: Any, signer: Switchable, router: Recorder
) -> None:
    found = again(signer, later(days=2))[0]
    assert (found.item.state, found.unsigned_reason) == ("approved", "it has expired")
    assert not router.issued and signer.asked == 0


def test_clock_that_jumps_back_sends_nothing(
    unsigned: DeskWarning, again: Any, signer: Switchable, router: Recorder
) -> None:
    assert "C09" in again(signer, later(days=-2))[0].unsigned_reason
    assert not router.issued


def test_i5_message_that_was_altered_is_not_signed(
    store: Store, unsigned: DeskWarning, again: Any, signer: Switchable, router: Recorder
) -> None:
    """Somebody gets around the trigger and writes into the database itself."""
    with store.write() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER warning_fixed")
        else:
            connection.exec_driver_sql("ALTER TABLE warning DISABLE TRIGGER warning_fixed")
        body = (unsigned.body or b"").replace("橙色".encode(), "红色".encode())
        digest = hashlib.sha256(body).hexdigest()
        here = warning.c.id == unsigned.id
        connection.execute(warning.update().where(here).values(body=body, body_sha256=digest))
    assert "not the one that was approved" in again(signer)[0].unsigned_reason
    assert not router.issued and signer.asked == 0


@pytest.mark.parametrize("column", ["body", "body_sha256", "content_sha256", "status", "sent_at"])
def test_i5_database_refuses_to_change_what_was_approved(store: Store, unsigned: DeskWarning, column: str) -> None:
    value: Any = {"body": b"x", "sent_at": later(days=1), "status": "Test"}.get(column, "0" * 64)
    with pytest.raises(sa.exc.DBAPIError, match="what was approved stays"), store.write() as connection:
        connection.execute(warning.update().where(warning.c.id == unsigned.id).values({column: value}))


def test_i4_database_refuses_an_approval_by_the_author(store: Store, unsigned: DeskWarning) -> None:
    with store.read() as connection:
        row = dict(connection.execute(sa.select(approval)).one()._mapping)
    row |= {"id": None, "edition": 9, "approver": row["author"]}
    with pytest.raises(sa.exc.IntegrityError, match="two_people"), store.write() as connection:
        connection.execute(approval.insert().values({name: row[name] for name in row if name != "id"}))


@pytest.mark.parametrize("verb", ["update", "delete"])
def test_i18_database_refuses_to_change_an_approval(store: Store, unsigned: DeskWarning, verb: str) -> None:
    change = approval.delete() if verb == "delete" else approval.update().values(approver="x")
    with pytest.raises(sa.exc.DBAPIError, match="are kept as they are"), store.write() as connection:
        connection.execute(change)


def test_update_that_waited_while_its_warning_was_ended_is_not_sent(
    store: Store, submitted: Submitted, sign: Sign, write: Write, again: Any, signer: Switchable, router: Recorder
) -> None:
    from alerts.desk.service import draft_cancel, draft_update

    first = sign(submitted()).item
    draft = write(draft_update, first.id)
    draft = write(save, draft.id, draft.edition, draft.content.with_(note="more"))
    waits = sign(write(submit, draft.id, draft.edition), signer=a_signer("missing key")).item
    ending = write(draft_cancel, first.id, now=later(minutes=1))
    sign(write(submit, ending.id, ending.edition, now=later(minutes=1)), now=later(minutes=1))
    found = again(signer, later(minutes=2))[0]
    assert found.item.id == waits.id and "has changed" in found.unsigned_reason
    assert [message.kind for message in router.issued] == ["alert", "cancel"]


def test_unsigned_message_is_reopened_edited_or_given_up(
    store: Store, unsigned: DeskWarning, write: Write, sign: Sign, desk: Desk, submitted: Submitted
) -> None:
    opened = write(reopen, unsigned.id, unsigned.edition, why="the key is lost", by=BO)
    assert (opened.state, opened.edition, opened.approval_id, opened.body) == ("draft", 2, None, None)
    assert opened.content == unsigned.content and opened.author == ANNA.email
    handed = write(submit, opened.id, opened.edition)
    assert sign(handed, by=CHEN).item.state == "issued"
    other = sign(submitted(regions=("CN-110202",)), signer=a_signer("missing key")).item
    edited = write(save, other.id, other.edition, text(desk, regions=("CN-110202",), note="x"))
    assert (edited.state, edited.unsigned_reason) == ("draft", "")
    last = sign(write(submit, edited.id, edited.edition), signer=a_signer("missing key")).item
    assert write(discard, last.id, last.edition, why="over").state == "discarded"


def test_office_that_sends_unsigned_says_so(store: Store, desk: Desk, submitted: Submitted, router: Recorder) -> None:
    item = submitted()
    brave = replace(desk, office=replace(desk.office, sends_unsigned=True))
    from alerts.desk.service import Confirmation

    made = approve(
        store, brave, item.id, item.edition, actor=BO, confirm=Confirmation(level="orange", area="CN-110101"),
        now=NOW, signer=a_signer("missing key"), router=router,
    )  # fmt: skip
    assert (made.item.state, made.item.signed, made.item.certificate_sha256) == ("issued", made.item.body, "")
    assert made.item.unsigned_reason == "the signer cannot be reached"
    assert len(router.issued) == 1


def test_i2_router_that_fails_leaves_nothing(store: Store, submitted: Submitted, sign: Sign) -> None:
    def fails(*_: Any, **__: Any) -> int:
        raise OSError("the disk is full")

    item = submitted()
    with pytest.raises(OSError, match="disk is full"):
        sign(item, router=fails)
    with store.read() as connection:
        assert one(connection, item.id).state == "submitted"
        assert connection.execute(sa.select(approval)).all() == []


def test_text_that_changes_while_the_signer_works_is_not_sent(
    store: Store, submitted: Submitted, sign: Sign, write: Write, desk: Desk, router: Recorder, signer: Switchable
) -> None:
    item = submitted()

    class Slow:
        def sign(self, body: bytes, now: Any) -> Signed:
            write(save, item.id, item.edition, text(desk, note="changed"), by=ANNA)
            return signer.inner.sign(body, now)

    with pytest.raises(Refusal, match="is draft now"):
        sign(item, signer=Slow())
    assert not router.issued
