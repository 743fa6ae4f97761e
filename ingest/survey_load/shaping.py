"""A piece of a layer, put into our columns: identity, place, region, facets and numbers, beside all that was given.

Nothing is thrown away: a record that cannot be used is refused with its reason and what it said; a value that does
not fit is missing in our column, counted, and still stands in the provider's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ingest.survey_load.gathered import of_one_kind
from ingest.survey_load.mapping import FacetColumn, LoadMapping, NumberColumn
from ingest.survey_table import OUTSIDE, Layer, judge
from ingest.survey_text import NUMBER, WHOLE, bare

REFUSED = pa.schema([("source", pa.string()), ("row", pa.int64()), ("reason", pa.string()), ("record", pa.string())])
LONGEST = 20_000  # characters of a refused record's geometry
GIVEN = "_given"  # behind the name of a provider's column whose name is one of ours
AT_ZERO = "at 0, 0: no place was measured"
GROUPED = r"^-?\d{1,3}(,\d{3})+(\.\d+)?$"  # 1,234,567
NAMED = 20  # values of a piece that are in no list
FARTHEST = 1e8  # metres that a projection may give
METRES = f"{OUTSIDE}: metres are no degrees, name their CRS in position.crs"
SWAPPED = f"{OUTSIDE}: longitude and latitude seem swapped"


class LayerRefused(Exception):
    """Nothing of a layer can be used; the message says why."""


@dataclass
class Shaped:
    """What became of a piece."""

    table: pa.Table
    refused: pa.Table
    told: Counter[str]  # what was noticed, and at how many records
    notes: list[str]  # about the piece as a whole
    values: dict[str, list[str]]  # the words of each facet, and of the region
    kinds: list[str]  # of geometry
    written: dict[str, list[int]]  # of a column as it is written: how many values, whole numbers, numbers


def shape(layer: Layer, mapping: LoadMapping, first: int, *, sparse: bool = False) -> Shaped:
    """Put a piece of a layer into our columns.

    Parameters
    ----------
    layer : Layer
    mapping : LoadMapping
    first : int
        The place of its first record in the whole layer, from 0.
    sparse : bool
        A column that the mapping names and the piece lacks has no values there; else the layer is not what is meant.

    Raises
    ------
    LayerRefused
    """
    import shapely

    position = mapping.position
    if position.swapped:
        layer.geometries = _swapped(layer.geometries)
    layer.crs = position.crs or layer.crs
    given = layer.attributes if layer.attributes.num_columns else _no_columns(len(layer.geometries))
    _check_columns(given, mapping, layer.key, sparse)
    judged = judge(layer)
    if judged.whole:
        raise LayerRefused(judged.whole)
    judged.shapes = of_one_kind(judged.shapes, layer.notes)
    keep, reasons = judged.keep, judged.reasons
    _say_more(layer.geometries, reasons)
    if position.at_zero == "refuse":
        at_zero = keep & (shapely.get_x(judged.shapes) == 0) & (shapely.get_y(judged.shapes) == 0)
        reasons.update(dict.fromkeys(np.flatnonzero(at_zero).tolist(), AT_ZERO))
        keep &= ~at_zero
    gone = _deleted(given, mapping)
    for row in np.flatnonzero(gone & ~keep).tolist():
        del reasons[row]  # what is no more needs no place
    placed, keep = keep, keep | gone
    told: Counter[str] = Counter()
    kept = given.filter(pa.array(keep))
    columns = _ours(kept, mapping, _numbers_of(layer.key, first, keep), told)
    if mapping.deleted is not None:
        columns["deleted"] = pa.array(gone[keep])
    judged.shapes[~placed] = None
    columns["geometry"] = pa.array(shapely.to_wkb(judged.shapes[keep], output_dimension=3), pa.binary())
    provided = _provider(kept, mapping)
    columns |= provided
    kinds = np.unique(shapely.get_type_id(judged.shapes[placed]))
    return Shaped(
        table=pa.table({name: column for name, column in columns.items() if name is not None}),
        refused=_refused(layer, given, reasons, first),
        told=+told,
        notes=list(dict.fromkeys(layer.notes)),
        values=_values(columns, mapping),
        kinds=[shapely.GeometryType(kind).name.lower() for kind in kinds.tolist()],
        written={name: _written(column) for name, column in provided.items()} if layer.as_text else {},
    )


def _written(column: pa.Array) -> list[int]:
    fitting = (pc.match_substring_regex(column, f"^({form})$") for form in (WHOLE, NUMBER))
    return [len(column) - column.null_count, *(pc.sum(fits).as_py() or 0 for fits in fitting)]


def _no_columns(rows: int) -> pa.Table:
    return pa.table({"": pa.nulls(rows)})


def _check_columns(given: pa.Table, mapping: LoadMapping, key: str, sparse: bool) -> None:
    wanted = [one.column for one in (*mapping.facets, *mapping.columns, *mapping.texts)]
    wanted += [one.column for one in (mapping.id, mapping.region, mapping.deleted) if one is not None]
    absent = sorted(set(wanted) - set(given.column_names))
    if absent and not sparse:
        raise LayerRefused(f"no column {', '.join(absent)}: is it another layer than the mapping means?")


def _swapped(shapes: NDArray[np.object_]) -> Any:
    import shapely

    return shapely.transform(shapes, lambda points: points[:, ::-1])


def _say_more(shapes: NDArray[np.object_], reasons: dict[int, str]) -> None:
    """Why a place is outside of the earth, where its numbers tell."""
    import shapely

    for row, reason in reasons.items():
        if reason == OUTSIDE:
            west, south, east, north = np.abs(shapely.bounds(shapes[row]))
            if 1000 < max(west, east, south, north) < FARTHEST:
                reasons[row] = METRES
            elif max(west, east) <= 90 and max(south, north) <= 180:
                reasons[row] = SWAPPED


def _numbers_of(key: str, first: int, keep: NDArray[np.bool_]) -> list[str]:
    return [f"{key}/{first + row + 1}" for row in np.flatnonzero(keep).tolist()]


def _ours(kept: pa.Table, mapping: LoadMapping, places: Sequence[str], told: Counter[str]) -> dict[str, Any]:
    columns: dict[str, Any] = {"id": pa.array(places, pa.string())}
    if mapping.id is not None:
        named = words(_column(kept, mapping.id.column))
        told["no identity of its own: its place in the file instead"] += named.null_count
        columns["id"] = pc.coalesce(named, columns["id"])
    if mapping.region is not None:
        columns["region"] = words(_column(kept, mapping.region.column))
    for facet in mapping.facets:
        columns[facet.name] = _facet(_column(kept, facet.column), facet, told)
    for text in mapping.texts:
        columns[text.name] = words(_column(kept, text.column))
    for number in mapping.columns:
        columns[number.name] = _number(_column(kept, number.column), number, told)
    return columns


def _column(table: pa.Table, name: str) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(table.num_rows)
    column = table[name].combine_chunks()
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def words(column: pa.Array) -> pa.Array:
    """A column as texts without blanks around them; whole numbers without a point, blank ones missing."""
    if pa.types.is_null(column.type):
        return column.cast(pa.string())
    if pa.types.is_string(column.type):
        return bare(column)
    encoded = column.dictionary_encode()
    distinct = pa.array([_word(value) for value in encoded.dictionary.to_pylist()], pa.string())
    return distinct.take(encoded.indices)


def _word(value: Any) -> str | None:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bytes):
        value = value.hex()
    return str(value).strip() or None if value is not None else None


def _facet(column: pa.Array, facet: FacetColumn, told: Counter[str]) -> pa.Array:
    found = words(column)
    if not facet.values:
        return found
    codes, ours = pa.array(list(facet.values), pa.string()), pa.array(list(facet.values.values()), pa.string())
    place = pc.index_in(found, value_set=codes)
    unknown = pc.and_(pc.is_valid(found), pc.is_null(place))
    odd = sorted(pc.value_counts(found.filter(unknown)).to_pylist(), key=lambda one: -one["counts"])
    for one in odd[:NAMED]:
        told[f"{facet.name}: {one['values'][:60]!r} is not in the list of its values"] += one["counts"]
    told[f"{facet.name}: other values are not in the list"] += sum(one["counts"] for one in odd[NAMED:])
    return ours.take(place)


def _number(column: pa.Array, wanted: NumberColumn, told: Counter[str]) -> pa.Array:
    values, absent = floats(column)
    lost = ~absent & np.isnan(values)
    told[f"{wanted.name}: not a number, kept as missing"] += int(lost.sum())
    values[np.isin(values, wanted.missing)] = np.nan
    factor, offset = wanted.conversion
    with np.errstate(invalid="ignore", over="ignore"):
        values = values * factor + offset
        if wanted.kind.startswith("f"):
            typed = values.astype(wanted.kind)
            outside = np.isfinite(values) & ~np.isfinite(typed)
        else:
            edge, values = np.iinfo(wanted.kind), np.round(values, 9)
            outside = np.isfinite(values) & ((values < edge.min) | (values > edge.max) | (values % 1 != 0))
            typed = np.where(np.isfinite(values) & ~outside, values, 0).astype(wanted.kind)
    told[f"{wanted.name}: does not fit {wanted.kind}, kept as missing"] += int(outside.sum())
    return pa.array(typed, mask=~np.isfinite(values) | outside)


def floats(column: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers, NaN where there is none, and where nothing was given."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        numbers = column.cast(pa.uint8()) if pa.types.is_boolean(kind) else column
        plain = numbers.cast(pa.float64(), safe=False)
        return np.array(plain.fill_null(np.nan), float), np.array(column.is_null())
    texts = words(column)
    plain = pc.if_else(pc.match_substring_regex(texts, GROUPED), pc.replace_substring(texts, ",", ""), texts)
    fits = pc.match_substring_regex(plain, f"^({NUMBER})$")
    numbers = pc.if_else(fits, plain, None).cast(pa.float64())
    return np.array(numbers.fill_null(np.nan), float), np.array(texts.is_null())


def _provider(kept: pa.Table, mapping: LoadMapping) -> dict[str, Any]:
    """The provider's columns as they came; one whose name we use or that comes twice is called otherwise."""
    taken, found = set(mapping.derived), {}
    for name, column in zip(kept.column_names, kept.columns, strict=True):
        if not name and pa.types.is_null(column.type):
            continue
        new, number = name or "column", 1
        if new in taken:
            new = name = f"{new}{GIVEN}"
        while new in taken:
            number += 1
            new = f"{name}_{number}"
        taken.add(new)
        found[new] = _plain(column.combine_chunks())
    return found


def _plain(column: pa.Array) -> pa.Array:
    """Dictionaries opened, lists and structures as JSON."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    if pa.types.is_nested(kind):
        return pa.array([None if one is None else _json(one) for one in column.to_pylist()], pa.string())
    return column


def _deleted(given: pa.Table, mapping: LoadMapping) -> NDArray[np.bool_]:
    """Which records of an amendment say that they are no more."""
    if mapping.deleted is None:
        return np.zeros(given.num_rows, np.bool_)
    said = pc.is_in(words(_column(given, mapping.deleted.column)), value_set=pa.array(mapping.deleted.values))
    return np.array(said, np.bool_)


def _values(columns: Mapping[str, Any], mapping: LoadMapping) -> dict[str, list[str]]:
    names = [one.name for one in mapping.facets] + (["region"] if mapping.region else [])
    return {name: pc.unique(columns[name].drop_null()).to_pylist() for name in names}


def _refused(layer: Layer, given: pa.Table, reasons: Mapping[int, str], first: int) -> pa.Table:
    import shapely

    rows = sorted(reasons)
    records = []
    for row, values in zip(rows, given.take(pa.array(rows, pa.int64())).to_pylist(), strict=True):
        raw, place = layer.raw.get(row), layer.geometries[row]
        if raw is None:
            written = {} if place is None else {"geometry": shapely.to_wkt(place, rounding_precision=-1)[:LONGEST]}
            raw = _json({name: value for name, value in values.items() if name} | written)
        records.append(raw)
    return refusals(layer.key, [first + row + 1 for row in rows], [reasons[row] for row in rows], records)


def refusals(
    source: str, rows: Sequence[int | None], reasons: Iterable[str], records: Iterable[str] | None = None
) -> pa.Table:
    """Refused records; one without a row stands for all of its source."""
    texts = list(reasons)
    return pa.table([[source] * len(texts), list(rows), texts, list(records or [""] * len(texts))], schema=REFUSED)


def _json(value: Any) -> str:
    return json.dumps(
        value, ensure_ascii=False, default=lambda odd: odd.hex() if isinstance(odd, bytes) else str(odd)
    )
