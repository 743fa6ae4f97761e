"""The signer as a process of its own, and everything that keeps a message from being signed."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.cap.build import build
from alerts.cap.sign import verify
from alerts.desk import wire
from alerts.desk.content import Content
from alerts.desk.desk import Desk
from alerts.desk.key import CERTIFICATE, KEY, certificate_pem, ensure_key, folder_of, key_pem, load, new_signer
from alerts.desk.message import message_of
from alerts.desk.signer import LOG, SignerClient, serve, sign_for
from data.errors import ConfigError, TocsinError, WarningError
from data.regions import load_regions
from tests.alerts.desk.conftest import NOW, OFFICE, text
from tests.conftest import ROOT


def message(desk: Desk, at: datetime = NOW, **changes: Any) -> bytes:
    content: Content = text(desk, now=at, **changes)
    return build(
        message_of(content, desk.office, identifier="test.1", sent_at=at.replace(microsecond=0), kind="alert")
    )


@pytest.fixture
def keyed(home: Path) -> Path:
    assert ensure_key(home, OFFICE, NOW)
    return home


@pytest.fixture
def answering(keyed: Path) -> Iterator[SignerClient]:
    """A signer in a thread, whose clock stands at the tests' time."""
    stop = threading.Event()
    thread = threading.Thread(target=serve, args=(keyed, OFFICE, stop, lambda: NOW))
    thread.start()
    wait_for_socket(keyed)
    yield SignerClient(keyed)
    stop.set()
    thread.join(10)


def wait_for_socket(home: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with wire.address(wire.socket_folder(home)) as path, socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(path)
                return
            except OSError:
                time.sleep(0.05)
    raise AssertionError("the signer does not come up")


def test_asvs_13_3_1_key_is_made_once_and_closed_to_others(keyed: Path) -> None:
    assert stat.S_IMODE((folder_of(keyed) / KEY).stat().st_mode) == 0o600
    before = (folder_of(keyed) / KEY).read_bytes()
    assert not ensure_key(keyed, OFFICE, NOW)
    assert (folder_of(keyed) / KEY).read_bytes() == before
    (folder_of(keyed) / KEY).unlink()
    with pytest.raises(ConfigError, match="is missing: put it back"):
        ensure_key(keyed, OFFICE, NOW)


def test_signature_over_the_socket_holds_and_is_logged(answering: SignerClient, keyed: Path, desk: Desk) -> None:
    body = message(desk)
    signed = answering.sign(body, NOW)
    assert verify(signed.body, (load(keyed).certificate,), now=NOW).identifier == "test.1"
    lines = [json.loads(line) for line in (folder_of(keyed) / LOG).read_text().splitlines()]
    assert [(line["identifier"], line["signed_sha256"]) for line in lines] == [("test.1", signed.sha256)]
    with wire.address(wire.socket_folder(keyed)) as path:
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600


def test_signer_goes_on_after_rubbish(answering: SignerClient, keyed: Path, desk: Desk) -> None:
    for rubbish in (b"", b"\xff\xff\xff\xff", b"\x00\x00\x00\x05ab", b"\x00\x00\x00\x03abc"):
        with wire.address(wire.socket_folder(keyed)) as path, socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            connection.sendall(rubbish)
            connection.shutdown(socket.SHUT_WR)
    assert answering.sign(message(desk), NOW).body


REFUSED: dict[str, tuple[Callable[[Desk], bytes], str]] = {
    "no message": (lambda desk: b"<alert/>", "CAP"),
    "another sender": (
        lambda desk: message(replace(desk, office=replace(OFFICE, sender="evil@example.org"))), "signs for",
    ),
    "elsewhere": (
        lambda desk: message(desk, polygons=(((10, 50), (11, 50), (11, 51), (10, 50)),)), "C52",
    ),
    "no area": (lambda desk: message(desk, regions=()), "C48"),
    "too old": (lambda desk: message(desk, at=NOW - timedelta(days=2)), "C09"),
    "in the future": (lambda desk: message(desk, at=NOW + timedelta(days=2)), "C09"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_signer_refuses(name: str, answering: SignerClient, keyed: Path, desk: Desk) -> None:
    make, sentence = REFUSED[name]
    with pytest.raises(WarningError, match=sentence):
        answering.sign(make(desk), NOW)
    assert not (folder_of(keyed) / LOG).exists()


def expired(home: Path) -> None:
    put(home, new_signer("Office", NOW - timedelta(days=2), valid=timedelta(days=1)))


def not_yet_valid(home: Path) -> None:
    put(home, new_signer("Office", NOW + timedelta(days=2)))


def of_another_key(home: Path) -> None:
    (folder_of(home) / CERTIFICATE).write_bytes(certificate_pem(new_signer("Office", NOW).certificate))


def missing(home: Path) -> None:
    (folder_of(home) / KEY).unlink()


def open_to_others(home: Path) -> None:
    (folder_of(home) / KEY).chmod(0o644)


def broken(home: Path) -> None:
    (folder_of(home) / KEY).write_bytes(b"-----BEGIN PRIVATE KEY-----\n")


def put(home: Path, signer: Any) -> None:
    (folder_of(home) / CERTIFICATE).write_bytes(certificate_pem(signer.certificate))
    (folder_of(home) / KEY).write_bytes(key_pem(signer))


FAULTS = {
    expired: "valid from", not_yet_valid: "valid from", of_another_key: "belongs to another key",
    missing: "cannot be read", open_to_others: "chmod 600", broken: "cannot be read",
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.__name__ for fault in FAULTS])
def test_key_that_cannot_be_used_is_a_sentence(
    fault: Callable[[Path], None], answering: SignerClient, keyed: Path, desk: Desk
) -> None:
    fault(keyed)
    with pytest.raises(WarningError, match=FAULTS[fault]):
        answering.sign(message(desk), NOW)


def test_signer_that_is_not_there_is_a_sentence(home: Path, desk: Desk) -> None:
    with pytest.raises(WarningError, match="cannot be reached"):
        SignerClient(home).sign(message(desk), NOW)


def test_i7_signer_of_an_exercise_signs_no_actual_warning(home: Path, desk: Desk) -> None:
    office = replace(OFFICE, exercise=True)
    ensure_key(home, office, datetime.now(UTC))
    with pytest.raises(TocsinError, match="no actual warning"):
        sign_for(home, office, message(desk), datetime.now(UTC))
    exercise = replace(desk, office=office)
    signed = sign_for(home, office, message(exercise, status="Exercise"), datetime.now(UTC))
    certificate = load(home).certificate
    assert verify(signed.body, (certificate,), now=NOW).status == "Exercise"
    assert "EXERCISE" in certificate.subject.rfc4514_string()


def test_process_makes_its_key_signs_and_leaves_no_socket(home: Path, sqlite_url: str, base_dir: Path) -> None:
    environment = {
        **os.environ, "TOCSIN_HOME": str(home), "TOCSIN_DATABASE_URL": sqlite_url, "TOCSIN_SENDER": OFFICE.sender,
        "TOCSIN_BASE_DIR": str(base_dir),
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, str(ROOT / "app.py"), "signer"], env=environment)
    try:
        wait_for_socket(home)
        desk = Desk(office=replace(OFFICE, jurisdiction=None), index=load_regions(base_dir), audit=lambda *_, **__: 0)
        now = datetime.now(UTC)
        signed = SignerClient(home).sign(message(desk, at=now), now)
        assert verify(signed.body, (load(home).certificate,), now=now).sender == OFFICE.sender
    finally:
        process.terminate()
        assert process.wait(20) == 0
    assert not (wire.socket_folder(home) / wire.SOCKET).exists()
