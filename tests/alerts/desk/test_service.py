"""From a draft to an issued message: who may do what, what it takes, and what it leaves behind; on both databases."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from access.audit import verify
from alerts.cap.sign import verify as verify_signature
from alerts.desk.desk import Desk
from alerts.desk.read import DeskWarning, approval_of, in_force, steps
from alerts.desk.refusal import Refusal
from alerts.desk.service import Approved, save, submit
from data.store.engine import Store
from data.store.tables import audit
from tests.alerts.desk.conftest import ANNA, BO, CHEN, EVE, NOW, Recorder, Switchable, later, person, text

Submitted = Callable[..., DeskWarning]
Sign = Callable[..., Approved]
Write = Callable[..., Any]


def told(store: Store) -> list[tuple[str, str]]:
    with store.read() as connection:
        assert verify(connection) is None
        return [
            (row.actor.split("@")[0], row.action)
            for row in connection.execute(sa.select(audit).order_by(audit.c.seq))
        ]


def test_two_people_issue_a_warning(
    store: Store, submitted: Submitted, sign: Sign, router: Recorder, signer: Switchable
) -> None:
    item = submitted()
    made = sign(item)
    assert (made.item.state, made.deliveries, made.unsigned_reason) == ("issued", 3, "")
    issued = router.issued[0]
    assert issued.regions == ("CN-110101",)
    assert [one.headline for one in issued.alert.info] == [
        "Orange warning of Rainstorm for CN-110101", "CN-110101暴雨橙色预警"
    ]  # fmt: skip
    certificate = signer.inner._signer.certificate
    assert verify_signature(issued.signed, (certificate,), now=NOW) == issued.alert
    with store.read() as connection:
        kept = approval_of(connection, made.item)
        assert [one.id for one in in_force(connection, NOW)] == [item.id]
        assert in_force(connection, later(hours=7)) == []
        assert [one.decision for one in steps(connection, item.id)] == ["submitted", "approved"]
    assert kept is not None and (kept.author, kept.approver) == (ANNA.email, BO.email)
    assert kept.body_sha256 == hashlib.sha256(made.item.body or b"").hexdigest()
    assert told(store) == [
        ("anna", "warning.drafted"), ("anna", "warning.submitted"), ("bo", "warning.approved"),
        ("desk", "warning.issued"),
    ]  # fmt: skip


def test_i4_nobody_signs_what_they_wrote_or_submitted(
    store: Store, submitted: Submitted, sign: Sign, write: Write, desk: Desk, router: Recorder
) -> None:
    item = submitted()
    with pytest.raises(Refusal, match="Somebody else signs it"):
        sign(item, by=ANNA)
    edited = write(save, item.id, item.edition, text(desk, note="more"), by=BO)
    again = write(submit, edited.id, edited.edition, by=ANNA)
    with pytest.raises(Refusal, match="Somebody else signs it"):
        sign(again, by=BO)
    with pytest.raises(Refusal, match="Somebody else signs it"):
        sign(again, by=ANNA)
    assert not router.issued
    assert sign(again, by=CHEN).item.state == "issued"


@pytest.mark.parametrize("who", [EVE, person("dora", "author"), person("fred")], ids=["admin", "author", "nobody"])
def test_asvs_8_3_1_roles_are_checked_in_the_service(submitted: Submitted, sign: Sign, who: Any) -> None:
    with pytest.raises(Refusal, match="needs the role"):
        sign(submitted(), by=who)
