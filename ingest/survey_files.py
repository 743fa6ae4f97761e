"""Survey deliveries: vector files as offices exchange them, each layer a table of objects in EPSG:4326.

GeoPackage, shapefile (zipped, or a folder), File Geodatabase, OpenStreetMap PBF and GeoParquet through GDAL and Arrow
in a child process; GeoJSON and CSV by our own readers. The format is told by content, never by GDAL's guess. Licence
and rhythm are those of the delivery.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from data.clock import Clock, utc_now
from data.errors import BadPayload, Refused, Unreachable
from data.model import Parsed, Payload, Reject, SurveyTable
from ingest.configure import Configuration, configured_spec
from ingest.source import SourceSpec

if TYPE_CHECKING:
    from ingest.http import Http
    from ingest.survey_table import Layer

SPEC = SourceSpec(
    key="survey_files",
    title="Survey files",
    provider="named by the operator",
    hazard="survey",
    url="",
    licence="as the delivery states",
    credit="",
    every=timedelta(hours=24),
    stale_after=timedelta(days=3650),
    silence_is_normal=True,
    decode_in_child=True,
    max_bytes=512 << 20,
)
SQLITE, PARQUET, ZIP = b"SQLite format 3\x00", b"PAR1", b"PK\x03\x04"
RASTERS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"\x89HDF", b"CDF", b"GRIB", b"\x89PNG", b"\xff\xd8\xff")
WIDE = (b"\xff\xfe", b"\xfe\xff")  # the mark of UTF-16
PARTS = (".shx", ".dbf")
TEXTS = (".csv", ".txt", ".tsv")


class SurveyConfiguration(Configuration):
    """What an operator may say of a delivery."""

    assume_crs: str = ""
    encoding: str = Field("", pattern=r"^[A-Za-z0-9_-]{0,20}$")
    lon_column: str = ""
    lat_column: str = ""

    @field_validator("assume_crs")
    @classmethod
    def _crs(cls, value: str) -> str:
        from ingest.survey_text import known_crs

        return known_crs(value) if value else value


@dataclass(frozen=True)
class SurveyFiles:
    """One address, file or folder of survey data."""

    spec: SourceSpec = field(default=SPEC)
    options: SurveyConfiguration = field(default_factory=SurveyConfiguration)
    clock: Clock = utc_now  # for the time a local file was read

    @classmethod
    def configured(cls, config: Mapping[str, Any]) -> SurveyFiles:
        options = SurveyConfiguration.model_validate(config)
        return cls(configured_spec(SPEC, options), options)

    def fetch(self, http: Http, since: datetime | None) -> Sequence[Payload]:
        """The delivery as one payload; a folder is packed."""
        if self.spec.url.startswith(("http://", "https://")):
            payload = http.get(self.spec.url)
            return [] if payload is None else [payload]
        return [self._read(Path(self.spec.url.removeprefix("file://")))]

    def _read(self, path: Path) -> Payload:
        from ingest.survey_unpack import pack

        try:
            files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
            if sum(file.stat().st_size for file in files) > self.spec.max_bytes:
                raise Refused(self.spec.key, f"{path.name} is larger than {self.spec.max_bytes} bytes")
            body = pack(path) if path.is_dir() else path.read_bytes()
        except FileNotFoundError:
            raise Refused(self.spec.key, f"{path} is not there", status=404) from None
        except OSError as error:
            raise Unreachable(self.spec.key, f"{path}: {error.strerror}") from error
        name = f"{path.name}.zip" if path.is_dir() else path.name
        return Payload(source=self.spec.key, body=body, received_at=self.clock(), url=f"file:{path}", name=name)

    def parse(self, payload: Payload) -> Parsed:
        """Every layer of the delivery as a table.

        Raises
        ------
        BadPayload
            If nothing in it is a vector file with geometry that can be opened.
        """
        from ingest.survey_table import finish

        tables: list[SurveyTable] = []
        rejects: list[Reject] = []
        with tempfile.TemporaryDirectory(prefix="tocsin-survey-") as folder:
            for item in self._layers(payload, Path(folder)):
                if isinstance(item, Reject):
                    rejects.append(item)
                    continue
                table, left_out = finish(item, self.options.assume_crs)
                rejects += left_out
                tables += [table] if table is not None else []
        if not tables and not rejects:
            raise BadPayload(self.spec.key, "no layer with geometry")
        return Parsed(records=tuple(tables), rejects=tuple(rejects))

    def _layers(self, payload: Payload, folder: Path) -> Iterator[Layer | Reject]:
        body, key = payload.body, self.spec.key
        name = _file_name(payload)
        if body.startswith(ZIP):
            from ingest.survey_unpack import unpack

            yield from self._folder(sorted(unpack(body, folder / "unpacked", key)), folder / "unpacked", name)
        elif body.startswith(SQLITE):
            yield from self._binary(body, folder / "data.gpkg", name)
        elif body.startswith(PARQUET):
            yield from self._binary(body, folder / "data.parquet", name)
        elif b"OSMHeader" in body[:64]:
            yield from self._binary(body, folder / "data.osm.pbf", name)
        else:
            yield self._text(body, name)

    def _binary(self, body: bytes, path: Path, name: str) -> Iterator[Layer | Reject]:
        path.write_bytes(body)
        yield from self._file(path, _stem(name))

    def _file(self, path: Path, stem: str) -> Iterator[Layer | Reject]:
        from ingest.survey_gdal import read_layers, read_parquet

        if path.suffix == ".parquet":
            yield read_parquet(path, stem, self.spec.key)
        else:
            yield from read_layers(path, stem, self.spec.key, encoding=self.options.encoding)

    def _text(self, body: bytes, name: str) -> Layer:
        """GeoJSON or a table, else the reason why not."""
        from ingest.survey_text import read_csv, read_geojson

        suffix = Path(name).suffix.lower()
        if body.startswith(RASTERS) or suffix in (".tif", ".tiff"):
            raise BadPayload(self.spec.key, "a raster or grid, not a vector file")
        if suffix == ".dbf":
            raise BadPayload(self.spec.key, "an attribute table (.dbf) without its geometry (.shp, .shx)")
        if suffix in (".shp", ".shx") or body.startswith(b"\x00\x00\x27\x0a"):
            raise BadPayload(self.spec.key, "one part of a shapefile: send .shp, .shx, .dbf and .prj in one zip")
        head = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        if head in (b"{", b"[") or suffix in (".json", ".geojson"):
            return read_geojson(body, _stem(name), self.spec.key)
        if head == b"<" or (b"\x00" in body[:4096] and not body.startswith(WIDE)):
            raise BadPayload(self.spec.key, f"not a survey file that can be read: it begins with {body[:24]!r}")
        options = self.options
        text = _decode(body, options.encoding, self.spec.key)
        return read_csv(
            text, _stem(name), self.spec.key, lon=options.lon_column, lat=options.lat_column, crs=options.assume_crs
        )

    def _folder(self, files: Sequence[Path], folder: Path, name: str) -> Iterator[Layer | Reject]:
        """Every data set among unpacked files; one that cannot be read does not stop the others."""
        databases = sorted({parent for file in files for parent in file.parents if parent.suffix.lower() == ".gdb"})
        loose = [file for file in files if not any(database in file.parents for database in databases)]
        found = 0
        for path in [*databases, *loose]:
            suffix = path.suffix.lower()
            stem = path.name.removesuffix(path.suffix)
            try:
                if suffix == ".shp":
                    path = _with_parts(path, loose, self.spec.key)
                    yield from self._file(path, stem)
                elif suffix == ".gdb" or suffix in (".gpkg", ".parquet") or path.name.lower().endswith(".osm.pbf"):
                    _check_content(path, self.spec.key)
                    yield from self._file(path, stem)
                elif suffix in (".json", ".geojson", *TEXTS):
                    yield self._text(path.read_bytes(), path.name)
                elif suffix in (".tif", ".tiff") or (suffix == ".dbf" and not _sibling(path, ".shp", loose)):
                    yield self._text(path.read_bytes()[:64], path.name)
                else:
                    continue
                found += 1
            except BadPayload as error:
                found += 1
                yield Reject(id=path.relative_to(folder).as_posix(), reason=error.reason)
        if not found:
            raise BadPayload(self.spec.key, f"no survey file in the archive {name[:80]}")


def _file_name(payload: Payload) -> str:
    address = payload.url.split("?")[0].rstrip("/")
    return payload.name or address.rpartition("/")[2] or "survey"


def _stem(name: str) -> str:
    """`roads.gdb.zip` is `roads`."""
    stem = Path(name).name
    for suffix in (".zip", ".gdb", ".gpkg", ".pbf", ".osm", ".parquet", ".geojson", ".json", *TEXTS):
        stem = stem[: -len(suffix)] if stem.lower().endswith(suffix) and len(stem) > len(suffix) else stem
    return stem


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


def _decode(body: bytes, encoding: str, source: str) -> str:
    from ingest.survey_gdal import guess_encoding

    if body.startswith(WIDE):
        encoding = encoding or "utf-16"
    chosen = encoding or guess_encoding(body[: 1 << 20].replace(b",", b" ").replace(b"\n", b" ")) or "utf-8"
    try:
        return body.decode("utf-8-sig" if chosen.lower() in ("utf-8", "utf8") else chosen)
    except (UnicodeDecodeError, LookupError) as error:
        raise BadPayload(source, f"text in an unknown encoding: {error}"[:200]) from error
