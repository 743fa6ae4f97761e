"""Issued messages put into a store as the desk leaves them: signed bytes, an approval, and what replaced what."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from alerts.cap.build import build
from alerts.cap.model import Alert, Area, Info, Polygon, Position
from alerts.cap.sign import Signer, sign
from alerts.desk.content import Attachment, Content
from data.model import Level
from data.store.engine import Store
from data.store.tables import approval, leader, rule_state, warning

EAST = timezone(timedelta(hours=8))
BOX = ((113.2, 34.3), (114.2, 34.3), (114.2, 35.0), (113.2, 35.0), (113.2, 34.3))
SEVERITY = {Level.RED: "Extreme", Level.ORANGE: "Severe", Level.YELLOW: "Moderate", Level.BLUE: "Minor"}


def make_signer(now: datetime, name: str = "Example office", days: int = 365) -> Signer:
    """A key on P-256 and a certificate that it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = now.astimezone(UTC) - timedelta(days=30)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days)).sign(key, hashes.SHA256())
    )  # fmt: skip
    return Signer(key, certificate)


@dataclass
class Desk:
    """Puts messages into a store."""

    store: Store
    now: datetime
    signer: Signer = field(init=False)

    def __post_init__(self) -> None:
        self.signer = make_signer(self.now)

    def issue(
        self,
        identifier: str = "tocsin.1",
        *,
        level: Level = Level.RED,
        status: str = "Actual",
        scope: str = "Public",
        kind: str = "alert",
        sent_at: datetime | None = None,
        lasts: timedelta = timedelta(hours=12),
        regions: Sequence[str] = ("CN-4101",),
        ring: Sequence[tuple[float, float]] | None = BOX,
        replaces: int | None = None,
        signed: bool = True,
        english: dict[str, Any] | None = None,
        chinese: dict[str, Any] | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> int:
        """One message; its row number."""
        sent = (sent_at or self.now).astimezone(EAST)
        alert = message(identifier, level=level, status=status, scope=scope, kind=kind, sent=sent, lasts=lasts,
                        ring=ring, english=english or {}, chinese=chinese or {})  # fmt: skip
        content = Content(
            hazard="rainstorm", level=level.key, status=status, regions=tuple(regions), severity=SEVERITY[level],
            urgency="Immediate", certainty="Likely", onset_at=sent + timedelta(hours=1), expires_at=sent + lasts,
            attachments=attachments,
        )  # fmt: skip
        body = build(alert)
        bytes_ = sign(body, self.signer, now=sent) if signed else body
        print_ = self.signer.certificate.fingerprint(hashes.SHA256()).hex() if signed else ""
        with self.store.write() as connection:
            chain = None
            if replaces is not None:
                chain = connection.execute(sa.select(warning.c.chain).where(warning.c.id == replaces)).scalar_one()
            row = connection.execute(warning.insert().values(
                kind=kind, status=status, state="approved", hazard="rainstorm", level=int(level),
                content=content.plain, content_sha256=content.digest, edition=1, author="author@example.org",
                created_at=sent, updated_at=sent, chain=chain, identifier=identifier, sender="warn@office.example",
                sent_at=sent, onset_at=sent + timedelta(hours=1), expires_at=sent + lasts, body=body,
                body_sha256=_sha(body), signed=bytes_, signed_sha256=_sha(bytes_), certificate_sha256=print_,
            )).inserted_primary_key[0]  # fmt: skip
            given = connection.execute(approval.insert().values(
                warning_id=row, edition=1, content_sha256=content.digest, body_sha256=_sha(body), record={},
                author="author@example.org", approver="approver@example.org", at=sent, proved_at=sent, method="totp",
            )).inserted_primary_key[0]  # fmt: skip
            issued = {"approval_id": given, "state": "issued", "issued_at": sent, "chain": chain or row}
            connection.execute(warning.update().where(warning.c.id == row).values(issued))
            if replaces is not None:
                connection.execute(warning.update().where(warning.c.id == replaces).values(replaced_by=row))
        return int(row)

    def watch(self, at: datetime | None) -> None:
        """The engine beats and its rules are looked at; None is never."""
        with self.store.write() as connection:
            connection.execute(sa.delete(leader))
            connection.execute(sa.update(rule_state).values(evaluated_at=at))
            if at is not None:
                connection.execute(leader.insert().values(name="engine", epoch=1, holder="here", heartbeat_at=at))

    def bytes_of(self, row: int) -> bytes:
        with self.store.read() as connection:
            found = connection.execute(sa.select(warning.c.signed).where(warning.c.id == row)).scalar_one()
        return bytes(found)


def message(
    identifier: str, *, level: Level, status: str, scope: str, kind: str, sent: datetime, lasts: timedelta,
    ring: Sequence[tuple[float, float]] | None, english: dict[str, Any], chinese: dict[str, Any],
) -> Alert:  # fmt: skip
    """A message in two languages."""
    polygons = () if ring is None else (Polygon(ring=tuple(Position(*place) for place in ring)),)
    common: dict[str, Any] = {
        "category": ("Met",), "urgency": "Immediate", "severity": SEVERITY[level], "certainty": "Likely",
        "effective_at": sent, "onset_at": sent + timedelta(hours=1), "expires_at": sent + lasts,
        "web": "https://warn.example/public",
    }  # fmt: skip
    first = Info(
        language="en", event="Rainstorm", headline="Very heavy rain until tomorrow morning",
        description="120 to 180 mm of rain within 12 hours.", instruction="Stay inside. Keep away from underpasses.",
        sender_name="Example office", contact="+86 371 0000 0000",
        area=(Area(description="Zhengzhou", polygons=polygons),), **common,
    )  # fmt: skip
    second = Info(
        language="zh-CN", event="暴雨", headline="今夜到明晨有特大暴雨",
        description="未来12小时降雨量可达120至180毫米。", instruction="请留在室内，远离下穿隧道。",
        sender_name="示例应急管理局", contact="0371-0000-0000",
        area=(Area(description="郑州市", polygons=polygons),), **common,
    )  # fmt: skip
    return Alert(
        identifier=identifier, sender="warn@office.example", sent_at=sent, status=status,
        message_type={"alert": "Alert", "update": "Update", "cancel": "Cancel"}[kind],
        scope=scope, info=(_with(first, english), _with(second, chinese)),
    )  # fmt: skip


def _with(info: Info, changes: dict[str, Any]) -> Info:
    changes = dict(changes)
    area = changes.pop("area", None)
    if area is not None:
        changes["area"] = (replace(info.area[0], description=area),)
    return replace(info, **changes)


def _sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
