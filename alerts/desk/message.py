"""The text of a warning as a CAP message: always the same message for the same text, names and time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from alerts.cap.level import awareness, codes, event_codes
from alerts.cap.model import Alert, Area, Circle, Info, Pair, Polygon, Position, Reference, Resource
from alerts.desk.content import LANGUAGES, Attachment, Content, Ring, Words
from alerts.desk.issued import Kind
from alerts.desk.office import Office

SHA256 = "resource-sha256"
CAP_LANGUAGE = {"en": "en-US", "zh": "zh-CN"}
MESSAGE_TYPE = {"alert": "Alert", "update": "Update", "cancel": "Cancel"}
MARKS = {  # nobody may take it for real, whatever part of the message is shown
    "Exercise": {"en": "EXERCISE", "zh": "演练"},
    "Test": {"en": "TEST", "zh": "测试"},
}
_CN = re.compile(r"CN-(\d{6})(-P)?", re.ASCII)
_US = re.compile(r"US-(\d{2})(\d{3})?", re.ASCII)


def message_of(
    content: Content,
    office: Office,
    *,
    identifier: str,
    sent_at: datetime,
    kind: Kind,
    references: Sequence[Reference] = (),
) -> Alert:
    """The message that this text is.

    Parameters
    ----------
    content : Content
    office : Office
        Who warns.
    identifier : str
    sent_at : datetime
        In whole seconds.
    kind : {"alert", "update", "cancel"}
    references : sequence of Reference
        Every message of the chain that is in force.
    """
    marks = MARKS.get(content.status, {})
    return Alert(
        identifier=identifier,
        sender=office.sender,
        sent_at=sent_at.astimezone(office.zone),
        status=content.status,
        message_type=MESSAGE_TYPE[kind],
        scope="Public",
        code=tuple(one.marker for one in office.profiles if one.marker and _plain(one.marker)),
        note=content.note or " / ".join(marks.values()),
        references=tuple(references),
        info=tuple(
            _info(content, office, language, content.texts[language], kind)  # type: ignore[index]
            for language in LANGUAGES
            if language in content.texts
        ),
    )


def _plain(marker: str) -> bool:
    """Whether a profile's pattern is a word that can be written as it stands."""
    return re.escape(marker) == marker or re.fullmatch(marker, marker) is not None


def _info(content: Content, office: Office, language: str, words: Words, kind: Kind) -> Info:
    zone = office.zone
    mark = MARKS.get(content.status, {}).get(language, "")
    return Info(
        language=CAP_LANGUAGE[language],
        category=(codes(content.hazard).category,),
        event=_marked(words.event, mark, language),
        response_type=content.response_types,
        urgency=content.urgency,
        severity=content.severity,
        certainty=content.certainty,
        event_code=event_codes(content.hazard),
        onset_at=content.onset_at.astimezone(zone) if content.onset_at and kind != "cancel" else None,
        expires_at=content.expires_at.astimezone(zone),
        sender_name=office.sender_name,
        headline=_marked(words.headline, mark, language),
        description=_marked(words.description, mark, language),
        instruction=words.instruction,
        web=content.web or office.public_url,
        contact=content.contact or office.contact,
        parameter=(
            Pair("level", content.level),
            *awareness(content.rank, content.hazard),
            *(Pair(SHA256, one.sha256) for one in content.attachments),
        ),
        resource=tuple(_resource(one, office) for one in content.attachments),
        area=(_area(content, words),),
    )


def _marked(text: str, mark: str, language: str) -> str:
    if not mark or not text:
        return text
    return f"{mark}：{text}" if language == "zh" else f"{mark}: {text}"


def _resource(one: Attachment, office: Office) -> Resource:
    return Resource(
        description=one.description or one.name,
        mime_type=one.media_type,
        size_bytes=one.size,
        uri=f"{office.public_url}/public/file/{one.sha256}" if office.public_url else "",
        digest=one.sha1,
    )


def _area(content: Content, words: Words) -> Area:
    return Area(
        description=words.area,
        polygons=tuple(_polygon(ring) for ring in (*content.polygons, *content.outline)),
        circles=tuple(Circle(centre=Position(*one.centre), radius_km=one.radius_km) for one in content.circles),
        geocodes=tuple(geocode(code) for code in content.regions),
    )


def _polygon(ring: Ring) -> Polygon:
    return Polygon(ring=tuple(Position(lon, lat) for lon, lat in ring))


def geocode(code: str) -> Pair:
    """A region of the base data as other systems name it; by our own code where no list of theirs has it."""
    if found := _CN.fullmatch(code):
        return Pair("GB/T 2260", found[1])
    if found := _US.fullmatch(code):
        return Pair("SAME", f"0{found[1]}{found[2] or '000'}")
    return Pair("tocsin:region", code)


def ended(content: Content, now_expires_at: datetime) -> Content:
    """The text of a Cancel, made from that of what it ends; the words are still to be chosen."""
    return content.with_(
        urgency="Past", response_types=("AllClear",), onset_at=None, expires_at=now_expires_at, attachments=()
    )


__all__ = ("CAP_LANGUAGE", "MARKS", "ended", "geocode", "message_of")
