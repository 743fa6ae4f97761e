"""A run of rules over a delivery's files: one pass record by record, then strip by strip for what needs others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.errors import LayerError, RuleError
from layers.survey.inspect import near, overlap
from layers.survey.inspect.checks import CHECKS, Found, check, told
from layers.survey.inspect.declared import Declared
from layers.survey.inspect.delivery import Batch, Files
from layers.survey.inspect.findings import WHOLE, Hits, Ledger
from layers.survey.inspect.rules import Rule, digest_of
from layers.survey.inspect.tail import Tail

Linked = Callable[[str, str], pa.Array | None]
Report = Callable[[str, int, int], None]


def _no_links(_dataset: str, _column: str) -> None:
    return None


def _silent(_phase: str, _done: int, _total: int) -> None:
    return None


@dataclass(eq=False, kw_only=True)
class Run:
    """What a run works with.

    Parameters
    ----------
    folder : Path
        Of the delivery.
    region : str
        The column with the declared unit, or "".
    expected : mapping of str to int
        How many records there ought to be, by unit; empty where nobody has said.
    beside : mapping
        Columns with one value for all records, as `year_delivered`.
    linked : callable
        The values of a column of another dataset; None where that is not to be had.
    """

    folder: Path
    base_dir: Path
    rules: Sequence[Rule]
    region: str = ""
    expected: Mapping[str, int] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)
    linked: Linked = _no_links
    report: Report = _silent


def inspect_files(run: Run, out: Path) -> dict[str, Any]:
    """Carry the rules out and put findings and report into a folder, which is there whole or not at all.

    Returns
    -------
    dict
        `records`, `rules` with how each fared, and `units` with records, and those with an error, warning or note.

    Raises
    ------
    LayerError
        If the delivery cannot be read, or the folder is there already.
    """
    if out.exists():
        raise LayerError(f"{out.name} is there already")
    files = Files(run.folder, run.region, run.beside)
    partial = out.with_name(f".{out.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        found = _Work(run, files, partial).all()
        (partial / "report.json").write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return found


class _Work:
    """One run under way."""

    def __init__(self, run: Run, files: Files, folder: Path) -> None:
        self.run, self.files = run, files
        self.ledger = Ledger(folder, files.rows)
        self.declared = Declared(run.base_dir, self.ledger.units)
        self.rules = [rule for rule in run.rules if self._can(rule)]
        self.links = {rule.id: values for rule in self.rules if (values := self._link(rule)) is not None}
        self.neighbours = self._of(near.CHECKS)
        self.between = self._of(overlap.CHECKS)
        self.others = near.Neighbours(files, self.neighbours, folder) if self.neighbours else None
        self.areas = overlap.Areas(files, self.between, folder) if self.between else None

    def _of(self, checks: Iterable[str]) -> list[Rule]:
        return [rule for rule in self.rules if rule.check in checks]

    def _can(self, rule: Rule) -> bool:
        """Whether a rule can be run; where not, why is written down."""
        outcome = self.ledger.outcome(rule)
        lacking = [name for name in rule.columns if name not in self.files.columns]
        if lacking:
            outcome.reason = f"no column {', '.join(lacking)}"
            if rule.check == "required":
                self._whole(rule, "", outcome.reason)
        elif rule.check == "unit" and not self.run.region:
            outcome.reason = "no column with the declared unit"
        elif rule.check in ("geometry", *overlap.CHECKS) and "geometry" not in self.files.columns:
            outcome.reason = "positions only"
        elif rule.check == "coverage" and not self.run.expected:
            outcome.reason = "nobody has said how many there ought to be"
        elif rule.check == "link" and self.run.linked(rule.given["dataset"], rule.given["to"]) is None:
            outcome.reason = f"no delivery of {rule.given['dataset']} with {rule.given['to']}"
        return not outcome.reason

    def _link(self, rule: Rule) -> pa.Array | None:
        if rule.check != "link":
            return None
        values = self.run.linked(rule.given["dataset"], rule.given["to"])
        return None if values is None else pc.cast(values, pa.string())

    def all(self) -> dict[str, Any]:
        wanted = dict.fromkeys(name for rule in self.rules for name in rule.columns)
        for batch in self.files.batches(list(wanted)):
            units = self.ledger.places(batch.units)
            self.ledger.units_of(batch.first, units)
            for rule in self.rules:
                self._single(rule, batch, units)
            if self.others is not None:
                self.others.take(batch)
            if self.areas is not None:
                self.areas.take(batch)
            self.run.report("records", batch.first + len(batch), self.files.rows)
        Tail(self.files, self.ledger, self.run.report).all(self.others, self.areas)
        for rule in self._of(("coverage",)):
            self._coverage(rule)
        return self._told()

    def _single(self, rule: Rule, batch: Batch, units: Any) -> None:
        """A rule that looks at one record at a time."""
        outcome = self.ledger.outcome(rule)
        if outcome.reason:
            return
        if rule.check == "unit":
            found = self.declared.look(batch, units, rule.given)
        elif rule.check == "link":
            found = self._follow(rule, batch)
        elif rule.check in CHECKS:
            try:
                found = check(batch, rule)
            except RuleError as error:
                outcome.reason = str(error)
                return
        else:
            if rule.check != "coverage":
                outcome.checked += len(batch)
            return
        outcome.checked += len(batch)
        outcome.unknown += 0 if found.unknown is None else int(found.unknown.sum())
        at = np.flatnonzero(found.marks)
        if len(at):
            lon, lat = batch.positions
            ids = batch.ids.take(pa.array(at)).to_pylist()
            self.ledger.add(rule, Hits(
                rows=batch.rows[at], ids=ids, units=units[at], lon=lon[at], lat=lat[at], value=found.value,
                other=found.other, metres=found.metres,
            ))  # fmt: skip

    def _follow(self, rule: Rule, batch: Batch) -> Found:
        """Values that name nothing in the other dataset."""
        words = pc.cast(batch.table[rule.given["column"]], pa.string())
        lacking = pc.is_null(words).to_numpy()
        marks = ~pc.is_in(words, value_set=self.links[rule.id]).to_numpy() & ~lacking
        return Found(marks, lacking, value=told(rule.given["column"], words.filter(pa.array(marks)).to_pylist()))

    def _coverage(self, rule: Rule) -> None:
        """Units that have fewer or more records than they ought to."""
        counts = dict(zip(self.ledger.units, self.ledger.counts().tolist(), strict=True))
        tolerance = float(rule.given.get("tolerance", 0.0))
        outcome = self.ledger.outcome(rule)
        for unit, expected in sorted(self.run.expected.items()):
            here = int(counts.get(unit, 0))
            outcome.checked += 1
            if abs(here - expected) > tolerance * expected:
                self._whole(rule, unit, f"{here} / {expected}")

    def _whole(self, rule: Rule, unit: str, value: str) -> None:
        """A finding about a unit, or the delivery."""
        nowhere, place = np.array([np.nan]), np.array([self.ledger.place(unit)], np.int32)
        rows = np.array([WHOLE], np.int64)
        hits = Hits(rows=rows, ids=[None], units=place, lon=nowhere, lat=nowhere, value=[value])
        self.ledger.add(rule, hits)

    def _told(self) -> dict[str, Any]:
        units, ledger = self.ledger.close(), self.ledger
        rules = [
            rule.as_json() | asdict(ledger.outcome(rule))
            | {"by_unit": {ledger.units[place]: count for place, count in ledger.outcome(rule).by_unit.items()}}
            for rule in self.run.rules
        ]  # fmt: skip
        return {"records": self.files.rows, "rules_digest": digest_of(self.run.rules), "rules": rules, "units": units}
