"""One rule of a pack as a table: whose it is, what it says level by level, and what a site has changed in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from dash import html
from dash.development.base_component import Component

from alerts.pack import PackRule
from alerts.rule import SCALE, Rule
from data.model import Level
from data.regions import RegionIndex
from data.text import Translate
from pages._levels import chip
from pages._pack_words import IN_FORCE, ends, standing, standing_word, starts
from pages._times import span

ABSENT = "–"


def article(item: PackRule, regions: RegionIndex, day: date, t: Translate, locale: str) -> Component:
    """The whole rule."""
    rule = item.rule
    state = standing(rule, day)
    return html.Article(
        [
            html.H2(
                [
                    rule.title.of(locale), " ",
                    html.Span(standing_word(state, t), className="standing" if state == IN_FORCE else "standing not"),
                ]
            ),
            html.P([html.Code(rule.key)], className="dim"),
            html.Table([html.Tbody(_facts(rule, regions, t, locale))], className="facts"),
            _levels(item, t),
            *_changed(item, t),
        ],
        className="pack", id=f"pack-{rule.key}",
    )  # fmt: skip


def _facts(rule: Rule, regions: RegionIndex, t: Translate, locale: str) -> list[Component]:
    until = rule.valid_to.isoformat() if rule.valid_to else t("open")
    rows: list[tuple[str, Any]] = [
        (t("Authority"), rule.authority.of(locale)),
        (t("Citation"), _citation(rule, t)),
        (t("Valid"), f"{rule.valid_from.isoformat()} – {until}"),
        (t("Version"), [rule.version, " · ", html.Code(rule.digest[:16], title=rule.digest)]),
        (t("Looks at"), t("what was observed") if rule.branch == "observed" else t("what is forecast")),
        (t("Regions"), _regions(rule, regions, t, locale)),
        (t("Data"), _data(rule, t)),
        (t("Warning lasts"), _duration(rule, t)),
        (t("Text"), rule.text.of(locale)),
    ]
    if rule.judge is not None:
        rows.append((t("Not measured, for a person to judge"), html.B(rule.judge.of(locale))))
    return [html.Tr([html.Th(name, scope="row"), html.Td(value)]) for name, value in rows]


def _citation(rule: Rule, t: Translate) -> list[Any]:
    cited = rule.citation
    linked = cited.url.startswith(("https://", "http://"))
    words: list[Any] = [html.A(cited.title, href=cited.url, rel="noreferrer") if linked else cited.title]
    words += [" · ", t("read on {day}").format(day=cited.read_on.isoformat())]
    if cited.house:
        words += [" · ", html.B(t("house rule"))]
    return [*words, html.P(cited.note, className="note", lang="en")] if cited.note else words


def _regions(rule: Rule, regions: RegionIndex, t: Translate, locale: str) -> str:
    words = {"leaf": t("the finest regions there are"), "cn-county": t("counties"), "us-county": t("counties")}
    kinds = ", ".join(words.get(kind, kind) for kind in rule.regions.kinds)
    names = [_name(code, regions, locale) for code in rule.regions.within]
    return t("{kinds} of {names}").format(kinds=kinds, names=", ".join(names)) if names else kinds


def _name(code: str, regions: RegionIndex, locale: str) -> str:
    rid = regions.by_code(code)
    if rid is None:
        return code
    return str((regions.name_zh[rid] if locale == "zh" else "") or regions.name[rid])


def _data(rule: Rule, t: Translate) -> str:
    return t("may be {span} old; {share} must be usable").format(
        span=span(timedelta(seconds=rule.max_age), t), share=f"{rule.min_valid_share:.0%}"
    )


def _duration(rule: Rule, t: Translate) -> str:
    return t("{default}, at most {limit}").format(
        default=span(timedelta(seconds=rule.duration.default), t),
        limit=span(timedelta(seconds=rule.duration.hard_limit), t),
    )


def _levels(item: PackRule, t: Translate) -> Component:
    head = html.Thead(html.Tr([html.Th(text) for text in (t("Level"), t("Starts when"), t("Ends when"))]))
    keys = [key for key in reversed(SCALE) if key in item.rule.levels or (item.base and key in item.base.levels)]
    return html.Table([head, html.Tbody([row for key in keys for row in _level(item, key, t)])], className="levels")


def _level(item: PackRule, key: str, t: Translate) -> list[Component]:
    """One row, and below it the pack's own where the site has another."""
    sign = chip(Level.of(key), t)
    rule, base = item.rule, item.base
    now = rule.levels.get(key)  # type: ignore[call-overload]
    cells = [starts(rule, now, t), ends(rule, now, t)] if now else [t("not at this site"), ABSENT]
    rows = [html.Tr([html.Td(sign), *map(html.Td, cells)])]
    before = base.levels.get(key) if base else None  # type: ignore[call-overload]
    if base is not None and before != now:
        said = [starts(base, before, t), ends(base, before, t)] if before else [ABSENT, ABSENT]
        rows.append(html.Tr([html.Td(t("in the pack")), *(html.Td(one) for one in said)], className="base"))
    return rows


def _changed(item: PackRule, t: Translate) -> list[Component]:
    if item.base is None:
        return []
    head = html.Tr([html.Th(text) for text in (t("Overridden here"), t("Pack"), t("This site"))])
    rows = [
        html.Tr(
            [html.Td(html.Code(".".join(one.place))), html.Td(_value(one.before)), html.Td(html.B(_value(one.after)))]
        )
        for one in item.changes
    ]
    where = item.changed_in.name if item.changed_in else ""
    said = t("This site overrides parts of version {version}, in {file}.").format(
        version=item.base.version, file=where
    )
    return [html.P(said, className="bad"), html.Table([html.Thead(head), html.Tbody(rows)], className="changes")]


def _value(value: Any) -> str:
    return ABSENT if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def no_rule(
    signals: Sequence[Mapping[str, Any]], authorities: Mapping[str, str], t: Translate, locale: str
) -> list[Any]:
    """Signals, or levels of them, that no rule proposes, and why."""
    if not signals:
        return []
    head = html.Tr([html.Th(text) for text in (t("Signal"), t("Level"), t("Why there is no rule"))])
    rows = [
        html.Tr(
            [
                html.Td([one["title"][locale], html.Br(),
                         html.Span(authorities.get(one["authority"], one["authority"]), className="dim")]),
                html.Td([html.P(chip(Level.of(key), t)) for key in reversed(one["no_rule"]["levels"])]),
                html.Td(one["no_rule"]["why"][locale]),
            ]
        )
        for one in signals
    ]  # fmt: skip
    return [
        html.Section(
            [
                html.H2(t("Signals without a rule")),
                html.Table([html.Thead(head), html.Tbody(rows)], className="levels"),
            ],
            className="pack",
        )
    ]
