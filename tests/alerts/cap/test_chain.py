"""Chains: every message that somebody may still show is referred to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.cap.build import build
from alerts.cap.chain import Ending, cancel, identifier, live, update
from alerts.cap.check import check
from alerts.cap.finding import REJECT
from alerts.cap.message import Context
from alerts.cap.model import Alert
from alerts.cap.parse import parse
from data.errors import WarningError
from tests.alerts.cap.messages import GOOD, SENT

ROOT = "urn:oid:2.49.0.1.156.0"
ENDINGS = {"en-GB": Ending("Flood warning ended"), "zh-CN": Ending("洪水预警解除")}


def sent(number: int, hours: int, *, kind: str = "Update", lasts: int | None = 12) -> Alert:
    """A message of the chain, so many hours after the first."""
    at = SENT + timedelta(hours=hours)
    ends = None if lasts is None else at + timedelta(hours=lasts)
    alert = parse(GOOD.encode())
    infos = tuple(replace(info, effective_at=None, onset_at=None, expires_at=ends) for info in alert.info)
    return replace(alert, identifier=identifier(ROOT, at, number), sent_at=at, message_type=kind, info=infos,
                   references=())  # fmt: skip


FIRST = sent(1, 0, kind="Alert")
SECOND = sent(2, 2)
DRAFT = sent(3, 4)


def test_update_refers_to_every_message_in_force() -> None:
    made = update([SECOND, FIRST], DRAFT)
    assert made.references == (FIRST.reference, SECOND.reference)
    assert made.message_type == "Update" and made.info == DRAFT.info


def test_expired_message_is_over_and_one_without_end_is_not() -> None:
    late = SENT + timedelta(hours=13)
    assert live([FIRST, SECOND], late) == (SECOND.reference,)
    assert live([FIRST, sent(2, 2, lasts=None)], SENT + timedelta(days=30)) == (sent(2, 2).reference,)
    assert live([replace(FIRST, info=())], SENT + timedelta(days=30)) == (FIRST.reference,)


def test_message_ends_at_its_last_second() -> None:
    assert live([FIRST], SENT + timedelta(hours=12, seconds=-1)) == (FIRST.reference,)
    assert live([FIRST], SENT + timedelta(hours=12)) == ()


def test_cancelled_messages_and_acknowledgements_are_not_in_force() -> None:
    ended = cancel([FIRST, SECOND], identifier=identifier(ROOT, DRAFT.sent_at, 3), sent_at=DRAFT.sent_at,
                   note="river falls", endings=ENDINGS)  # fmt: skip
    assert live([FIRST, SECOND, ended], DRAFT.sent_at) == ()
    assert live([replace(FIRST, message_type="Ack")], SENT) == ()


def test_cancel_ends_the_chain_in_every_language() -> None:
    ended = cancel([FIRST, SECOND], identifier=identifier(ROOT, DRAFT.sent_at, 3), sent_at=DRAFT.sent_at,
                   note="river falls", endings=ENDINGS)  # fmt: skip
    assert ended.references == (FIRST.reference, SECOND.reference)
    assert [(info.language, info.headline, info.urgency) for info in ended.info] == [
        ("en-GB", "Flood warning ended", "Past"), ("zh-CN", "洪水预警解除", "Past"),
    ]  # fmt: skip
    assert all(info.response_type == ("AllClear",) and info.effective_at is None for info in ended.info)


@pytest.mark.parametrize("kind", ["Update", "Cancel"])
def test_what_is_made_passes_the_checklist(kind: str) -> None:
    made = update([FIRST, SECOND], DRAFT) if kind == "Update" else cancel(
        [FIRST, SECOND], identifier=DRAFT.identifier, sent_at=DRAFT.sent_at, note="over", endings=ENDINGS
    )  # fmt: skip
    context = Context(now=DRAFT.sent_at, issuing=True, live=live([FIRST, SECOND], DRAFT.sent_at), meant=made)
    findings = check(build(made), context)
    assert [one.sentence() for one in findings if one.weight is REJECT and one.rule != "C46"] == []


def test_chain_is_not_changed_when_nothing_is_in_force() -> None:
    with pytest.raises(WarningError, match="new Alert"):
        update([FIRST], sent(3, 20))
    with pytest.raises(WarningError, match="new Alert"):
        update([], DRAFT)
    with pytest.raises(WarningError, match="nothing to cancel"):
        cancel([], identifier="x", sent_at=SENT, note="", endings=ENDINGS)


def test_messages_of_another_sender_are_not_changed() -> None:
    with pytest.raises(WarningError, match="another sender"):
        update([replace(FIRST, sender="other@met.example")], DRAFT)


def test_message_is_later_than_all_of_its_chain() -> None:
    with pytest.raises(WarningError, match="no earlier"):
        update([FIRST, sent(2, 4)], DRAFT)


def test_every_language_needs_an_ending() -> None:
    with pytest.raises(WarningError, match="zh-CN"):
        cancel([FIRST], identifier="x", sent_at=DRAFT.sent_at, note="", endings={"en-GB": Ending("over")})


def test_identifier_names_root_second_and_number() -> None:
    assert identifier(ROOT, SENT, 7) == "urn:oid:2.49.0.1.156.0.20260301100000.7"


@pytest.mark.parametrize(("root", "number"), [("", 1), ("a b", 1), ("a,b", 1), ("a<b", 1), ("a", -1)])
def test_identifier_holds_nothing_that_breaks_a_reference(root: str, number: int) -> None:
    with pytest.raises(WarningError):
        identifier(root, SENT, number)
