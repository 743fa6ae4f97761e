"""The mark of an exercise on every page: a purple frame, the word across it in both languages, and its controls.

It is put into the page as it leaves the server, sign-in pages included, so that no page can be made without it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from html import escape
from pathlib import Path
from urllib.parse import unquote

from flask import Flask, Response, request

from access.guard import csrf_cookie_name
from access.people import current
from alerts.channels.allowed import exercise_ways
from data.clock import Clock, iso, utc_now
from data.settings import ROOT
from data.store.exercise import MARK, Exercise, ExerciseClock, scenario_of
from data.text import Translate, translator
from pages._context import Context
from pages._locale import locale_of

SPEEDS = (1, 10, 60, 300, 900, 3600)
STYLE = (ROOT / "assets" / "exercise.css").read_text(encoding="utf-8")  # also for pages that load no assets
# the outlines stand in the style once: 演练 is readable where no Chinese font is
OUTLINES = re.search(r"<path transform='[^']*' d='([^']*)'/>", unquote(STYLE))
assert OUTLINES is not None
WORD = f'EXERCISE <svg viewBox="0 -30 68 34" role="img" aria-label="演练"><path d="{OUTLINES[1]}"/></svg>'


def mark_pages(server: Flask, context: Context, clock: ExerciseClock) -> None:
    """Have every page of this server marked, and every answer say that it belongs to an exercise."""

    view = _view(context.settings.home / "scenario.zip")

    def mark(response: Response) -> Response:
        found = clock.exercise()
        if found is None:
            return response
        response.headers["X-Tocsin-Exercise"] = found.scenario
        if response.direct_passthrough or response.is_streamed:
            return response
        if response.mimetype == "text/html":
            locale = locale_of(context)
            response.set_data(marked(response.get_data(as_text=True), _strip(context, found, locale, view)))
        elif request.path.startswith("/api/") and response.is_json:
            response.set_data(marked_json(response.get_data(), found.scenario))
        return response

    server.after_request(mark)


def marked(page: str, strip: str) -> str:
    """A page with the mark of an exercise right after its body begins."""
    head, opening, rest = page.partition("<body>")
    if not opening:
        return strip + page
    return f'{head}<body class="exercise">{strip}{rest}'


def marked_json(body: bytes, scenario: str) -> bytes:
    """An object of the machine API with the mark as its first member, so that a copy of it keeps it.

    Lists and what is compressed already stay as they are: the header of the answer alone marks them.
    """
    rest = body.strip()
    if not rest.startswith(b"{"):
        return body
    mark = json.dumps(f"{MARK}: {scenario}", ensure_ascii=False).encode()
    return b'{"exercise":' + mark + (b"" if rest[1:].lstrip().startswith(b"}") else b",") + rest[1:]


def marked_csv(table: str, clock: Clock) -> str:
    """A table as it is, in an exercise with a column that says so."""
    scenario = scenario_of(clock)
    if not scenario:
        return table
    out = io.StringIO()
    for number, row in enumerate(csv.reader(io.StringIO(table, newline=""))):
        csv.writer(out).writerow([*row, f"{MARK}: {scenario}" if number else "exercise"])
    return out.getvalue()


def _view(path: Path) -> str:
    """Where the map opens, as it stands in an address; empty where the scenario does not say."""
    from alerts.scenario_file import read_scenario

    view = read_scenario(path).head.view if path.is_file() else None
    return "" if view is None else f"map={view[2]:.2f}/{view[1]:.4f}/{view[0]:.4f}"


def _strip(context: Context, found: Exercise, locale: str, view: str) -> str:
    t = translator(locale)
    title = escape(found.title.get(locale) or found.title.get("en") or found.scenario)
    facts = {
        "at": iso(found.clock(utc_now())), "speed": f"{found.speed:g}", "state": found.state,
        "csrf": csrf_cookie_name(context.settings), "zone": str(context.settings.zone),
        "view": view,
    }  # fmt: skip
    data = "".join(f' data-{name}="{escape(value)}"' for name, value in facts.items())
    leaving = escape(_leaving(context, t)) if found.kind == "drill" else ""
    right = _controls(t, found) if current().signed_in and current().may("exercise.control") else ""
    return (
        f'<style>{STYLE}</style><div class="exercise-frame" aria-hidden="true"></div>'
        f'<div class="exercise-strip" id="exercise" role="note"{data}><strong>{WORD}</strong>'
        f'<span class="exercise-title">{title}</span>'
        f'<span class="exercise-out" id="exercise-out">{leaving}</span><span class="exercise-right">'
        f'<time id="exercise-time"></time><span id="exercise-state"{_words(t)}></span>{right}</span></div>'
    )


def _leaving(context: Context, t: Translate) -> str:
    """Where messages of a drill go."""
    ways = exercise_ways(context.settings)
    return t("goes out by {names}").format(names=", ".join(ways)) if ways else t("nothing goes out")


def _words(t: Translate) -> str:
    words = {
        "catching-up": t("catching up"), "running": t("running"), "paused": t("paused"), "done": t("at its end"),
    }  # fmt: skip
    return "".join(f' data-{name}="{escape(word)}"' for name, word in words.items())


def _controls(t: Translate, found: Exercise) -> str:
    speeds = sorted({*SPEEDS, found.asked_speed} - {0.0})
    options = "".join(
        f'<option value="{speed:g}"{" selected" if speed == found.asked_speed else ""}>{speed:g}×</option>'
        for speed in speeds
    )
    pause, go_on, speed, log = (
        escape(word) for word in (t("Pause"), t("Go on"), t("Speed of the exercise"), t("Log for the debriefing"))
    )
    return (
        f'<button type="button" id="exercise-pause" data-pause="{pause}" data-go-on="{go_on}">{pause}</button>'
        f'<select id="exercise-speed" aria-label="{speed}" title="{speed}">{options}</select>'
        f'<a href="/api/exercise/log.csv" download>{log}</a>'
    )
