"""C43 to C47: files that belong to a message."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from alerts.cap.finding import REJECT, REMARK, Found, found, rule
from alerts.cap.message import Message, children, first, text
from alerts.cap.parse import WHOLE
from alerts.cap.rules.info import absolute

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

KINDS = ("application", "audio", "font", "image", "message", "model", "multipart", "text", "video")
SHA256 = "resource-sha256"  # name of our parameter; its value is `digest uri`
_MEDIA_TYPE = re.compile(r"([a-z]+)/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*(;.*)?", re.ASCII)
_SHA1 = re.compile(r"[0-9A-Fa-f]{40}", re.ASCII)


@rule("C43", REJECT, "A resource is described and has a media type, such as image/png.")
def c43(message: Message) -> Iterator[Found]:
    for one in message.resources:
        if not text(one, "resourceDesc"):
            yield found("{name} is empty.", one, name="resourceDesc")
        kind = _MEDIA_TYPE.fullmatch(text(one, "mimeType").lower())
        if kind is None or kind[1] not in KINDS:
            yield found("Not a media type: {value}", first(one, "mimeType"), value=text(one, "mimeType") or "-")


@rule("C44", REJECT, "A resource's uri is a whole address; a relative one stands beside its content.")
def c44(message: Message) -> Iterator[Found]:
    for one in message.resources:
        value = text(one, "uri")
        if value and not absolute(value) and not text(one, "derefUri"):
            yield found("Not a whole http or https address: {value}", first(one, "uri"), value=value)


@rule("C45", REJECT, "Content inside a message is base64 of the size given, and not sent where files can be fetched.")
def c45(message: Message) -> Iterator[Found]:
    for one in message.resources:
        element = first(one, "derefUri")
        if element is None:
            continue
        content, size = _content(one), text(one, "size")
        if content is None:
            yield found("derefUri is not base64.", element)
        elif WHOLE.fullmatch(size) and int(size) != len(content):
            yield found("size is {size}; the content has {n} bytes.", first(one, "size"), size=size, n=len(content))
        if message.context.two_way:
            yield found("The content stands in the message; this channel takes an address instead.", element)


@rule("C46", REJECT, "digest is the SHA-1 of the file in hexadecimal; a parameter gives its SHA-256 as well.")
def c46(message: Message) -> Iterator[Found]:
    for info in message.infos:
        strong = " ".join(
            text(one, "value") for one in children(info, "parameter") if text(one, "valueName") == SHA256
        )
        for one in children(info, "resource"):
            yield from _digest(one, strong)


def _digest(resource: Element, strong: str) -> Iterator[Found]:
    element, value, content = first(resource, "digest"), text(resource, "digest"), _content(resource)
    if element is None:
        return
    if _SHA1.fullmatch(value) is None:
        yield found("digest is not SHA-1 in 40 hexadecimal digits: {value}", element, value=value or "-")
    elif content is not None and hashlib.sha1(content, usedforsecurity=False).hexdigest() != value.lower():
        yield found("digest is not that of the content.", element)
    if content is not None and strong and hashlib.sha256(content).hexdigest() not in strong:
        yield found("The SHA-256 in the parameters is not that of the content.", element)
    if not strong:
        yield found("No parameter resource-sha256 gives the SHA-256 of the file.", element, weight=REMARK)


@rule("C47", REJECT, "size is a whole number of bytes, not below zero.")
def c47(message: Message) -> Iterator[Found]:
    for one in message.resources:
        value = text(one, "size")
        if first(one, "size") is not None and (WHOLE.fullmatch(value) is None or int(value) < 0):
            yield found("Not a number of bytes: {value}", first(one, "size"), value=value or "-")


def _content(resource: Element) -> bytes | None:
    """The bytes in derefUri; None where there are none that can be read."""
    element = first(resource, "derefUri")
    if element is None:
        return None
    try:
        return base64.b64decode("".join(text(resource, "derefUri").split()), validate=True)
    except (binascii.Error, ValueError):
        return None
