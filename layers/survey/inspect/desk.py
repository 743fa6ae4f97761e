"""Inspection as people carry it out: each step checks who asks, and is one transaction with its audit entry."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy.engine import Connection

from data.actor import Actor, codes_above
from data.errors import LayerError, NotPermitted
from data.regions import load_regions
from data.store.catalogue import STEPS, advance, list_deliveries, read_dataset, read_delivery
from data.store.engine import Store
from data.text import Translate
from layers.survey.inspect import book
from layers.survey.inspect.delivery import Files
from layers.survey.inspect.returned import Reader, Refusal
from layers.survey.inspect.rules import YEAR_DELIVERED, rules_for
from layers.survey.inspect.run import Report, Run, inspect_files
from layers.survey.inspect.sample import Design, draw
from layers.survey.inspect.units import region_code

Decision = Literal["passed", "returned"]
FOLDER = "inspections"  # below the home folder
NOT_OWN = "who delivered this may not pass it"
NO_ROLE = "this account may not do this"
OUTSIDE = "this account is limited to other regions"
LONGEST, LONGEST_NAME = 2000, 200


@dataclass(frozen=True)
class Office:
    """What every step works with; `audit` and `may` are handed in, because this folder knows no accounts."""

    store: Store
    home: Path
    base_dir: Path
    audit: Callable[..., int]
    may: Callable[[frozenset[str], str], bool]

    def check(self, actor: Actor, action: str, unit: str = "") -> None:
        """Refuse who may not do an action, or not in a unit.

        Raises
        ------
        NotPermitted
        """
        if not self.may(actor.roles, action):
            raise NotPermitted(NO_ROLE)
        if actor.regions:
            index = load_regions(self.base_dir)
            code = region_code(unit, index)
            if not code or not set(actor.regions).intersection(codes_above(index)(code)):
                raise NotPermitted(OUTSIDE)


def inspect(
    office: Office,
    number: int,
    actor: Actor,
    now: datetime,
    *,
    extra: Iterable[Path] = (),
    report: Report | None = None,
    settle: Callable[[Connection], None] = lambda _connection: None,
) -> dict[str, Any]:
    """Run the rules over a delivery and bring it to `inspected`.

    Parameters
    ----------
    settle : callable
        What else belongs into the transaction that keeps the run; nothing of it is kept where this raises.

    Raises
    ------
    LayerError, RuleError, NotPermitted
    """
    delivery = may_inspect(office, number, actor)
    with office.store.read() as connection:
        dataset = read_dataset(connection, delivery.dataset)
        expected = book.read_expected(connection, delivery.dataset)
        latest = {row.dataset: row for row in reversed(list_deliveries(connection))}
    rules = rules_for(dataset.kind, dataset.name, office.home, extra)
    folder = f"{FOLDER}/{number}/{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    (office.home / folder).parent.mkdir(parents=True, exist_ok=True)
    run = Run(
        folder=office.home / delivery.folder, base_dir=office.base_dir, rules=rules, expected=expected,
        region=dataset.record_schema.get("region", ""), beside={YEAR_DELIVERED: delivery.received_at.year},
        linked=lambda name, column: _column(office.home, latest.get(name), column),
    )  # fmt: skip
    told = inspect_files(run if report is None else replace(run, report=report), office.home / folder)
    found = {one["id"]: one["found"] for one in told["rules"] if one["found"]}
    detail = {"records": told["records"], "found": found, "rules": told["rules_digest"], "folder": folder}
    try:
        with office.store.write() as connection:
            book.put_inspection(connection, number, told, folder, at=now, by=actor.email)
            advance(connection, number, "inspected", detail, at=now, by=actor.email)
            _note(office, connection, "survey.inspect", delivery, actor, now, detail)
            settle(connection)
    except BaseException:
        shutil.rmtree(office.home / folder)
        raise
    return told


def may_inspect(office: Office, number: int, actor: Actor) -> Any:
    """A delivery on which somebody may run rules now.

    Raises
    ------
    LayerError, NotPermitted
    """
    with office.store.read() as connection:
        delivery = read_delivery(connection, number)
    office.check(actor, "survey.inspect", delivery.unit)
    if "inspected" not in STEPS[delivery.state]:
        raise LayerError(f"{delivery.dataset} {delivery.version} is {delivery.state} and is not inspected any more")
    return delivery


def _column(home: Path, delivery: Any, name: str) -> pa.Array | None:
    """The values of a column of a delivery; None where there is none."""
    if delivery is None:
        return None
    paths = sorted((home / delivery.folder).glob("part-*.parquet"))
    if not paths or any(name not in pq.read_schema(path).names for path in paths):
        return None
    parts = [pq.read_table(path, columns=[name])[name] for path in paths]
    return pa.concat_arrays([chunk for part in parts for chunk in part.unique().chunks]) if parts else None


def expect(office: Office, dataset: str, counts: Mapping[str, int], source: str, actor: Actor, now: datetime) -> None:
    """Say how many records there ought to be."""
    with office.store.write() as connection:
        office.check(actor, "survey.inspect", read_dataset(connection, dataset).unit)
        book.put_expected(connection, dataset, counts, source, at=now, by=actor.email)
        detail = {"counts": len(counts), "source": source}
        office.audit(connection, at=now, actor=actor.email, action="survey.expect", object=dataset, detail=detail)


def draw_sample(office: Office, number: int, design: Design, actor: Actor, now: datetime) -> int:
    """Draw a sample of a delivery; its number."""
    with office.store.read() as connection:
        delivery = read_delivery(connection, number)
        region = read_dataset(connection, delivery.dataset).record_schema.get("region", "")
    office.check(actor, "survey.inspect", delivery.unit)
    sample = draw(Files(office.home / delivery.folder, region), design)
    with office.store.write() as connection:
        id = book.put_sample(connection, number, sample, at=now, by=actor.email)
        detail = {"sample": id, "seed": design.seed, "records": len(sample.drawn)}
        _note(office, connection, "survey.sample", delivery, actor, now, detail)
    return id


def new_seed() -> int:
    """A seed that nobody chose."""
    return int(np.random.default_rng().integers(0, 2**53))  # a browser can show it


def enter(office: Office, sample: int, record: int, found: book.FieldFinding, actor: Actor, now: datetime) -> int:
    """Write down what was found at a record of a sample."""
    with office.store.write() as connection:
        delivery = read_delivery(connection, book.read_sample(connection, sample).delivery_id)
        office.check(actor, "survey.inspect", delivery.unit)
        id = book.put_finding(connection, sample, record, found, at=now, by=actor.email)
        detail = {"sample": sample, "record": record, "outcome": found.outcome, "found_by": found.found_by}
        _note(office, connection, "survey.found", delivery, actor, now, detail)
    return id


@dataclass(frozen=True, kw_only=True)
class Brought:
    """What became of a filled list: findings that are new, that were known, rows not taken, rows left blank."""

    entered: int
    known: int
    refused: tuple[Refusal, ...]
    blank: int


def enter_list(
    office: Office, sample: int, body: bytes, name: str, actor: Actor, now: datetime, *, zone: tzinfo,
    t: Translate = str, by: str = "", at: str = "", covers: Callable[[str], bool] = lambda _unit: True,
) -> Brought:  # fmt: skip
    """Write down what a team found, from the list that it filled in; all in one step, and nothing of it twice.

    Parameters
    ----------
    name : str
        Of the file, for the audit.
    by, at : str
        Who looked and when, where a row does not say.
    covers : callable
        Which declared units the actor may see.

    Raises
    ------
    LayerError, NotPermitted
    """
    with office.store.read() as connection:
        delivery = read_delivery(connection, book.read_sample(connection, sample).delivery_id)
        office.check(actor, "survey.inspect", delivery.unit)
        records = {one.number: one for one in book.read_records(connection, sample) if covers(one.unit)}
    read = Reader(sample=sample, records=records, zone=zone, now=now, t=t, by=by, at=at).read(body)
    with office.store.write() as connection:
        entered = book.put_findings(connection, sample, read.found, at=now, by=actor.email)
        if entered:
            detail = {"sample": sample, "file": name[:LONGEST_NAME], "sha256": hashlib.sha256(body).hexdigest(),
                      "entered": entered, "refused": len(read.refused)}  # fmt: skip
            _note(office, connection, "survey.found", delivery, actor, now, detail)
    return Brought(entered=entered, known=len(read.found) - entered, refused=read.refused, blank=read.blank)


def decide(
    office: Office, number: int, decision: Decision, why: str, actor: Actor, now: datetime, *, limit: float | None
) -> None:
    """Pass a delivery, or return it to the unit that submitted it, with what is known of it.

    Parameters
    ----------
    limit : float or None
        The pass limit as it was set [percent]; written down beside the rates, and not applied by itself.

    Raises
    ------
    NotPermitted
        Who submitted a delivery does not pass it.
    LayerError
        Without a reason, without an inspection, or from a state from which that cannot be.
    """
    if not why.strip() or len(why) > LONGEST:
        raise LayerError("a reason is missing, or too long")
    with office.store.write() as connection:
        delivery = read_delivery(connection, number)
        office.check(actor, "survey.decide", delivery.unit)
        if decision == "passed" and actor.email == delivery.received_by:
            raise NotPermitted(NOT_OWN)
        inspection = book.last_inspection(connection, number)
        if inspection is None:
            raise LayerError("it was not inspected yet")
        detail = {"why": why, "inspection": inspection.id, "limit_percent": limit, **_sampled(connection, number)}
        detail["with_error"] = inspection.summary["with_error"]
        advance(connection, number, decision, detail, at=now, by=actor.email)
        _note(office, connection, f"survey.{decision}", delivery, actor, now, detail)


def _sampled(connection: Connection, number: int) -> dict[str, Any]:
    """What the newest sample says, for the trace; nothing of it is known where none was drawn."""
    sample = book.last_sample(connection, number)
    if sample is None:
        return {"sample": None, "rate": None}
    whole = book.unit_rates(connection, sample.id)[1]
    return {"sample": sample.id, "checked": whole.checked, "rate": whole.rate, "low": whole.low, "high": whole.high}


def _note(
    office: Office, connection: Connection, action: str, delivery: Any, actor: Actor, now: datetime,
    detail: Mapping[str, Any],
) -> None:  # fmt: skip
    about = f"{delivery.dataset} {delivery.version}"
    office.audit(connection, at=now, actor=actor.email, action=action, object=about, detail=dict(detail))
