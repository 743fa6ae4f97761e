"""The left panel of Plan: which numbers, of when, for which regions, and how the map is painted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html, no_update

from access.guard import needs
from data.regions import RegionIndex
from data.store.field_series import Series
from data.text import Translate, translator
from pages._context import Context
from pages._locale import locale_of
from pages._plan_state import Choice
from pages._plan_values import LIMITED, WEIGHTED, ValueReader, default_kind, pick
from pages._plan_words import kind_words, quantity_word, series_word, statistic_words

LEVEL = re.compile(r"(?P<base>.+)_return_level_(?P<years>\d+)y$")
RARITY = "_return_period"


def panel(choice: Choice, series: Sequence[Series], regions: RegionIndex, t: Translate) -> list[Any]:
    """The controls, set as the address says."""
    chosen = pick(series, choice.series)
    kinds = kind_options(regions, t)
    kind = choice.kind if choice.kind in {one["value"] for one in kinds} else ""
    if not kind and chosen is not None:
        kind = default_kind(chosen.bounds, regions)
    return [
        html.H2(t("Choices")),
        dmc.Select(
            id="plan-series", label=t("Quantity"), data=series_options(series, t), searchable=True, size="xs",
            value=str(chosen.key) if chosen else None, nothingFoundMessage=t("No field has been received"),
            allowDeselect=False, maxDropdownHeight=360,
        ),
        dmc.Select(
            id="plan-show", label=t("Value or return period"), size="xs", allowDeselect=False,
            data=show_options(chosen, series, t), value=choice.show,
        ),
        dmc.Select(
            id="plan-kind", label=t("Regions"), data=kinds, value=kind or None, size="xs", allowDeselect=False,
        ),
        dmc.Select(
            id="plan-statistic", label=t("Statistic over the region"), size="xs", allowDeselect=False,
            data=[{"value": key, "label": word} for key, word in statistic_words(t).items()],
            value=choice.statistic,
        ),
        html.Div(
            dmc.NumberInput(
                id="plan-above", label=t("At or above"), size="xs", debounce=600,
                value="" if choice.above is None else choice.above,
            ),
            id="plan-above-holder", hidden=choice.statistic not in LIMITED,
        ),
        dmc.Switch(id="plan-people", label=t("Weighted by people"), checked=choice.people, size="xs"),
        html.Div(t("Map shows"), className="label-small", id="plan-paint-label"),
        dmc.SegmentedControl(
            id="plan-paint", size="xs", fullWidth=True, value=choice.paint, **{"aria-labelledby": "plan-paint-label"},
            data=[
                {"value": "regions", "label": t("Regions")}, {"value": "field", "label": t("Grid")},
                {"value": "risk", "label": t("Risk")},
            ],
        ),
        html.P(t("The time is chosen on the map: the bar under it walks the steps of this series."), className="dim"),
        html.P(_lost(choice, series, t), className="bad", id="plan-lost"),
    ]  # fmt: skip


def _lost(choice: Choice, series: Sequence[Series], t: Translate) -> str:
    """What a link asked for and is not here any more."""
    if choice.series and pick(series, choice.series) is None:
        return t("The series of this link has no steps here. Choose another one.")
    return ""


def series_options(series: Sequence[Series], t: Translate) -> list[dict[str, Any]]:
    """Series by quantity; maps of return levels and of rarity are reached through their own choice."""
    groups: dict[str, list[dict[str, str]]] = {}
    for one in series:
        if not is_rarity(one.key.quantity):
            groups.setdefault(quantity_word(one, t), []).append({"value": str(one.key), "label": series_word(one, t)})
    return [{"group": group, "items": items} for group, items in groups.items()]


def is_rarity(quantity: str) -> bool:
    """Whether a quantity says how rare another one is."""
    return LEVEL.match(quantity) is not None or quantity.endswith(RARITY)


def show_options(chosen: Series | None, series: Sequence[Series], t: Translate) -> list[dict[str, str]]:
    """The value itself, and what the archive has of its return levels."""
    found = [{"value": "value", "label": t("Value at the time")}]
    if chosen is None:
        return found
    for years in sorted(return_years(chosen, series)):
        label = t("Reached once in {n} years on average").format(n=years)
        found.append({"value": f"level:{years}", "label": label})
    if effective(chosen, series, "rarity") is not chosen:
        found.append({"value": "rarity", "label": t("How rare: once in how many years")})
    return found


def return_years(chosen: Series, series: Sequence[Series]) -> set[int]:
    """The return periods of which the archive has maps for a series."""
    levels = [(LEVEL.match(one.key.quantity), one) for one in series]
    return {int(found["years"]) for found, one in levels if found and stands_for(found["base"], one, chosen)}


def stands_for(base: str, one: Series, chosen: Series) -> bool:
    """Whether a climatology of a quantity is of the chosen series: the same quantity over the same time.

    An amount may carry its time in its name (`precipitation_24h`) or beside it (`precipitation`, 86,400 s).
    """
    quantity, length = chosen.key.quantity, chosen.key.accumulation_s
    if base == quantity:
        return one.key.accumulation_s in (length, 0)
    return length > 0 and base == f"{quantity}_{length // 3600}h"


def effective(chosen: Series, series: Sequence[Series], show: str) -> Series:
    """The series shown: the chosen one, its return level, or its rarity; itself where there is no such map."""
    word, _, years = show.partition(":")
    ending = {"level": f"_return_level_{years}y", "rarity": RARITY}.get(word)
    if ending is None:
        return chosen
    named = [one for one in series if one.key.quantity.endswith(ending)]
    found = [one for one in named if stands_for(one.key.quantity.removesuffix(ending), one, chosen)]
    near = [one for one in found if one.key.grid == chosen.key.grid] or found
    return near[0] if near else chosen


def kind_options(regions: RegionIndex, t: Translate) -> list[dict[str, str]]:
    """Kinds of regions that were built, with how many."""
    counts = {kind: len(regions.of_kind(kind)) for kind in kind_words(t)}
    words = kind_words(t)
    return [{"value": kind, "label": f"{words[kind]} ({count:,})"} for kind, count in counts.items() if count]


def register(dash_app: Dash, context: Context, reader: ValueReader) -> None:
    """Lists that follow what arrives, and choices that depend on each other."""

    @dash_app.callback(
        Output("plan-series", "data"), Output("plan-series", "value"), Output("plan-catalog", "data"),
        Input("plan-map-live", "data"), State("plan-catalog", "data"), State("plan-series", "value"),
        prevent_initial_call=True,
    )  # fmt: skip
    @needs("plan.view")
    def follow(live: Any, seen: Any, value: Any) -> Any:
        """New series appear without a reload; the chosen one stays chosen."""
        version = live.get("fields") if isinstance(live, dict) else None
        if version is None or version == seen:
            return no_update, no_update, no_update
        series = reader.series()
        first = pick(series, "")
        options = series_options(series, translator(locale_of(context)))
        return options, no_update if value or first is None else str(first.key), version

    @dash_app.callback(
        Output("plan-show", "data"), Output("plan-show", "value"), Output("plan-kind", "value"),
        Input("plan-series", "value"), State("plan-show", "value"), State("plan-kind", "value"),
    )  # fmt: skip
    @needs("plan.view")
    def depend(value: Any, show: Any, kind: Any) -> Any:
        """What there is of a series, and a kind of region where none was chosen."""
        t, series = translator(locale_of(context)), reader.series()
        chosen = pick(series, str(value or "")) if value else None
        options = show_options(chosen, series, t)
        kept = show if show in {one["value"] for one in options} else "value"
        wanted = kind or (default_kind(chosen.bounds, context.regions) if chosen else None)
        return options, no_update if kept == show else kept, no_update if wanted == kind else wanted

    @dash_app.callback(
        Output("plan-above-holder", "hidden"), Output("plan-people", "disabled"), Input("plan-statistic", "value")
    )
    @needs("plan.view")
    def limit(statistic: Any) -> Any:
        """A limit only for statistics that have one; people as weights only where they can be."""
        return statistic not in LIMITED, statistic not in WEIGHTED
