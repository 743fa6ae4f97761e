"""The Export tab: what the page shows as files, each with its title, times, sources and credits inside."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from access.people import current
from data.errors import LayerError, TocsinError
from data.settings import ROOT
from data.store.exercise import scenario_of
from data.store.fields import open_step
from data.text import Translate, translator
from layers.fields import spec_for
from pages import _plan_impact as impact_tab
from pages import _plan_risk as risk_tab
from pages._context import Context
from pages._locale import locale_of
from pages._plan_ranking import again
from pages._plan_values import Answer, ValueReader
from pages._plan_words import kind_words, statistic_title

if TYPE_CHECKING:
    from layers.export.files import Export, Facts

FONTS = ROOT / "assets" / "vendor"
FORMS = {
    "gpkg": "GeoPackage", "parquet": "GeoParquet", "csv": "CSV", "tif": "GeoTIFF (COG)", "png": "PNG", "pdf": "PDF",
}  # fmt: skip
OFFERED = {
    "regions": ("gpkg", "parquet", "csv", "png", "pdf"),
    "risk": ("gpkg", "parquet", "csv", "png", "pdf"),
    "field": ("tif", "gpkg", "parquet", "csv", "png", "pdf"),
    "area": ("gpkg", "parquet", "csv"),
}


def panel(t: Translate) -> list[Any]:
    """The buttons come with what there is to export."""
    return [html.Div(id="plan-exports"), html.Div(id="plan-export-said"), dcc.Download(id="plan-download")]


def register(dash_app: Dash, context: Context, reader: ValueReader) -> None:
    """Offers, and the files."""

    @dash_app.callback(
        Output("plan-exports", "children"), Input("plan-now", "data"), Input("plan-area", "data"),
    )  # fmt: skip
    @needs("plan.view")
    def offer(here: Any, area: Any) -> Any:
        """What can be taken out now, with how much it is."""
        t = translator(locale_of(context))
        answer = again(context, reader, here)
        if answer is None:
            return html.P(t("Choose a quantity and a kind of region."), className="dim")
        count = int(answer.inside.sum())
        lat, lon = open_step(context.settings.home, answer.row).levels[0].shape
        cells = t("{n} cells, {rows} × {columns}").format(n=f"{lat * lon:,}", rows=lat, columns=lon)
        parts = [
            _offer("regions", t("Table of regions"), t("{n} regions").format(n=f"{count:,}"), t),
            _offer("risk", t("Composite risk"), t("{n} regions").format(n=f"{count:,}"), t),
            _offer("field", t("Grid"), cells, t),
        ]
        if isinstance(area, dict):
            parts.append(_offer("area", t("Impact of the area"), t("outline, numbers, places, regions"), t))
        note = t("Each file names its title, quantity, unit, times, source, licence and credits.")
        return [*parts, html.P(note, className="dim")]

    @dash_app.callback(
        Output("plan-download", "data"), Output("plan-export-said", "children"),
        Input({"type": "plan-export", "what": ALL, "form": ALL}, "n_clicks"),
        State("plan-now", "data"), State("plan-area", "data"), State("plan-risk-recipe", "data"),
        State("plan-uploads", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("plan.view")
    def take(_clicks: Any, here: Any, area: Any, recipe: Any, uploads: Any) -> Any:
        """One file; a reason where there can be none."""
        asked = ctx.triggered_id
        if not isinstance(asked, dict) or not ctx.triggered[0]["value"]:
            return no_update, no_update
        locale = locale_of(context)
        t = translator(locale)
        try:
            answer = again(context, reader, here)
            if answer is None:
                raise LayerError("Choose a quantity and regions first.")
            match asked["what"]:
                case "area":
                    made = _area(asked["form"], answer, area, here, context, reader, locale)
                case "field":
                    made = _field(asked["form"], answer, context, locale)
                case "risk":
                    made = _risk(asked["form"], here, recipe, uploads, context, reader, locale)
                case _:
                    made = _regions(asked["form"], answer, context, locale)
        except TocsinError as error:
            return no_update, html.P(t(str(error)), className="bad", role="alert")
        size = t("{name}: {size} kB").format(name=made.name, size=f"{len(made.body) / 1000:,.0f}")
        return dcc.send_bytes(made.body, made.name, type=made.media_type), html.P(size, role="status")


def _offer(what: str, title: str, size: str, t: Translate) -> Component:
    buttons = [
        html.Button(
            FORMS[form], id={"type": "plan-export", "what": what, "form": form}, className="act", n_clicks=0,
            title=t("Take out as {form}").format(form=FORMS[form]),
        )
        for form in OFFERED[what]
    ]  # fmt: skip
    return html.Section(
        [html.H3(title), html.P(size, className="dim"), html.Div(buttons, className="plan-actions")],
        **{"data-what": what},
    )


def facts_of(answer: Answer, context: Context, locale: str) -> Facts:
    """What the files of a table say of themselves."""
    from layers.export.files import credits_of, facts_of_step

    t, row, question = translator(locale), answer.row, answer.question
    spec = spec_for(row.quantity, row.unit, str(row.attributes.get("title", "")))
    source = next((one for one in context.sources if one.key == row.source), None)
    more: dict[str, Any] = {"zone": context.settings.zone, "locale": locale}
    more |= {"exercise": scenario_of(context.clock), "reader": current().email}
    if source is not None:
        more |= {"source": source.title, "licence": source.licence}
    base_dir = context.settings.base_dir
    return facts_of_step(
        row, base_dir, context.clock(), title=f"{t(spec.title)} · {kind_words(t)[question.kind]}",
        statistic=statistic_title(question.statistic, question.above, row.unit, question.people, t),
        credits=(*credits_of(base_dir, (question.kind,)), *((source.credit,) if source and source.credit else ())),
        **more,
    )  # fmt: skip


def _regions(form: str, answer: Answer, context: Context, locale: str) -> Export:
    from layers.export.files import export_regions

    facts = replace(facts_of(answer, context, locale), unit=answer.values.unit)
    return export_regions(form, answer.values, facts, base_dir=context.settings.base_dir, fonts=FONTS)


def _risk(
    form: str, here: Any, recipe: Any, uploads: Any, context: Context, reader: ValueReader, locale: str
) -> Export:
    """The composite with its inputs and weights named in the notes."""
    from layers.export.files import export_regions

    t = translator(locale)
    found = risk_tab.build(here, recipe, uploads, context, reader, t)
    if found is None:
        raise LayerError("Choose a quantity and regions first.")
    answer, risk = found
    values = replace(answer.values, quantity="composite_risk", unit="1", value=risk.value, notes={})
    words = risk_tab.dimension_words(t)
    made_of = tuple(
        f"{words[one.dimension]}: {one.title}, {t('Weight')} {one.weight:g}, "
        f"{one.scale[0]:g}-{one.scale[1]:g}, {one.source} {one.vintage}"
        for one in risk.inputs
        if one.weight > 0
    )
    facts = facts_of(answer, context, locale)
    facts = replace(
        facts, title=f"{t('Composite risk')} 0-10 · {kind_words(t)[answer.question.kind]}",
        quantity="composite_risk", unit="1", statistic="", notes=made_of,
    )  # fmt: skip
    return export_regions(form, values, facts, base_dir=context.settings.base_dir, fonts=FONTS)


def _field(form: str, answer: Answer, context: Context, locale: str) -> Export:
    from layers.export.files import export_field

    t, row = translator(locale), answer.row
    spec = spec_for(row.quantity, row.unit, str(row.attributes.get("title", "")))
    facts = replace(facts_of(answer, context, locale), statistic="", title=t(spec.title))
    step = open_step(context.settings.home, row)
    return export_field(form, step, facts, base_dir=context.settings.base_dir, fonts=FONTS)


def _area(
    form: str, answer: Answer, area: Any, here: Any, context: Context, reader: ValueReader, locale: str
) -> Export:
    from layers.export.files import export_area

    if not isinstance(area, dict):
        raise LayerError("Draw, paste or choose an area first.")
    t = translator(locale)
    shape, _ = impact_tab.shape_of(area, here, context, reader, t)
    facts = replace(facts_of(answer, context, locale), title=t("Impact of the area"), statistic="")
    return export_area(form, impact_tab.impact(shape, context), facts)
