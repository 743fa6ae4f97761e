"""The Chinese form: number, Beijing time, colours, and the elements seen in messages of a provincial service."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lxml import etree

from alerts.cap.gbt import NOTICE, Exported, Office, export, number
from alerts.cap.model import Alert, Pair
from alerts.cap.parse import parse
from data.errors import WarningError
from data.model import Level
from tests.alerts.cap.messages import GOOD, SENT

OFFICE = Office("330100", "416", "000", "00", "示例气象台")
NUMBER = "33010041600000_20260301180000_0"
EARLIER = "33010041600000_20260301120000_0"
# In the order of a message of 2020 (Henan, gale, blue) in public source code; `instruction` and `web` follow.
ELEMENTS = [
    "identifier", "sender", "senderCode", "sendTime", "status", "msgType", "scope", "code", "secClassification",
    "note", "references", "info",
]  # fmt: skip
INFO = [
    "language", "eventType", "urgency", "severity", "certainty", "effective", "onset", "expires", "senderName",
    "headline", "description", "instruction", "web", "area",
]  # fmt: skip
AREA = ["areaDesc", "polygon", "circle", "geocode"]


def message(kind: str = "Update") -> Alert:
    alert = parse(GOOD.encode())
    chinese = alert.info[1]
    area = replace(chinese.area[0], geocodes=(Pair("GB/T 2260", "330100"), Pair("SAME", "000000")))
    return replace(alert, message_type=kind, info=(alert.info[0], replace(chinese, area=(area,))))


def made(level: Level = Level.BLUE, alert: Alert | None = None, replaces: tuple[str, ...] = (EARLIER,)) -> Exported:
    return export(alert or message(), office=OFFICE, level=level, event_type="11B06", replaces=replaces)


def test_number_has_31_characters_and_beijing_time() -> None:
    assert number(OFFICE, SENT, 0) == NUMBER and len(NUMBER) == 31
    assert number(OFFICE, datetime(2026, 3, 1, 10, tzinfo=UTC), 9) == NUMBER[:-1] + "9"


def test_elements_stand_in_the_order_that_was_seen() -> None:
    root = etree.fromstring(made().body)
    info = root.find("info")
    assert info is not None
    area = info.find("area")
    assert area is not None
    assert [one.tag for one in root] == ELEMENTS
    assert [one.tag for one in info] == INFO and [one.tag for one in area] == AREA


def test_words_and_times_are_those_of_the_form() -> None:
    root = etree.fromstring(made().body)
    assert root.findtext("identifier") == NUMBER and root.findtext("senderCode") == "33010041600000"
    assert root.findtext("sendTime") == "2026-03-01 18:00:00+08:00"
    assert root.findtext("references") == EARLIER
    assert root.findtext("info/severity") == "Blue" and root.findtext("info/eventType") == "11B06"
    assert root.findtext("info/headline") == "今夜江河洪水[IV级/一般]"
    assert root.findtext("info/expires") == "2026-03-02 06:00:00+08:00"
    assert root.findtext("info/area/geocode") == "330100"
    assert root.findtext("info/area/polygon") == "30,120 30,121 31,121 31,120 30,120"


@pytest.mark.parametrize(
    ("level", "colour", "grade"),
    [(Level.RED, "Red", "I级/特别重大"), (Level.ORANGE, "Orange", "II级/重大"),
     (Level.YELLOW, "Yellow", "III级/较大"), (Level.BLUE, "Blue", "IV级/一般")],
)  # fmt: skip
def test_four_colours_and_their_grades(level: Level, colour: str, grade: str) -> None:
    root = etree.fromstring(made(level).body)
    assert root.findtext("info/severity") == colour
    assert (root.findtext("info/headline") or "").endswith(f"[{grade}]")


@pytest.mark.parametrize("level", [Level.UNKNOWN, Level.NONE])
def test_level_without_a_colour_is_refused(level: Level) -> None:
    with pytest.raises(WarningError, match="no colour"):
        made(level)


def test_every_export_says_where_the_form_is_from() -> None:
    assert made().notice == NOTICE == "from second-hand copies of the standard, verify"


def test_same_message_gives_the_same_bytes() -> None:
    assert made().body == made().body


def test_markup_in_texts_is_escaped() -> None:
    alert = message()
    info = replace(alert.info[1], headline="a<b & c")
    root = etree.fromstring(made(alert=replace(alert, info=(info,))).body)
    assert root.findtext("info/headline") == "a<b & c[IV级/一般]"


def test_message_that_says_nothing_in_chinese_is_refused() -> None:
    alert = message()
    with pytest.raises(WarningError, match="Chinese"):
        made(alert=replace(alert, info=alert.info[:1]))


@pytest.mark.parametrize("replaces", [(), ("33010041600000_20260301120000",), ("x",)])
def test_update_names_what_it_replaces(replaces: tuple[str, ...]) -> None:
    with pytest.raises(WarningError):
        made(replaces=replaces)


def test_new_message_replaces_nothing() -> None:
    assert etree.fromstring(made(alert=message("Alert"), replaces=()).body).findtext("references") == ""


@pytest.mark.parametrize(
    "office",
    [Office("3301", "416", "000", "0000", "x"), Office("330100", "41", "6000", "00", "x"),
     Office("33010A", "416", "000", "00", "x"), Office("330100", "416", "000", "é0", "x")],
)  # fmt: skip
def test_office_code_of_another_form_is_refused(office: Office) -> None:
    with pytest.raises(WarningError):
        number(office, SENT, 0)


@pytest.mark.parametrize("serial", [-1, 10])
def test_ten_messages_in_one_second_at_most(serial: int) -> None:
    with pytest.raises(WarningError):
        number(OFFICE, SENT, serial)
