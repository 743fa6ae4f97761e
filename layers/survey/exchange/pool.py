"""Pieces on their way in: kept by their digests as they come, put together when all are there, and then let go.

A piece that an earlier delivery of the same dataset has is taken from its file and does not travel again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.store.durable import to_disk
from layers.survey.exchange.manifest import File, Manifest
from layers.survey.exchange.refusal import Refusal

ROOM = 256 << 20  # bytes of the disk that a transfer leaves to everything else
Place = tuple[Path, int]  # a file, and where in it a piece begins


def places_of(folder: Path, files: tuple[File, ...]) -> dict[str, Place]:
    """Where the pieces of a delivery lie in its files."""
    found: dict[str, Place] = {}
    for file in files:
        start = 0
        for sha, size in file.pieces:
            found.setdefault(sha, (folder / file.name, start))
            start += size
    return found


def read_piece(place: Place, size: int) -> bytes:
    """The bytes of a piece out of a file; fewer where the file is shorter, none where it is gone."""
    try:
        with place[0].open("rb") as file:
            file.seek(place[1])
            return file.read(size)
    except FileNotFoundError:
        return b""


class Pool:
    """The pieces of one transfer in its own folder, and places where others may be found."""

    def __init__(self, folder: Path, manifest: Manifest, known: dict[str, Place]) -> None:
        self.folder, self.manifest = folder, manifest
        self.sizes, self._known = manifest.pieces, known

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time writes here."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def missing(self) -> dict[str, int]:
        """Pieces that are not here, with how many bytes of each have come."""
        return {
            sha: self._came(sha) for sha in self.sizes if not self._whole(sha).exists() and sha not in self._known
        }

    def need_room(self) -> None:
        """Refusal where the disk has no place for what is still to come and for the files made of it."""
        left = sum(self.sizes[sha] - came for sha, came in self.missing().items()) + self.manifest.bytes
        free = shutil.disk_usage(self.folder).free - ROOM
        if left > free:
            raise Refusal(f"no room: {left:,} bytes are needed, {max(free, 0):,} are free", status=507)

    def take(self, sha: str, start: int, body: bytes) -> tuple[int, int]:
        """Add bytes to a piece, on the disk when this returns; how many of it are here now, and how many are new.

        Raises
        ------
        Refusal
            If the piece was not promised, grows beyond its length, is not what its name says, or the disk is full.
        """
        size = self.sizes.get(sha)
        if size is None:
            raise Refusal("this piece is not in the manifest", status=409)
        with self.locked():
            came = self._came(sha)
            if self._whole(sha).exists() or start != came:
                return (size if self._whole(sha).exists() else came), 0
            if start + len(body) > size:
                raise Refusal(f"more bytes than the {size:,} that were promised of this piece", status=413)
            try:
                self._add(sha, body, size)
            except OSError as error:
                self._cut_back(sha, came)
                raise Refusal(f"it could not be written: {error.strerror}", status=507) from error
            return start + len(body), len(body)

    def forget(self, shas: list[str]) -> None:
        """Pieces of earlier deliveries that turned out to be no longer what they were: they must come again."""
        for sha in shas:
            self._known.pop(sha, None)
            self._whole(sha).unlink(missing_ok=True)

    def assemble(self, target: Path) -> list[str]:
        """Put the files together, whole or not at all; the pieces that were not what their names say.

        Raises
        ------
        Refusal
            If a file is not what the manifest says although its pieces are, or the disk is full.
        """
        draft = self.folder / "files"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:
            spoiled = [sha for file in self.manifest.files for sha in self._write(draft / file.name, file)]
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise Refusal(f"the files could not be written: {error.strerror}", status=507) from error
        if spoiled:
            shutil.rmtree(draft)
            return spoiled
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():  # else an earlier run was killed right after this, and left it whole
            _sync(draft)
            draft.replace(target)
            _sync(target.parent)
        return []

    def clear(self) -> None:
        """Let the pieces go; the folder's lock stays for whoever holds it."""
        for name in ("pieces", "files"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def _write(self, path: Path, file: File) -> list[str]:
        whole, spoiled = hashlib.sha256(), []
        with path.open("wb") as out:
            for sha, size in file.pieces:
                body = read_piece((self._whole(sha), 0), size) or read_piece(self._known.get(sha, (path, 0)), size)
                if hashlib.sha256(body).hexdigest() != sha:
                    spoiled.append(sha)
                whole.update(body)
                out.write(body)
            out.flush()
            to_disk(out.fileno())
        if not spoiled and whole.hexdigest() != file.sha256:
            raise Refusal(f"{file.name}: the whole is not what the manifest says")
        return spoiled

    def _add(self, sha: str, body: bytes, size: int) -> None:
        part = self._part(sha)
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as file:
            file.write(body)
            file.flush()
            to_disk(file.fileno())
        if self._came(sha) < size:
            return
        if hashlib.sha256(part.read_bytes()).hexdigest() != sha:
            part.unlink()
            raise Refusal("a piece is not what its name says; all of it is wanted again", status=422)
        part.replace(self._whole(sha))

    def _cut_back(self, sha: str, size: int) -> None:
        if self._part(sha).exists():
            os.truncate(self._part(sha), size)

    def _came(self, sha: str) -> int:
        try:
            return self._part(sha).stat().st_size
        except FileNotFoundError:
            return 0

    def _whole(self, sha: str) -> Path:
        return self.folder / "pieces" / sha

    def _part(self, sha: str) -> Path:
        return self.folder / "pieces" / f"{sha}.part"


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        to_disk(handle)
    finally:
        os.close(handle)
