"""Standing orders: what a rule may issue by itself, proposed by one person and signed by another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import dash_mantine_components as dmc
import sqlalchemy as sa
from dash import ALL, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component
from pydantic import ValidationError

from access.guard import needs
from access.people import current
from alerts.desk.content import LANGUAGES, Words
from alerts.desk.refusal import Refusal
from alerts.desk.standing import OrderText, end_order, propose_order, second
from alerts.desk.template import template_of
from alerts.rule import Rule
from data.clock import parse_duration
from data.model import Level
from data.store.tables import rule_state, rule_version
from data.text import Translate, translator
from pages._context import Context
from pages._facts import FactReader
from pages._levels import WORDS
from pages._locale import locale_of
from pages._standing_list import cards
from pages.warn import service

PATH, TITLE, ACTION = "/standing", "Standing orders", "warn.view"
IN_MENU = False  # seldom needed: the desk leads to it
SPOKEN = {"en": "English", "zh": "中文"}
TEXTS = ("headline", "description", "instruction")
FIELDS = ("rule", "least", "highest", "within", "most", "lasts", "days", "groups", "why")
LEVELS = (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED)


def layout(context: Context, t: Translate, locale: str, _asked: Mapping[str, str]) -> Any:
    """What stands, and the form for one more."""
    form = _form(context, t, locale) if current().may("standing.sign") else []
    return html.Div(
        className="handover standing",
        children=[
            html.H1(t(TITLE)),
            html.P(t("A standing order lets one version of one rule warn by itself. Two people sign it in advance.")),
            html.P(id="standing-said", role="status"),
            html.Div(cards(context, current(), t, locale), id="standing-list"),
            *form,
        ],
    )


def _form(context: Context, t: Translate, locale: str) -> list[Component]:
    levels = [{"value": level.key, "label": t(WORDS[level])} for level in LEVELS]
    kept = {"persistence": True, "persistence_type": "session"}  # proving who one is leaves the page
    return [
        html.H2(t("Propose one")),
        dmc.Select(id="standing-rule", label=t("Rule"), data=_rules(context, locale), searchable=True, **kept),
        dmc.Select(id="standing-least", label=t("From level"), data=levels, value="orange", **kept),
        dmc.Select(id="standing-highest", label=t("Up to level"), data=levels, value="red", **kept),
        dmc.TextInput(id="standing-within", label=t("Only within these regions (codes, with commas)"), **kept),
        dmc.NumberInput(id="standing-most", label=t("At most so many regions"), value=500, min=1, max=12000, **kept),
        dmc.TextInput(id="standing-lasts", label=t("Each warning lasts"), value="1 h", **kept),
        dmc.NumberInput(id="standing-days", label=t("The order ends after so many days"), value=30, min=1, max=365,
                        **kept),
        dmc.TextInput(id="standing-groups", label=t("Only to these groups (with commas)"), **kept),
        *(dmc.Textarea(id={"type": "standing-text", "language": language, "name": name}, autosize=True, minRows=1,
                       label=f"{t(name).capitalize()} ({SPOKEN[language]})", **kept)
          for language in LANGUAGES for name in TEXTS),
        html.P(t("Blanks: {{level}} {{event}} {{area}} {{why}} are filled in when it issues.").format(),
               className="dim"),
        dmc.Textarea(id="standing-why", label=t("Why it cannot wait for people"), autosize=True, minRows=2, **kept),
        html.Div(html.Button(t("Sign and propose"), id="standing-propose", className="act primary", n_clicks=0)),
    ]  # fmt: skip


def _rules(context: Context, locale: str) -> list[dict[str, str]]:
    """The versions that run now, each by its digest."""
    same = sa.and_(rule_version.c.rule == rule_state.c.rule, rule_version.c.digest == rule_state.c.digest)
    query = sa.select(rule_version).join(rule_state, same).where(rule_state.c.enabled, rule_state.c.loaded)
    with context.store.read() as connection:
        rows = connection.execute(query.order_by(rule_version.c.rule)).all()
    return [
        {"value": f"{row.rule} {row.digest}", "label": f"{row.body['title'][locale]} ({row.rule} {row.version})"}
        for row in rows
    ]


def register(dash_app: Dash, context: Context, _facts: FactReader) -> None:
    """The words of a chosen rule, and the three decisions."""

    @dash_app.callback(
        Output({"type": "standing-text", "language": ALL, "name": ALL}, "value"), Input("standing-rule", "value"),
        prevent_initial_call=True,
    )  # fmt: skip
    @needs("standing.sign")
    def words(chosen: Any) -> Any:
        rule = _chosen(context, chosen)
        slots = [one["id"] for one in ctx.outputs_list]
        if rule is None:
            return [no_update for _ in slots]
        found = template_of(rule.hazard)
        return [getattr(found, slot["name"]).get(slot["language"], "") for slot in slots]

    @dash_app.callback(
        Output("standing-said", "children"), Output("standing-list", "children"),
        Input("standing-propose", "n_clicks"), Input({"type": "standing-second", "id": ALL}, "n_clicks"),
        Input({"type": "standing-end", "id": ALL}, "n_clicks"),
        *(State(f"standing-{name}", "value") for name in FIELDS),
        State({"type": "standing-text", "language": ALL, "name": ALL}, "value"),
        State({"type": "standing-text", "language": ALL, "name": ALL}, "id"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("standing.sign")
    def act(_proposed: Any, _signed: Any, _ended: Any, *given: Any) -> Any:
        t = translator(locale_of(context))
        pressed = ctx.triggered_id
        if not any(one.get("value") for one in ctx.triggered):
            return no_update, no_update
        try:
            if pressed == "standing-propose":
                texts = {
                    (slot["language"], slot["name"]): str(value or "")
                    for value, slot in zip(*given[-2:], strict=True)
                }
                said = _propose(context, dict(zip(FIELDS, given[:-2], strict=True)), texts, t)
            else:
                said = _decide(context, str(pressed["type"]), int(pressed["id"]), t)
        except Refusal as error:
            prove = html.A(t("Prove who you are"), href=f"/reauth?next={PATH}")
            return [error.told(t), " ", prove], no_update
        except (TypeError, KeyError, ValueError) as error:
            return t("This cannot be a standing order: {why}").format(why=_fault(error)), no_update
        return said, cards(context, current(), t, locale_of(context))


def _decide(context: Context, what: str, id: int, t: Translate) -> str:
    """The second signature, or the end."""
    actor, now, desk = current().actor(), context.clock(), service.desk(context)
    with context.store.write() as connection:
        if what == "standing-second":
            second(connection, desk, id, actor=actor, now=now)
            return t("Signed: the rule now issues by itself.")
        end_order(connection, desk, id, why=t("ended on the page"), actor=actor, now=now)
    return t("Ended: the rule issues nothing by itself any more.")


def _propose(context: Context, given: Mapping[str, Any], texts: Mapping[tuple[str, str], str], t: Translate) -> str:
    """The first signature, over what stands in the form."""
    rule = _chosen(context, given["rule"])
    if rule is None:
        raise Refusal("Choose a rule.")
    now = context.clock()
    event = template_of(rule.hazard).event
    words = {
        language: Words(
            event=event.get(language) or getattr(rule.title, language), area="{area}",
            **{name: texts.get((language, name), "") for name in TEXTS},
        )
        for language in LANGUAGES
    }  # fmt: skip
    content = OrderText(
        texts=words, within=_parts(given["within"]), most_regions=int(given["most"]), highest=given["highest"],
        lasts=parse_duration(str(given["lasts"])), groups=_parts(given["groups"]),
        status="Exercise" if service.office(context).exercise else "Actual",
        response_types=template_of(rule.hazard).response_types,
    )  # fmt: skip
    with context.store.write() as connection:
        propose_order(
            connection, service.desk(context), rule=rule.key, digest=rule.digest,
            least_level=Level.of(given["least"]), content=content, starts_at=now,
            ends_at=now + timedelta(days=int(given["days"])), why=str(given["why"] or ""),
            actor=current().actor(), now=now,
        )  # fmt: skip
    return t("Signed: it waits for a second person.")


def _chosen(context: Context, chosen: Any) -> Rule | None:
    """The rule version that a value of the list names."""
    key, _, digest = str(chosen or "").partition(" ")
    same = sa.and_(rule_version.c.rule == key, rule_version.c.digest == digest)
    with context.store.read() as connection:
        body = connection.scalar(sa.select(rule_version.c.body).where(same))
    return None if body is None else Rule.model_validate(body)


def _parts(written: Any) -> tuple[str, ...]:
    parts: Sequence[str] = str(written or "").replace("，", ",").split(",")
    return tuple(part.strip() for part in parts if part.strip())


def _fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:3])
    return str(error)
