"""A mapping guessed from the beginning of a file, with the reason of each guess, for a person to read and confirm."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.errors import BadPayload, Refused
from data.model import Parsed, Payload, Reject
from data.surveys import Attribute
from data.units import factor_offset
from ingest.child import parse_in_child
from ingest.source import SourceSpec
from ingest.survey_files import SPEC
from ingest.survey_found import find
from ingest.survey_load.known import attribute_of, unit_in
from ingest.survey_load.mapping import (
    TAKEN,
    FacetColumn,
    LoadMapping,
    NumberColumn,
    OneColumn,
    Position,
    TextColumn,
)
from ingest.survey_load.places import place_columns
from ingest.survey_load.shaping import floats, words
from ingest.survey_load.sources import Came, parts_of
from ingest.survey_load.streams import Stream, streams
from ingest.survey_text import open_table, records_of, text_encoding, typed

if TYPE_CHECKING:
    from ingest.http import Http

SAMPLE_ROWS = 20_000
ID = re.compile(r"^(id|.*_id|fid|objectid|uuid|guid|gml_?id|bh|bsm|.*编号|.*标识码)$", re.IGNORECASE)
REGION = re.compile(r"^(adcode|xzq(h)?dm|xzqh|county(_?code)?|admin_?code|district_?code|fips|.*区划代码|.*县代码)$",
                    re.IGNORECASE)  # fmt: skip
CODES = re.compile(r"代码|编号|编码|电话|_?code$|_id$|phone|zip$", re.IGNORECASE)
GRADES = re.compile(r"等级|级别|类型|类别|年份|年度|grade|class|level|kind|type|year", re.IGNORECASE)
NEARLY = 0.9  # of the values given
SENTINELS = (-9999.0, -99999.0, -999.0, -32768.0)
MOST_WORDS, MOST_REGIONS, BITS = 40, 4_000, 20  # four bits are left for values that the sample does not show


@dataclass(frozen=True)
class Beginning:
    """The first records of a file: what they give, and how many layers there are beside theirs."""

    table: pa.Table
    has_geometry: bool
    layer: str = ""
    layers: tuple[str, ...] = ()
    swapped: bool = False


@dataclass(frozen=True)
class Guesser:
    """Guesses in a process of its own, in the form of a source, as `ingest.child` wants one."""

    spec: SourceSpec
    came: Came
    answer: Path

    def fetch(self, http: Http, since: datetime | None) -> Sequence[Payload]:
        """Nothing: the file is here."""
        return []

    def parse(self, payload: Payload) -> Parsed:
        """Write a mapping for the file as JSON.

        Raises
        ------
        BadPayload
            If there is nothing in it that could be loaded.
        """
        guessed = guess(beginning_of(self.came, self.answer.parent / "unpacked"))
        self.answer.write_text(guessed.model_dump_json(), encoding="utf-8")
        return Parsed()


def suggest(came: Came) -> LoadMapping:
    """A mapping for a file; Refused says why there is none."""
    if came.table:
        from ingest.survey_load.postgis import beginning_of_table

        return guess(beginning_of_table(came))
    with tempfile.TemporaryDirectory(prefix="tocsin-suggest-") as folder:
        answer = Path(folder) / "mapping.json"
        payload = Payload(
            source=SPEC.key, body=b"", received_at=datetime.fromtimestamp(0).astimezone(), name=came.name
        )
        try:
            parse_in_child(Guesser(SPEC, came, answer), payload)
        except BadPayload as error:
            raise Refused("survey load", f"{came.name}: {error.reason}") from error
        return LoadMapping.model_validate(json.loads(answer.read_text(encoding="utf-8")))


def beginning_of(came: Came, folder: Path) -> Beginning:
    """The first records of the first layer that has any."""
    files, root = parts_of(came.path), came.path
    if not root.is_dir() and files != [root]:
        root = folder / "parts"
        root.mkdir(parents=True)
        for file in files:
            (root / file.name).symlink_to(file.resolve())
    reasons: list[str] = []
    for found in find(root, came.name, folder, SPEC.key):
        if isinstance(found, Reject):
            reasons.append(found.reason)
        elif found.kind == "table":
            return Beginning(_first_rows(found.path), has_geometry=False)
        else:
            layers = list(streams(found, LoadMapping(), SPEC.key))
            named = tuple(one.key.rpartition("/")[2] for one in layers if isinstance(one, Stream))
            for layer, name in zip((one for one in layers if isinstance(one, Stream)), named, strict=True):
                first = next(iter(layer.read(0)), None)
                if first is not None:
                    table = first[0].attributes.slice(0, SAMPLE_ROWS)
                    return Beginning(table, True, name if len(named) > 1 else "", named, _seems_swapped(first[0]))
    raise BadPayload(SPEC.key, "; ".join(reasons) or "no layer with records")


def _first_rows(path: Path) -> pa.Table:
    with path.open("rb") as file:
        body = file.read(1 << 22)
    encoding = text_encoding(body[: 1 << 20])
    lines = body.decode(encoding, "replace").splitlines(keepends=True)
    reader, layout = open_table(lines[:-1] if len(body) == 1 << 22 else lines, SPEC.key, any_columns=True)
    width = len(layout.header)
    rows = [row for row, _ in zip(_fitting(records_of(reader, SPEC.key), width), range(SAMPLE_ROWS), strict=False)]
    columns = [typed(pa.array([row[place] for row in rows], pa.string())) for place in range(width)]
    return pa.Table.from_arrays(columns, names=list(layout.header))


def _fitting(rows: Iterator[list[str]], width: int) -> Iterator[list[str]]:
    return (row for row in rows if len(row) == width)


def _seems_swapped(layer: Any) -> bool:
    """Whether most places are on the earth only the other way round."""
    import shapely

    x, y = np.abs(shapely.get_coordinates(layer.geometries)).T
    return len(x) > 0 and float(np.mean((y > 90) & (y <= 180) & (x <= 90))) > 0.5


def guess(beginning: Beginning) -> LoadMapping:
    """A mapping for records like these."""
    table = beginning.table
    position, used = _position(beginning)
    identity = _identity(table, used)
    region = _region(table, {*used, *_columns(identity)})
    left = [name for name in table.column_names if name and name not in {*used, *_columns(identity, region)}]
    taken = set(TAKEN)
    regions = pc.count_distinct(words(_array(table, region.column))).as_py() if region is not None else 0
    numbers = [_number(name, _array(table, name), taken) for name in left if _is_number(table, name)]
    others = [name for name in left if not _is_number(table, name)]
    facets = _facets(table, others, regions, taken)
    texts = _texts([name for name in others if name not in _columns(*facets)], taken)
    return LoadMapping(
        id=identity, region=region, position=position, columns=tuple(numbers), facets=facets, texts=texts,
        layers=(beginning.layer,) if beginning.layer else (),
        why=f"one of {len(beginning.layers)} layers: {', '.join(beginning.layers)}"[:400] if beginning.layer else "",
    )  # fmt: skip


def _columns(*parts: OneColumn | None) -> list[str]:
    return [one.column for one in parts if one is not None]


def _array(table: pa.Table, name: str) -> pa.Array:
    column = table[name].combine_chunks()
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _position(beginning: Beginning) -> tuple[Position, set[str]]:
    if beginning.has_geometry:
        why = "latitudes beyond 90 degrees, which are none the other way round" if beginning.swapped else ""
        return Position(swapped=beginning.swapped, why=why), set()
    found = place_columns({name: _array(beginning.table, name) for name in beginning.table.column_names})
    return found, {found.lon, found.lat} - {""}


def _identity(table: pa.Table, used: set[str]) -> OneColumn | None:
    rows = table.num_rows
    for name in table.column_names:
        if name in used or not ID.match(name):
            continue
        column = _array(table, name)
        if rows and column.null_count == 0 and pc.count_distinct(words(column)).as_py() == rows:
            return OneColumn(column=name, why=f"no two of the first {rows:,} records have the same")
    return None


def _region(table: pa.Table, used: set[str]) -> OneColumn | None:
    for name in table.column_names:
        if name in used or not REGION.match(name):
            continue
        count = pc.count_distinct(words(_array(table, name))).as_py()
        if 0 < count <= MOST_REGIONS:
            return OneColumn(column=name, why=f"called as codes of regions are; {count} different ones")
    return None


def _is_number(table: pa.Table, name: str) -> bool:
    """Whether a column is numbers, or texts nearly all of which are."""
    column, known = _array(table, name), attribute_of(name)
    if known is not None and known.text:
        return False
    if CODES.search(name) or (GRADES.search(name) and not pa.types.is_floating(column.type)):
        return False
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return True
    if not pa.types.is_string(column.type):
        return False
    values, absent = floats(column)
    given = int((~absent).sum())
    return given > 0 and int(np.isfinite(values).sum()) >= given * NEARLY and not _has_codes(column)


def _has_codes(column: pa.Array) -> bool:
    """Whether a value begins with a zero, as only codes do."""
    return bool(pc.any(pc.match_substring_regex(words(column), r"^0\d")).as_py())


def _number(name: str, column: pa.Array, taken: set[str]) -> NumberColumn:
    found, absent = floats(column)
    values = found[np.isfinite(found)]
    odd = int((~absent).sum()) - len(values)
    missing = tuple(value for value in SENTINELS if (values == value).any())
    whole = not pa.types.is_floating(column.type) and len(values) > 0 and bool((values % 1 == 0).all())
    largest = float(np.abs(values).max()) if len(values) else 0.0
    kind: Any = ("i4" if largest < 2**31 else "i8") if whole else "f8"
    unit, known = unit_in(name), _known(name, taken)
    to = known.unit if known is not None and unit else unit
    why = f"numbers from {values.min():g} to {values.max():g}" if len(values) else "no value among the first records"
    why += f"; the unit by its name: {unit}" if unit else "; no unit is told"
    why += f", taken for {known.unit}" if known is not None and known.unit and not unit else ""
    why += f"; {odd} of {len(found):,} values are no numbers" if odd else ""
    why += f"; {', '.join(f'{one:g}' for one in missing)} taken for no value" if missing else ""
    if known is not None and factor_offset(unit, to) != (1.0, 0.0):
        kind = "f8"
    return NumberColumn(name=_our_name(name, taken), column=name, unit=unit, to=to, kind=kind, missing=missing,
                        why=why)  # fmt: skip


def _facets(table: pa.Table, names: Sequence[str], regions: int, taken: set[str]) -> tuple[FacetColumn, ...]:
    """Texts with few values, those with the fewest first, as long as there is room."""
    counts: Mapping[str, int] = {name: pc.count_distinct(words(_array(table, name))).as_py() for name in names}
    few = [name for name, count in counts.items() if 1 < count <= min(MOST_WORDS, max(2, table.num_rows // 2))]
    room, chosen = 2.0 ** (BITS - max(1, regions.bit_length())), []
    for name in sorted(few, key=lambda name: counts[name]):
        room /= counts[name] + 1
        if room >= 1:
            why = f"{counts[name]} different values among {table.num_rows:,} records"
            chosen.append(FacetColumn(name=_our_name(name, taken), column=name, why=why))
    return tuple(chosen)


def _texts(names: Sequence[str], taken: set[str]) -> tuple[TextColumn, ...]:
    """Columns of words that rules of inspection know by another name."""
    known = [(name, one) for name in names if (one := _known(name, taken)) is not None and one.key != name]
    return tuple(
        TextColumn(name=_our_name(name, taken), column=name, why=f"called as {one.en}") for name, one in known
    )


def _known(name: str, taken: set[str]) -> Attribute | None:
    """The attribute that a column is called as, if no other column has its name already."""
    found = attribute_of(name)
    return None if found is None or found.key in taken else found


def _our_name(name: str, taken: set[str]) -> str:
    """The name of an attribute that it is called as, or one that nothing else has, of letters, digits and _."""
    if (known := _known(name, taken)) is not None:
        taken.add(known.key)
        return known.key
    bare = re.sub(r"[（(\[].*?[）)\]]", "", name)
    base = re.sub(r"\W+", "_", bare.strip()).strip("_").lower()[:36] or "column"
    base = f"c_{base}"[:36] if base[0].isdigit() else base
    ours, number = base, 1
    while ours in taken:
        number += 1
        ours = f"{base}_{number}"
    taken.add(ours)
    return ours
