"""C26 to C37, C40 to C42: what is said, in which words, languages and times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from alerts.cap.finding import REJECT, REMARK, Found, found, rule
from alerts.cap.level import severity_of_awareness
from alerts.cap.message import Message, children, first, local, text, time_of, written
from data.cap_words import CATEGORIES, CERTAINTIES, RESPONSE_TYPES, SEVERITIES, UNSEEN, URGENCIES

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

LONGEST = timedelta(hours=72)
HEADLINE = 160  # characters
DEGREES = (("urgency", URGENCIES), ("severity", tuple(SEVERITIES)), ("certainty", CERTAINTIES))
FOR_PEOPLE = ("senderName", "headline", "description", "instruction", "contact")
NOT_TEXT = ("polygon", "circle", "derefUri", "uri", "web", "digest")
ACRONYMS = ("SAME", "UGC", "FIPS", "FIPS6", "VTEC", "EMMA_ID", "NUTS", "UTM", "HSAS", "ETN", "ISO")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>|<!--|&(?:[A-Za-z]{2,8}|#\d{1,7}|#x[0-9A-Fa-f]{1,6});")
_DOTTED = re.compile(r"(?:[A-Za-z]\.){2,}[A-Za-z]?")
_LATER_CONTROLS = re.compile("[\x80-\x9f\u200e\u200f\ufeff]")


@rule("C26", REJECT, "language is a tag of BCP 47 and is always written.", received=REJECT)
def c26(message: Message) -> Iterator[Found]:
    for info in message.infos:
        value = text(info, "language")
        if not value:
            yield found("The language is not written; en-US is taken for it.", info, weight=REMARK, received=REMARK)
        elif _LANGUAGE.fullmatch(value) is None:
            yield found("Not a language tag: {value}", first(info, "language"), value=value)


@rule("C27", REJECT, "All info blocks have the same categories and event codes, and one event in each language.")
def c27(message: Message) -> Iterator[Found]:
    infos = message.infos
    for info in infos[1:]:
        if _values(info, "category") != _values(infos[0], "category"):
            yield found("The categories are not those of the first info block.", info)
        if _pairs(info, "eventCode") != _pairs(infos[0], "eventCode"):
            yield found("The event codes are not those of the first info block.", info)
    events: dict[str, str] = {}
    for info in infos:
        event = text(info, "event")
        if events.setdefault(_language(info), event) != event:
            yield found("The event is another than in an info block of the same language.", info, weight=REMARK)


@rule("C28", REMARK, "Info blocks in different languages do not say the same words.")
def c28(message: Message) -> Iterator[Found]:
    said: dict[tuple[str, str], str] = {}
    for info in message.infos:
        for name in ("headline", "description", "instruction"):
            value = text(info, name)
            other = said.setdefault((name, value), _language(info)) if value else _language(info)
            if other != _language(info):
                yield found("{name} is the same text as in another language.", first(info, name), name=name)


@rule("C29", REMARK, "Info blocks of one language do not contradict each other.")
def c29(message: Message) -> Iterator[Found]:
    for one, other in combinations(message.infos[:50], 2):
        same = _language(one) == _language(other) and text(one, "event") == text(other, "event")
        if same and _places(one) & _places(other) and text(one, "severity") != text(other, "severity"):
            yield found("The severity is another than in an info block of the same language, event and area.", other)


@rule("C30", REJECT, "Each info block has a category, of the twelve words.", received=REJECT)
def c30(message: Message) -> Iterator[Found]:
    for info in message.infos:
        if not children(info, "category"):
            yield found("{name} is missing.", info, name="category")
        for one in children(info, "category"):
            if written(one) not in CATEGORIES:
                yield _not_among(one, "category", CATEGORIES)


@rule("C31", REJECT, "event is not empty.")
def c31(message: Message) -> Iterator[Found]:
    for info in message.infos:
        if not text(info, "event"):
            yield found("{name} is empty.", _at(info, "event"), name="event")


@rule("C32", REMARK, "responseType is of the nine words and fits what the message is.")
def c32(message: Message) -> Iterator[Found]:
    for info in message.infos:
        words = {written(one): one for one in children(info, "responseType")}
        for word, one in words.items():
            if word not in RESPONSE_TYPES:
                yield _not_among(one, "responseType", RESPONSE_TYPES)
        if "Assess" in words and text(message.root, "scope") == "Public":
            yield found("Assess is not for the public.", words["Assess"])
        if "None" in words and len(words) > 1:
            yield found("None stands beside other responses.", words["None"])
        if "AllClear" in words and message.type not in ("Update", "Cancel") and text(info, "urgency") != "Past":
            yield found("AllClear stands in a message that ends nothing.", words["AllClear"])


@rule("C33", REJECT, "urgency, severity and certainty are there, in their own words.", received=REJECT)
def c33(message: Message) -> Iterator[Found]:
    for info in message.infos:
        for name, words in DEGREES:
            element = first(info, name)
            if element is None:
                yield found("{name} is missing.", info, name=name)
            elif written(element) not in words:
                yield _not_among(element, name, words)


@rule("C34", REMARK, "Urgency, severity and certainty are known, and a colour stands for its severity.")
def c34(message: Message) -> Iterator[Found]:
    for info in message.infos:
        for name, _ in DEGREES:
            if text(info, name) == "Unknown":
                yield found("{name} is Unknown.", first(info, name), name=name)
        for one in children(info, "parameter"):
            stands_for = severity_of_awareness(text(one, "value"))
            if text(one, "valueName") == "awareness_level" and stands_for not in ("", text(info, "severity")):
                yield found("{value} stands for {severity}, not for the severity given.", one,
                            value=text(one, "value"), severity=stands_for)  # fmt: skip


@rule("C35", REJECT, "Event codes, parameters and geocodes have a name and a value; acronyms stand in capitals.")
def c35(message: Message) -> Iterator[Found]:
    for info in message.infos:
        for one in (*children(info, "eventCode"), *children(info, "parameter"), *_geocodes(info)):
            for part in ("valueName", "value"):
                if not text(one, part):
                    yield found("{name} has no {part}.", one, name=local(one), part=part)
            name = text(one, "valueName")
            if _DOTTED.fullmatch(name) or (name.upper() in ACRONYMS and name != name.upper()):
                yield found("An acronym is not in capitals without dots: {value}", one, weight=REMARK, value=name)


@rule("C36", REJECT, "effective, onset and expires follow each other, and the message expires after it is sent.")
def c36(message: Message) -> Iterator[Found]:
    for info in message.infos:
        given = [(name, time) for name in ("effective", "onset", "expires") if (time := time_of(info, name))]
        for (name, earlier), (later_name, later) in combinations(given, 2):
            if earlier > later:
                yield found("{name} lies after {other}.", first(info, name), name=name, other=later_name)
        expires_at, sent_at = time_of(info, "expires"), message.sent_at
        if expires_at is not None and sent_at is not None and expires_at <= sent_at:
            yield found("The message expires before it is sent, or in the same second.", first(info, "expires"))


@rule("C37", REJECT, "Each info block expires, within 72 hours of sending.")
def c37(message: Message) -> Iterator[Found]:
    if message.type not in ("Alert", "Update"):
        return
    for info in message.infos:
        expires_at, sent_at = time_of(info, "expires"), message.sent_at
        if not text(info, "expires"):
            yield found("The info block does not say when it expires.", info)
        elif expires_at is not None and sent_at is not None and expires_at - sent_at > LONGEST:
            yield found("The info block expires more than 72 hours after sending.", first(info, "expires"))


@rule("C40", REMARK, "Who, what, why and what to do are said, each in its own words, under a short headline.")
def c40(message: Message) -> Iterator[Found]:
    for info in message.infos:
        if missing := [name for name in FOR_PEOPLE if not text(info, name)]:
            yield found("Not said: {names}.", info, names=", ".join(missing))
        if len(text(info, "headline")) > HEADLINE:
            yield found("The headline has more than 160 characters.", first(info, "headline"))
        for name, other in combinations(("headline", "description", "instruction"), 2):
            if text(info, name) and text(info, name) == text(info, other):
                yield found("{name} and {other} are the same text.", first(info, other), name=name, other=other)


@rule("C41", REJECT, "web is a whole http or https address.")
def c41(message: Message) -> Iterator[Found]:
    for info in message.infos:
        value = text(info, "web")
        if first(info, "web") is not None and not absolute(value):
            yield found("Not a whole http or https address: {value}", first(info, "web"), value=value or "-")


@rule("C42", REJECT, "Texts are plain: no HTML, no control characters, nothing that turns the direction of writing.")
def c42(message: Message) -> Iterator[Found]:
    for element in message.root.iter("{*}*"):
        if len(element) or local(element) in NOT_TEXT or "xmldsig" in str(element.tag):
            continue
        value = written(element)
        if tag := _TAG.search(value):
            yield found("{name} holds HTML: {value}", element, name=local(element), value=tag[0])
        if unseen := UNSEEN.search(value) or _LATER_CONTROLS.search(value):
            yield found(
                "{name} holds a character that cannot be seen: {value}", element, name=local(element), value=unseen[0]
            )


def absolute(address: str) -> bool:
    """Whether an address is a whole one of http or https."""
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s<>\"]", address)
    except ValueError:
        return False


def _not_among(element: Element, name: str, words: tuple[str, ...]) -> Found:
    return found("{name} is {value}; it must be one of {words}.", element, weight=REJECT, received=REJECT, name=name,
                 value=written(element) or "-", words=", ".join(words))  # fmt: skip


def _at(parent: Element, name: str) -> Element:
    child = first(parent, name)
    return parent if child is None else child


def _language(info: Element) -> str:
    return (text(info, "language") or "en-US").lower()


def _values(info: Element, name: str) -> set[str]:
    return {written(one).strip() for one in children(info, name)}


def _pairs(info: Element, name: str) -> set[tuple[str, str]]:
    return {(text(one, "valueName"), text(one, "value")) for one in children(info, name)}


def _geocodes(info: Element) -> Iterator[Element]:
    return (one for area in children(info, "area") for one in children(area, "geocode"))


def _places(info: Element) -> set[str]:
    return {text(area, "areaDesc") for area in children(info, "area")}
