"""GRIB, NetCDF and radar HDF5 fields from a path or an address, as they come: plain, gzip, bzip2, xz or tar.

No provider of its own: the operator names a file or an address, in which `{time:%Y%m%d%H}` stands for the time of the
product. Every GRIB message becomes one field step or one reject; a message that packs several fields becomes several
steps. Of an ensemble the control and the mean are kept, probabilities, percentiles and spreads under names of their
own, and members only with `members: all`.

Options: `quantities` {name: other name, or "" to drop}, `members` control|all, `forecast` true|false where a file
does not say, `units` {name: unit} and `intervals` {name: duration} where a file does not say them or says them wrong,
`cycle` (time between products), `delay` (how long after its time a product appears), `catch_up` (how
many missed products a run fetches).
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from data.clock import Clock, utc_now
from data.errors import BadPayload, Refused, Unreachable
from data.model import FieldStep, Parsed, Payload, Reject
from ingest.configure import Configuration, configured_spec, read_duration
from ingest.source import SourceSpec

if TYPE_CHECKING:
    from ingest.grib_fields import Options
    from ingest.http import Http

SPEC = SourceSpec(
    key="grid_files",
    title="Gridded fields (GRIB, NetCDF, radar HDF5)",
    provider="named by the operator",
    hazard="weather",
    url="",
    licence="as the provider states",
    credit="",
    every=timedelta(minutes=10),
    stale_after=timedelta(hours=3),
    decode_in_child=True,
    max_bytes=512 << 20,
)
UNPACKED_MAX = 2 << 30  # bytes: a compressed payload past this is refused
CELLS_MAX = 150_000_000  # of one payload: 600 MB as 32-bit numbers
WRAPPERS: dict[bytes, tuple[str, Callable[..., Any]]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"\xfd7zXZ": ("xz", lzma.open),
    b"BZh": ("bzip2", bz2.open),
}
TEMPLATE = re.compile(r"\{time(:[^}]*)?\}")


class GridConfiguration(Configuration):
    """What an operator may say of a feed of grid files."""

    quantities: dict[str, str] = Field(default_factory=dict)
    members: Literal["control", "all"] = "control"
    forecast: bool | None = None
    units: dict[str, str] = Field(default_factory=dict)
    intervals: dict[str, timedelta] = Field(default_factory=dict)
    cycle: timedelta = timedelta(hours=1)
    delay: timedelta = timedelta()
    catch_up: int = Field(3, ge=1, le=200)

    @field_validator("cycle", "delay", mode="before")
    @classmethod
    def _length(cls, value: Any) -> Any:
        return read_duration(value)

    @field_validator("intervals", mode="before")
    @classmethod
    def _lengths(cls, value: Any) -> Any:
        return {name: read_duration(length) for name, length in value.items()} if isinstance(value, dict) else value


@dataclass(frozen=True)
class GridFiles:
    """One address or path of grid files."""

    spec: SourceSpec = field(default=SPEC)
    options: GridConfiguration = field(default_factory=GridConfiguration)
    clock: Clock = utc_now  # for the {time} of an address only

    @classmethod
    def configured(cls, config: Mapping[str, Any]) -> GridFiles:
        options = GridConfiguration.model_validate(config)
        return cls(configured_spec(SPEC, options), options)

    def fetch(self, http: Http, since: datetime | None) -> Sequence[Payload]:
        found: list[Payload] = []
        for address in self.addresses(since):
            try:
                payload = self._get(http, address)
            except Refused as error:
                if error.status == 404 and TEMPLATE.search(self.spec.url):
                    continue  # not there yet; its age will show
                raise
            if payload is not None:
                found.append(payload)
        return found

    def addresses(self, since: datetime | None) -> list[str]:
        """The address, or for a template those of the products since the newest one held, oldest first."""
        if not TEMPLATE.search(self.spec.url):
            return [self.spec.url]
        cycle = self.options.cycle.total_seconds()
        newest = (self.clock() - self.options.delay).timestamp() // cycle * cycle
        times = [datetime.fromtimestamp(newest - back * cycle, UTC) for back in range(self.options.catch_up)]
        wanted = [time for time in times if since is None or time > since] or times[:1]
        return [self.spec.url.format(time=time) for time in reversed(wanted)]

    def _get(self, http: Http, address: str) -> Payload | None:
        if address.startswith(("http://", "https://")):
            return http.get(address)
        return self._read(Path(address.removeprefix("file://")))

    def _read(self, path: Path) -> Payload:
        try:
            if path.stat().st_size > self.spec.max_bytes:
                raise Refused(self.spec.key, f"{path.name} is larger than {self.spec.max_bytes} bytes")
            body = path.read_bytes()
        except FileNotFoundError:
            raise Refused(self.spec.key, f"{path} is not there", status=404) from None
        except OSError as error:
            raise Unreachable(self.spec.key, f"{path}: {error.strerror}") from error
        received_at = self.clock()
        return Payload(source=self.spec.key, body=body, received_at=received_at, url=f"file:{path}", name=path.name)

    def parse(self, payload: Payload) -> Parsed:
        """Read every field of a file.

        Raises
        ------
        BadPayload
            If it is neither GRIB nor NetCDF nor HDF5, or cannot be unpacked.
        """
        from ingest.grib_fields import Options, Unusable

        given = self.options
        options = Options(
            given.quantities, given.members == "all", given.forecast, given.units,
            {name: round(length.total_seconds()) for name, length in given.intervals.items()},
        )  # fmt: skip
        try:
            return _collect(_read(payload.body, options, self.spec.key), self.spec.key)
        except Unusable as error:
            raise BadPayload(self.spec.key, str(error)) from error


def _read(body: bytes, options: Options, source: str) -> Iterator[FieldStep | Reject]:
    """The fields of a file of any of the kinds, or of each file of an archive."""
    body = unwrap(body, source)
    if body[:4] in (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF"):
        yield from _read_netcdf(body, options)
    elif body[257:262] == b"ustar":
        yield from _read_archive(body, options, source)
    elif b"GRIB" in body[:65536]:  # some providers put a bulletin heading in front
        yield from _read_grib(body, options)
    else:
        raise BadPayload(source, f"neither GRIB nor NetCDF nor HDF5: it begins with {body[:40]!r}")


def _read_archive(body: bytes, options: Options, source: str) -> Iterator[FieldStep | Reject]:
    """The files of a tar one after another; one that cannot be read is a reject, and the rest goes on."""
    from ingest.grib_fields import Unusable

    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isreg() else None
                if file is None:
                    continue
                try:
                    inner = file.read()
                    if inner[257:262] == b"ustar":
                        raise BadPayload(source, "an archive inside an archive is not read")
                    yield from _read(inner, options, source)
                except (Unusable, BadPayload) as error:
                    yield Reject(id=member.name, reason=error.reason if isinstance(error, BadPayload) else str(error))
    except (tarfile.TarError, EOFError) as error:
        yield Reject(id="archive", reason=f"the archive is damaged: {error}")


def unwrap(body: bytes, source: str) -> bytes:
    """The file inside gzip, xz or bzip2; BadPayload for a damaged or an immense one."""
    for mark, (name, opener) in WRAPPERS.items():
        if not body.startswith(mark):
            continue
        try:
            with opener(io.BytesIO(body)) as file:
                inner: bytes = file.read(UNPACKED_MAX + 1)
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            raise BadPayload(source, f"{name} cannot be unpacked: {error}") from error
        if len(inner) > UNPACKED_MAX:
            raise BadPayload(source, f"{name} unpacks to more than {UNPACKED_MAX} bytes")
        return inner
    return body


def _read_grib(body: bytes, options: Options) -> Iterator[FieldStep | Reject]:
    from ingest.grib_fields import Unusable, read_message
    from ingest.grib_messages import split_messages

    for number, (offset, message) in enumerate(split_messages(body), start=1):
        name = f"message {number}"
        if isinstance(message, str):
            yield Reject(id=name, reason=f"at byte {offset}: {message}")
            continue
        try:
            yield read_message(message, options)
        except (Unusable, ValueError, ArithmeticError) as error:
            yield Reject(id=name, reason=str(error) or type(error).__name__)


def _read_netcdf(body: bytes, options: Options) -> Iterator[FieldStep | Reject]:
    from ingest.grid_radar import read_radar
    from ingest.netcdf_fields import read_dataset

    radar = read_radar(body, options) if body.startswith(b"\x89HDF") else None
    yield from read_dataset(body, options) if radar is None else radar


def _collect(items: Iterable[FieldStep | Reject], source: str) -> Parsed:
    """Steps and rejects of a file."""
    from ingest.grid_steps import Gathered, label

    gathered = Gathered()
    rejects: list[Reject] = []
    cells = 0
    for item in items:
        if isinstance(item, Reject):
            rejects.append(item)
        elif cells + item.values.size > CELLS_MAX:
            reason = f"past {CELLS_MAX} cells of one file; name the wanted quantities"
            rejects.append(Reject(id=label(item), reason=reason))
        elif gathered.add(item):
            cells += item.values.size
    steps, more = gathered.settled()
    rejects += more
    if not steps and not rejects:
        raise BadPayload(source, "the file holds no field")
    newest = max((step.run_at if step.forecast else step.valid_at for step in steps), default=None)
    return Parsed(records=tuple(steps), rejects=tuple(rejects), data_at=newest)
