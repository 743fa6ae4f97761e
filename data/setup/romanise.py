"""Names of Chinese units in Latin letters: official English where there is one, pinyin otherwise."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

ENDINGS = ("新区", "林区", "矿区", "市", "区", "县", "省")
OTHER_TONGUES = ("15", "54", "63", "65")  # Inner Mongolia, Tibet, Qinghai, Xinjiang: names that are not pinyin
OFFICIAL = {
    "710000": "Taiwan", "710001": "Kaohsiung City", "710003": "Hualien County", "710004": "Keelung City",
    "710005": "Chiayi City", "710006": "Chiayi County", "710007": "Miaoli County", "710008": "Nantou County",
    "710009": "Taipei City", "710010": "Penghu County", "710011": "Pingtung County", "710012": "New Taipei City",
    "710013": "Taitung County", "710014": "Tainan City", "710016": "Taichung City", "710018": "Taoyuan City",
    "710019": "Hsinchu City", "710020": "Hsinchu County", "710021": "Yilan County", "710022": "Yunlin County",
    "710023": "Changhua County", "810000": "Hong Kong", "810101": "Central and Western", "810102": "Eastern",
    "810103": "Kowloon City", "810104": "Kwun Tong", "810105": "Southern", "810106": "Sham Shui Po",
    "810107": "Wan Chai", "810108": "Wong Tai Sin", "810109": "Yau Tsim Mong", "810110": "Islands",
    "810111": "Kwai Tsing", "810112": "North", "810113": "Sai Kung", "810114": "Sha Tin", "810115": "Tuen Mun",
    "810116": "Tai Po", "810117": "Tsuen Wan", "810118": "Yuen Long", "820000": "Macao",
    "411100": "Luohe", "540200": "Shigatse", "540400": "Nyingchi", "540500": "Shannan", "542500": "Ngari",
    "532600": "Wenshan", "610800": "Yulin", "630200": "Haidong", "653200": "Hotan", "654000": "Ili",
    "654300": "Altay", "659002": "Aral", "350105": "Mawei", "450406": "Longxu", "510117": "Pidu",
    "150000": "Inner Mongolia", "540000": "Xizang", "610000": "Shaanxi",
}  # fmt: skip


def pinyin(full_name: str, short_name: str) -> str:
    """The name as one capitalised word without tones: 六安市 becomes `Lu'an`, 蔚县 becomes `Yuxian`.

    Readings are looked up in the full name, where a character with several is settled by its neighbours. The word for
    the kind of unit is left off unless a single character would remain.
    """
    from pypinyin import lazy_pinyin

    core = next((short_name.removesuffix(end) for end in ENDINGS if short_name.endswith(end)), short_name)
    if len(core) < 2:
        core = short_name
    whole = full_name if full_name.startswith(core) else core
    syllables = lazy_pinyin(whole, v_to_u=False, errors="ignore")[: len(core)]
    word = syllables[0] if syllables else ""
    for syllable in syllables[1:]:
        word += f"'{syllable}" if syllable[0] in "aeo" else syllable
    return word.capitalize() or full_name


def alike(name: str, word: str) -> bool:
    """Whether two spellings mean the same name: `Qiqihar` and `Qiqiha'er` do, `Longshan` and `Liaoyuan` do not."""
    return SequenceMatcher(None, _letters(name), _letters(word)).ratio() >= 0.75


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]", "", plain.lower())
