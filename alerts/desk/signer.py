"""The signer: a process of its own, the only one that reads the key; the desk asks it over a Unix socket.

It signs what is a message of this office, fit to be issued, and nothing else; each signature is a line of its log. It
cannot know of the approval, which commits together with what it signed: that a signature without one is never sent is
the ledger's and the database's part, and that it is found is the log's.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import struct
import threading
from datetime import datetime
from pathlib import Path

from alerts.cap.check import check
from alerts.cap.finding import REJECT
from alerts.cap.message import Context
from alerts.cap.parse import parse
from alerts.desk import wire
from alerts.desk.key import folder_of, load
from alerts.desk.office import Office
from alerts.desk.signing import LocalSigner, Signed
from data.clock import Clock, iso
from data.errors import ConfigError, TocsinError, WarningError

PATIENCE_S = 5.0  # for the other side to send or take its bytes
WAKE_S = 0.5
LOG = "signed.log"
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid of the peer, as Linux gives them


class SignerClient:
    """Asks the signer of a home; every way in which it can fail is a WarningError with a sentence."""

    def __init__(self, home: Path) -> None:
        self._folder = wire.socket_folder(home)

    def sign(self, body: bytes, now: datetime) -> Signed:
        """The signed message. The signer goes by its own clock, not by `now`."""
        try:
            with wire.address(self._folder) as path, socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(PATIENCE_S)
                connection.connect(path)
                wire.put(connection, body)
                answer, first = wire.take(connection), wire.take(connection)
                second = wire.take(connection) if answer == wire.SIGNED else b""
        except TimeoutError as error:
            raise WarningError("the signer does not answer in time") from error
        except OSError as error:
            raise WarningError(f"the signer cannot be reached: {error.strerror or error}") from error
        if answer != wire.SIGNED:
            raise WarningError(first.decode("utf-8", "replace"))
        return Signed(first, second)


def serve(home: Path, office: Office, stop: threading.Event, clock: Clock) -> None:
    """Answer until told to stop."""
    folder = wire.socket_folder(home)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with wire.address(folder) as path, socket.socket(socket.AF_UNIX) as server:
        _clear(Path(path))
        before = os.umask(0o177)  # nobody else can connect, not even for a moment
        try:
            server.bind(path)
        finally:
            os.umask(before)
        server.listen(16)
        server.settimeout(WAKE_S)
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            with connection:
                _answer(connection, home, office, clock())
        Path(path).unlink(missing_ok=True)


def sign_for(home: Path, office: Office, body: bytes, now: datetime) -> Signed:
    """Sign the bytes of a message that this office may issue.

    Raises
    ------
    WarningError, ConfigError
        With a sentence, where they are none or the key cannot be used.
    """
    alert = parse(body)
    if alert.sender != office.sender:
        raise WarningError(f"the signer signs for {office.sender}, not for {alert.sender}")
    if office.exercise and alert.status == "Actual":
        raise WarningError("the signer of an exercise signs no actual warning")
    at = alert.sent_at if office.exercise else now
    for one in check(body, Context(now=at, issuing=True, jurisdiction=office.jurisdiction, profiles=office.profiles)):
        if one.weight is REJECT:
            raise WarningError(f"the signer refuses the message: {one.rule}: {one.sentence()}")
    signed = LocalSigner(load(home)).sign(body, now)
    _log(home, {"at": iso(now), "identifier": alert.identifier, "signed_sha256": signed.sha256})
    return signed


def _answer(connection: socket.socket, home: Path, office: Office, now: datetime) -> None:
    """One request; whatever comes, the signer goes on."""
    connection.settimeout(PATIENCE_S)
    try:
        if not _same_account(connection):
            return
        body = wire.take(connection)
        try:
            signed = sign_for(home, office, body, now)
        except TocsinError as error:
            wire.put(connection, wire.REFUSED, str(error).encode())
        else:
            wire.put(connection, wire.SIGNED, signed.body, signed.certificate)
    except OSError:  # the desk went away or stalled: it tries again
        return


def _same_account(connection: socket.socket) -> bool:
    """Whether the other side runs under this account, or is its administrator."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return _CREDENTIALS.unpack(raw)[1] in (0, os.geteuid())


def _clear(path: Path) -> None:
    """Take away the socket that a killed signer left behind; ConfigError for anything else."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise ConfigError([f"{path} is in the way of the signer's socket"])
    except FileNotFoundError:
        return
    path.unlink()


def _log(home: Path, line: dict[str, str]) -> None:
    """A line that is on the disk before the signature leaves."""
    handle = os.open(folder_of(home) / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, json.dumps(line, ensure_ascii=False).encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
