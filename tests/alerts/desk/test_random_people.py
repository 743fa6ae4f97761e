"""Random people at the desk: whatever they do in whatever order, nothing leaves that a second person did not sign."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from access import audit
from alerts.cap.sign import verify
from alerts.desk.desk import Desk
from alerts.desk.key import new_signer
from alerts.desk.read import DeskWarning, approval_of, editions, in_force, message, one, sent_in, several
from alerts.desk.refusal import Refusal
from alerts.desk.service import (
    Confirmation,
    approve,
    asked,
    discard,
    draft_cancel,
    draft_new,
    draft_update,
    lock,
    recheck,
    reject,
    reopen,
    save,
    sign_waiting,
    submit,
    take_over,
)
from alerts.desk.signing import LocalSigner
from data.actor import Actor
from data.errors import WarningError
from data.regions import load_regions
from data.store.engine import Store, open_store
from data.store.tables import approval
from tests.alerts.desk.conftest import NOW, OFFICE, Recorder, Switchable, person, text

PEOPLE = (
    person("anna", "author", "approver"), person("bo", "author", "approver"), person("chen", "approver"),
    person("dora", "author"), person("eve", "admin", "duty", "planner"),
    person("fred", "author", "approver", regions=("CN-1101",)), person("gita", "approver", hazards=("flood",)),
    person("hugo", "author", "approver", proved_at=None),
)  # fmt: skip
REGIONS = ("CN-110101", "CN-110102", "CN-110201", "CN-110202")
LENGTHS = (1, 5, 30, 120, 600)  # minutes
STATUSES = ("Actual", "Actual", "Actual", "Exercise", "Test")
people = st.sampled_from(PEOPLE)
some_regions = st.sets(st.sampled_from(REGIONS), min_size=0, max_size=3).map(lambda found: tuple(sorted(found)))


class Office(RuleBasedStateMachine):
    """One desk with its people; `template` and `base` are set by the test."""

    template: Path
    base: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="desk-"))
        shutil.copyfile(self.template, self.folder / "tocsin.db")
        self.store: Store = open_store(f"sqlite:///{self.folder / 'tocsin.db'}")
        self.desk = Desk(office=OFFICE, index=load_regions(self.base), audit=audit.append)
        self.router = Recorder([])
        self.key = new_signer("Office", NOW, valid=timedelta(days=30))
        self.signer = Switchable(LocalSigner(self.key))
        self.now = NOW
        self.seen = 0
        self.hand_in_for(PEOPLE[0], "CN-110101", 6)
        self.sign(PEOPLE[1], self.everything()[0], True, True, 0)
        assert len(self.router.issued) == 1

    def teardown(self) -> None:
        with self.store.read() as connection:
            assert audit.verify(connection) is None
        self.store.close()
        shutil.rmtree(self.folder)

    def everything(self) -> list[DeskWarning]:
        with self.store.read() as connection:
            return several(connection, sa.true())

    def some(self, data: st.DataObject) -> DeskWarning:
        return data.draw(st.sampled_from(self.everything()))

    def fresh(self, who: Actor) -> Actor:
        return replace(who, proved=who.proved and replace(who.proved, at=self.now))

    def tried(self, act: Callable[..., Any], who: Actor, *words: Any, **more: Any) -> Any:
        """Carry a step out; a refusal is an answer like any other."""
        try:
            with self.store.write() as connection:
                return act(connection, self.desk, *words, actor=self.fresh(who), now=self.now, **more)
        except Refusal:
            return None

    @rule(who=people, regions=some_regions, status=st.sampled_from(STATUSES), hours=st.integers(1, 30))
    def begin(self, who: Actor, regions: tuple[str, ...], status: str, hours: int) -> None:
        ends = self.now + timedelta(hours=hours)
        self.tried(
            draft_new, who, text(self.desk, now=self.now).with_(regions=regions, status=status, expires_at=ends)
        )

    @rule(who=st.sampled_from(PEOPLE[:4]), where=st.sampled_from(REGIONS), hours=st.integers(1, 20))
    def hand_in(self, who: Actor, where: str, hours: int) -> None:
        self.hand_in_for(who, where, hours)

    def hand_in_for(self, who: Actor, where: str, hours: int) -> None:
        ends = self.now + timedelta(hours=hours)
        plain = text(self.desk, now=self.now)
        item = self.tried(draft_new, who, plain.with_(regions=(where,), expires_at=ends))
        if item is not None:
            self.tried(submit, who, item.id, item.edition)

    @rule(who=st.sampled_from(PEOPLE[:4]), data=st.data(), what=st.sampled_from((draft_update, draft_cancel)))
    def follow(self, who: Actor, data: st.DataObject, what: Callable[..., Any]) -> None:
        issued = [item for item in self.everything() if item.in_force(self.now)]
        item = data.draw(st.sampled_from(issued)) if issued else self.some(data)
        made = self.tried(what, who, item.id)
        if made is not None:
            made = self.tried(save, who, made.id, made.edition, made.content.with_(note=f"at {self.now}")) or made
            self.tried(submit, who, made.id, made.edition)

    @rule(who=people, data=st.data(), note=st.sampled_from(("", "a", "b")), off=st.sampled_from((0, 0, 0, 1)))
    def write(self, who: Actor, data: st.DataObject, note: str, off: int) -> None:
        item = self.some(data)
        self.tried(save, who, item.id, item.edition - off, item.content.with_(note=note))

    @rule(
        who=people, data=st.data(),
        what=st.sampled_from((submit, submit, draft_update, draft_cancel, lock, take_over, reject, discard, reopen)),
    )  # fmt: skip
    def act(self, who: Actor, data: st.DataObject, what: Callable[..., Any]) -> None:
        item = self.some(data)
        words = (item.id,) if what in (draft_update, draft_cancel, lock, take_over) else (item.id, item.edition)
        more = {"why": data.draw(st.sampled_from(("because", " ")))} if what in (reject, discard, reopen) else {}
        self.tried(what, who, *words, **more)

    @rule(who=st.sampled_from(PEOPLE[:3]), data=st.data())
    def sign_with_care(self, who: Actor, data: st.DataObject) -> None:
        self.sign(who, self.waiting(data), True, True, 0)

    @rule(who=people, data=st.data(), typed=st.booleans(), looked=st.booleans(), off=st.sampled_from((0, 0, 0, 1)))
    def sign_somehow(self, who: Actor, data: st.DataObject, typed: bool, looked: bool, off: int) -> None:
        self.sign(who, self.waiting(data), typed, looked, off)

    def waiting(self, data: st.DataObject) -> DeskWarning:
        found = [item for item in self.everything() if item.state == "submitted"]
        return data.draw(st.sampled_from(found)) if found else self.some(data)

    def sign(self, who: Actor, item: DeskWarning, typed: bool, looked: bool, off: int) -> None:
        with self.store.read() as connection:
            seen = recheck(connection, self.desk.index, item, self.now).digest if looked else ""
        words = asked(item.content)
        confirm = Confirmation(
            level=words.level[0] if typed and words.level else "", area=words.area[0] if typed and words.area else "",
            seen=seen,
        )  # fmt: skip
        actor = self.fresh(who)
        try:
            made = approve(
                self.store, self.desk, item.id, item.edition - off, actor=actor, confirm=confirm, now=self.now,
                signer=self.signer, router=self.router,
            )  # fmt: skip
        except Refusal:
            return
        assert "approver" in who.roles and item.state == "submitted" and not off
        assert who.email not in (item.author, self.writer(item))
        assert item.status != "Actual" or (actor.proved is not None and actor.proved.second_factor and typed)
        assert not who.hazards and (not who.regions or set(item.content.regions) <= {"CN-110101", "CN-110102"})
        assert made.item.state == ("issued" if self.signer.fault is None else "approved")

    def writer(self, item: DeskWarning) -> str:
        with self.store.read() as connection:
            return editions(connection, item.id)[item.edition - 1].by

    @rule(minutes=st.sampled_from(LENGTHS))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(broken=st.booleans())
    def signer_breaks_or_is_mended(self, broken: bool) -> None:
        self.signer.fault = WarningError("broken") if broken else None

    @rule()
    def dispatch_looks(self) -> None:
        sign_waiting(self.store, self.desk, signer=self.signer, router=self.router, now=self.now)

    @invariant()
    def i4_what_left_was_signed_by_a_second_person(self) -> None:
        fresh, self.seen = self.router.issued[self.seen :], len(self.router.issued)
        assert len({item.id for item in self.router.issued}) == len(self.router.issued)
        for issued in fresh:
            with self.store.read() as connection:
                item = one(connection, issued.id)
                kept = approval_of(connection, item)
                text_of = editions(connection, item.id)[item.edition - 1]
                chain = sent_in(connection, item.chain)
            assert kept is not None and kept.author != kept.approver and text_of.by != kept.approver
            assert kept.content_sha256 == text_of.content_sha256 == item.content_sha256 == item.content.digest
            assert kept.body_sha256 == hashlib.sha256(item.body or b"").hexdigest()
            assert verify(issued.signed, (self.key.certificate,), now=self.now) == message(item.body or b"")
            assert issued.expires_at > self.now
            self.i25_all_live_messages_are_named(issued.alert, chain)

    def i25_all_live_messages_are_named(self, alert: Any, chain: list[DeskWarning]) -> None:
        before = [item for item in chain if item.sent_at is not None and item.sent_at < alert.sent_at]
        live = {
            item.identifier
            for item in before
            if item.kind != "cancel" and item.expires_at is not None and item.expires_at > alert.sent_at
        }
        assert not any(item.kind == "cancel" for item in before)
        assert {reference.identifier for reference in alert.references} == live

    @invariant()
    def nothing_is_in_force_that_was_replaced_or_is_over(self) -> None:
        with self.store.read() as connection:
            found = in_force(connection, self.now)
            approvals = connection.execute(sa.select(approval.c.author, approval.c.approver)).all()
        assert all(item.expires_at > self.now and item.kind != "cancel" and item.status == "Actual" for item in found)
        assert len({item.chain for item in found}) == len(found)
        assert all(author != approver for author, approver in approvals)


def run(template: Path, base: Path, examples: int, steps: int) -> None:
    machine = type("Machine", (Office,), {"template": template, "base": base})
    checks = list(HealthCheck)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks,
        ),
    )  # fmt: skip


def test_i4_i5_i6_i25_random_people_never_send_what_was_not_signed(sqlite_template: Path, base_dir: Path) -> None:
    run(sqlite_template, base_dir, 15, 40)


@pytest.mark.prove
def test_i4_i5_i6_i25_random_people_for_long(sqlite_template: Path, base_dir: Path) -> None:
    run(sqlite_template, base_dir, 400, 60)
