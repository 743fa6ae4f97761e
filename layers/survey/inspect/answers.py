"""What a run left in its folder, read again: the report, and findings one by one within bounds."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from data.errors import LayerError
from data.text import Translate

FINDINGS, REPORT = "findings.parquet", "report.json"
MOST = 5_000  # findings that a map or a page is given
PART = 65_536
Box = tuple[float, float, float, float]
Covers = Callable[[str], bool]


def read_report(folder: Path) -> dict[str, Any]:
    """The report of a run; LayerError where it is not there any more."""
    try:
        found: dict[str, Any] = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LayerError("the report of this inspection is not readable any more") from error
    return found


def only(told: Mapping[str, Any], covers: Covers) -> dict[str, Any]:
    """A report with the units that somebody may see, and counts of these alone."""
    units = [one for one in told["units"] if covers(one["unit"])]
    if len(units) == len(told["units"]):
        return dict(told)
    rules = []
    for rule in told["rules"]:
        mine = {unit: count for unit, count in rule["by_unit"].items() if covers(unit)}
        rules.append({**rule, "by_unit": mine, "found": sum(mine.values())})
    return {**told, "units": units, "rules": rules, "records": sum(one["records"] for one in units)}


def findings(
    folder: Path, covers: Covers, *, rule: str = "", unit: str = "", box: Box | None = None
) -> Iterator[dict[str, Any]]:
    """Findings in the order of the file, those of a rule, unit or box where one is named."""
    tests: list[tuple[str, str, Any]] = [
        (name, "=", value) for name, value in (("rule", rule), ("unit", unit)) if value
    ]
    if box is not None:
        tests += [("lon", ">=", box[0]), ("lat", ">=", box[1]), ("lon", "<=", box[2]), ("lat", "<=", box[3])]
    table = pq.ParquetFile(folder / FINDINGS)
    with table:
        for batch in table.iter_batches(PART):
            kept = batch.filter(_expression(tests)) if tests else batch
            for row in kept.to_pylist():
                if covers(row["unit"]):
                    yield row


def _expression(tests: Sequence[tuple[str, str, Any]]) -> Any:
    return pq.filters_to_expression(list(tests))


def words(row: Mapping[str, Any], titles: Mapping[str, str], t: Translate) -> str:
    """A finding in a sentence."""
    said = [titles.get(row["rule"], row["rule"])]
    if row["value"]:
        said.append(row["value"])
    if row["other"]:
        other = t("lies in {unit}") if row["rule"].startswith("unit.") else t("the other: {id}")
        said.append(other.format(unit=row["other"], id=row["other"]))
    if row["metres"] is not None:
        said.append(t("{n} m").format(n=f"{row['metres']:,.0f}" if row["metres"] >= 10 else f"{row['metres']:.1f}"))
    return "; ".join(said)


def as_csv(rows: Iterator[dict[str, Any]], titles: Mapping[str, str], t: Translate) -> Iterator[str]:
    """The list of faults as a table, line by line; words that a spreadsheet would run are made plain."""
    head = ("row", "id", "unit", "rule", "severity", "finding", "lon", "lat")
    yield csv_line([t("Row"), t("Identity"), t("Unit"), t("Rule"), t("Severity"), t("Finding"), "lon", "lat"])
    for row in rows:
        told = {**row, "row": "" if row["row"] < 0 else row["row"] + 1, "finding": words(row, titles, t)}
        yield csv_line(in_a_cell(told[name]) for name in head)


def in_a_cell(value: Any) -> Any:
    """A word that no spreadsheet runs."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value


def csv_line(values: Iterable[Any]) -> str:
    """A row of a table as text."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(["" if one is None else one for one in values])
    return out.getvalue()


def as_features(rows: Iterator[dict[str, Any]], titles: Mapping[str, str], t: Translate) -> dict[str, Any]:
    """Findings that have a place, at most `MOST`; `more` says whether there are others."""
    features: list[dict[str, Any]] = []
    more = False
    for row in rows:
        if row["lon"] is None or row["lat"] is None or not (abs(row["lon"]) <= 180 and abs(row["lat"]) <= 90):
            continue
        if len(features) == MOST:
            more = True
            break
        place = {"type": "Point", "coordinates": [round(row["lon"], 6), round(row["lat"], 6)]}
        facts = {name: row[name] for name in ("id", "rule", "severity", "unit")} | {"said": words(row, titles, t)}
        features.append({"type": "Feature", "geometry": place, "properties": facts})
    return {"type": "FeatureCollection", "features": features, "more": more}
