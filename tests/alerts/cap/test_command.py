"""`cap check` from the command line: findings, facts and its end; no file makes it fall over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import app
from alerts.cap.profile import profiles
from tests.alerts.cap.messages import GOOD, edited


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("TOCSIN_HOME", str(home))


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    status = app.main(["cap", "check", "--json", *map(str, arguments)])
    return status, json.loads(capsys.readouterr().out)


def write(folder: Path, name: str, body: bytes) -> Path:
    path = folder / name
    path.write_bytes(body)
    return path


def test_good_file_ends_with_0_and_says_what_it_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = run(capsys, write(tmp_path, "good.xml", GOOD.encode()))
    (file,) = told["files"]
    assert (status, told["ok"], file["rejected"]) == (0, True, False)
    assert [(one["id"], one["level"]) for one in file["findings"]] == [("C62", "remark")]
    (message,) = file["messages"]
    assert (message["infos"], message["areas"], message["polygons"], message["points"]) == (2, 2, 2, 10)
    assert message["languages"] == ["en-GB", "zh-CN"] and message["signed"] is False


def test_finding_has_id_level_place_and_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, "bad.xml", edited(("<severity>Severe", "<severity>severe")))
    status, told = run(capsys, path)
    finding = told["files"][0]["findings"][0]
    assert status == 1 and told["files"][0]["file"] == str(path)
    assert finding == {
        "id": "C33", "level": "reject", "place": {"path": "alert/info[1]/severity", "line": 20},
        "sentence": "severity is severe; it must be one of Extreme, Severe, Moderate, Minor, Unknown.",
    }  # fmt: skip


def test_sentences_are_told_in_chinese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, told = run(capsys, "--language", "zh", write(tmp_path, "bad.xml", edited(("<event>flood", "<event>"))))
    assert told["files"][0]["findings"][0]["sentence"] == "event 为空。"


def test_one_bad_file_among_many_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = write(tmp_path, "good.xml", GOOD.encode()), write(tmp_path, "bad.xml", b"rubbish")
    status, told = run(capsys, good, bad, good)
    assert status == 1 and [one["rejected"] for one in told["files"]] == [False, True, False]


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00" * 5000, b"<" * 300_000, b"x" * (3 << 20), "<a>é</a>".encode("utf-16-be"), b"<a>" * 20_000,
     b"<?xml version='1.0' encoding='x-none'?><alert/>", b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"/>',
     b"\xff\xfe" + b"\xd8\x00" * 100,
     b"<alert><info><area><polygon>" + b"1,1 " * 100_000 + b"</polygon></area></info></alert>",
     b'<alert a="' + b"x" * 100_000 + b'"/>', b"<alert>" + b"<info/>" * 60_000 + b"</alert>",
     b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><sent>' + b"9" * 400 + b"</sent></alert>",
     b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'],
    ids=["empty", "zeros", "brackets", "huge", "utf16_without_mark", "deep", "encoding", "bare", "surrogates",
         "many_points", "attribute", "many_infos", "digits", "external_entity"],
)  # fmt: skip
def test_rubbish_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str], body: bytes) -> None:
    status, told = run(capsys, write(tmp_path, "rubbish", body))
    assert status == 1 and told["files"][0]["rejected"]
    assert all(one["sentence"] and one["place"]["line"] >= 1 for one in told["files"][0]["findings"])


def test_file_that_is_not_there_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = run(capsys, tmp_path / "none.xml", tmp_path)
    assert status == 1 and [one["findings"][0]["id"] for one in told["files"]] == ["C01", "C01"]


def test_plain_output_names_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, "bad.xml", edited(("<event>flood", "<event>")))
    assert app.main(["cap", "check", str(path)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{path}:17: C31 reject: alert/info[1]/event: event is empty."
    assert out[-1] == f"{path}: 1 to reject, 1 remarks"


def test_time_of_issue_and_jurisdiction_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, "good.xml", GOOD.encode())
    for options, rules in (
        (["--at", "2026-03-01T10:01:00Z"], []), (["--at", "2026-03-05T10:01:00Z"], ["C09"]),
        (["--jurisdiction", "119,29,122,32"], []), (["--jurisdiction=-10,-10,10,10"], ["C52"]),
    ):  # fmt: skip
        _, told = run(capsys, *options, path)
        assert [one["id"] for one in told["files"][0]["findings"] if one["level"] == "reject"] == rules, options


@pytest.mark.parametrize("options", [["--at", "noon"], ["--jurisdiction", "1,2,3"], ["--jurisdiction", "9,9,1,1"]])
def test_wrong_words_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    assert app.main(["cap", "check", *options, str(write(tmp_path, "good.xml", GOOD.encode()))]) == 2
    assert options[0] in capsys.readouterr().err


@pytest.mark.parametrize("key", sorted(profiles()))
def test_profile_is_checked_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str) -> None:
    status, told = run(capsys, "--profile", key, write(tmp_path, "good.xml", GOOD.encode()))
    rejects = {one["id"] for one in told["files"][0]["findings"] if one["level"] == "reject"}
    expected = {
        "ipaws": {"C24"}, "cap-cp": {"C24", "C35", "C58"}, "cap-au": {"C24", "C35"}, "meteoalarm": {"C35"},
    }  # fmt: skip
    assert (status, rejects) == (1, expected[key])
