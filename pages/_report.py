"""The report on a rule's trial: figures for the page, and one HTML file that needs nothing from outside."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from data.clock import parse_time
from data.text import Translate, translator
from pages import _report_figures as pictures
from pages._chart import CONFIG
from pages._report_words import about_input, headline, issued_words, length, remarks, score_names, score_text
from pages._times import local

SHOWN = ("pod", "far", "csi", "pod_pew", "lead_warned_s", "lead_all_s")
OF_DAYS = ("bias", "gss", "hss", "pss", "pofd")

STYLE = """
:root{color-scheme:light dark;--ink:#1f2430;--dim:#5b6270;--line:#d6d9e0;--paper:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#e6e8ee;--dim:#9aa1b0;--line:#353b48;--paper:#14171d}}
body{font:16px/1.5 system-ui,"Noto Sans SC",sans-serif;color:var(--ink);background:var(--paper);margin:0 auto;
max-width:1080px;padding:24px 16px}
h1{font-size:24px;margin:0 0 4px}
h2{font-size:20px;margin:32px 0 4px;border-top:1px solid var(--line);padding-top:24px}
.lead{font-size:20px;margin:8px 0}.dim{color:var(--dim)}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{border-bottom:1px solid var(--line);padding:4px 16px 4px 0;text-align:left;vertical-align:top}
th{font-weight:600}.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:16px}
.chart{height:380px;min-width:0}.wide{overflow-x:auto}code{font-size:13px;overflow-wrap:anywhere}
"""


def figures(
    report: Mapping[str, Any], lang: str, *, rule: int = 0, base_dir: Path | None = None
) -> list[dict[str, Any]]:
    """The Plotly figures of one rule of a report: curve, lead times, proposals a week, map of misses."""
    t, block = translator(lang), report["rules"][rule]
    made = [] if len(block["curve"]) < 2 else [pictures.curve(block, t)]
    if not block["no_scores"]:
        made.append(pictures.leads(block, t))
    made.append(pictures.weeks(block, t))
    if not block["no_scores"]:
        made.append(pictures.miss_map(block, t, lang, base_dir))
    return made


def sentences(report: Mapping[str, Any], lang: str, *, rule: int = 0) -> list[str]:
    """What there is to say of one rule, the most important first."""
    t, block = translator(lang), report["rules"][rule]
    return [headline(block, t), *remarks(report, block, t)]


def score_rows(block: Mapping[str, Any], t: Translate) -> list[tuple[str, str]]:
    """Names and values of the scores, undefined ones in words."""
    names = score_names(t)
    rows = [(names[name], score_text(name, block["all"]["scores"][name], t)) for name in SHOWN]
    days = block["all"]["region_days"]
    if not block["no_scores"]:
        rows += [(names[name], score_text(name, days["scores"][name], t)) for name in OF_DAYS]
    return rows


def page(report: Mapping[str, Any], lang: str, *, base_dir: Path | None = None, zone: ZoneInfo | None = None) -> str:
    """The whole report as one HTML file, scripts inside, nothing fetched; times are in `zone`, else in UTC."""
    from plotly.offline import get_plotlyjs

    t = translator(lang)
    title = t("Rules tried on the past")
    there = zone or ZoneInfo("UTC")
    said = [*about_input(report, t, there, lang), *issued_words(report, t)]
    parts = [f"<h1>{_safe(title)}</h1>", *(f'<p class="dim">{_safe(text)}</p>' for text in said)]
    for number in range(len(report["rules"])):
        parts += _section(report, number, lang, base_dir, there)
    language = "zh-Hans" if lang == "zh" else "en"
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{_safe(title)}</title>'
        f"<style>{STYLE}</style><script>{get_plotlyjs()}</script></head><body>{''.join(parts)}</body></html>"
    )


def _section(report: Mapping[str, Any], number: int, lang: str, base_dir: Path | None, zone: ZoneInfo) -> list[str]:
    t, block = translator(lang), report["rules"][number]
    said = sentences(report, lang, rule=number)
    parts = [
        f"<h2>{_safe(block['title'][lang if lang in block['title'] else 'en'])}</h2>",
        f'<p class="lead">{_safe(said[0])}</p>',
        f"<ul>{''.join(f'<li>{_safe(text)}</li>' for text in said[1:])}</ul>",
        *_charts(report, number, lang, base_dir),
        _table([t("Score"), t("Value")], score_rows(block, t)),
    ]
    if block["events"]:
        parts += [f"<h3>{_safe(t('Events'))}</h3>", _table(*_events(block, t, zone))]
    facts = t("Rule {rule}, version {version}, digest {digest}; {n} evaluations.").format(
        rule=block["rule"], version=block["version"], digest=block["digest"], n=block["evaluations"]
    )
    return [*parts, f'<p class="dim"><code>{_safe(facts)}</code></p>']


def _events(block: Mapping[str, Any], t: Translate, zone: ZoneInfo) -> tuple[list[str], list[tuple[str, ...]]]:
    head = [t("Place"), t("From"), t("To"), t("Level"), t("Outcome"), t("Source")]
    status = {"observed": t("observed"), "reconstruction": t("reconstruction")}
    rows = []
    for event in block["events"]:
        place = event["region"] or f"{event['lon']:g}, {event['lat']:g}"
        if not event["warned"]:
            outcome = t("missed")
        elif event["lead_s"] > 0:
            outcome = t("warned of {lead} ahead").format(lead=length(event["lead_s"], t))
        else:
            outcome = t("warned of after it had begun")
        source = f"{event['source']} ({status[event['status']]})".strip()
        level = "–" if event["level"] == "none" else t(event["level"])
        times = [local(parse_time(event[name]), zone) for name in ("start", "end")]
        rows.append((place, *times, level, outcome, source))
    return head, rows


def _charts(report: Mapping[str, Any], number: int, lang: str, base_dir: Path | None) -> list[str]:
    config = json.dumps(CONFIG | {"responsive": True})
    boxes, scripts = [], []  # every box is there before any is drawn, so that each knows its width
    for place, figure in enumerate(figures(report, lang, rule=number, base_dir=base_dir)):
        name = f"chart-{number}-{place}"
        body = json.dumps(figure, ensure_ascii=False, allow_nan=False).replace("</", "<\\/")
        boxes.append(f'<div class="chart" id="{name}"></div>')
        scripts.append(f'<script>{{const f={body};Plotly.newPlot("{name}",f.data,f.layout,{config})}}</script>')
    return [f'<div class="charts">{"".join(boxes)}</div>', *scripts]


def _table(head: Sequence[str], rows: Sequence[tuple[str, ...]]) -> str:
    top = "".join(f"<th>{_safe(text)}</th>" for text in head)
    body = "".join("<tr>" + "".join(f"<td>{_safe(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _safe(text: str) -> str:
    return html.escape(str(text))
