"""The job that keeps derived steps up to date: after ingest, a bounded amount at a time, each once for its inputs.

Results are stored as steps of a source of their own (`derived:<source>`), so tiles, the time slider, region
statistics and rules take them as they take any other. Inputs that do not serve give no step, with the reason in the
table `derivation`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from data.derived import derived_of, is_made
from data.errors import LayerError, StoreError
from data.model import FieldStep
from data.store.engine import Store
from data.store.fields import FieldSink, open_step
from data.store.sink import PutContext
from data.store.tables import derivation, field_step
from layers.derivation import Derivation, Inputs, within_range
from layers.derive_plan import Branch, Job, branches, plan

BATCH = 8  # steps a call
COLUMNS = (
    "id", "source", "quantity", "run_at", "valid_at", "forecast", "accumulation_s", "unit", "grid", "store", "west",
    "south", "east", "north", "missing_share", "attributes", "received_at",
)  # fmt: skip
IDENTITY = ("name", "source", "grid", "run_at", "valid_at")
log = logging.getLogger(__name__)


@dataclass(eq=False)
class Deriver:
    """Plans when something new has been stored, then works the plan off."""

    store: Store
    home: Path
    derivations: Sequence[Derivation]
    _seen: object = None  # what was stored when the plan was made
    _jobs: list[Job] = field(default_factory=list)
    _moved: bool = False  # whether the plan in hand was begun: what it stored may serve others
    _branches: list[Branch] = field(default_factory=list)

    def work(self, now: datetime, *, epoch: int | None = None, budget: int = BATCH) -> int:
        """Do some of what is missing, what is newest first.

        Parameters
        ----------
        now : datetime
            Steps received later are not looked at.
        budget : int
            At most so many jobs in this call.

        Returns
        -------
        int
            Jobs done; 0 when nothing is left.

        Raises
        ------
        StaleLeader
            If another leader has taken over.
        """
        self._plan(now, epoch)
        done = 0
        while self._jobs and done < budget:
            self._moved = True
            self._do(self._jobs.pop(0), now, epoch)
            done += 1
        return done

    def _plan(self, now: datetime, epoch: int | None) -> None:
        """Plan anew where something came, or where the last plan is done and what it stored may serve others."""
        with self.store.read() as connection:
            seen = (_newest(connection), now.replace(minute=0, second=0, microsecond=0))  # noon passes by itself
            if seen == self._seen and (self._jobs or not self._moved):
                return
            rows = _read_rows(connection, _quantities(self.derivations), now)
            done = {_identity(row): row for row in connection.execute(sa.select(derivation))}
        self._branches = branches(rows, self._branches)
        jobs = list(plan(self.derivations, self._branches, now))
        self._jobs = in_order([job for job in jobs if not _is_done(job, done.get(job.identity))])
        self._seen, self._moved = seen, False
        wanted, there = {job.identity for job in jobs}, {row.id for row in rows}
        _forget(self.store, [row for key, row in done.items() if key not in wanted and _is_gone(row, there)], epoch)

    def _do(self, job: Job, now: datetime, epoch: int | None) -> None:
        steps: list[FieldStep] = []
        note = ""
        try:
            steps = compute_job(self.home, job)
        except (LayerError, StoreError) as error:
            note = str(error)
            log.warning("%s at %s: %s", job.derivation.name, job.valid_at.isoformat(), error)
        except Exception as error:  # a fault in one formula is told, and is not the end of the others
            note = f"the formula failed: {type(error).__name__}: {error}"
            log.exception("%s at %s failed", job.derivation.name, job.valid_at.isoformat())
        sink = FieldSink()
        context = PutContext(source=derived_of(job.source), payload_id=0, received_at=now, home=self.home)
        prepared = sink.prepare(context, steps)
        with self.store.write(epoch=epoch) as connection:
            if not _still_there(connection, job):
                return  # corrected or let go of meanwhile: the next plan knows
            sink.put(connection, context, prepared)
            for row in prepared:  # the same values of other steps: say of which
                here = field_step.c.id == row["id"]
                connection.execute(field_step.update().where(here).values(attributes=row["attributes"]))
            _record(connection, job, {row["quantity"]: row["id"] for row in prepared}, note, now)


def in_order(jobs: Sequence[Job]) -> list[Job]:
    """Analyses before forecasts, the newest first; of a chain from day to day only the oldest day that is missing."""
    first: dict[tuple[str, str, str], Job] = {}
    free = [job for job in jobs if not job.derivation.carries]
    for job in jobs:
        if job.derivation.carries:
            key = job.identity[:3]
            if key not in first or job.valid_at < first[key].valid_at:
                first[key] = job

    def order(job: Job) -> tuple[bool, float, float]:
        lead = job.valid_at.timestamp() - job.run_at.timestamp()
        return job.forecast, -job.run_at.timestamp(), lead

    return [*sorted(first.values(), key=order), *sorted(free, key=order)]


def compute_job(home: Path, job: Job) -> list[FieldStep]:
    """The steps of a job; none for a quantity of which no cell is known.

    Raises
    ------
    LayerError, StoreError
        If the inputs do not fit, cannot be read, or give no value at all.
    """
    grid = open_step(home, job.sample)
    inputs = Inputs(
        home=home, needs=job.derivation.needs, parts=job.parts, valid_at=job.valid_at, lon=grid.lon, lat=grid.lat
    )
    found = job.derivation.compute(inputs)
    steps = []
    for spec in job.derivation.specs:
        if spec.quantity not in found:
            continue
        values = within_range(found[spec.quantity], spec)
        if values.shape != inputs.shape:
            raise LayerError(f"{spec.quantity} has {values.shape} cells, not {inputs.shape}")
        if np.isnan(values).all():
            continue
        attributes = {
            "title": spec.title, "citation": spec.reference, "status": spec.status, "derivation": job.derivation.name,
            "version": job.derivation.version, "inputs": job.inputs, "of": job.source, "notes": inputs.notes,
            **({"categorical": True} if job.derivation.categorical else {}),
        }  # fmt: skip
        steps.append(
            FieldStep(
                quantity=spec.quantity, unit=spec.unit, valid_at=job.valid_at, run_at=job.run_at, lon=grid.lon,
                lat=grid.lat, values=values, forecast=job.forecast, attributes=attributes,
                accumulation_s=int(job.derivation.accumulation.total_seconds()),
            )
        )  # fmt: skip
    if not steps:
        raise LayerError("no cell has a value")
    return steps


def _newest(connection: sa.Connection) -> object:
    """What changes whenever a provider's step is stored, corrected or let go of: ids are made of what steps hold."""
    ids = field_step.c.id
    query = sa.select(sa.func.count(), sa.func.sum(sa.cast(ids % 2**31, sa.BigInteger)))
    return tuple(connection.execute(query.where(sa.not_(is_made(field_step.c.source)))).one())


def _quantities(derivations: Iterable[Derivation]) -> set[str]:
    wanted = {need.quantity for one in derivations for need in one.needs.values()}
    return wanted | {spec.quantity for one in derivations for spec in one.specs}


def _read_rows(connection: sa.Connection, quantities: Collection[str], now: datetime) -> list[Any]:
    table = field_step.c
    query = sa.select(*(table[name] for name in COLUMNS))
    query = query.where(table.quantity.in_(sorted(quantities)), table.received_at <= now)
    return list(connection.execute(query))


def _identity(row: Any) -> tuple[str, str, str, datetime, datetime]:
    return row.name, row.source, row.grid, row.run_at, row.valid_at


def _is_done(job: Job, row: Any) -> bool:
    """Whether the same was made of the same steps; that some of them have been let go of since changes nothing."""
    if row is None or row.version != job.derivation.version:
        return False
    return all(set(steps) <= set(row.inputs.get(name, ())) for name, steps in job.inputs.items())


def _is_gone(row: Any, there: Collection[int]) -> bool:
    """Whether neither what was made nor what it was made of is stored any more."""
    steps = [*row.step_ids.values(), *(step for ids in row.inputs.values() for step in ids)]
    return not any(step in there for step in steps)


def _forget(store: Store, rows: Sequence[Any], epoch: int | None) -> None:
    if not rows:
        return
    with store.write(epoch=epoch) as connection:
        for row in rows:
            connection.execute(derivation.delete().where(_here(_identity(row))))


def _here(identity: tuple[Any, ...]) -> sa.ColumnElement[bool]:
    return sa.and_(*(derivation.c[name] == value for name, value in zip(IDENTITY, identity, strict=True)))


def _still_there(connection: sa.Connection, job: Job) -> bool:
    wanted = {step for steps in job.inputs.values() for step in steps}
    query = sa.select(sa.func.count()).select_from(field_step).where(field_step.c.id.in_(sorted(wanted)))
    return bool(connection.execute(query).scalar_one() == len(wanted))


def _record(connection: sa.Connection, job: Job, step_ids: Mapping[str, int], note: str, now: datetime) -> None:
    """Say what came of the inputs; a step that was made of former ones and has no successor goes."""
    here = _here(job.identity)
    former = connection.execute(sa.select(derivation.c.step_ids).where(here)).scalar_one_or_none() or {}
    gone = set(former.values()) - set(step_ids.values())
    if gone:
        connection.execute(field_step.delete().where(field_step.c.id.in_(sorted(gone)), is_made(field_step.c.source)))
    connection.execute(derivation.delete().where(here))
    identity = dict(zip(IDENTITY, job.identity, strict=True))
    connection.execute(
        derivation.insert().values(
            **identity, version=job.derivation.version, inputs=job.inputs, step_ids=dict(step_ids), note=note, at=now
        )
    )
