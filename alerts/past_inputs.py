"""What a rule would have been given at a moment of the past: the live reading of inputs, over what had come by then.

Events, incoming warnings, field steps and surveys are put into a store of their own as time goes on, so that the live
code reads them; readings of stations are kept in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.engine import Inputs
from alerts.history import History
from alerts.inputs import Gatherer, InputColumn
from alerts.past_fields import PastFields
from alerts.rule import Rule
from alerts.station_inputs import Network
from data.store.engine import Store
from data.store.events import EventSink
from data.store.runs import GOOD, mark_success, set_state
from data.store.sink import PutContext
from data.store.tables import dataset, event_revision, field_step, incoming_warning, run, source_state

COPIED: Mapping[str, sa.Table] = {"field": field_step, "warnings": incoming_warning, "survey": dataset}


@dataclass(eq=False)
class Staged:
    """Rows of a history that become visible in a store of their own as time goes on."""

    store: Store
    history: History
    rows: Sequence[tuple[datetime, str, Any]]  # received, what, row; in order
    done: int = 0

    @classmethod
    def of(cls, history: History, store: Store, rule: Rule, *, without: Collection[str] = ()) -> Staged:
        """What the inputs of a rule read from the store, but for those of some names."""
        wanted = {item.source for name, item in rule.inputs.items() if name not in without}
        rows: list[tuple[datetime, str, Any]] = []
        with history.store.read() as connection:
            if "events" in wanted:
                rows += _events(connection)
            for source in sorted(wanted & set(COPIED)):
                rows += [(row.received_at, source, row) for row in connection.execute(sa.select(COPIED[source]))]
        rows.sort(key=lambda item: (item[0], item[1]))
        return cls(store=store, history=history, rows=rows)

    def advance(self, now: datetime) -> bool:
        """Show what has come by now; whether anything has."""
        end = self.done
        while end < len(self.rows) and self.rows[end][0] <= now:
            end += 1
        if end == self.done:
            return False
        with self.store.write() as connection:
            for received, what, row in self.rows[self.done : end]:
                self._put(connection, received, what, row)
        self.done = end
        return True

    def _put(self, connection: Connection, received: datetime, what: str, row: Any) -> None:
        if what == "event":
            context = PutContext(source=row.source, payload_id=0, received_at=received, home=self.history.home)
            EventSink().put(connection, context, {(row.id, row.digest): row.body})
        elif what == "heard":
            mark_success(connection, row.source, at=received, data_at=row.data_at, validators={})
            set_state(connection, row.source, enabled=True)
        elif what == "warnings":
            _put_warning(connection, row)
        else:
            connection.execute(COPIED[what].insert().values(**{**row._mapping, "payload_id": None}))


def _put_warning(connection: Connection, row: Any) -> None:
    """A message, and its mark on those that it refers to: none has been replaced before the other came."""
    table = incoming_warning.c
    connection.execute(
        incoming_warning.insert().values(**{**row._mapping, "payload_id": None, "replaced_by": None})
    )  # fmt: skip
    if row.message_type in ("Update", "Cancel"):
        for sender, identifier, *_ in row.references:
            same = sa.and_(table.sender == sender, table.id == identifier)
            connection.execute(incoming_warning.update().where(same).values(replaced_by=row.key))


def _events(connection: Connection) -> Iterator[tuple[datetime, str, Any]]:
    sources = set()
    for row in connection.execute(sa.select(event_revision)):
        sources.add(row.source)
        yield row.received_at, "event", row
    on = set(connection.execute(sa.select(source_state.c.source).where(source_state.c.enabled)).scalars())
    heard = sa.select(run.c.source, run.c.finished_at, run.c.data_at).where(
        run.c.outcome.in_(GOOD), run.c.source.in_(sorted(sources | on))
    )
    for row in connection.execute(heard):
        yield row.finished_at, "heard", row


class PastGatherer(Gatherer):
    """Gathers as of a moment of the past; readings come from memory."""

    past: History
    fields: Mapping[str, PastFields]

    def _column(self, rule: Rule, name: str, rids: NDArray[np.int32], since: NDArray[np.float64]) -> InputColumn:
        held = self.fields.get(name)
        if held is None:
            return super()._column(rule, name, rids, since)
        at = self.now.timestamp()
        return InputColumn(numbers=held.at(at), names=(held.name(at),))

    def network(self, quantity: str, unit: str) -> Network:
        """The stations as they were known at this moment."""
        key = (quantity, unit)
        if key not in self._networks:
            reach = self._reach(quantity).total_seconds()
            self._networks[key] = self.past.readings(quantity, unit).network(self.now.timestamp(), reach)
        return self._networks[key]


@dataclass(eq=False)
class PastInputs:
    """The inputs of a rule and its variants as time goes on; times must not go back."""

    history: History
    rules: Sequence[Rule]  # the variant that notices most is first
    staged: Staged
    fields: Mapping[str, PastFields] = field(default_factory=dict)
    _at: datetime | None = None
    _gatherer: PastGatherer | None = None
    _calm: Inputs | None = field(default=None)

    def move(self, now: datetime) -> None:
        """Go on to a moment."""
        self.staged.advance(now)
        self._at = now
        self._gatherer = PastGatherer(
            self.staged.store, self.history.home, self.history.base_dir, now, rules=self.rules
        )
        self._gatherer.past, self._gatherer.fields = self.history, self.fields
        self._calm = None

    def gather(self, rule: Rule, level_since: NDArray[np.float64]) -> Inputs:
        """The inputs of the rule or of a variant of it.

        Thresholds do not change them, but for stations that fell silent under a level: those are asked for their last
        word by each variant that has one.
        """
        assert self._gatherer is not None
        if self._calm is None:
            self._calm = self._gatherer.gather(self.rules[0], np.full(len(level_since), np.nan))
        if self._calm.silent is None or bool(np.isnan(level_since).all()):
            return self._calm
        return self._gatherer.gather(rule, level_since)
