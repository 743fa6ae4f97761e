"""Which survey files there are in what came: told by content, unpacked where they are packed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data.errors import BadPayload
from data.model import Reject
from ingest.survey_unpack import MAX_UNPACKED, gunzip, unpack

SQLITE, PARQUET, ZIP, GZIP = b"SQLite format 3\x00", b"PAR1", b"PK\x03\x04", b"\x1f\x8b"
RASTERS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"\x89HDF", b"CDF", b"GRIB", b"\x89PNG", b"\xff\xd8\xff")
WIDE = (b"\xff\xfe", b"\xfe\xff")  # the mark of UTF-16
PARTS = (".shx", ".dbf")
TEXTS = (".csv", ".txt", ".tsv")
LINES = (".geojsonl", ".geojsons", ".geojsonseq", ".ndjson", ".jsonl")
SEPARATOR = b"\x1e"  # before each feature of a GeoJSON text sequence, RFC 8142
HEAD = 4096

Kind = Literal["gdal", "parquet", "geojson", "lines", "table"]


@dataclass(frozen=True)
class Found:
    """A file whose format is known; `inside` is its name within an archive, "" for a file that came by itself."""

    kind: Kind
    path: Path
    stem: str
    inside: str = ""


def find(
    path: Path, name: str, folder: Path, source: str, *, max_unpacked: int = MAX_UNPACKED
) -> Iterator[Found | Reject]:
    """What there is in a file or a folder; `name` is how it was called, `folder` is for what is unpacked.

    Raises
    ------
    BadPayload
        If a file that came by itself is none, or an archive holds none or is a trap.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        copied = [_link(file, folder / path.name / file.relative_to(path)) for file in files]
        yield from _in_folder(copied, folder, name, source)
        return
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(ZIP):
        files = unpack(path, folder, source, max_unpacked=max_unpacked)
        yield from _in_folder(sorted(files), folder, name, source)
    elif head.startswith(GZIP):
        plain = name.removesuffix(".gz")
        target = folder / "unpacked"
        target.mkdir(parents=True, exist_ok=True)
        unpacked = gunzip(path, target / "file", source, max_unpacked=max_unpacked)
        yield from find(unpacked, plain, folder / "inner", source, max_unpacked=max_unpacked)
    elif suffix := _binary(head):
        folder.mkdir(parents=True, exist_ok=True)
        yield Found("parquet" if suffix == ".parquet" else "gdal", _link(path, folder / f"data{suffix}"), stem(name))
    else:
        yield Found(text_kind(head, name, source), path, stem(name))


def _binary(head: bytes) -> str:
    """The suffix by which GDAL knows such a file; it would go by a false one."""
    if head.startswith(SQLITE):
        return ".gpkg"
    if head.startswith(PARQUET):
        return ".parquet"
    return ".osm.pbf" if b"OSMHeader" in head[:64] else ""


def text_kind(head: bytes, name: str, source: str) -> Kind:
    """What kind of text a file is by its beginning and its name; BadPayload says why it is none."""
    suffix = Path(name).suffix.lower()
    if head.startswith(RASTERS) or suffix in (".tif", ".tiff"):
        raise BadPayload(source, "a raster or grid, not a vector file")
    if suffix == ".dbf":
        raise BadPayload(source, "an attribute table (.dbf) without its geometry (.shp, .shx)")
    if suffix in (".shp", ".shx") or head.startswith(b"\x00\x00\x27\x0a"):
        raise BadPayload(source, "one part of a shapefile: send .shp, .shx, .dbf and .prj in one zip")
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first == SEPARATOR or suffix in LINES:
        return "lines"
    if first in (b"{", b"[") or suffix in (".json", ".geojson"):
        return "geojson"
    if first == b"<" or (b"\x00" in head and not head.startswith(WIDE)):
        raise BadPayload(source, f"not a survey file that can be read: it begins with {head[:24]!r}")
    return "table"


def _in_folder(files: Sequence[Path], folder: Path, name: str, source: str) -> Iterator[Found | Reject]:
    """Every data set among unpacked files; one that cannot be read does not stop the others."""
    databases = sorted({parent for file in files for parent in file.parents if parent.suffix.lower() == ".gdb"})
    loose = [file for file in files if not any(database in file.parents for database in databases)]
    found = 0
    for path in [*databases, *loose]:
        inside = path.relative_to(folder).as_posix()
        try:
            one = _one_of(path, loose, inside, source)
        except BadPayload as error:
            found += 1
            yield Reject(id=inside, reason=error.reason)
            continue
        if one is not None:
            found += 1
            yield one
    if not found:
        raise BadPayload(source, f"no survey file in the archive {name[:80]}")


def _one_of(path: Path, loose: Sequence[Path], inside: str, source: str) -> Found | None:
    """One file of a folder; None for one that says nothing by itself."""
    suffix = path.suffix.lower()
    base = path.name.removesuffix(path.suffix)
    if suffix == ".shp":
        return Found("gdal", _with_parts(path, loose, source), base, inside)
    if suffix == ".gdb" or suffix in (".gpkg", ".parquet") or path.name.lower().endswith(".osm.pbf"):
        _check_content(path, source)
        return Found("parquet" if suffix == ".parquet" else "gdal", path, base, inside)
    if suffix in (".json", ".geojson", ".tif", ".tiff", *LINES, *TEXTS) or (
        suffix == ".dbf" and not _sibling(path, ".shp", loose)
    ):
        with path.open("rb") as file:
            return Found(text_kind(file.read(HEAD), path.name, source), path, stem(path.name), inside)
    return None


def stem(name: str) -> str:
    """`roads.gdb.zip` is `roads`."""
    found = Path(name).name
    for suffix in (".gz", ".zip", ".gdb", ".gpkg", ".pbf", ".osm", ".parquet", ".geojson", ".json", *LINES, *TEXTS):
        found = found[: -len(suffix)] if found.lower().endswith(suffix) and len(found) > len(suffix) else found
    return found


def _link(path: Path, target: Path) -> Path:
    """The file under another name: what is read may be renamed, and what came stays as it is."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(path.resolve())
    return target


def _sibling(path: Path, suffix: str, files: Iterable[Path]) -> Path | None:
    """The file beside `path` with the same stem and another suffix, whatever its case."""
    wanted = f"{path.stem}{suffix}".lower()
    return next((file for file in files if file.parent == path.parent and file.name.lower() == wanted), None)


def _with_parts(path: Path, files: Sequence[Path], source: str) -> Path:
    """The shapefile under names that GDAL finds together; BadPayload when a part it needs is missing."""
    missing = [suffix for suffix in PARTS if _sibling(path, suffix, files) is None]
    if missing:
        raise BadPayload(source, f"a shapefile without its {' and '.join(missing)}")
    for suffix in (*PARTS, ".prj", ".cpg"):
        part = _sibling(path, suffix, files)
        if part is not None and part.suffix != suffix:
            part.rename(path.with_suffix(suffix))
    return path.rename(path.with_suffix(".shp"))


def _check_content(path: Path, source: str) -> None:
    """Refuse a file that is not what its name says: GDAL would go by its content."""
    if path.is_dir():
        return
    with path.open("rb") as file:
        head = file.read(64)
    kinds = {".gpkg": head.startswith(SQLITE), ".parquet": head.startswith(PARQUET), ".pbf": b"OSMHeader" in head}
    if not kinds[path.suffix.lower()]:
        raise BadPayload(source, f"not what its name says: it begins with {head[:16]!r}")
