"""Stand-ins for what is outside: a collector that writes each request to the disk, browsers, a relay, a broker."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from data.setup.programs import mosquitto
from tests.conftest import free_port

Answer = Callable[[str, dict[str, str], bytes], int]


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


class Collector:
    """An HTTP server that has each request on the disk before it answers."""

    def __init__(self, folder: Path, answer: Answer | None = None) -> None:
        self.answer: Answer = answer or (lambda _path, _headers, _body: 200)
        self.received: list[Received] = []
        self.cut_off = 0  # requests that ended before their length
        self._lock = threading.Lock()
        self._file = (folder / "collected.jsonl").open("ab")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) < length:  # its sender was killed half-way: no request, as RFC 9112 6.3 has it
                    outer.cut_off += 1
                    self.close_connection = True
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.keep(self.path, headers, body)
                self.send_response(outer.answer(self.path, headers, body))
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, *_: Any) -> None:
                pass  # whoever was killed in the middle of a request

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"

    def keep(self, path: str, headers: dict[str, str], body: bytes) -> None:
        one = Received(path, headers, body, time.monotonic())
        line = {"path": path, "key": headers.get("idempotency-key"), "sha256": hashlib.sha256(body).hexdigest()}
        with self._lock:
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            self.received.append(one)

    def by_key(self) -> dict[str, set[bytes]]:
        """The bodies that came under each key."""
        found: dict[str, set[bytes]] = {}
        with self._lock:
            for one in self.received:
                found.setdefault(one.headers["idempotency-key"], set()).add(one.body)
        return found

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._file.close()


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Browser:
    """A subscription that can read what is sent to it, by RFC 8291 and 8188 as they are written."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = os.urandom(16)
        self._point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def p256dh(self) -> str:
        return _b64(self._point)

    @property
    def auth(self) -> str:
        return _b64(self._auth)

    def read(self, body: bytes) -> bytes:
        salt, length = body[:16], body[20]
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        shared = self._key.exchange(ec.ECDH(), theirs)
        seed = _derived(shared, self._auth, b"WebPush: info\0" + self._point + sender, 32)
        key = _derived(seed, salt, b"Content-Encoding: aes128gcm\0", 16)
        nonce = _derived(seed, salt, b"Content-Encoding: nonce\0", 12)
        plain = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert plain.endswith(b"\x02")
        return plain[:-1]


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)


def check_vapid(header: str, audience: str) -> dict[str, Any]:
    """The claims of an Authorization header; an error where it is not signed by the key that it names."""
    scheme, _, rest = header.partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid"
    signed, _, signature = parts["t"].rpartition(".")
    raw = _unb64(signature)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _unb64(parts["k"]))
    key.verify(utils.encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))
    claims: dict[str, Any] = json.loads(_unb64(signed.split(".")[1]))
    assert claims["aud"] == audience
    return {**claims, "key": parts["k"]}


@dataclass
class Letters:
    """What the relay took, and how it is to answer: `refuse` gives an address's reply, `vanish` drops after DATA."""

    taken: list[bytes] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    vanish: int = 0
    connections: int = 0

    async def handle_EHLO(
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self.taken.append(content)
        if self.vanish:
            self.vanish -= 1
            assert server.transport is not None
            server.transport.abort()
        return "250 2.0.0 queued"


@contextlib.contextmanager
def mail_relay(letters: Letters, **options: Any) -> Iterator[int]:
    """A real SMTP server on a free port."""
    port = free_port()
    controller = Controller(letters, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@contextlib.contextmanager
def broker(folder: Path, *, port: int | None = None) -> Iterator[int]:
    """A real Mosquitto on a free port, without persistence."""
    program = mosquitto()
    if program is None:
        pytest.skip("Mosquitto is not on this machine")
    port = port or free_port()
    settings = folder / f"mosquitto-{port}.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n", encoding="ascii")
    process = subprocess.Popen(
        [str(program), "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _answers(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline
        time.sleep(0.02)
