"""Where the numbers of a table come from: quantity, times, source, how whole, and what was mended on the way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from access.people import current
from data.store.field_series import Series
from data.text import Translate
from layers.fields import spec_for
from pages._context import Context
from pages._layers import source_word
from pages._plan_values import Answer
from pages._plan_words import kind_words, series_word, statistic_title
from pages._times import living_age, local


def about(answer: Answer, series: Series, context: Context, t: Translate, now: datetime) -> list[Component]:
    """Lines above the table; the time is that of the step the numbers were computed from."""
    row, question = answer.row, answer.question
    statistic = statistic_title(question.statistic, question.above, row.unit, question.people, t)
    lines = [
        html.H2(series_word(series, t)),
        html.P([statistic, " · ", kind_words(t)[question.kind]]),
        html.P(_times(row, context, t, now), className="plan-time", id="plan-printed", **{"data-step": str(row.id)}),
        html.P(_origin(row, context, t, now), className="dim"),
    ]
    stale = _stale(row, context, t, now)
    lines += [html.P(stale, className="bad")] if stale else []
    lines += [html.P(t("Mended on arrival") + ": " + str(note), className="dim") for note in _notes(row)[:4]]
    reference = spec_for(row.quantity, row.unit, series.title).reference
    lines += [html.P(reference, className="dim")] if reference else []
    return lines


def _times(row: Any, context: Context, t: Translate, now: datetime) -> list[Any]:
    zone = context.settings.zone
    stamp = f"{row.valid_at.astimezone(UTC):%H:%M} UTC"
    words: list[Any] = [html.B(local(row.valid_at, zone)), f" ({stamp}) · ", living_age(row.valid_at, now, t)]
    run = t("forecast of {time}").format(time=local(row.run_at, zone)) if row.forecast else t("analysis")
    return [*words, " · ", run]


def _origin(row: Any, context: Context, t: Translate, now: datetime) -> list[Any]:
    spec = next((spec for spec in context.sources if spec.key == row.source), None)
    name = source_word(row.source, t) if spec is None else spec.title
    link = dcc.Link(name, href=f"/feeds?source={row.source}") if spec is not None else name
    words: list[Any] = [link, " · ", t("received"), " ", living_age(row.received_at, now, t)]
    if row.missing_share:
        words += [" · ", t("{share} % missing").format(share=f"{100 * row.missing_share:.3g}")]
    if row.payload_id and current().may("payload.download"):
        words += [" · ", html.A(t("payload"), href=f"/api/payloads/{row.payload_id}", download="")]
    return words


def _stale(row: Any, context: Context, t: Translate, now: datetime) -> str:
    """Said where the newest there is is older than its source allows: it says nothing of the present."""
    spec = next((spec for spec in context.sources if spec.key == row.source), None)
    since = row.run_at if row.forecast else row.valid_at
    if spec is None or now - since <= spec.stale_after:
        return ""
    return t("Older than its feed allows: the present is unknown.")


def _notes(row: Any) -> list[str]:
    found = row.attributes.get("notes", [])
    return [str(note) for note in found] if isinstance(found, list) else []
