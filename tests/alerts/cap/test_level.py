"""What levels and hazards are in CAP, against the published tables."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from alerts.cap.level import (
    awareness,
    codes,
    event_codes,
    meaning,
    severity_of_awareness,
    table,
)
from alerts.cap.model import Pair
from data.cap_words import CATEGORIES, SEVERITIES
from data.errors import WarningError
from data.model import Level


def rows(path: Path) -> list[list[str]]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return list(csv.reader(lines))[1:]


def test_severities_are_those_of_the_published_table(oracles: Path) -> None:
    for source, level, severity, _ in rows(oracles / "level_to_cap.csv"):
        scheme = source.split()[0].lower()
        if scheme == "china":
            found = meaning(Level.of(level.split()[0]), "rainstorm")
        elif scheme == "meteoalarm":
            found = meaning(level.split("; ")[1], "wind", "meteoalarm")
            assert found.written == level
        else:
            found = meaning(level.split()[1], "flood", "jma")
            assert found.written == level
        assert found.severity in severity.split(" or "), (source, level)


def test_awareness_types_are_those_of_the_published_table(oracles: Path) -> None:
    known = {code: name.split(" (")[0].lower() for code, name, _ in rows(oracles / "meteoalarm_awareness_types.csv")}
    for hazard, one in table().hazards.items():
        if one.meteoalarm:
            number, name = one.meteoalarm.split("; ")
            assert known[number] == name.lower(), hazard


def test_severity_and_level_are_each_others() -> None:
    for level in (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED):
        assert SEVERITIES[meaning(level, "gale").severity] is level


def test_unknown_level_stays_unknown() -> None:
    found = meaning(Level.UNKNOWN, "gale")
    assert (found.severity, found.urgency, found.certainty) == ("Unknown", "Unknown", "Unknown")


@pytest.mark.parametrize(("level", "scheme"), [(Level.NONE, "china"), ("purple", "china"), ("red", "nowhere")])
def test_level_that_warns_of_nothing_is_refused(level: Level | str, scheme: str) -> None:
    with pytest.raises(WarningError):
        meaning(level, "gale", scheme)


def test_what_is_under_way_is_observed() -> None:
    assert meaning(Level.RED, "earthquake_intensity").certainty == "Observed"
    assert meaning(Level.RED, "gale").certainty == "Likely"


def test_codes_of_a_gale_and_of_nothing_known() -> None:
    assert event_codes("gale") == (Pair("SAME", "HWW"), Pair("12379.cn:eventType", "11B06"))
    assert awareness(Level.ORANGE, "gale") == (
        Pair("awareness_level", "3; orange; Severe"), Pair("awareness_type", "1; Wind"),
    )  # fmt: skip
    assert (codes("dragons").category, event_codes("dragons"), awareness(Level.RED, "dragons")) == ("Other", (), ())
    assert awareness(Level.BLUE, "gale") == (), "MeteoAlarm has no blue"


def test_table_holds_words_of_cap_and_codes_of_their_form() -> None:
    for one in table().hazards.values():
        assert one.category in CATEGORIES
        assert one.same == "" or (len(one.same) == 3 and one.same.isupper())
        assert one.china == "" or len(one.china) == 5


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("4; red; Extreme", "Extreme"),
        ("2;yellow", "Moderate"),
        ("1", "Minor"),
        ("7; violet", ""),
        ("", ""),
        (";", ""),
    ],
)
def test_awareness_level_stands_for_a_severity(text: str, severity: str) -> None:
    assert severity_of_awareness(text) == severity
