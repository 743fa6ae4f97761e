"""What signs: the desk is handed something with this one method and never sees the key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from alerts.cap import sign as cap_sign
from alerts.cap.model import Alert
from data.errors import Altered, ConfigError


@dataclass(frozen=True)
class Signed:
    """The exact bytes that may go out, and the certificate that vouches for them."""

    body: bytes
    certificate: bytes  # DER

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    @property
    def certificate_sha256(self) -> str:
        return hashlib.sha256(self.certificate).hexdigest()


class Signs(Protocol):
    """Signs the bytes of a message, or says why it cannot."""

    def sign(self, body: bytes, now: datetime) -> Signed:
        """The signed message; WarningError or ConfigError where there is none."""


class LocalSigner:
    """Signs with a key in this process: in the process of the signer, and in tests."""

    def __init__(self, signer: cap_sign.Signer) -> None:
        self._signer = signer

    def sign(self, body: bytes, now: datetime) -> Signed:
        """As `alerts.cap.sign.sign`, which also looks at its own work."""
        from cryptography.hazmat.primitives.serialization import Encoding

        signed = cap_sign.sign(body, self._signer, now=now)
        return Signed(signed, self._signer.certificate.public_bytes(Encoding.DER))


def same_message(signed: Signed, meant: Alert, now: datetime) -> None:
    """Altered, or another signature fault, unless these bytes are the message that was approved."""
    from cryptography.x509 import load_der_x509_certificate

    try:
        certificate = load_der_x509_certificate(signed.certificate)
    except ValueError as error:
        raise ConfigError(["the signer's certificate cannot be read"]) from error
    if cap_sign.verify(signed.body, (certificate,), now=now) != meant:
        raise Altered("what was signed is not the message that was approved")
