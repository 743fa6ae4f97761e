"""The steps of the page, each through the desk of inspection, which checks who asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from access import audit
from access.matrix import may
from access.people import current
from api.inspection import Inspected
from data.clock import utc_now
from data.errors import LayerError
from data.text import Translate
from layers.survey.inspect import desk, job
from layers.survey.inspect.book import FieldFinding, last_sample
from layers.survey.inspect.returned import faults_of
from layers.survey.inspect.sample import Design
from pages._context import Context
from pages._plan_upload import decode
from pages._process import launch as start_process

MOST_HERE = 200_000  # records that are inspected while the page waits


def office(context: Context) -> desk.Office:
    """The desk of inspection of this server."""
    return desk.Office(context.store, context.settings.home, context.settings.base_dir, audit.append, may)


def run(context: Context, number: int, t: Translate) -> str:
    """Run the rules over a delivery: at once where it is small, else in a process of its own."""
    actor, here = current().actor(), office(context)
    rows = desk.may_inspect(here, number, actor).rows
    if rows > MOST_HERE:
        with context.store.write() as connection:
            wish = job.ask(connection, number, actor, utc_now())
        launch(context, wish)
        return t("The inspection of {n} records has begun.").format(n=f"{rows:,}")
    told = desk.inspect(here, number, actor, context.clock())
    return t("Inspected: {n} records.").format(n=f"{told['records']:,}")


def launch(context: Context, number: int) -> None:
    """Start the process of an inspection that was asked for."""

    def failed(reason: str) -> None:
        with context.store.write() as connection:
            job.fail(connection, number, reason, utc_now())

    start_process(context.settings, "pages._inspection_worker", number, "inspections.log", failed)


def newest(context: Context, number: int) -> job.Job | None:
    """The inspection of a delivery that was asked for last."""
    with context.store.read() as connection:
        return job.newest(connection, number)


def cancel(context: Context, number: int, t: Translate) -> str:
    """End the inspection of a delivery that is under way; whoever may inspect it may end it."""
    desk.may_inspect(office(context), number, current().actor())
    wish = newest(context, number)
    if wish is None:
        raise LayerError("this inspection has ended already")
    with context.store.write() as connection:
        job.cancel(connection, wish.id, by=current().email, now=utc_now())
    return t("The inspection was ended; nothing of it is kept.")


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
        faults=faults_of(str(words["faults"] or "")), note=str(words["note"] or ""),
    )  # fmt: skip
    desk.enter(office(context), int(sample), int(number), found, current().actor(), context.clock())
    return t("Entered: record {n}.").format(n=number)


def bring(
    context: Context, number: int, upload: str, name: str, words: Mapping[str, Any], t: Translate
) -> desk.Brought:
    """Write down what stands in a filled list of the newest sample."""
    seen = Inspected(context.store, context.settings, context.clock, number)
    with context.store.read() as connection:
        sample = last_sample(connection, number)
    if sample is None:
        raise LayerError(t("No sample was drawn: the error rate is unknown."))
    return desk.enter_list(
        office(context), sample.id, decode(upload), name, current().actor(), context.clock(),
        zone=context.settings.zone, t=t, by=str(words["team"] or "").strip(), at=str(words["day"] or "").strip(),
        covers=seen.covers,
    )  # fmt: skip


def decide(context: Context, number: int, decision: desk.Decision, why: str, t: Translate) -> str:
    """Pass a delivery or return it."""
    limit = context.settings.survey_pass_limit
    desk.decide(office(context), number, decision, why, current().actor(), context.clock(), limit=limit)
    if decision == "passed":
        return t("Passed.")
    return t("Returned: the unit that delivered it finds the list of faults here, and delivers again.")
