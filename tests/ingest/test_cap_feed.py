"""CAP messages, alone and in envelopes and indexes, legal and not."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import shape

from data.errors import BadPayload
from data.model import IncomingWarning, Level, Parsed, Payload
from ingest.cap_area import geodesic_circle
from ingest.cap_feed import CapFeed

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "cap"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEED = CapFeed()


def parse(body: str | bytes, *, url: str = "https://feeds.example/cap/index.xml", feed: CapFeed = FEED) -> Parsed:
    raw = body.encode() if isinstance(body, str) else body
    return feed.parse(Payload(source=feed.spec.key, body=raw, received_at=AT, url=url))


def alert(
    *, version: str = "1.2", info: str | None = None, area: str = "", severity: str = "Severe", expires: str = "",
    **fields: str,
) -> str:  # fmt: skip
    """A CAP message with some elements replaced; a field set to "" is left out."""
    written = {
        "identifier": "one", "sender": "desk@met.example", "sent": "2026-03-01T10:00:00+00:00", "status": "Actual",
        "msgType": "Alert", "scope": "Public",
    } | fields  # fmt: skip
    head = "".join(f"<{name}>{value}</{name}>" for name, value in written.items() if value)
    end = f"<expires>{expires}</expires>" if expires else ""
    body = f"""<info><category>Met</category><event>gale</event><urgency>Expected</urgency>
        <severity>{severity}</severity><certainty>Likely</certainty>{end}<headline>Gale</headline>{area}</info>"""
    place = "http://www.incident.com/cap/1.0" if version == "1.0" else f"urn:oasis:names:tc:emergency:cap:{version}"
    return f'<alert xmlns="{place}">{head}{body if info is None else info}</alert>'


def one(body: str) -> IncomingWarning:
    (record,) = parse(body).records
    assert isinstance(record, IncomingWarning)
    return record


def in_area(inner: str) -> IncomingWarning:
    return one(alert(area=f"<area><areaDesc>here</areaDesc>{inner}</area>"))


def notes(record: IncomingWarning) -> str:
    return "; ".join(record.attributes["notes"])


def test_message_in_two_languages_becomes_one_record() -> None:
    record = one((FIXTURES / "two_languages.xml").read_text(encoding="utf-8"))
    assert (record.level, record.event, record.headline) == (Level.ORANGE, "wind", "Gale on the ridge")
    assert record.language == "en-GB"
    assert record.area == "Valley; Ridge"
    assert record.geocodes == (("SAME", "006037"), ("EMMA_ID", "XX001"))
    assert record.sent_at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert record.onset_at == datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert record.expires_at == datetime(2026, 3, 2, 4, tzinfo=UTC)
    assert len(record.infos) == 3 and record.infos[0]["headline"] == "Crue majeure"
    assert record.geometry is not None and len(record.geometry["coordinates"]) == 3
    assert [reference[1][-1] for reference in record.references] == ["6", "5"]


@pytest.mark.parametrize(
    ("language", "level", "event"),
    [("en", Level.ORANGE, "wind"), ("fr-CA", Level.RED, "crue"), ("zh", Level.RED, "crue")],
)
def test_preferred_language_decides_or_the_first_one(language: str, level: Level, event: str) -> None:
    body = (FIXTURES / "two_languages.xml").read_bytes()
    (record,) = parse(body, feed=CapFeed(language=language)).records
    assert isinstance(record, IncomingWarning)
    assert (record.level, record.event) == (level, event)


@pytest.mark.parametrize(
    ("severity", "level"),
    [
        ("Extreme", Level.RED),
        ("Severe", Level.ORANGE),
        ("Moderate", Level.YELLOW),
        ("Minor", Level.BLUE),
        ("Unknown", Level.UNKNOWN),
        ("Terrible", Level.UNKNOWN),
        ("", Level.UNKNOWN),
        ("severe", Level.ORANGE),
    ],
)
def test_level_follows_severity(severity: str, level: Level) -> None:
    record = one(alert(severity=severity))
    assert record.level is level
    if severity in ("Terrible", ""):
        assert record.severity == "Unknown" and "taken as Unknown" in notes(record)


def test_severities_agree_with_the_published_table(oracles: Path) -> None:
    rows = [line.split(",") for line in (oracles / "level_to_cap.csv").read_text().splitlines() if "China," in line]
    assert len(rows) == 4
    for _, colour, severity, _ in rows:
        assert one(alert(severity=severity)).level.key == colour.split()[0]


@pytest.mark.parametrize("name", ["identifier", "sender", "sent", "status", "msgType", "scope"])
def test_message_without_a_needed_element_is_rejected(name: str) -> None:
    result = parse(alert(**{name: ""}))
    assert not result.records
    (reject,) = result.rejects
    assert f"{name} is missing" in reject.reason


@pytest.mark.parametrize(
    ("name", "value"), [("status", "actual"), ("msgType", "New"), ("scope", "World"), ("sent", "yesterday")]
)
def test_message_with_an_impossible_value_is_rejected(name: str, value: str) -> None:
    (reject,) = parse(alert(**{name: value})).rejects
    assert reject.id == "one" and value in reject.reason


@pytest.mark.parametrize("status", ["Test", "Exercise", "System", "Draft"])
@pytest.mark.parametrize("scope", ["Public", "Private", "Restricted"])
def test_status_and_scope_are_kept_as_they_are(status: str, scope: str) -> None:
    record = one(alert(status=status, scope=scope))
    assert (record.status, record.scope) == (status, scope)


def test_older_versions_are_mapped() -> None:
    info = """<info><category>Met</category><event>gale</event><urgency>Expected</urgency><severity>Minor</severity>
        <certainty>Very Likely</certainty><area><areaDesc>x</areaDesc><geocode>fips6=006037</geocode></area></info>"""
    record = one(alert(version="1.0", scope="", info=info, msgType="Update", references="two/other@met.example"))
    assert record.scope == "Public" and record.certainty == "Likely"
    assert record.geocodes == (("fips6", "006037"),)
    assert record.references == (("other@met.example", "two", ""),)
    assert one(alert(version="1.1")).attributes["version"] == "1.1"


@pytest.mark.parametrize(
    ("fields", "said", "expires_at"),
    [
        ({"sent": "2026-03-01T10:00:00"}, "sent has no time zone", None),
        (
            {"expires": "2026-03-01T18:00:00"},
            "expires has no time zone: kept until 2026-03-02T06:00:00Z",
            datetime(2026, 3, 2, 6, tzinfo=UTC),
        ),
        ({"expires": "soon"}, "expires is not a time", None),
        (
            {"expires": "2016-03-01T18:00:00Z"},
            "expires before it was sent",
            datetime(2016, 3, 1, 18, tzinfo=UTC),
        ),
    ],
    ids=["sent_without_zone", "expires_without_zone", "expires_unreadable", "expires_first"],
)
def test_doubtful_times_are_noted_and_never_end_a_warning_early(
    fields: dict[str, str], said: str, expires_at: datetime | None
) -> None:
    record = one(alert(**fields))
    assert said in notes(record)
    assert record.expires_at == expires_at
    assert record.sent_at == datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_info_without_an_end_is_not_ended_by_another_info() -> None:
    info = "<info><event>a</event><severity>Minor</severity><expires>2026-03-01T11:00:00Z</expires></info>"
    record = one(alert(info=f"{info}<info><event>b</event><severity>Extreme</severity></info>"))
    assert record.expires_at == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert "gives no end" in notes(record)


def test_polygon_is_read_as_latitude_first() -> None:
    record = in_area("<polygon>10,100 10,101 11,101 10,100</polygon>")
    assert shape(record.geometry).bounds == (100.0, 10.0, 101.0, 11.0)
    assert not record.attributes["notes"]


@pytest.mark.parametrize(
    ("polygon", "said", "area"),
    [
        ("10,100 10,101 11,101 11,100", "closed", 1.0),
        ("10,100 11,101 10,101 11,100 10,100", "mended", 0.5),
        ("10,100 10,101 10,100", "fewer than three", None),
        ("10,100 10,101 10,102 10,100", "no area", None),
        ("100,10 101,10 101,11 100,10", "perhaps written lon,lat", None),
        ("10,100 nan,101 11,101 10,100", "not finite", None),
        ("10 100 10 101 11 101", "not written lat,lon", None),
        ("a,b c,d e,f a,b", "not numbers", None),
        ("10,1000 10,1001 11,1001 10,1000", "longitude 1000.0", None),
        ("", "", None),
        ("10,100,5 10,101,5 11,101,5 11,100,5 10,100,5", "", 1.0),
    ],
    ids=[
        "open", "bow_tie", "two_points", "flat", "swapped", "nan", "no_comma", "words", "longitude", "empty",
        "heights",
    ],
)  # fmt: skip
def test_odd_ring_is_mended_or_left_out_with_a_note(polygon: str, said: str, area: float | None) -> None:
    record = in_area(f"<polygon>{polygon}</polygon>")
    assert said in notes(record) and bool(said) == bool(notes(record))
    if area is None:
        assert record.geometry is None and record.area == "here"
    else:
        assert shape(record.geometry).is_valid
        assert shape(record.geometry).area == pytest.approx(area)


@pytest.mark.parametrize("east", ["-179", "181"])
def test_ring_over_the_antimeridian_is_cut(east: str) -> None:
    record = in_area(f"<polygon>10,179 10,{east} 11,{east} 11,179 10,179</polygon>")
    whole = shape(record.geometry)
    assert whole.is_valid and whole.geom_type == "MultiPolygon"
    assert whole.area == pytest.approx(2.0)
    assert whole.bounds == (-180.0, 10.0, 180.0, 11.0)
    assert "antimeridian" in notes(record)


def test_ring_round_the_pole_covers_it() -> None:
    record = in_area("<polygon>80,0 80,90 80,180 80,-90 80,0</polygon>")
    assert shape(record.geometry).bounds == (-180.0, 80.0, 180.0, 90.0)
    assert "pole" in notes(record)


def test_circle_is_a_geodesic_ring_of_64_points() -> None:
    from pyproj import Geod

    ring = geodesic_circle(20.0, 60.0, 100.0)
    assert len(ring) == 65 and ring[0] == ring[-1]
    distances = [Geod(ellps="WGS84").inv(20.0, 60.0, lon, lat)[2] for lon, lat in ring]
    assert distances == pytest.approx([100_000.0] * 65, abs=0.01)
    whole = shape(in_area("<circle>60.0,20.0 100</circle>").geometry)
    assert abs(Geod(ellps="WGS84").geometry_area_perimeter(whole)[0]) == pytest.approx(3.1416e10, rel=0.005)


@pytest.mark.parametrize(
    ("circle", "kind", "said"),
    [
        ("10,100 0", "Point", ""),
        ("10,100 0.0", "Point", ""),
        ("10,179.9 50", "MultiPolygon", "antimeridian"),
        ("89.9,0 100", "Polygon", "pole"),
        ("10,100 -5", None, "out of range"),
        ("10,100", None, "not written"),
        ("95,100 5", None, "latitude"),
        ("10,100 inf", None, "out of range"),
        ("", None, ""),
    ],
)
def test_circle_shapes(circle: str, kind: str | None, said: str) -> None:
    record = in_area(f"<circle>{circle}</circle>")
    assert (record.geometry["type"] if record.geometry else None) == kind
    assert said in notes(record)


def test_excluded_polygon_is_taken_out() -> None:
    outer, inner = "0,0 0,10 10,10 10,0 0,0", "4,4 4,6 6,6 6,4 4,4"
    geocode = f"<geocode><valueName>EXCLUDE_POLYGON</valueName><value>{inner}</value></geocode>"
    record = in_area(f"<polygon>{outer}</polygon>{geocode}")
    assert shape(record.geometry).area == pytest.approx(96.0)
    assert record.geocodes == ()


def test_point_and_polygon_are_both_kept() -> None:
    record = in_area("<polygon>0,0 0,1 1,1 0,0</polygon><circle>5,5 0</circle>")
    assert record.geometry is not None
    assert [part["type"] for part in record.geometry["geometries"]] == ["Polygon", "Point"]


def test_text_cannot_hide_or_turn_characters() -> None:
    record = one(alert(info="<info><event>ga\u202ele\u2066</event><severity>Minor</severity></info>"))
    assert record.event == "gale"


def test_wrapper_and_envelope_give_every_message_once() -> None:
    messages = (
        alert(identifier="a") + alert(identifier="b") + alert(identifier="a") + alert(identifier="", sender="x")
    )
    for wrapped in (
        f'<alerts xmlns="urn:oasis:names:tc:emergency:cap:1.2">{messages}</alerts>',
        f'<d:EDXLDistribution xmlns:d="urn:oasis:names:tc:emergency:EDXL:DE:1.0"><d:contentObject><d:xmlContent>'
        f"<d:embeddedXMLContent>{messages}</d:embeddedXMLContent></d:xmlContent></d:contentObject></d:EDXLDistribution>",
    ):
        result = parse(wrapped)
        assert [record.id for record in result.records if isinstance(record, IncomingWarning)] == ["a", "b"]
        assert [reject.reason for reject in result.rejects] == ["identifier is missing"]


def test_empty_wrapper_is_no_fault() -> None:
    assert not parse("<alerts/>").records and not parse("<alerts/>").rejects


def test_atom_entry_gives_its_message_or_its_link() -> None:
    body = f"""<feed xmlns="http://www.w3.org/2005/Atom"><updated>2026-03-01T11:00:00Z</updated>
      <link rel="self" href="/cap/index.xml"/>
      <entry><id>a</id><content type="text/xml">{alert(identifier="a")}</content><link href="a.xml"/></entry>
      <entry><id>b</id><link rel="alternate" type="text/html" href="b.html"/>
        <link rel="related" type="application/cap+xml" href="b.cap"/></entry>
      <entry><id>c</id><link href="https://other.example/c.xml"/></entry>
      <entry><id>c again</id><link href="https://other.example/c.xml"/></entry>
      <entry><id>d</id><link href="file:///etc/passwd"/></entry>
      <entry><id>e</id></entry></feed>"""
    result = parse(body)
    assert len(result.records) == 1
    assert result.follow == ("https://feeds.example/cap/b.cap", "https://other.example/c.xml")
    assert [reject.id for reject in result.rejects] == ["d", "e"]
    assert result.data_at == datetime(2026, 3, 1, 11, tzinfo=UTC)


def test_rss_item_gives_its_link_or_enclosure() -> None:
    body = """<rss version="2.0"><channel><link>https://page.example/</link>
      <item><guid>1</guid><link> https://met.example/1.xml </link></item>
      <item><guid>2</guid><link>https://met.example/2.html</link>
        <enclosure url="https://met.example/2.cap" type="application/cap+xml"/></item>
      <item><title>nothing</title></item></channel></rss>"""
    result = parse(body)
    assert result.follow == ("https://met.example/1.xml", "https://met.example/2.cap")
    assert [reject.id for reject in result.rejects] == ["entry 3"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<alert xmlns="urn:oasis:names:tc:emergency:alerts:1.2"><identifier>x</identifier></alert>', "is not CAP"),
        ("<kml/>", "no CAP message"),
        ("<!DOCTYPE html><html/>", "HTML"),
        ("<!DOCTYPE alert [<!ENTITY x 'y'>]><alert/>", "DOCTYPE refused"),
        ('{"type": "FeatureCollection", "features": [{"type": "Feature"}]}', "not a collection of alerts"),
        ('{"type": "FeatureCollection", "features": [NaN]}', "NaN"),
        ("[1, 2", "cap_feed: "),
        ("", "empty"),
    ],
)
def test_payload_that_is_no_cap_is_refused(body: str, said: str) -> None:
    with pytest.raises(BadPayload, match=said):
        parse(body)


def test_weather_service_json_is_read() -> None:
    import json

    properties: dict[str, Any] = {
        "id": "urn:oid:1", "sender": "w@noaa.example", "sent": "2026-03-01T03:00:00-06:00", "status": "Actual",
        "messageType": "Update", "severity": "Severe", "certainty": "Likely", "urgency": "Expected", "event": "Flood",
        "expires": "2026-03-01T09:00:00-06:00", "ends": "2026-03-02T09:00:00-06:00", "areaDesc": "Here; There",
        "geocode": {"SAME": ["006037", "006059"], "UGC": ["CAZ548"]}, "headline": "Flood\u0000 \ud83c",
        "references": [{"sender": "w@noaa.example", "identifier": "urn:oid:0", "sent": "2026-02-28T03:00:00-06:00"}],
    }  # fmt: skip
    ring = [[-118.0, 34.0], [-117.0, 34.0], [-117.0, 35.0], [-118.0, 34.0]]
    features = [
        {"type": "Feature", "geometry": None, "properties": properties},
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]},
         "properties": properties | {"id": "urn:oid:2"}},
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": "x"},
         "properties": properties | {"id": "urn:oid:3"}},
        {"type": "Feature", "geometry": None, "properties": properties | {"sent": "soon"}},
    ]  # fmt: skip
    result = parse(json.dumps({"type": "FeatureCollection", "features": features}))
    assert [record.geometry is None for record in result.records] == [True, False, True]  # type: ignore[union-attr]
    first = result.records[0]
    assert isinstance(first, IncomingWarning)
    assert first.geocodes == (("SAME", "006037"), ("SAME", "006059"), ("UGC", "CAZ548"))
    assert first.expires_at == datetime(2026, 3, 2, 15, tzinfo=UTC)
    assert first.references == (("w@noaa.example", "urn:oid:0", "2026-02-28T03:00:00-06:00"),)
    assert first.headline.startswith("Flood") and "\x00" not in first.headline
    assert len(result.rejects) == 1


def test_damaged_messages_never_break_the_parser() -> None:
    body = bytearray((FIXTURES / "two_languages.xml").read_bytes())
    chance = random.Random(7)
    outcomes = {"read": 0, "refused": 0}
    for number in range(300):
        damaged = bytearray(body[: chance.randrange(len(body))] if number % 3 == 0 else body)
        for _ in range(chance.randrange(1, 6)):
            if damaged:
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        try:
            result = parse(bytes(damaged))
        except BadPayload as refused:
            assert refused.reason
            outcomes["refused"] += 1
        else:
            assert len(result.records) + len(result.rejects) <= 1
            outcomes["read"] += 1
    assert min(outcomes.values()) > 10


def test_parse_is_pure() -> None:
    body = (FIXTURES / "two_languages.xml").read_bytes()
    assert parse(body) != parse(b"<alerts/>")
    assert parse(body).records == parse(body).records


# file: (records, infos, areas, polygons, circles, follow, rejects)
RECORDED = {
    "cap/CanadaNaad.xml": (1, 2, 2, 2, 0, 0, 0),
    "cap/NOAA_MultiplePolygons.txt": (1, 1, 1, 2, 0, 0, 0),
    "cap/australia_bom.cap": (1, 1, 1, 0, 0, 0, 0),
    "cap/canada.cap": (1, 2, 4, 4, 0, 0, 0),
    "cap/canada_errors.cap": (1, 1, 1, 1, 0, 0, 0),
    "cap/canada_signed.cap": (1, 2, 4, 4, 0, 0, 0),
    "cap/earthquake-iso8859-1.cap": (1, 1, 1, 0, 1, 0, 0),
    "cap/earthquake.cap": (1, 1, 1, 0, 1, 0, 0),
    "cap/mexico.xml": (1, 1, 1, 1, 0, 0, 0),
    "cap/no_info_tag.cap": (1, 0, 0, 0, 0, 0, 0),
    "cap/no_optional_fields.cap": (1, 0, 0, 0, 0, 0, 0),
    "cap/ph.cap": (1, 1, 1, 1, 0, 0, 0),
    "cap/smhi.se.alerts.cap": (17, 17, None, None, None, 0, 0),
    "cap/wcatwc-warning.cap": (1, 1, 1, 0, 0, 0, 0),
    "cap/weather.cap": (1, 1, 1, 1, 0, 0, 0),
    "cap/invalid.cap": (0, 0, 0, 0, 0, 0, 1),
    "cap/bushfire_valid.edxlde": (59, None, None, None, None, 0, 0),
    "cap/KAR0-0306112239-SW.cap": (1, 1, 1, 0, 0, 0, 0),
    "cap/burkina_faso_signed.xml": (1, 1, 1, 1, 0, 0, 0),
    "cap/togo_signed.xml": (1, 1, 2, 2, 0, 0, 0),
    "cap/togo_invalid_schema.xml": (1, 1, 2, 2, 0, 0, 0),
    "cap/seychelles_unsigned.xml": (1, 1, 1, 1, 0, 0, 0),
    "cap/Myanmar-Flood-MultiLanguage.xml": (1, 2, 2, 2, 0, 0, 0),
    "cap/Flood.xml": (1, 1, 1, 1, 0, 0, 0),
    "cap/Z_CAP_C_EDZW_20170223134450_PVW_4.xml": (1, 1, 20, 0, 0, 0, 0),
    "cap/dwd_2023_mid.MUL.xml": (1, 8, 392, 32, 0, 0, 0),
    "cap/dwd_2023_large.MUL.xml": (1, 8, 1352, 8, 0, 0, 0),
    "cap/msg_actual-public_en_of_hp.xml": (1, 1, 1, 1, 1, 0, 0),
    "cap/msg_test-public_fr_of_nohp.xml": (1, 1, 1, 1, 1, 0, 0),
    "cap/invalid_xmlns.cap": "is not CAP",
    "cap/xee.cap": "DOCTYPE refused",
    "cap_feed/amber.atom": (1, 1, 1, 0, 0, 0, 0),
    "cap_feed/amber.rss": (0, 0, 0, 0, 0, 1, 0),
    "cap_feed/canada_signed.atom": (1, 2, 4, 4, 0, 0, 0),
    "cap_feed/earthquake_index.atom": (0, 0, 0, 0, 0, 1, 0),
    "cap_feed/empty_weather_index.atom": (0, 0, 0, 0, 0, 0, 0),
    "cap_feed/no_id.atom": (0, 0, 0, 0, 0, 0, 1),
    "cap_feed/no_link.atom": (0, 0, 0, 0, 0, 0, 1),
    "cap_feed/ny_index.rss": (0, 0, 0, 0, 0, 2, 0),
    "cap_feed/oregon_nws.atom": (0, 0, 0, 0, 0, 1, 1),
    "cap_feed/weather_index.atom": (0, 0, 0, 0, 0, 2, 0),
    "cap_feed/weather_invalid.atom": (1, 1, 1, 0, 0, 0, 0),
    "cap_feed/invalid.rss": (0, 0, 0, 0, 0, 0, 1),
    "cap_feed/pelmorex.atom": "not well-formed",
    "cap_feed/feeds.json": "not a collection of alerts",
    "georss/xml_parser_bom_1.xml": (0, 0, 0, 0, 0, 0, 1),
    "georss/xml_parser_geometries_1.xml": (0, 0, 0, 0, 0, 0, 6),
    "nws_alerts/active_testing.geojson": (4, 4, 4, None, 0, 0, 34),
    "nws_alerts/active_guam.geojson": (0, 0, 0, 0, 0, 0, 246),
    "nws_alerts/active_loadtest.geojson": (0, 0, 0, 0, 0, 0, 8),
    "nws_alerts/alerts_active_zone.json": (1, 1, 1, 0, 0, 0, 0),
}


@pytest.mark.recorded
@pytest.mark.parametrize("name", RECORDED)
def test_recorded_file_holds_what_the_index_says(recorded: Path, name: str) -> None:
    body, facts = (recorded / name).read_bytes(), RECORDED[name]
    if isinstance(facts, str):
        with pytest.raises(BadPayload, match=facts):
            parse(body)
        return
    result = parse(body)
    records = [record for record in result.records if isinstance(record, IncomingWarning)]
    infos = [info for record in records for info in record.infos]
    areas = [area for info in infos for area in info["areas"]]
    counted = (
        len(records), len(infos), len(areas), sum(area["polygons"] for area in areas),
        sum(area["circles"] for area in areas), len(result.follow), len(result.rejects),
    )  # fmt: skip
    assert [mine for mine, fact in zip(counted, facts, strict=True) if fact is not None] == [
        fact for fact in facts if fact is not None
    ]
    for record in records:
        assert record.geometry is None or shape(record.geometry).is_valid


@pytest.mark.recorded
def test_every_recorded_file_is_in_the_table(recorded: Path) -> None:
    files = {f"{folder}/{path.name}" for folder in ("cap", "cap_feed", "georss", "nws_alerts")
             for path in (recorded / folder).iterdir()}  # fmt: skip
    assert files == set(RECORDED)
