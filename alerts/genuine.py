"""Is this ours: a pasted CAP message, or a link, against what was issued and signed here.

Nothing is fetched. A certificate inside a message vouches for nothing; only those count with which this office has
signed what stands in its own records.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.cap.model import Alert
from alerts.cap.parse import parse
from alerts.cap.sign import verify
from alerts.desk.read import message
from data.cap_words import XMLDSIG
from data.errors import NotSigned, SignatureFault, WarningError
from data.store.tables import warning

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

Finding = Literal["issued", "altered", "unlisted", "foreign", "unsigned", "unreadable"]

MOST_CERTIFICATES = 20
LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)
OUR_PATH = re.compile(r"/public(?:/w/(?P<page>[^/]+)|/cap/(?P<file>[^/]+)\.xml)?/?")


@dataclass(frozen=True)
class Judged:
    """What was found of a message; `status` and `identifier` are those of the one of ours that it is, or claims."""

    finding: Finding
    status: str = ""
    identifier: str = ""


@dataclass(frozen=True)
class Link:
    """Where an address leads: to us, and there to which message; or to somebody else."""

    ours: bool
    host: str
    identifier: str = ""


def judge(connection: Connection, body: bytes, now: datetime) -> Judged:
    """Whether this office has issued a message.

    Returns
    -------
    Judged
        issued
            These bytes, or the same message with its signature whole though its line ends were changed on the way.
        altered
            It bears the name of one of ours and is not what was issued.
        unlisted
            Signed with a key of ours and not in the records: nobody can tell.
        foreign, unsigned
            Not ours, or nobody's.
        unreadable
            No CAP message.
    """
    table, issued = warning.c, warning.c.state == "issued"
    columns = (table.status, table.identifier, table.signed, table.sent_at)
    sha256 = hashlib.sha256(body).hexdigest()
    same = connection.execute(sa.select(*columns).where(issued, table.signed_sha256 == sha256)).first()
    if same is not None:
        return Judged("issued", same.status, same.identifier)
    try:
        told = parse(body)
    except WarningError:
        return Judged("unreadable")
    named = sa.select(*columns).where(issued, table.identifier == told.identifier, table.sender == told.sender)
    row = connection.execute(named).first()
    own = own_certificates(connection)
    if row is not None:
        whole = _verified(body, own, row.sent_at) == message(row.signed)
        return Judged("issued" if whole else "altered", row.status, row.identifier)
    try:
        verify(body, own, now=now)
    except NotSigned:
        return Judged("unsigned")
    except SignatureFault:
        return Judged("foreign")
    return Judged("unlisted", told.status, told.identifier)


def own_certificates(connection: Connection) -> tuple[Certificate, ...]:
    """The certificates with which the messages in the records were signed, the newest first."""
    table = warning.c
    newest = sa.func.max(table.id)
    each = (
        sa.select(newest)
        .where(table.state == "issued", table.certificate_sha256 != "")
        .group_by(table.certificate_sha256)
        .order_by(newest.desc())
        .limit(MOST_CERTIFICATES)
    )
    ids = connection.execute(each).scalars().all()
    rows = connection.execute(
        sa.select(table.signed, table.certificate_sha256).where(table.id.in_(ids)).order_by(table.id.desc())
    )
    found = (_certificate_in(row.signed, row.certificate_sha256) for row in rows)
    return tuple(one for one in found if one is not None)


def read_links(text: str, address: str) -> list[Link]:
    """Where the links in a text lead, judged by their letters alone.

    Parameters
    ----------
    address
        Our own, as the operator has set it.
    """
    word = text.strip()
    found = LINK.findall(text) or ([word] if re.fullmatch(r"[^\s/]+\.[^\s/]+(/\S*)?", word) else [])
    return [_link(one.rstrip(".,;:!?)）。，；："), urlsplit(address)) for one in found]


def _link(written: str, own: object) -> Link:
    scheme, netloc = own.scheme, own.netloc  # type: ignore[attr-defined]
    full = written if "://" in written else f"{scheme}://{written}"
    try:
        parts = urlsplit(full)
        host = parts.hostname or ""
    except ValueError:
        return Link(False, _shown(written))
    path = OUR_PATH.fullmatch(parts.path)
    if (parts.scheme, parts.netloc.lower()) != (scheme, netloc.lower()) or "\\" in full or path is None:
        return Link(False, _shown(host or written))
    return Link(True, _shown(host), unquote(path["page"] or path["file"] or ""))


def _shown(host: str) -> str:
    """A host as computers see it, so that letters which look alike show."""
    try:
        return host.encode("idna").decode()[:120]
    except UnicodeError:
        return host.encode("ascii", "backslashreplace").decode()[:120]


def _verified(body: bytes, certificates: Sequence[Certificate], at: datetime) -> Alert | None:
    try:
        return verify(body, certificates, now=at)
    except (SignatureFault, WarningError):
        return None


def _certificate_in(signed: bytes, sha256: str) -> Certificate | None:
    """The certificate of this fingerprint in a message of our own records."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509 import load_der_x509_certificate

    from data import safe_xml

    root = safe_xml.parse(signed, source="CAP message", max_bytes=len(signed))
    for element in root.iter(f"{{{XMLDSIG}}}X509Certificate"):
        try:
            found = load_der_x509_certificate(base64.b64decode("".join((element.text or "").split())))
        except (ValueError, binascii.Error):
            continue
        if found.fingerprint(SHA256()).hex() == sha256:
            return found
    return None
