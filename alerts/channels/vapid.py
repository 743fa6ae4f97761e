"""The key by which push services know this office: made at first use, and never to be lost.

With another key every subscription is void, so a backup of the home folder holds it.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from py_vapid import Vapid02

from data.secret_files import read_or_make

TOKEN_HOLDS = timedelta(hours=12)  # RFC 8292 allows 24


def vapid_key(home: Path) -> ec.EllipticCurvePrivateKey:
    """The private key of the office."""
    key = load_pem_private_key(read_or_make(home / "secrets" / "vapid.pem", _new), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    """What a browser is given to subscribe with: the point, in URL-safe base64."""
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(point).rstrip(b"=").decode()


def authorization(key: ec.EllipticCurvePrivateKey, endpoint: str, contact: str, now: datetime) -> str:
    """The header that proves who sends (RFC 8292)."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int((now + TOKEN_HOLDS).timestamp()),
        "sub": contact,
    }
    return str(Vapid02(private_key=key).sign(claims)["Authorization"])


def _new() -> bytes:
    made = ec.generate_private_key(ec.SECP256R1())
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
