"""Warnings for these tests: one that is ordinary, and texts that try to do harm."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from alerts.cap.model import Alert, Area, Info, Polygon, Position
from alerts.media.said import Said, said_of
from data.model import Level

EAST = timezone(timedelta(hours=8))
SENT = datetime(2026, 3, 1, 18, tzinfo=EAST)
NOW = datetime(2026, 3, 1, 10, 1, tzinfo=UTC)
RING = tuple(
    Position(lon, lat) for lon, lat in ((113.2, 34.3), (114.2, 34.3), (114.2, 35.0), (113.2, 35.0), (113.2, 34.3))
)
AREA_EN = Area(description="Zhengzhou: Jinshui, Erqi and Zhongyuan districts", polygons=(Polygon(ring=RING),))
AREA_ZH = Area(description="郑州市：金水区、二七区、中原区", polygons=(Polygon(ring=RING),))
TIMES: dict[str, Any] = {
    "effective_at": SENT,
    "onset_at": SENT + timedelta(hours=2),
    "expires_at": SENT + timedelta(hours=12),
}
SORT: dict[str, Any] = {
    "category": ("Met",), "response_type": ("Shelter",), "urgency": "Immediate", "severity": "Extreme",
    "certainty": "Likely", "web": "https://warn.example/public/w/17",
}  # fmt: skip
ENGLISH = Info(
    language="en-GB", event="Rainstorm", sender_name="Zhengzhou Emergency Office", area=(AREA_EN,),
    headline="Very heavy rain until tomorrow morning",
    description="120 to 180 mm of rain within 12 hours. Streets and underpasses will be under water.",
    instruction="Stay inside. Keep away from underground stations, underpasses and rivers. Do not drive through it.",
    contact="+86 371 0000 0000", **TIMES, **SORT,
)  # fmt: skip
CHINESE = Info(
    language="zh-CN", event="暴雨", sender_name="郑州市应急管理局", area=(AREA_ZH,),
    headline="今夜到明晨有特大暴雨",
    description="未来12小时降雨量可达120至180毫米，道路和下穿隧道将严重积水，水深可能超过7.5米。",
    instruction="请留在室内，远离地铁站、下穿隧道和河道，切勿驾车涉水。",
    contact="0371-0000-0000", **TIMES, **SORT,
)  # fmt: skip
WARNING = Alert(
    identifier="urn:oid:2.49.0.1.156.0.20260301100000.1", sender="warn@office.example", sent_at=SENT, status="Actual",
    message_type="Alert", scope="Public", info=(ENGLISH, CHINESE),
)  # fmt: skip
EXERCISE = replace(WARNING, status="Exercise", note="spring drill")
CANCEL = replace(WARNING, message_type="Cancel", references=(WARNING.reference,), identifier="c.2")

HOSTILE = {
    "markup": "<script>alert(1)</script><b>&amp;</b>\" onload='x' ]]> {{7*7}} %s {0}",
    "long": "Long text of many words with 12,345.6 mm and more; " * 200,
    "one word": "x" * 10_000,
    "number": "1" * 10_000,
    "emoji": "🌊👨‍👩‍👧‍👦🇨🇳👍🏽 " * 60,
    "right to left": "تحذير من السيول الجارفة في الوادي " * 20,
    "lines": "one\nBcc: all@example.com\n\nTo: x\ttab",
    "phonemes": "[[h@l@U]] <speak><break time='9s'/> {voice}",
    "combining": "e\u0301\u0323\u0308" * 500,
}


def with_text(text: str, alert: Alert = WARNING) -> Alert:
    """The warning with this in the place of each of its texts."""
    infos = tuple(
        replace(
            one, event=text, headline=text, description=text, instruction=text, sender_name=text, contact=text,
            area=(replace(one.area[0], description=text),),
        )
        for one in alert.info
    )  # fmt: skip
    return replace(alert, info=infos)


def said(alert: Alert = WARNING, level: Level = Level.RED) -> tuple[Said, ...]:
    return said_of(alert, level, "Office")
