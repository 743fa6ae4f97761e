"""Why a row or a whole table of truth or of readings could not be used, in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from data.text import Translate

SHOWN = 5


def table_fault(said: str, t: Translate) -> str:
    """A fault's sentence; one without a form here stays as it is."""
    row = re.fullmatch(r"no row of (?P<name>.+) could be used; row (?P<n>\d+): (?P<reason>.*)", said)
    if row:
        told = t("no row of {name} could be used; row {n}: {reason}")
        return told.format(name=_name(row["name"], t), n=row["n"], reason=table_fault(row["reason"], t))
    for form, words in _forms(t):
        found = re.fullmatch(form, said)
        if found:
            return words.format(**{key: _name(text, t) for key, text in found.groupdict().items()})
    return said


def row_faults(rejected: Iterable[Mapping[str, Any]], t: Translate) -> str:
    """The first rows that could not be used, each with its reason."""
    told = [
        t("Row {n}: {reason}").format(n=one["row"], reason=table_fault(one["reason"], t)) for one in rejected
    ]  # fmt: skip
    more = [t("and {n} more").format(n=len(told) - SHOWN)] if len(told) > SHOWN else []
    return "; ".join([*told[:SHOWN], *more])


def _name(text: str, t: Translate) -> str:
    return t("the truth table") if text == "the truth table" else text


@lru_cache(maxsize=4)
def _forms(t: Translate) -> tuple[tuple[str, str], ...]:
    return (
        (r"hazard is missing", t("hazard is missing")),
        (r"no region has the code (?P<code>.+)", t("no region has the code {code}")),
        (r"neither a region nor a point \(lon, lat\)", t("neither a region nor a point (lon, lat)")),
        (r"lon (?P<value>\S+) is no longitude", t("lon {value} is no longitude")),
        (r"lat (?P<value>\S+) is no latitude", t("lat {value} is no latitude")),
        (r"radius_km is 0 to (?P<most>\S+)", t("radius_km is 0 to {most}")),
        (r"it ends before it begins", t("it ends before it begins")),
        (r"status is observed or reconstruction, not (?P<word>.+)",
         t("status is observed or reconstruction, not {word}")),
        (r"not a level: (?P<word>.+)", t("not a level: {word}")),
        (r"(?P<name>observed_at|received_at) is not a time with its offset",
         t("{name} is not a time with its offset")),
        (r"(?P<name>start|end): (?s:.*)", t("{name} is not a time with its offset")),
        (r"value is not a number", t("value is not a number")),
        (r"(?P<name>\w+) is not a number: (?P<text>.*)", t("{name} is not a number: {text}")),
        (r"(?P<name>\w+) is not a finite number", t("{name} is not a finite number")),
        (r"no place: lon and lat are wanted", t("no place: lon and lat are wanted")),
        (r"the truth table is larger than (?P<n>\d+) MB", t("the truth table is larger than {n} MB")),
        (r"the truth table is not text in UTF-8", t("the truth table is not text in UTF-8")),
        (r"the truth table is not CSV: (?P<why>.*)", t("the truth table is not CSV: {why}")),
        (r"(?P<name>.+) lacks the column (?P<what>.+)", t("{name} lacks the column {what}")),
        (r"(?P<name>.+) has more than (?P<n>[\d,]+) rows.*", t("{name} has more than {n} rows")),
        (r"no row of (?P<name>.+) could be used; it is empty", t("no row of {name} could be used; it is empty")),
        (r"(?P<name>.+) cannot be read as a table: (?P<why>(?s:.*))", t("{name} cannot be read as a table: {why}")),
    )  # fmt: skip
