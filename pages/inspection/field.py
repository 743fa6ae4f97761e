"""The check in the field: what was drawn, the error rate of each unit with its bounds, and the form for findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from access.people import current
from api.inspection import Inspected
from data.text import Translate
from layers.survey.inspect import book
from layers.survey.inspect.book import OUTCOMES, UnitRate
from layers.survey.inspect.desk import Brought
from layers.survey.inspect.rates import Rate
from pages._chart import FONT, graph
from pages._context import Context
from pages._times import local

FIELDS = ("share", "least", "most", "kind", "seed", "record", "outcome", "faults", "note", "by", "at")
BROUGHT = ("team", "day")
REFUSED = 20  # rows that are named, the first ones
BARS = 40


def section(context: Context, seen: Inspected, t: Translate, locale: str) -> list[Component]:
    """The newest sample with what it says, and the forms."""
    with context.store.read() as connection:
        sample = book.last_sample(connection, seen.number)
        units, whole = book.unit_rates(connection, sample.id) if sample else ([], None)
        records = book.read_records(connection, sample.id) if sample else []
    mine = [one for one in records if seen.covers(one.unit)]
    shown = [one for one in units if seen.covers(one.unit)]
    limit = context.settings.survey_pass_limit
    parts: list[Component] = [html.H2(t("Check in the field"))]
    if sample is None or whole is None:
        parts.append(html.P(["? ", t("No sample was drawn: the error rate is unknown.")]))
    else:
        looked = sum(one.outcome in book.CHECKED for one in mine)
        parts += [
            html.P([html.Strong(_whole(whole, t)), " ", _looked(looked, len(mine), t)]),
            html.P(_limit(limit, t), className="dim"),
            html.P([t("Sample"), f" {sample.id} · {t('seed')} {sample.seed} · ",
                    local(sample.drawn_at, context.settings.zone), f" · {sample.drawn_by}"], className="dim"),
            *_list(sample.id, locale, t),
            *([_chart(shown, seen.names([one.unit for one in shown], locale), limit, t)]
              if any(one.rate.rate is not None for one in shown) else []),
            _rates(shown, seen.names([one.unit for one in shown], locale), limit, t),
        ]  # fmt: skip
    return [*parts, *_forms(context, seen, sample, mine, t)]


def _looked(looked: int, drawn: int, t: Translate) -> str:
    return t("{n} of {total} drawn records were looked at.").format(n=f"{looked:,}", total=f"{drawn:,}")


def _whole(rate: Rate, t: Translate) -> str:
    if rate.rate is None:
        return t("The error rate of the whole is unknown yet.")
    return t("Error rate of the whole: {rate} ({low} to {high}).").format(
        rate=_percent(rate.rate), low=_percent(rate.low), high=_percent(rate.high)
    )


def _limit(limit: float | None, t: Translate) -> str:
    unverified = t("The limit that the national survey applied could not be verified, so none is built in.")
    if limit is None:
        return t("No pass limit is set.") + " " + unverified
    return t("Pass limit of this office: {n} %.").format(n=f"{limit:g}") + " " + unverified


def _percent(share: float | None) -> str:
    return "?" if share is None else f"{100 * share:.2f} %"


def verdict(rate: Rate, limit: float | None, t: Translate) -> str:
    """How a rate stands to the limit; what the sample leaves open is said."""
    if rate.rate is None or rate.low is None or rate.high is None:
        return "? " + t("unknown")
    if limit is None:
        return "–"
    if rate.high * 100 <= limit:
        return "✓ " + t("within the limit")
    if rate.low * 100 > limit:
        return "✕ " + t("above the limit")
    return "◔ " + (t("within, not certain") if rate.rate * 100 <= limit else t("above, not certain"))


def _list(sample: int, locale: str, t: Translate) -> list[Component]:
    if not current().may("survey.inspect"):
        return []
    address = f"/api/surveys/samples/{sample}/list"
    links = [(f"{address}.html?locale={locale}", t("List to print")),
             (f"{address}.csv?locale={locale}", t("List to fill in (CSV)"))]  # fmt: skip
    shown = [html.A(word, href=href, target="_blank", className="act") for href, word in links]
    return [html.Div(shown, className="acts")]


def _chart(units: Sequence[UnitRate], names: Mapping[str, str], limit: float | None, t: Translate) -> Component:
    """Rates with their bounds, the highest first, and the limit as a line."""
    known = sorted((one for one in units if one.rate.rate is not None), key=lambda one: -(one.rate.rate or 0))
    shown = known[:BARS][::-1]
    rates = [100 * (one.rate.rate or 0) for one in shown]
    above = [100 * (one.rate.high or 0) - rate for one, rate in zip(shown, rates, strict=True)]
    below = [rate - 100 * (one.rate.low or 0) for one, rate in zip(shown, rates, strict=True)]
    figure = {
        "data": [{
            "type": "scatter", "mode": "markers", "x": rates,
            "y": [names.get(one.unit) or one.unit or t("none declared") for one in shown],
            "marker": {"color": "#6366f1", "size": 9},
            "error_x": {"type": "data", "symmetric": False, "color": "#808897",
                        "array": above, "arrayminus": below},
            "customdata": [f"{one.rate.faulty} / {one.rate.checked}" for one in shown],
            "hovertemplate": "%{y}: %{x:.2f} % (%{customdata})<extra></extra>",
        }],
        "layout": {
            "margin": {"l": 8, "r": 8, "t": 8, "b": 40}, "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)", "font": FONT, "showlegend": False,
            "xaxis": {"title": {"text": t("error rate [%], 95 % bounds")}, "gridcolor": "#80889733",
                      "rangemode": "tozero"},
            "yaxis": {"automargin": True, "type": "category"},
            "shapes": [] if limit is None else [
                {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": limit, "x1": limit,
                 "line": {"color": "#c81e1e", "dash": "dash", "width": 1.5}}],
        },
    }  # fmt: skip
    return graph(figure, height=80 + 26 * len(shown))


def _rates(units: Sequence[UnitRate], names: Mapping[str, str], limit: float | None, t: Translate) -> Component:
    head = [t("Unit"), t("Records"), t("drawn"), t("looked at"), t("faulty"), t("Error rate"), t("95 % bounds"),
            t("Limit")]  # fmt: skip
    rows = []
    for one in sorted(units, key=lambda one: (one.rate.rate is None, -(one.rate.rate or 0), one.unit)):
        rate = one.rate
        bounds = "?" if rate.low is None else f"{_percent(rate.low)} – {_percent(rate.high)}"
        counts = [f"{count:,}" for count in (rate.records, one.drawn, rate.checked, rate.faulty)]
        name = names.get(one.unit) or one.unit or t("none declared")
        cells = [name, *counts, _percent(rate.rate), bounds, verdict(rate, limit, t)]
        rows.append(html.Tr([html.Td(cell, **{"data-head": name}) for name, cell in zip(head, cells, strict=True)]))
    headings = html.Thead(html.Tr([html.Th(one, scope="col") for one in head]))
    table = html.Table([headings, html.Tbody(rows)], className="cards")
    return html.Div(table, className="wide")


def _forms(context: Context, seen: Inspected, sample: Any, records: Sequence[Any], t: Translate) -> list[Component]:
    """Forms, for who may inspect; what cannot be done yet is out of sight, because the callback names its fields."""
    if not current().may("survey.inspect"):
        return []
    facets = [one["name"] for one in (seen.dataset.record_schema or {}).get("facets", ())]
    now = context.clock().astimezone(context.settings.zone)
    choices = [
        {"value": f"{sample.id}:{one.number}", "label": f"{one.number} · {one.record_id} · {_seen(one, t)}"}
        for one in records
    ] if sample else []  # fmt: skip
    draw = html.Details(
        [
            html.Summary(t("Draw a sample")),
            html.Div(
                [
                    dmc.NumberInput(id="inspection-share", label=t("Share of each stratum [%]"), value=10, min=0.01,
                                    max=100, w=170, hideControls=True),
                    dmc.NumberInput(id="inspection-least", label=t("at least"), value=5, min=1, w=110,
                                    hideControls=True),
                    dmc.NumberInput(id="inspection-most", label=t("at most"), value=200, min=1, w=110,
                                    hideControls=True),
                    dmc.Select(id="inspection-kind", label=t("Kinds by the column"), data=facets, clearable=True,
                               w=200),
                    dmc.TextInput(id="inspection-seed", label=t("Seed (empty: a new one)"), w=200),
                ],
                className="choices",
            ),
            html.P(t("Drawn by unit and kind. The same seed draws the same records again."), className="dim"),
            html.Button(t("Draw"), id="inspection-draw", className="act primary", n_clicks=0),
        ]
    )  # fmt: skip
    enter = html.Details(
        [
            html.Summary(t("Enter what was found")),
            dmc.Select(id="inspection-record", label=t("Record of the list"), data=choices, searchable=True, w=420,
                       maw="100%"),
            dmc.RadioGroup(
                id="inspection-outcome", label=t("In the field it is"), value="right",
                children=dmc.Group([dmc.Radio(t(word), value=key) for key, word in OUTCOMES.items()], my=6),
            ),
            dmc.Textarea(id="inspection-faults", label=t("What is wrong, a line each: attribute: what it is"),
                         autosize=True, minRows=2),
            dmc.Textarea(id="inspection-note", label=t("Note"), autosize=True, minRows=1),
            html.Div(
                [
                    dmc.TextInput(id="inspection-by", label=t("Looked at by"), w=260,
                                  value=current().name or current().email),
                    dmc.TextInput(id="inspection-at", w=260, value=f"{now:%Y-%m-%d %H:%M}",
                                  label=t("at (time here, {offset})").format(offset=f"{now:%z}")),
                ],
                className="choices",
            ),
            html.Button(t("Enter"), id="inspection-enter", className="act primary", n_clicks=0),
        ],
        open=bool(choices), hidden=not choices,
    )  # fmt: skip
    return [html.Div([draw, enter, _bring(bool(choices), t)])]


def _bring(any_drawn: bool, t: Translate) -> Component:
    """The form for a list that was filled in elsewhere."""
    upload = dcc.Upload(
        html.Button(t("Choose a file"), className="act primary"), id="inspection-list", max_size=2_700_000
    )
    return html.Details(
        [
            html.Summary(t("Bring a filled list")),
            html.P(t("The list to fill in, saved as CSV, at most 2 MB. Rows that nobody filled in are left out; the "
                     "same list brought twice changes nothing."), className="dim"),
            html.Div(
                [
                    dmc.TextInput(id="inspection-team", label=t("Looked at by, where a row does not say"), w=260),
                    dmc.TextInput(id="inspection-day", label=t("Looked at on, where a row does not say"), w=260,
                                  placeholder="2026-03-01 14:30"),
                ],
                className="choices",
            ),
            upload,
        ],
        hidden=not any_drawn,
    )  # fmt: skip


def brought(found: Brought, t: Translate) -> list[Component]:
    """What became of a filled list, and the rows that were not taken with their reasons."""
    counts = [(t("{n} entered"), found.entered), (t("{n} known before"), found.known),
              (t("{n} not filled in"), found.blank), (t("{n} rows not taken"), len(found.refused))]  # fmt: skip
    said = html.Span(" · ".join(words.format(n=f"{count:,}") for words, count in counts))
    if not found.refused:
        return [said]
    rows = [html.Li(t("line {n}: {why}").format(n=one.line, why=one.reason)) for one in found.refused[:REFUSED]]
    left = len(found.refused) - len(rows)
    more = [html.Li(t("{n} more not shown").format(n=f"{left:,}"))] if left else []
    return [said, html.Ul([*rows, *more], className="bad")]


def _seen(one: Any, t: Translate) -> str:
    return t(OUTCOMES[one.outcome]) if one.outcome else t("open")
