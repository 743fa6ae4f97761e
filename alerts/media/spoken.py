"""Texts as a voice says them: numbers, times and units in words, nothing that a voice program takes for an order.

eSpeak NG 1.51 reads Chinese characters as English letters with its ordinary voice (its issue 1163), and leaves the
point out of a Chinese decimal number: 7.5 becomes seven five. So it is given Chinese as syllables with tones, and
numbers are written out.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from alerts.media.said import COLOUR_WORDS, Said, short_time
from alerts.media.shorten import one_line, shorten
from data.text import Translate

DIGITS = "零一二三四五六七八九"
LARGE = ("", "万", "亿", "万亿")
UNITS = {
    "mm/h": ("millimetres an hour", "毫米每小时"),
    "km/h": ("kilometres an hour", "公里每小时"),
    "m/s": ("metres a second", "米每秒"),
    "mm": ("millimetres", "毫米"),
    "cm": ("centimetres", "厘米"),
    "km": ("kilometres", "公里"),
    "m": ("metres", "米"),
    "°C": ("degrees Celsius", "摄氏度"),
    "℃": ("degrees Celsius", "摄氏度"),
    "%": ("percent", "%"),
}
_UNIT = re.compile(r"(?<=\d)\s*(mm/h|km/h|m/s|mm|cm|km|m|°C|℃|%)(?![\w/])", re.ASCII)
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NUMBER = re.compile(r"(?<![\w.])([-−]?)(\d+)(?:\.(\d+))?(%?)", re.ASCII)
_CLOCK = re.compile(r"(?<![\d:])([01]?\d|2[0-4]):([0-5]\d)(?![\d:])", re.ASCII)
_SILENT = re.compile(r"[^\w\s.,;:!?，。；：！？、%°℃/()（）+\-−–—'’&]")  # also the brackets that begin phonemes
_ADDRESS = re.compile(r"https?://\S+")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


class Sentence(NamedTuple):
    """One thing that is said: what it is, how it is written, and how it is said."""

    kind: str
    written: str
    said: str


def sentences(said: Said, most: int) -> list[Sentence]:
    """What is said aloud, one after the other; `most` characters of each of the long texts."""
    t = said.t
    headline, area, description, instruction, sender = (
        shorten(one_line(text), most)
        for text in (said.headline, said.area, said.description, said.instruction, said.sender)
    )
    what = t("{what}. {headline}").format(what=said.what, headline=headline) if headline else said.what
    if says_it(said, headline) and not said.ended:
        what = headline
    rows = [_alike("stamp", t("This is an exercise or a test. It is not real.") if said.stamp else "")]
    rows += [_alike("what", shorten(one_line(what), 2 * most)), _alike("where", _labelled(t, t("Area"), area))]
    if said.expires_at is not None and not said.ended:
        until = t("In force until {time}.")
        written, heard = (form(said.expires_at, said.locale) for form in (short_time, spoken_time))
        rows.append(Sentence("when", until.format(time=written), until.format(time=heard)))
    rows += [_alike("expected", description), _alike("todo", _labelled(t, t("What to do"), instruction))]
    rows.append(_alike("sender", sender))
    return [row for row in rows if row.written]


def says_it(said: Said, text: str) -> bool:
    """Whether a text names the hazard and the level itself."""
    lower = text.lower()
    return said.event.lower() in lower and any(word in lower for word in COLOUR_WORDS.get(said.level, ()))


def _alike(kind: str, text: str) -> Sentence:
    return Sentence(kind, text, text)


def _labelled(t: Translate, label: str, text: str) -> str:
    return t("{label}: {text}").format(label=label, text=text) if text else ""


def spoken_time(at: datetime, locale: str) -> str:
    """Day and hour in words that are read well; the offset is for writing."""
    if locale == "zh":
        minutes = f"{at.minute}分" if at.minute else ""
        return f"{at.month}月{at.day}日{at.hour}时{minutes}"
    minutes = f" {at.minute:02}" if at.minute else ""
    return f"{at.hour} hours{minutes} on {at.day} {_MONTHS[at.month - 1]}"


def speakable(text: str, locale: str) -> str:
    """A text as the voice program is to read it: plain English, or Chinese syllables with their tones."""
    plain = one_line(_SILENT.sub(" ", _ADDRESS.sub(" ", text)))
    plain = _GROUPED.sub("", plain)
    zh = locale == "zh"
    plain = _UNIT.sub(lambda unit: ("" if zh else " ") + UNITS[unit[1]][zh], plain)
    if not zh:
        return _CLOCK.sub(
            lambda clock: f"{int(clock[1])} hours {clock[2] if clock[2] != '00' else ''}".strip(), plain
        )
    plain = _CLOCK.sub(lambda clock: f"{clock[1]}时" + (f"{clock[2]}分" if clock[2] != "00" else ""), plain)
    return _syllables(_NUMBER.sub(_chinese_number, plain))


def _minutes(written: str, form: str) -> str:
    return "" if written == "00" else form.format(written)


def chinese_integer(digits: str) -> str:
    """A whole number in Chinese characters; one of more than 16 digits, or with a zero in front, digit by digit."""
    if len(digits) > 16 or (len(digits) > 1 and digits[0] == "0"):
        return "".join(DIGITS[int(one)] for one in digits)
    number, parts = int(digits), ""
    for place, name in enumerate(LARGE):
        group = number // 10_000**place % 10_000
        if group:
            below = number % 10_000**place
            gap = "零" if place and 0 < below < 10_000**place // 10 else ""
            parts = _thousands(group) + name + gap + parts
    found = parts or DIGITS[0]
    return found[1:] if found.startswith("一十") else found


def _thousands(group: int) -> str:
    """1 to 9,999."""
    written, gap = "", False
    for name, size in (("千", 1000), ("百", 100), ("十", 10), ("", 1)):
        digit = group // size % 10
        if digit:
            written += ("零" if gap and written else "") + DIGITS[digit] + name
        gap = not digit
    return written


def _chinese_number(found: re.Match[str]) -> str:
    sign, whole, part, percent = found.groups()
    year = len(whole) == 4 and found.string[found.end() : found.end() + 1] == "年"
    words = "".join(DIGITS[int(one)] for one in whole) if year else chinese_integer(whole)
    if part:
        words += "点" + "".join(DIGITS[int(one)] for one in part)
    return ("负" if sign else "") + ("百分之" if percent else "") + words


@lru_cache(maxsize=512)
def _syllables(text: str) -> str:
    from pypinyin import Style, lazy_pinyin

    parts = lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True)
    return one_line(" ".join(parts))
