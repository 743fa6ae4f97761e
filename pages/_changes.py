"""What changed, said in words: one sentence for each line that the store keeps of a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data.text import Translate
from pages._context import Context
from pages._places import name_of

KINDS = {
    ("levels", "raised"): "Higher",
    ("levels", "lowered"): "Lower",
    ("levels", "unknown"): "Now unknown",
    ("levels", "known"): "Known again",
    ("levels", "watched"): "Watched regions changed",
    ("events", "event-new"): "New event",
    ("events", "events-new"): "New events",
    ("events", "event-revised"): "Event revised",
    ("events", "event-deleted"): "Event withdrawn",
    ("warnings", "new"): "New warning",
    ("warnings", "update"): "Warning updated",
    ("warnings", "cancel"): "Warning cancelled",
    ("desk", "alert"): "Warning issued",
    ("desk", "update"): "Update issued",
    ("desk", "cancel"): "End of a warning issued",
    ("fields", "field"): "New field",
    ("fields", "trimmed"): "Old fields removed",
    ("surveys", "new"): "New survey",
    ("surveys", "update"): "Survey updated",
    ("feeds", "feed-recovered"): "Feed recovered",
    ("feeds", "feed-failing"): "Feed fails",
    ("feeds", "feed-late"): "Feed is late",
    ("feeds", "feed-fresh"): "Feed is fresh again",
    ("feeds", "on"): "Feed switched on",
    ("feeds", "off"): "Feed switched off",
    ("feeds", "pause"): "Feed paused",
    ("feeds", "resume"): "Feed resumed",
    ("feeds", "run"): "Run asked for",
    ("notices", "opened"): "Notice",
    ("notices", "closed"): "Notice over",
    ("deliveries", "escalated"): "Escalated",
    ("proposals", "closed"): "Proposal closed",
    ("proposals", "first"): "Proposed: first",
    ("proposals", "new area"): "Proposed: new area",
    ("proposals", "higher"): "Proposed: higher",
    ("proposals", "lower"): "Proposed: lower",
    ("proposals", "all clear"): "Proposed: all clear",
    ("proposals", "correction"): "Proposed: correction",
    ("proposals", "withdrawn"): "Proposed: withdrawn",
    ("proposals", "late data"): "Proposed: late data",
}
GROUPS = ("raised", "lowered", "unknown", "known")
CAUSES = {
    "engine": "the engine is silent",
    "rules": "rules without an evaluation",
    "feeds": "feeds that fail",
    "rule files": "rule files with faults",
    "disk": "the disk is nearly full",
    "deliveries": "deliveries that did not arrive",
    "tampered": "messages that are not what was approved",
    "held": "deliveries are held",
    "unsigned": "approved warnings that could not be signed",
    "paths": "the daily message did not leave",
}


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A change as people read it; `code` is a region to open, or empty."""

    what: str
    subject: str
    note: str = ""
    code: str = ""


def sentence(row: Any, context: Context, t: Translate, locale: str) -> Sentence:
    """The words for one row of the table of changes."""
    what = t(KINDS.get((row.topic, row.kind), row.kind))
    detail: Mapping[str, Any] = row.detail or {}
    match row.topic:
        case "levels":
            group = next((name for name in GROUPS if name in detail), "")
            shown = detail.get(group, {})
            codes = shown.get("regions", [])
            return Sentence(
                what=what, subject=where(codes, shown.get("count", 0), context, t, locale), code=_one(codes)
            )
        case "proposals":
            titles = detail.get("title", {})
            codes = detail.get("regions", [])
            return Sentence(
                what=what,
                subject=titles.get(locale) or titles.get("en") or row.subject,
                note=where(codes, detail.get("count", 0), context, t, locale),
                code=_one(codes),
            )
        case "events":
            return Sentence(what=what, subject=_event(row, detail, t), note=_before(detail, t))
        case "warnings":
            words = detail.get("headline") or detail.get("event") or row.subject
            return Sentence(what=what, subject=words, note=detail.get("area", ""))
        case "desk":
            said = detail.get("headline", {})
            status = "" if detail.get("status") == "Actual" else str(detail.get("status", ""))
            return Sentence(what=what, subject=said.get(locale) or said.get("en") or row.subject, note=status)
        case "feeds":
            title = next((spec.title for spec in context.sources if spec.key == row.subject), row.subject)
            return Sentence(what=what, subject=title, note=str(detail.get("reason") or detail.get("note") or ""))
        case "notices":
            return Sentence(what=what, subject=t(CAUSES.get(row.subject, row.subject)))
        case _:
            return Sentence(what=what, subject=str(detail.get("title") or row.subject).replace("_", " "))


def where(codes: Sequence[str], count: int, context: Context, t: Translate, locale: str) -> str:
    """The first place and how many more."""
    rid = context.regions.by_code(codes[0]) if codes else None
    if rid is None:
        return ""
    first = name_of(rid, context.regions, locale)
    return first if count < 2 else t("{place} and {n} more").format(place=first, n=count - 1)


def _one(codes: Sequence[str]) -> str:
    return codes[0] if codes else ""


def _event(row: Any, detail: Mapping[str, Any], t: Translate) -> str:
    if row.kind == "events-new":
        return t("{n} from {source}").format(n=detail.get("count", 0), source=row.subject)
    return str(detail.get("title") or row.subject)


def _before(detail: Mapping[str, Any], t: Translate) -> str:
    before = detail.get("before") or {}
    now, then = detail.get("magnitude"), before.get("magnitude")
    if now is None or then is None or now == then:
        return ""
    return t("magnitude {then} became {now}").format(then=then, now=now)
