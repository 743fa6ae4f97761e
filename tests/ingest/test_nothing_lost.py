"""What a feed named once must come in the end, and what it repeats must not look new."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from data.store.tables import observation
from ingest import runner
from tests.ingest.test_runner import Stand, body
from tests.ingest.test_runner import stand as stand

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
