"""A rule's conditions in words that a lawyer can check against the text: what is measured, the number, the unit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from dash import html
from dash.development.base_component import Component

from alerts.rule import Condition, LevelRule, Rule, RuleInput
from alerts.why import how
from data.text import Translate
from pages._phrases import phrase
from pages._times import span

UNITS = {"1": "", "degC": "°C", "degF": "°F", "ug/m3": "µg/m³", "mg/m3": "mg/m³"}
NAMES = {  # where the house's key is no English
    "pm2_5": "PM2.5", "pm10": "PM10", "so2": "sulphur dioxide", "no2": "nitrogen dioxide", "o3": "ozone",
    "co": "carbon monoxide", "mci": "composite drought index (MCI)", "spi": "standardised precipitation index",
    "fwi": "fire weather index", "utci_shade": "thermal climate index (UTCI) in the shade",
}  # fmt: skip
STARTS = {"above": "≥", "below": "≤"}
ENDS = {"above": "<", "below": ">"}
IN_FORCE, NOT_YET, EXPIRED, OFF = "in force", "not yet in force", "expired", "switched off"


def standing(rule: Rule, day: date) -> str:
    """Whether a rule counts on a day."""
    if day < rule.valid_from:
        return NOT_YET
    if not rule.in_force(day):
        return EXPIRED
    return IN_FORCE if rule.enabled else OFF


def standing_word(state: str, t: Translate) -> str:
    """The same for people."""
    return {
        IN_FORCE: t("in force"), NOT_YET: t("not yet in force"), EXPIRED: t("expired"), OFF: t("switched off"),
    }[state]  # fmt: skip


def measured(item: RuleInput, t: Translate) -> str:
    """What a number is of and how it is made: `precipitation: sum over 12 h, max over stations`."""
    made = phrase(how(item), t)
    if item.ahead is not None:
        made += t(", up to {span} ahead").format(span=span(timedelta(seconds=item.ahead), t))
    return t("{quantity}: {how}").format(quantity=_name(item.quantity, t), how=made)


def _name(quantity: str, t: Translate) -> str:
    plain = quantity.replace("_", " ")
    said = t(plain)
    return NAMES.get(quantity, plain) if said == plain else said


def number(value: float, unit: str) -> str:
    """A number with its unit as it is printed."""
    return f"{value:g} {UNITS.get(unit, unit)}".strip()


def starts(rule: Rule, level: LevelRule, t: Translate) -> list[Component]:
    """What must hold for the level to start."""
    words = [_condition(rule, level, "trigger", t)]
    if level.for_:
        words.append(html.P(t("and this for {span}").format(span=span(timedelta(seconds=level.for_), t))))
    return words


def ends(rule: Rule, level: LevelRule, t: Translate) -> list[Component]:
    """What must hold for the level to end: not one condition turned round, but each by its own number."""
    words = [_condition(rule, level, "clear", t)]
    if level.hold:
        words.append(html.P(t("and this for {span}").format(span=span(timedelta(seconds=level.hold), t))))
    return words


def _condition(rule: Rule, condition: Condition, which: str, t: Translate) -> Component:
    if condition.input is not None:
        return html.P(_line(rule, condition, which, t))
    # Ending turns the joint round: of several that all start a level, any one that is over ends it.
    everything = bool(condition.all) == (which == "trigger")
    parts = condition.all or condition.any or ()
    return html.Div(
        [
            html.P(t("all of these:") if everything else t("any of these:"), className="joint"),
            html.Ul([html.Li(_condition(rule, part, which, t)) for part in parts]),
        ]
    )


def _line(rule: Rule, leaf: Condition, which: str, t: Translate) -> list[Any]:
    item = rule.inputs[str(leaf.input)]
    sign = (STARTS if which == "trigger" else ENDS)[leaf.direction]
    value = getattr(leaf, which)
    return [measured(item, t), " ", html.B(f"{sign} {number(value, item.unit)}", className="number")]


def hazards(rules: Iterator[Rule] | list[Rule]) -> list[str]:
    """The hazards that rules are of, each once."""
    return list(dict.fromkeys(rule.hazard for rule in rules))
