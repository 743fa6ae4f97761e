"""Files in a folder, and services through Apprise."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from alerts.channels.channel import Outgoing
from alerts.channels.folder import FolderChannel
from alerts.channels.service import ServiceChannel
from data.errors import DeliveryError
from tests.alerts.channels.stand_ins import Collector


def message(to: str, body: bytes = b"<alert/>", form: str = "cap", about: str = "office.1") -> Outgoing:
    return Outgoing(key="a" * 64, recipient=to, body=body, form=form, about=about)


def test_file_is_whole_and_the_same_message_is_the_same_file(tmp_path: Path, now: datetime) -> None:
    channel = FolderChannel(tmp_path)
    receipts = {channel.send(message("radio"), now=now) for _ in range(2)}
    assert receipts == {"radio/office.1-aaaaaaaaaaaa.xml"}
    assert [path.name for path in (tmp_path / "radio").iterdir()] == ["office.1-aaaaaaaaaaaa.xml"]
    assert (tmp_path / "radio" / "office.1-aaaaaaaaaaaa.xml").read_bytes() == b"<alert/>"


@pytest.mark.parametrize("to", ["..", "../x", "/etc", "a/b", ".hidden", "", "a\x00b"])
def test_asvs_5_3_2_recipient_never_leaves_the_folder(tmp_path: Path, now: datetime, to: str) -> None:
    with pytest.raises(DeliveryError, match="not the name") as refused:
        FolderChannel(tmp_path / "out").send(message(to), now=now)
    assert not refused.value.retry and not (tmp_path / "out").exists()


def test_identifier_never_leaves_the_folder(tmp_path: Path, now: datetime) -> None:
    FolderChannel(tmp_path / "out").send(message("radio", about="../../etc/passwd"), now=now)
    assert [path.parent for path in tmp_path.rglob("*.xml")] == [tmp_path / "out" / "radio"]


def test_disk_that_does_not_take_it_is_worth_another_try(tmp_path: Path, now: datetime) -> None:
    (tmp_path / "radio").write_text("a file in the way")
    with pytest.raises(DeliveryError) as full:
        FolderChannel(tmp_path).send(message("radio"), now=now)
    assert full.value.retry


def test_service_gets_the_text_and_the_number_and_nothing_else(tmp_path: Path, now: datetime) -> None:
    collector = Collector(tmp_path)
    try:
        addresses = {"chat": f"json://{collector.host}/chat", "sms": f"json://{collector.host}/sms/{{to}}"}
        channel = ServiceChannel(addresses)
        channel.send(message("chat", "红色预警".encode(), "chat"), now=now)
        channel.send(message("sms:+8613800000000", b"Red warning", "sms"), now=now)
        assert json.loads(collector.received[0].body)["message"] == "红色预警"
        assert collector.received[1].path.endswith(("%2B8613800000000", "+8613800000000"))
        assert b"http" not in collector.received[0].body
        notice = b'{"state": "open", "detail": {"what": "the engine is silent"}}'
        channel.send(message("chat", notice, "notice"), now=now)
        assert b"Tocsin: the engine is silent (open)" in collector.received[2].body
    finally:
        collector.close()


def test_service_that_says_no_is_tried_again_by_the_ledger_alone(tmp_path: Path, now: datetime) -> None:
    collector = Collector(tmp_path, lambda *_: 500)
    try:
        with pytest.raises(DeliveryError) as refused:
            ServiceChannel({"chat": f"json://{collector.host}/?retry=3"}).send(message("chat", b"x", "chat"), now=now)
        assert refused.value.retry and len(collector.received) == 1
        with pytest.raises(DeliveryError) as told:
            tokens = ServiceChannel({"chat": f"json://secretuser:secretword@{collector.host}/secrettoken"})
            tokens.send(message("chat", b"x", "chat"), now=now)
        assert "secret" not in str(told.value)
    finally:
        collector.close()


@pytest.mark.parametrize("to", ["unknown", "sms", "chat:+86138"])
def test_service_that_is_not_configured_is_never_called(now: datetime, to: str) -> None:
    channel = ServiceChannel({"chat": "json://127.0.0.1:1/", "sms": "json://127.0.0.1:1/{to}"})
    with pytest.raises(DeliveryError, match="no such service") as refused:
        channel.send(message(to, b"x", "chat"), now=now)
    assert not refused.value.retry
