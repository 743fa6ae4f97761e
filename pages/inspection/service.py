"""The steps of the page, each through the desk of inspection, which checks who asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from access import audit
from access.matrix import may
from access.people import current
from data.errors import LayerError
from data.store.catalogue import read_delivery
from data.text import Translate
from layers.survey.inspect import desk
from layers.survey.inspect.book import FieldFinding
from layers.survey.inspect.sample import Design
from pages._context import Context

MOST_HERE = 2_000_000  # records that are inspected while the page waits


def office(context: Context) -> desk.Office:
    """The desk of inspection of this server."""
    return desk.Office(context.store, context.settings.home, context.settings.base_dir, audit.append, may)


def run(context: Context, number: int, t: Translate) -> str:
    """Run the rules over a delivery."""
    with context.store.read() as connection:
        rows = read_delivery(connection, number).rows
    if rows > MOST_HERE:
        command = f"python app.py survey inspect {number}"
        raise LayerError(t("{n} records are many for a page: {command}").format(n=f"{rows:,}", command=command))
    told = desk.inspect(office(context), number, current().actor(), context.clock())
    return t("Inspected: {n} records.").format(n=f"{told['records']:,}")


def draw(context: Context, number: int, words: Mapping[str, Any], t: Translate) -> str:
    """Draw a sample."""
    seed = str(words["seed"] or "").strip()
    design = Design(
        seed=int(seed) if seed else desk.new_seed(), share=float(words["share"]) / 100, least=int(words["least"]),
        most=int(words["most"]), kind=str(words["kind"] or ""),
    )  # fmt: skip
    id = desk.draw_sample(office(context), number, design, current().actor(), context.clock())
    return t("Sample {n} is drawn, with the seed {seed}.").format(n=id, seed=design.seed)


def enter(context: Context, words: Mapping[str, Any], t: Translate) -> str:
    """Write down what was found at a record."""
    sample, _, number = str(words["record"] or "").partition(":")
    if not number:
        raise LayerError(t("choose a record of the list"))
    at = datetime.strptime(str(words["at"] or "").strip(), "%Y-%m-%d %H:%M").replace(tzinfo=context.settings.zone)
    found = FieldFinding(
        outcome=words["outcome"], found_by=str(words["by"] or ""), found_at=at,
        faults=faults(str(words["faults"] or "")), note=str(words["note"] or ""),
    )  # fmt: skip
    desk.enter(office(context), int(sample), int(number), found, current().actor(), context.clock())
    return t("Entered: record {n}.").format(n=number)


def faults(written: str) -> tuple[dict[str, str], ...]:
    """Lines `attribute: what it is`, as a form has them.

    Raises
    ------
    LayerError
        For a line without a colon.
    """
    found = []
    for line in filter(None, (line.strip() for line in written.replace("：", ":").splitlines())):
        attribute, colon, value = line.partition(":")
        if not (colon and attribute.strip()):
            raise LayerError(f"attribute: value, not {line[:40]!r}")
        found.append({"attribute": attribute.strip(), "found": value.strip()})
    return tuple(found)


def decide(context: Context, number: int, decision: desk.Decision, why: str, t: Translate) -> str:
    """Pass a delivery or return it."""
    limit = context.settings.survey_pass_limit
    desk.decide(office(context), number, decision, why, current().actor(), context.clock(), limit=limit)
    if decision == "passed":
        return t("Passed.")
    return t("Returned: the unit that delivered it finds the list of faults here, and delivers again.")
