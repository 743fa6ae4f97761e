"""C60 to C62: the signature, the bytes that were approved, and messages that nobody vouches for."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from alerts.cap.finding import REJECT, REMARK, Found, found, rule
from alerts.cap.message import Message
from alerts.cap.sign import check_certificate, check_form, verify
from data.cap_words import CAP_12, SIGNATURE, XMLDSIG
from data.errors import CertificateNotValid, NotSigned, SignatureFault, WarningError

if TYPE_CHECKING:
    from datetime import datetime

    from lxml.etree import _Element as Element

WEAK = ("sha1", "md5")


def _signatures(message: Message) -> list[Element]:
    return list(message.root.iter(SIGNATURE))


def _looked_at(message: Message) -> datetime | None:
    """When a certificate must hold: now when issuing, else when the message was sent."""
    return message.context.now if message.context.issuing else message.sent_at


@rule(
    "C60",
    REJECT,
    "A signature is the last element, covers the whole message, and uses SHA-256 and a valid certificate.",
)
def c60(message: Message) -> Iterator[Found]:
    signatures = _signatures(message)
    if not signatures or message.root.tag != f"{{{CAP_12}}}alert":
        return
    try:
        check_form(message.root)
    except SignatureFault as fault:
        yield found("The signature cannot be relied on: {why}.", signatures[0], why=fault)
    methods = [
        one.get("Algorithm", "").lower()
        for name in ("SignatureMethod", "DigestMethod")
        for one in signatures[0].iter(f"{{{XMLDSIG}}}{name}")
    ]
    if not methods or any(weak in method for weak in WEAK for method in methods):
        yield found("The signature uses a method that is broken.", signatures[0])
    yield from _certificates(message, signatures[0])


def _certificates(message: Message, signature: Element) -> Iterator[Found]:
    from cryptography.x509 import load_der_x509_certificate

    at = _looked_at(message)
    for element in list(signature.iter(f"{{{XMLDSIG}}}X509Certificate"))[:1]:
        try:
            certificate = load_der_x509_certificate(base64.b64decode("".join((element.text or "").split())))
            if at is not None:
                check_certificate(certificate, at)
        except CertificateNotValid as fault:
            yield found("The signature cannot be relied on: {why}.", element, why=fault)
        except (binascii.Error, ValueError):
            yield found("The certificate in the signature cannot be read.", element)


@rule("C61", REJECT, "The bytes are those that were approved, and their signature holds.")
def c61(message: Message) -> Iterator[Found]:
    approved = message.context.approved_sha256
    if approved and hashlib.sha256(message.body).hexdigest() != approved.lower():
        yield found("These are not the bytes that were approved.", message.root)
    at = _looked_at(message)
    if message.context.certificates and _signatures(message) and at is not None:
        try:
            verify(message.body, message.context.certificates, now=at)
        except WarningError as fault:
            yield found("The signature does not hold: {why}.", _signatures(message)[0], why=fault)


@rule("C62", REMARK, "A message that nobody vouches for is kept and shown as unverified.")
def c62(message: Message) -> Iterator[Found]:
    at = _looked_at(message)
    try:
        if at is None or not message.context.certificates:
            check_form(message.root)
            yield found("No certificate is pinned for this sender: the message is unverified.", message.root)
        else:
            verify(message.body, message.context.certificates, now=at)
    except NotSigned:
        yield found("The message is not signed: it is unverified.", message.root)
    except WarningError:
        yield found("Nobody vouches for the message: it is unverified.", message.root)
