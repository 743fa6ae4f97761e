"""The panel that says why: of a region its rules, readings, thresholds and what is missing."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import numpy as np
import sqlalchemy as sa
from dash import html
from dash.development.base_component import Component

from access.people import current
from alerts.why import Behind, Child, Comparison, Reading, RuleWhy, Threshold, Why
from data.model import Level
from data.store.tables import observation
from data.text import Translate
from layers.amounts import rolling_sums
from pages._chart import graph, series
from pages._context import Context
from pages._levels import chip, level_word, mark
from pages._phrases import phrase
from pages._places import names_above
from pages._times import living_age, local, span
from pages._why_history import field_history, limits
from pages._why_trend import heading

CHART_SPAN = timedelta(hours=72)
CHART_POINTS = 2000
SIGNS = {True: "✓", False: "✗", None: "?"}


def head(title: str, t: Translate, *below: Any) -> list[Component]:
    """The way back, the title, and what stands under it."""
    back = html.Button("← " + t("Back to the list"), id="why-close", className="back", n_clicks=0)
    return [back, html.H2(title, id="why-title", tabIndex="-1"), *below]


def region(why: Why, context: Context, t: Translate, locale: str, now: datetime) -> list[Component]:
    """Everything behind one region's colour."""
    name = why.name_zh if locale == "zh" and why.name_zh else why.name
    rid = context.regions.by_code(why.code)
    above = names_above(rid, context.regions, locale) if rid is not None else ""
    chips = [chip(why.level, t)] if why.level or not why.unknown else []
    if why.unknown:
        chips.append(chip(Level.UNKNOWN, t))
    parts = head(name, t, html.P([*_spaced(chips)] if why.watched else t("No rule watches this region.")),
                 html.P(f"{above} · {why.code}" if above else why.code, className="dim"),
                 *known_here(t, region=why.code))  # fmt: skip
    parts += [_rule(rule, rid, context, t, locale, now) for rule in why.rules]
    if why.children_watched:
        parts.append(_children(why, t, locale))
    return parts


def known_here(t: Translate, **place: object) -> list[Component]:
    """The way to all that is known of a place, for those who may ask it."""
    if not current().may("plan.view"):
        return []
    return [html.P(html.A(t("What do we know about this place?"), href=f"/place?{urlencode(place)}"))]


def _spaced(parts: list[Component]) -> list[Any]:
    return [item for part in parts for item in (part, " ")]


def _rule(rule: RuleWhy, rid: int | None, context: Context, t: Translate, locale: str, now: datetime) -> Component:
    unknown = rule.phase == "unknown"
    heading = [
        mark(Level.UNKNOWN if unknown else rule.level, t),
        " ",
        html.A(rule.title[locale], href=f"/packs?rule={rule.rule}"),
    ]
    said = t("Unknown, was {phase}").format(phase=t(rule.was)) if unknown else t(rule.phase)
    since = [" · ", t("since"), " ", living_age(rule.since, now, t)] if rule.since else []
    parts: list[Any] = [
        html.H3(heading),
        html.P([html.B(said), *since, " · ", level_word(rule.level, t)]),
        *[html.P(["⚠ ", _wanting(text, t)], className="bad") for text in rule.missing],
        *_muted(rule, context, t),
        *_readings(rule, rid, context, t, now),
        _thresholds(rule, t),
    ]
    if rule.judge:
        parts.append(html.P([html.B(t("For a person to judge") + ": "), rule.judge[locale]]))
    parts.append(_origin(rule, t, locale, now))
    return html.Section(parts, className="rule")


def _muted(rule: RuleWhy, context: Context, t: Translate) -> list[Component]:
    """Who holds the proposals of this level back, until when, and why."""
    if rule.muted is None:
        return []
    words = t("Muted up to {level} by {owner}: {reason}").format(
        level=level_word(rule.muted.up_to, t), owner=rule.muted.owner, reason=rule.muted.reason
    )
    until = [" · ", t("until"), " ", local(rule.muted.until, context.settings.zone)]
    return [html.P(["🔕 ", words, *until], className="dim")]


def _readings(rule: RuleWhy, rid: int | None, context: Context, t: Translate, now: datetime) -> list[Any]:
    """The reading that decides, large; every input in a table; what stands behind them once."""
    shown = _decisive(rule)
    rows = [
        html.Tr(
            [
                html.Td(phrase(reading.how, t)),
                html.Td(_value(reading, t), className="number"),
                html.Td(living_age(reading.observed_at, now, t)),
                html.Td(f"{reading.valid_share:.0%}"),
            ],
            title=phrase(reading.missing, t),
        )
        for reading in rule.readings
    ]
    head_row = html.Tr([html.Th(text) for text in (t("Made of"), t("Value"), t("Observed"), t("Usable"))])
    limits = t("may be {span} old; {share} must be usable").format(
        span=span(timedelta(seconds=shown.max_age_s), t), share=f"{shown.min_valid_share:.0%}"
    )
    parts: list[Any] = [
        html.Div([t(shown.quantity.replace("_", " ")), " ", html.Span(_value(shown, t), className="value")]),
        html.P(
            [
                local(shown.observed_at, context.settings.zone), " · ",
                living_age(shown.observed_at, now, t), f" · {limits}",
            ],
            className="dim",
        ),
        *heading(shown, t),
        html.Table([head_row, *rows], className="inputs"),
    ]  # fmt: skip
    readings = [*rule.readings, shown]  # of several over one station the deciding one is drawn
    behind = {(one.behind.kind, one.behind.source, one.behind.id): one for one in readings if one.behind}
    for reading in behind.values():
        assert reading.behind is not None
        parts.append(_behind(reading.behind, context, t, now))
        if reading.behind.kind == "station":
            parts.append(_station_chart(reading, reading.behind, rule, context, t, now))
        if reading.behind.kind == "field" and rid is not None:
            parts += _field_chart(reading, rule, rid, context, t, now)
    return parts


def _wanting(text: str, t: Translate) -> str:
    """What is missing, said of an input (`name: reason`) or of the rule."""
    name, colon, reason = text.partition(": ")
    return f"{name.replace('_', ' ')}: {phrase(reason, t)}" if colon else phrase(text, t)


def _decisive(rule: RuleWhy) -> Reading:
    """The input that the highest level which holds looks at, else the first that is wanting, else the first."""
    by_name = {reading.input: reading for reading in rule.readings}
    for threshold in reversed(rule.thresholds):
        for one in threshold.comparisons:
            if one.holds:
                return by_name[one.input]
    return next((reading for reading in rule.readings if reading.missing), rule.readings[0])


def _value(reading: Reading, t: Translate) -> str:
    if reading.value is not None:
        return f"{reading.value:.4g} {reading.unit}" if reading.unit != "1" else f"{reading.value:.4g}"
    return t("nothing there") if reading.nothing else t("no value")


def _behind(behind: Behind, context: Context, t: Translate, now: datetime) -> Component:
    words: list[Any] = [behind.name or behind.id, f" · {behind.source}"]
    if behind.received_at:
        words += [" · ", t("received"), " ", living_age(behind.received_at, now, t)]
    if behind.payload_id and current().may("payload.download"):
        words += [" · ", html.A(t("payload"), href=f"/api/payloads/{behind.payload_id}", download="")]
    return html.P(words, className="dim")


def _station_chart(
    reading: Reading, behind: Behind, rule: RuleWhy, context: Context, t: Translate, now: datetime
) -> Component:
    """What the rule looks at, over time: the station's readings, or their sums over the rule's window."""
    rows = station_rows(context, behind.source, behind.id, reading.quantity, now)
    limits = _limits(reading, rule, rows)
    if reading.accumulate == "sum":
        rows = _sums(rows, reading.window_s)
    return graph(series(rows, limits, unit=reading.unit, now=now, zone=context.settings.zone, t=t))


def _field_chart(
    reading: Reading, rule: RuleWhy, rid: int, context: Context, t: Translate, now: datetime
) -> list[Component]:
    """What the field was in the region; the limits stand beside it where it is what the rule compares."""
    found = field_history(reading, rid, context, now - CHART_SPAN, now + CHART_SPAN)
    if found is None:
        return []
    levels = dict(limits(reading, rule)) if found.whole else {}
    until = max(now, found.rows[-1].observed_at)
    chart = graph(series(found.rows, levels, unit=reading.unit, now=until, zone=context.settings.zone, t=t))
    if found.whole:
        return [chart]
    return [chart, html.P(t("Single steps; the rule looks at them over its window."), className="dim")]


def _sums(rows: list[Any], window_s: float) -> list[Any]:
    """The same reports with the amount of the window that ends at each; missing where the window has a gap."""
    at_s = np.array([row.observed_at.timestamp() for row in rows])
    amounts = np.array([row.value if row.value is not None else np.nan for row in rows], dtype=np.float64)
    return [
        SimpleNamespace(observed_at=row.observed_at, value=None if np.isnan(total) else total, quality=row.quality)
        for row, total in zip(rows, rolling_sums(at_s, amounts, window_s), strict=True)
    ]


def _limits(shown: Reading, rule: RuleWhy, rows: list[Any]) -> dict[Level, float]:
    """Triggers to draw: of the input shown, and of inputs that are the same readings less a stage of the gauge."""
    raw = {row.observed_at: row.value for row in rows if row.value is not None}
    offsets: dict[str, float] = {}
    for one in rule.readings:
        if one.input == shown.input and "less the station's" not in one.how and one.accumulate in ("latest", "sum"):
            offsets[one.input] = 0.0
        elif "less the station's" in one.how and one.behind and shown.behind and one.behind.id == shown.behind.id:
            level = raw.get(one.observed_at) if one.observed_at else None
            if level is not None and one.value is not None:
                offsets[one.input] = level - one.value  # the gauge's own stage
    return {
        threshold.level: comparison.trigger + offsets[comparison.input]
        for threshold in rule.thresholds
        for comparison in threshold.comparisons
        if comparison.input in offsets
    }


def station_rows(context: Context, source: str, station: str, quantity: str, now: datetime) -> list[Any]:
    """The readings of one station over the chart's span, oldest first."""
    table = observation.c
    with context.store.read() as connection:
        newest = connection.execute(
            sa.select(table.observed_at, table.value, table.quality)
            .where(table.source == source, table.quantity == quantity, table.station == station,
                   table.observed_at > now - CHART_SPAN)
            .order_by(table.observed_at.desc()).limit(CHART_POINTS)
        ).all()  # fmt: skip
    return list(reversed(newest))


def _thresholds(rule: RuleWhy, t: Translate) -> Component:
    head_row = html.Tr([html.Th(text) for text in (t("Level"), t("Starts"), t("Ends"), "")])
    rows = [_threshold(threshold, rule, t) for threshold in reversed(rule.thresholds)]
    return html.Table([head_row, *rows], className="thresholds")


def _threshold(threshold: Threshold, rule: RuleWhy, t: Translate) -> Component:
    units = {reading.input: reading.unit for reading in rule.readings}
    joiner = f" {t(threshold.joined)} " if len(threshold.comparisons) > 1 else ""

    def written(value: str, sign: dict[str, str], one: Comparison) -> str:
        number = getattr(one, value)
        name = f"{one.input.replace('_', ' ')} " if len(threshold.comparisons) > 1 else ""
        return f"{name}{sign[one.direction]} {number:g} {units.get(one.input, '')}".strip()

    starts = joiner.join(written("trigger", {"above": "≥", "below": "≤"}, one) for one in threshold.comparisons)
    ends = joiner.join(written("clear", {"above": "<", "below": ">"}, one) for one in threshold.comparisons)
    if threshold.for_s:
        starts += " · " + t("for {span}").format(span=span(timedelta(seconds=threshold.for_s), t))
    if threshold.hold_s:
        ends += " · " + t("for {span}").format(span=span(timedelta(seconds=threshold.hold_s), t))
    holds = " ".join(SIGNS[one.holds] for one in threshold.comparisons)
    return html.Tr([html.Td(mark(threshold.level, t)), html.Td(starts), html.Td(ends), html.Td(holds)])


def _origin(rule: RuleWhy, t: Translate, locale: str, now: datetime) -> Component:
    citation = rule.citation
    title = citation.get("title", "")
    source: Any = html.A(title, href=citation["url"], rel="noreferrer") if _safe(citation.get("url")) else title
    words = [rule.authority[locale], " · ", source]
    if citation.get("house"):
        words += [" · ", t("house rule")]
    evaluated = living_age(rule.evaluated_at, now, t)
    return html.P(
        [*words, html.Br(), f"{rule.rule} {rule.version} · {rule.digest[:8]} · ", t("evaluated"), " ", evaluated],
        className="dim",
    )


def _safe(url: Any) -> bool:
    return isinstance(url, str) and url.startswith(("https://", "http://"))


def _children(why: Why, t: Translate, locale: str) -> Component:
    words = t("{unknown} of {n} watched are unknown.").format(unknown=why.children_unknown, n=why.children_watched)
    return html.Section(
        [
            html.H3(t("Inside it")),
            html.P(words, className="dim"),
            *[_child(child, t, locale) for child in why.children],
        ],
        className="rule",
    )


def _child(child: Child, t: Translate, locale: str) -> Component:
    signs = [mark(child.level, t)] if child.level or not child.unknown else []
    signs += [mark(Level.UNKNOWN, t)] if child.unknown else []
    name = child.name_zh if locale == "zh" and child.name_zh else child.name
    return html.Button(
        [html.Span(signs, className="signs"), html.Span(name, className="name")],
        id={"type": "region", "code": child.code, "place": "child"}, className="row", n_clicks=0,
    )  # fmt: skip
