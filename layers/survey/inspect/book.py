"""What the store keeps of inspections: runs, expected counts, samples, and what was found in the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.errors import LayerError
from data.store.tables import (
    survey_expected,
    survey_field_finding,
    survey_inspection,
    survey_sample,
    survey_sample_record,
)
from layers.survey.inspect.rates import Rate, Stratum, rate_of
from layers.survey.inspect.sample import Sample

Outcome = Literal["right", "faulty", "absent", "unreached"]
OUTCOMES: Mapping[Outcome, str] = {
    "right": "as written", "faulty": "faulty", "absent": "not there", "unreached": "not reached",
}  # fmt: skip
FAULTY: frozenset[str] = frozenset({"faulty", "absent"})
CHECKED: frozenset[str] = FAULTY | {"right"}
MOST_FAULTS = 50
LONGEST = 2000


@dataclass(frozen=True, kw_only=True)
class FieldFinding:
    """What somebody found at a drawn record.

    Parameters
    ----------
    outcome
        `right`, `faulty`, `absent` (there is no such thing there) or `unreached` (nobody could look; does not count).
    faults : sequence of mapping
        `attribute`, `written` and `found`, of those that are wrong.
    found_by : str
        Who looked, which may be another person than the one who enters it.
    """

    outcome: Outcome
    found_by: str
    found_at: datetime
    faults: Sequence[Mapping[str, str]] = field(default_factory=tuple)
    note: str = ""

    def __post_init__(self) -> None:
        if self.outcome not in get_args(Outcome):
            raise LayerError(f"no such outcome: {str(self.outcome)[:40]}")
        if not self.found_by.strip():
            raise LayerError("who looked is missing")
        if len(self.faults) > MOST_FAULTS or len(self.note) > LONGEST:
            raise LayerError(f"at most {MOST_FAULTS} faults and {LONGEST} characters")
        if self.faults and self.outcome != "faulty":
            raise LayerError("faults belong to a record that is faulty")


def put_inspection(
    connection: Connection, number: int, told: Mapping[str, Any], folder: str, *, at: datetime, by: str
) -> int:
    """Enter a run; its counts by unit stay in the folder."""
    rules = [{name: value for name, value in one.items() if name != "by_unit"} for one in told["rules"]]
    summary = {"records": told["records"], "rules": rules, "with_error": sum(one["error"] for one in told["units"])}
    row = {"delivery_id": number, "at": at, "by": by, "rules": told["rules_digest"], "folder": folder}
    made = connection.execute(survey_inspection.insert().values(**row, summary=summary)).inserted_primary_key
    assert made is not None
    return int(made[0])


def last_inspection(connection: Connection, number: int) -> sa.Row[Any] | None:
    """The newest run over a delivery."""
    query = sa.select(survey_inspection).where(survey_inspection.c.delivery_id == number)
    return connection.execute(query.order_by(survey_inspection.c.id.desc()).limit(1)).one_or_none()


def put_expected(
    connection: Connection, dataset: str, counts: Mapping[str, int], source: str, *, at: datetime, by: str
) -> None:
    """Say how many records of a dataset there ought to be in some units.

    Raises
    ------
    LayerError
        If a count is negative, or nobody says where they come from.
    """
    if not source.strip() or any(count < 0 for count in counts.values()):
        raise LayerError("expected counts are not negative and name their source")
    rows = [
        {"dataset": dataset, "unit": unit, "count": count, "source": source, "at": at, "by": by}
        for unit, count in counts.items()
    ]
    if rows:
        connection.execute(survey_expected.insert(), rows)


def read_expected(connection: Connection, dataset: str) -> dict[str, int]:
    """The newest count of each unit."""
    query = sa.select(survey_expected).where(survey_expected.c.dataset == dataset).order_by(survey_expected.c.id)
    return {row.unit: int(row._mapping["count"]) for row in connection.execute(query)}


def put_sample(connection: Connection, number: int, sample: Sample, *, at: datetime, by: str) -> int:
    """Enter a sample with its records, numbered from 1."""
    design = {name: value for name, value in asdict(sample.design).items() if name != "seed"}
    design["facts"] = list(design["facts"])
    row = {"delivery_id": number, "seed": sample.design.seed, "design": design, "strata": list(sample.strata)}
    made = connection.execute(survey_sample.insert().values(**row, drawn_at=at, drawn_by=by)).inserted_primary_key
    assert made is not None
    rows = [
        {"sample_id": int(made[0]), "number": place, "row": one.row, "record_id": one.id, "unit": one.unit,
         "kind": one.kind, "lon": one.lon, "lat": one.lat, "facts": dict(one.facts)}
        for place, one in enumerate(sample.drawn, 1)
    ]  # fmt: skip
    if rows:
        connection.execute(survey_sample_record.insert(), rows)
    return int(made[0])


def read_sample(connection: Connection, id: int) -> sa.Row[Any]:
    """A sample; LayerError where there is none of this number."""
    row = connection.execute(sa.select(survey_sample).where(survey_sample.c.id == id)).one_or_none()
    if row is None:
        raise LayerError(f"there is no sample {id}")
    return row


def last_sample(connection: Connection, number: int) -> sa.Row[Any] | None:
    """The newest sample of a delivery."""
    query = sa.select(survey_sample).where(survey_sample.c.delivery_id == number)
    return connection.execute(query.order_by(survey_sample.c.id.desc()).limit(1)).one_or_none()


def read_records(connection: Connection, id: int, *, unit: str | None = None) -> list[sa.Row[Any]]:
    """The records of a sample in order, each with its newest finding's columns (None where there is none)."""
    finding, record = survey_field_finding, survey_sample_record
    newest = (
        sa.select(finding.c.record_id, sa.func.max(finding.c.id).label("newest"))
        .join(record, record.c.id == finding.c.record_id).where(record.c.sample_id == id)
        .group_by(finding.c.record_id).subquery()
    )  # fmt: skip
    told = [finding.c[name] for name in ("outcome", "faults", "note", "found_by", "found_at", "entered_by")]
    query = (
        sa.select(record, *told, finding.c.entered_at)
        .outerjoin(newest, newest.c.record_id == record.c.id).outerjoin(finding, finding.c.id == newest.c.newest)
        .where(record.c.sample_id == id).order_by(record.c.number)
    )  # fmt: skip
    return list(connection.execute(query if unit is None else query.where(record.c.unit == unit)))


def put_finding(
    connection: Connection, sample: int, number: int, found: FieldFinding, *, at: datetime, by: str
) -> int:
    """Write down what was found at a record of a sample; an earlier finding stays and counts no more.

    Raises
    ------
    LayerError
        If the sample has no such record, or it was found after now.
    """
    record = survey_sample_record
    query = sa.select(record.c.id).where(record.c.sample_id == sample, record.c.number == number)
    id = connection.execute(query).scalar()
    if id is None:
        raise LayerError(f"sample {sample} has no record {number}")
    if found.found_at > at:
        raise LayerError("nobody can have looked later than now")
    row = {
        "record_id": id, "outcome": found.outcome, "faults": [dict(one) for one in found.faults], "note": found.note,
        "found_by": found.found_by, "found_at": found.found_at, "entered_by": by, "entered_at": at,
    }  # fmt: skip
    made = connection.execute(survey_field_finding.insert().values(**row)).inserted_primary_key
    assert made is not None
    return int(made[0])


def put_findings(
    connection: Connection, sample: int, found: Mapping[int, FieldFinding], *, at: datetime, by: str
) -> int:
    """Write down what was found at many records of a sample; how many of it was new.

    What stands in the store already, as the newest or an earlier finding, is not entered again: a list that is
    brought twice does not undo what was mended between.
    """
    record, finding = survey_sample_record, survey_field_finding
    columns = [finding.c[name] for name in ("outcome", "faults", "note", "found_by", "found_at")]
    mine = sa.select(record.c.id, record.c.number).where(record.c.sample_id == sample)
    places = {row.number: row.id for row in connection.execute(mine)}
    query = sa.select(finding.c.record_id, *columns).join(record, record.c.id == finding.c.record_id)
    known = {_said(*row) for row in connection.execute(query.where(record.c.sample_id == sample))}
    rows = [
        {"record_id": places[number], "outcome": one.outcome, "faults": [dict(fault) for fault in one.faults],
         "note": one.note, "found_by": one.found_by, "found_at": one.found_at, "entered_by": by, "entered_at": at}
        for number, one in sorted(found.items())
        if _said(places[number], one.outcome, one.faults, one.note, one.found_by, one.found_at) not in known
    ]  # fmt: skip
    if rows:
        connection.execute(finding.insert(), rows)
    return len(rows)


def _said(record: int, outcome: str, faults: Sequence[Mapping[str, str]], *rest: Any) -> tuple[Any, ...]:
    """What makes two findings the same; what the delivery has does not."""
    return record, outcome, tuple((one["attribute"], one.get("found")) for one in faults), *rest


@dataclass(frozen=True, kw_only=True)
class UnitRate:
    """How a unit came out of a sample; `drawn` records are on the list."""

    unit: str
    drawn: int
    rate: Rate


def unit_rates(connection: Connection, id: int) -> tuple[list[UnitRate], Rate]:
    """The rate of each unit of a sample, and of all together."""
    sample, records = read_sample(connection, id), read_records(connection, id)
    checked: dict[tuple[str, str], int] = {}
    faulty: dict[tuple[str, str], int] = {}
    for one in records:
        key = one.unit, one.kind
        checked[key] = checked.get(key, 0) + (one.outcome in CHECKED)
        faulty[key] = faulty.get(key, 0) + (one.outcome in FAULTY)
    strata: dict[str, list[Stratum]] = {}
    drawn: dict[str, int] = {}
    for one in sample.strata:
        key = one["unit"], one["kind"]
        stratum = Stratum(records=one["records"], checked=checked.get(key, 0), faulty=faulty.get(key, 0))
        strata.setdefault(one["unit"], []).append(stratum)
        drawn[one["unit"]] = drawn.get(one["unit"], 0) + one["drawn"]
    units = [UnitRate(unit=unit, drawn=drawn[unit], rate=rate_of(found)) for unit, found in strata.items()]
    return units, rate_of([one for found in strata.values() for one in found])
