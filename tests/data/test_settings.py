from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from data.clock import parse_duration
from data.errors import ConfigError
from data.settings import read_settings


def test_keep_times_from_file_environment_and_default(home: Path) -> None:
    (home / "tocsin.yaml").write_text("keep_fields: 2 d\n", encoding="utf-8")
    settings = read_settings({"TOCSIN_HOME": str(home)})
    assert (settings.keep_fields, settings.keep_runs) == (timedelta(days=2), timedelta(days=30))
    settings = read_settings({"TOCSIN_HOME": str(home), "TOCSIN_KEEP_FIELDS": "36 h"})
    assert settings.keep_fields == timedelta(hours=36)


def test_keep_times_that_cannot_be_are_faults_at_once(home: Path) -> None:
    (home / "tocsin.yaml").write_text("keep_fields: a week\nkeep_runs: 1 h\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_settings({"TOCSIN_HOME": str(home)})
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["keep_fields", "keep_runs"]


def test_derived_quantities_are_switched_off_by_name(home: Path) -> None:
    (home / "tocsin.yaml").write_text("derive_off: [wind_chill, utci_shade]\n", encoding="utf-8")
    assert read_settings({"TOCSIN_HOME": str(home)}).derive_off == ("wind_chill", "utci_shade")
    (home / "tocsin.yaml").write_text("derive_off: utci\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="derive_off: a list of texts"):
        read_settings({"TOCSIN_HOME": str(home)})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90 s", 90), ("5min", 300), (" 1.5 h ", 5400), ("2 d", 172800)],
)
def test_parse_duration(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "5", "min", "-5 min", "5 weeks", "9" * 30 + " d"])
def test_parse_duration_of_anything_else(text: str) -> None:
    with pytest.raises(ValueError, match=r"write a number|calendar"):
        parse_duration(text)


def test_fields_are_kept_by_quantity(tmp_path: Path) -> None:
    (tmp_path / "tocsin.yaml").write_text(
        "keep_fields_for:\n  precipitation: 400 d\n  'snow_*': always\n", encoding="utf-8"
    )
    settings = read_settings({"TOCSIN_HOME": str(tmp_path)})
    assert settings.keep_fields_for == {"precipitation": timedelta(days=400), "snow_*": None}


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("[a]", "keep_fields_for: a mapping"),
        ("{rain: long}", "keep_fields_for: rain"),
        ("{rain: 1 min}", "keep_fields_for: rain: at least"),
    ],
    ids=["a list", "no duration", "too short"],
)
def test_other_times_for_fields_are_faults(tmp_path: Path, written: str, fault: str) -> None:
    (tmp_path / "tocsin.yaml").write_text(f"keep_fields_for: {written}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_settings({"TOCSIN_HOME": str(tmp_path)})
    assert [found.startswith(fault) for found in caught.value.faults] == [True]


@pytest.mark.parametrize(("written", "found"), [("", None), ("0", 0.0), ("2.5", 2.5)])
def test_pass_limit_is_said_or_not(written: str, found: float | None, tmp_path: Path) -> None:
    (tmp_path / "tocsin.yaml").write_text(f"survey_pass_limit: {written}\n" if written else "", encoding="utf-8")
    assert read_settings({"TOCSIN_HOME": str(tmp_path)}).survey_pass_limit == found


@pytest.mark.parametrize("written", ["-1", "101", "many"])
def test_pass_limit_that_is_no_percentage_is_told(written: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="survey_pass_limit"):
        read_settings({"TOCSIN_HOME": str(tmp_path), "TOCSIN_SURVEY_PASS_LIMIT": written})
