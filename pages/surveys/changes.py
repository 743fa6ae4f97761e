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
from pages.surveys import changes_map, changes_records, changes_words
from pages.surveys.changes_words import KINDS, SIGNS, address, counted
from pages.surveys.heads import closed, head, title_for

if TYPE_CHECKING:
    from layers.survey.compare import Comparison
    from layers.survey.sight import Sight, Told
    from layers.survey.versions import Versions

WORD, TITLE, ACTION = changes_words.WORD, "Changes between deliveries", "plan.view"
SHOWN = 50  # changed records
REGIONS = 40
REGION = "region"  # as choices name the declared one


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Component:
    """The comparison that the address names, else that of the latest versions."""
    from layers.survey.versions import comparisons

    name = asked["dataset"]
    found = comparisons(context.settings.home, name)
    try:
        body = _body(context, name, found, asked, locale, t)
    except NotPermitted as error:
        body = [closed(name, str(error), t)]
    except LayerError as error:
        body = [html.P(t(str(error)), className="bad", role="alert")]
    return html.Div(
        className="surveys",
        children=[
            *head(name, title_for(context, _sights(context).permit(name), locale), WORD, t),
            *body,
        ],
    )


def register(dash_app: Dash, context: Context, facts: FactReader) -> None:
    """The map; nothing else here changes while it is looked at."""
    changes_map.register(dash_app)


def _body(
    context: Context, name: str, found: Mapping[Versions, Comparison], asked: Mapping[str, str], locale: str,
    t: Translate,
) -> list[Component]:  # fmt: skip
    if not found:
        command = html.Code(f"python app.py survey compare --dataset {name} --versions 1 2")
        return [html.P(t("No deliveries of this dataset have been compared."), className="empty"),
                html.P([t("The operator compares two of them:"), " ", command], className="dim")]  # fmt: skip
    versions = asked.get("versions", "")
    shown = next((one for one in found if f"{one[0]}-{one[1]}" == versions), next(iter(found)))
    sights = _sights(context)
    seen = {kind: sights.compared(name, shown, kind) for kind in KINDS}
    for one in seen.values():
        sights.note(one, "counts", compared=f"{shown[0]}-{shown[1]}")
    told = {kind: one.tally() for kind, one in seen.items()}
    listed = changes_records.section(sights, seen, shown, asked, t)
    facets = [(one, one, {kind: of.facets[one] for kind, of in told.items()}) for one in told["added"].facets]
    regions = (REGION, t("declared region"), {kind: one.regions for kind, one in told.items()})
    return [
        _others(name, found, shown, t),
        html.H2(t("Version {old} and version {new}").format(old=shown[0], new=shown[1])),
        _totals(name, shown, told, t),
        *_columns(found[shown], t),
        *changes_map.section(context, seen, told, shown, asked.get("where", "") if listed else "", locale, t),
        *[_by(name, shown, *one, told["added"].least, t) for one in (*facets, regions)],
        *(listed or _records(context, name, shown, found[shown], seen["changed"], t)),
    ]


def _sights(context: Context) -> Sights:
    return Sights(context.store, context.settings.home, context.settings.base_dir, context.clock())


def _others(name: str, found: Mapping[Versions, Comparison], shown: Versions, t: Translate) -> Component:
    links = [
        html.Strong(f"{old} → {new}") if (old, new) == shown
        else dcc.Link(f"{old} → {new}", href=address(name, (old, new)), className="act")
        for old, new in found
    ]  # fmt: skip
    return html.Nav(links, className="acts", **{"aria-label": t("Comparisons")})


def _totals(name: str, shown: Versions, told: Mapping[str, Told], t: Translate) -> Component:
    lines = [
        html.Tr([html.Th([SIGNS[kind], " ", t(word)], scope="row"),
                 html.Td(counted(name, shown, kind, told[kind].total, told[kind].least, {}))])
        for kind, word in KINDS.items()
    ]  # fmt: skip
    return html.Table(html.Tbody(lines), className="facts")


def _columns(comparison: Comparison, t: Translate) -> list[Component]:
    """Columns that could not be compared."""
    said = (("only_in_old", t("Columns that only the earlier one has")),
            ("only_in_new", t("Columns that only the later one has")))  # fmt: skip
    return [
        html.P([words, ": ", ", ".join(comparison.facts[key])], className="dim")
        for key, words in said if comparison.facts[key]
    ]  # fmt: skip


def _by(
    name: str, shown: Versions, facet: str, title: str, counts: Mapping[str, Mapping[str, int | None]], least: int,
    t: Translate,
) -> Component:  # fmt: skip
    """Numbers by value of a facet, those with most changes first; each leads to its records."""
    words = {word for one in counts.values() for word in one}
    order = sorted(words, key=lambda word: (-sum(one.get(word) or 0 for one in counts.values()), word))
    head = html.Thead(html.Tr([html.Td(), *[html.Th(t(word), scope="col") for word in KINDS.values()]]))
    rows = [
        html.Tr([html.Th(word or t("(none)"), scope="row"),
                 *[html.Td(counted(name, shown, kind, counts[kind].get(word, 0), least, {facet: [word]}))
                   for kind in KINDS]])
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
