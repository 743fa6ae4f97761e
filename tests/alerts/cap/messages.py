"""One good message, edits of it, and generated messages."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from alerts.cap.model import Alert, Area, Circle, Info, Pair, Polygon, Position, Reference, Resource
from data.cap_words import (
    CATEGORIES,
    CERTAINTIES,
    MESSAGE_TYPES,
    RESPONSE_TYPES,
    SCOPES,
    SEVERITIES,
    STATUSES,
    URGENCIES,
)

EAST = timezone(timedelta(hours=8))
SENT = datetime(2026, 3, 1, 18, tzinfo=EAST)
NOW = datetime(2026, 3, 1, 10, 1, tzinfo=UTC)
FILE = b"map of the river"
SHA1 = hashlib.sha1(FILE).hexdigest()
SHA256 = hashlib.sha256(FILE).hexdigest()

GOOD = f"""<?xml version='1.0' encoding='UTF-8'?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>urn:oid:2.49.0.1.156.0.20260301100000.2</identifier>
  <sender>desk@met.example</sender>
  <sent>2026-03-01T18:00:00+08:00</sent>
  <status>Actual</status>
  <msgType>Update</msgType>
  <source>duty desk</source>
  <scope>Public</scope>
  <code>house</code>
  <note>second message</note>
  <references>desk@met.example,urn:oid:2.49.0.1.156.0.20260301040000.1,2026-03-01T12:00:00+08:00</references>
  <incidents>"spring flood" levee-7</incidents>
  <info>
    <language>en-GB</language>
    <category>Met</category>
    <event>flood</event>
    <responseType>Prepare</responseType>
    <urgency>Expected</urgency>
    <severity>Severe</severity>
    <certainty>Likely</certainty>
    <eventCode>
      <valueName>SAME</valueName>
      <value>FLW</value>
    </eventCode>
    <effective>2026-03-01T18:00:00+08:00</effective>
    <onset>2026-03-01T20:00:00+08:00</onset>
    <expires>2026-03-02T06:00:00+08:00</expires>
    <senderName>Office of Example</senderName>
    <headline>River flood tonight</headline>
    <description>The river rises &amp; passes 7 m &lt; 8 m by midnight.</description>
    <instruction>Leave the banks.</instruction>
    <web>https://met.example/flood?id=2&amp;lang=en</web>
    <contact>+86 10 0000 0000</contact>
    <parameter>
      <valueName>awareness_level</valueName>
      <value>3; orange; Severe</value>
    </parameter>
    <parameter>
      <valueName>resource-sha256</valueName>
      <value>{SHA256} https://met.example/map.png</value>
    </parameter>
    <resource>
      <resourceDesc>Map</resourceDesc>
      <mimeType>image/png</mimeType>
      <size>{len(FILE)}</size>
      <uri>https://met.example/map.png</uri>
      <derefUri>{base64.b64encode(FILE).decode()}</derefUri>
      <digest>{SHA1}</digest>
    </resource>
    <area>
      <areaDesc>Lower valley</areaDesc>
      <polygon>30,120 30,121 31,121 31,120 30,120</polygon>
      <circle>30.5,120.5 12.5</circle>
      <geocode>
        <valueName>GB/T 2260</valueName>
        <value>330100</value>
      </geocode>
      <altitude>-1300</altitude>
      <ceiling>900.5</ceiling>
    </area>
  </info>
  <info>
    <language>zh-CN</language>
    <category>Met</category>
    <event>洪水</event>
    <responseType>Prepare</responseType>
    <urgency>Expected</urgency>
    <severity>Severe</severity>
    <certainty>Likely</certainty>
    <eventCode>
      <valueName>SAME</valueName>
      <value>FLW</value>
    </eventCode>
    <expires>2026-03-02T06:00:00+08:00</expires>
    <senderName>示例气象台</senderName>
    <headline>今夜江河洪水</headline>
    <description>江水上涨，午夜前超过7米。</description>
    <instruction>请离开河岸。</instruction>
    <contact>+86 10 0000 0000</contact>
    <area>
      <areaDesc>下游河谷</areaDesc>
      <polygon>30,120 30,121 31,121 31,120 30,120</polygon>
    </area>
  </info>
</alert>
"""


def edited(*edits: tuple[str, str], everywhere: bool = False) -> bytes:
    """The good message with the first of each old text, or all of them, replaced; each old text must be there."""
    text = GOOD
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new) if everywhere else text.replace(old, new, 1)
    return text.encode()


# What XML can carry, and texts as people write them.
CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
TEXTS = st.text(CHARACTERS | st.sampled_from("\t\n\r<>&\"']"), max_size=30)
NAMES = st.text(CHARACTERS.filter(lambda one: not one.isspace() and one not in ',<&"'), min_size=1, max_size=20)
QUOTABLE = st.text(CHARACTERS.filter(lambda one: one != '"'), min_size=1, max_size=20).filter(lambda one: one.strip())
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)) if minutes else UTC)
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=ZONES).map(
    lambda one: one.replace(microsecond=0)
)
POSITIONS = st.builds(Position, st.floats(-180, 180), st.floats(-90, 90))
PAIRS = st.tuples(NAMES, TEXTS).map(lambda pair: Pair(*pair))


ADDRESSES = st.sampled_from(["", "https://met.example/a?b=c&d=e", "http://[::1]:8050/x"])


def several(items: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=most).map(tuple)


POLYGONS = st.lists(POSITIONS, min_size=3, max_size=8).map(lambda ring: Polygon(ring=(*ring, ring[0])))
CIRCLES = st.builds(Circle, centre=POSITIONS, radius_km=st.floats(0, 20_000))
HEIGHTS = st.none() | st.decimals(Decimal(-2000), Decimal(99_999), places=2)
AREAS = st.builds(
    Area, description=TEXTS, polygons=several(POLYGONS), circles=several(CIRCLES), geocodes=several(PAIRS),
    altitude_ft=HEIGHTS, ceiling_ft=HEIGHTS,
)  # fmt: skip
RESOURCES = st.builds(
    Resource, description=TEXTS, mime_type=st.sampled_from(["image/png", "text/plain"]),
    size_bytes=st.none() | st.integers(0, 10**12), uri=ADDRESSES, deref_uri=TEXTS, digest=TEXTS,
)  # fmt: skip
INFOS = st.builds(
    Info, language=st.sampled_from(["en", "zh-CN", "fr-CA", ""]),
    category=st.lists(st.sampled_from(CATEGORIES), min_size=1, max_size=2).map(tuple), event=TEXTS,
    response_type=several(st.sampled_from(RESPONSE_TYPES)), urgency=st.sampled_from(URGENCIES),
    severity=st.sampled_from(tuple(SEVERITIES)), certainty=st.sampled_from(CERTAINTIES), audience=TEXTS,
    event_code=several(PAIRS), effective_at=st.none() | TIMES, onset_at=st.none() | TIMES,
    expires_at=st.none() | TIMES, sender_name=TEXTS, headline=TEXTS, description=TEXTS, instruction=TEXTS,
    web=ADDRESSES, contact=TEXTS, parameter=several(PAIRS), resource=several(RESOURCES, 1), area=several(AREAS),
)  # fmt: skip
REFERENCES = st.builds(Reference, sender=NAMES, identifier=NAMES, sent_at=TIMES)
ALERTS = st.builds(
    Alert, identifier=NAMES, sender=NAMES, sent_at=TIMES, status=st.sampled_from(STATUSES),
    message_type=st.sampled_from(MESSAGE_TYPES), source=TEXTS, scope=st.sampled_from(SCOPES), restriction=TEXTS,
    addresses=several(QUOTABLE), code=several(TEXTS), note=TEXTS, references=several(REFERENCES),
    incidents=several(QUOTABLE), info=several(INFOS),
)  # fmt: skip
