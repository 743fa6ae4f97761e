"""Phrases that other parts build in English, put into the reader's language piece by piece."""

from __future__ import annotations

import re

from data.text import Translate

# A phrase is several pieces joined by commas; each has the form of one of these. What is in brackets is put in again,
# itself translated where it is a word or a length of time.
FORMS = (
    (r"(sum|max|min|mean|change|rate|peak) over ([^,]+)", "{0} over {1}"),
    (r"(min|max|mean|difference) of (\d+) every ([^,]+)", "{0} of {1} every {2}"),
    (r"(\S+th percentile) over (\w+)", "{0} over {1}"),
    (r"(share above \S+) over (\w+)", "{0} over {1}"),
    (r"(max|min|mean) over (stations|field)", "{0} over {1}"),
    (r"less the station's stages_m\.(\w+)", "above the gauge's stage: {0}"),
    (r"largest magnitude within (\S+) km in ([^,]+)", "largest magnitude within {0} km in {1}"),
    (r"too old or without change for (.+)", "too old or without change for {0}"),
    (r"only (\S+) of the data, (\S+) wanted", "only {0} of the data, {1} wanted"),
    (r"the evaluation failed: (.+)", "the evaluation failed: {0}"),
    (r"paused by (.+)", "paused by {0}"),
    (r"the newest observation is older than (.+)", "the newest observation is older than {0}"),
    (r"the last successful request is older than (.+)", "the last successful request is older than {0}"),
)
WORDS = (
    "latest", "sum", "max", "min", "mean", "change", "rate", "peak", "difference", "stations", "field", "action",
    "minor", "moderate", "major", "warning", "guarantee", "record", "nothing measures it here", "no usable value",
    "too old", "not switched on", "highest level of warnings in force", "count of records", "share of records",
    "sum over records",
    "in no rule file now or not in force: its last level stands until its time limit",
    "the last run failed", "has not run yet", "it answers, but no observation has come yet",
)  # fmt: skip
LENGTH = re.compile(r"(\d+(?:\.\d+)?) (s|min|h|d)")
LENGTHS = {"s": "{n} s", "min": "{n} min", "h": "{n} h", "d": "{n} d"}


def phrase(text: str, t: Translate) -> str:
    """The phrase in the reader's language; a piece that has no known form stays as it is."""
    whole = _piece(text, t)
    return whole if whole != text else t(", ").join(_piece(piece, t) for piece in text.split(", "))


def _piece(piece: str, t: Translate) -> str:
    length = LENGTH.fullmatch(piece)
    if length:
        return t(LENGTHS[length[2]]).format(n=length[1])
    for form, message in FORMS:
        found = re.fullmatch(form, piece)
        if found:
            return t(message).format(*(_piece(part, t) for part in found.groups()))
    return t(piece) if piece in WORDS else piece
