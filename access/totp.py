"""Time-based one-time passwords.

References
----------
RFC 4226 section 5.3 (truncation), RFC 6238 section 4 (time step 30 s, T0 = 0) and appendix B (test values).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote

STEP_S = 30
DIGITS = 6
DRIFT = 1  # steps before and after the present one that are taken (RFC 6238 section 5.2 advises at most one)
SECRET_BYTES = 20  # RFC 4226 section 4, R6


def new_secret() -> str:
    """A random secret as authenticator programs take it: base32 without padding."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def code_at(secret: str, step: int, *, digits: int = DIGITS) -> str:
    """The code of a time step: HMAC-SHA-1 of its number, truncated."""
    mac = hmac.new(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1).digest()
    start = mac[-1] & 0x0F
    number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def step_of(at: datetime) -> int:
    """The number of the time step."""
    return int(at.timestamp()) // STEP_S


def matching_step(secret: str, code: str, at: datetime) -> int | None:
    """The step near a time whose code this is; each is compared, so the time taken tells nothing."""
    typed = "".join(code.split()).encode("utf-8", "replace")
    steps = [step_of(at) + shift for shift in range(-DRIFT, DRIFT + 1)]
    found = [step for step in steps if hmac.compare_digest(code_at(secret, step).encode(), typed)]
    return max(found, default=None)


def address(secret: str, *, account: str, issuer: str) -> str:
    """The `otpauth:` address that authenticator programs read from a QR code."""
    label = quote(f"{issuer}:{account}", safe="")
    return f"otpauth://totp/{label}?secret={secret}&issuer={quote(issuer, safe='')}&digits={DIGITS}&period={STEP_S}"
