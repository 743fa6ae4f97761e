"""Handing over a shift: the whole picture, two accounts, and nothing of it can be changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from access import audit
from alerts.handover import MOST_NOTES, last, sign_over, situation, take_over
from data.errors import WarningError
from data.store.engine import Store
from data.store.tables import audit as audit_table
from data.store.tables import delivery, handover, mute, notice, outgoing, source_state, warning
from tests.alerts.desk.conftest import ANNA, BO, NOW, desk, person, router, sign, signer, submitted, write

__all__ = ("desk", "router", "sign", "signer", "submitted", "write")
DORA, EMIL = person("dora", "duty"), person("emil", "duty")
Act = Callable[..., Any]


@pytest.fixture
def act(store: Store) -> Act:
    def step(what: Act, *words: Any, now: Any = NOW) -> Any:
        with store.write() as connection:
            return what(connection, *words, now=now, audit=audit.append)

    return step


def test_picture_shows_what_the_next_officer_must_know(store: Store, submitted: Act, sign: Act) -> None:
    sign(submitted())
    waits = submitted()
    with store.write() as connection:
        connection.execute(sa.update(warning).where(warning.c.id == 1).values(lock_by=""))
        connection.execute(notice.insert().values(cause="disk", opened_at=NOW, last_at=NOW, detail={"what": "Disk"}))
        connection.execute(
            notice.insert().values(cause="old", opened_at=NOW, last_at=NOW, closed_at=NOW, detail={"what": "x"})
        )
        for source, enabled, failing in (("a", True, NOW), ("b", True, None), ("c", False, NOW)):
            connection.execute(
                source_state.insert().values(
                    source=source, enabled=enabled, failing_since=failing, reason="no answer", validators={}
                )
            )
        for until in (timedelta(hours=1), -timedelta(hours=1)):
            connection.execute(
                mute.insert().values(
                    rule="", hazard="", region="", up_to=2, starts_at=NOW - timedelta(hours=2), ends_at=NOW + until,
                    owner="dora", reason="works", created_at=NOW,
                )
            )  # fmt: skip
        connection.execute(outgoing.insert().values(sha256="1" * 64, form="cap", body=b"x", created_at=NOW))
        approval_id = connection.execute(sa.select(warning.c.approval_id).where(warning.c.id == 1)).scalar_one()
        connection.execute(
            delivery.insert().values(
                key="k", warning_id=1, approval_id=approval_id, channel="email", recipient="x", state="failed",
                payload_sha256="1" * 64, next_at=NOW, created_at=NOW,
            )
        )  # fmt: skip
    late = NOW + timedelta(minutes=1)
    with store.read() as connection:
        found = situation(connection, late, None)
    assert [one["id"] for one in found["in_force"]] == [1]
    assert [(one["id"], one["state"]) for one in found["waiting"]] == [(waits.id, "submitted")]
    assert [one["source"] for one in found["feeds"]] == ["a"]
    assert [one["cause"] for one in found["notices"]] == ["disk"]
    assert len(found["mutes"]) == 1
    assert found["deliveries"] == {"failed": 1}
    assert found["levels"] is None  # nothing was evaluated: not the same as no unknown region
    assert found["changed"]["issued"] == {"alert": 1}
    with store.read() as connection:
        ends = situation(connection, found_end(found) - timedelta(hours=1), None)
    assert ends["in_force"][0]["soon"]


def found_end(found: Any) -> Any:
    from data.clock import parse_time

    return parse_time(found["in_force"][0]["expires_at"])


def test_i25_two_accounts_sign_and_both_are_in_the_chain(store: Store, act: Act) -> None:
    signed = act(sign_over, DORA, "  river gauge 7 is odd ")
    assert (signed.number, signed.notes, signed.incoming) == (1, "river gauge 7 is odd", "")
    with pytest.raises(WarningError, match="not the account that hands over"):
        act(take_over, DORA, 1)
    taken = act(take_over, EMIL, 1, now=NOW + timedelta(minutes=5))
    assert (taken.outgoing, taken.incoming, taken.accepted_at) == (DORA.email, EMIL.email, NOW + timedelta(minutes=5))
    with store.read() as connection:
        rows = connection.execute(sa.select(audit_table).order_by(audit_table.c.seq)).all()
    assert [(row.actor, row.action) for row in rows] == [
        (DORA.email, "handover.signed"), (EMIL.email, "handover.taken"),
    ]  # fmt: skip
    assert rows[0].detail["sha256"] == taken.content_sha256


def test_next_one_counts_from_the_one_before(act: Act) -> None:
    act(sign_over, DORA, "")
    with pytest.raises(WarningError, match="not been taken over yet"):
        act(sign_over, EMIL, "")
    later = NOW + timedelta(hours=8)
    act(take_over, EMIL, 1, now=later)
    second = act(sign_over, EMIL, "", now=later + timedelta(hours=8))
    assert (second.number, second.since) == (2, later)


@pytest.mark.parametrize(
    ("step", "words", "why"),
    [
        pytest.param(sign_over, (ANNA, ""), "Only a duty officer", id="not on duty"),
        pytest.param(sign_over, (DORA, "x" * (MOST_NOTES + 1)), "too long", id="long notes"),
        pytest.param(take_over, (EMIL, 1), "no such handover", id="nothing to take"),
        pytest.param(take_over, (BO, 1), "Only a duty officer", id="taker not on duty"),
    ],
)
def test_what_may_not_be(act: Act, step: Act, words: Any, why: str) -> None:
    with pytest.raises(WarningError, match=why):
        act(step, *words)


def test_taking_over_twice_is_refused(act: Act) -> None:
    act(sign_over, DORA, "")
    act(take_over, EMIL, 1)
    with pytest.raises(WarningError, match="already"):
        act(take_over, replace(EMIL, email="fred@office.example"), 1)


def test_signed_handover_cannot_be_changed_even_around_the_service(store: Store, act: Act) -> None:
    act(sign_over, DORA, "as it was")
    attempts = [
        handover.update().values(notes="other"),
        handover.update().values(content={}),
        handover.update().values(outgoing="x"),
        handover.update().values(incoming=DORA.email, accepted_at=NOW),  # the same person
        handover.update().values(incoming=EMIL.email),  # without its time
        handover.delete(),
    ]
    for attempt in attempts:
        with pytest.raises(sa.exc.DBAPIError), store.write() as connection:
            connection.execute(attempt)
    act(take_over, EMIL, 1)
    with pytest.raises(sa.exc.DBAPIError), store.write() as connection:
        connection.execute(handover.update().values(incoming="fred@office.example"))
    with store.read() as connection:
        found = last(connection)
    assert found is not None
    assert (found.notes, found.incoming) == ("as it was", EMIL.email)
