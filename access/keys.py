"""Keys of the web processes: made at the first start, kept in files only the owner can read.

`factor_key` may have several lines: the first encrypts, all decrypt, so that a new one is put before the old.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from data.errors import ConfigError

PURPOSES = {
    "session_key": "signs session cookies (HMAC-SHA-256)",
    "password_salt": "is mixed into passwords and recovery codes (HMAC-SHA-512, HMAC-SHA-256)",
    "metrics_token": "reads /metrics",
    "factor_key": "hides the secrets of authenticator programs (AES-128-CBC and HMAC-SHA-256)",
    "mark_key": "marks copies of survey records (HMAC-SHA-256 and AES-256)",
}
NAMES = tuple(PURPOSES)
MINIMUM_LENGTH = 43  # 256 bits in URL-safe base64


@dataclass(frozen=True)
class Keys:
    """What signs cookies, is mixed into passwords, reads /metrics, hides TOTP secrets, and marks copies."""

    session: str = field(repr=False)
    password_salt: str = field(repr=False)
    metrics_token: str = field(repr=False)
    factor_keys: tuple[str, ...] = field(repr=False)
    mark: str = field(repr=False)

    def encrypt(self, text: str) -> str:
        """The text as it may stand in the store: the id of the key, and what only the key opens."""
        key = self.factor_keys[0]
        return f"{key_id(key)}:{_fernet(key).encrypt(text.encode()).decode('ascii')}"

    def decrypt(self, kept: str) -> str:
        """What `encrypt` was given.

        Raises
        ------
        ConfigError
            If the key that it names is not there, or it was changed.
        """
        wanted, _, token = kept.partition(":")
        for key in self.factor_keys:
            if key_id(key) == wanted:
                try:
                    return _fernet(key).decrypt(token.encode("ascii")).decode()
                except InvalidToken as error:
                    raise ConfigError(["the secret of a second factor was changed in the store"]) from error
        raise ConfigError([f"secrets/factor_key has no key {wanted}: put the line back, or reset the second factor"])


def read_keys(home: Path) -> Keys:
    """The keys under `home/secrets`, made where they are missing.

    Raises
    ------
    ConfigError
        If a key is too short, or other accounts of the machine can read it.
    """
    folder = home / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    session, salt, token, factor, mark = (_read_or_make(folder / name) for name in NAMES)
    return Keys(session[0], salt[0], token[0], factor, mark[0])


def key_id(key: str) -> str:
    """By what a key is named, so that another can follow it."""
    return hashlib.sha256(b"id:" + key.encode()).hexdigest()[:8]


def ids_of(path: Path) -> tuple[str, ...]:
    """The ids of the keys in a file that may hold several; of other files nothing is read."""
    return tuple(map(key_id, path.read_text(encoding="ascii").split())) if path.name == "factor_key" else ()


def _fernet(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"second factor:" + key.encode()).digest()))


def _read_or_make(path: Path) -> tuple[str, ...]:
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise ConfigError([f"{path}: other accounts can read this key; run: chmod 600 {path}"])
    lines = tuple(path.read_text(encoding="ascii").split())
    if not lines or min(map(len, lines)) < MINIMUM_LENGTH:
        raise ConfigError([f"{path}: the key is too short; delete the file to have a new one made"])
    return lines


def _make(path: Path) -> None:
    """Write a new key beside its place and link it there: of several first starts, one wins."""
    draft = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
