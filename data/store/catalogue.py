"""The catalogue of surveys: which datasets there are, what was delivered of each, and how far a delivery has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.errors import LayerError
from data.store.changes import note_change
from data.store.tables import survey_dataset, survey_delivery, survey_trace

Level = Literal["national", "provincial", "municipal", "county"]
DataClass = Literal["public", "shared", "restricted", "secret"]
Mode = Literal["replace", "append", "amend"]
State = Literal["loaded", "inspected", "passed", "returned", "served", "replaced"]

# To what a delivery may come from each state. A returned one is answered by another delivery.
STEPS: Mapping[State, frozenset[State]] = {
    "loaded": frozenset({"inspected", "served"}),
    "inspected": frozenset({"inspected", "passed", "returned"}),
    "passed": frozenset({"served", "inspected"}),
    "returned": frozenset({"replaced"}),
    "served": frozenset({"inspected", "passed", "returned", "replaced", "served"}),
    "replaced": frozenset({"served"}),
}
TOPIC = "surveys"
# Words of addresses below /surveys that are about no dataset: no dataset may be called so.
RESERVED = frozenset(
    {"submissions", "exchange", "inspection", "sharing", "requests", "grants", "place", "programs", "catalogue"}
)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What a survey is about and whose it is; `record_schema` is a `layers.survey.schema.Schema` as JSON."""

    name: str
    title: Mapping[str, str]
    level: Level
    sector: str
    kind: str
    data_class: DataClass
    unit: str = ""
    licence: str = ""
    provenance: str = ""
    record_schema: Mapping[str, Any] = field(default_factory=dict)
    mapping: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What came once: its files lie in `folder` below the home folder, and `digest` names their content."""

    dataset: str
    mode: Mode
    folder: str
    digest: str
    rows: int
    refused: int
    sources: Sequence[Mapping[str, Any]]
    unit: str = ""
    notes: Sequence[str] = ()
    answers: int | None = None


def put_dataset(connection: Connection, dataset: Dataset, *, at: datetime, by: str) -> None:
    """Make a dataset, or change what is said of one.

    Raises
    ------
    LayerError
        If its level or class is none of those there are.
    """
    if dataset.level not in get_args(Level) or dataset.data_class not in get_args(DataClass):
        raise LayerError(f"{dataset.name}: no such level or class: {dataset.level}, {dataset.data_class}")
    values = asdict(dataset)
    named = survey_dataset.c.name == values.pop("name")
    if connection.execute(survey_dataset.update().where(named).values(**values)).rowcount == 0:
        new = dict(name=dataset.name, created_at=at, created_by=by, **values)
        connection.execute(survey_dataset.insert().values(**new))
    note_change(connection, TOPIC, at=at, kind="update", subject=dataset.name, detail={"by": by})


def keep_schema(
    connection: Connection, name: str, record_schema: Mapping[str, Any], mapping: Mapping[str, Any], *, at: datetime,
    by: str,
) -> None:  # fmt: skip
    """What the newest delivery of a dataset was read by, and the schema that its records have now."""
    named = survey_dataset.c.name == name
    connection.execute(survey_dataset.update().where(named).values(record_schema=record_schema, mapping=mapping))
    note_change(connection, TOPIC, at=at, kind="update", subject=name, detail={"by": by})


def read_dataset(connection: Connection, name: str) -> sa.Row[Any]:
    """A dataset; LayerError where there is none of this name."""
    row = connection.execute(sa.select(survey_dataset).where(survey_dataset.c.name == name)).one_or_none()
    if row is None:
        raise LayerError(f"there is no dataset {name}")
    return row


def list_datasets(connection: Connection) -> list[sa.Row[Any]]:
    """Every dataset, by name."""
    return list(connection.execute(sa.select(survey_dataset).order_by(survey_dataset.c.name)))


def add_delivery(connection: Connection, delivery: Delivery, *, at: datetime, by: str) -> int:
    """Enter what came as the next version of its dataset; its number.

    The same content once more is the delivery that is there already, so that a load may be run again.
    """
    dataset = read_dataset(connection, delivery.dataset).name
    mine = survey_delivery.c.dataset == dataset
    same = sa.select(survey_delivery.c.id).where(mine, survey_delivery.c.digest == delivery.digest)
    known = connection.execute(same.order_by(survey_delivery.c.version.desc()).limit(1)).scalar()
    if known is not None:
        return int(known)
    last = connection.execute(sa.select(sa.func.max(survey_delivery.c.version)).where(mine)).scalar()
    values = asdict(delivery) | {"sources": list(delivery.sources), "notes": list(delivery.notes)}
    row = values | {"version": (last or 0) + 1, "state": "loaded", "received_at": at, "received_by": by}
    made = connection.execute(survey_delivery.insert().values(**row)).inserted_primary_key
    assert made is not None
    number = int(made[0])
    _trace(connection, number, "loaded", {"rows": delivery.rows, "refused": delivery.refused}, at=at, by=by)
    return number


def read_delivery(connection: Connection, number: int) -> sa.Row[Any]:
    """A delivery; LayerError where there is none of this number."""
    row = connection.execute(sa.select(survey_delivery).where(survey_delivery.c.id == number)).one_or_none()
    if row is None:
        raise LayerError(f"there is no delivery {number}")
    return row


def list_deliveries(connection: Connection, dataset: str | None = None) -> list[sa.Row[Any]]:
    """Deliveries, the newest first; of one dataset where it is named."""
    query = sa.select(survey_delivery).order_by(survey_delivery.c.id.desc())
    return list(connection.execute(query if dataset is None else query.where(survey_delivery.c.dataset == dataset)))


def waiting(connection: Connection) -> list[int]:
    """Deliveries that may be served and are not, in order: none that is older than what is served of its dataset."""
    found = []
    for dataset in list_datasets(connection):
        rows = sorted(list_deliveries(connection, dataset.name), key=lambda row: int(row.version))
        last = max((row.version for row in rows if row.state == "served"), default=0)
        ready = {"passed"} if (dataset.mapping or {}).get("inspect_first") else {"passed", "loaded"}
        found += [int(row.id) for row in rows if row.version > last and row.state in ready]
    return found


def advance(
    connection: Connection, number: int, state: State, detail: Mapping[str, Any], *, at: datetime, by: str
) -> None:
    """Bring a delivery to a state, and write down who did it and why.

    Raises
    ------
    LayerError
        If it cannot come there from where it is.
    """
    row = read_delivery(connection, number)
    here: State = row.state
    if state not in STEPS[here]:
        raise LayerError(f"{row.dataset} {row.version} is {row.state} and cannot become {state}")
    changed = survey_delivery.update().where(survey_delivery.c.id == number, survey_delivery.c.state == here)
    if connection.execute(changed.values(state=state)).rowcount != 1:
        raise LayerError(f"{row.dataset} {row.version} was changed by somebody else just now")
    _trace(connection, number, state, detail, at=at, by=by)


def read_trace(connection: Connection, number: int) -> list[sa.Row[Any]]:
    """What happened to a delivery, in order."""
    query = sa.select(survey_trace).where(survey_trace.c.delivery_id == number).order_by(survey_trace.c.id)
    return list(connection.execute(query))


def _trace(
    connection: Connection, number: int, state: State, detail: Mapping[str, Any], *, at: datetime, by: str
) -> None:
    row = {"delivery_id": number, "at": at, "by": by, "state": state, "detail": dict(detail)}
    connection.execute(survey_trace.insert().values(**row))
    note_change(connection, TOPIC, at=at, kind=state, subject=str(number), detail={"by": by})
