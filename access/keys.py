"""Keys of the web processes: made at the first start, kept in files only the owner can read."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from data.errors import ConfigError

MINIMUM_LENGTH = 43  # 256 bits in URL-safe base64


@dataclass(frozen=True)
class Keys:
    """What signs session cookies, what is mixed into passwords before they are hashed, and what reads /metrics."""

    session: str = field(repr=False)
    password_salt: str = field(repr=False)
    metrics_token: str = field(repr=False)


def read_keys(home: Path) -> Keys:
    """The keys under `home/secrets`, made where they are missing.

    Raises
    ------
    ConfigError
        If a key is too short, or other accounts of the machine can read it.
    """
    folder = home / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = ("session_key", "password_salt", "metrics_token")
    return Keys(*(_read_or_make(folder / name) for name in names))


def _read_or_make(path: Path) -> str:
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise ConfigError([f"{path}: other accounts can read this key; run: chmod 600 {path}"])
    key = path.read_text(encoding="ascii").strip()
    if len(key) < MINIMUM_LENGTH:
        raise ConfigError([f"{path}: the key is too short; delete the file to have a new one made"])
    return key


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
