from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.errors import BadPayload
from data.model import EventStatus, Payload
from data.store.archive import Archive
from data.store.changes import read_versions
from data.store.engine import Store, open_store
from data.store.tables import change, event, event_revision
from ingest.runner import Desk, RunReport, ingest_payloads
from ingest.usgs_quakes import UsgsQuakes

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOURCE = UsgsQuakes()


def quake(
    native: str, *, minutes: float = 0, mag: float | None = 4.0, place: Any = (10.0, 20.0, 5.0), **more: Any
) -> Any:
    at = int((NOW - timedelta(hours=1)).timestamp() * 1000)
    geometry = None if place is None else {"type": "Point", "coordinates": list(place)}
    properties = {"mag": mag, "time": at, "updated": at + int(minutes * 60_000), "type": "earthquake", **more}
    return {"type": "Feature", "id": native, "properties": properties, "geometry": geometry}


def payload(*features: Any, received_at: datetime = NOW, **more: Any) -> Payload:
    body = json.dumps({"type": "FeatureCollection", "features": features, **more}).encode()
    return Payload(source="usgs_quakes", body=body, received_at=received_at)


def desk(store: Store, home: Path) -> Desk:
    return Desk(store=store, archive=Archive(home / "payloads"), home=home, clock=lambda: NOW)


def put(store: Store, home: Path, *payloads: Payload) -> RunReport:
    return ingest_payloads(SOURCE, desk(store, home), payloads)


def rows(store: Store) -> list[tuple[Any, ...]]:
    """What is kept, without the columns that tell of the order of arrival."""
    names = [column for column in event.c if column.name not in ("received_at", "payload_id")]
    with store.read() as connection:
        found = [tuple(map(str, row)) for row in connection.execute(sa.select(*names).order_by(event.c.id))]
        kept = connection.execute(
            sa.select(event_revision.c.id, event_revision.c.digest).order_by(
                event_revision.c.id, event_revision.c.digest
            )
        )
        return found + [tuple(row) for row in kept]


def one(store: Store, native: str) -> sa.Row[Any]:
    with store.read() as connection:
        return connection.execute(sa.select(event).where(event.c.id == native)).one()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("AUTOMATIC", EventStatus.ACTIVE),
        ("reviewed", EventStatus.REVIEWED),
        ("deleted", EventStatus.DELETED),
        (None, EventStatus.ACTIVE),
    ],
)
def test_parse_status_in_any_case(written: str | None, expected: EventStatus) -> None:
    (found,) = SOURCE.parse(payload(quake("us1", status=written))).records
    assert found.status is expected  # type: ignore[union-attr]


def test_parse_keeps_missing_and_negative_magnitudes_and_other_kinds() -> None:
    parsed = SOURCE.parse(payload(quake("a", mag=None), quake("b", mag=-0.6), quake("c", type="quarry_blast")))
    found = {item.id: item for item in parsed.records}  # type: ignore[union-attr]
    assert found["a"].magnitude is None  # type: ignore[union-attr]
    assert found["b"].magnitude == -0.6  # type: ignore[union-attr]
    assert found["c"].kind == "quarry blast"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("feature", "reason"),
    [
        (quake("x", place=None), "no coordinates"),
        (quake("x", place=(10.0, 95.0, 1.0)), "latitude 95.0 is not within"),
        (quake("x", mag="strong"), "mag is not a number"),
        (quake("x", mag=True), "mag is not a number"),
        (quake("x", mag=99), "not within"),
        (quake("x", time=None), "no time"),
        (quake("x", time=1e30), "not within"),
        (quake(""), "no id"),
        (quake("x" * 200), "no id"),
        ("text", "not a feature"),
        ({"id": "x", "properties": [1]}, "not a feature"),
    ],
)
def test_parse_bad_feature_is_a_reject_and_the_rest_stays(feature: Any, reason: str) -> None:
    parsed = SOURCE.parse(payload(quake("good"), feature))
    assert len(parsed.records) == 1
    assert reason in parsed.rejects[0].reason


@pytest.mark.parametrize("body", [b"[]", b"3", b'{"type": "FeatureCollection"}', b'{"type": "Topology"}'])
def test_parse_something_else_is_a_bad_payload(body: bytes) -> None:
    with pytest.raises(BadPayload):
        SOURCE.parse(Payload(source="usgs_quakes", body=body, received_at=NOW))


def test_put_second_run_stores_nothing_and_moves_no_version(store: Store, home: Path) -> None:
    item = payload(quake("us1"), quake("us2"))
    first = put(store, home, item)
    with store.read() as connection:
        before = read_versions(connection)
    second = put(store, home, item)
    with store.read() as connection:
        assert read_versions(connection) == before
    assert (first.stored, second.stored, second.unchanged, second.outcome) == (2, 0, 2, "unchanged")


def test_put_revisions_in_any_order_twice_give_the_same_rows(
    sqlite_url: str, home: Path, tmp_path: Path, sqlite_template: Path
) -> None:
    feeds = [
        payload(quake("us1"), quake("us2")),
        payload(quake("us1", minutes=5, mag=4.4, ids=",us1,nc1,")),
        payload(quake("nc1", minutes=9, mag=4.5, ids=",us1,nc1,"), quake("us2", minutes=3, status="reviewed")),
        payload(quake("us2", minutes=8, status="deleted", place=None, mag=None)),
        payload(quake("nc1", minutes=9, mag=4.6, ids=",us1,nc1,")),
        payload(quake("at1", minutes=12, mag=4.6, ids=",at1,nc1,")),
        payload(quake("gone", minutes=1, status="deleted", place=None)),
    ]
    pictures = []
    for seed in range(6):
        url = f"sqlite:///{tmp_path / f'{seed}.db'}"
        (tmp_path / f"{seed}.db").write_bytes(sqlite_template.read_bytes())
        opened = open_store(url)
        order = feeds * 2 if seed else feeds
        if seed:
            random.Random(seed).shuffle(order)
        put(opened, home, *order)
        pictures.append(rows(opened))
        last = {native: one(opened, native) for native in ("us1", "us2", "nc1", "at1")}
        opened.close()
    assert all(picture == pictures[0] for picture in pictures)
    assert (last["us1"].same_as, last["nc1"].same_as, last["at1"].same_as) == ("at1", "at1", None)
    assert (last["us2"].status, last["us2"].lon, last["us2"].magnitude, last["us2"].revision) == (
        "deleted",
        10.0,
        4.0,
        3,
    )


def test_put_older_revision_arriving_late_is_kept_but_not_shown(store: Store, home: Path) -> None:
    put(store, home, payload(quake("us1", minutes=5, mag=5.0)))
    late = put(store, home, payload(quake("us1", minutes=1, mag=3.0)))
    assert (late.stored, one(store, "us1").magnitude, one(store, "us1").revision) == (1, 5.0, 2)


def test_put_leaving_the_feed_changes_nothing(store: Store, home: Path) -> None:
    put(store, home, payload(quake("us1")))
    put(store, home, payload())
    assert one(store, "us1").status == "active"


def test_put_tells_what_changed(store: Store, home: Path) -> None:
    put(store, home, payload(quake("us1")))
    put(store, home, payload(quake("us1", minutes=2, mag=4.9)))
    put(store, home, payload(quake("us1", minutes=3, mag=4.9, status="deleted")))
    put(store, home, payload(*(quake(f"many{number}") for number in range(60))))
    with store.read() as connection:
        told = list(connection.execute(sa.select(change.c.kind, change.c.subject).order_by(change.c.id)))
    assert [tuple(row) for row in told] == [
        ("event-new", "usgs_quakes/us1"),
        ("event-revised", "usgs_quakes/us1"),
        ("event-deleted", "usgs_quakes/us1"),
        ("events-new", "usgs_quakes"),
    ]


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "count", "lowest", "highest"),
    [
        ("usgs_geojson/all_day_2014-02-05.geojson", 198, -0.06, 5.5),
        ("usgs_geojson/m1_day_2019.geojson", 158, 0.96, 5.3),
        ("usgs_geojson/significant_month_2014.geojson", 12, 2.7, 6.8),
        ("usgs_geojson/earthquakes-1.json", 3, 1.25, 3.0),
        ("usgs_geojson/earthquakes-2.json", 0, None, None),
        ("usgs_geojson/fdsnws_query_2017-01-01_10_maxmag0.1.geojson", 109, -0.59, 0.1),
        ("usgs_geojson/fdsnws_query_northridge_1994.geojson", 1, 6.7, 6.7),
        ("usgs_detail/detail_us1000778i_kaikoura_M7.8.geojson", 1, 7.8, 7.8),
        ("usgs_detail/detail_us2000ar20.geojson", 1, 7.1, 7.1),
        ("usgs_detail/detail_allversions_us10007uph_png_M7.9.geojson", 1, 7.9, 7.9),
        ("usgs_detail/detail_ci38457511_ridgecrest_M7.1.geojson", 1, 7.1, 7.1),
        ("usgs_detail/detail_ci38038071_laverne_M4.4.geojson", 1, 4.38, 4.38),  # its title rounds
        ("usgs_detail/detail_us6000pi9w_dingri_M7.1.geojson", 1, 7.1, 7.1),
    ],
)
def test_recorded_feed_has_its_stated_facts(
    recorded: Path, sqlite_url: str, home: Path, name: str, count: int, lowest: float | None, highest: float | None
) -> None:
    opened = open_store(sqlite_url)
    item = Payload(source="usgs_quakes", body=(recorded / name).read_bytes(), received_at=NOW)
    first, second = put(opened, home, item), put(opened, home, item)
    with opened.read() as connection:
        low, high = connection.execute(
            sa.select(sa.func.min(event.c.magnitude), sa.func.max(event.c.magnitude))
        ).one()
    opened.close()
    assert (first.parsed, first.stored, first.rejected) == (count, count, ())
    assert (second.stored, second.unchanged) == (0, count)
    assert (low, high) == (lowest, highest)
