"""Who may see which survey: every class, scope and grant; requests and decisions; what is written of readings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from access import audit
from access.sharing import grants, reads
from access.sharing.permits import permit
from access.sharing.terms import CLASSES
from data.actor import Actor
from data.errors import NotPermitted
from data.permit import UNKNOWN, Permit
from data.store.catalogue import Dataset, put_dataset
from data.store.engine import Store
from data.store.tables import audit as audit_table

ABOVE = {"110101": ("110101", "11"), "120101": ("120101", "12"), "11": ("11",), "12": ("12",)}
READER = Actor(1, "reader@eoc.example", "", frozenset({"duty"}))
PLANNER = Actor(2, "planner@eoc.example", "", frozenset({"planner"}))
CHIEF = Actor(3, "chief@eoc.example", "", frozenset({"approver"}))
WHY = "flood shelter planning of the district"


def above(code: str) -> Collection[str]:
    return ABOVE.get(code, ())


def catalogue(store: Store, now: datetime) -> None:
    """One dataset of each class, named for it."""
    with store.write() as connection:
        for word in ("public", "shared", "restricted", "secret"):
            dataset = Dataset(
                name=word, title={"en": word}, level="county", unit="11", sector="housing", kind="site",
                data_class=word,  # type: ignore[arg-type]
            )  # fmt: skip
            put_dataset(connection, dataset, at=now, by="test")


def seen(store: Store, actor: Actor, name: str, now: datetime) -> Permit:
    with store.read() as connection:
        return permit(connection, actor, name, now)


def request(name: str, now: datetime, **changes: Any) -> grants.Request:
    wanted: dict[str, Any] = {
        "dataset": name,
        "purpose": WHY,
        "allows": "records",
        "expires_at": now + timedelta(days=30),
    }
    return grants.Request(**wanted | changes)


def grant(store: Store, name: str, now: datetime, by: Actor = CHIEF, **changes: Any) -> int:
    with store.write() as connection:
        number = grants.ask(connection, READER, request(name, now, **changes), now)
        grants.decide(connection, by, number, True, "agreed", now, above)
    return number


EXPECTED = {
    # class: (counts, records, export, least) of a reader, and of a planner, without any grant
    "public": ((True, True, True, 1), (True, True, True, 1)),
    "shared": ((True, False, False, 5), (True, False, False, 5)),
    "restricted": ((False, False, False, 1), (True, False, False, 10)),
    "secret": ((False, False, False, 1), (False, False, False, 1)),
    "nobody-knows": ((False, False, False, 1), (True, True, False, 1)),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_a_class_gives_unasked(store: Store, now: datetime, name: str) -> None:
    catalogue(store, now)
    for actor, expected in zip((READER, PLANNER), EXPECTED[name], strict=True):
        found = seen(store, actor, name, now)
        assert (found.counts, found.records, found.export, found.least) == expected
        assert bool(found.why) is not found.export
    assert seen(store, PLANNER, "nobody-knows", now).data_class == UNKNOWN


def test_every_class_has_terms_and_who_only_looks_sees_nothing(store: Store, now: datetime) -> None:
    catalogue(store, now)
    assert set(CLASSES) == {"public", "shared", "restricted", "secret", UNKNOWN}
    viewer = replace(READER, roles=frozenset({"viewer"}))
    assert not any(seen(store, viewer, name, now).counts for name in CLASSES)


@pytest.mark.parametrize("limits", [{"levels": ("national",)}, {"sectors": ("bridges",)}])
def test_limits_to_levels_and_sectors_hold_whatever_is_granted(
    store: Store, now: datetime, limits: dict[str, Any]
) -> None:
    catalogue(store, now)
    grant(store, "shared", now)
    assert seen(store, READER, "shared", now).records
    limited = replace(READER, **limits)
    assert not seen(store, limited, "shared", now).counts and not seen(store, limited, "nobody-knows", now).counts
    fitting = replace(READER, levels=("county",), sectors=("housing", "bridges"))
    assert seen(store, fitting, "shared", now).records


def test_a_limit_to_regions_holds_the_declared_region_or_the_whole_unit(store: Store, now: datetime) -> None:
    catalogue(store, now)
    elsewhere = seen(store, replace(READER, regions=("12",)), "shared", now)
    assert elsewhere.covers("120101", above) and not elsewhere.covers("110101", above)
    assert not elsewhere.covers("", above) and not elsewhere.covers("999999", above)
    home = seen(store, replace(READER, regions=("11",)), "shared", now)
    assert home.covers("110101", above) and home.covers("", above)  # its unit lies in 11: every record is its own
    assert home.key != elsewhere.key == seen(store, replace(READER, regions=("12",), id=9), "shared", now).key


def test_a_grant_narrows_within_the_account_and_ends(store: Store, now: datetime) -> None:
    catalogue(store, now)
    number = grant(store, "secret", now, regions=("12",), facets={"grade": ("1",)}, allows="export")
    found = seen(store, READER, "secret", now)
    assert found.export and found.grant == number and found.facets == {"grade": ("1",)} and found.least == 1
    assert found.covers("120101", above) and not found.covers("110101", above)
    assert not seen(store, CHIEF, "secret", now).counts
    limited = seen(store, replace(READER, regions=("13",)), "secret", now)
    assert not limited.covers("120101", above)
    assert not seen(store, READER, "secret", now + timedelta(days=30)).counts
    with store.write() as connection:
        grants.revoke(connection, CHIEF, number, now, above)
    assert not seen(store, READER, "secret", now).counts
    with store.read() as connection:
        assert grants.state_of(grants.read(connection, number), now) == "revoked"


def test_of_several_grants_the_one_that_allows_most_holds(store: Store, now: datetime) -> None:
    catalogue(store, now)
    grant(store, "secret", now, allows="export")
    grant(store, "secret", now, allows="counts")
    assert seen(store, READER, "secret", now).export


def test_an_office_sets_the_least_number_itself(store: Store, now: datetime) -> None:
    catalogue(store, now)
    for least in (12, 25):
        with store.write() as connection:
            grants.set_terms(connection, CHIEF, "shared", least=least, accuracy_m=5.0, now=now)
    found = seen(store, READER, "shared", now)
    assert found.least == 25 and found.accuracy_m == 5.0
    refused: tuple[tuple[Actor, dict[str, Any]], ...] = (
        (PLANNER, {}), (replace(CHIEF, regions=("11",)), {}), (CHIEF, {"least": 0}), (CHIEF, {"least": 9_999}),
        (CHIEF, {"accuracy_m": 0.0}), (CHIEF, {"accuracy_m": 1e9}),
    )  # fmt: skip
    for actor, wrong in refused:
        terms: dict[str, Any] = {"least": 5, "accuracy_m": 2.5} | wrong
        with store.write() as connection, pytest.raises(NotPermitted):
            grants.set_terms(connection, actor, "shared", now=now, **terms)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"purpose": "  x  "}, grants.NO_PURPOSE), ({"expires_at": 0}, grants.TOO_LONG),
        ({"expires_at": 400}, grants.TOO_LONG),
    ],
)  # fmt: skip
def test_a_request_has_a_purpose_and_an_end(
    store: Store, now: datetime, changes: dict[str, Any], message: str
) -> None:
    if "expires_at" in changes:
        changes = {"expires_at": now + timedelta(days=changes["expires_at"])}
    with store.write() as connection, pytest.raises(NotPermitted, match=message[:20]):
        grants.ask(connection, READER, request("shared", now, **changes), now)


def test_somebody_else_decides_once_within_their_own_limits(store: Store, now: datetime) -> None:
    both = replace(READER, roles=frozenset({"duty", "approver"}))
    with store.write() as connection:
        number = grants.ask(connection, both, request("shared", now, regions=("12",)), now)
    for actor, message in (
        (both, grants.NOT_OWN), (PLANNER, grants.NOT_DECIDE), (replace(CHIEF, regions=("11",)), grants.BEYOND),
    ):  # fmt: skip
        with store.write() as connection, pytest.raises(NotPermitted, match=message[:30]):
            grants.decide(connection, actor, number, True, "", now, above)
    with store.write() as connection:
        grants.decide(connection, replace(CHIEF, regions=("12",)), number, False, "no agreement", now, above)
    with store.write() as connection, pytest.raises(NotPermitted, match="decided already"):
        grants.decide(connection, CHIEF, number, True, "", now, above)
    assert not seen(store, READER, "secret", now).counts
    with store.read() as connection:
        actions = list(connection.execute(sa.select(audit_table.c.action).order_by(audit_table.c.seq)).scalars())
    assert actions == ["survey.ask", "survey.refuse"]


def entries(store: Store) -> list[tuple[str, str]]:
    with store.read() as connection:
        assert audit.verify(connection) is None
        rows = connection.execute(sa.select(audit_table.c.action, audit_table.c.actor).order_by(audit_table.c.seq))
        return [tuple(row) for row in rows]


def test_each_statistic_and_page_is_an_entry_and_a_picture_of_many_tiles_is_one(store: Store, now: datetime) -> None:
    catalogue(store, now)
    shared, tiles = seen(store, READER, "shared", now), reads.TileReads()
    reads.note_read(store, shared, "counts", now, {"where": "x"})
    reads.note_read(store, shared, "counts", now)
    for second in range(200):
        tiles.note(store, shared, now + timedelta(seconds=second))
    assert entries(store) == [(f"survey.{kind}", READER.email) for kind in ("counts", "counts", "tiles")]
    with store.read() as connection:
        times = {row.kind: row.times for row in reads.of_dataset(connection, "shared")}
    assert times == {"counts": 2, "tiles": 181}  # the last, of less than half a minute, wait
    tiles.note(store, shared, now + timedelta(hours=1))
    with store.read() as connection:
        kept = [(row.kind, row.times) for row in reads.of_dataset(connection, "shared")]
    assert sorted(kept) == [("counts", 2), ("tiles", 1), ("tiles", 200)]
    assert len(entries(store)) == 4


def test_public_data_is_read_without_a_trace(store: Store, now: datetime) -> None:
    catalogue(store, now)
    public = seen(store, READER, "public", now)
    reads.note_read(store, public, "rows", now)
    reads.TileReads().note(store, public, now)
    assert entries(store) == []
