"""The exercise that this home is for: where its clock stands, pause and speed, and the log for the debriefing."""

from __future__ import annotations

import csv
import io
from typing import Any

from flask import Blueprint, Response, request

from access.guard import needs
from access.people import current
from api.answers import fault, fresh
from api.context import api
from data.clock import iso, utc_now
from data.store.debrief import debrief
from data.store.exercise import FASTEST, ask, read_exercise

blueprint = Blueprint("exercise", __name__)


@blueprint.get("/api/exercise.json")
@needs("watch.view")
def state() -> Response:
    """The scenario's time and how fast it runs; 404 where this is no exercise."""
    with api().store.read() as connection:
        found = read_exercise(connection)
    if found is None:
        return fault(404, "no_exercise", "This is no exercise.")
    wall = utc_now()
    return fresh(
        {
            "kind": found.kind, "scenario": found.scenario, "title": dict(found.title), "state": found.state,
            "at": iso(found.clock(wall)), "speed": found.speed, "asked_speed": found.asked_speed,
            "asked_pause": found.asked_pause, "begin": iso(found.begin_at), "until": iso(found.until_at),
        }
    )  # fmt: skip


@blueprint.post("/api/exercise.json")
@needs("exercise.control")
def control() -> Response:
    """Pause, go on, or run at another speed."""
    body = request.get_json(silent=True)
    wanted = body if isinstance(body, dict) else {}
    pause, speed = wanted.get("pause"), wanted.get("speed")
    number = isinstance(speed, int | float) and not isinstance(speed, bool)
    if (
        (pause is None and speed is None)
        or not (pause is None or isinstance(pause, bool))
        or not (speed is None or (number and 0 < speed <= FASTEST))
    ):
        return fault(400, "bad_request", f"Send pause as true or false, or speed above 0 and at most {FASTEST:g}.")
    with api().store.write() as connection:
        ask(connection, actor=current().email, wall=utc_now(), pause=pause, speed=speed)
    return state()


@blueprint.get("/api/exercise/log.<form>")
@needs("exercise.control")
def log(form: str) -> Response:
    """Everything that happened in the exercise, as CSV or JSON."""
    with api().store.read() as connection:
        if read_exercise(connection) is None or form not in ("csv", "json"):
            return fault(404, "not_found", "There is nothing at this address.")
        rows = debrief(connection)
    if form == "json":
        return fresh(rows)
    response = Response(as_csv(rows), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="exercise-log.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    """The log as a table that spreadsheets open with its Chinese intact."""
    out = io.StringIO()
    writer = csv.DictWriter(out, ("at", "wall_at", "kind", "who", "what", "level", "regions", "detail"))
    writer.writeheader()
    writer.writerows({key: _plain(value) for key, value in row.items()} for row in rows)
    return out.getvalue().encode("utf-8-sig")


def _plain(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    text = " ".join(value) if isinstance(value, list) else value
    return f"'{text}" if isinstance(text, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
