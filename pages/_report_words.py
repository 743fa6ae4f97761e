"""A trial's report in sentences: what a planner needs before any number of the trade."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from data.clock import parse_time
from data.text import Translate
from pages._table_faults import row_faults
from pages._times import local, span

FEW = 10  # events or warnings; below, the words say so


def reasons(t: Translate) -> dict[str, str]:
    """Why a score has no value."""
    return {
        "no event happened": t("no event happened"),
        "nothing was warned": t("nothing was warned"),
        "neither a warning nor an event": t("neither a warning nor an event"),
        "there was no time without an event": t("there was no time without an event"),
        "the quiet times were not counted": t("the quiet times were not counted"),
        "its denominator is zero": t("its denominator is zero"),
        "no event was warned of before it began": t("no event was warned of before it began"),
        "no truth was given": t("no truth was given"),
        "the truth has no event of this hazard in this time and these regions": t(
            "the truth has no event of this hazard in this time and these regions"
        ),
        "nobody has told what happened in this month": t("nobody has told what happened in this month"),
        "the truth gives no levels": t("the truth gives no levels"),
        "nothing of what the rule looks at is in the history": t(
            "nothing of what the rule looks at is in the history"
        ),
    }


def score_names(t: Translate) -> dict[str, str]:
    """What the scores are called."""
    return {
        "pod": t("Probability of detection (POD)"),
        "pod_pew": t("Share of the events' time under a warning"),
        "far": t("False alarm ratio (FAR)"),
        "csi": t("Critical success index (CSI)"),
        "bias": t("Frequency bias"),
        "gss": t("Gilbert skill score (GSS)"),
        "hss": t("Heidke skill score (HSS)"),
        "pss": t("Peirce skill score (PSS)"),
        "pofd": t("Probability of false detection (POFD)"),
        "lead_all_s": t("Mean lead time over all events"),
        "lead_warned_s": t("Mean lead time of those warned of in advance"),
    }


def score_text(name: str, score: Mapping[str, Any], t: Translate) -> str:
    """A score as people read it: its value with the interval, or in words why there is none."""
    value = score["value"]
    if value is None:
        return t("undefined: {reason}").format(reason=reasons(t).get(score["reason"], score["reason"]))
    if name.endswith("_s"):
        return length(value, t)
    text = f"{value:.2f}"
    if score.get("low") is not None:
        text = t("{value} (95 %: {low} to {high})").format(
            value=text, low=f"{score['low']:.2f}", high=f"{score['high']:.2f}"
        )
    return t("{text}; too few cases to rely on").format(text=text) if score.get("few") else text


def length(seconds: float, t: Translate) -> str:
    """A length of time."""
    return span(timedelta(seconds=seconds), t)


def headline(block: Mapping[str, Any], t: Translate) -> str:
    """The one sentence: events, warned of, how far ahead; warnings, false."""
    found, lead = block["all"], block["lead_s"]
    if block["unknown"]["regions_watched"] == 0:
        return t("Nothing can be said: nothing of what the rule looks at is in the history.")
    if block["no_scores"]:
        reason = reasons(t).get(block["no_scores"], block["no_scores"])
        text = t("{n} warnings would have been proposed; whether rightly, nobody can tell: {reason}.")
        return text.format(n=found["warnings"], reason=reason)
    if not found["hits"]:
        first = t("Of {events} events none was warned of").format(events=found["events"])
    elif lead["median"]:
        first = t("Of {events} events {hits} were warned of, in the median {lead} ahead").format(
            events=found["events"], hits=found["hits"], lead=length(lead["median"], t)
        )
    else:
        first = t("Of {events} events {hits} were warned of, most of them only after they had begun").format(
            events=found["events"], hits=found["hits"]
        )
    if not found["warnings"]:
        return t("{first}; there was no warning.").format(first=first)
    return t("{first}; {false} of {warnings} warnings were false.").format(
        first=first, false=found["false_alarms"], warnings=found["warnings"]
    )


def remarks(report: Mapping[str, Any], block: Mapping[str, Any], t: Translate) -> list[str]:
    """What must be known beside the headline: few cases, late ones, the unknown, the load on people."""
    if block["unknown"]["regions_watched"] == 0:
        return []
    found, lead, asked = block["all"], block["lead_s"], block["proposals"]
    said = []
    if not block["no_scores"] and (found["events"] < FEW or found["warnings"] < FEW):
        said.append(t("These are too few cases to rely on: with one more or less the scores would be others."))
    said += _by_level(block, t)
    if lead["late"]:
        said.append(t("{n} events were warned of only after they had begun.").format(n=lead["late"]))
    if lead["count"] >= FEW and lead["median"]:
        text = t("One in ten was warned of less than {low} ahead, and one in ten more than {high}.")
        said.append(text.format(low=length(lead["p10"], t), high=length(lead["p90"], t)))
    if asked["per_week"] is None:
        text = t("{n} proposals in less than a week: too short a time to tell how many there are a week.")
        said.append(text.format(n=asked["total"]))
    else:
        text = t("{week:.1f} proposals a week, {officer:.1f} for each of {n} officers; {most} in the worst week.")
        said.append(
            text.format(
                week=asked["per_week"],
                officer=asked["per_officer"],
                n=report["officers"],
                most=asked["most_in_a_week"],
            )
        )
    share = block["unknown"]["share"]
    if share is not None:
        said.append(t("{share:.1%} of the watched time could not be told.").format(share=share))
    if block["failed"]:
        count = sum(block["failed"].values())
        text = t("{n} evaluations failed: {reason}")
        said.append(text.format(n=count, reason="; ".join(block["failed"])))
    return said


def _by_level(block: Mapping[str, Any], t: Translate) -> list[str]:
    """How the events did at their own level: a mild warning of a severe event is half a warning."""
    told = []
    higher = [*block["by_level"][1:], {"events": 0}]
    for one, above in zip(block["by_level"], higher, strict=True):
        if one["events"] == above["events"] or one["false_alarms"] is None:
            continue  # no event of exactly this level
        mean = one["scores"]["lead_warned_s"]["value"]
        if mean is None:
            text = t("At {level} or above: {hits} of {events} events, none of them ahead.")
        else:
            text = t("At {level} or above: {hits} of {events} events, in the mean {lead} ahead.")
        lead = "" if mean is None else length(mean, t)
        told.append(text.format(level=t(one["level"]), hits=one["hits"], events=one["events"], lead=lead))
    return told


def about_input(report: Mapping[str, Any], t: Translate, zone: ZoneInfo, lang: str) -> list[str]:
    """What the report stands on: the history, what was left out of it, and the truth."""
    history, truth = report["history"], report["truth"]
    start, end = (local(parse_time(history[name]), zone) for name in ("from", "to"))
    said = [t("History {name}, {start} to {end}.").format(name=history["name"], start=start, end=end)]
    if history["rejected"]:
        said.append(t("{n} rows of the history could not be used.").format(n=len(history["rejected"])))
        said.append(row_faults(history["rejected"], t))
    notes = [note if isinstance(note, str) else note[lang] for note in history["notes"]]
    said += [_sentence(note_words(t).get(note, note)) for note in notes]
    if truth is None:
        return said
    said.append(t("{n} true events, {r} of them reconstructed.").format(n=truth["events"], r=truth["reconstructed"]))
    if truth["rejected"]:
        said.append(t("{n} rows of the truth could not be used.").format(n=len(truth["rejected"])))
        said.append(row_faults(truth["rejected"], t))
    for hazard, count in truth["of_other_hazards"].items():
        said.append(t("{n} events of {hazard}: no rule of this trial is for them.").format(n=count, hazard=hazard))
    return said


def note_words(t: Translate) -> dict[str, str]:
    """What a history says of itself."""
    return {
        "the table does not say when readings came: each is taken to have come when it was observed": t(
            "the table does not say when readings came: each is taken to have come when it was observed"
        ),
        "the files do not say when they came: a step is taken to have come at its time, or at that of its run": t(
            "the files do not say when they came: a step is taken to have come at its time, or at that of its run"
        ),
        "a reading that was corrected later counts from its correction on": t(
            "a reading that was corrected later counts from its correction on"
        ),
    }


def _sentence(text: str) -> str:
    closed = text.rstrip().endswith((".", "。"))
    return text[:1].upper() + text[1:] + ("" if closed else "。" if text[:1] > "\u3000" else ".")


def issued_words(report: Mapping[str, Any], t: Translate) -> list[str]:
    """How the signals that were really issued did by the same truth; nothing where there are none."""
    found = report.get("issued")
    if not found or not found["warnings"]:
        return []
    if found["false_alarms"] is None:
        return [t("{n} signals were really issued in this time.").format(n=found["warnings"])]
    text = t("Of the signals really issued, {n} in all, {false} met no event; of {events} events {hits} met one.")
    told = text.format(
        n=found["warnings"], false=found["false_alarms"], events=found["events"], hits=found["hits"]
    )  # fmt: skip
    lead = found["scores"]["lead_warned_s"]["value"]
    if lead is None:
        return [told]
    return [told, t("In the mean they were {lead} ahead.").format(lead=length(lead, t))]
