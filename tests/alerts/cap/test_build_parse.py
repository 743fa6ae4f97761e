"""What is built is read again as it was; what cannot be kept whole is refused."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings

from alerts.cap.build import build, joined
from alerts.cap.check import check
from alerts.cap.finding import REJECT
from alerts.cap.model import Alert, Area, Circle, Pair, Polygon, Position, Reference
from alerts.cap.parse import MAX_BYTES, parse
from alerts.cap.shapes import words_of
from alerts.cap.times import read_time, write_time
from data.errors import WarningError
from tests.alerts.cap.messages import ALERTS, GOOD, SENT, edited
from tests.conftest import tries


@settings(max_examples=tries(1000, 150), deadline=None, suppress_health_check=list(HealthCheck))
@given(ALERTS)
def test_message_that_is_built_is_read_again_as_it_was(alert: Alert) -> None:
    body = build(alert)
    again = parse(body)
    assert again == alert
    assert build(again) == body, "the same message gives the same bytes, offsets of its times too"


@settings(max_examples=tries(100, 30), deadline=None, suppress_health_check=list(HealthCheck))
@given(ALERTS)
def test_message_that_is_built_keeps_the_rules_of_form(alert: Alert) -> None:
    rejects = {one.rule for one in check(build(alert)) if one.weight is REJECT}
    form = {"C01", "C02", "C07", "C10", "C12", "C15", "C19", "C21", "C23", "C33", "C49", "C57", "C63", "C64"}
    assert not rejects & (form - {"C21"} if alert.scope == "Private" else form)


def test_good_message_is_read_into_its_parts() -> None:
    alert = parse(GOOD.encode())
    first, second = alert.info
    assert (alert.message_type, alert.scope, alert.incidents) == ("Update", "Public", ("spring flood", "levee-7"))
    assert alert.sent_at == SENT and alert.sent_at.utcoffset() == timedelta(hours=8)
    assert alert.references[0].identifier.endswith(".1")
    assert first.description == "The river rises & passes 7 m < 8 m by midnight."
    assert (second.language, second.event) == ("zh-CN", "洪水")
    assert first.event_code == (Pair("SAME", "FLW"),)
    assert first.area[0].altitude_ft == Decimal(-1300)


def test_position_is_written_latitude_first_and_held_longitude_first() -> None:
    area = parse(GOOD.encode()).info[0].area[0]
    assert area.polygons[0].ring[1] == Position(lon=121.0, lat=30.0)
    assert area.circles[0] == Circle(centre=Position(lon=120.5, lat=30.5), radius_km=12.5)
    assert b"<polygon>30,120 30,121 31,121 31,120 30,120</polygon>" in build(parse(GOOD.encode()))


def test_bytes_hold_no_doctype_no_mark_and_no_instruction() -> None:
    body = build(parse(GOOD.encode()))
    assert body.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n<alert xmlns=")
    assert body.count(b"<?") == 1 and b"<!" not in body


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 3, 1, 10, tzinfo=UTC), "2026-03-01T10:00:00-00:00"),
        (datetime(2026, 3, 1, 18, tzinfo=timezone(timedelta(hours=8))), "2026-03-01T18:00:00+08:00"),
        (datetime(2026, 3, 1, 5, 30, tzinfo=timezone(-timedelta(hours=3, minutes=30))), "2026-03-01T05:30:00-03:30"),
    ],
    ids=["utc", "china", "newfoundland"],
)
def test_time_keeps_its_offset(value: datetime, text: str) -> None:
    assert write_time(value) == text
    assert read_time(text) == value and read_time(text).utcoffset() == value.utcoffset()


@pytest.mark.parametrize(
    "text",
    ["2026-03-01T10:00:00Z", "2026-03-01T10:00:00", "2026-03-01T10:00:00.5+00:00", "2026-02-30T10:00:00+00:00",
     "2026-03-01T24:00:00+00:00", "2026-03-01T10:00:00+14:01", "2026-03-01T10:00:00+08:60",
     "2026-03-01 10:00:00+08:00", "0001-01-01T00:00:00+08:00", "２026-03-01T10:00:00+08:00", ""],
)  # fmt: skip
def test_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^n"):
        read_time(text)


@pytest.mark.parametrize(
    "value",
    [datetime(2026, 3, 1), datetime(2026, 3, 1, microsecond=1, tzinfo=UTC),
     datetime(2026, 3, 1, tzinfo=timezone(timedelta(seconds=30))),
     datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=15)))],
    ids=["naive", "fraction", "offset_with_seconds", "offset_too_wide"],
)  # fmt: skip
def test_message_holds_no_time_that_cap_cannot_write(value: datetime) -> None:
    with pytest.raises(WarningError):
        replace(parse(GOOD.encode()), sent_at=value)


@pytest.mark.parametrize("text", ["a\x00b", "a\x0bb", "\ufffe", "\ud800"])
def test_message_holds_no_character_that_xml_cannot_carry(text: str) -> None:
    with pytest.raises(WarningError, match="character"):
        replace(parse(GOOD.encode()), note=text)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_message_holds_no_number_that_is_none(value: float) -> None:
    with pytest.raises(WarningError, match="finite"):
        Circle(centre=Position(1.0, 2.0), radius_km=value)
    with pytest.raises(WarningError, match="finite"):
        Polygon(ring=(Position(value, 2.0),))
    with pytest.raises(WarningError, match="number"):
        Area(description="x", altitude_ft=Decimal(value))


def test_message_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        parse(GOOD.encode()).note = "other"  # type: ignore[misc]


def test_small_numbers_are_written_without_exponent() -> None:
    circle = Circle(centre=Position(lon=1e-7, lat=-1e-9), radius_km=0.00001)
    alert = parse(edited(("<circle>30.5,120.5 12.5</circle>", "")))
    area = replace(alert.info[0].area[0], circles=(circle,))
    body = build(replace(alert, info=(replace(alert.info[0], area=(area,)),)))
    assert b"<circle>0,0 0.00001</circle>" in body and parse(body).info[0].area[0].circles == (circle,)


@pytest.mark.parametrize("name", ['a"b', "", "  "])
def test_list_item_that_cannot_be_written_is_refused(name: str) -> None:
    with pytest.raises(WarningError):
        joined([name])


def test_reference_that_cannot_be_written_is_refused() -> None:
    reference = Reference(sender="two words", identifier="x", sent_at=SENT)
    with pytest.raises(WarningError, match="cannot be referred to"):
        build(replace(parse(GOOD.encode()), references=(reference,)))


@pytest.mark.parametrize(
    ("text", "items"),
    [('a "b c" d', ("a", "b c", "d")), ("", ()), ('"one"', ("one",)), ("a\n b", ("a", "b"))],
)
def test_list_is_split_at_blanks_outside_quotes(text: str, items: tuple[str, ...]) -> None:
    assert words_of(text) == items


@pytest.mark.parametrize("text", ['"a', 'a"b"', '"a"b', '""', '" "', '"a" "'])
def test_list_with_loose_quotes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quotes"):
        words_of(text)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n", "does not begin"),
        (b"<alert/>", "no CAP 1.2 message"),
        (edited(("cap:1.2", "cap:1.1")), "no CAP 1.2 message"),
        (edited(("2026-03-01T18:00:00+08:00", "2026-03-01T18:00:00Z")), "sent cannot be read"),
        (edited(("<polygon>30,120", "<polygon>30;120")), "polygon cannot be read"),
        (edited(("30.5,120.5 12.5", "30.5 120.5 12.5")), "circle cannot be read"),
        (edited(("<altitude>-1300", "<altitude>high")), "altitude cannot be read"),
        (edited(("<altitude>-1300", "<altitude>1e9")), "altitude cannot be read"),
        (edited(("<size>16", "<size>1_6")), "size cannot be read"),
        (edited(("levee-7", '"levee')), "incidents cannot be read"),
        (edited(("<references>desk@met.example,", "<references>")), "references cannot be read"),
        (b"<alert>" + b" " * MAX_BYTES, "more than"),
        (edited(("<alert xmlns", "<!DOCTYPE alert><alert xmlns")), "DOCTYPE"),
    ],
    ids=["empty", "png", "no_namespace", "cap_1_1", "zulu", "polygon", "circle", "height", "exponent", "size", "list",
         "reference", "huge", "doctype"],
)  # fmt: skip
def test_what_cannot_be_kept_whole_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(WarningError, match=said):
        parse(body)
