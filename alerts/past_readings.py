"""Station readings of the past with the time at which each came, and the network as it was known at a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.engine import AHEAD_S
from alerts.station_inputs import Network
from data.errors import RuleError
from data.model import Quality
from data.regions import locate
from data.store.engine import Store
from data.store.tables import observation, payload, station
from data.units import factor_offset
from layers.stations import Readings

Floats = NDArray[np.float64]
NEEDED = ("station", "lon", "lat", "quantity", "unit", "observed_at", "value")
BATCH = 200_000
MOST_ROWS = 50_000_000
MOST_UNPACKED = 4 << 30  # bytes of a Parquet file
NAMED_FAULTS = 100


@dataclass(eq=False)
class PastReadings:
    """Every reading of one quantity, in order of arrival; `advance` moves through them once, forwards."""

    sources: NDArray[np.str_]  # (s,)
    ids: NDArray[np.str_]
    leaf: NDArray[np.intp]  # (s,)
    attributes: tuple[Mapping[str, Any], ...]
    station: NDArray[np.intp]  # (m,) in order of arrival
    at: Floats
    value: Floats  # NaN where it cannot be used
    received: Floats
    _order: NDArray[np.intp] = field(init=False)  # by observed time
    _times: Floats = field(init=False)
    _done: int = 0
    _seen: NDArray[np.bool_] = field(init=False)
    _last_at: Floats = field(init=False)  # (s,) of the newest good reading that has come
    _last: Floats = field(init=False)

    def __post_init__(self) -> None:
        arrival = np.argsort(self.received, kind="stable")
        self.station, self.at = self.station[arrival], self.at[arrival]
        self.value, self.received = self.value[arrival], self.received[arrival]
        self._order = np.argsort(self.at, kind="stable")
        self._times = self.at[self._order]
        self.rewind()

    def rewind(self) -> None:
        """Back to before the first arrival."""
        self._done = 0
        self._seen = np.zeros(len(self.ids), dtype=np.bool_)
        self._last_at = np.full(len(self.ids), -np.inf)
        self._last = np.full(len(self.ids), np.nan)

    def network(self, now: float, reach_s: float) -> Network:
        """The stations that had been heard, with their good readings of late and the last one of each.

        As `alerts.station_inputs.read_network` finds it in a store that has received nothing after `now`.
        """
        self._advance(now)
        first = np.searchsorted(self._times, now - reach_s, side="left")
        last = np.searchsorted(self._times, now + AHEAD_S, side="right")
        recent = self._order[first:last]
        recent = recent[(self.received[recent] <= now) & ~np.isnan(self.value[recent])]
        held = np.flatnonzero(np.isfinite(self._last_at))
        readings = Readings.of(
            np.concatenate([held, self.station[recent]]),
            np.concatenate([self._last_at[held], self.at[recent]]),
            np.concatenate([self._last[held], self.value[recent]]),
            len(self.ids),
        )
        return Network(
            sources=self.sources, ids=self.ids, leaf=np.where(self._seen, self.leaf, -1), attributes=self.attributes,
            readings=readings,
        )  # fmt: skip

    def _advance(self, now: float) -> None:
        end = int(np.searchsorted(self.received, now, side="right"))
        if end < self._done:
            self.rewind()
        fresh = slice(self._done, end)
        stations, at, value = self.station[fresh], self.at[fresh], self.value[fresh]
        past = at <= now + AHEAD_S
        self._seen[stations[past]] = True
        good = np.flatnonzero(past & ~np.isnan(value))
        good = good[np.argsort(at[good], kind="stable")]
        newer = good[at[good] >= self._last_at[stations[good]]]
        self._last_at[stations[newer]] = at[newer]
        self._last[stations[newer]] = value[newer]
        self._done = end


def read_store_readings(store: Store, quantity: str, unit: str, base_dir: Path) -> PastReadings:
    """Every reading of a quantity in a store.

    Notes
    -----
    A reading that is told again keeps the payload that brought it first, and so its first arrival.
    """
    with store.read() as connection:
        return past_readings(connection, quantity, unit, base_dir)


def past_readings(
    connection: Connection, quantity: str, unit: str, base_dir: Path, *, since: datetime | None = None,
    until: datetime | None = None,
) -> PastReadings:  # fmt: skip
    """The readings of a quantity that were observed in [since, until); all of them where neither is given."""
    table = observation.c
    came = sa.func.coalesce(payload.c.received_at, table.received_at).label("came")
    sqlite = connection.dialect.name == "sqlite"
    times: list[Any] = [
        sa.type_coerce(one, sa.String) if sqlite else sa.extract("epoch", one) for one in (table.observed_at, came)
    ]
    query = (
        sa.select(table.source, table.station, *times, table.value, table.unit, table.quality)
        .select_from(observation.outerjoin(payload, payload.c.id == table.payload_id))
        .where(table.quantity == quantity)
    )
    if since is not None:
        query = query.where(table.observed_at >= since)
    if until is not None:
        query = query.where(table.observed_at < until)
    columns: list[list[NDArray[Any]]] = [[] for _ in range(5)]
    number: dict[tuple[str, str], int] = {}
    converted = _Converter(quantity, unit)
    places = {(row.source, row.id): row for row in connection.execute(sa.select(station))}
    result = connection.execute(query.execution_options(stream_results=True))
    for rows in result.partitions(BATCH):
        sources, ids, at, received, values, units, qualities = zip(*rows, strict=True)
        keys = [number.setdefault(key, len(number)) for key in zip(sources, ids, strict=True)]
        good = np.array(qualities) == Quality.GOOD.value
        value = converted(np.array(values, dtype=np.float64), np.array(units))
        for column, part in zip(
            columns,
            (np.array(keys), _seconds(at), np.where(good, value, np.nan), _seconds(received)),
            strict=False,
        ):
            column.append(part)
    names = list(number)
    found = [places.get(name) for name in names]
    keys_, at_, value_, received_ = (np.concatenate(column) if column else np.empty(0) for column in columns[:4])
    return PastReadings(
        sources=np.array([name[0] for name in names], dtype=np.str_),
        ids=np.array([name[1] for name in names], dtype=np.str_),
        leaf=np.array([-1 if row is None else _leaf(base_dir, row.lon, row.lat) for row in found], dtype=np.intp),
        attributes=tuple({} if row is None else row.attributes or {} for row in found),
        station=keys_.astype(np.intp), at=at_, value=value_, received=received_,
    )  # fmt: skip


def _seconds(times: Sequence[Any]) -> Floats:
    if isinstance(times[0], str):
        return np.asarray(np.array(times, dtype="datetime64[us]").astype(np.int64) / 1e6)
    return np.array(times, dtype=np.float64)


def _leaf(base_dir: Path, lon: float, lat: float) -> int:
    found = locate(lon, lat, base_dir=base_dir)
    return -1 if found is None else found


class _Converter:
    """Numbers of one quantity in one unit."""

    def __init__(self, quantity: str, unit: str) -> None:
        self.quantity, self.unit = quantity, unit

    def __call__(self, value: Floats, units: NDArray[Any]) -> Floats:
        for other in np.unique(units[units != self.unit]).tolist():
            try:
                factor, offset = factor_offset(other, self.unit)
            except ValueError as error:
                raise RuleError(
                    f"{self.quantity} comes in {other!r}, the rule wants {self.unit!r}: {error}"
                ) from error
            value = np.where(units == other, value * factor + offset, value)
        return value


@dataclass(frozen=True, kw_only=True, eq=False)
class PastTable:
    """A table of readings that a person brings: CSV or Parquet."""

    name: str
    frame: Any  # pandas
    notes: tuple[str, ...] = ()
    rejected: tuple[tuple[int, str], ...] = ()

    @classmethod
    def read(cls, path: Path) -> PastTable:
        """A table from a file.

        Raises
        ------
        RuleError
            Where nothing of it can be used.
        """
        import pandas as pd
        import pyarrow as pa

        try:
            if path.suffix.lower() == ".csv":
                frame = pd.read_csv(path, comment="#", dtype=str, keep_default_na=False, encoding="utf-8-sig")
            else:
                _refuse_inflated(path)
                frame = pd.read_parquet(path)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise RuleError(f"{path.name} cannot be read as a table: {error}") from error
        return cls.of(path.name, frame)

    @classmethod
    def of(cls, name: str, frame: Any) -> PastTable:
        """A table from columns `station, lon, lat, quantity, unit, observed_at, value[, received_at][, quality]`.

        Columns with a dot, such as `stages_m.minor`, become attributes of the station.
        """
        import pandas as pd

        missing = [column for column in NEEDED if column not in frame.columns]
        if missing:
            raise RuleError(f"{name} lacks the column {', '.join(missing)}")
        if len(frame) > MOST_ROWS:
            raise RuleError(f"{name} has more than {MOST_ROWS:,} rows")
        frame = frame.reset_index(drop=True)
        faults = pd.Series("", index=frame.index, dtype=object)
        clean = pd.DataFrame({column: frame[column].astype(str) for column in ("station", "quantity", "unit")})
        for column in ("lon", "lat", "value"):
            clean[column] = pd.to_numeric(frame[column], errors="coerce")
        written = frame["value"].astype(str).str.strip()
        empty = frame["value"].isna() | written.isin(["", "nan", "None", "NaN", "<NA>"])
        faults[clean["value"].isna() & ~empty] = "value is not a number"
        faults[clean["lon"].isna() | ~clean["lat"].between(-90, 90)] = "no place: lon and lat are wanted"
        clean["at"], bad = _aware(frame["observed_at"])
        faults[bad] = "observed_at is not a time with its offset"
        notes = []
        if "received_at" in frame.columns:
            clean["received"], bad = _aware(frame["received_at"])
            faults[bad] = "received_at is not a time with its offset"
        else:
            clean["received"] = clean["at"]
            notes.append("the table does not say when readings came: each is taken to have come when it was observed")
        good = frame["quality"].astype(str).isin(["good", ""]) if "quality" in frame.columns else ~empty
        clean.loc[~good, "value"] = np.nan
        dotted = [column for column in frame.columns if "." in str(column)]
        for column in dotted:
            clean[column] = pd.to_numeric(frame[column], errors="coerce")
        wrong = faults != ""
        lines = [(int(row) + 2, str(faults[row])) for row in np.flatnonzero(wrong.to_numpy())[:NAMED_FAULTS]]
        if wrong.sum() > NAMED_FAULTS:
            notes.append(f"{int(wrong.sum())} rows could not be used; the first {NAMED_FAULTS} are named")
        if not len(clean) or bool(wrong.all()):
            reason = f"row {lines[0][0]}: {lines[0][1]}" if lines else "it is empty"
            raise RuleError(f"no row of {name} could be used; {reason}")
        return cls(name=name, frame=clean[~wrong], notes=tuple(notes), rejected=tuple(lines))

    def readings(self, quantity: str, unit: str, base_dir: Path) -> PastReadings:
        """Its readings of one quantity."""
        part = self.frame[self.frame["quantity"] == quantity]
        names, first = np.unique(part["station"].to_numpy(dtype=np.str_), return_index=True)
        number = {name: place for place, name in enumerate(names.tolist())}
        rows = part.iloc[first]
        dotted = [column for column in part.columns if "." in str(column)]
        value = _Converter(quantity, unit)(part["value"].to_numpy(np.float64), part["unit"].to_numpy(dtype=np.str_))
        return PastReadings(
            sources=np.full(len(names), "table", dtype=np.str_),
            ids=names,
            leaf=np.array(
                [_leaf(base_dir, lon, lat) for lon, lat in zip(rows["lon"], rows["lat"], strict=True)], dtype=np.intp
            ),
            attributes=tuple(_nested({column: row[column] for column in dotted}) for _, row in rows.iterrows()),
            station=np.array([number[name] for name in part["station"]], dtype=np.intp),
            at=part["at"].to_numpy(np.float64), value=value, received=part["received"].to_numpy(np.float64),
        )  # fmt: skip


def _refuse_inflated(path: Path) -> None:
    """A few bytes of Parquet can stand for any number of rows: its own head tells, before any is unpacked."""
    import pyarrow.parquet as pq

    head = pq.read_metadata(path)
    unpacked = sum(head.row_group(number).total_byte_size for number in range(head.num_row_groups))
    if head.num_rows > MOST_ROWS or unpacked > MOST_UNPACKED:
        raise RuleError(f"{path.name} has more than {MOST_ROWS:,} rows or {MOST_UNPACKED >> 30} GiB")


def _aware(column: Any) -> tuple[Any, Any]:
    """Seconds since 1970 UTC, and where a time or its offset is missing."""
    import pandas as pd

    if isinstance(column.dtype, pd.DatetimeTZDtype):
        times = column.dt.tz_convert("UTC")
        bad = times.isna()
    else:
        text = column.astype(str).str.strip()
        bad = ~text.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True)
        times = pd.to_datetime(text.where(~bad, None), format="ISO8601", utc=True, errors="coerce")
        bad |= times.isna()
    seconds = (times - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return seconds, bad


def _nested(flat: Mapping[str, float]) -> dict[str, Any]:
    """`{"stages_m.minor": 3}` as `{"stages_m": {"minor": 3}}`; what is missing is left out."""
    found: dict[str, Any] = {}
    for path, value in flat.items():
        if np.isnan(value):
            continue
        *above, last = str(path).split(".")
        inner = found
        for part in above:
            inner = inner.setdefault(part, {})
        inner[last] = float(value)
    return found
