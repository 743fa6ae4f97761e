"""Passwords: which are good enough, and how they are kept (argon2id over an HMAC with the office's salt)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHash

SHORTEST, LONGEST = 12, 128
HASHER = PasswordHasher()  # argon2id, 64 MiB, 3 passes, 4 lanes: about 0.12 s
LANES = BoundedSemaphore(2)  # hashes at once in one process: memory and cores are bounded
_COMMON = Path(__file__).with_name("common_passwords.txt")


def faults(password: str, *, email: str = "", name: str = "") -> list[str]:
    """Why a password is not accepted; empty when it is. No rules on which characters to use."""
    if len(password) < SHORTEST:
        return [f"A password has at least {SHORTEST} characters."]
    if len(password) > LONGEST:
        return [f"A password has at most {LONGEST} characters."]
    plain = unicodedata.normalize("NFKC", password).casefold()
    own = {part for part in (email.casefold(), email.split("@")[0].casefold(), name.casefold()) if len(part) > 3}
    if plain in common() or len(set(plain)) < 5 or _is_run(plain) or any(part in plain for part in own):
        return ["This password is among the first that an attacker tries."]
    return []


@lru_cache(maxsize=1)
def common() -> frozenset[str]:
    """Well-known long passwords, casefolded."""
    return frozenset(_COMMON.read_text(encoding="utf-8").split())


def hash_password(password: str, salt: str) -> str:
    """The form in which a password is stored."""
    with LANES:
        return HASHER.hash(_mixed(password, salt))


def verify_password(password: str, stored: str | None, salt: str) -> bool:
    """Whether a password is the stored one; takes as long when there is none stored."""
    with LANES:
        try:
            return HASHER.verify(stored or _nobody(), _mixed(password, salt)) and stored is not None
        except (Argon2Error, InvalidHash):
            return False


def _mixed(password: str, salt: str) -> bytes:
    normal = unicodedata.normalize("NFKD", password).encode("utf-8", "replace")
    return base64.b64encode(hmac.new(salt.encode(), normal, hashlib.sha512).digest())


@lru_cache(maxsize=1)
def _nobody() -> str:
    return HASHER.hash(secrets.token_bytes(32))


def _is_run(text: str) -> bool:
    """Consecutive characters up or down, as in 123456789012 (9 is followed by 0)."""
    steps = {(ord(after) - ord(before)) for before, after in pairwise(text)}
    return steps <= {1, -9} or steps <= {-1, 9}
