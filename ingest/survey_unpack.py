"""Archives of survey files: unpacked into a folder of ours only when nothing in them is a trap."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from data.errors import BadPayload

MAX_MEMBERS = 20_000
MAX_UNPACKED = 2 << 30  # bytes
MAX_RATIO = 200  # of the whole archive, once it is larger than SMALL
SMALL = 16 << 20
CHUNK = 1 << 20


def unpack(
    packed: bytes | Path, folder: Path, source: str, *, max_unpacked: int = MAX_UNPACKED,
    max_members: int = MAX_MEMBERS,
) -> list[Path]:  # fmt: skip
    """Write the members of a zip, given as bytes or as a file, under `folder`.

    Raises
    ------
    BadPayload
        For a damaged or encrypted archive, one that unpacks to too much, and one whose names lead outside.
    """
    try:
        size = packed.stat().st_size if isinstance(packed, Path) else len(packed)
        with zipfile.ZipFile(packed if isinstance(packed, Path) else io.BytesIO(packed)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            _check(members, size, source, max_unpacked, max_members)
            return [_write(archive, member, folder, source) for member in members]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError, ValueError) as error:
        raise BadPayload(source, f"a damaged archive: {error}") from error
    except RuntimeError as error:  # zipfile's way of asking for a password
        raise BadPayload(source, f"an encrypted archive: {error}") from error


def gunzip(packed: Path, target: Path, source: str, *, max_unpacked: int = MAX_UNPACKED) -> Path:
    """Write what a gzip file holds.

    Raises
    ------
    BadPayload
        For a damaged file, and for one that unpacks to too much.
    """
    most = max(SMALL, min(max_unpacked, MAX_RATIO * packed.stat().st_size))
    written = 0
    try:
        with gzip.open(packed) as source_file, target.open("wb") as file:
            while chunk := source_file.read(CHUNK):
                written += len(chunk)
                if written > most:
                    raise BadPayload(source, f"{packed.name} would unpack to more than {most} bytes: refused")
                file.write(chunk)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise BadPayload(source, f"a damaged gzip file: {error}") from error
    return target


def pack(folder: Path) -> bytes:
    """A folder as one archive, so that it can be kept and read as a payload; equal folders give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _check(members: list[zipfile.ZipInfo], size: int, source: str, max_unpacked: int, max_members: int) -> None:
    if len(members) > max_members:
        raise BadPayload(source, f"the archive has more than {max_members} members")
    unpacked = sum(member.file_size for member in members)
    if unpacked > max_unpacked or (unpacked > SMALL and unpacked > MAX_RATIO * size):
        raise BadPayload(source, f"the archive of {size} bytes would unpack to {unpacked} bytes: refused")
    seen: set[str] = set()
    for member in members:
        name = _name(member)
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or "\\" in name or ":" in name or "\x00" in name or not parts:
            raise BadPayload(source, f"the archive names a file outside itself: {name[:120]!r}")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise BadPayload(source, f"the archive holds a link: {name[:120]!r}")
        if name in seen:
            raise BadPayload(source, f"the archive names a file twice: {name[:120]!r}")
        seen.add(name)


def _name(member: zipfile.ZipInfo) -> str:
    """The name of a member; without the UTF-8 flag it may be GBK, as Chinese systems write it."""
    if member.flag_bits & 0x800:
        return member.filename
    raw = member.filename.encode("cp437", "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return member.filename


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, source: str) -> Path:
    target = folder / PurePosixPath(_name(member))
    if not target.resolve().is_relative_to(folder.resolve()):
        raise BadPayload(source, f"the archive names a file outside itself: {member.filename[:120]!r}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as packed, target.open("xb") as file:
            left = member.file_size
            while chunk := packed.read(CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise BadPayload(source, f"a member is larger than it says: {member.filename[:120]!r}")
                file.write(chunk)
    except OSError as error:
        raise BadPayload(source, f"cannot unpack {member.filename[:120]!r}: {error.strerror}") from error
    return target
