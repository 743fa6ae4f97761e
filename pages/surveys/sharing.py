"""Who may see a dataset: what this account may, requests and decisions, who read it and who has copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from access.people import current
from access.sharing import grants, reads
from access.sharing.permits import terms_of
from access.sharing.terms import LADDER
from api.sights import Sights
from data.errors import TocsinError
from data.permit import UNKNOWN, Permit
from data.store.copies import list_copies
from data.text import Translate, translator
from pages._context import Context
from pages._facts import FactReader
from pages._locale import locale_of
from pages._sharing_words import ALLOWS, READS, STATES
from pages._times import local
from pages.surveys.heads import head, title_for
from pages.surveys.words import CLASSES

WORD, TITLE, ACTION = "sharing", "Sharing", "plan.view"
DAYS = (7, 30, 90, 180, 365)
SHOWN = 100  # lines of each table, the newest first
FORMS = {"csv": "CSV", "geojson": "GeoJSON", "parquet": "Parquet"}


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Component:
    """The page of a dataset."""
    name, decides = asked["dataset"], current().may("surveys.decide")
    title = title_for(context, _sights(context).permit(name), locale)
    form = [html.H2(t("Ask to see more")), _form(t)]
    lists = [html.Div(id="sharing-said", role="status"), html.Div(_lists(context, name, t), id="sharing-lists")]
    return html.Div(
        className="surveys",
        children=[
            *head(name, title, WORD, t),
            dcc.Store(id="sharing-dataset", data=name),
            dcc.Store(id="sharing-changed"),
            html.Div(_own(context, name, t), id="sharing-own"),
            *([*lists, *form, *_terms(context, name, t)] if decides else [*form, *lists]),
        ],
    )


def register(dash_app: Dash, context: Context, facts: FactReader) -> None:
    """Requests and decisions; every check is made again where they are carried out."""

    @dash_app.callback(
        Output("sharing-said", "children"), Output("sharing-changed", "data"), Input("sharing-ask", "n_clicks"),
        State("sharing-dataset", "data"), State("sharing-allows", "value"), State("sharing-days", "value"),
        State("sharing-regions", "value"), State("sharing-purpose", "value"), prevent_initial_call=True,
    )  # fmt: skip
    @needs(ACTION)
    def ask(clicks: Any, name: Any, allows: Any, days: Any, regions: Any, purpose: Any) -> Any:
        """A request of the present person."""
        if not clicks:
            return no_update, no_update
        t, now = translator(locale_of(context)), context.clock()
        try:
            request = grants.Request(
                dataset=str(name)[:80], purpose=str(purpose or ""), allows=allows, expires_at=now + _span(days),
                regions=tuple(str(regions or "").replace(",", " ").split()),
            )  # fmt: skip
            with context.store.write() as connection:
                number = grants.ask(connection, current().actor(), request, now)
        except TocsinError as error:
            return html.P(t(str(error)), className="bad", role="alert"), no_update
        return html.P(t("Request {n} waits for somebody to decide.").format(n=number)), number

    @dash_app.callback(
        Output("sharing-said", "children", allow_duplicate=True),
        Output("sharing-changed", "data", allow_duplicate=True),
        Input({"type": "sharing-do", "what": ALL, "number": ALL}, "n_clicks"),
        State({"type": "sharing-reason", "number": ALL}, "value"),
        State({"type": "sharing-reason", "number": ALL}, "id"), prevent_initial_call=True,
    )  # fmt: skip
    @needs(ACTION)
    def decide(clicks: Any, reasons: Any, ids: Any) -> Any:
        """Grant, turn down or take back."""
        pressed = ctx.triggered_id
        if not pressed or not any(clicks):
            return no_update, no_update
        t = translator(locale_of(context))
        said = {one["number"]: str(text or "") for one, text in zip(ids, reasons, strict=True)}
        try:
            _decide(context, str(pressed["what"]), int(pressed["number"]), said.get(pressed["number"], ""))
        except TocsinError as error:
            return html.P(t(str(error)), className="bad", role="alert"), no_update
        return html.P(t("Written down.")), f"{pressed['what']} {pressed['number']}"

    @dash_app.callback(
        Output("sharing-said", "children", allow_duplicate=True),
        Output("sharing-changed", "data", allow_duplicate=True), Input("sharing-set", "n_clicks"),
        State("sharing-dataset", "data"), State("sharing-least", "value"), State("sharing-accuracy", "value"),
        prevent_initial_call=True,
    )  # fmt: skip
    @needs("surveys.decide")
    def set_terms(clicks: Any, name: Any, least: Any, accuracy: Any) -> Any:
        """The terms of this dataset."""
        if not clicks:
            return no_update, no_update
        t, now = translator(locale_of(context)), context.clock()
        numbers = (least, accuracy) if all(isinstance(one, int | float) for one in (least, accuracy)) else (0, 0)
        try:
            with context.store.write() as connection:
                chosen: dict[str, Any] = {"least": int(numbers[0]), "accuracy_m": float(numbers[1])}
                grants.set_terms(connection, current().actor(), str(name)[:80], now=now, **chosen)
        except TocsinError as error:
            return html.P(t(str(error)), className="bad", role="alert"), no_update
        return html.P(t("Written down.")), f"terms {now.isoformat()}"

    @dash_app.callback(
        Output("sharing-own", "children"), Output("sharing-lists", "children"), Input("sharing-changed", "data"),
        State("sharing-dataset", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs(ACTION)
    def follow(_changed: Any, name: Any) -> Any:
        """The page after a change."""
        t = translator(locale_of(context))
        return _own(context, str(name), t), _lists(context, str(name), t)


def _decide(context: Context, what: str, number: int, reason: str) -> None:
    above = _sights(context).above()
    actor, now = current().actor(), context.clock()
    with context.store.write() as connection:
        if what == "revoke":
            grants.revoke(connection, actor, number, now, above)
        else:
            grants.decide(connection, actor, number, what == "grant", reason, now, above)


def _sights(context: Context) -> Sights:
    return Sights(context.store, context.settings.home, context.settings.base_dir, context.clock())


def _span(days: Any) -> timedelta:
    return timedelta(days=int(days)) if str(days).isdigit() else timedelta(0)


def _own(context: Context, name: str, t: Translate) -> list[Component]:
    """What this account may see now, and a way to a copy where it may have one."""
    held = _sights(context).permit(name)
    steps = [t(ALLOWS[step]) for step in LADDER if getattr(held, step)]
    word = t("no class: kept as restricted") if held.data_class == UNKNOWN else t(CLASSES[held.data_class])
    lines = [
        (t("Data class"), word),
        (t("Open to this account"), ", ".join(steps) or t("nothing of it")),
        *([(t("Why not more"), t(held.why))] if held.why else []),
        *([(t("Limited to regions"), "; ".join(", ".join(sorted(one)) for one in held.limits))]
          if held.limits else []),
        *([(t("Smallest number told"), str(held.least))] if held.least > 1 else []),
    ]  # fmt: skip
    facts = html.Table(
        html.Tbody([html.Tr([html.Th(head, scope="row"), html.Td(text)]) for head, text in lines]), className="facts"
    )
    return [facts, *([_copy(held, name, t)] if held.export else [])]


def _copy(held: Permit, name: str, t: Translate) -> Component:
    """Files of everything that this account may see; each is numbered and marked."""
    wide = {"width": "100%"}
    limit = {"minLength": 10, "maxLength": 500, "required": True}
    return html.Form(
        [
            html.Label([t("Purpose of the copy"), dcc.Input(name="purpose", type="text", style=wide, **limit)]),
            *[html.Button(words, formAction=f"/api/records/{name}/export.{form}", className="act", type="submit")
              for form, words in FORMS.items()],
            html.P(t("A copy carries your name, and a mark by which it is known again. It moves records by up to"
                     " {n} m.").format(n=f"{held.accuracy_m:g}"), className="dim"),
        ],
        method="GET", action=f"/api/records/{name}/export.csv", className="choices",
    )  # fmt: skip


def _terms(context: Context, name: str, t: Translate) -> list[Component]:
    """What the office sets for this dataset."""
    with context.store.read() as connection:
        least, accuracy_m = terms_of(connection, name)
    return [
        html.H2(t("Terms of this dataset")),
        html.Div(
            [
                dmc.NumberInput(id="sharing-least", label=t("Smallest number told"), value=least, min=1, w=200,
                                hideControls=True),
                dmc.NumberInput(id="sharing-accuracy", label=t("Marks move records by at most [m]"), w=260,
                                value=accuracy_m, min=grants.LEAST_M, decimalScale=2, hideControls=True),
                html.Button(t("Set"), id="sharing-set", className="act", n_clicks=0),
            ],
            className="choices",
        ),
    ]  # fmt: skip


def _form(t: Translate) -> Component:
    """A request: what, how long, where, and what for."""
    return html.Div(
        [
            dmc.Select(
                id="sharing-allows", label=t("To see"), value="records", allowDeselect=False, w=160,
                data=[{"value": step, "label": t(ALLOWS[step])} for step in LADDER],
            ),
            dmc.Select(
                id="sharing-days", label=t("For so many days"), value="30", allowDeselect=False, w=160,
                data=[{"value": str(days), "label": str(days)} for days in DAYS],
            ),
            dmc.TextInput(id="sharing-regions", label=t("Only regions (codes)"), placeholder=t("all regions"), w=220),
            dmc.Textarea(id="sharing-purpose", label=t("What it is needed for"), autosize=True, minRows=1, w=380),
            html.Button(t("Ask for it"), id="sharing-ask", className="act primary", n_clicks=0),
        ],
        className="choices",
    )  # fmt: skip


def _lists(context: Context, name: str, t: Translate) -> list[Component]:
    """Requests; and for who decides, or of oneself, readings and copies."""
    person, now = current(), context.clock()
    decides, zone = person.may("surveys.decide"), context.settings.zone
    mine = None if decides else person.email
    with context.store.read() as connection:
        asked = sorted(grants.of_dataset(connection, name, mine)[:SHOWN], key=lambda one: one.granted is not None)
        read = [one for one in reads.of_dataset(connection, name) if mine in (None, one.reader)][:SHOWN]
        copies = [one for one in list_copies(connection, name) if mine in (None, one.reader)][:SHOWN]
    requests = [_request(one, grants.state_of(one, now), zone, t) for one in asked]
    readings = [[local(one.hour, zone), one.reader, t(READS[one.kind]), f"{one.times:,}"] for one in read]
    given = [
        [str(one.id), one.reader, local(one.at, zone), one.form, f"{one.rows:,}" if one.rows is not None else "–",
         one.purpose] for one in copies
    ]  # fmt: skip
    asked_head = (t("No."), t("Who"), t("To see"), t("What for"), t("Until"), t("State"), t("Decision"))
    read_head = (t("Hour"), t("Who"), t("What"), t("How often"))
    copy_head = (t("No."), t("Who"), t("When"), t("File form"), t("Records"), t("What for"))
    return [
        html.H2(t("Requests and grants")), _table(asked_head, requests, t("Nobody has asked for this dataset."), t),
        html.H2(t("Readings")),
        _table(read_head, readings, t("Nothing was read that is written down."), t),
        html.H2(t("Copies that left")), _table(copy_head, given, t("No copy has left."), t),
    ]  # fmt: skip


def _request(row: Any, state: str, zone: Any, t: Translate) -> list[Any]:
    where = ", ".join(row.regions) or t("everywhere")
    what = [t(ALLOWS[row.allows]), html.Div(where, className="dim")]
    until = local(row.expires_at, zone)
    return [str(row.id), row.asked_by, what, row.purpose, until, t(STATES[state]), _decision(row, state, t)]


def _decision(row: Any, state: str, t: Translate) -> Any:
    """Buttons where this person may decide, and else who did."""
    person = current()
    own, decides = row.asked_by == person.email, person.may("surveys.decide")
    if state == "asked" and decides and not own:
        reason = dmc.TextInput(
            id={"type": "sharing-reason", "number": row.id}, placeholder=t("Reason"), size="xs",
            **{"aria-label": t("Reason")},
        )  # fmt: skip
        return html.Div([reason, _button("grant", t("Grant"), row.id), _button("refuse", t("Turn down"), row.id)])
    who = [row.decided_by, *([f" · {row.reason}"] if row.reason else [])] if row.decided_by else []
    if state == "granted" and (decides or own):
        return html.Div([*who, html.Br(), _button("revoke", t("Take back"), row.id)])
    return html.Div(who or "–")


def _button(what: str, words: str, number: int) -> Component:
    identity = {"type": "sharing-do", "what": what, "number": number}
    return dmc.Button(words, id=identity, size="compact-xs", variant="default", mt=4, mr=4)


def _table(head: Sequence[str], body: Sequence[Sequence[Any]], nothing: str, t: Translate) -> Component:
    """A table whose rows are cards on a narrow screen."""
    if not body:
        return html.P(nothing, className="empty")
    rows = [
        html.Tr([html.Td(html.Div(cell), **{"data-head": name}) for name, cell in zip(head, line, strict=True)])
        for line in body
    ]
    headings = html.Thead(html.Tr([html.Th(word, scope="col") for word in head]))
    more = [html.P(t("and older ones"), className="dim")] if len(body) == SHOWN else []
    return html.Div([html.Table([headings, html.Tbody(rows)], className="cards"), *more], className="wide")
