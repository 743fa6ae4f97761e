"""The course of a video: between its lengths, heard to the end, with text tracks that fit it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from alerts.media import scenes
from alerts.media.scenes import LONGEST_S, SHORTEST_S, course_of, subtitles
from alerts.media.spoken import sentences
from alerts.media.voice import Utterance
from tests.alerts.media.warnings import CANCEL, EXERCISE, HOSTILE, WARNING, said, with_text

CASES = {"ordinary": WARNING, "exercise": EXERCISE, "cancelled": CANCEL}
CASES |= {name: with_text(text) for name, text in HOSTILE.items()}


def slow(one: Any, program: object, folder: Path, *, most: int) -> list[Utterance]:
    """A voice that takes a quarter of a second for each character."""
    rows = sentences(one, most)
    return [Utterance(row.kind, row.written, b"\0\0" * (len(row.said) * 250), 1000) for row in rows]


@pytest.mark.parametrize("alert", [pytest.param(alert, id=name) for name, alert in CASES.items()])
@pytest.mark.parametrize("voice", ["silent", "slow"])
def test_course_is_20_to_40_seconds_and_heard_to_its_end(
    alert: Any, voice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if voice == "slow":
        monkeypatch.setattr(scenes, "utter", slow)
    course = course_of(said(alert), None, tmp_path)
    assert SHORTEST_S - 1e-6 <= course.seconds <= LONGEST_S + 1e-6
    ends = [scene.start_s + scene.seconds for scene in course.scenes]
    assert [scene.start_s for scene in course.scenes[1:]] == pytest.approx(ends[:-1])
    for scene in course.scenes:
        assert all(one is None or one.seconds < scene.seconds for one in scene.utterances)
    assert course.scenes[0].kind == ("stamp" if alert.status == "Exercise" else "what")


def test_what_is_left_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not course_of(said(), None, tmp_path).cut
    assert course_of(said(with_text(HOSTILE["long"])), None, tmp_path).cut
    monkeypatch.setattr(scenes, "utter", slow)
    course = course_of(said(EXERCISE), None, tmp_path)
    assert course.cut
    assert "sender" not in [scene.kind for scene in course.scenes]


@pytest.mark.parametrize("language", [0, 1])
def test_text_track_has_a_block_a_scene(language: int, tmp_path: Path) -> None:
    course = course_of(said(), None, tmp_path)
    blocks = subtitles(course, language).strip().split("\n\n")
    assert len(blocks) == len(course.scenes)
    for number, (block, scene) in enumerate(zip(blocks, course.scenes, strict=True)):
        first, span, text = block.split("\n")
        assert first == str(number + 1)
        assert re.fullmatch(r"00:00:\d\d,\d{3} --> 00:00:\d\d,\d{3}", span)
        assert text == scene.utterances[language].text


def test_text_track_cannot_be_given_times_of_its_own(tmp_path: Path) -> None:
    course = course_of(said(with_text("a --> b\n\n1\n00:00:00,000 --> 00:00:09,000\nfalse")), None, tmp_path)
    written = subtitles(course, 0)
    assert written.count("-->") == len(course.scenes)
