"""What a feed named once must come in the end, and what it repeats must not look new."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.model import Payload
from data.store.archive import Archive
from data.store.engine import Store
from data.store.runs import read_state
from data.store.tables import incoming_warning, observation
from ingest import runner
from ingest.cap_feed import SPEC as CAP
from ingest.cap_feed import CapFeed
from ingest.http import Http
from ingest.runner import Desk, RunReport, ingest_payloads, run_source
from ingest.usgs_quakes import SPEC as QUAKES
from ingest.usgs_quakes import UsgsQuakes
from tests.ingest.test_runner import NOW, Stand, body
from tests.ingest.test_runner import stand as stand
from tests.running import quake_feed

MINUTE = timedelta(minutes=1)


def test_address_that_failed_is_asked_again_although_its_index_did_not_change(stand: Stand) -> None:
    feeds = stand.feeds
    feeds.serve_with_etag("/feed", json.dumps({"follow": [feeds.url("/one"), feeds.url("/two")]}).encode(), '"v1"')
    feeds.serve("/one", b"busy", status=500)
    feeds.serve("/two", body(("b", "11:00", 2.5)))
    assert stand.run().stored == 1
    feeds.serve("/one", body(("a", "11:00", 1.5)))
    stand.at += MINUTE
    assert stand.run().stored == 1
    stand.at += MINUTE
    stand.run()
    before = feeds.count("/one")
    stand.at += MINUTE
    stand.run()  # all is here: the index is not read again
    assert feeds.count("/one") == before


def test_payload_that_could_not_be_stored_is_asked_for_again(stand: Stand) -> None:
    feeds = stand.feeds
    feeds.serve_with_etag("/feed", json.dumps({"follow": [feeds.url("/one"), feeds.url("/two")]}).encode(), '"v1"')
    feeds.serve_with_etag("/one", b'{"raise": true}', '"v1"')
    feeds.serve("/two", body(("b", "11:00", 2.5)))
    assert stand.run().outcome == "stored"
    stand.at += MINUTE
    stand.run()
    assert feeds.count("/one") == 2


def test_index_longer_than_a_run_gives_all_it_names_in_a_few_runs(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "MAX_FOLLOW", 3)
    feeds = stand.feeds
    feeds.serve_with_etag("/feed", json.dumps({"follow": [feeds.url(f"/{n}") for n in range(8)]}).encode(), '"v1"')
    for number in range(8):
        feeds.serve(f"/{number}", body((f"s{number}", "11:00", 1.5)))
    for _ in range(3):
        stand.run()
        stand.at += MINUTE
    assert len(stand.all(observation)) == 8


def quakes_made(at: datetime) -> bytes:
    quake = {"id": "us1", "mag": 4.0, "lon": 10.0, "lat": 20.0, "at_ms": int((NOW - 60 * MINUTE).timestamp() * 1000)}
    return quake_feed(quake, generated_ms=int(at.timestamp() * 1000))


@pytest.mark.parametrize("conditional", [False, True], ids=["served again", "not modified"])
def test_feed_that_serves_an_old_copy_is_not_heard(stand: Stand, conditional: bool) -> None:
    feeds = stand.feeds
    if conditional:
        feeds.serve_with_etag("/quakes", quakes_made(NOW), '"v1"')
    else:
        feeds.serve("/quakes", quakes_made(NOW))
    source = UsgsQuakes(replace(QUAKES, url=feeds.url("/quakes")))
    http = Http(allow_hosts=(feeds.host,), clock=lambda: stand.at, attempts=1, attempt_s=2)
    assert run_source(source, stand.desk(), http).stored == 1
    for _ in range(30):  # a proxy gives the same copy for half an hour
        stand.at += MINUTE
        run_source(source, stand.desk(), http)
    with stand.store.read() as connection:
        state = read_state(connection, "usgs_quakes")
    assert state is not None and state.failing_since is not None
    assert state.last_success_at <= NOW + 12 * MINUTE
    assert "made" in state.reason
    feeds.serve("/quakes", quakes_made(stand.at))
    run_source(source, stand.desk(), http)
    with stand.store.read() as connection:
        state = read_state(connection, "usgs_quakes")
    assert state is not None and state.failing_since is None


def alert(number: int, kind: str = "Alert", refers: str = "") -> bytes:
    return f"""<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>a{number}</identifier>
<sender>met@example.org</sender><sent>2026-03-01T11:{number:02d}:00+00:00</sent><status>Actual</status>
<msgType>{kind}</msgType><scope>Public</scope>{f"<references>{refers}</references>" if refers else ""}
<info><category>Met</category><event>Gale</event><urgency>Expected</urgency><severity>Severe</severity>
<certainty>Likely</certainty><expires>2026-03-02T11:00:00+00:00</expires>
<area><areaDesc>Sea</areaDesc></area></info></alert>""".encode()


def wrapped(*alerts: bytes) -> bytes:
    return b"<alerts>" + b"".join(alerts) + b"</alerts>"


def test_two_feeds_with_the_same_warnings_at_once_store_each_of_them_once(store: Store, home: Path) -> None:
    """Read through two feeds at the same moment; the update goes through one and what it replaces through both."""
    desk = Desk(store=store, archive=Archive(home / "payloads"), home=home, clock=lambda: NOW)
    for turn in range(0, 40, 2):
        refers = f"met@example.org,a{turn},2026-03-01T11:{turn:02d}:00+00:00"
        first, second = alert(turn), alert(turn + 1, "Update", refers)
        reports: list[RunReport] = []
        gate = threading.Barrier(2)

        def read(key: str, body: bytes, gate: threading.Barrier = gate, into: list[RunReport] = reports) -> None:
            source = CapFeed(replace(CAP, key=key))
            gate.wait()
            into.append(ingest_payloads(source, desk, [Payload(source="", body=body, received_at=NOW)]))

        threads = [
            threading.Thread(target=read, args=("one", wrapped(first))),
            threading.Thread(target=read, args=("two", wrapped(first, second) if turn % 4 else wrapped(second))),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [item.reason for item in reports] == ["", ""]
    with store.read() as connection:
        rows = connection.execute(sa.select(incoming_warning)).all()
    assert len(rows) == 40
    assert {row.id for row in rows if row.replaced_by is None} == {f"a{n}" for n in range(1, 40, 2)}
