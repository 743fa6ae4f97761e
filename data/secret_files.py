"""Secrets in files of the home folder: made at first use, readable by their owner alone."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from data.errors import ConfigError


def read_secret(path: Path) -> bytes:
    """The content of a file that an operator named.

    Raises
    ------
    ConfigError
        If it cannot be read, is empty, or other accounts of the machine can read it.
    """
    try:
        mode, body = path.stat().st_mode, path.read_bytes().strip()
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from error
    if mode & 0o077:
        raise ConfigError([f"{path}: other accounts can read this secret; run: chmod 600 {path}"])
    if not body:
        raise ConfigError([f"{path}: the file is empty"])
    return body


def read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    """The secret at `path`, made and linked there where it is missing: of several first starts, one wins."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process made it in the same moment: its secret holds
        finally:
            draft.unlink()
    return read_secret(path)
