"""A trial as a person asks for it: checked, kept as a row, and given to a process of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from alerts.proof_job import ask, fail
from alerts.rule_version import rule_of
from alerts.scenario_build import BUILTIN
from data.clock import iso, utc_now
from data.errors import RuleError
from data.settings import Settings
from data.store.engine import Store
from pages._context import Context
from pages._process import launch as start_process

ARCHIVE, TABLE = "archive", "table"
MOST_OFFICERS = 500


def scenarios(locale: str) -> list[tuple[str, str]]:
    """The scenarios of the house: key and title."""
    found = []
    for path in sorted(BUILTIN.glob("*/scenario.yaml")):
        title = yaml.safe_load(path.read_text(encoding="utf-8")).get("title", {})
        found.append((path.parent.name, str(title.get(locale) or path.parent.name)))
    return found


def wish(
    history: str, since: Any, until: Any, officers: Any, name: str, table: Any, zone: ZoneInfo
) -> dict[str, Any]:
    """What a person has asked for, checked.

    Raises
    ------
    RuleError
        With the sentence that a person needs.
    """
    if history not in (ARCHIVE, TABLE) and history not in dict(scenarios("en")):
        raise RuleError("there is no such history")
    if history == TABLE and not table:
        raise RuleError("choose the table of readings first")
    number = int(officers) if isinstance(officers, int | float) and 1 <= officers <= MOST_OFFICERS else 0
    if not 1 <= number <= MOST_OFFICERS:
        raise RuleError("at least one officer is needed")
    return {
        "history": history, "history_name": name or "table.csv", "officers": number,
        "since": _time(since, zone), "until": _time(until, zone),
    }  # fmt: skip


def _time(typed: Any, zone: ZoneInfo) -> str | None:
    words = str(typed or "").strip()
    if not words:
        return None
    try:
        found = datetime.fromisoformat(words)
        return iso(found if found.tzinfo is not None else found.replace(tzinfo=zone))
    except (ValueError, OverflowError) as error:
        raise RuleError("a time is written as 2026-03-01 08:00") from error


def begin(
    context: Context, text: str, asked: dict[str, Any], history: bytes | None, truth: bytes | None, *, by: str
) -> int:
    """Keep the wish and start its process. Returns the number of the job.

    Raises
    ------
    RuleError
        For a text with faults, or while too many trials run.
    """
    rule, faults = rule_of(text)
    if rule is None:
        raise RuleError(str(faults[0].message))
    with context.store.write() as connection:
        job = ask(connection, rule, text, asked, history=history, truth=truth, by=by, at=utc_now())
    launch(context.store, context.settings, job)
    return job


def launch(store: Store, settings: Settings, job: int) -> None:
    """Start the process of a job."""

    def failed(reason: str) -> None:
        with store.write() as connection:
            fail(connection, job, reason, utc_now())

    start_process(settings, "pages.past.trial_worker", job, "trials.log", failed)
