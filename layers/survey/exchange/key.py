"""The key of this Tocsin for exchanges, and what is signed with it: ECDSA on P-256 over canonical JSON.

It is another key than the office's for warnings, because the web process must read it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.canonical import canonical
from data.errors import ConfigError
from data.secret_files import read_or_make
from layers.survey.exchange.refusal import Refusal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

FILE = Path("secrets") / "exchange_key"


@dataclass(frozen=True)
class OwnKey:
    """A private key, and the public one as peers write it into their settings."""

    private: EllipticCurvePrivateKey = field(repr=False)
    public: str

    def sign(self, purpose: str, body: Any) -> str:
        """A signature for one purpose over a document, in base64."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        return base64.b64encode(self.private.sign(_message(purpose, body), ec.ECDSA(hashes.SHA256()))).decode()

    def seal(self, purpose: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A document together with its signature."""
        return {"body": dict(body), "key": self.public, "signature": self.sign(purpose, body)}


def own_key(home: Path) -> OwnKey:
    """The key of a home, made at first use."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(read_or_make(home / FILE, _new), None)
    except ValueError as error:
        raise ConfigError([f"{home / FILE}: no private key"]) from error
    if not isinstance(private, EllipticCurvePrivateKey):
        raise ConfigError([f"{home / FILE}: a key on P-256 is needed"])
    return OwnKey(private, _written(private.public_key()))


def fingerprint(public: str) -> str:
    """What two people compare by telephone: eight groups of four."""
    digest = hashlib.sha256(public.encode()).hexdigest()[:32]
    return " ".join(digest[index : index + 4] for index in range(0, 32, 4))


def check(public: str, purpose: str, body: Any, signature: str) -> None:
    """Refusal where a signature was not made by this key, for this purpose, over this document."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), base64.b64decode(public))
        message = _message(purpose, body)
        point.verify(base64.b64decode(signature, validate=True), message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, binascii.Error) as error:
        raise Refusal(f"the signature of this {purpose} is not of the key that is known here", status=403) from error


def opened(sealed: Any, purpose: str, public: str) -> dict[str, Any]:
    """The document that a key has sealed; Refusal for any other."""
    if not isinstance(sealed, dict) or set(sealed) != {"body", "key", "signature"}:
        raise Refusal(f"this is no sealed {purpose}", status=400)
    if not isinstance(sealed["body"], dict) or not isinstance(sealed["signature"], str):
        raise Refusal(f"this is no sealed {purpose}", status=400)
    check(public, purpose, sealed["body"], sealed["signature"])
    return sealed["body"]


def read_json(body: bytes) -> Any:
    """A document of the other side; Refusal where it is none, or is nested without end."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal("this is no JSON", status=400) from error


def _message(purpose: str, body: Any) -> bytes:
    return f"tocsin exchange 1 {purpose}\n".encode() + canonical(body)


def _written(public: EllipticCurvePublicKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return base64.b64encode(public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)).decode()


def _new() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private = ec.generate_private_key(ec.SECP256R1())
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
