"""One CAP `alert` element, of version 1.0, 1.1 or 1.2, as a record.

What the older versions write differently is mapped: certainty "Very Likely" is Likely, `name=value` texts are pairs,
a 1.0 message without scope is public, references of 1.0 are "identifier/sender".

Times without a zone are against the standard and occur. None of them is guessed silently: `sent` is read as UTC (it
orders messages and names them), `expires` as the latest instant the digits can mean (offset -12:00) so that nothing
ends early, `onset` is left out so that nothing starts late; each leaves a note. Messages that say nothing of their
identity, status or scope cannot be handled safely and become rejects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypeVar

from data.cap_words import (
    CERTAINTIES,
    MESSAGE_TYPES,
    SCOPES,
    SEVERITIES,
    SIGNATURE,
    STATUSES,
    UNSEEN,
    URGENCIES,
    VERSIONS,
)
from data.clock import iso, parse_time
from data.model import IncomingWarning
from ingest.cap_area import Areas

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

T = TypeVar("T")

NO_END_GIVEN = timedelta(hours=24)


def read_alert(alert: Element, language: str) -> IncomingWarning:
    """A record for one `alert` element.

    Parameters
    ----------
    alert : Element
        In one of the namespaces of `VERSIONS`.
    language : str
        Preferred language, as "en"; the first language of the message where it is missing.

    Raises
    ------
    ValueError
        If identifier, sender, sent, status, msgType or scope is missing or not what CAP allows.
    """
    version = VERSIONS[namespace(alert)]
    notes: list[str] = []
    identifier, sender = (_required(alert, name) for name in ("identifier", "sender"))
    for name, value in (("identifier", identifier), ("sender", sender)):
        if re.search(r"[\s,<&]", value):
            notes.append(f"{name} holds a blank, comma, < or &: other messages may not be able to refer to it")
    scope = text(alert, "scope") or ("Public" if version == "1.0" else "")
    infos = [_read_info(info, language, notes) for info in children(alert, "info")]
    return compose(
        identifier=identifier,
        sender=sender,
        sent=_required(alert, "sent"),
        status=_required(alert, "status"),
        message_type=_required(alert, "msgType"),
        scope=scope,
        references=text(alert, "references"),
        infos=infos,
        language=language,
        notes=notes,
        attributes={
            "version": version,
            "signed": alert.find(SIGNATURE) is not None,
            **{
                name: value for name in ("note", "source", "restriction", "addresses") if (value := text(alert, name))
            },
            **({"incidents": text(alert, "incidents")} if text(alert, "incidents") else {}),
            **({"code": codes} if (codes := texts(alert, "code")) else {}),
        },
    )


def compose(
    *, identifier: str, sender: str, sent: str, status: str, message_type: str, scope: str, references: str,
    infos: Sequence[tuple[Mapping[str, Any], Areas]], language: str, notes: list[str], attributes: Mapping[str, Any],
) -> IncomingWarning:  # fmt: skip
    """The record from its parts as written, whichever format they came in; ValueError as in `read_alert`."""
    for name, value, allowed in (
        ("status", status, STATUSES), ("msgType", message_type, MESSAGE_TYPES), ("scope", scope, SCOPES),
    ):  # fmt: skip
        if value not in allowed:
            raise ValueError(
                f"{name} is {'missing' if not value else repr(value[:40])}, not one of {', '.join(allowed)}"
            )
    sent_at = read_sent(sent, notes)
    preferred = _preferred(infos, language)
    worst = max((info for info, _ in preferred), key=lambda info: SEVERITIES[info["severity"]], default={})
    shapes = Areas(notes=notes)
    for _, areas in preferred if any(areas.shapes for _, areas in preferred) else infos:
        shapes.shapes += areas.shapes
        shapes.holes += areas.holes
        notes += areas.notes
    expires_at = _last_end([info for info, _ in preferred], sent_at, notes)
    if expires_at is not None and expires_at <= sent_at:
        notes.append("expires before it was sent: not in force")
    geometry = shapes.geojson()
    onsets = [_naive_is_none(info.get("onset", ""), notes) for info, _ in preferred]
    starts = [onset for onset in onsets if onset is not None]
    return IncomingWarning(
        id=identifier,
        sender=sender,
        sent_at=sent_at,
        status=status,
        message_type=message_type,
        scope=scope,
        level=SEVERITIES[worst.get("severity", "Unknown")],
        event=worst.get("event", ""),
        headline=worst.get("headline", ""),
        severity=worst.get("severity", "Unknown"),
        urgency=worst.get("urgency", "Unknown"),
        certainty=worst.get("certainty", "Unknown"),
        onset_at=min(starts) if starts and len(starts) == len(onsets) else None,
        expires_at=expires_at,
        language=str(worst.get("language", ""))[:20],
        references=read_references(references, notes),
        geometry=geometry,
        area="; ".join(_unique(area["area"] for info, _ in preferred for area in info["areas"] if area["area"])),
        geocodes=tuple(
            _unique(
                (name, value) for info, _ in preferred for area in info["areas"] for name, value in area["geocodes"]
            )
        ),
        infos=tuple(info for info, _ in infos),
        attributes={**attributes, "notes": list(_unique(notes))},
    )


def read_sent(written: str, notes: list[str]) -> datetime:
    """The time of sending; without a zone it is read as UTC and noted. ValueError when it is no time."""
    try:
        return parse_time(written)
    except ValueError:
        pass
    try:
        naive = datetime.fromisoformat(written.strip())
    except ValueError:
        raise ValueError(f"sent is not a time: {written[:40]!r}") from None
    notes.append("sent has no time zone: read as UTC, it may be up to 14 hours off")
    return naive.replace(tzinfo=UTC)


def read_references(written: str, notes: list[str]) -> tuple[tuple[str, str, str], ...]:
    """Triples (sender, identifier, sent as written); in CAP 1.0 pairs identifier/sender, whose sent is empty."""
    found: list[tuple[str, str, str]] = []
    for part in written.split():
        pieces = part.split(",")
        if len(pieces) >= 3 and all((pieces[0], pieces[-1], *pieces[1:-1])):
            found.append((pieces[0], ",".join(pieces[1:-1]), pieces[-1]))
        elif part.count("/") == 1 and "," not in part and all(part.split("/")):
            identifier, sender = part.split("/")
            found.append((sender, identifier, ""))
        else:
            notes.append(f"reference not understood: {part[:120]}")
    return tuple(_unique(found))


def clean(value: str) -> str:
    """Text as a reader may see it: trimmed, without control and direction characters."""
    return UNSEEN.sub("", value).strip()


def one_of(value: str, allowed: Iterable[str], what: str, notes: list[str]) -> str:
    """A word of a closed list, whatever its case; "Unknown" and a note for any other."""
    for word in allowed:
        if value.strip().lower() == word.lower():
            return word
    notes.append(f"{what} is {'missing' if not value.strip() else repr(value.strip()[:40])}: taken as Unknown")
    return "Unknown"


def namespace(element: Element) -> str:
    """The namespace of an element, or ""."""
    tag = str(element.tag)
    return tag[1:].split("}")[0] if tag.startswith("{") else ""


def children(element: Element, name: str) -> list[Element]:
    """Child elements of this name in the namespace of the parent."""
    return list(element.findall(f"{{{namespace(element)}}}{name}"))


def text(element: Element, name: str) -> str:
    """Clean text of the first child of this name, or ""."""
    return next(iter(texts(element, name)), "")


def texts(element: Element, name: str) -> list[str]:
    """Clean texts of all children of this name."""
    return [clean("".join(str(part) for part in child.itertext())) for child in children(element, name)]


def _required(alert: Element, name: str) -> str:
    value = text(alert, name)
    if not value:
        raise ValueError(f"{name} is missing")
    return value


def _read_info(info: Element, language: str, notes: list[str]) -> tuple[Mapping[str, Any], Areas]:
    certainty = text(info, "certainty")
    areas = Areas()
    found: dict[str, Any] = {
        "language": text(info, "language") or "en-US",
        "category": texts(info, "category"),
        "event": text(info, "event"),
        "responseType": texts(info, "responseType"),
        "urgency": one_of(text(info, "urgency"), URGENCIES, "urgency", notes),
        "severity": one_of(text(info, "severity"), SEVERITIES, "severity", notes),
        "certainty": one_of(
            "Likely" if certainty.lower() == "very likely" else certainty, CERTAINTIES, "certainty", notes
        ),
        **{
            name: value
            for name in (
                "audience", "effective", "onset", "expires", "senderName", "headline", "description", "instruction",
                "web", "contact",
            )
            if (value := text(info, name))
        },
        **{name: pairs for name in ("eventCode", "parameter") if (pairs := _pairs(info, name))},
        "areas": [_read_area(area, areas) for area in children(info, "area")],
    }  # fmt: skip
    resources = [
        {name: value for name in ("resourceDesc", "mimeType", "size", "uri", "digest") if (value := text(one, name))}
        for one in children(info, "resource")
    ]
    return found | ({"resource": resources} if resources else {}), areas


def _read_area(area: Element, shapes: Areas) -> Mapping[str, Any]:
    polygons, circles = texts(area, "polygon"), texts(area, "circle")
    for polygon in polygons:
        shapes.add_polygon(polygon)
    for circle in circles:
        if circle:
            shapes.add_circle(circle)
    geocodes = _pairs(area, "geocode")
    if polygons:
        for name, value in geocodes:
            if name == "EXCLUDE_POLYGON":
                shapes.add_hole(value)
    heights = {f"{name}_ft": value for name in ("altitude", "ceiling") if (value := text(area, name))}
    return {
        "area": text(area, "areaDesc"),
        "polygons": len(polygons),
        "circles": len(circles),
        "geocodes": [[name, value] for name, value in geocodes if name != "EXCLUDE_POLYGON"],
        **heights,
    }


def _pairs(element: Element, name: str) -> list[tuple[str, str]]:
    """`valueName`/`value` pairs, of which some services put several into one element; 1.0 writes name=value."""
    found: list[tuple[str, str]] = []
    for child in children(element, name):
        names, values = texts(child, "valueName"), texts(child, "value")
        if names:
            found += zip(names, [*values, *[""] * len(names)], strict=False)
        elif "=" in (written := clean(child.text or "")):
            left, _, right = written.partition("=")
            found.append((left.strip(), right.strip()))
    return found


def _preferred(
    infos: Sequence[tuple[Mapping[str, Any], Areas]], language: str
) -> Sequence[tuple[Mapping[str, Any], Areas]]:
    """The infos in the wanted language, else those in the language of the first."""

    def primary(tag: str) -> str:
        return tag.lower().replace("_", "-").split("-")[0]

    for wanted in (primary(language), primary(infos[0][0]["language"]) if infos else ""):
        found = [pair for pair in infos if primary(pair[0]["language"]) == wanted]
        if found:
            return found
    return infos


def _last_end(infos: Sequence[Mapping[str, Any]], sent_at: datetime, notes: list[str]) -> datetime | None:
    """The time at which the last info ends; an info without an end lasts at least 24 hours from sending."""
    ends = [_latest_instant(info.get("expires", ""), notes) for info in infos]
    given = [end for end in ends if end is not None]
    if not given:
        return None
    if len(given) < len(ends):
        notes.append("an info gives no end: kept for at least 24 hours from sending")
        given.append(sent_at + NO_END_GIVEN)
    return max(given)


def _latest_instant(written: str, notes: list[str]) -> datetime | None:
    if not written:
        return None
    try:
        return parse_time(written)
    except ValueError:
        pass
    try:
        latest = datetime.fromisoformat(written).replace(tzinfo=timezone(timedelta(hours=-12))).astimezone(UTC)
    except (ValueError, OverflowError):
        notes.append(f"expires is not a time: {written[:40]!r}")
        return None
    notes.append(f"expires has no time zone: kept until {iso(latest)}, the latest it can mean")
    return latest


def _naive_is_none(written: str, notes: list[str]) -> datetime | None:
    if not written:
        return None
    try:
        return parse_time(written)
    except ValueError:
        notes.append(f"onset is not a time with a zone: {written[:40]!r}, taken as already begun")
        return None


def _unique(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))
