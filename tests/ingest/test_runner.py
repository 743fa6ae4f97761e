from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.errors import BadPayload, StaleLeader
from data.model import Observation, Parsed, Payload, Reject, Station
from data.settings import Settings
from data.store.archive import Archive
from data.store.changes import read_versions
from data.store.engine import Store
from data.store.leader import try_lead
from data.store.runs import read_state
from data.store.tables import change, observation, payload, reject, run, station
from ingest import command
from ingest.http import Http
from ingest.runner import Desk, ingest_payloads, run_source
from ingest.source import SourceSpec
from ingest.usgs_quakes import UsgsQuakes
from tests.ingest.feedserver import FeedServer, run_feed_server

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPEC = SourceSpec(
    key="gauge", title="Gauge", provider="", hazard="water", url="", licence="", credit="",
    every=timedelta(minutes=1), stale_after=timedelta(hours=1),
)  # fmt: skip


@dataclass(frozen=True)
class Gauge:
    """A feed whose body is JSON: {"values": [[station, ISO time, value], ...], "follow": [...], "rejects": [...]}."""

    spec: SourceSpec = SPEC

    def fetch(self, http: Http, since: datetime | None) -> Sequence[Payload]:
        found = http.get(self.spec.url)
        return [] if found is None else [found]

    def parse(self, item: Payload) -> Parsed:
        try:
            told = json.loads(item.body)
        except ValueError as error:
            raise BadPayload("gauge", f"not JSON: {error}") from error
        if told.get("raise"):
            raise ZeroDivisionError("a fault in the parser")
        records: list[Any] = [
            Observation(
                station=name, quantity="river_stage", unit="m", observed_at=datetime.fromisoformat(at), value=value
            )
            for name, at, value in told.get("values", [])
        ]
        records += [Station(id=name, lon=1.0, lat=2.0, name=title) for name, title in told.get("stations", [])]
        newest = max((item.observed_at for item in records if isinstance(item, Observation)), default=None)
        rejects = tuple(Reject(id=name, reason="odd") for name in told.get("rejects", []))
        return Parsed(records=tuple(records), rejects=rejects, data_at=newest, follow=tuple(told.get("follow", [])))


@dataclass
class Stand:
    store: Store
    home: Path
    feeds: FeedServer
    at: datetime = NOW
    epoch: int | None = None
    paths: list[str] = field(default_factory=list)

    def desk(self) -> Desk:
        archive = Archive(self.home / "payloads")
        return Desk(store=self.store, archive=archive, home=self.home, clock=lambda: self.at, epoch=self.epoch)

    def source(self) -> Gauge:
        return Gauge(replace(SPEC, url=self.feeds.url("/feed")))

    def run(self) -> Any:
        http = Http(allow_hosts=(self.feeds.host,), clock=lambda: self.at, attempts=1, attempt_s=2)
        return run_source(self.source(), self.desk(), http)

    def put(self, told: dict[str, Any], received_at: datetime | None = None) -> Any:
        item = Payload(source="", body=json.dumps(told).encode(), received_at=received_at or self.at)
        return ingest_payloads(self.source(), self.desk(), [item])

    def all(self, table: sa.Table) -> list[Any]:
        with self.store.read() as connection:
            return list(connection.execute(sa.select(table).order_by(*table.primary_key)))

    def state(self) -> Any:
        with self.store.read() as connection:
            return read_state(connection, "gauge")


@pytest.fixture
def stand(store: Store, home: Path) -> Iterator[Stand]:
    with run_feed_server() as feeds:
        yield Stand(store, home, feeds)


def told(*values: tuple[str, str, float | None], **more: Any) -> dict[str, Any]:
    return {"values": [[name, f"2026-03-01T{at}:00+00:00", value] for name, at, value in values], **more}


def body(*values: tuple[str, str, float | None], **more: Any) -> bytes:
    return json.dumps(told(*values, **more)).encode()


def test_run_stores_everything_of_a_payload(stand: Stand) -> None:
    stand.feeds.serve("/feed", body(("a", "11:00", 1.5), ("b", "11:30", 2.5), stations=[["a", "A"]], rejects=["z"]))
    report = stand.run()
    assert report.as_json() == {
        "source": "gauge", "parsed": 3, "stored": 3, "unchanged": 0, "rejected": [{"id": "z", "reason": "odd"}],
        "rejected_count": 1, "data_at": "2026-03-01T11:30:00Z", "outcome": "stored", "reason": "",
    }  # fmt: skip
    (run_row,), (kept,) = stand.all(run), stand.all(payload)
    assert (run_row.payload_id, run_row.outcome, run_row.stored, run_row.rejected) == (kept.id, "stored", 3, 1)
    assert {row.payload_id for row in stand.all(observation)} == {kept.id}
    state = stand.state()
    assert (state.last_success_at, state.last_data_at) == (NOW, datetime(2026, 3, 1, 11, 30, tzinfo=UTC))


def test_run_same_body_again_changes_nothing(stand: Stand) -> None:
    stand.feeds.serve("/feed", body(("a", "11:00", 1.5)))
    stand.run()
    with stand.store.read() as connection:
        before = read_versions(connection)
    changes = len(stand.all(change))
    report = stand.run()
    with stand.store.read() as connection:
        assert read_versions(connection) == before
    assert (report.stored, report.unchanged, len(stand.all(change)), len(stand.all(payload))) == (0, 1, changes, 1)


def test_run_failure_and_recovery_are_told_once(stand: Stand) -> None:
    stand.feeds.serve("/feed", b"down", status=503, Retry_After="90")
    first = stand.run()
    second = stand.run()
    state = stand.state()
    assert (first.outcome, first.retry_after_s, second.outcome, state.failures) == ("refused", 90.0, "refused", 2)
    assert "HTTP 503" in state.reason
    stand.feeds.serve("/feed", body(("a", "11:00", 1.5)))
    stand.run()
    kinds = [row.kind for row in stand.all(change) if row.topic == "feeds"]
    assert kinds == ["feed-failing", "feed-recovered"]
    assert stand.state().failing_since is None


def test_run_payload_that_cannot_be_read_is_kept_and_counted(stand: Stand) -> None:
    stand.feeds.serve("/feed", b"<html><title>Log in</title></html>")
    for _ in range(3):
        report = stand.run()
    (kept,), (refused,) = stand.all(payload), stand.all(reject)
    assert (report.outcome, report.rejected[0].id) == ("bad_payload", "payload")
    assert (refused.native_id, refused.times, refused.payload_id) == ("payload", 3, kept.id)
    assert Archive(stand.home / "payloads").get(kept.sha256).startswith(b"<html>")
    assert stand.state().failures == 3


def test_run_validators_only_count_after_a_good_run(stand: Stand) -> None:
    stand.feeds.serve_with_etag("/feed", b"broken", '"1"')
    assert [stand.run().outcome, stand.run().outcome] == ["bad_payload", "bad_payload"]
    stand.feeds.serve_with_etag("/feed", body(("a", "11:00", 1.5)), '"2"')
    assert [stand.run().outcome, stand.run().outcome] == ["stored", "unchanged"]
    assert stand.feeds.requests[-1][1]["if-none-match"] == '"2"'
    assert len(stand.all(run)) == 4


def test_run_fault_in_a_parser_is_a_failed_run(stand: Stand) -> None:
    stand.feeds.serve("/feed", b'{"raise": true}')
    report = stand.run()
    assert (report.outcome, stand.all(reject)[0].native_id) == ("failed", "payload")
    assert "ZeroDivisionError" in report.reason


def test_run_index_is_followed_and_one_missing_page_is_noted(stand: Stand) -> None:
    pages = [stand.feeds.serve("/one", body(("a", "11:00", 1.0))), stand.feeds.url("/none")]
    stand.feeds.serve("/feed", json.dumps({"follow": [*pages, pages[0]]}).encode())
    report = stand.run()
    assert (report.outcome, report.stored, [item.id for item in report.rejected]) == ("stored", 1, [pages[1]])
    assert stand.feeds.count("/one") == 1
    assert stand.state().failing_since is None


def test_run_old_leader_writes_nothing(stand: Stand) -> None:
    first = try_lead(stand.store, stand.home, now=NOW)
    assert first is not None
    first.release()
    second = try_lead(stand.store, stand.home, now=NOW)
    assert second is not None
    stand.feeds.serve("/feed", body(("a", "11:00", 1.5)))
    stand.epoch = first.epoch
    with pytest.raises(StaleLeader):
        stand.run()
    assert stand.all(observation) == [] and stand.all(run) == []
    second.release()


def test_put_time_after_receipt_is_rejected_and_does_not_look_fresh(stand: Stand) -> None:
    report = stand.put(told(("a", "11:00", 1.0), ("a", "14:00", 2.0)))
    assert (report.stored, report.data_at) == (1, datetime(2026, 3, 1, 11, tzinfo=UTC))
    assert "after it was received" in report.rejected[0].reason


def test_put_by_hand_says_nothing_about_the_feed(stand: Stand) -> None:
    stand.feeds.serve("/feed", b"", status=500)
    stand.run()
    stand.put(told(("a", "11:00", 1.0)))
    state = stand.state()
    assert state.failing_since is not None and state.last_success_at is None
    assert state.last_data_at == datetime(2026, 3, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (0, 2, 1), (1, 2, 0, 1, 0, 2), (2, 0, 1)])
def test_put_observations_in_any_order_give_the_same_rows(stand: Stand, order: tuple[int, ...]) -> None:
    tellings = [
        (told(("a", "10:00", 1.0), ("a", "10:15", 5.0)), NOW),
        (told(("a", "10:00", 2.0), ("b", "10:00", None)), NOW + timedelta(minutes=1)),
        (told(("a", "10:00", 1.0), ("a", "10:15", 6.0)), NOW + timedelta(minutes=2)),
    ]
    for place in order:
        stand.put(*tellings[place])
    found = {(row.station, row.observed_at.minute): row.value for row in stand.all(observation)}
    assert found == {("a", 0): 1.0, ("a", 15): 6.0, ("b", 0): None}


def test_put_station_keeps_what_was_told_before(stand: Stand) -> None:
    stand.put({"stations": [["a", "Long name"]]})
    again = stand.put({"stations": [["a", ""]]})
    assert (again.stored, stand.all(station)[0].name) == (0, "Long name")


def test_command_exit_status_and_report(home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    good = tmp_path / "feeds"
    good.mkdir()
    feature = {
        "type": "Feature",
        "id": "us1",
        "properties": {"time": 0, "mag": 1},
        "geometry": {"coordinates": [1, 2, 3]},
    }
    (good / "a.json").write_text(json.dumps(feature))
    settings = Settings(home=home)
    assert command.main(settings, "usgs_quakes", str(good / "a.json"), True, NOW) == 0
    assert json.loads(capsys.readouterr().out)["stored"] == 1
    (good / "b.json").write_text("<html>")
    assert command.main(settings, "usgs_quakes", str(good), True, NOW) == 1
    told_all = json.loads(capsys.readouterr().out)
    assert (told_all["unchanged"], told_all["rejected"][0]["id"]) == (1, "payload")
    assert command.main(settings, "usgs_quakes", str(good / "*.json"), False, NOW) == 1
    assert "bad_payload" in capsys.readouterr().out
    assert UsgsQuakes().spec.key == "usgs_quakes"
