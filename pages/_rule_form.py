"""The form beside the text: each field stands for one value at one place of the YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from alerts.check import colours_of
from alerts.rule import SCALE
from data.errors import RuleError
from data.model import Level
from data.text import Translate
from pages._levels import chip
from pages._rule_faults import fault_words
from pages._rule_text import Place, put, read, value_of

JOINT = "/"  # between the keys of a place in a field's id
FIELD, FLAG, LEVEL = "rules-field", "rules-flag", "rules-level"
SHOWN = "rules-shown"  # fields of those who may only read: no callback listens to them
ACCUMULATE = ("latest", "sum", "max", "min", "mean", "change", "rate")
SPATIAL = ("max", "min", "mean", "percentile", "share_above")
SOMETIMES = (
    "ahead", "interval", "percentile", "above", "minus_site", "within_km", "max_depth_km", "max_age",
    "min_valid_share", "frozen_after",
)  # fmt: skip


def form(text: str, locked: bool, t: Translate) -> list[Component]:
    """Every field that the text has a place for, or why there is no form now.

    Parameters
    ----------
    locked
        The person may only read.
    """
    try:
        rule = read(text)
    except RuleError as error:
        said = t("There is no form while the text cannot be read: {reason}").format(reason=fault_words(str(error), t))
        return [html.P(said, className="bad")]
    return [
        *_section(t("About"), _about(rule, locked, t)),
        *_section(t("Where"), _where(rule, locked, t)),
        *[part for name, item in _mapping(rule, "inputs").items() for part in _input(name, item, locked, t)],
        html.H3(t("Levels")),
        *[part for key in reversed(SCALE) for part in _level(rule, key, locked, t)],
        *([] if locked else [_more_levels(rule, t)]),
    ]


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _section(title: str, fields: Sequence[Component]) -> list[Component]:
    return [html.H3(title), html.Div(list(fields), className="rules-fields")]


def _about(rule: Mapping[str, Any], locked: bool, t: Translate) -> list[Component]:
    title = _mapping(rule, "title")
    return [
        _field(("title", "en"), t("Title, English"), title.get("en"), locked),
        _field(("title", "zh"), t("Title, Chinese"), title.get("zh"), locked),
        _field(("version",), t("Version"), rule.get("version"), locked),
        _field(("max_age",), t("Data may be so old"), rule.get("max_age"), locked),
        _field(("min_valid_share",), t("Share of data that must be usable"), rule.get("min_valid_share"), locked),
        dmc.Checkbox(
            id=_id(FLAG, ("unmutable",), locked), label=t("May not be muted"), disabled=locked,
            checked=rule.get("unmutable") is True, size="sm",
        ),
    ]  # fmt: skip


def _where(rule: Mapping[str, Any], locked: bool, t: Translate) -> list[Component]:
    regions = _mapping(rule, "regions")
    return [
        _field(("regions", "kinds"), t("Kinds of regions"), regions.get("kinds"), locked),
        _field(("regions", "within"), t("Within (codes)"), regions.get("within"), locked),
    ]


def _input(name: str, item: Any, locked: bool, t: Translate) -> list[Component]:
    if not isinstance(item, Mapping):
        return []
    labels = {
        "quantity": t("Quantity"), "unit": t("Unit"), "window": t("Window"), "ahead": t("Ahead"),
        "interval": t("One report speaks for"), "percentile": t("Percentile"), "above": t("Above"),
        "minus_site": t("Less the station's"), "within_km": t("Within km"), "max_depth_km": t("At most km deep"),
        "max_age": t("Data may be so old"), "min_valid_share": t("Share of data that must be usable"),
        "frozen_after": t("Taken for stuck after"),
    }  # fmt: skip
    place = ("inputs", name)
    fields: list[Component] = [
        _field((*place, key), labels[key], item.get(key), locked) for key in ("quantity", "unit", "window")
    ]
    if item.get("source") != "events":
        fields.append(_choice((*place, "accumulate"), t("Over the window"), ACCUMULATE, item, locked))
        fields.append(_choice((*place, "spatial"), t("Over the region"), SPATIAL, item, locked))
    fields += [_field((*place, key), labels[key], item.get(key), locked) for key in SOMETIMES if key in item]
    return _section(t("Input {name}, from {source}").format(name=name, source=item.get("source", "?")), fields)


def _level(rule: Mapping[str, Any], key: str, locked: bool, t: Translate) -> list[Component]:
    level = _mapping(rule, "levels").get(key)
    if not isinstance(level, Mapping):
        return []
    place = ("levels", key)
    rows: list[Component] = []
    for where, leaf in _leaves(place, level):
        sign = "≤" if leaf.get("direction") == "below" else "≥"
        rows.append(
            html.Div(
                [
                    html.Span([leaf.get("input", "?"), " ", sign], className="rules-of"),
                    _field((*where, "trigger"), t("Starts at"), leaf.get("trigger"), locked),
                    _field((*where, "clear"), t("Ends beyond"), leaf.get("clear"), locked),
                ],
                className="rules-leaf",
            )
        )
    times = html.Div(
        [
            html.Span(),
            _field((*place, "for"), t("Held for"), level.get("for"), locked),
            _field((*place, "hold"), t("Over for"), level.get("hold"), locked),
        ],
        className="rules-leaf",
    )
    away = html.Button(
        t("Remove"), id={"type": LEVEL, "level": key, "do": "remove"}, className="act small", n_clicks=0,
        disabled=len(_mapping(rule, "levels")) < 2,
    )  # fmt: skip
    legend = html.Legend([chip(Level.of(key), t), *([] if locked else [" ", away])])
    return [html.Fieldset([legend, *rows, times], className="rules-level")]


def _leaves(place: Place, node: Mapping[str, Any]) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """The conditions of a level that look at an input, each with its place; what is no condition is passed over."""
    if "input" in node:
        yield place, node
    for joint in ("all", "any"):
        children = node.get(joint)
        for number, child in enumerate(children if isinstance(children, list) else ()):
            if isinstance(child, Mapping):
                yield from _leaves((*place, joint, str(number)), child)


def _more_levels(rule: Mapping[str, Any], t: Translate) -> Component:
    there = _mapping(rule, "levels")
    wanted = [key for key in colours_of(str(rule.get("key", "")), str(rule.get("hazard", ""))) if key not in there]
    buttons = [
        html.Button(
            [t("Add"), " ", t(key)], id={"type": LEVEL, "level": key, "do": "add"}, className="act small", n_clicks=0
        )
        for key in wanted
        if there
    ]
    return html.Div(buttons, className="actions")


def _id(kind: str, place: Place, locked: bool) -> dict[str, str]:
    return {"type": SHOWN if locked else kind, "place": JOINT.join(place)}


def _field(place: Place, label: str, value: Any, locked: bool) -> Component:
    return dmc.TextInput(
        id=_id(FIELD, place, locked), label=label, value=shown(value), debounce=True, size="xs",
        readOnly=locked,
    )  # fmt: skip


def _choice(place: Place, label: str, choices: Sequence[str], item: Mapping[str, Any], locked: bool) -> Component:
    return dmc.Select(
        id=_id(FIELD, place, locked), label=label, data=list(choices), size="xs", disabled=locked,
        value=str(item.get(place[-1], choices[0])), allowDeselect=False,
    )  # fmt: skip


def shown(value: Any) -> str:
    """A value as its field shows it."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def changed(text: str, name: str, typed: Any) -> str | None:
    """The text after a field was changed; None where the text says so already, or has no such place.

    What the model takes for granted (`accumulate: latest`) is not written down because its field was drawn.
    """
    place = tuple(name.split(JOINT))
    try:
        before: Any = read(text)
        for part in place:
            before = _step(before, part)
        granted = {"accumulate": "latest", "spatial": "max"}.get(place[-1])
        if shown(before) == str(typed or "").strip() or (before is None and typed in (False, granted)):
            return None
        if isinstance(typed, bool) and before is typed:
            return None
        value = value_of(place, typed) if typed is not False else None
        if place[0] == "regions" and "regions" not in read(text):
            return put(text, place[:1], {place[1]: value})
        return put(text, place, value)
    except RuleError:
        return None


def _step(value: Any, part: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(part)
    if isinstance(value, list) and part.isdigit() and int(part) < len(value):
        return value[int(part)]
    return None


def with_level(text: str, level: str) -> str:
    """The text with one more level: the condition of the nearest one there is, for the person to change.

    Raises
    ------
    RuleError
        Where the text has no level to start from.
    """
    there = _mapping(read(text), "levels")
    known = [key for key in SCALE if key in there]
    if not known:
        raise RuleError("there is no level in the text")
    nearest = min(known, key=lambda key: abs(SCALE.index(key) - SCALE.index(level)) if level in SCALE else 0)
    return put(text, ("levels", level), there[nearest])
