"""Connections to addresses that were checked, with a handle that can cut them from another thread."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from functools import lru_cache
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection

CONNECT_S = 5.0
READ_S = 10.0
Addresses = list[tuple[socket.AddressFamily, Any]]


class Wire:
    """The socket of a request under way, seen from outside; `cut` ends it whatever it is waiting for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._is_cut = False

    def hold(self, sock: socket.socket) -> None:
        # a duplicate: TLS takes the descriptor of the original over, and only shutdown reaches through both
        with self._lock:
            if self._is_cut:
                raise TimeoutError("the time was up before the connection")
            self._drop()
            self._handle = sock.dup()

    def cut(self) -> None:
        with self._lock:
            self._is_cut = True
            if self._handle is not None:
                with contextlib.suppress(OSError):
                    self._handle.shutdown(socket.SHUT_RDWR)
            self._drop()

    def _drop(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None


def _connect(addresses: Addresses, wire: Wire, ends: float) -> socket.socket:
    """A connection to the first checked address that answers; the name is not looked up again."""
    last: OSError = OSError("no address")
    for family, address in addresses:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(max(0.05, min(CONNECT_S, ends - time.monotonic())))
            wire.hold(sock)
            sock.connect(address)
            sock.settimeout(max(0.05, min(READ_S, ends - time.monotonic())))
            return sock
        except OSError as error:
            sock.close()
            last = error
    raise last


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Certificates and host names are verified, by the system's authorities or, where there are none, certifi's."""
    context = ssl.create_default_context()
    if not context.get_ca_certs():
        import certifi

        context.load_verify_locations(certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def open_connection(
    scheme: str, host: str, port: int, addresses: Addresses, wire: Wire, ends: float
) -> HTTPConnection | HTTPSConnection:
    """A urllib3 connection that will use only these addresses; it connects with its first request."""
    if scheme == "https":
        return _Tls(host, port, addresses, wire, ends)
    return _Plain(host, port, addresses, wire, ends)


class _Plain(HTTPConnection):
    def __init__(self, host: str, port: int, addresses: Addresses, wire: Wire, ends: float) -> None:
        super().__init__(host.strip("[]"), port)
        self._route = (addresses, wire, ends)

    def _new_conn(self) -> socket.socket:
        return _connect(*self._route)


class _Tls(HTTPSConnection):
    def __init__(self, host: str, port: int, addresses: Addresses, wire: Wire, ends: float) -> None:
        super().__init__(
            host.strip("[]"), port, ssl_context=tls_context(), cert_reqs="CERT_REQUIRED", assert_hostname=None
        )
        self._route = (addresses, wire, ends)

    def _new_conn(self) -> socket.socket:
        return _connect(*self._route)
