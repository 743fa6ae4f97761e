"""A month's scores as people read them: a sentence for each hazard, the contingency table, and every number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from alerts.month import Month, MonthRow
from data.text import Translate
from pages._report_words import length, reasons, score_text

FEW = 10
COLUMNS = ("events", "hits", "misses", "warnings", "false_alarms", "still_in_force", "not_known")


def section(hazard: str, name: str, rows: Sequence[MonthRow], t: Translate, locale: str) -> Component:
    """One hazard: what a planner needs first, then the numbers of each office."""
    whole = rows[0]
    return html.Section(
        [
            html.H2(name),
            html.P(sentence(whole, t), className="said"),
            *(html.P(text) for text in who_told(whole, t)),
            *([html.P(t("These are too few cases to rely on: with one more or less the scores would be others."))]
              if _few(whole) else []),
            html.Div(_contingency(whole, t), className="wide"),
            html.Div(_offices(rows, t, locale), className="wide"),
        ],
        **{"data-hazard": hazard},
    )  # fmt: skip


def sentence(row: MonthRow, t: Translate) -> str:
    """What happened, what was warned of, and what was false."""
    count = row.counts
    if count["false_alarms"] is None:
        text = t("{n} warnings; whether rightly, nobody can tell yet: nobody has told what happened in this month.")
        return text.format(n=count["warnings"])
    if not count["events"]:
        first = t("No event was told of")
    else:
        first = t("{hits} of {events} events were warned of").format(hits=count["hits"], events=count["events"])
        lead = row.scores["lead_all_s"]["value"]
        if count["hits"] and lead:
            first = t("{first}, in the mean {lead} ahead").format(first=first, lead=length(lead, t))
    if not count["warnings"]:
        return t("{first}; there was no warning.").format(first=first)
    told = (count["warnings"] or 0) - (count["still_in_force"] or 0) - (count["not_known"] or 0)
    second = t("{first}; {false} of {warnings} warnings were false").format(
        first=first, false=count["false_alarms"], warnings=told
    )
    if count["still_in_force"]:
        second = t("{text}, and {n} are still in force").format(text=second, n=count["still_in_force"])
    return t("{text}.").format(text=second)


def who_told(row: MonthRow, t: Translate) -> list[str]:
    """Where the truth comes from, what part of the month it speaks for, and what such a score can show."""
    count, said = row.counts, []
    if count["of_instruments"]:
        text = t("Of the events {instruments} were seen by instruments, and {people} told of by people.")
        said.append(text.format(instruments=count["of_instruments"], people=count["of_people"]))
    if row.watched is not None and row.watched < 1 and not count["of_people"]:
        text = t("Instruments could have seen it in {share} of this time; whether anything happened in the rest is "
                 "not known.")  # fmt: skip
        said.append(text.format(share=f"{math.floor(row.watched * 100)} %"))
    if count["not_known"]:
        text = t("{n} warnings met nothing at times or places in which nobody could tell: they count neither as "
                 "right nor as false.")  # fmt: skip
        said.append(text.format(n=count["not_known"]))
    if count["of_instruments"] or (row.watched and not count["of_people"]):
        said.append(t("Where these are the readings that the rule itself looked at, the score checks the rule's "
                      "timing and reach, not the reading."))  # fmt: skip
    return said


def _few(row: MonthRow) -> bool:
    count = row.counts
    return count["false_alarms"] is not None and min(count["events"] or 0, count["warnings"] or 0) < FEW


def _contingency(row: MonthRow, t: Translate) -> Component:
    """The 2 x 2 table; nobody counts the times in which rightly nothing was warned, and the table says so."""
    count = row.counts
    head = html.Tr([html.Td(), html.Th(t("happened"), scope="col"), html.Th(t("did not happen"), scope="col")])
    body = [
        html.Tr([html.Th(t("warned of"), scope="row"), html.Td(_number(count["hits"], t)),
                 html.Td(_number(count["false_alarms"], t))]),
        html.Tr([html.Th(t("not warned of"), scope="row"), html.Td(_number(count["misses"], t)),
                 html.Td(t("not counted"), className="dim")]),
    ]  # fmt: skip
    return html.Table(
        [html.Caption(t("Events and warnings (contingency table)")), html.Thead(head), html.Tbody(body)],
        className="contingency",
    )


def _offices(rows: Sequence[MonthRow], t: Translate, locale: str) -> Component:
    names = [
        t("Office"), t("Events"), t("Warned of"), t("Missed"), t("Warnings"), t("False"), t("Still in force"),
        t("Not known"), "POD", "FAR", "CSI", t("Frequency bias"), t("Mean lead time"),
    ]  # fmt: skip
    body = [
        html.Tr(
            [
                html.Th(row.office.of(locale) if row.office else t("all offices"), scope="row"),
                *(html.Td(_number(row.counts[name], t), className="number") for name in COLUMNS),
                *_scores(row, t),
            ]
        )
        for row in rows
    ]
    head = html.Tr([html.Th(name, scope="col") for name in names])
    return html.Table([html.Thead(head), html.Tbody(body)], className="offices")


def _scores(row: MonthRow, t: Translate) -> list[Component]:
    """A cell for each score; one for all where none of them is defined, for one reason."""
    found = {name: row.scores[name] for name in ("pod", "far", "csi", "bias", "lead_all_s")}
    told = {name: score_text(name, score, t) for name, score in found.items()}
    if len(set(told.values())) == 1 and found["pod"]["value"] is None:
        return [html.Td(told["pod"], colSpan=len(told))]
    return [html.Td(text) for text in told.values()]


def _number(value: int | None, t: Translate) -> str:
    return t("not known") if value is None else f"{value:,}"


def truth_list(month: Month, names: Mapping[str, str], place: Any, when: Any, t: Translate) -> Component:
    """The events that the scores stand on, each with who told of it."""
    if not month.truth:
        return html.P(reasons(t)["nobody has told what happened in this month"], className="dim")
    status = {"observed": t("observed"), "reconstruction": t("reconstruction")}
    tellers = {"people": t("people"), "instruments": t("instruments")}
    names_of = (t("Hazard"), t("Place"), t("From"), t("To"), t("Told by"), t("Source"))
    head = html.Tr([html.Th(name) for name in names_of])
    body = [
        html.Tr(
            [
                html.Td(names.get(event.hazard, event.hazard)), html.Td(place(event)), html.Td(when(event.start_at)),
                html.Td(when(event.end_at)), html.Td(tellers[event.origin]),
                html.Td(f"{event.source} ({status[event.status]})".strip()),
            ]
        )
        for event in month.truth[:500]
    ]  # fmt: skip
    more = len(month.truth) - len(body)
    told = [html.Div(html.Table([html.Thead(head), html.Tbody(body)]), className="wide")]
    return html.Div([*told, *([html.P(t("and {n} more").format(n=more))] if more else [])])
