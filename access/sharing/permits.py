"""The one place that decides what somebody may see of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from access.matrix import may
from access.sharing.grants import in_force
from access.sharing.terms import CLASSES, LADDER
from data.actor import Actor
from data.permit import PUBLIC, UNKNOWN, Permit
from data.store.tables import survey_dataset, survey_terms

NOT_PLAN = "This account may not see survey records."
OUTSIDE = "This account is limited to other levels or sectors."


def permit(connection: Connection, actor: Actor, dataset: str, now: datetime) -> Permit:
    """What this person may see of a dataset now.

    A store without a row in the catalogue has no class: it is kept as restricted. Limits of the account hold whatever
    is granted; a grant in force takes the place of what the class gives unasked.
    """
    row = connection.execute(sa.select(survey_dataset).where(survey_dataset.c.name == dataset)).one_or_none()
    least, accuracy_m = terms_of(connection, dataset)
    data_class = row.data_class if row else UNKNOWN
    none = Permit(dataset=dataset, reader=actor.email, data_class=data_class, accuracy_m=accuracy_m)
    if not may(actor.roles, "plan.view"):
        return replace(none, why=NOT_PLAN)
    if none.data_class == PUBLIC:
        return _open(none, "export", 1)
    if _outside(actor, row):
        return replace(none, why=OUTSIDE)
    kind = CLASSES[none.data_class]
    limits: tuple[frozenset[str], ...] = (frozenset(actor.regions),) if actor.regions else ()
    seen = replace(none, limits=limits, unit=row.unit if row else "", why=kind.why)
    granted = in_force(connection, dataset, actor.email, now)
    if granted is None:
        return _open(seen, kind.free if actor.roles & kind.for_roles else None, least)
    limits += (frozenset(granted.regions),) if granted.regions else ()
    facets = {name: tuple(values) for name, values in granted.facets.items()}
    return _open(replace(seen, limits=limits, facets=facets, grant=granted.id), granted.allows, least)


def terms_of(connection: Connection, dataset: str) -> tuple[int, float]:
    """The smallest number told, and how far a mark may move a record: as the office set them, or as usual."""
    joined = sa.select(survey_dataset.c.data_class).where(survey_dataset.c.name == dataset)
    kind = CLASSES[connection.execute(joined).scalar() or UNKNOWN]
    row = connection.execute(sa.select(survey_terms).where(survey_terms.c.dataset == dataset)).one_or_none()
    least = kind.least if row is None or row.least is None else row.least
    return least, Permit.accuracy_m if row is None or row.accuracy_m is None else row.accuracy_m


def permits(connection: Connection, actor: Actor, names: list[str], now: datetime) -> Mapping[str, Permit]:
    """Those of these datasets of which this person may see anything."""
    found = {name: permit(connection, actor, name, now) for name in names}
    return {name: one for name, one in found.items() if one.counts}


def _outside(actor: Actor, row: Any) -> bool:
    """Whether limits to levels and sectors leave a dataset out; what is not known is left out."""
    level, sector = (row.level, row.sector) if row else ("", "")
    return bool((actor.levels and level not in actor.levels) or (actor.sectors and sector not in actor.sectors))


def _open(held: Permit, allows: str | None, least: int) -> Permit:
    """A permit up to a step of the ladder."""
    if allows is None:
        return held
    step = LADDER.index(allows)  # type: ignore[arg-type]
    records, export = step >= 1, step >= 2
    return replace(
        held, counts=True, records=records, export=export, least=1 if records else max(least, 1),
        why="" if export else held.why,
    )  # fmt: skip
