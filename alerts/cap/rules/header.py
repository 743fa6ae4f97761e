"""C03 to C25: who says it, when, to whom, and what it refers to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from alerts.cap.finding import REJECT, REMARK, Found, found, rule
from alerts.cap.message import Message, children, first, text, written
from alerts.cap.model import Reference
from alerts.cap.parse import read_references
from alerts.cap.shapes import words_of
from alerts.cap.times import read_time
from data.cap_words import MESSAGE_TYPES, SCOPES, STATUSES

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

AHEAD = timedelta(minutes=5)
TOO_OLD = timedelta(hours=24)
TIMES = ("effective", "onset", "expires")
_FORBIDDEN = re.compile(r"[\s,<&]")


def _name(message: Message, name: str) -> Iterator[Found]:
    value = text(message.root, name)
    if not value:
        yield found("{name} is empty.", _at(message.root, name), name=name)
    elif _FORBIDDEN.search(value):
        yield found(
            "{name} holds a blank, a comma, < or &: {value}", first(message.root, name), name=name, value=value
        )


def _at(parent: Element, name: str) -> Element:
    child = first(parent, name)
    return parent if child is None else child


@rule("C03", REJECT, "identifier is not empty and holds no blank, comma, < or &.")
def c03(message: Message) -> Iterator[Found]:
    yield from _name(message, "identifier")


@rule("C04", REJECT, "sender is not empty and holds no blank, comma, < or &; it is a name like no other's.")
def c04(message: Message) -> Iterator[Found]:
    yield from _name(message, "sender")


@rule("C05", REJECT, "No other message was ever sent with the same sender, identifier and time.")
def c05(message: Message) -> Iterator[Found]:
    if message.sent_at is not None:
        name = (text(message.root, "sender"), text(message.root, "identifier"), message.sent_at)
        before = message.context.used.get(name)
        if before is not None and before != hashlib.sha256(message.body).hexdigest():
            yield found(
                "Another message was sent with this sender, identifier and time.", first(message.root, "identifier")
            )


@rule("C06", REMARK, "Identifiers of WMO members stand under 2.49.0.1, not under 2.49.0.0.")
def c06(message: Message) -> Iterator[Found]:
    value = text(message.root, "identifier").removeprefix("urn:oid:")
    if value.startswith("2.49.") and not value.startswith("2.49.0.1."):
        yield found("The identifier is not under 2.49.0.1: {value}", first(message.root, "identifier"), value=value)


def _times(message: Message) -> Iterator[Element]:
    yield from children(message.root, "sent")
    for info in message.infos:
        for name in TIMES:
            yield from children(info, name)


@rule(
    "C07",
    REJECT,
    "Times are written YYYY-MM-DDThh:mm:ss with an offset in hours and minutes, and exist.",
    received=REJECT,
)
def c07(message: Message) -> Iterator[Found]:
    if first(message.root, "sent") is None:
        yield found("{name} is missing.", message.root, name="sent")
    for element in _times(message):
        try:
            read_time(written(element).strip())
        except ValueError:
            yield found(
                "Not a time written as 2026-03-01T18:00:00+08:00: {value}", element, value=written(element) or "-"
            )


@rule("C08", REMARK, "UTC is written -00:00.")
def c08(message: Message) -> Iterator[Found]:
    for element in _times(message):
        if written(element).strip().endswith("+00:00"):
            yield found("UTC is written +00:00; the standard says -00:00.", element)


@rule("C09", REJECT, "sent is not in the future, nor older than 24 hours when the message is issued.")
def c09(message: Message) -> Iterator[Found]:
    now, sent_at = message.context.now, message.sent_at
    if now is None or sent_at is None:
        return
    if sent_at > now + AHEAD:
        yield found("sent lies in the future: {value}", first(message.root, "sent"), value=text(message.root, "sent"))
    elif message.context.issuing and sent_at < now - TOO_OLD:
        yield found(
            "sent is older than 24 hours: {value}", first(message.root, "sent"), value=text(message.root, "sent")
        )


def _word(message: Message, name: str, allowed: tuple[str, ...]) -> Iterator[Found]:
    element = first(message.root, name)
    value = "" if element is None else written(element)
    if value not in allowed:
        yield found("{name} is {value}; it must be one of {words}.", _at(message.root, name), name=name,
                    value=value or "-", words=", ".join(allowed))  # fmt: skip


@rule("C10", REJECT, "status is one of the five words; a draft is never issued.", received=REJECT)
def c10(message: Message) -> Iterator[Found]:
    yield from _word(message, "status", STATUSES)
    if text(message.root, "status") == "Draft":
        weight = REJECT if message.context.issuing or message.context.public else REMARK
        yield found("The message is a draft; drafts are not issued.", first(message.root, "status"), weight=weight)


@rule("C11", REMARK, "The note of an exercise names it.")
def c11(message: Message) -> Iterator[Found]:
    if text(message.root, "status") == "Exercise" and not text(message.root, "note"):
        yield found("The exercise is not named in note.", message.root)


@rule("C12", REJECT, "msgType is one of the five words.", received=REJECT)
def c12(message: Message) -> Iterator[Found]:
    yield from _word(message, "msgType", MESSAGE_TYPES)


@rule("C13", REJECT, "Update, Cancel, Ack and Error say which messages they refer to.", received=REJECT)
def c13(message: Message) -> Iterator[Found]:
    if message.type in MESSAGE_TYPES[1:] and not text(message.root, "references"):
        yield found(
            "The message is of type {type} and refers to no other.",
            _at(message.root, "references"),
            type=message.type,
        )


@rule("C14", REMARK, "The note of an Error says why.")
def c14(message: Message) -> Iterator[Found]:
    if message.type == "Error" and not text(message.root, "note"):
        yield found("The message refuses another and does not say why in note.", message.root)


@rule("C15", REJECT, "Each reference is sender,identifier,sent; blanks stand between references.")
def c15(message: Message) -> Iterator[Found]:
    for part in text(message.root, "references").split():
        try:
            references = read_references(part)
        except ValueError:
            yield found(
                "Not a reference written sender,identifier,sent: {value}",
                first(message.root, "references"),
                value=part,
            )
            continue
        for one in references:
            if _FORBIDDEN.search(one.sender + one.identifier):
                yield found(
                    "Not a reference written sender,identifier,sent: {value}",
                    first(message.root, "references"),
                    value=part,
                )


def _references(message: Message) -> Iterator[Reference]:
    for part in text(message.root, "references").split():
        try:
            yield from read_references(part)
        except ValueError:
            continue  # C15 has said so


@rule("C16", REJECT, "A message refers to none that is itself or was sent later.")
def c16(message: Message) -> Iterator[Found]:
    own = (text(message.root, "sender"), text(message.root, "identifier"))
    for one in _references(message):
        if (one.sender, one.identifier) == own:
            yield found("The message refers to itself.", first(message.root, "references"))
        elif message.sent_at is not None and one.sent_at > message.sent_at:
            yield found("The message refers to a later one: {value}", first(message.root, "references"), value=one)


@rule(
    "C17", REJECT, "Update and Cancel refer to every message of the chain that is in force, all of the same sender."
)
def c17(message: Message) -> Iterator[Found]:
    if message.type not in ("Update", "Cancel"):
        return
    named = list(_references(message))
    allowed = message.context.delegates | {text(message.root, "sender")}
    for one in named:
        if one.sender not in allowed:
            yield found(
                "The message changes one of another sender: {value}", first(message.root, "references"), value=one
            )
    for one in message.context.live or ():
        if one not in named:
            yield found("A message in force is not referred to: {value}", _at(message.root, "references"), value=one)


@rule("C18", REMARK, "A new alert refers to no other.")
def c18(message: Message) -> Iterator[Found]:
    if message.type == "Alert" and text(message.root, "references"):
        yield found("A new alert refers to others; an Update would replace them.", first(message.root, "references"))


@rule("C19", REJECT, "scope is one of the three words.", received=REJECT)
def c19(message: Message) -> Iterator[Found]:
    yield from _word(message, "scope", SCOPES)


@rule("C20", REJECT, "restriction is there when the scope is Restricted, and only then.")
def c20(message: Message) -> Iterator[Found]:
    restricted, said = text(message.root, "scope") == "Restricted", text(message.root, "restriction")
    if restricted and not said:
        yield found("The scope is Restricted and restriction does not say how.", _at(message.root, "restriction"))
    if said and not restricted:
        yield found("restriction is there, but the scope is not Restricted.", first(message.root, "restriction"))


def _list(message: Message, name: str) -> Iterator[Found]:
    try:
        words_of(text(message.root, name))
    except ValueError:
        yield found("{name} is no list of words: double quotes stand in pairs around words with blanks.",
                    first(message.root, name), name=name)  # fmt: skip


@rule("C21", REJECT, "A Private message names its addresses; those with blanks stand in double quotes.")
def c21(message: Message) -> Iterator[Found]:
    if text(message.root, "scope") == "Private" and not text(message.root, "addresses"):
        yield found("The scope is Private and there are no addresses.", _at(message.root, "addresses"))
    yield from _list(message, "addresses")


@rule("C22", REJECT, "Private and Restricted messages are not published.")
def c22(message: Message) -> Iterator[Found]:
    if message.context.public and text(message.root, "scope") in ("Private", "Restricted"):
        yield found("A message of scope {scope} is not for the public.", first(message.root, "scope"),
                    scope=text(message.root, "scope"))  # fmt: skip


@rule("C23", REJECT, "incidents are names between blanks; those with blanks stand in double quotes.")
def c23(message: Message) -> Iterator[Found]:
    yield from _list(message, "incidents")


@rule("C25", REJECT, "A public Alert or Update has an info block.")
def c25(message: Message) -> Iterator[Found]:
    if message.public and not message.infos:
        yield found("The message tells the public nothing: it has no info block.", message.root)
