"""Warnings of other services: CAP 1.2 messages, 1.0 and 1.1 mapped, single or many, and indexes that name them.

Standard: https://docs.oasis-open.org/emergency/cap/v1.2/CAP-v1.2-os.html (read 2026). Envelopes: EDXL-DE, an `alerts`
wrapper, Atom and RSS with messages inside or linked. api.weather.gov GeoJSON is read by `ingest.cap_json`. Rhythm,
licence and language are the feed's own: the operator names the address. Signatures are noted, not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from pydantic import Field

from data import safe_xml
from data.cap_words import VERSIONS
from data.clock import parse_time
from data.errors import BadPayload
from data.model import IncomingWarning, Parsed, Payload, Reject
from ingest import cap_json
from ingest.cap_message import namespace, read_alert
from ingest.configure import Configuration, configured_spec
from ingest.source import SourceSpec

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from ingest.http import Http

ATOM = "http://www.w3.org/2005/Atom"
CAP_TYPES = ("application/cap+xml", "application/common-alerting-protocol+xml")
PAGE_TYPES = ("text/html", "application/xhtml+xml")


SPEC = SourceSpec(
    key="cap_feed",
    title="CAP warnings",
    provider="named by the operator",
    hazard="warning",
    url="",
    licence="as the provider states",
    credit="",
    every=timedelta(minutes=2),
    stale_after=timedelta(minutes=15),
    silence_is_normal=True,
    max_bytes=safe_xml.MAX_BYTES,
    links=("https://docs.oasis-open.org/emergency/cap/v1.2/CAP-v1.2-os.html",),
)


class CapConfiguration(Configuration):
    """What an operator may say of a feed of warnings."""

    language: str = Field("en", pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")


@dataclass(frozen=True, slots=True)
class CapFeed:
    """One address that gives CAP messages or an index of them."""

    spec: SourceSpec = field(default=SPEC)
    language: str = "en"

    @classmethod
    def configured(cls, config: Mapping[str, Any]) -> CapFeed:
        options = CapConfiguration.model_validate(config)
        return cls(configured_spec(SPEC, options), options.language)

    def fetch(self, http: Http, since: datetime | None) -> Sequence[Payload]:
        """The feed; what an index links to is followed by the runner."""
        payload = http.get(
            self.spec.url, accept="application/cap+xml, application/atom+xml, application/xml, */*;q=0.5"
        )
        return [] if payload is None else [payload]

    def parse(self, payload: Payload) -> Parsed:
        """Messages inside as records, links of entries without one as `follow`."""
        if payload.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
            return cap_json.read_alerts(payload.body, self.spec.key, self.language)
        root = safe_xml.parse(payload.body, source=self.spec.key, max_bytes=self.spec.max_bytes)
        alerts, rejects = self._messages(root)
        follow: tuple[str, ...] = ()
        if _local(root) in ("feed", "rss", "RDF"):
            follow, missing = _links(root, payload.url)
            rejects += missing
        elif not alerts and not rejects and _local(root) not in ("alerts", "EDXLDistribution"):
            raise BadPayload(self.spec.key, f"no CAP message: the root element is {str(root.tag)[:120]}")
        times = [record.sent_at for record in alerts]
        updated = _updated(root)
        return Parsed(
            records=tuple(alerts),
            rejects=tuple(rejects),
            data_at=max([*times, *([updated] if updated else [])], default=None),
            follow=follow,
        )

    def _messages(self, root: Element) -> tuple[list[IncomingWarning], list[Reject]]:
        records: dict[tuple[str, str, datetime], IncomingWarning] = {}
        rejects: list[Reject] = []
        for number, alert in enumerate(_alerts(root), 1):
            identifier = " ".join((alert.findtext("{*}identifier") or "").split())[:200] or f"alert {number}"
            try:
                record = read_alert(alert, self.language)
            except ValueError as error:
                rejects.append(Reject(id=identifier, reason=str(error)))
            else:
                records.setdefault((record.sender, record.id, record.sent_at), record)
        if not records and not rejects and _local(root) == "alert":
            reason = f"the namespace {namespace(root)[:120]!r} is not CAP 1.0, 1.1 or 1.2"
            raise BadPayload(self.spec.key, reason)
        return list(records.values()), rejects


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _alerts(root: Element) -> Iterator[Element]:
    """Every `alert` of a CAP namespace, at any depth but not inside another."""
    pending = [root]
    while pending:
        element = pending.pop()
        if _local(element) == "alert" and namespace(element) in VERSIONS:
            yield element
        else:
            pending.extend(reversed(list(element)))


def _links(root: Element, base: str) -> tuple[tuple[str, ...], list[Reject]]:
    """Addresses of entries that do not carry a whole message themselves."""
    found: dict[str, None] = {}
    rejects: list[Reject] = []
    entries = [element for element in root.iter() if _local(element) in ("entry", "item")]
    for number, entry in enumerate(entries, 1):
        inside = [alert for alert in _alerts(entry) if alert.find("{*}info") is not None]
        if inside:
            continue
        name = (entry.findtext("{*}id") or entry.findtext("guid") or "").strip()[:200] or f"entry {number}"
        address = _joined(base, _link(entry))
        if address.startswith(("http://", "https://")) and urlsplit(address).hostname:
            found.setdefault(address)
        elif not address:
            rejects.append(Reject(id=name, reason="the entry holds no message and no link to one"))
        else:
            rejects.append(Reject(id=name, reason=f"not an address to follow: {address[:120]}"))
    return tuple(found), rejects


def _link(entry: Element) -> str:
    """The link of an entry most likely to be the message: by media type, else one that is not said to be a page."""
    links = [
        (link.get("href", "") or (link.text or ""), link.get("type", "").lower(), link.get("rel", "alternate"))
        for link in entry.findall("{*}link") + entry.findall("{*}enclosure")
    ]
    links += [(link.get("url", ""), link.get("type", "").lower(), "enclosure") for link in entry.findall("enclosure")]
    usable = [(href.strip(), kind, rel) for href, kind, rel in links if href.strip()]
    for wanted in (
        lambda kind, rel: kind in CAP_TYPES,
        lambda kind, rel: kind not in PAGE_TYPES and rel == "alternate",
        lambda kind, rel: kind not in PAGE_TYPES and rel != "self",
        lambda kind, rel: True,
    ):
        for href, kind, rel in usable:
            if wanted(kind, rel):
                return href
    return ""


def _joined(base: str, link: str) -> str:
    """An absolute address; "" for none, and what cannot be one as it is."""
    try:
        return urljoin(base, link) if link else ""
    except ValueError:
        return ""


def _updated(root: Element) -> datetime | None:
    """When an Atom index says it was made."""
    try:
        return parse_time(root.findtext(f"{{{ATOM}}}updated") or "")
    except ValueError:
        return None
