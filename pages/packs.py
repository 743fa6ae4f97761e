"""Packs: every rule as a table that can be checked against its text, filtered by hazard, and printed.

All rules are listed; those of one hazard, or one rule, are shown whole. All of them whole would be ten thousand
components, which the browser needs minutes for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import dash_mantine_components as dmc
import yaml
from dash import Dash, Input, Output, State, dcc, html

from access.guard import needs
from alerts.faults import Fault
from alerts.pack import INDEX, PACKS, PackRule, builtin_paths, read_paths
from alerts.running import EDITOR, only_saved
from data.text import Translate, translator
from pages._context import Context
from pages._facts import FactReader
from pages._locale import locale_of
from pages._pack_table import article, no_rule
from pages._pack_words import hazards, standing, standing_word

PATH, TITLE = "/packs", "Packs"
ACTION = "reports.view"
ALL = "all"
FONTS_ZH = "/assets/vendor/fonts-zh.css"  # citations are in their own language, whatever the reader's is

Read = tuple[tuple[PackRule, ...], tuple[Fault, ...]]


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Any:
    """The page; `?hazard=` chooses one hazard, and `?rule=` one rule."""
    rules, faults = packs(context)
    rules += saved_only(context, rules)
    names = {hazard: _hazard_name(hazard, rules, locale) for hazard in hazards([item.rule for item in rules])}
    names |= {one["hazard"]: one["title"][locale] for one in signals()}
    wanted = asked.get("hazard", ALL)
    options = [{"value": ALL, "label": t("All hazards")}]
    options += [{"value": key, "label": name} for key, name in sorted(names.items(), key=lambda pair: pair[1])]
    return html.Div(
        className="packs",
        children=[
            html.Link(rel="stylesheet", href=FONTS_ZH),
            html.H1(t("Rule packs")),
            html.P(
                t("What each rule says, whose numbers they are, and what it cannot measure. A rule proposes; people "
                  "decide."),
                className="dim",
            ),
            html.Div([html.P(["⚠ ", str(fault)], className="bad") for fault in faults], className="faults"),
            html.Div(
                dmc.Select(
                    id="packs-hazard", label=t("Kind of hazard"), data=options,
                    value=wanted if wanted in names else ALL, allowDeselect=False, searchable=True, w=280,
                ),
                className="choice",
            ),
            dcc.Store(id="packs-rule", data=asked.get("rule")),
            html.Div(id="packs-list"),
        ],
    )  # fmt: skip


def _hazard_name(hazard: str, rules: Sequence[PackRule], locale: str) -> str:
    """The title of a hazard's first rule, for one that is in no index."""
    return next(item.rule.title.of(locale) for item in rules if item.rule.hazard == hazard)


def packs(context: Context) -> Read:
    """The built-in packs with the site's files, as they are on disk now."""
    paths = (*builtin_paths(), *context.settings.rule_paths)
    inside = [one for path in paths for one in ([*path.rglob("*.y*ml")] if path.is_dir() else [path])]
    return _packs(paths, tuple(one.stat().st_mtime_ns if one.exists() else 0 for one in inside))


def saved_only(context: Context, files: Sequence[PackRule]) -> tuple[PackRule, ...]:
    """Rules that no file has, as their newest version says."""
    with context.store.read() as connection:
        return tuple(only_saved(connection, {item.rule.key for item in files}))


@lru_cache(maxsize=4)
def _packs(paths: tuple[Path, ...], _changed: tuple[int, ...]) -> Read:
    rules, faults = read_paths(paths)
    return rules, tuple(faults)


@lru_cache(maxsize=1)
def signals() -> list[dict[str, Any]]:
    """The index of the built-in packs."""
    found: list[dict[str, Any]] = yaml.safe_load((PACKS / INDEX).read_text(encoding="utf-8"))["signals"]
    return found


def listing(context: Context, t: Translate, locale: str, hazard: str, rule: str | None) -> list[Any]:
    """The list of all rules, or those of a hazard whole, or one rule; then the signals that have none."""
    rules, _ = packs(context)
    rules += saved_only(context, rules)
    day = context.clock().astimezone(context.settings.zone).date()
    shown = [item for item in rules if (item.rule.key == rule if rule else hazard in (ALL, item.rule.hazard))]
    missing = [one for one in signals() if "no_rule" in one and hazard in (ALL, one["hazard"]) and not rule]
    listed = hazard == ALL and not rule
    authorities = {
        item.path.parent.name: item.rule.authority.of(locale) for item in rules if item.path.parent != EDITOR
    }  # fmt: skip
    head: list[Any] = [html.P(html.A(t("All packs"), href=PATH))] if rule else []
    if not shown and not missing:
        return [*head, html.P(t("No such rule."))]
    return [
        *head,
        *([_contents(shown, day, t, locale)] if len(shown) > 1 else []),
        *([] if listed else [article(item, context.regions, day, t, locale) for item in shown]),
        *no_rule(missing, authorities, t, locale),
    ]


def _contents(shown: Sequence[PackRule], day: Any, t: Translate, locale: str) -> Any:
    rows = [
        html.Tr(
            [
                html.Td(html.A(item.rule.title.of(locale), href=f"{PATH}?rule={item.rule.key}")),
                html.Td(item.rule.authority.of(locale)),
                html.Td(item.rule.version),
                html.Td(standing_word(standing(item.rule, day), t)),
            ]
        )
        for item in shown
    ]
    head = html.Tr([html.Th(text) for text in (t("Rule"), t("Authority"), t("Version"), t("State"))])
    return html.Table([html.Thead(head), html.Tbody(rows)], className="contents")


def register(dash_app: Dash, context: Context, _facts: FactReader) -> None:
    """The filter."""

    @dash_app.callback(
        Output("packs-list", "children"), Input("packs-hazard", "value"), State("packs-rule", "data"),
        State("packs-hazard", "data"),
    )  # fmt: skip
    @needs("reports.view")
    def show(hazard: Any, rule: Any, options: Any) -> Any:
        locale = locale_of(context)
        chosen = hazard if isinstance(hazard, str) else ALL
        alone = rule if isinstance(rule, str) and chosen == ALL and options else None
        return listing(context, translator(locale), locale, chosen, alone)
