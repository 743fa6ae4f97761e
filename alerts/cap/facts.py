"""What a message says of itself, counted and copied as it stands: for reports, not for decisions."""

from __future__ import annotations

from typing import Any

from alerts.cap.message import Message, children, text, written
from alerts.cap.rules.area import circles, polygons
from alerts.cap.shapes import pairs_of
from data.cap_words import SIGNATURE


def facts_of(message: Message) -> dict[str, Any]:
    """Names, times, languages and counts of one message as plain data."""
    counts = [_count(written(one)) for one in polygons(message)]
    return {
        "namespace": str(message.root.tag).rpartition("}")[0].lstrip("{"),
        **{name: text(message.root, name) for name in ("identifier", "sender", "sent", "status", "msgType", "scope")},
        "infos": len(message.infos),
        "languages": _each(message, "language"),
        "events": _each(message, "event"),
        "severities": _each(message, "severity"),
        "expires": _each(message, "expires"),
        "areas": sum(len(children(info, "area")) for info in message.infos),
        "polygons": len(counts),
        "points": sum(counts),
        "circles": sum(1 for _ in circles(message)),
        "signed": next(message.root.iter(SIGNATURE), None) is not None,
    }


def _each(message: Message, name: str) -> list[str]:
    """The different texts of an element of info, in their order."""
    return list(dict.fromkeys(value for info in message.infos if (value := text(info, name))))


def _count(polygon: str) -> int:
    try:
        return len(pairs_of(polygon))
    except ValueError:
        return 0
