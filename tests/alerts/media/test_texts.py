"""Texts of a warning: short ones by importance, nothing cut inside a number, nothing that does harm."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.media.said import COLOUR_WORDS, LEVEL_WORDS, STAMPS, by_language, said_of, short_time
from alerts.media.shorten import fit, gsm_folded, gsm_holds, gsm_septets, shorten, utf16_units
from alerts.media.texts import COLOURS, LONG, SHORT, chat, email, page, sms
from data.errors import WarningError
from data.model import Level
from data.text import translator
from tests.alerts.media.warnings import CANCEL, CHINESE, EXERCISE, HOSTILE, SENT, WARNING, said, with_text
from tests.conftest import ROOT

ENGLISH_SAID, CHINESE_SAID = said()
ANY = [pytest.param(text, id=name) for name, text in HOSTILE.items()]


class Reader(HTMLParser):
    """Tags and text of a document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_short_message_says_level_hazard_area_and_end_in_one_part() -> None:
    english, chinese = sms(ENGLISH_SAID, SHORT), sms(CHINESE_SAID, SHORT)
    assert english.text == "Red warning: Rainstorm. Zhengzhou…, until 2 Mar 06:00 UTC+8. Stay…"
    assert chinese.text == (
        "暴雨红色预警。郑州市：金水区、二七区、中原区，至3月2日06:00（UTC+8）。"
        "请留在室内，远离地铁站、下穿隧道和河道，切勿驾车涉水。"
    )
    for message in (english, chinese):
        assert message.places == utf16_units(message.text) <= 70
        assert (message.encoding, message.parts) == ("UCS-2", 1)
    assert (english.cut, chinese.cut) == (True, False)


def test_long_message_is_one_part_of_the_seven_bit_alphabet() -> None:
    message = sms(ENGLISH_SAID, LONG)
    assert message.encoding == "GSM-7"
    assert message.parts == 1
    assert message.places == gsm_septets(message.text) <= 160
    assert message.text.startswith(
        "Red warning: Rainstorm. Zhengzhou: Jinshui, Erqi and Zhongyuan districts, until 2 Mar 06:00 UTC+8. Stay"
    )
    assert message.cut
    assert message.text.endswith("...")


def test_long_message_in_chinese_says_how_many_parts_it_takes() -> None:
    message = sms(
        replace(
            CHINESE_SAID,
            area="郑州市金水区、二七区、中原区、管城回族区、惠济区、上街区、中牟县、荥阳市、新密市、登封市",
        ),
        LONG,
    )
    assert (message.encoding, message.cut) == ("UCS-2", False)
    assert 70 < message.places <= 134
    assert message.parts == 2
    assert CHINESE.instruction in message.text


def test_exercise_is_said_first_everywhere() -> None:
    for one, word in zip(said(EXERCISE), ("[EXERCISE] ", "【演练】"), strict=True):
        assert sms(one, SHORT).text.startswith(word)
        assert sms(one, LONG).text.startswith(word)
        assert page(one).title.startswith(word)
    letter = email(said(EXERCISE))
    assert letter.subject.startswith("[EXERCISE] ")
    assert "【演练】" in letter.html
    assert chat(said(EXERCISE)).startswith("[EXERCISE] ")


@pytest.mark.parametrize("status", ["Test", "System", "Draft"])
def test_what_is_not_actual_is_never_shown_as_real(status: str) -> None:
    for one in said(replace(WARNING, status=status)):
        assert one.stamp
        assert one.stamp in sms(one, SHORT).text


def test_cancelled_warning_says_so_and_names_no_end() -> None:
    english, chinese = said(CANCEL)
    assert sms(english, SHORT).text.startswith("CANCELLED: Red warning: Rainstorm. ")
    assert sms(chinese, SHORT).text.startswith("已解除：暴雨红色预警")
    assert "until" not in sms(english, LONG).text
    assert "In force until" not in email((english,)).plain


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param("暴雨红色预警", "暴雨红色预警", id="colour stands there already"),
        pytest.param("暴雨预警", "暴雨红色预警", id="the word stands once"),
        pytest.param("预警", "预警红色预警", id="nothing else than the word"),
    ],
)
def test_level_is_named_once(event: str, expected: str) -> None:
    alert = replace(WARNING, info=(replace(CHINESE, event=event),))
    assert said(alert)[0].what == expected


def test_unknown_level_is_said_to_be_unknown() -> None:
    assert said(WARNING, Level.UNKNOWN)[0].what == "Warning of unknown level: Rainstorm"
    assert COLOURS[Level.UNKNOWN] not in [COLOURS[level] for level in Level if level != Level.UNKNOWN]


def test_letter_holds_every_language_whole() -> None:
    letter = email(said())
    assert letter.subject == (
        "Red warning: Rainstorm – Zhengzhou: Jinshui, Erqi and Zhongyuan districts / "
        "暴雨红色预警 – 郑州市：金水区、二七区、中原区"
    )
    shown = Reader(letter.html).text
    for info in WARNING.info:
        for text in (info.headline, info.description, info.instruction, info.sender_name, info.contact):
            assert text in letter.plain
            assert text in shown
    assert "In force until: 2 Mar 2026 06:00 UTC+8" in letter.plain
    assert "失效时间：2026年3月2日06:00（UTC+8）" in letter.plain


@pytest.mark.parametrize("text", ANY)
def test_asvs_1_2_1_hostile_text_stays_text(text: str) -> None:
    every = said(with_text(text))
    letter = email(every)
    read = Reader(letter.html)
    assert read.tags <= {"html", "head", "meta", "title", "body", "div", "p", "br", "a"}
    assert read.names <= {"lang", "charset", "style", "dir", "href"}
    assert letter.subject.replace("\u200d", "").isprintable()
    assert len(letter.subject) <= 150
    for one in every:
        for most in (SHORT, LONG):
            message = sms(one, most)
            assert message.places <= most
            assert "\n" not in message.text
            assert "UTC+8" in message.text
        shown = page(one)
        assert len(shown.title) <= 60
        assert len(shown.body) <= 180
        assert shown.title.replace("\u200d", "").isprintable()


@pytest.mark.parametrize("letter", ["\u202e", "\u2066", "\u0007", "\u2069"])
@pytest.mark.parametrize("field", ["event", "headline", "description", "instruction", "contact"])
def test_asvs_1_2_1_text_that_turns_the_direction_is_refused(letter: str, field: str) -> None:
    if letter == "\u0007":
        with pytest.raises(WarningError):
            replace(CHINESE, **{field: f"abc{letter}def"})
        return
    info = replace(CHINESE, **{field: f"abc{letter}def"})
    with pytest.raises(WarningError, match=r"changes what people see: U\+20"):
        said_of(replace(WARNING, info=(info,)), Level.RED, "Office")


def test_message_without_words_is_refused() -> None:
    with pytest.raises(WarningError, match="says nothing"):
        said_of(replace(WARNING, info=()), Level.RED, "Office")


def test_link_is_only_a_web_address() -> None:
    one = replace(ENGLISH_SAID, web="javascript:alert(1)")
    assert one.link == ""
    assert "<a" not in email((one,)).html
    assert 'href="https://warn.example/public/w/17"' in email((ENGLISH_SAID,)).html


def test_first_info_of_each_language_is_the_short_one() -> None:
    twice = replace(WARNING, info=(*WARNING.info, replace(CHINESE, event="大风")))
    assert [one.event for one in by_language(said(twice))] == ["Rainstorm", "暴雨"]
    assert "大风" in email(said(twice)).plain


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        pytest.param("rain of 120 mm", 12, "rain of…", id="no number without its unit's beginning"),
        pytest.param("rain of 1,250.5 mm", 13, "rain of…", id="not inside a number"),
        pytest.param("until 06:00 today", 10, "until…", id="not inside a time"),
        pytest.param("水深7.5米以上", 4, "水深…", id="Chinese"),
        pytest.param("Stay inside. Now", 13, "Stay inside…", id="after a sentence"),
        pytest.param("abcdefghijkl", 5, "abcd…", id="one long word"),
        pytest.param("11111111", 5, "…", id="one long number"),
        pytest.param("a👍🏽b", 3, "a…", id="a sign of two characters"),
        pytest.param("fits", 4, "fits", id="whole"),
        pytest.param("abc", 0, "", id="no room"),
    ],
)
def test_text_is_cut_between_words(text: str, most: int, expected: str) -> None:
    assert shorten(text, most) == expected


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab ,.1234567890-:雨水é👍🏽\u0301\u200d🇨🇳"), max_size=60), st.integers(0, 60))
def test_numbers_are_whole_or_missing(text: str, most: int) -> None:
    found = shorten(text, most)
    assert len(found) <= most
    numbers = re.findall(r"\d+", text)
    assert re.findall(r"\d+", found) == numbers[: len(re.findall(r"\d+", found))]


def test_the_least_important_goes_first() -> None:
    parts = [("level", 5), ("until", -1), ("a long area of words", 6), ("do this and that now", 4)]
    assert fit(parts, 50, measure=len, mark="…") == (
        ["level", "until", "a long area of words", "do this and that now"],
        False,
    )
    texts, cut = fit(parts, 34, measure=len, mark="…")
    assert (texts, cut) == (["level", "until", "a long area of words", "do…"], True)
    assert fit(parts, 16, measure=len, mark="…")[0] == ["level", "until", "a…", "do…"]


def test_seven_bit_alphabet_counts_its_extension_twice() -> None:
    assert gsm_septets("a€[") == 5
    assert gsm_folded("Łódź “quoted” – ű") == 'Łodz "quoted" - u'
    assert not gsm_holds("Ł")
    with pytest.raises(ValueError, match="7 bit"):
        gsm_septets("雨")


def test_time_carries_its_offset() -> None:
    assert short_time(SENT, "en") == "1 Mar 18:00 UTC+8"
    assert short_time(SENT, "zh") == "3月1日18:00（UTC+8）"


def test_words_of_the_house_exist_in_both_languages() -> None:
    t, said_words = translator("zh"), {*LEVEL_WORDS.values(), *STAMPS.values()}
    for path in sorted((ROOT / "alerts" / "media").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="t"), args=[ast.Constant(value=str(text)), *_]):
                    said_words.add(text)
                case ast.Call(func=ast.Attribute(attr="t"), args=[ast.Constant(value=str(text)), *_]):
                    said_words.add(text)
    assert sorted(word for word in said_words if t(word) == word) == []
    assert set(LEVEL_WORDS) == set(Level) == set(COLOURS)
    assert set(COLOUR_WORDS) == {level for level in Level if level > Level.NONE}


def test_a_mark_that_the_event_bears_already_stands_once() -> None:
    for one, word in zip(said(EXERCISE), ("EXERCISE: ", "演练："), strict=True):
        marked = replace(one, event=f"{word}{one.event}")
        assert marked.head == one.head
