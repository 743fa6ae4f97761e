"""Pages to print: the report of an inspection by unit, and the list of a sample with room for what is found."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from data.text import Translate, translator

STYLE = """
@page{size:A4;margin:14mm}
body{font:13px/1.45 system-ui,"Noto Sans","Noto Sans SC",sans-serif;color:#1b1f24;background:#fff;margin:0 auto;
max-width:1000px;padding:16px}
h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:24px 0 4px;break-after:avoid}
.dim{color:#5b6570}.mark{border:2px solid #1b1f24;padding:4px 8px;font-weight:600}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
tr{break-inside:avoid}td,th{border:1px solid #b9c0c8;padding:4px 6px;text-align:left;vertical-align:top}
th{font-weight:600;background:#f1f3f5}.number{text-align:right}img{max-width:100%}
.empty{min-width:130px}.unit{break-before:page}.unit:first-of-type{break-before:auto}
.box{display:inline-block;width:11px;height:11px;border:1px solid #1b1f24;margin-right:3px}
"""
CONVENTION = "convention"  # the source of limits that are ours
SEVERITIES = {"error": "✕", "warning": "△", "note": "○"}


def page(title: str, parts: Sequence[str], locale: str, mark: str = "") -> str:
    """A whole document; of this machine it takes the typeface."""
    language = "zh-Hans" if locale == "zh" else "en"
    fonts = "fonts-zh.css" if locale == "zh" else "fonts.css"
    top = f'<p class="mark">{safe(mark)}</p>' if mark else ""
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{safe(title)}</title>'
        f'<link rel="stylesheet" href="/assets/vendor/{fonts}"><style>{STYLE}</style></head>'
        f"<body>{top}<h1>{safe(title)}</h1>{''.join(parts)}</body></html>"
    )


def safe(text: object) -> str:
    return html.escape(str(text))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table; numbers stand to the right, and what is wrapped in `Raw` is not escaped."""
    top = "".join(f"<th>{safe(one)}</th>" for one in head)
    body = "".join(f"<tr>{''.join(_cell(one) for one in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


class Raw(str):
    """HTML of ours."""


def _cell(value: object) -> str:
    if isinstance(value, Raw):
        return f"<td>{value}</td>"
    number = isinstance(value, int)
    return f'<td class="number">{value:,}</td>' if number else f"<td>{safe(value)}</td>"


def report_page(
    told: Mapping[str, Any], facts: Sequence[tuple[str, str]], title: str, locale: str, *, picture: bytes = b"",
    names: Mapping[str, str], mark: str = "",
) -> str:  # fmt: skip
    """The report of a run: what was looked at, how each rule fared, and every unit with its faults.

    Parameters
    ----------
    facts : sequence of (str, str)
        What is said first.
    picture : bytes
        PNG, or nothing.
    names : mapping
        What units are called.
    """
    t = translator(locale)
    parts = [f"<p>{'<br>'.join(f'{safe(name)}: {safe(value)}' for name, value in facts)}</p>"]
    if picture:
        parts.append(f'<img alt="" src="data:image/png;base64,{base64.b64encode(picture).decode()}">')
    parts += [f"<h2>{safe(t('Rules'))}</h2>", table(*rule_rows(told, locale, t))]
    units = sorted(told["units"], key=lambda one: (-one["error"], -one["warning"], one["unit"]))
    head = [t("Unit"), t("Records"), t("with an error"), t("with a warning"), t("with a note")]
    rows = [
        [names.get(one["unit"]) or one["unit"] or t("none declared"), *(one[key] for key in _COUNTS)] for one in units
    ]
    parts += [f"<h2>{safe(t('Units'))}</h2>", table(head, rows)]
    return page(title, parts, locale, mark)


_COUNTS = ("records", "error", "warning", "note")


def rule_rows(told: Mapping[str, Any], locale: str, t: Translate) -> tuple[list[str], list[list[object]]]:
    """Head and rows of the table of rules: those that found something first, those that were not run last."""
    head = [t("Rule"), t("Found"), t("Checked"), t("Cannot be judged"), t("Remark")]
    ranks = {name: place for place, name in enumerate(SEVERITIES)}
    ordered = sorted(told["rules"], key=lambda one: (bool(one["reason"]), ranks[one["severity"]], -one["found"]))
    return head, [
        [f"{_sign(one)} {one['zh' if locale == 'zh' else 'en']}", *_counts(one, t), _remark(one, t)]
        for one in ordered
    ]


def _sign(one: Mapping[str, Any]) -> str:
    """How bad what was found is; a rule that found nothing or was not run does not look like a fault."""
    return SEVERITIES[one["severity"]] if one["found"] else "?" if one["reason"] else "–"


def _counts(one: Mapping[str, Any], t: Translate) -> list[object]:
    if one["reason"]:
        return [one["found"] or t("not checked"), 0, 0]
    return [one["found"], one["checked"], one["unknown"]]


def _remark(one: Mapping[str, Any], t: Translate) -> str:
    if one["reason"]:
        return str(one["reason"])
    left, source = one["found"] - one["kept"], str(one.get("source", ""))
    said = [t("{n} more are counted and not kept").format(n=f"{left:,}")] if left > 0 else []
    return "; ".join([*said, *([source] if source and source.split(":")[0] != CONVENTION else [])])


def list_page(
    records: Sequence[Any], facts: Sequence[tuple[str, str]], title: str, locale: str, *, names: Mapping[str, str],
    mark: str = "",
) -> str:  # fmt: skip
    """The list of a sample, a sheet for each unit, with room for what is found."""
    t = translator(locale)
    parts = [f"<p>{'<br>'.join(f'{safe(name)}: {safe(value)}' for name, value in facts)}</p>"]
    boxes = "<br>".join(
        f'<span class="box"></span>{safe(word)}'
        for word in (t("as written"), t("faulty"), t("not there"), t("not reached"))
    )
    head = [
        "",
        t("Record"),
        t("As written"),
        t("Position"),
        t("Found"),
        t("Which attribute is wrong, and what is it?"),
    ]
    for unit, group in groupby(records, key=lambda one: one.unit):
        rows = [
            [one.number, one.record_id, Raw("<br>".join(f"{safe(k)}: {safe(_fact(v))}"
             for k, v in one.facts.items())), _place(one), Raw(boxes), Raw('<div class="empty"></div>')]
            for one in group
        ]  # fmt: skip
        heading = f"<h2>{safe(names.get(unit) or unit or t('none declared'))}</h2>"
        signed = f'<p class="dim">{safe(t("Looked at by, on"))}: ______________________</p>'
        parts.append(f'<section class="unit">{heading}{table(head, rows)}{signed}</section>')
    return page(title, parts, locale, mark)


def _fact(value: Any) -> str:
    return "–" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _place(one: Any) -> str:
    return "–" if one.lon is None else f"{one.lon:.6f}, {one.lat:.6f}"
