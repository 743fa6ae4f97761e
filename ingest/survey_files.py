"""Survey deliveries: vector files as offices exchange them, each layer a table of objects in EPSG:4326.

GeoPackage, shapefile (zipped, or a folder), File Geodatabase, OpenStreetMap PBF and GeoParquet through GDAL and Arrow
in a child process; GeoJSON and CSV by our own readers. The format is told by content, never by GDAL's guess. Licence
and rhythm are those of the delivery.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
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
    from ingest.survey_found import Found
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
        from ingest.survey_found import find

        name = _file_name(payload)
        (folder / "came").write_bytes(payload.body)
        for one in find(folder / "came", name, folder / "unpacked", self.spec.key):
            if isinstance(one, Reject):
                yield one
                continue
            try:
                yield from self._read_found(one)
            except BadPayload as error:  # in an archive one bad file does not stop the others
                if not one.inside:
                    raise
                yield Reject(id=one.inside, reason=error.reason)

    def _read_found(self, one: Found) -> Iterator[Layer | Reject]:
        from ingest.survey_gdal import read_layers, read_parquet
        from ingest.survey_text import read_csv, read_geojson, read_lines

        key, options = self.spec.key, self.options
        match one.kind:
            case "gdal":
                yield from read_layers(one.path, one.stem, key, encoding=options.encoding)
            case "parquet":
                yield read_parquet(one.path, one.stem, key)
            case "geojson":
                yield read_geojson(one.path.read_bytes(), one.stem, key)
            case "lines":
                yield read_lines(one.path.read_bytes(), one.stem, key)
            case "table":
                text = _decode(one.path.read_bytes(), options.encoding, key)
                columns = {"lon": options.lon_column, "lat": options.lat_column, "crs": options.assume_crs}
                yield read_csv(text, one.stem, key, **columns)


def _file_name(payload: Payload) -> str:
    address = payload.url.split("?")[0].rstrip("/")
    return payload.name or address.rpartition("/")[2] or "survey"


def _decode(body: bytes, encoding: str, source: str) -> str:
    from ingest.survey_text import text_encoding

    try:
        return body.decode(text_encoding(body[: 1 << 20], encoding))
    except (UnicodeDecodeError, LookupError) as error:
        raise BadPayload(source, f"text in an unknown encoding: {error}"[:200]) from error
