"""What a receiver refuses, each with its reason, and nothing of it is seen in the catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data.errors import LayerError, Unreachable
from data.peers import Exchange
from data.store.engine import Store
from layers.survey.exchange import inbox, outbox, pool, transfers
from layers.survey.exchange.carry import pull, push
from layers.survey.exchange.key import fingerprint, own_key
from layers.survey.exchange.manifest import File, content_of, describe_files, read_manifest
from layers.survey.exchange.office import plain
from layers.survey.exchange.refusal import Refusal
from layers.survey.exchange.wire import authorization, who_asks
from tests.layers.exchange.offices import (
    COUNTY,
    PROVINCE,
    Offices,
    arrived,
    body_of,
    deliver,
    later,
    make,
    silent,
    steady,
)

Change = Callable[[dict[str, Any]], None]


def sealed_for(offices: Offices, number: int, change: Change | None = None) -> Any:
    """The manifest of a delivery, changed before it is signed."""
    manifest = outbox.manifest_for(offices.county, PROVINCE, number, offices.now)
    body = json.loads(json.dumps(plain(manifest)))
    if change is not None:
        change(body)
    return offices.county.key.seal("manifest", body)


def refused(offices: Offices, sealed: Any) -> str:
    with pytest.raises(Refusal) as caught:
        inbox.offered(offices.province, COUNTY, sealed, offices.now)
    assert arrived(offices.province) == []
    assert not (offices.province.home / "deliveries").exists()
    return caught.value.reason


def test_a_manifest_that_was_changed_after_signing(offices: Offices) -> None:
    sealed = sealed_for(offices, deliver(offices.county, body_of(1, 1000)))
    sealed["body"]["rows"] = 4
    assert "signature" in refused(offices, sealed)


def test_a_manifest_signed_with_another_key(offices: Offices, tmp_path: Path) -> None:
    sealed = sealed_for(offices, deliver(offices.county, body_of(1, 1000)))
    stranger = own_key(tmp_path / "stranger")
    assert "signature" in refused(offices, stranger.seal("manifest", sealed["body"]))


def named(body: dict[str, Any], name: str) -> None:
    body["files"][0]["name"] = name
    body["content"] = content_of([File.model_construct(**one) for one in body["files"]])


def longer(body: dict[str, Any]) -> None:
    body["files"][0]["bytes"] += 1


def twice(body: dict[str, Any]) -> None:
    body["files"].append(dict(body["files"][0]))
    body["content"] = content_of([File.model_construct(**one) for one in body["files"]])


def secret(body: dict[str, Any]) -> None:
    body["about"]["data_class"] = "secret"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(lambda body: named(body, "../../secrets/key.pem"), "pattern", id="up and away"),
        pytest.param(lambda body: named(body, "/etc/passwd"), "pattern", id="absolute"),
        pytest.param(lambda body: named(body, ".bashrc"), "pattern", id="hidden"),
        pytest.param(lambda body: named(body, "a\x00b"), "pattern", id="a zero byte"),
        pytest.param(lambda body: named(body, "a\nb"), "pattern", id="a line break"),
        pytest.param(twice, "two files have one name", id="one name twice"),
        pytest.param(longer, "not as long as the file", id="pieces shorter than the file"),
        pytest.param(lambda body: body.update(content="0" * 64), "digest of the content", id="another content"),
        pytest.param(lambda body: body.update(dataset="dams"), "not among the datasets", id="not agreed"),
        pytest.param(lambda body: body.update(receiver="A" * 44), "another office", id="for somebody else"),
        pytest.param(lambda body: body.update(made_at="2026-11-02T08:00:00Z"), "time to come", id="tomorrow"),
        pytest.param(lambda body: body.update(more=1), "more", id="a field that is not known"),
        pytest.param(secret, "secret", id="secret"),
        pytest.param(lambda body: body["about"].update(data_class="restricted"), "agreement", id="restricted"),
        pytest.param(lambda body: body.update(files=[]), "files", id="no files"),
    ],
)
def test_a_manifest_that_cannot_be_taken(offices: Offices, change: Change, reason: str) -> None:
    assert reason in refused(offices, sealed_for(offices, deliver(offices.county, body_of(1, 1000)), change))


def test_a_delivery_larger_than_the_settings_allow(offices: Offices) -> None:
    peer = offices.province.exchange.peers[COUNTY].model_copy(update={"largest_gb": 0.000001})
    small = replace(offices.province, exchange=Exchange(peers={COUNTY: peer}))
    sealed = sealed_for(offices, deliver(offices.county, body_of(1, 5000)))
    with pytest.raises(Refusal, match="largest_gb"):
        inbox.offered(small, COUNTY, sealed, offices.now)


def test_an_older_delivery_after_a_newer_one(offices: Offices) -> None:
    old = sealed_for(offices, deliver(offices.county, body_of(1, 1000)))
    deliver(offices.county, body_of(2, 1000), version=2)
    push(offices.line(), steady(), silent)
    later(offices, hours=2)
    with pytest.raises(Refusal, match="it is old"):
        inbox.offered(offices.province, COUNTY, old, offices.now)
    assert [row.version for row in arrived(offices.province)] == [1]  # ours, of the sender's second


def test_a_refused_manifest_stands_in_the_books_with_its_reason(offices: Offices) -> None:
    number = deliver(offices.county, body_of(1, 1000), data_class="shared")
    refused(offices, sealed_for(offices, number, secret))
    with offices.province.store.read() as connection:
        (row,) = transfers.list_transfers(connection)
    assert (row.state, row.peer) == ("refused", COUNTY)
    assert "secret" in row.reason


def test_a_more_open_class_here_is_not_filled_from_a_closed_one(offices: Offices) -> None:
    deliver(offices.county, body_of(1, 1000), data_class="public")
    push(offices.line(), steady(), silent)
    number = deliver(offices.county, body_of(2, 1000), version=2, data_class="shared")
    with pytest.raises(Refusal, match="is public here, and the sender calls it shared"):
        inbox.offered(offices.province, COUNTY, sealed_for(offices, number), offices.now)


@pytest.mark.parametrize("data_class", ["secret", "restricted"])
def test_what_may_not_leave_is_neither_pushed_nor_offered(offices: Offices, data_class: str) -> None:
    number = deliver(offices.county, body_of(1, 1000), data_class=data_class)
    assert push(offices.line(), steady(), silent) == []
    assert pull(offices.line(PROVINCE), steady(), silent) == []
    with pytest.raises(Refusal, match=data_class):
        outbox.manifest_for(offices.county, PROVINCE, number, offices.now)
    with pytest.raises(Refusal, match="no such delivery"):
        outbox.piece(offices.county, PROVINCE, number, "0" * 64, 0, 1)


def test_restricted_crosses_under_an_agreement_that_both_name(
    tmp_path: Path, store: Store, second_store: Store
) -> None:
    offices = make(tmp_path, store, second_store, agreements={"bridges": "No. 12 of 2026"})
    deliver(offices.county, body_of(1, 1000), data_class="restricted")
    (account,) = push(offices.line(), steady(), silent)
    assert account["state"] == "arrived"


def test_pieces_that_are_not_what_they_are_called_or_go_too_far(offices: Offices) -> None:
    sealed = sealed_for(offices, deliver(offices.county, body_of(1, 1000)))
    manifest = read_manifest(sealed["body"])
    inbox.offered(offices.province, COUNTY, sealed, offices.now)
    sha = next(sha for sha, size in manifest.pieces.items() if size == 1000)
    send = (offices.province, COUNTY, manifest.content)
    with pytest.raises(Refusal, match="not in the manifest"):
        inbox.take(*send, "0" * 64, 0, b"x", offices.now)
    with pytest.raises(Refusal, match="more bytes than"):
        inbox.take(*send, sha, 0, bytes(1001), offices.now)
    with pytest.raises(Refusal, match="not what its name says"):
        inbox.take(*send, sha, 0, bytes(1000), offices.now)
    assert inbox.take(*send, sha, 0, body_of(1, 1000)[:400], offices.now) == {"here": 400}
    assert inbox.take(*send, sha, 700, b"a hole", offices.now) == {"here": 400}
    answer = inbox.finish(*send, offices.now)
    assert (answer["state"], answer["missing"][sha]) == ("wanted", 400)
    assert arrived(offices.province) == []


def test_an_earlier_piece_that_rotted_on_the_disk_comes_again(offices: Offices) -> None:
    body = body_of(1)
    deliver(offices.county, body)
    push(offices.line(), steady(), silent)
    path = offices.province.home / arrived(offices.province)[0].folder / "part-00000.parquet"
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    deliver(offices.county, body + b"more", version=2)
    (account,) = push(offices.line(), steady(), silent)
    assert account["state"] == "arrived"
    there = offices.province.home / arrived(offices.province)[0].folder / "part-00000.parquet"
    assert there.read_bytes() == body + b"more"


def test_a_full_disk_refuses_before_and_on_the_way_and_what_came_stays(
    offices: Offices, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(offices.county, body_of(1))
    monkeypatch.setattr(pool, "ROOM", 1 << 60)
    (account,) = push(offices.line(), steady(), silent)
    assert (account["state"], arrived(offices.province)) == ("refused", [])
    assert "no room" in account["why"]
    monkeypatch.setattr(pool, "ROOM", 0)
    left = iter([0, 0, 0])

    def full(handle: int) -> None:
        if next(left, None) is None:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pool, "to_disk", full)
        (account,) = push(offices.line(), steady(), silent)
    assert (account["state"], arrived(offices.province)) == ("refused", [])
    assert "No space left on device" in account["why"]
    (account,) = push(offices.line(), steady(), silent)
    assert account["state"] == "arrived"


def test_requests_that_nobody_known_has_signed(offices: Offices, tmp_path: Path) -> None:
    peer = offices.county.peer(PROVINCE)
    good = authorization(offices.county, peer, "POST", "/exchange/offer", b"{}", offices.now)
    assert who_asks(offices.province, "POST", "/exchange/offer", b"{}", good, offices.now) == COUNTY
    stranger = replace(offices.county, home=tmp_path / "stranger")
    bad = authorization(stranger, peer, "POST", "/exchange/offer", b"{}", offices.now)
    for method, path, body, header in (
        ("POST", "/exchange/offer", b"{}", bad),
        ("POST", "/exchange/offer", b"{} ", good),
        ("GET", "/exchange/offer", b"{}", good),
        ("POST", "/exchange/receipt", b"{}", good),
        ("POST", "/exchange/offer", b"{}", ""),
        ("POST", "/exchange/offer", b"{}", "Bearer x"),
        ("POST", "/exchange/offer", b"{}", "Tocsin x y z"),
    ):
        with pytest.raises(Refusal):
            who_asks(offices.province, method, path, body, header, offices.now)
    later(offices, minutes=6)
    with pytest.raises(Refusal, match="it is old"):
        who_asks(offices.province, "POST", "/exchange/offer", b"{}", good, offices.now)


@pytest.mark.parametrize(
    "nonsense", [b"[]", b"{}", b'{"missing": {"x": 1}}', b"\xff", b"[" * 100_000, b'[{"a": 1}, 2]']
)
def test_a_peer_that_answers_nonsense_ends_with_a_reason(offices: Offices, nonsense: bytes) -> None:
    deliver(offices.county, body_of(1, 1000))
    offices.bend = lambda method, path, status, body: (200, nonsense)
    (account,) = push(offices.line(), steady(), silent)
    assert account["state"] == "refused"
    if nonsense != b"[]":  # nothing on offer
        with pytest.raises(LayerError):
            pull(offices.line(PROVINCE), steady(), silent)


def test_a_line_that_never_holds_ends_and_says_so(offices: Offices) -> None:
    deliver(offices.county, body_of(1, 1000))
    offices.stop = lambda method, path, body: True
    (account,) = push(offices.line(), steady(), silent)
    assert account["state"] == "moving"
    with pytest.raises(Unreachable):
        pull(offices.line(PROVINCE), steady(), silent)


def test_a_receipt_for_other_content_is_not_kept(offices: Offices) -> None:
    number = deliver(offices.county, body_of(1, 1000))
    outbox.seal(
        offices.county,
        PROVINCE,
        outbox.manifest_for(offices.county, PROVINCE, number, offices.now),
        number,
        offices.now,
    )
    content = outbox.manifest_for(offices.county, PROVINCE, number, offices.now).content
    body = {"content": content, "digest": "0" * 64, "rows": 3, "sender": offices.county.key.public}
    with pytest.raises(Refusal, match="another content"):
        outbox.receipted(offices.county, PROVINCE, offices.province.key.seal("receipt", body), offices.now)
    with pytest.raises(Refusal, match="signature"):
        outbox.receipted(offices.county, PROVINCE, offices.county.key.seal("receipt", body), offices.now)


def test_a_folder_without_files_is_said(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="no files"):
        describe_files(tmp_path / "gone")


def test_a_fingerprint_is_read_aloud_in_eight_groups() -> None:
    assert len(fingerprint("A" * 44).split()) == 8
