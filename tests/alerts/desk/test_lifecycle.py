"""What a warning goes through: versions, locks, reasons, chains, expiry while somebody writes; on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.desk.content import Content
from alerts.desk.desk import APPROVERS, AUTHORS, CLOSERS, SIGNERS_IN_ADVANCE, Desk
from alerts.desk.prefill import fresh
from alerts.desk.read import DeskWarning, chain_of, editions, in_force, inbox, issued_of, one, steps
from alerts.desk.refusal import Refusal, Stale
from alerts.desk.service import (
    Approved,
    Confirmation,
    discard,
    draft_cancel,
    draft_new,
    draft_update,
    lock,
    recheck,
    reject,
    save,
    submit,
    take_over,
    unlock,
)
from data.model import Level
from data.store.engine import Store
from data.store.tables import approval, audit, warning, warning_decision, warning_edition
from tests.alerts.desk.conftest import ANNA, BO, NOW, Recorder, Switchable, later, person, text

Submitted = Callable[..., DeskWarning]
Sign = Callable[..., Approved]
Write = Callable[..., Any]


def at(store: Store, item: DeskWarning) -> DeskWarning:
    with store.read() as connection:
        return one(connection, item.id)


def rows(store: Store) -> dict[str, int]:
    """How much the desk has kept."""
    with store.read() as connection:
        return {
            table.name: int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
            for table in (warning, warning_edition, warning_decision, approval, audit)
        }


def test_roles_of_the_service_are_those_of_the_matrix() -> None:
    from access.matrix import ACTIONS

    assert ACTIONS["warn.draft"] == AUTHORS
    assert ACTIONS["warn.approve"] == APPROVERS
    assert ACTIONS["standing.sign"] == SIGNERS_IN_ADVANCE
    assert ACTIONS["proposals.close"] == CLOSERS


def test_version_that_was_changed_meanwhile_is_refused(store: Store, write: Write, desk: Desk) -> None:
    item = write(draft_new, text(desk))
    write(save, item.id, 1, text(desk, note="first"))
    before = rows(store)
    with pytest.raises(Stale, match="you saw version 1, now it is version 2"):
        write(save, item.id, 1, text(desk, note="second"), by=BO)
    with pytest.raises(Stale):
        write(submit, item.id, 1)
    assert rows(store) == before
    with store.read() as connection:
        assert [edition.content.note for edition in editions(connection, item.id)] == ["", "first"]


def test_same_text_makes_no_new_version(store: Store, write: Write, desk: Desk) -> None:
    item = write(draft_new, text(desk))
    assert write(save, item.id, 1, item.content).edition == 1


def test_i5_edit_voids_what_was_submitted(
    store: Store, submitted: Submitted, write: Write, desk: Desk, sign: Sign
) -> None:
    item = submitted()
    edited = write(save, item.id, item.edition, text(desk, note="more"), by=ANNA)
    assert (edited.state, edited.submitted_at) == ("draft", None)
    with pytest.raises(Refusal, match="is draft now"):
        sign(edited)
    with store.read() as connection:
        assert [step.decision for step in steps(connection, item.id)] == ["submitted", "voided"]


def test_rejected_with_a_reason_goes_back_to_the_author(store: Store, submitted: Submitted, write: Write) -> None:
    item = submitted()
    with pytest.raises(Refusal, match="A reason is needed"):
        write(reject, item.id, item.edition, why=" \n ", by=BO)
    back = write(reject, item.id, item.edition, why="the area is too large", by=BO)
    assert back.state == "draft"
    with store.read() as connection:
        last = steps(connection, item.id)[-1]
    assert (last.decision, last.by, last.why) == ("rejected", BO.email, "the area is too large")


def test_discarded_is_over(store: Store, submitted: Submitted, write: Write, sign: Sign, desk: Desk) -> None:
    item = submitted()
    write(discard, item.id, item.edition, why="not needed")
    for step in (submit, lambda *words, **more: save(*words, text(desk), **more)):
        with pytest.raises(Refusal, match="is discarded now"):
            write(step, item.id, item.edition)
    with pytest.raises(Refusal, match="is discarded now"):
        sign(item)


def test_one_edits_at_a_time_and_taking_over_is_told(store: Store, write: Write, desk: Desk) -> None:
    item = write(draft_new, text(desk))
    write(lock, item.id)
    for step in (lock, lambda *words, **more: save(*words, 1, text(desk, note="x"), **more)):
        with pytest.raises(Refusal, match=r"anna@office\.example is editing"):
            write(step, item.id, by=BO)
    taken = write(take_over, item.id, by=BO)
    assert taken.locked_by(NOW) == BO.email
    with pytest.raises(Refusal, match=r"bo@office\.example is editing"):
        write(save, item.id, 1, text(desk, note="y"))
    with store.write() as connection:
        unlock(connection, item.id, actor=ANNA, now=NOW)
        assert one(connection, item.id).locked_by(NOW) == BO.email
        unlock(connection, item.id, actor=BO, now=NOW)
        assert steps(connection, item.id)[-1].decision == "taken-over"
    write(lock, item.id)
    assert write(lock, item.id, by=BO, now=later(minutes=3)).locked_by(later(minutes=3)) == BO.email


STEPS: dict[str, Callable[[Write, Sign, DeskWarning, Desk], Any]] = {
    "save": lambda write, sign, item, desk: write(save, item.id, item.edition, text(desk, note="x")),
    "submit": lambda write, sign, item, desk: write(submit, item.id, item.edition),
    "reject": lambda write, sign, item, desk: write(reject, item.id, item.edition, why="no", by=BO),
    "approve": lambda write, sign, item, desk: sign(item),
    "discard": lambda write, sign, item, desk: write(discard, item.id, item.edition, why="no"),
}
ALLOWED = {
    "draft": {"save", "submit", "discard"}, "submitted": {"save", "reject", "approve", "discard"},
    "approved": {"save", "discard"}, "issued": set(), "discarded": set(),
}  # fmt: skip


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize("step", STEPS)
def test_asvs_2_3_1_no_step_is_skipped(
    state: str,
    step: str,
    store: Store,
    submitted: Submitted,
    write: Write,
    sign: Sign,
    signer: Switchable,
    desk: Desk,
) -> None:
    item = write(draft_new, text(desk)) if state == "draft" else submitted()
    if state == "approved":
        signer.fault = OSError("no signer")
        item = sign(item).item
    if state == "issued":
        item = sign(item).item
    if state == "discarded":
        item = write(discard, item.id, item.edition, why="no")
    assert item.state == state
    before = rows(store)
    if step in ALLOWED[state]:
        STEPS[step](write, sign, item, desk)
        assert rows(store) != before
        return
    with pytest.raises(Refusal, match=f"is {state} now"):
        STEPS[step](write, sign, item, desk)
    assert rows(store) == before


PROOFS = {
    "none": None,
    "only a password": replace(BO.proved, method="password", second_factor=False),  # type: ignore[type-var]
    "too old": replace(BO.proved, at=later(minutes=-6)),  # type: ignore[type-var]
    "of the future": replace(BO.proved, at=later(minutes=2)),  # type: ignore[type-var]
}


@pytest.mark.parametrize("proof", PROOFS)
def test_asvs_7_5_1_actual_warning_needs_a_fresh_second_factor(
    proof: str, store: Store, submitted: Submitted, sign: Sign, router: Recorder
) -> None:
    item = submitted()
    with pytest.raises(Refusal, match="Prove who you are"):
        sign(item, by=replace(BO, proved=PROOFS[proof]))
    assert not router.issued and at(store, item).state == "submitted"


def test_exercise_needs_no_proof_and_is_marked_everywhere(
    store: Store, submitted: Submitted, sign: Sign, router: Recorder
) -> None:
    item = submitted(status="Exercise")
    sign(item, by=replace(BO, proved=None))
    alert = router.issued[0].alert
    assert (alert.status, alert.note) == ("Exercise", "EXERCISE / 演练")
    assert all(
        info.headline.startswith(mark) for info, mark in zip(alert.info, ("EXERCISE: ", "演练："), strict=True)
    )
    assert all(info.event.startswith(mark) for info, mark in zip(alert.info, ("EXERCISE: ", "演练："), strict=True))
    with store.read() as connection:
        assert in_force(connection, NOW) == []


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [({"level": "Red"}, "Type the level"), ({"area": "CN-110102"}, "Type the area"), ({}, "Type the level")],
    ids=["another level", "another area", "nothing"],
)
def test_typed_level_and_area_must_be_those_of_the_warning(
    typed: dict[str, str], sentence: str, submitted: Submitted, sign: Sign, router: Recorder
) -> None:
    good = {"level": "orange", "area": "cn-110101"}
    with pytest.raises(Refusal, match=sentence):
        sign(submitted(), confirm=Confirmation(**({**good, **typed} if typed else {})))
    assert not router.issued


def test_level_may_be_typed_in_chinese(submitted: Submitted, sign: Sign) -> None:
    assert sign(submitted(), confirm=Confirmation(level="橙色", area="CN-110101")).item.state == "issued"


def test_asvs_8_2_2_limits_by_region_and_hazard_hold_for_every_step(
    store: Store, submitted: Submitted, write: Write, sign: Sign, desk: Desk
) -> None:
    near = person("near", "author", "approver", regions=("CN-1102",))
    wet = person("wet", "author", "approver", hazards=("flood",))
    item, before = submitted(), None
    before = rows(store)
    for other in (near, wet):
        for step in (
            lambda: write(draft_new, text(desk), by=other),  # noqa: B023
            lambda: write(save, item.id, item.edition, text(desk, note="x"), by=other),  # noqa: B023
            lambda: write(lock, item.id, by=other),  # noqa: B023
            lambda: write(reject, item.id, item.edition, why="no", by=other),  # noqa: B023
            lambda: write(discard, item.id, item.edition, why="no", by=other),  # noqa: B023
            lambda: sign(item, by=other),  # noqa: B023
        ):
            with pytest.raises(Refusal, match="outside the limits"):
                step()
    assert rows(store) == before
    assert write(draft_new, text(desk, regions=("CN-110202",)), by=near).state == "draft"
    with pytest.raises(Refusal, match="outside the limits"):  # nor by drawing into another's land
        ring = ((100.2, 20.5), (100.8, 20.5), (100.8, 21.0), (100.2, 20.5))
        write(draft_new, text(desk, regions=("CN-110202",), polygons=(ring,)), by=near)


UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "no area": ({"regions": ()}, "says nothing of where"),
    "over": ({"expires_at": NOW}, "over or in less than a minute"),
    "too long": ({"expires_at": later(hours=25)}, "lasts longer than the 24 hours"),
    "begins after its end": ({"onset_at": later(hours=7)}, "ends before it begins"),
    "no text": ({"texts": {}}, "nothing in any language"),
    "half a text": ({"texts": {"en": {"event": "Rain", "headline": "Rain"}}}, "Nothing is said as description"),
    "outside": ({"regions": (), "polygons": (((10, 50), (11, 50), (11, 51), (10, 50)),)}, "breaks rule C52"),
    "crossing itself": ({"polygons": (((100, 20), (101, 21), (101, 20), (100, 21), (100, 20)),)}, "breaks rule C53"),
    "markup": ({"contact": "<b>119</b>"}, "breaks rule C42"),
    "bidi": ({"note": "safe \u202e gnp"}, "breaks rule C42"),
    "no address": ({"web": "javascript:alert(1)"}, "breaks rule C41"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_asvs_2_2_1_unfit_text_is_not_submitted(name: str, write: Write, desk: Desk) -> None:
    changes, sentence = UNFIT[name]
    item = write(draft_new, text(desk).with_(**changes))
    with pytest.raises(Refusal, match=sentence):
        write(submit, item.id, item.edition)


def test_blank_of_a_template_keeps_a_text_from_being_submitted(write: Write, desk: Desk) -> None:
    item = write(draft_new, fresh("rainstorm", Level.RED, ("CN-110101",), desk, NOW))
    with pytest.raises(Refusal, match="A blank is not filled"):
        write(submit, item.id, item.edition)


def test_nameless_office_sends_exercises_only(store: Store, desk: Desk, write: Write) -> None:
    from alerts.desk.office import UNSET

    nobody = replace(desk, office=replace(desk.office, sender=UNSET))
    with store.write() as connection:
        item = draft_new(connection, nobody, text(desk), actor=ANNA, now=NOW)
        with pytest.raises(Refusal, match="sets `sender`"):
            submit(connection, nobody, item.id, 1, actor=ANNA, now=NOW)
        other = draft_new(connection, nobody, text(desk, status="Exercise"), actor=ANNA, now=NOW)
        assert submit(connection, nobody, other.id, 1, actor=ANNA, now=NOW).state == "submitted"


def test_i7_home_of_an_exercise_knows_no_actual_warning(store: Store, desk: Desk) -> None:
    drill = replace(desk, office=replace(desk.office, exercise=True))
    with store.write() as connection, pytest.raises(Refusal, match="This is an exercise"):
        draft_new(connection, drill, text(desk), actor=ANNA, now=NOW)


def issued(sign: Sign, submitted: Submitted, **changes: Any) -> DeskWarning:
    return sign(submitted(**changes)).item


def test_i25_update_and_cancel_refer_to_every_live_message(
    store: Store, submitted: Submitted, write: Write, sign: Sign, router: Recorder
) -> None:
    first = issued(sign, submitted)
    draft = write(draft_update, first.id, now=later(hours=1))
    wider = draft.content.with_(regions=("CN-110101", "CN-110102"), expires_at=later(hours=8))
    draft = write(save, draft.id, draft.edition, wider, now=later(hours=1))
    update = sign(write(submit, draft.id, draft.edition, now=later(hours=1)), now=later(hours=1)).item
    ending = write(draft_cancel, update.id, now=later(hours=2))
    assert ending.content.urgency == "Past" and ending.content.response_types == ("AllClear",)
    assert ending.content.texts["zh"].headline.endswith("预警解除")
    cancel = sign(write(submit, ending.id, ending.edition, now=later(hours=2)), now=later(hours=2)).item
    one_, two, three = router.issued
    assert two.alert.references == (one_.reference,) and two.earlier == (one_.id,)
    assert set(three.alert.references) == {one_.reference, two.reference} and three.earlier == (one_.id, two.id)
    assert {message.chain for message in router.issued} == {first.id}
    with store.read() as connection:
        chain = chain_of(connection, first.id)
        assert [item.replaced_by for item in chain] == [update.id, cancel.id, None]
        assert in_force(connection, later(hours=2)) == []
    with pytest.raises(Refusal, match="Nothing of this warning is in force"):
        write(draft_update, first.id, now=later(hours=3))


def test_second_click_opens_the_ending_that_is_there(write: Write, submitted: Submitted, sign: Sign) -> None:
    item = issued(sign, submitted)
    assert write(draft_cancel, item.id).id == write(draft_cancel, item.id, by=BO).id


def test_update_in_the_same_second_is_sent_a_second_later(
    submitted: Submitted, write: Write, sign: Sign, router: Recorder
) -> None:
    draft = write(draft_update, issued(sign, submitted).id)
    draft = write(save, draft.id, draft.edition, draft.content.with_(note="more"))
    sign(write(submit, draft.id, draft.edition))
    first, second = (message.sent_at for message in router.issued)
    assert (second - first).total_seconds() == 1


def test_update_whose_warning_expires_meanwhile_goes_out_as_a_new_one(
    store: Store, submitted: Submitted, write: Write, sign: Sign, router: Recorder, desk: Desk
) -> None:
    first = issued(sign, submitted)
    opened = later(hours=5, minutes=50)
    draft = write(draft_update, first.id, now=opened)
    longer: Content = draft.content.with_(expires_at=later(hours=12))
    draft = write(save, draft.id, draft.edition, longer, now=opened)
    over = later(hours=6, minutes=5)
    handed = write(submit, draft.id, draft.edition, now=over)
    with store.read() as connection:
        found = recheck(connection, desk.index, handed, over)
    assert {change.what for change in found.changes} == {"chain", "becomes new"} and found.kind == "alert"
    words = {"level": "orange", "area": "CN-110101"}
    with pytest.raises(Stale, match="look again before you sign"):
        sign(handed, now=over, confirm=Confirmation(**words))
    made = sign(handed, now=over).item
    assert (made.kind, made.chain, made.content.expires_at) == ("alert", made.id, longer.expires_at)
    assert router.issued[-1].alert.message_type == "Alert" and router.issued[-1].alert.references == ()


def test_warning_that_has_ended_cannot_be_ended(
    submitted: Submitted, write: Write, sign: Sign, router: Recorder
) -> None:
    ending = write(draft_cancel, issued(sign, submitted).id)
    handed = write(submit, ending.id, ending.edition)
    with pytest.raises(Refusal, match="there is nothing to end"):
        sign(handed, now=later(hours=7))
    assert len(router.issued) == 1


def test_other_warning_issued_over_the_same_land_is_shown_before_signing(
    store: Store, submitted: Submitted, sign: Sign, desk: Desk
) -> None:
    waiting = submitted()
    other = issued(sign, submitted)
    with store.read() as connection:
        found = recheck(connection, desk.index, waiting, NOW)
    assert [(change.what, change.before, change.after) for change in found.changes] == [("overlap", [], [other.id])]
    with pytest.raises(Stale):
        sign(waiting, confirm=Confirmation(level="orange", area="CN-110101"))
    assert sign(waiting).item.state == "issued"


def test_inbox_shows_what_ends_first_and_who_waits(
    store: Store, submitted: Submitted, sign: Sign, write: Write, desk: Desk
) -> None:
    long = issued(sign, submitted, expires_at=later(hours=9))
    short = issued(sign, submitted, expires_at=later(hours=2), regions=("CN-110202",))
    waiting, draft = submitted(), write(draft_new, text(desk))
    with store.read() as connection:
        found = inbox(connection, NOW)
        public = issued_of(connection, at(store, long))
    assert [item.id for item in found.in_force] == [short.id, long.id]
    assert [item.id for item in found.submitted] == [waiting.id] and [item.id for item in found.drafts] == [draft.id]
    assert public.level == Level.ORANGE
