"""What is known of the quality of survey records that other numbers stand on."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.store.tables import survey_delivery, survey_inspection, survey_trace
from layers.survey.build import read_manifest
from layers.survey.shelf import FOLDER


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Shares of the records of a store, 0 to 1: inspected by rules, and passed by a person; None is unknown."""

    inspected: float | None
    passed: float | None


UNKNOWN = Quality(inspected=None, passed=None)


def quality_of(connection: Connection, home: Path, dataset: str) -> Quality:
    """How much of what the store of a dataset holds was inspected; unknown where no delivery is named."""
    manifest = read_manifest(home / FOLDER / dataset)
    segments = manifest["segments"] if manifest else []
    numbers = {int(one["delivery"]) for one in segments if one.get("delivery") is not None}
    if not numbers or any(one.get("delivery") is None and one["rows"] for one in segments):
        return UNKNOWN
    return quality_of_deliveries(connection, numbers)


def quality_of_deliveries(connection: Connection, numbers: Collection[int]) -> Quality:
    """The shares by records of some deliveries together."""
    query = sa.select(survey_delivery.c.id, survey_delivery.c["rows"]).where(survey_delivery.c.id.in_(numbers))
    rows = {int(id): int(count) for id, count in connection.execute(query)}
    whole = sum(rows.values())
    if not whole or set(rows) != set(numbers):
        return UNKNOWN
    inspected = set(connection.execute(
        sa.select(survey_inspection.c.delivery_id).where(survey_inspection.c.delivery_id.in_(numbers))
    ).scalars())  # fmt: skip
    passed = set(_last_passed(connection, numbers))
    return Quality(
        inspected=sum(rows[one] for one in inspected) / whole, passed=sum(rows[one] for one in passed) / whole
    )


def _last_passed(connection: Connection, numbers: Collection[int]) -> Iterator[int]:
    """Deliveries whose last decision was to pass them."""
    trace = survey_trace.c
    query = sa.select(trace.delivery_id, trace.state).where(
        trace.delivery_id.in_(numbers), trace.state.in_(("passed", "returned"))
    )
    last = {int(row.delivery_id): row.state for row in connection.execute(query.order_by(trace.id))}
    return (number for number, state in last.items() if state == "passed")
