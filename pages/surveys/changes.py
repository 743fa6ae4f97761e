"""What a delivery of a dataset added, changed and removed against an earlier one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dash import Dash, dcc, html
from dash.development.base_component import Component

from api.sights import Sights
from data.errors import LayerError, NotPermitted
from data.text import Translate
from pages._context import Context
from pages._facts import FactReader

if TYPE_CHECKING:
    from layers.survey.compare import Comparison
    from layers.survey.sight import Sight, Told
    from layers.survey.versions import Versions

WORD, TITLE, ACTION = "changes", "Changes between deliveries", "plan.view"
KINDS = {"added": "Added", "changed": "Changed", "removed": "Removed"}
SIGNS = {"added": "+", "changed": "≠", "removed": "−"}
SHOWN = 50  # changed records
REGIONS = 40


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Component:
    """The comparison that the address names, else that of the latest versions."""
    from layers.survey.versions import comparisons

    name = asked["dataset"]
    found = comparisons(context.settings.home, name)
    try:
        body = _body(context, name, found, asked.get("versions", ""), t)
    except (LayerError, NotPermitted) as error:
        body = [html.P(t(str(error)), className="bad", role="alert")]
    return html.Div(
        className="surveys",
        children=[
            html.P(dcc.Link(["← ", name], href=f"/surveys/{name}")),
            html.H1(t("Changes between deliveries")),
            *body,
        ],
    )


def register(dash_app: Dash, context: Context, facts: FactReader) -> None:
    """Nothing here changes while it is looked at."""


def _body(
    context: Context, name: str, found: Mapping[Versions, Comparison], versions: str, t: Translate
) -> list[Component]:
    from layers.survey.sight import Sight

    if not found:
        command = html.Code(f"python app.py survey compare --dataset {name} --versions 1 2")
        return [html.P(t("No deliveries of this dataset have been compared."), className="empty"),
                html.P([t("The operator compares two of them:"), " ", command], className="dim")]  # fmt: skip
    shown = next((one for one in found if f"{one[0]}-{one[1]}" == versions), next(iter(found)))
    comparison = found[shown]
    sights = Sights(context.store, context.settings.home, context.settings.base_dir, context.clock())
    permit, above = sights.permit(name), sights.above()
    seen = {kind: Sight(comparison.stores[kind], permit, above) for kind in KINDS}
    for one in seen.values():
        sights.note(one, "counts", compared=f"{shown[0]}-{shown[1]}")
    told = {kind: one.tally() for kind, one in seen.items()}
    return [
        _others(name, found, shown, t),
        html.H2(t("Version {old} and version {new}").format(old=shown[0], new=shown[1])),
        _totals(told, t),
        *_columns(comparison, t),
        *[_by(facet, {kind: one.facets[facet] for kind, one in told.items()}, permit.least, t)
          for facet in told["added"].facets],
        _by(t("declared region"), {kind: one.regions for kind, one in told.items()}, permit.least, t),
        *_records(context, name, shown, comparison, seen["changed"], t),
    ]  # fmt: skip


def _others(name: str, found: Mapping[Versions, Comparison], shown: Versions, t: Translate) -> Component:
    links = [
        html.Strong(f"{old} → {new}") if (old, new) == shown
        else dcc.Link(f"{old} → {new}", href=f"/surveys/{name}/{WORD}?versions={old}-{new}", className="act")
        for old, new in found
    ]  # fmt: skip
    return html.Nav(links, className="acts", **{"aria-label": t("Comparisons")})


def _totals(told: Mapping[str, Told], t: Translate) -> Component:
    lines = [
        html.Tr(
            [html.Th([SIGNS[kind], " ", t(word)], scope="row"), html.Td(_number(told[kind].total, told[kind].least))]
        )
        for kind, word in KINDS.items()
    ]
    return html.Table(html.Tbody(lines), className="facts")


def _columns(comparison: Comparison, t: Translate) -> list[Component]:
    """Columns that could not be compared."""
    said = (("only_in_old", t("Columns that only the earlier one has")),
            ("only_in_new", t("Columns that only the later one has")))  # fmt: skip
    return [
        html.P([words, ": ", ", ".join(comparison.facts[key])], className="dim")
        for key, words in said if comparison.facts[key]
    ]  # fmt: skip


def _by(title: str, counts: Mapping[str, Mapping[str, int | None]], least: int, t: Translate) -> Component:
    """Numbers by value of a facet, those with most changes first."""
    words = {word for one in counts.values() for word in one}
    order = sorted(words, key=lambda word: (-sum(one.get(word) or 0 for one in counts.values()), word))
    head = html.Thead(html.Tr([html.Td(), *[html.Th(t(word), scope="col") for word in KINDS.values()]]))
    rows = [
        html.Tr([html.Th(word or t("(none)"), scope="row"),
                 *[html.Td(_number(counts[kind].get(word, 0), least)) for kind in KINDS]])
        for word in order[:REGIONS]
    ]  # fmt: skip
    left = len(order) - REGIONS
    more = [html.P(t("and {n} more").format(n=left), className="dim")] if left > 0 else []
    table = (
        html.Div(html.Table([head, html.Tbody(rows)], className="facts"), className="wide") if rows else html.P("–")
    )
    return html.Details([html.Summary(title), table, *more], open=len(order) <= REGIONS)


def _records(
    context: Context, name: str, shown: Versions, comparison: Comparison, seen: Sight, t: Translate
) -> list[Component]:
    """Some changed records; what stood there before is for who may see all records, wherever they lay."""
    from layers.survey.compare import changed_columns
    from layers.survey.source import ROW_BITS
    from layers.survey.versions import version_part

    if not (seen.permit.records and seen.allowed.everything):
        return []
    page = seen.rows(limit=SHOWN)
    if not page.num_rows:
        return []
    sources, places = (page[key].to_pylist() for key in ("source", "source_row"))
    rows = [(source << ROW_BITS) + row for source, row in zip(sources, places, strict=True)]
    parts = [version_part(context.store, context.settings.home, name, one, seen.schema) for one in shown]
    found = changed_columns(comparison, parts[0], parts[1], rows)
    return [html.H2(t("Changed records")), _changes(found, t)]


def _changes(found: Sequence[tuple[str | None, Mapping[str, tuple[Any, Any]]]], t: Translate) -> Component:
    head = html.Thead(html.Tr([html.Th(t(word), scope="col") for word in ("Record", "Column", "Before", "Now")]))
    rows = [
        html.Tr([html.Td(html.Div(identity or "–"), **{"data-head": t("Record")}),
                 html.Td(html.Div(html.Code(column)), **{"data-head": t("Column")}),
                 html.Td(html.Div(_said(before)), **{"data-head": t("Before")}),
                 html.Td(html.Div(_said(now)), **{"data-head": t("Now")})])
        for identity, changes in found for column, (before, now) in changes.items()
    ]  # fmt: skip
    return html.Div(html.Table([head, html.Tbody(rows)], className="cards"), className="wide")


def _said(value: Any) -> str:
    if isinstance(value, bytes):
        from shapely import from_wkb, to_wkt

        text = str(to_wkt(from_wkb(value), rounding_precision=6))
    else:
        text = "–" if value is None else str(value)
    return text if len(text) <= 120 else text[:119] + "…"


def _number(count: int | None, least: int) -> str:
    return f"{count:,}" if count is not None else f"< {least}"
