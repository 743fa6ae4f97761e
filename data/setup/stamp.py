"""Stamps: what a step was built from, so that an unchanged step is skipped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp


def fingerprint(files: Iterable[Path], packages: Iterable[str], extra: Iterable[str] = ()) -> str:
    """Hash over file contents, installed package versions and further words."""
    digest = hashlib.sha256()
    for path in sorted(files):
        content = path.read_bytes() if path.is_file() else b"(missing)"
        digest.update(f"{path.name}\0{hashlib.sha256(content).hexdigest()}\0".encode())
    for package in sorted(packages):
        digest.update(f"{package}={installed(package)}\0".encode())
    for word in extra:
        digest.update(f"{word}\0".encode())
    return digest.hexdigest()


def installed(package: str) -> str:
    """The installed version of a Python package, or `missing`."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def read_stamp(path: Path) -> dict[str, object]:
    """The stamp at `path`; empty where there is none or it cannot be read."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def write_stamp(path: Path, **facts: object) -> None:
    """Replace the stamp at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A fresh folder next to `target` whose files move into `target` when the block ends well.

    Files keep their relative path; each is flushed to disk before it is renamed over the old one.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield fresh
        for path in sorted(path for path in fresh.rglob("*") if path.is_file()):
            final = target / path.relative_to(fresh)
            final.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as handle:
                os.fsync(handle.fileno())
            path.chmod(0o644)
            path.replace(final)
    finally:
        rmtree(fresh, ignore_errors=True)
