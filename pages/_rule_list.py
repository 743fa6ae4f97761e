"""The list of rules: what runs, who let it, what it asks of people, and what is muted."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from dash import html
from dash.development.base_component import Component

from alerts.running import EDITOR
from data.text import Translate
from pages._context import Context
from pages._rule_state import Line, lines
from pages._rule_words import decided_words, load_words, standing_words
from pages._times import local

PATH = "/rules"


def address(key: str, **more: str | int) -> str:
    """Where a rule is opened."""
    return f"{PATH}?{urlencode({'rule': key, **more})}"


def listing(context: Context, t: Translate, locale: str) -> list[Component]:
    """Faults first, then every rule; those that wait for a second person stand on top."""
    found, faults = lines(context, context.clock())
    waiting = [one for one in found if one.waiting is not None]
    ordered = [*waiting, *(one for one in found if one.waiting is None)]
    return [
        html.Div([html.P(["⚠ ", fault], className="bad") for fault in faults]),
        _summary(found, t),
        html.Div(_table(ordered, context, t, locale), className="wide"),
    ]


def _summary(found: Sequence[Line], t: Translate) -> Component:
    waiting = sum(one.waiting is not None for one in found)
    loud = sum(one.load.far_over for one in found)
    words = t("{n} rules, {house} of them in a version of this office, {off} switched off.").format(
        n=len(found), house=sum(one.standing.running is not None for one in found),
        off=sum(one.standing.switched_off or not one.item.rule.enabled for one in found),
    )  # fmt: skip
    said = [words]
    if waiting:
        said.append(t("{n} wait for a second person.").format(n=waiting))
    if loud:
        said.append(t("{n} propose far more than their trial promised.").format(n=loud))
    return html.P(" ".join(said), className="rules-summary")


def _table(found: Sequence[Line], context: Context, t: Translate, locale: str) -> Component:
    names = (
        t("Rule"), t("Authority"), t("Hazard"), t("What runs"), t("Version"), t("Enabled by"),
        t("Expected a week"), t("Real a week"), t("Mutes"),
    )  # fmt: skip
    head = html.Thead(html.Tr([html.Th(name, scope="col") for name in names]))
    return html.Table([head, html.Tbody([_row(one, context, t, locale) for one in found])], className="rules-list")


def _row(one: Line, context: Context, t: Translate, locale: str) -> Component:
    rule, zone = one.item.rule, context.settings.zone
    name: list[Component | str] = [html.A(rule.title.of(locale), href=address(rule.key)), html.Br(),
                                   html.Code(rule.key, className="dim")]  # fmt: skip
    if one.waiting is not None:
        link = address(rule.key, version=one.waiting.number, tab="proof")
        said = t("version {n} waits for a second person").format(n=one.waiting.number)
        name += [html.Br(), html.A(["◷ ", said], href=link, className="waiting")]
    expected, real = load_words(one.load, t)
    budget: list[Component | str] = [real]
    if one.load.far_over:
        budget += [html.Br(), html.B(["▲ ", t("far over its budget")], className="bad")]
    off = one.standing.switched_off or not rule.enabled
    mutes = [html.P(t("until {at}, by {who}").format(at=local(mute.ends_at, zone), who=mute.owner), title=mute.reason)
             for mute in one.mutes]  # fmt: skip
    runs = standing_words(one.standing, rule.enabled, one.item.path.parent != EDITOR, t)
    cells = (
        name, rule.authority.of(locale), rule.hazard, runs,
        rule.version,
        decided_words(one.standing, zone, t) or "–", expected, budget, mutes or "–",
    )  # fmt: skip
    return html.Tr([html.Td(cell) for cell in cells], className="off" if off else "", **{"data-rule": rule.key})
