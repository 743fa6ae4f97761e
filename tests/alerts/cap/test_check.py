"""The checklist over faulty and tricky files, each made from one good message by a small edit."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from alerts.cap.check import RULES, check, rejected
from alerts.cap.finding import REJECT, REMARK, Finding
from alerts.cap.message import Context
from alerts.cap.parse import parse
from alerts.cap.profile import profiles
from data.clock import parse_time
from data.text import translator
from tests.alerts.cap.messages import FILE, GOOD, NOW, SENT, SHA1, SHA256, edited

POLYGON = "30,120 30,121 31,121 31,120 30,120"
RING = f"<polygon>{POLYGON}</polygon>"
FIRST_AREA = GOOD[GOOD.index("    <area>") : GOOD.index("    </area>") + len("    </area>\n")]
SECOND_INFO = GOOD[GOOD.rindex("  <info>") : GOOD.rindex("</alert>")]
REFERENCES = GOOD[GOOD.index("  <references>") : GOOD.index("  <incidents>")]
CLOSE = "</alert>\n"
SENDER = "desk@met.example"


def line(name: str, *, which: int = 0) -> str:
    """The line of the good message that holds an element, the first or a later one."""
    return [one for one in GOOD.splitlines(keepends=True) if one.strip().startswith(f"<{name}>")][which]


def without(name: str, which: int = 0) -> bytes:
    return edited((line(name, which=which), ""))


def text(name: str, value: str) -> bytes:
    return edited((line(name), f"<{name}>{value}</{name}>\n"))


def ring(points: str) -> bytes:
    return edited((RING, f"<polygon>{points}</polygon>"))


def circle(value: str) -> bytes:
    return edited(("30.5,120.5 12.5", value))


def as_type(word: str, *edits: tuple[str, str]) -> bytes:
    return edited(("<msgType>Update", f"<msgType>{word}"), *edits)


def before(name: str, added: str) -> bytes:
    return edited((line(name), added + line(name)))


# name -> (bytes, the rules that reject it); the first is the one that the file is about
REJECTED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "C01"),
    "blank": (b" \n\t ", "C01"),
    "rubbish": (bytes(range(256)), "C01"),
    "json": (b'{"type": "Alert"}', "C01"),
    "html": (b"<!DOCTYPE html><html></html>", "C01"),
    "cut_short": (GOOD.encode()[:900], "C01"),
    "doctype": (edited(("<alert xmlns", "<!DOCTYPE alert>\n<alert xmlns")), "C01"),
    "entity_bomb": (b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>', "C01"),
    "unknown_entity": (text("note", "a&nbsp;b"), "C01"),
    "not_utf8": (GOOD.encode().replace(b"second message", b"second \xff message"), "C01"),
    "latin1": (edited(("UTF-8", "ISO-8859-1"), ("今夜江河洪水", "x")).decode().encode("latin-1", "replace"), "C01"),
    "gb18030": (edited(("UTF-8", "GB18030")).decode().encode("gb18030"), "C01"),
    "utf16": (edited(("UTF-8", "UTF-16")).decode().encode("utf-16"), "C01"),
    "wrong_declaration": (edited(("UTF-8", "UTF-16")), "C01"),
    "byte_order_mark": (b"\xef\xbb\xbf" + GOOD.encode(), "C01"),
    "processing_instruction": (before("identifier", '<?xml-stylesheet href="x.xsl"?>\n'), "C01"),
    "other_namespace": (edited(("cap:1.2", "cap:9.9")), "C01"),
    "no_namespace": (edited((' xmlns="urn:oasis:names:tc:emergency:cap:1.2"', "")), "C01"),
    "cap_1_1": (edited(("cap:1.2", "cap:1.1")), "C01"),
    "other_root": (edited(("<alert ", "<feed "), (CLOSE, "</feed>\n")), "C01"),
    "two_messages_in_a_wrapper": (b"<alerts>" + GOOD.split("\n", 1)[1].encode() * 2 + b"</alerts>", "C01"),
    "order_of_elements": (edited((line("status"), ""), (line("msgType"), line("msgType") + line("status"))), "C02"),
    "element_twice": (before("scope", line("scope")), "C02"),
    "unknown_element": (before("source", "<priority>high</priority>\n"), "C02"),
    "foreign_element": (before("source", '<x:y xmlns:x="urn:x">1</x:y>\n'), "C02"),
    "attribute": (edited(("<status>", '<status lang="en">')), "C02"),
    "text_between_elements": (before("source", "stray\n"), "C02"),
    "info_before_scope": (edited((SECOND_INFO, ""), (line("scope"), SECOND_INFO + line("scope"))), "C02"),
    "area_before_headline": (edited((FIRST_AREA, ""), (line("headline"), FIRST_AREA + line("headline"))), "C02"),
    "element_inside_a_text": (text("headline", "River <b>flood</b>"), "C02"),
    "identifier_missing": (without("identifier"), "C03 C02"),
    "identifier_empty": (text("identifier", ""), "C03"),
    "identifier_with_blank": (text("identifier", "a b"), "C03"),
    "identifier_with_comma": (text("identifier", "a,b"), "C03"),
    "identifier_with_less_than": (text("identifier", "a&lt;b"), "C03"),
    "identifier_with_ampersand": (text("identifier", "a&amp;b"), "C03"),
    "sender_with_blank": (edited(("<sender>desk@", "<sender>the desk@")), "C04 C17"),
    "sender_empty": (text("sender", ""), "C04 C17"),
    "sent_zulu": (text("sent", "2026-03-01T10:00:00Z"), "C07 C64"),
    "sent_without_offset": (text("sent", "2026-03-01T10:00:00"), "C07 C64"),
    "sent_with_fraction": (text("sent", "2026-03-01T18:00:00.250+08:00"), "C07 C64"),
    "sent_no_such_day": (text("sent", "2026-02-30T18:00:00+08:00"), "C07 C64"),
    "sent_hour_24": (text("sent", "2026-03-01T24:00:00+08:00"), "C07 C64"),
    "sent_offset_15_hours": (text("sent", "2026-03-01T18:00:00+15:00"), "C07 C64"),
    "sent_missing": (without("sent"), "C07 C02 C64"),
    "onset_in_words": (text("onset", "tonight"), "C07 C64"),
    "expires_empty": (text("expires", ""), "C07 C37"),
    "sent_in_the_future": (text("sent", "2027-03-01T18:00:00+08:00"), "C09 C36"),
    "status_in_lower_case": (text("status", "actual"), "C10"),
    "status_with_blank": (text("status", " Actual "), "C10"),
    "type_unknown": (text("msgType", "Warning"), "C12"),
    "update_without_references": (edited((REFERENCES, "")), "C13"),
    "cancel_without_references": (as_type("Cancel", (REFERENCES, "")), "C13"),
    "ack_with_empty_references": (as_type("Ack", (REFERENCES, "<references/>")), "C13"),
    "reference_of_two_parts": (text("references", "desk@met.example,x"), "C15 C64"),
    "references_with_comma_between": (
        text("references", f"{SENDER},x,2026-03-01T12:00:00+08:00,{SENDER},y,2026-03-01T13:00:00+08:00"),
        "C15 C64",
    ),
    "reference_with_zulu": (text("references", "desk@met.example,x,2026-03-01T04:00:00Z"), "C15 C64"),
    "reference_to_itself": (
        text("references", f"{SENDER},urn:oid:2.49.0.1.156.0.20260301100000.2,2026-03-01T18:00:00+08:00"), "C16"
    ),
    "reference_to_a_later_one": (text("references", "desk@met.example,x,2026-03-02T18:00:00+08:00"), "C16"),
    "reference_to_another_sender": (text("references", "other@met.example,x,2026-03-01T12:00:00+08:00"), "C17"),
    "scope_unknown": (text("scope", "World"), "C19"),
    "restricted_without_restriction": (text("scope", "Restricted"), "C20"),
    "restriction_of_a_public_one": (before("code", "<restriction>staff</restriction>"), "C20"),
    "private_without_addresses": (text("scope", "Private"), "C21"),
    "addresses_with_loose_quote": (before("code", '<addresses>"north desk</addresses>'), "C21 C64"),
    "incidents_with_loose_quote": (text("incidents", 'spring" flood'), "C23 C64"),
    "public_without_info": (edited((GOOD[GOOD.index("  <info>") : GOOD.index(CLOSE)], "")), "C25"),
    "language_with_underscore": (text("language", "en_GB"), "C26"),
    "language_in_words": (text("language", "British English"), "C26"),
    "other_category_in_second_language": (
        edited((SECOND_INFO, SECOND_INFO.replace("<category>Met", "<category>Geo"))), "C27"
    ),
    "other_code_in_second_language": (edited((SECOND_INFO, SECOND_INFO.replace("FLW", "FFW"))), "C27"),
    "category_unknown": (edited(("<category>Met", "<category>Weather"), everywhere=True), "C30"),
    "category_of_old_spelling": (edited(("<category>Met", "<category>CBRN"), everywhere=True), "C30"),
    "category_missing": (without("category"), "C30 C02 C27"),
    "event_empty": (text("event", " "), "C31"),
    "event_missing": (without("event"), "C31 C02"),
    "response_unknown": (text("responseType", "Run"), "C32"),
    "severity_in_lower_case": (text("severity", "severe"), "C33"),
    "urgency_missing": (without("urgency"), "C33 C02"),
    "certainty_of_cap_1_0": (text("certainty", "Very Likely"), "C33"),
    "severity_with_blank": (text("severity", "Severe "), "C33"),
    "code_without_value": (edited(("<value>FLW</value>", "<value></value>"), everywhere=True), "C35"),
    "code_without_name": (edited(("SAME", ""), everywhere=True), "C35"),
    "geocode_without_value": (edited(("      <value>330100</value>\n", "")), "C35 C02"),
    "onset_after_expiry": (text("onset", "2026-03-03T20:00:00+08:00"), "C36"),
    "expires_before_sent": (text("expires", "2026-03-01T17:00:00+08:00"), "C36"),
    "expires_when_sent": (
        edited((line("onset"), ""), (line("expires"), "<expires>2026-03-01T10:00:00-00:00</expires>")), "C36"
    ),
    "no_expiry": (without("expires"), "C37"),
    "expires_in_a_week": (text("expires", "2026-03-08T18:00:00+08:00"), "C37"),
    "web_relative": (text("web", "/flood"), "C41"),
    "web_without_scheme": (text("web", "www.met.example"), "C41"),
    "web_of_a_script": (text("web", "javascript:alert(1)"), "C41"),
    "web_empty": (text("web", ""), "C41"),
    "html_in_headline": (text("headline", "&lt;b&gt;Flood&lt;/b&gt;"), "C42"),
    "html_in_cdata": (text("description", "<![CDATA[<script>alert(1)</script>]]>"), "C42"),
    "entity_in_text": (text("instruction", "Leave&amp;nbsp;now"), "C42"),
    "direction_turned": (text("headline", "Flood \u202egnineve"), "C42"),
    "control_character": (text("headline", "Flood \x85 tonight \x7f"), "C42"),
    "resource_without_media_type": (text("mimeType", "png"), "C43"),
    "resource_of_unknown_kind": (text("mimeType", "picture/png"), "C43"),
    "resource_not_described": (text("resourceDesc", ""), "C43"),
    "resource_media_type_missing": (without("mimeType"), "C43 C02"),
    "relative_uri": (edited(("<uri>https://met.example/map.png", "<uri>map.png"), (line("derefUri"), "")), "C44"),
    "content_not_base64": (text("derefUri", "***"), "C45"),
    "size_of_other_content": (text("size", "17"), "C45"),
    "digest_of_other_content": (text("digest", "0" * 40), "C46"),
    "digest_of_another_method": (text("digest", SHA256), "C46"),
    "other_sha256_in_parameter": (edited((SHA256, "0" * 64)), "C46"),
    "size_negative": (edited((line("size"), "<size>-1</size>"), (line("derefUri"), "")), "C47"),
    "size_in_words": (text("size", "16 bytes"), "C47 C64"),
    "area_without_description": (text("areaDesc", ""), "C48"),
    "area_description_missing": (without("areaDesc"), "C48 C02"),
    "area_of_words_alone": (edited((f"下游河谷</areaDesc>\n      {RING}", "下游河谷</areaDesc>")), "C48"),
    "no_area": (edited((FIRST_AREA, "")), "C48"),
    "polygon_with_semicolons": (ring(POLYGON.replace(",", ";")), "C49 C64"),
    "polygon_with_blank_after_comma": (ring(POLYGON.replace(",", ", ")), "C49 C64"),
    "polygon_with_heights": (ring("30,120,5 30,121,5 31,121,5 30,120,5"), "C49 C64"),
    "polygon_not_a_number": (ring("30,120 30,NaN 31,121 30,120"), "C49 C64"),
    "polygon_infinite": (ring("30,120 30,inf 31,121 30,120"), "C49 C64"),
    "polygon_empty": (ring(""), "C49"),
    "polygon_in_degree_signs": (ring("30°,120° 30°,121° 31°,121° 30°,120°"), "C49 C64"),
    "polygon_of_three": (ring("30,120 30,121 30,120"), "C50"),
    "polygon_not_closed": (ring("30,120 30,121 31,121 31,120"), "C50"),
    "latitude_91": (ring("91,120 91,121 90,121 91,120"), "C51"),
    "longitude_181": (ring("30,180 30,181 31,181 30,180"), "C51"),
    "lon_lat_swapped": (ring("120,30 121,30 121,31 120,30"), "C51"),
    "seven_decimals": (ring("30.1234567,120 30,121 31,121 30.1234567,120"), "C51"),
    "exponent": (ring("3e1,120 30,121 31,121 3e1,120"), "C51"),
    "polygon_crossing_itself": (ring("30,120 31,121 30,121 31,120 30,120"), "C53"),
    "polygon_without_area": (ring("30,120 30,121 30,122 30,120"), "C53"),
    "position_twice": (ring("30,120 30,121 30,121 31,121 31,120 30,120"), "C53"),
    "across_the_180th_meridian": (ring("-18,178 -18,-178 -16,-178 -16,178 -18,178"), "C54"),
    "circle_with_comma": (circle("30.5,120.5,12.5"), "C57 C64"),
    "circle_without_radius": (circle("30.5,120.5"), "C57 C64"),
    "circle_with_two_blanks": (circle("30.5,120.5  12.5"), "C57 C64"),
    "circle_with_unit": (circle("30.5,120.5 12.5 km"), "C57 C64"),
    "circle_latitude_91": (circle("91,120.5 12.5"), "C51"),
    "circle_negative": (circle("30.5,120.5 -1"), "C57"),
    "circle_round_the_earth": (circle("30.5,120.5 20016"), "C57"),
    "circle_not_a_number": (circle("30.5,120.5 NaN"), "C57 C64"),
    "ceiling_alone": (without("altitude"), "C59"),
    "ceiling_below_altitude": (text("ceiling", "-1400"), "C59"),
    "altitude_in_metres": (text("altitude", "300 m"), "C59 C64"),
    "fifty_one_infos": (edited((CLOSE, SECOND_INFO * 49 + CLOSE)), "C63"),
    "too_many_areas": (edited((FIRST_AREA, FIRST_AREA * 501)), "C63"),
    "too_many_messages": (b"<x>" + b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"/>' * 501 + b"</x>", "C63"),
    "larger_than_2_MB": (GOOD.encode() + b" " * (2 << 20), "C63"),
}  # fmt: skip

# legal, however odd: nothing rejects them; the rule that remarks on them, or ""
TRICKY: dict[str, tuple[bytes, str]] = {
    "good": (GOOD.encode(), ""),
    "prefix": (edited(("<", "<c:"), ("<c:/", "</c:"), ("xmlns=", "xmlns:c="), ("<c:?", "<?"), everywhere=True), ""),
    "cdata": (text("headline", "<![CDATA[Flood & wind]]>"), ""),
    "comment": (before("headline", "<!-- checked twice -->\n"), ""),
    "numeric_reference": (text("headline", "Flood &#x6D2A;"), ""),
    "schema_location": (
        edited(("<alert ", '<alert xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="x y" ')), ""
    ),
    "no_line_breaks": (GOOD.replace("\n", "").encode(), ""),
    "less_than_in_text": (text("headline", "Level &lt; 8 m and a&lt;b"), ""),
    "blanks_around_text": (text("headline", "\n   Flood   \n"), ""),
    "utc_as_minus_zero": (text("onset", "2026-03-01T12:00:00-00:00"), ""),
    "utc_as_plus_zero": (text("onset", "2026-03-01T12:00:00+00:00"), "C08"),
    "offset_of_45_minutes": (text("onset", "2026-03-01T18:00:00+05:45"), ""),
    "leap_day": (edited(("2026-03-0", "2028-02-2"), everywhere=True), ""),
    "language_missing": (without("language"), "C26"),
    "language_empty": (text("language", ""), "C26"),
    "identifier_of_the_old_arc": (edited(("oid:2.49.0.1.156.0.20260301100000.2", "oid:2.49.0.0.156.7")), "C06"),
    "draft": (text("status", "Draft"), "C10"),
    "exercise_without_name": (edited(("<status>Actual", "<status>Exercise"), (line("note"), "")), "C11"),
    "error_without_reason": (as_type("Error", (line("note"), "")), "C14"),
    "alert_with_references": (as_type("Alert"), "C18"),
    "cancel_without_info": (as_type("Cancel", (GOOD[GOOD.index("  <info>") : GOOD.index(CLOSE)], "")), ""),
    "same_text_in_two_languages": (text("headline", "今夜江河洪水"), "C28"),
    "contradiction": (
        edited((SECOND_INFO, SECOND_INFO + SECOND_INFO.replace("Severe", "Minor"))), "C29"
    ),
    "two_events_of_one_language": (
        edited((SECOND_INFO, SECOND_INFO + SECOND_INFO.replace("<event>洪水", "<event>内涝"))), "C27"
    ),
    "assess_for_the_public": (text("responseType", "Assess"), "C32"),
    "none_beside_others": (before("urgency", "<responseType>None</responseType>"), "C32"),
    "all_clear_of_a_new_alert": (
        as_type("Alert", (REFERENCES, ""), ("<responseType>Prepare", "<responseType>AllClear")), "C32"
    ),
    "severity_unknown": (text("severity", "Unknown"), "C34"),
    "colour_of_another_severity": (edited(("3; orange; Severe", "4; red; Extreme")), "C34"),
    "acronym_with_dots": (edited(("SAME", "S.A.M.E."), everywhere=True), "C35"),
    "acronym_in_lower_case": (edited(("SAME", "same"), everywhere=True), "C35"),
    "nothing_to_do_said": (without("instruction"), "C40"),
    "long_headline": (text("headline", "x" * 161), "C40"),
    "headline_as_description": (text("description", "River flood tonight"), "C40"),
    "digest_without_sha256": (edited(("resource-sha256", "other")), "C46"),
    "altitude_below_the_sea": (text("altitude", "-1412"), ""),
    "clockwise_ring": (ring("30,120 31,120 31,121 30,121 30,120"), ""),
    "round_the_pole": (ring("80,0 80,90 80,179 80,-90 80,0"), "C55"),
    "at_the_pole": (ring("80,0 80,90 90,90 80,0"), "C55"),
    "many_vertices": (
        ring(" ".join([f"{30 + n / 1000:.3f},120" for n in range(500)] + ["30.25,121", "30,120"])), "C56"
    ),
    "point_as_circle": (circle("30.5,120.5 0"), "C57"),
    "codes_alone": (edited((f"      {RING}\n", ""), ("      <circle>30.5,120.5 12.5</circle>\n", "")), "C58"),
    "unknown_code_list": (edited(("GB/T 2260", "my list")), "C58"),
    "code_of_another_form": (edited(("330100", "33")), "C58"),
    "closed_in_other_digits": (ring("30,120 30,121 31,121 31,120 30.0,120.000"), ""),
    "newlines_between_pairs": (ring(POLYGON.replace(" ", "\n")), ""),
}  # fmt: skip


def found_in(body: bytes, context: Context | None = None) -> list[Finding]:
    return check(body, context or Context(now=parse_time("2026-11-21T00:00:00Z")))


def rejects(findings: list[Finding]) -> set[str]:
    return {one.rule for one in findings if one.weight is REJECT}


@pytest.mark.parametrize(("body", "rules"), REJECTED.values(), ids=REJECTED.keys())
def test_faulty_file_names_the_broken_rule(body: bytes, rules: str) -> None:
    findings = found_in(body)
    assert rejects(findings) == set(rules.split())
    for one in findings:
        assert one.line >= 1
        for locale in ("en", "zh"):
            sentence = one.sentence(translator(locale))
            assert sentence and len(sentence) < 400 and "\n" not in sentence and "\u202e" not in sentence


@pytest.mark.parametrize(("body", "rule"), TRICKY.values(), ids=TRICKY.keys())
def test_tricky_file_is_not_rejected(body: bytes, rule: str) -> None:
    findings = found_in(body, Context(now=parse_time("2030-01-01T00:00:00Z")))
    assert rejects(findings) == set()
    remarks = {one.rule for one in findings} - {"C62"}
    assert rule in remarks if rule else remarks == set()


def test_there_are_ninety_files_and_more() -> None:
    assert len(REJECTED) >= 90 and len({body for body, _ in REJECTED.values()}) == len(REJECTED)


USED = {("desk@met.example", "urn:oid:2.49.0.1.156.0.20260301100000.2", SENT): "0" * 64}
BEFORE = parse(GOOD.encode()).references[0]
HASH = hashlib.sha256(GOOD.encode()).hexdigest()

# rule -> (bytes, context in which it is found, context in which it is not)
WITH_CONTEXT: dict[str, tuple[str, bytes, Context, Context]] = {
    "used_before": ("C05", GOOD.encode(), Context(used=USED), Context(used=dict.fromkeys(USED, HASH))),
    "old_when_issued": (
        "C09", GOOD.encode(), Context(now=NOW + timedelta(days=2), issuing=True), Context(now=NOW, issuing=True),
    ),
    "draft_issued": ("C10", text("status", "Draft"), Context(now=NOW, issuing=True), Context(now=NOW)),
    "live_message_forgotten": (
        "C17", GOOD.encode(),
        Context(live=(BEFORE, replace(BEFORE, identifier="forgotten"))), Context(live=(BEFORE,)),
    ),
    "restricted_published": (
        "C22", edited(("<scope>Public</scope>", "<scope>Restricted</scope><restriction>staff</restriction>")),
        Context(public=True), Context(),
    ),
    "profile_not_named": ("C24", GOOD.encode(), Context(profiles=(profiles()["ipaws"],)), Context()),
    "outside_of_the_jurisdiction": (
        "C52", GOOD.encode(), Context(jurisdiction=(0, 0, 10, 10)), Context(jurisdiction=(119, 29, 120, 30)),
    ),
    "content_where_files_can_be_fetched": ("C45", GOOD.encode(), Context(two_way=True), Context()),
    "not_what_was_approved": ("C61", GOOD.encode(), Context(approved_sha256="0" * 64), Context(approved_sha256=HASH)),
    "not_what_was_meant": (
        "C64", text("headline", "Other"),
        Context(meant=parse(GOOD.encode())), Context(meant=parse(text("headline", "Other"))),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "body", "wrong", "right"), WITH_CONTEXT.values(), ids=WITH_CONTEXT.keys())
def test_rule_that_needs_more_than_the_file(rule: str, body: bytes, wrong: Context, right: Context) -> None:
    assert rule in rejects(check(body, wrong))
    assert rule not in rejects(check(body, right))


def test_swap_is_named_where_it_would_fit() -> None:
    swapped = edited(("30,120 30,121 31,121 31,120 30,120", "30,20 30,21 31,21 30,20"), ("30.5,120.5", "30.5,20.5"),
                     everywhere=True)  # fmt: skip
    (one,) = [one for one in check(swapped, Context(jurisdiction=(29, 19, 32, 22))) if one.rule == "C52"]
    assert "swapped" in one.sentence()
    assert "C52" not in rejects(check(swapped, Context(jurisdiction=(19, 29, 22, 32))))


def test_every_rule_of_the_checklist_is_there_once_and_in_order() -> None:
    assert [one.id for one in RULES] == [f"C{number:02}" for number in range(1, 65)]


def test_good_message_passes_every_rule() -> None:
    assert {one.rule for one in found_in(GOOD.encode())} == {"C62"}


def test_place_is_path_and_line() -> None:
    body = edited((RING, "<polygon>30,120 30,121 30,120</polygon>"), ("<event>洪水", "<event>"))
    places = {one.rule: (one.path, one.line) for one in found_in(body)}
    lines = body.decode().splitlines()
    assert (
        places["C50"][0] == "alert/info[1]/area[1]/polygon[1]"
        and "30,120 30,121 30,120" in lines[places["C50"][1] - 1]
    )
    assert places["C31"][0] == "alert/info[2]/event" and "<event></event>" in lines[places["C31"][1] - 1]


def test_wrapped_messages_are_checked_each() -> None:
    body = (
        b"<alerts>"
        + (text("event", "") + GOOD.encode()).replace(b"<?xml version='1.0' encoding='UTF-8'?>", b"")
        + b"</alerts>"
    )
    findings = found_in(body)
    assert [one.path for one in findings if one.rule == "C31"] == ["alerts/alert[1]/info[1]/event"]
    assert sum(one.rule == "C62" for one in findings) == 2


def test_received_message_is_rejected_only_where_it_cannot_be_used() -> None:
    context = Context(now=NOW, received=True)
    for name in ("cap_1_1", "byte_order_mark", "no_expiry", "seven_decimals", "position_twice", "html_in_headline"):
        body, rules = REJECTED[name]
        findings = check(body, context)
        assert not rejected(findings), name
        assert {rules.split()[0]} <= {one.rule for one in findings if one.weight is REMARK}
    for name in ("rubbish", "other_namespace", "doctype", "sent_zulu", "severity_in_lower_case", "order_of_elements"):
        assert rejected(check(REJECTED[name][0], context)), name


def test_many_findings_of_one_rule_are_counted_not_listed() -> None:
    areas = FIRST_AREA.replace("GB/T 2260", "my list") * 250
    found = [one for one in found_in(edited((FIRST_AREA, areas))) if one.rule == "C58"]
    assert len(found) == 101 and found[-1].sentence() == "150 more findings of this rule."


def test_content_is_that_of_the_resource() -> None:
    other = base64.b64encode(b"another map of it").decode()
    body = edited((base64.b64encode(FILE).decode(), other), ("<size>16<", "<size>17<"))
    assert rejects(found_in(body)) == {"C46"} and SHA1 in body.decode()


def test_expiry_is_measured_from_sending() -> None:
    later = (SENT + timedelta(hours=72)).isoformat()
    assert rejects(found_in(text("expires", later))) == set()
    assert datetime.fromisoformat(later) - SENT == timedelta(hours=72)
