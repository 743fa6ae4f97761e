"""One dataset: what it is, what was delivered of it, what was refused and why, and its schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from access.people import current
from access.sharing.permits import permit
from data.errors import LayerError
from data.permit import Permit
from data.store.catalogue import list_deliveries, read_dataset, read_trace
from data.surveys import survey_names
from data.text import Translate
from pages._context import Context
from pages._times import local
from pages.surveys.heads import closed, head
from pages.surveys.sentences import sentence
from pages.surveys.words import (
    CLASSES,
    LEVELS,
    MODES,
    STATES,
    hidden,
    next_step,
    records_said,
    state_word,
    title_of,
    unit_name,
)

SHOWN = 50  # deliveries on the page, the newest first
REASONS = 20
PART = 65_536  # refused records read at a time


def layout(context: Context, t: Translate, locale: str, name: str) -> Component:
    """The page of a dataset; LayerError where there is none of this name."""
    with context.store.read() as connection:
        row = read_dataset(connection, name)
        permitted = permit(connection, current().actor(), name, context.clock())
        deliveries = list_deliveries(connection, name)
        traces = {one.id: read_trace(connection, one.id) for one in deliveries[:SHOWN]}
    if hidden(permitted):
        raise LayerError(f"there is no dataset {name}")
    more = len(deliveries) - SHOWN
    return html.Div(
        className="surveys",
        children=[
            *head(name, title_of(row, locale), "", t),
            *_standing(deliveries, row, t),
            _facts(context, row, t, locale),
            html.H2(t("Deliveries of the dataset")),
            *([] if permitted.records else [closed(name, permitted.why, t)]),
            *[_delivery(context, one, traces[one.id], permitted, t) for one in deliveries[:SHOWN]],
            *([] if deliveries else [html.P(t("nothing delivered"), className="empty")]),
            *([html.P(t("and {n} earlier ones").format(n=more), className="dim")] if more > 0 else []),
            html.H2(t("Schema")),
            _schema(row.record_schema if permitted.counts else {}, t),
        ],
    )


def _standing(deliveries: Sequence[Any], row: Any, t: Translate) -> list[Component]:
    """How far the newest delivery is, and what is to be done next."""
    newest = next(iter(deliveries), None)
    if newest is None:
        return []
    said = [t("Version {n}").format(n=newest.version), " · ", state_word(newest.state, t)]
    wanted = next_step(newest, row, t)
    return [html.P([html.Strong(said), *([" · ", html.Span(wanted, className="bad")] if wanted else [])])]


def _facts(context: Context, row: Any, t: Translate, locale: str) -> Component:
    names = survey_names(context.settings.home)
    facts = (
        (t("Name of the dataset"), html.Code(row.name)),
        (t("Level"), t(LEVELS[row.level])),
        (t("Unit"), unit_name(context.regions, row.unit, locale)),
        (t("Sector"), names.sector(row.sector, locale)),
        (t("Kind"), names.kind(row.kind, locale)),
        (t("Data class"), t(CLASSES[row.data_class])),
        (t("Licence"), row.licence),
        (t("Origin"), row.provenance),
    )
    return html.Table(
        html.Tbody([html.Tr([html.Th(name, scope="row"), html.Td(value or "–")]) for name, value in facts]),
        className="facts",
    )


def _delivery(context: Context, one: Any, trace: Sequence[Any], permitted: Permit, t: Translate) -> Component:
    zone = context.settings.zone
    said = [
        records_said(one.rows, permitted, t),
        *([t("{n} refused").format(n=f"{one.refused:,}")] if permitted.records else []),
        t(MODES[one.mode]),
        *([one.unit] if one.unit else []),
    ]
    return html.Article(
        [
            html.H3([t("Version {n}").format(n=one.version), " · ", state_word(one.state, t)]),
            html.P([local(one.received_at, zone), " · ", one.received_by, " · ", " · ".join(said)]),
            _quality(one, trace, t),
            *(_within(context, one, t) if permitted.records else []),
            html.Details(
                [
                    html.Summary(t("What happened to it")),
                    html.Ul([html.Li([local(step.at, zone), " · ", t(STATES.get(step.state, step.state)), " · ",
                                      step.by]) for step in trace]),
                ]
            ),
            html.P(["SHA-256 ", html.Code(one.digest[:16], title=one.digest)], className="dim"),
        ],
        className="delivery", id=f"version-{one.version}",
    )  # fmt: skip


def _quality(one: Any, trace: Sequence[Any], t: Translate) -> Component:
    """The way to its inspection; where there was none, nothing is known."""
    address = f"/surveys/{one.dataset}/inspection?delivery={one.id}"
    if any(step.state == "inspected" for step in trace):
        return html.P(dcc.Link(t("What the inspection found"), href=address))
    return html.P(["? ", t("Nobody has inspected this delivery: nothing is known of its quality."), " ",
                   dcc.Link(t("Inspection"), href=address)], className="light-never")  # fmt: skip


def _within(context: Context, one: Any, t: Translate) -> list[Component]:
    """What could give records away: names of files, notes with values, reasons with what stood there."""
    notes = html.Ul([html.Li(sentence(note, t)) for note in one.notes])
    return [
        _sources(one.sources, t),
        *([html.Details([html.Summary(t("Notes")), notes], open=True)] if one.notes else []),
        *_refused(context.settings.home / one.folder / "refused.parquet", one.refused, t),
    ]


def _sources(sources: Sequence[Mapping[str, Any]], t: Translate) -> Component:
    lines = [
        html.Li([str(one.get("name", "?")), html.Span(f" · {_size(int(one.get('bytes', 0)))}", className="dim")])
        for one in sources
    ]
    return html.Details([html.Summary(t("Files: {n}").format(n=len(lines))), html.Ul(lines)])


def _size(octets: int) -> str:
    return f"{octets / 1e6:,.1f} MB" if octets >= 100_000 else f"{octets / 1e3:.1f} kB"


def _refused(path: Path, count: int, t: Translate) -> list[Component]:
    """Reasons with how often each; what the file cannot tell is said."""
    if not count:
        return []
    try:
        counted = reasons(path)
    except (OSError, ValueError) as error:
        return [html.P(["⚠ ", t("The list of refused records cannot be read: {why}").format(why=error)])]
    lines = [html.Li(f"{number:,} · {sentence(reason, t)}") for reason, number in counted.most_common(REASONS)]
    left = len(counted) - len(lines)
    more = [html.Li(t("and {n} more reasons").format(n=left))] if left > 0 else []
    return [html.Details([html.Summary(t("Why records were refused")), html.Ul([*lines, *more])], open=True)]


def reasons(path: Path) -> Counter[str]:
    """How many records were refused for each reason."""
    import pyarrow.parquet as pq

    counted: Counter[str] = Counter()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(PART, columns=["reason"]):
            counted.update(batch.column(0).to_pylist())
    return counted


def _schema(schema: Mapping[str, Any], t: Translate) -> Component:
    if not schema:
        return html.P(t("not told yet"), className="empty")
    facets = [(one["name"], t("facet"), ", ".join(one["values"][:12])) for one in schema.get("facets", ())]
    columns = [(one["name"], t("number"), one["kind"]) for one in schema.get("columns", ())]
    region = [(schema["region"], t("declared region"), t("{n} codes").format(n=len(schema.get("regions", ()))))]
    rows = [*(region if schema.get("region") else []), *facets, *columns]
    return html.Div(
        html.Table(html.Tbody([html.Tr([html.Td(html.Code(a)), html.Td(b), html.Td(c)]) for a, b, c in rows])),
        className="wide schema",
    )
