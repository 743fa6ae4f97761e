"""What the desk and the signer say to each other over their socket: parts of bytes, each behind its length."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alerts.cap.parse import MAX_BYTES

SOCKET = "signer.sock"
MOST = 2 * MAX_BYTES
LONGEST_PATH = 100  # the address of a Unix socket holds 107 bytes
SIGNED, REFUSED = b"signed", b"refused"
_LENGTH = struct.Struct(">I")


def socket_folder(home: Path) -> Path:
    """Where the processes of a home meet."""
    return home / "run"


@contextmanager
def address(folder: Path) -> Iterator[str]:
    """The socket's path, by way of an open folder where it is too long to be an address."""
    whole = str(folder / SOCKET)
    if len(os.fsencode(whole)) <= LONGEST_PATH:
        yield whole
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{SOCKET}"
    finally:
        os.close(handle)


def put(connection: socket.socket, *parts: bytes) -> None:
    """Send some parts."""
    connection.sendall(b"".join(_LENGTH.pack(len(part)) + part for part in parts))


def take(connection: socket.socket) -> bytes:
    """Receive one part; ConnectionError where the other side stopped or sends too much."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if length > MOST:
        raise ConnectionError(f"{length} bytes are more than a message has")
    return _exactly(connection, length)


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts, left = [], size
    while left:
        part = connection.recv(min(left, 65536))
        if not part:
            raise ConnectionError("the other side stopped in the middle")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
