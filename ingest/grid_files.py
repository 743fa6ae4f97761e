"""GRIB 1, GRIB 2 and NetCDF fields from a path or an address, as they come: plain, gzip, bzip2 or xz.

No provider of its own: the operator names a file or an address, in which `{time:%Y%m%d%H}` stands for the time of the
product. Every GRIB message becomes one field step or one reject; a message that packs several fields becomes several
steps. Of an ensemble the control and the mean are kept, probabilities, percentiles and spreads under names of their
own, and members only with `members: all`.

Options: `quantities` {name: other name, or "" to drop}, `members` control|all, `forecast` true|false where a file
does not say, `cycle` (time between products), `delay` (how long after its time a product appears), `catch_up` (how
many missed products a run fetches).
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
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
    title="Gridded fields (GRIB, NetCDF)",
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
    cycle: timedelta = timedelta(hours=1)
    delay: timedelta = timedelta()
    catch_up: int = Field(3, ge=1, le=200)

    @field_validator("cycle", "delay", mode="before")
    @classmethod
    def _length(cls, value: Any) -> Any:
        return read_duration(value)


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
            If it is neither GRIB nor NetCDF, or cannot be unpacked.
        """
        from ingest.grib_fields import Options, Unusable

        body = unwrap(payload.body, self.spec.key)
        options = Options(self.options.quantities, self.options.members == "all", self.options.forecast)
        try:
            if body[:4] in (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF"):
                items: Iterable[FieldStep | Reject] = _read_netcdf(body, options)
            elif b"GRIB" in body[:65536]:  # some providers put a bulletin heading in front
                items = _read_grib(body, options)
            else:
                raise BadPayload(self.spec.key, f"neither GRIB nor NetCDF: it begins with {body[:40]!r}")
            return _collect(items, self.spec.key)
        except Unusable as error:
            raise BadPayload(self.spec.key, str(error)) from error


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
    from ingest.netcdf_fields import read_dataset

    yield from read_dataset(body, options)


def _collect(items: Iterable[FieldStep | Reject], source: str) -> Parsed:
    """Steps and rejects; two fields of one identity are told apart by nobody, so the second is a reject."""
    from data.grid import grid_digest

    steps: list[FieldStep] = []
    rejects: list[Reject] = []
    seen: set[tuple[Any, ...]] = set()
    cells = 0
    for item in items:
        if isinstance(item, Reject):
            rejects.append(item)
            continue
        identity = (item.quantity, item.run_at, item.valid_at, item.accumulation_s, grid_digest(item.lon, item.lat))
        label = f"{item.quantity} {item.valid_at:%Y-%m-%dT%H:%MZ}"
        if identity in seen:
            rejects.append(
                Reject(
                    id=f"{label} #{len(rejects)}", reason="the same quantity, time and grid came before in this file"
                )
            )
        elif cells + item.values.size > CELLS_MAX:
            rejects.append(Reject(id=label, reason=f"past {CELLS_MAX} cells of one file; name the wanted quantities"))
        else:
            seen.add(identity)
            cells += item.values.size
            steps.append(item)
    if not steps and not rejects:
        raise BadPayload(source, "the file holds no field")
    newest = max((step.run_at if step.forecast else step.valid_at for step in steps), default=None)
    return Parsed(records=tuple(steps), rejects=tuple(rejects), data_at=newest)
