"""C01, C02, C63, C64: the document as such, its elements, its size, and whether it survives reading and writing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from alerts.cap.build import build
from alerts.cap.finding import REJECT, REMARK, Found, found, rule
from alerts.cap.message import Message, children, local
from alerts.cap.parse import parse, read_alert
from alerts.cap.schema import ALERT
from alerts.cap.schema import Element as Row
from data.cap_words import CAP_12, SIGNATURE, VERSIONS
from data.errors import WarningError

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

MAX_INFOS = 50
MAX_AREAS = 500
INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
_HIDDEN = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>", re.DOTALL)
_INSTRUCTION = re.compile(rb"<\?(?!xml[\s?])")
_ENCODING = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']")
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


@rule(
    "C01",
    REJECT,
    "The root is alert of CAP 1.2 in plain UTF-8: no DOCTYPE, processing instruction or byte order mark.",
)
def c01(message: Message) -> Iterator[Found]:
    root, space = message.root, str(message.root.tag).rpartition("}")[0].lstrip("{")
    if space != CAP_12:
        known = VERSIONS.get(space)
        weight = REMARK if known else REJECT
        if known:
            yield found(
                "The message is CAP {version}; CAP 1.2 is what is issued.", root, received=weight, version=known
            )
        else:
            yield found("The namespace {space} is not that of CAP.", root, received=weight, space=space or "-")
    if message.encloses:
        yield from file_form(message.body)


def file_form(body: bytes) -> Iterator[Found]:
    """What is wrong with the document before any element is looked at."""
    if body.startswith(_MARKS):
        yield found("The file begins with a byte order mark.")
    declared = _ENCODING.match(body.lstrip(b"\xef\xbb\xbf \t\r\n")[:300])
    if body.startswith(_MARKS[1:]) or (declared and declared[1].lower() not in (b"utf-8", b"utf8")):
        name = declared[1].decode("latin-1") if declared else "UTF-16"
        yield found("The file is written in {encoding}, not in UTF-8.", encoding=name)
    if _INSTRUCTION.search(_HIDDEN.sub(b"", body)):
        yield found("The file holds a processing instruction.")


@rule(
    "C02",
    REJECT,
    "Elements stand in the order of the standard, as often as it allows, and none besides.",
    received=REJECT,
)
def c02(message: Message) -> Iterator[Found]:
    yield from _ordered(message.root, ALERT, str(message.root.tag).rpartition("}")[0])


def _ordered(element: Element, row: Row, space: str) -> Iterator[Found]:
    yield from _beside(element, row)
    names = [child.name for child in row.children]
    last, counts = -1, dict.fromkeys(names, 0)
    for child in element:
        name = local(child)
        if child.tag == SIGNATURE and row is ALERT:
            last = len(names)
        elif name not in counts or str(child.tag).rpartition("}")[0] != space:
            yield found("{name} is no element of {parent}.", child, name=name, parent=row.name)
        else:
            counts[name] += 1
            if names.index(name) < last:
                after = names[last] if last < len(names) else "Signature"
                yield found("{name} stands after {other}; it must come before it.", child, name=name, other=after)
            last = max(last, names.index(name))
            yield from _ordered(child, row.children[names.index(name)], space)
    for child_row in row.children:
        if counts[child_row.name] < child_row.times.least:
            yield found("{parent} has no {name}.", element, parent=row.name, name=child_row.name)
        if child_row.times.most and counts[child_row.name] > child_row.times.most:
            extra = children(element, child_row.name)[child_row.times.most]
            yield found("{parent} has {n} elements {name}; one is allowed.", extra, parent=row.name,
                        n=counts[child_row.name], name=child_row.name)  # fmt: skip


def _beside(element: Element, row: Row) -> Iterator[Found]:
    """Attributes, and text where only elements may stand."""
    for name in element.attrib:
        if not (row is ALERT and name == INSTANCE):
            yield found("{name} carries an attribute, {attribute}.", element, name=row.name, attribute=name)
    if row.children and any((text or "").strip() for text in (element.text, *(child.tail for child in element))):
        yield found("Text stands between the elements of {name}.", element, name=row.name)


@rule("C63", REJECT, "At most 2 MB, 50 info blocks, and 500 areas in one info.", received=REJECT)
def c63(message: Message) -> Iterator[Found]:
    if (count := len(message.infos)) > MAX_INFOS:
        yield found("The message has {n} info blocks, more than {most}.", message.root, n=count, most=MAX_INFOS)
    for info in message.infos:
        if (count := len(children(info, "area"))) > MAX_AREAS:
            yield found("An info block has {n} areas, more than {most}.", info, n=count, most=MAX_AREAS)


@rule("C64", REJECT, "Reading the message and writing it again changes nothing, and it says what was meant.")
def c64(message: Message) -> Iterator[Found]:
    if message.root.tag != f"{{{CAP_12}}}alert":
        return  # C01 has said so
    try:
        alert = read_alert(message.root)
        again = parse(build(alert))
    except WarningError as error:
        yield found("The message cannot be read and written again: {why}.", message.root, why=error)
        return
    if again != alert:
        yield found("Reading the message and writing it again changes it.", message.root)
    if message.context.meant is not None and alert != message.context.meant:
        yield found("The file does not say what was meant.", message.root)
