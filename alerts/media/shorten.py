"""Texts made to fit: cut between words, never inside a number or a sign made of several characters.

Reference: 3GPP TS 23.038, the GSM 7 bit default alphabet and its extension table.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = set("^{}\\[~]|€\f")  # two places each
PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\u00a0": " "})
_NUMBER_CHARACTER = re.compile(r"[\d.,:+\-/%°]")
_NUMBER_AT_END = re.compile(r"[+\-]?\d[\d.,:/\-]*\s*$")
_JOINED = {"\u200d", "\ufe0f", "\ufe0e"}
Measure = Callable[[str], int]


def utf16_units(text: str) -> int:
    """Places of a text in UCS-2 messages: a character past U+FFFF takes two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def gsm_septets(text: str) -> int:
    """Places in the 7 bit alphabet; ValueError for a text that it cannot hold."""
    if not gsm_holds(text):
        raise ValueError("not in the GSM 7 bit alphabet")
    return len(text) + sum(one in GSM_EXTENSION for one in text)


def gsm_holds(text: str) -> bool:
    return all(one in GSM or one in GSM_EXTENSION for one in text)


def gsm_folded(text: str) -> str:
    """With plain quotes and dashes, and without accents that the alphabet lacks."""
    return "".join(one if one in GSM else _without_accent(one) for one in text.translate(PLAIN))


def one_line(text: str) -> str:
    """Without line ends, so that it cannot begin a line or a header of its own."""
    return " ".join(text.split())


def shorten(text: str, most: int, *, measure: Measure = len, mark: str = "…") -> str:
    """A text of at most `most` places; one that was cut ends with `mark`, "" where not even that fits."""
    if measure(text) <= most:
        return text
    room = most - measure(mark)
    if room < 0:
        return ""
    longest = _longest(text, room, measure)
    places = range(longest, 0, -1)
    place = next((at for at in places if _may_cut(text, at)), 0)
    if not place:  # one word longer than all the room
        place = next((at for at in places if _whole(text, at)), 0)
    kept = _NUMBER_AT_END.sub("", text[:place])  # a number without its unit says something else
    return kept.rstrip(" .,;:，；：、。") + mark


def fit(parts: Sequence[tuple[str, int]], most: int, *, measure: Measure, mark: str) -> tuple[list[str], bool]:
    """Shorten parts until all of them fit.

    Parameters
    ----------
    parts : sequence of (text, floor)
        The most important first. The last are cut first, to `floor` places, then away altogether; a floor of -1 marks
        a part that is never cut.
    most : int
        Places for all of them.

    Returns
    -------
    texts : list of str
        In the same order.
    cut : bool
        Whether anything is missing.
    """
    texts = [text for text, _ in parts]
    for share in (1, 0):
        for number in reversed(range(len(parts))):
            excess = sum(map(measure, texts)) - most
            floor = parts[number][1]
            if excess <= 0 or floor < 0:
                continue
            wanted = max(floor * share, measure(texts[number]) - excess)
            found = shorten(texts[number], wanted, measure=measure, mark=mark)
            texts[number] = "" if found == mark else found
    return texts, texts != [text for text, _ in parts]


def _longest(text: str, room: int, measure: Measure) -> int:
    """The number of characters that take no more than `room`."""
    low, high = 0, min(len(text), room)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= room else (low, middle - 1)
    return low


def _may_cut(text: str, at: int) -> bool:
    """Between words, or beside a character that is written without blanks."""
    before, after = text[at - 1], text[at]
    return _whole(text, at) and (before.isspace() or after.isspace() or _alone(before) or _alone(after))


def _whole(text: str, at: int) -> bool:
    """Neither inside a number nor inside a sign made of several characters."""
    before, after = text[at - 1], text[at]
    if _NUMBER_CHARACTER.match(before) and _NUMBER_CHARACTER.match(after):
        return False
    if before in _JOINED or after in _JOINED or unicodedata.category(after).startswith("M"):
        return False
    pair = "\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff"
    return not pair and not "\U0001f3fb" <= after <= "\U0001f3ff"


def _alone(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in "WF"


def _without_accent(letter: str) -> str:
    plain = "".join(one for one in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(one))
    return plain if plain and gsm_holds(plain) else letter
