"""Standing orders: two signatures in advance, then issued without anybody, within what was signed and no further."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from access.audit import verify
from alerts.desk.automatic import issue_standing
from alerts.desk.desk import Desk
from alerts.desk.read import approval_of, inbox
from alerts.desk.refusal import Refusal
from alerts.desk.service import Approved, discard, draft_from_proposal
from alerts.desk.standing import OrderText, end_order, orders, second
from data.errors import WarningError
from data.model import Level
from data.store.engine import Store
from data.store.tables import approval, proposal, standing_order, warning
from tests.alerts.desk.conftest import ANNA, BO, CHEN, NOW, TEXT, WORDS, Recorder, Switchable, later, person

HERE, BESIDE, THERE = "CN-110101", "CN-110102", "CN-110202"


@pytest.fixture
def run(store: Store, desk: Desk, signer: Switchable, router: Recorder) -> Callable[..., list[Approved]]:
    def act(now: datetime = NOW, **more: Any) -> list[Approved]:
        return issue_standing(store, desk, signer=signer, router=router, now=now, **more)

    return act


def test_order_of_two_people_issues_at_once(
    store: Store, both: Any, propose: Any, run: Any, router: Recorder
) -> None:
    item = both()
    number = propose(HERE, BESIDE)
    made = run()[0].item
    assert (made.state, made.proposal_id, made.level, made.content.expires_at) == (
        "issued", number, Level.ORANGE, later(hours=1),
    )  # fmt: skip
    assert router.issued[0].alert.info[1].headline == "CN-110101、CN-110102地震橙色预警"
    with store.read() as connection:
        kept = approval_of(connection, made)
        assert verify(connection) is None
        assert inbox(connection, NOW).proposals == ()
    assert kept is not None and (kept.author, kept.approver) == (ANNA.email, BO.email)
    assert (kept.standing_order_id, kept.method) == (item.id, "standing-order")
    assert kept.record["order_sha256"] == item.content_sha256
    assert run() == [] and len(router.issued) == 1


def test_i4_order_with_one_signature_issues_nothing(first: Any, propose: Any, run: Any, router: Recorder) -> None:
    first()
    propose(HERE)
    assert run() == [] and not router.issued


def test_i4_nobody_signs_an_order_twice(store: Store, desk: Desk, first: Any, both: Any) -> None:
    item = first()
    with pytest.raises(Refusal, match="Somebody else signs it"), store.write() as connection:
        second(connection, desk, item.id, actor=ANNA, now=NOW)
    with pytest.raises(sa.exc.IntegrityError, match="two_people"), store.write() as connection:
        connection.execute(standing_order.update().values(second_by=ANNA.email))
    other = both()
    with pytest.raises(Refusal, match="signed already"), store.write() as connection:
        second(connection, desk, other.id, actor=CHEN, now=NOW)


@pytest.mark.parametrize(
    "who",
    [
        replace(ANNA, proved=None), replace(ANNA, proved=replace(ANNA.proved, second_factor=False)),  # type: ignore[type-var]
        replace(ANNA, proved=replace(ANNA.proved, at=later(minutes=-6))), person("eve", "admin", "duty"),  # type: ignore[type-var]
        person("near", "author", regions=("CN-1102",)), person("wet", "author", hazards=("flood",)),
    ],
    ids=["no proof", "no second factor", "old proof", "administrator", "other region", "other hazard"],
)  # fmt: skip
def test_asvs_7_5_1_order_needs_role_limits_and_a_fresh_second_factor(store: Store, first: Any, who: Any) -> None:
    with pytest.raises(Refusal):
        first(by=who)
    with store.read() as connection:
        assert orders(connection) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ends_at": NOW}, "has an end"), ({"ends_at": later(days=400)}, "has an end"), ({"why": " "}, "reason"),
        ({"digest": "0" * 64}, "never run here"), ({"rule": "other.rule"}, "never run here"),
        ({"content": TEXT.model_copy(update={"lasts": timedelta(hours=13)})}, "longer than this hazard"),
        ({"content": TEXT.model_copy(update={"within": ("XX-1",)})}, "no region XX-1"),
    ],
    ids=["no end", "endless", "no reason", "another version", "another rule", "too long", "nowhere"],
)  # fmt: skip
def test_order_that_says_too_much_is_refused(first: Any, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        first(**changes)


def test_words_of_an_order_have_no_other_blanks() -> None:
    for bad in ("{depth}", "[[what]]", "", "{why.__class__}", "{why:>999999999}", "{why!r}", "{", "{0}"):
        texts = {"en": WORDS["en"].model_copy(update={"description": bad})}
        with pytest.raises(ValidationError):
            OrderText(texts=texts, lasts=timedelta(hours=1))  # type: ignore[arg-type]


BEYOND: dict[str, tuple[dict[str, Any], tuple[str, ...], Level, datetime]] = {
    "elsewhere": ({}, (HERE, THERE), Level.ORANGE, NOW),
    "too mild": ({}, (HERE,), Level.YELLOW, NOW),
    "too high": ({"content": TEXT.model_copy(update={"highest": "orange"})}, (HERE,), Level.RED, NOW),
    "too many": ({"content": TEXT.model_copy(update={"most_regions": 1})}, (HERE, BESIDE), Level.ORANGE, NOW),
    "not begun": ({"starts_at": later(hours=1)}, (HERE,), Level.ORANGE, NOW),
    "over": ({"ends_at": later(minutes=1)}, (HERE,), Level.ORANGE, later(minutes=1)),
    "stale proposal": ({}, (HERE,), Level.ORANGE, later(minutes=16)),
}


@pytest.mark.parametrize("name", BEYOND)
def test_what_is_beyond_an_order_is_left_to_people(
    name: str, store: Store, both: Any, propose: Any, run: Any, router: Recorder
) -> None:
    changes, regions, level, now = BEYOND[name]
    both(**changes)
    number = propose(*regions, level=level)
    assert run(now) == [] and not router.issued
    with store.read() as connection:
        assert [row.id for row in inbox(connection, now).proposals] == [number]
        assert connection.execute(sa.select(warning)).all() == []


def test_what_somebody_has_taken_up_or_given_up_is_theirs(propose: Any, both: Any, run: Any, write: Any) -> None:
    both()
    item = write(draft_from_proposal, propose(HERE))
    assert run() == []
    write(discard, item.id, item.edition, why="radar says no")
    assert run() == []


def test_ended_order_issues_nothing(store: Store, desk: Desk, both: Any, propose: Any, run: Any) -> None:
    item = both()
    with store.write() as connection:
        end_order(connection, desk, item.id, why="the rule is wrong", actor=CHEN, now=NOW)
    propose(HERE)
    assert run() == []


def test_i5_order_that_was_altered_issues_nothing(store: Store, both: Any, propose: Any, run: Any) -> None:
    both()
    with store.write() as connection:
        content = TEXT.model_copy(update={"within": ()}).model_dump(mode="json")
        connection.execute(standing_order.update().values(content=content))
    propose(HERE)
    assert run() == []


def test_order_without_a_signer_leaves_the_message_approved(
    both: Any, propose: Any, run: Any, signer: Switchable, router: Recorder
) -> None:
    both()
    propose(HERE)
    signer.fault = WarningError("no signer")
    assert [made.item.state for made in run()] == ["approved"] and not router.issued


def test_higher_level_updates_and_an_end_is_for_people(
    store: Store, both: Any, propose: Any, run: Any, router: Recorder
) -> None:
    both()
    propose(HERE)
    started = run()[0].item
    propose(HERE, level=Level.RED)
    raised = run(later(minutes=1))[0].item
    assert (raised.kind, raised.chain, raised.level) == ("update", started.id, Level.RED)
    propose(HERE, level=Level.ORANGE)
    assert run(later(minutes=2)) == [] and len(router.issued) == 2


def test_i12_engine_that_lost_its_lead_issues_nothing(
    store: Store, both: Any, propose: Any, run: Any, router: Recorder
) -> None:
    from data.errors import StaleLeader

    both()
    propose(HERE)
    with pytest.raises(StaleLeader):
        run(epoch=7)
    assert not router.issued
    with store.read() as connection:
        assert connection.execute(sa.select(approval)).all() == []
        assert connection.execute(sa.select(proposal.c.state)).scalar() == "open"
