"""The elements of CAP 1.2, their order and how often each may stand; written from the standard's element tables.

Reference: OASIS, Common Alerting Protocol 1.2 (2010), sections 3.2.1 to 3.2.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from data.cap_words import (
    CATEGORIES,
    CERTAINTIES,
    MESSAGE_TYPES,
    RESPONSE_TYPES,
    SCOPES,
    SEVERITIES,
    STATUSES,
    URGENCIES,
)


class Times(NamedTuple):
    """How often an element stands in its parent; `most` of 0 means any number."""

    least: int
    most: int


ONE, MAYBE, ANY, SOME = Times(1, 1), Times(0, 1), Times(0, 0), Times(1, 0)


@dataclass(frozen=True, slots=True)
class Element:
    """One row of an element table."""

    name: str
    times: Times
    children: tuple[Element, ...] = ()
    words: tuple[str, ...] = ()  # the closed list, where there is one

    def child(self, name: str) -> Element | None:
        """The row of a child."""
        return next((one for one in self.children if one.name == name), None)


def _pair(name: str) -> Element:
    return Element(name, ANY, (Element("valueName", ONE), Element("value", ONE)))


RESOURCE = Element("resource", ANY, (
    Element("resourceDesc", ONE), Element("mimeType", ONE), Element("size", MAYBE), Element("uri", MAYBE),
    Element("derefUri", MAYBE), Element("digest", MAYBE),
))  # fmt: skip
AREA = Element("area", ANY, (
    Element("areaDesc", ONE), Element("polygon", ANY), Element("circle", ANY), _pair("geocode"),
    Element("altitude", MAYBE), Element("ceiling", MAYBE),
))  # fmt: skip
INFO = Element("info", ANY, (
    Element("language", MAYBE), Element("category", SOME, words=CATEGORIES), Element("event", ONE),
    Element("responseType", ANY, words=RESPONSE_TYPES), Element("urgency", ONE, words=URGENCIES),
    Element("severity", ONE, words=tuple(SEVERITIES)), Element("certainty", ONE, words=CERTAINTIES),
    Element("audience", MAYBE), _pair("eventCode"), Element("effective", MAYBE), Element("onset", MAYBE),
    Element("expires", MAYBE), Element("senderName", MAYBE), Element("headline", MAYBE),
    Element("description", MAYBE), Element("instruction", MAYBE), Element("web", MAYBE), Element("contact", MAYBE),
    _pair("parameter"), RESOURCE, AREA,
))  # fmt: skip
ALERT = Element("alert", ONE, (
    Element("identifier", ONE), Element("sender", ONE), Element("sent", ONE),
    Element("status", ONE, words=STATUSES), Element("msgType", ONE, words=MESSAGE_TYPES), Element("source", MAYBE),
    Element("scope", ONE, words=SCOPES), Element("restriction", MAYBE), Element("addresses", MAYBE),
    Element("code", ANY), Element("note", MAYBE), Element("references", MAYBE), Element("incidents", MAYBE), INFO,
))  # fmt: skip


def rows(element: Element = ALERT, path: str = "") -> Mapping[str, Element]:
    """Every row by its path, as `alert/info/area/polygon`."""
    here = f"{path}/{element.name}".lstrip("/")
    found = {here: element}
    for child in element.children:
        found.update(rows(child, here))
    return found
