"""The side list of Watch: five sections that answer the five questions without a click."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from alerts.offer import shares_of
from data.model import Level
from data.store.incoming import InForce
from data.text import Translate
from pages._changes import KINDS, sentence, where
from pages._context import Context
from pages._facts import Facts, FeedLine
from pages._levels import level_word, mark
from pages._phrases import phrase
from pages._places import name_of, names_above
from pages._shell import LIGHT_SIGNS, LIGHT_WORDS
from pages._times import age, living_age, local, span

SHOWN = 4  # what fits four sections on a screen 900 px high; the rest is one click away


def build(facts: Facts, context: Context, t: Translate, locale: str) -> list[Component]:
    """The sections in the order of the questions."""
    return [
        _worst(facts, context, t, locale),
        _changed(facts, context, t, locale),
        _not_known(facts, t, locale),
        _next(facts, context, t, locale),
    ]


def signature(facts: Facts) -> list[Any]:
    """What the list depends on besides the passing of time, which the browser counts itself."""
    ended = sum(one.ends_at <= facts.now for one in facts.warnings)
    lights = [line.light for line in facts.feeds]
    unknown = [[line.rule, line.unknown, line.outcome] for line in facts.rules_unknown]
    return [facts.version, len(facts.changes), ended, len(facts.warnings), lights, unknown]


def _section(
    key: str, title: str, rows: Sequence[Component], empty: str, total: int, t: Translate, note: str = ""
) -> Component:
    more = total - min(total, SHOWN)
    body: list[Component] = list(rows[:SHOWN]) or [html.P(empty, className="empty")]
    if more > 0:
        rest = rows[SHOWN : SHOWN * 25]
        body.append(
            html.Details([html.Summary(t("{n} more").format(n=more)), *rest], className="more")
            if rest
            else html.P(t("{n} more").format(n=more), className="more")
        )
    head = html.H2([title, html.Span(note, className="note")] if note else title)
    return html.Section([head, *body], id=f"list-{key}")


def _region_row(rid: int, level: Level, unknown: bool, context: Context, t: Translate, locale: str) -> Component:
    name, above = name_of(rid, context.regions, locale), names_above(rid, context.regions, locale)
    code = str(context.regions.code[rid])
    signs: list[Any] = [mark(level, t)] + ([mark(Level.UNKNOWN, t)] if unknown else [])
    return html.Button(
        [html.Span(signs, className="signs"), html.Span(name, className="name"), html.Span(above, className="dim")],
        id=_region_id(code, "worst"), className="row", n_clicks=0,
    )  # fmt: skip


def _worst(facts: Facts, context: Context, t: Translate, locale: str) -> Component:
    tally = [
        html.Span([mark(level, t), f" {count}"], className="tally", title=level_word(level, t))
        for level in (Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE)
        if (count := sum(item[1] == level for item in facts.worst))
    ]
    rows = [_region_row(rid, level, unknown, context, t, locale) for rid, level, unknown in facts.worst[: SHOWN * 25]]
    watched, unknown = facts.counts.get("watched", 0), facts.counts.get("unknown", 0)
    if not watched:
        empty = t("Nothing is watched: no feed has brought what a rule needs.")
    else:
        empty = t("No region is at a level. {n} of {total} watched regions are unknown.").format(
            n=unknown, total=watched
        )
    section = _section("worst", t("Worst now"), rows, empty, len(facts.worst), t)
    if tally:
        section.children[0] = html.H2([t("Worst now"), html.Span(tally, className="note")])
    return section


def _changed(facts: Facts, context: Context, t: Translate, locale: str) -> Component:
    told = [row for row in facts.changes if row.topic != "proposals"]  # those stand under what to decide
    rows = [_change_row(row, facts, context, t, locale) for row in told]
    return _section(
        "changed",
        t("Changed in the last 10 minutes"), rows, t("Nothing changed."), len(rows), t,
    )  # fmt: skip


def _change_row(row: Any, facts: Facts, context: Context, t: Translate, locale: str) -> Component:
    said = sentence(row, context, t, locale)
    when = local(row.at, context.settings.zone, seconds=True)
    parts = [
        html.Span(mark(Level(row.level), t), className="signs"),
        html.Span([html.B(said.what), " · " if said.subject else "", said.subject], className="name"),
        html.Span(living_age(row.at, facts.now, t), className="dim", title=when),
        html.Span(said.note, className="dim wide"),
    ]
    if not said.code:
        return html.Div(parts, className="row flat")
    return html.Button(parts, id=_region_id(said.code, f"change-{row.id}"), className="row", n_clicks=0)


def _region_id(code: str, place: str) -> dict[str, str]:
    """The id of a row that opens a region; a region may stand in several places."""
    return {"type": "region", "code": code, "place": place}


def _not_known(facts: Facts, t: Translate, locale: str) -> Component:
    rows: list[Component] = [
        html.Div(
            [
                html.Span(mark(Level.UNKNOWN, t), className="signs"),
                html.Span(line.title(locale), className="name"),
                html.Span(t("{n} of {total} regions").format(n=line.unknown, total=line.watched), className="dim"),
                html.Span(phrase(line.reason, t), className="dim wide"),
            ],
            className="row flat",
        )
        for line in facts.rules_unknown
    ]
    rows += [_feed_row(line, t) for line in facts.feeds if line.light in ("failing", "late", "never")]
    return _section(
        "unknown", t("Not known"), rows, t("Every rule could be evaluated and every feed is fresh."), len(rows), t
    )


def _feed_row(line: FeedLine, t: Translate) -> Component:
    old = span(line.age, t) if line.age is not None else t("never")
    return dcc.Link(
        [
            html.Span(LIGHT_SIGNS[line.light], className=f"signs light-{line.light}"),
            html.Span(line.spec.title, className="name"),
            html.Span(f"{t(LIGHT_WORDS[line.light])} · {old}", className="dim"),
            html.Span(phrase(line.reason, t), className="dim wide"),
        ],
        href=f"/feeds?source={line.spec.key}", className="row",
    )  # fmt: skip


def _next(facts: Facts, context: Context, t: Translate, locale: str) -> Component:
    rows = [_proposal_row(row, facts, context, t, locale) for row in facts.proposals]
    rows += [_warning_row(one, facts, context, t) for one in facts.warnings]
    evaluated = len([line for line in facts.rules if line.at is not None])
    empty = t("No proposals and no warning in force. {n} rules evaluated, {bad} could not be.").format(
        n=evaluated, bad=len([line for line in facts.rules if line.outcome in ("unknown", "error")])
    )
    return _section("next", t("Decide next"), rows, empty, len(rows), t)


def _proposal_row(row: Any, facts: Facts, context: Context, t: Translate, locale: str) -> Component:
    titles = {line.rule: line.title(locale) for line in facts.rules}
    rules = [share["rule"] for share in shares_of(row) if share["regions"]]
    named = t(", ").join(titles.get(rule, rule) for rule in rules)
    return html.Button(
        [
            html.Span(mark(Level(row.level), t), className="signs"),
            html.Span(
                [html.B(t(KINDS.get(("proposals", row.reason), row.reason))), " · ", named],
                className="name",
            ),
            html.Span(living_age(row.created_at, facts.now, t), className="dim"),
            html.Span(where(row.regions, len(row.regions), context, t, locale), className="dim wide"),
        ],
        id=_region_id(row.regions[0] if row.regions else "", f"proposal-{row.id}"), className="row", n_clicks=0,
    )  # fmt: skip


def _warning_row(one: InForce, facts: Facts, context: Context, t: Translate) -> Component:
    row = one.row
    ends = t("No end given") if one.no_end_given else t("ends {when}").format(when=age(one.ends_at, facts.now, t))
    return html.Div(
        [
            html.Span(mark(Level(row.level), t), className="signs"),
            html.Span([row.headline or row.event], className="name"),
            html.Span(ends, className="dim", title=local(one.ends_at, context.settings.zone)),
            html.Span(f"{row.area} · {row.sender}", className="dim wide"),
        ],
        className="row flat",
    )
