"""Any table of measurements at stations, CSV or JSON, described by a mapping in the configuration.

No provider of its own. An example, for buoys:

    sources:
      - source: station_table
        key: ndbc_latest
        url: https://www.ndbc.noaa.gov/data/latest_obs/latest_obs.txt
        delimiter: spaces
        first_row: 3
        missing: MM
        station: "#STN"
        lon: LON
        lat: LAT
        time: [YYYY, MM, DD, hh, mm]
        time_format: "%Y %m %d %H %M"
        values:
          wind_speed: {column: WSPD, unit: m/s}
          pressure_msl: {column: PRES, unit: hPa, valid: [850, 1090]}
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from data.clock import as_utc, from_epoch_ms, parse_time
from data.errors import BadPayload, ConfigError
from data.model import Observation, Parsed, Payload, Quality, Reject, Station
from data.units import factor_offset
from ingest.configure import configured_spec
from ingest.safe_json import UNFIT, decode_text, explain_markup, parse_json
from ingest.source import SourceSpec
from ingest.table_mapping import UNITS, TableConfiguration, read_zone

if TYPE_CHECKING:
    from ingest.http import Http

SPEC = SourceSpec(
    key="station_table",
    title="Table of measurements",
    provider="named by the operator",
    hazard="weather",
    url="",
    licence="as the provider states",
    credit="",
    every=timedelta(minutes=10),
    stale_after=timedelta(hours=2),
)
Row = Callable[[str], Any]  # value of a column by its name


@dataclass(frozen=True)
class StationTable:
    """One table at one address."""

    spec: SourceSpec = field(default=SPEC)
    mapping: TableConfiguration | None = None
    listed: Mapping[str, Station] = field(default_factory=dict)

    @classmethod
    def configured(cls, config: Mapping[str, Any]) -> StationTable:
        mapping = TableConfiguration.model_validate(config)
        try:
            listed = mapping.stations.read() if mapping.stations else {}
        except ValueError as error:
            raise ConfigError([f"stations: {error}"]) from error
        return cls(configured_spec(SPEC, mapping), mapping, listed)

    def fetch(self, http: Http, since: datetime | None) -> Sequence[Payload]:
        payload = http.get(self.spec.url)
        return [] if payload is None else [payload]

    def parse(self, payload: Payload) -> Parsed:
        """Read rows into stations and observations, values in the house's units.

        Raises
        ------
        BadPayload
            If it is not such a table, lacks a column that the mapping names, or no row of it can be read.
        """
        if self.mapping is None:
            raise BadPayload(
                payload.source, "nothing says what the columns mean: configure this source with a mapping"
            )
        reader = _Reader(self.mapping, self.listed, payload)
        rows = (
            _json_rows(self.mapping, payload) if self.mapping.format == "json" else _csv_rows(self.mapping, payload)
        )
        for number, row in rows:
            reader.read(number, row)
        if reader.rejects and not reader.observations:
            raise BadPayload(
                payload.source, f"no row could be read; {reader.rejects[0].id}: {reader.rejects[0].reason}"
            )
        newest = max((item.observed_at for item in reader.observations if item.value is not None), default=None)
        return Parsed(
            records=(*reader.stations.values(), *reader.observations), rejects=tuple(reader.rejects), data_at=newest
        )


class _Reader:
    """Rows in, records out."""

    def __init__(self, mapping: TableConfiguration, listed: Mapping[str, Station], payload: Payload) -> None:
        self.mapping = mapping
        self.listed = listed
        self.stations: dict[str, Station] = {}
        self.met: set[str] = set()
        self.observations: list[Observation] = []
        self.rejects: list[Reject] = []
        self.zone = read_zone(mapping.zone)
        self.missing = {text.strip() for text in mapping.missing} | {""}
        self.missing_numbers = {float(text) for text in mapping.missing if _is_number(text)}
        self.fixed = mapping.station_value
        self.received_at = payload.received_at
        if mapping.station_pattern:
            found = re.search(mapping.station_pattern, payload.name) or re.search(
                mapping.station_pattern, payload.url
            )
            if not found:
                raise BadPayload(payload.source, f"the station is not in the name {payload.name[:80]!r}")
            self.fixed = found[1]
        self.columns = []
        for quantity, column in mapping.values.items():
            unit = UNITS.get(quantity, column.unit)
            factor, offset = factor_offset(column.unit, unit) if column.unit else (1.0, 0.0)
            self.columns.append((quantity, column, unit, factor, offset))

    def read(self, number: int, row: Row) -> None:
        try:
            native = self.fixed or "-".join(str(row(name)).strip() for name in self.mapping.station)
            if not native or len(native) > 120:
                raise ValueError("no station")
            observed_at = self._time(row)
        except (ValueError, OverflowError) as error:
            self.rejects.append(Reject(id=f"row {number}", reason=str(error)[:200]))
            return
        self._place(native, number, row)
        for quantity, column, unit, factor, offset in self.columns:
            try:
                value = self._number(row(column.column))
                doubted = any(str(row(name)).strip() in texts for name, texts in column.suspect_where.items())
            except ValueError as error:
                self.rejects.append(Reject(id=f"row {number} {quantity}", reason=str(error)[:200]))
                continue
            quality = Quality.MISSING
            if value is not None:
                value = value * factor + offset
                quality = Quality.SUSPECT if doubted else Quality.GOOD
                if column.valid and not column.valid[0] <= value <= column.valid[1]:
                    quality = Quality.BAD
            self.observations.append(
                Observation(
                    station=native,
                    quantity=quantity,
                    unit=unit,
                    observed_at=observed_at,
                    value=value,
                    quality=quality,
                )
            )

    def _time(self, row: Row) -> datetime:
        parts = [str(row(name)).strip() for name in self.mapping.time]
        text, form = " ".join(parts), self.mapping.time_format
        if form in ("epoch_s", "epoch_ms"):
            return from_epoch_ms(float(text) * (1000.0 if form == "epoch_s" else 1.0))
        if form == "iso":
            try:
                return parse_time(text)
            except ValueError:
                local = datetime.fromisoformat(text)
        else:
            local = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
        return as_utc(local) if local.tzinfo else self._zoned(local)

    def _zoned(self, local: datetime) -> datetime:
        """A local time in UTC; ValueError for one that the clock change leaves out, or gives twice.

        Of the two the first is meant while the second is still to come; else it is not ours to guess.
        """
        first, second = (local.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first > second:
            raise ValueError(f"the clock change leaves {local:%Y-%m-%d %H:%M} out")
        if first < second <= self.received_at:
            raise ValueError(f"the clock change gives {local:%Y-%m-%d %H:%M} twice")
        return first

    def _number(self, written: Any) -> float | None:
        """A number, or None for what counts as missing; ValueError for anything else."""
        if written is None or isinstance(written, bool):
            return None
        text = str(written).strip()
        if text in self.missing:
            return None
        if self.mapping.decimal == ",":
            text = text.replace(".", "").replace(",", ".")
        if not _is_number(text):
            raise ValueError(f"not a number: {text[:40]!r}")
        value = float(text)
        return None if value in self.missing_numbers or not math.isfinite(value) else value

    def _place(self, native: str, number: int, row: Row) -> None:
        """Note where the station is, the first time it is met."""
        if native in self.met:
            return
        self.met.add(native)
        mapping, listed = self.mapping, self.listed.get(native)
        if not mapping.lon:
            if listed:
                self.stations[native] = replace(listed, attributes=self._attributes(native))
            elif mapping.stations:
                self.rejects.append(Reject(id=native, reason="not in the list of stations; its values are kept"))
            return
        try:
            lon, lat = self._number(row(mapping.lon)), self._number(row(mapping.lat))
            height = self._number(row(mapping.elevation_m)) if mapping.elevation_m else None
            name = str(row(mapping.name)).strip() if mapping.name else ""
        except ValueError as error:
            self.rejects.append(Reject(id=f"row {number} position", reason=str(error)))
            return
        if lon is None or lat is None or not (-180 <= lon <= 360 and -90 <= lat <= 90):
            self.rejects.append(Reject(id=f"row {number} position", reason=f"{lon}, {lat} is not on the Earth"))
            return
        lon = lon - 360.0 if lon > 180 else lon
        self.stations[native] = Station(
            id=native, lon=lon, lat=lat, name=name, elevation_m=height, attributes=self._attributes(native)
        )

    def _attributes(self, native: str) -> Mapping[str, Any]:
        """Stages as the configuration gives them for this station, or else as its row of the list does."""
        stages = self.mapping.stages.get(native)
        if stages:
            return {"stages_m": stages}
        return self.listed[native].attributes if native in self.listed else {}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _wanted(mapping: TableConfiguration) -> set[str]:
    single = (mapping.name, mapping.lon, mapping.lat, mapping.elevation_m)
    doubts = {name for column in mapping.values.values() for name in column.suspect_where}
    columns = {column.column for column in mapping.values.values()}
    return {name for name in (*mapping.station, *mapping.time, *single, *columns, *doubts) if name}


def _decode(mapping: TableConfiguration, payload: Payload) -> str:
    if mapping.encoding in ("utf-8", "utf-8-sig"):
        text = decode_text(payload.body, payload.source)
    else:
        try:
            text = payload.body.decode(mapping.encoding)
        except UnicodeDecodeError as error:
            raise BadPayload(
                payload.source, f"not {mapping.encoding} text: byte {error.start} does not fit"
            ) from error
    if text.lstrip()[:1] == "<" and ("<html" in text[:2000].lower() or "<!doctype" in text[:2000].lower()):
        raise BadPayload(payload.source, explain_markup(text))
    return UNFIT.sub("\ufffd", text)


def _csv_rows(mapping: TableConfiguration, payload: Payload) -> Iterator[tuple[int, Row]]:
    text = _decode(mapping, payload)
    lines: list[str] = io.StringIO(text, newline=None).read().split("\n")
    if mapping.comment:
        lines = [line for line in lines if not line.startswith(mapping.comment)]
    first = mapping.first_row or mapping.header_row + 1
    names: list[str] = []
    if mapping.header_row:
        header = next(_cells(mapping, lines[mapping.header_row - 1 : mapping.header_row]), [])
        names = [cell.strip() for cell in header]
    places = {name: place for place, name in reversed(list(enumerate(names)))}
    if not names:
        places = {str(place + 1): place for place in range(1000)}
    absent = sorted(_wanted(mapping) - places.keys())
    if absent:
        raise BadPayload(payload.source, f"no column {', '.join(absent)[:200]}; there are {', '.join(names)[:300]}")
    try:
        for number, cells in enumerate(_cells(mapping, lines[first - 1 :]), first):
            if not any(cell.strip() for cell in cells):
                continue
            yield number, _row_of(cells, places)
    except csv.Error as error:
        raise BadPayload(payload.source, f"not a table: {error}") from error


def _row_of(cells: list[str], places: Mapping[str, int]) -> Row:
    def cell(name: str) -> str:
        if places[name] >= len(cells):
            raise ValueError(f"the row ends before column {name}")  # a table cut off in transfer ends like this
        return cells[places[name]]

    return cell


def _cells(mapping: TableConfiguration, lines: list[str]) -> Iterator[list[str]]:
    if mapping.delimiter == "spaces":
        return (line.split() for line in lines)
    ended = (line + "\n" for line in lines)
    if not mapping.quote:
        return csv.reader(ended, delimiter=mapping.delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(ended, delimiter=mapping.delimiter, quotechar=mapping.quote)


def _json_rows(mapping: TableConfiguration, payload: Payload) -> Iterator[tuple[int, Row]]:
    items = _reach(parse_json(payload.body, payload.source).value, mapping.rows)
    if isinstance(items, dict):
        items = list(items.values())
    if not isinstance(items, list):
        raise BadPayload(payload.source, f"no list of rows at {mapping.rows or 'the top'!r}")
    wanted = _wanted(mapping)
    if items and not any(_reach(item, name) is not None for item in items for name in wanted):
        raise BadPayload(payload.source, f"no row has {', '.join(sorted(wanted))[:200]}")
    for number, item in enumerate(items, 1):
        yield number, _row_in(item)


def _row_in(item: Any) -> Row:
    def cell(name: str) -> Any:
        found = _reach(item, name)
        return "" if found is None else found

    return cell


def _reach(value: Any, path: str) -> Any:
    """What stands at a path such as `properties.wind.value` or `coordinates.0`; None where nothing does."""
    if isinstance(value, dict) and path in value:
        return value[path]
    for part in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value
