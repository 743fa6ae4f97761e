"""What a voice says: numbers whole, times in words, nothing that the voice program takes for an order."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.media import programs
from alerts.media.programs import Speaker, run, speak, speaker
from alerts.media.spoken import chinese_integer, sentences, speakable
from alerts.media.voice import Utterance, utter, write_wav
from data.errors import WarningError
from tests.alerts.media.warnings import CANCEL, CHINESE, EXERCISE, HOSTILE, WARNING, said, with_text


def voice() -> Speaker:
    found = speaker()
    assert found is not None, "espeak-ng is missing: set-up for tests installs it"
    return found


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("0", "零"), ("5", "五"), ("10", "十"), ("18", "十八"), ("20", "二十"), ("105", "一百零五"),
        ("110", "一百一十"), ("1005", "一千零五"), ("1050", "一千零五十"), ("10000", "一万"),
        ("10500", "一万零五百"), ("100005", "十万零五"), ("120000", "十二万"),
        ("20260301", "二千零二十六万零三百零一"), ("1000000000", "十亿"), ("007", "零零七"),
        ("12345678901234567", "一二三四五六七八九零一二三四五六七"),
    ],
)  # fmt: skip
def test_whole_number_in_chinese(digits: str, expected: str) -> None:
    assert chinese_integer(digits) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("7.5米", "qi1 dian3 wu3 mi3", id="the point is said"),
        pytest.param("20:05", "er4 shi2 shi2 ling2 wu3 fen1", id="time of day"),
        pytest.param("30%", "bai3 fen1 zhi1 san1 shi2", id="percent"),
        pytest.param("-5.5℃", "fu4 wu3 dian3 wu3 she4 shi4 du4", id="below zero"),
        pytest.param("2026年", "er4 ling2 er4 liu4 nian2", id="a year digit by digit"),
        pytest.param("13,500人", "yi1 wan4 san1 qian1 wu3 bai3 ren2", id="grouped"),
        pytest.param("重庆", "chong2 qing4", id="a name with two readings"),
        pytest.param("[[x]]<b>雨", "x b yu3", id="no phonemes and no markup"),
        pytest.param("见 https://x.example/?a=1 网页", "jian4 wang3 ye4", id="addresses are not read out"),
    ],
)
def test_chinese_as_syllables(text: str, expected: str) -> None:
    assert speakable(text, "zh") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("120 mm in 12 h", "120 millimetres in 12 h", id="unit"),
        pytest.param("12 km/h", "12 kilometres an hour", id="unit of speed"),
        pytest.param("at 20:05", "at 20 hours 05", id="time of day"),
        pytest.param("13,500 people", "13500 people", id="grouped"),
        pytest.param("[[h@l@U]] <speak>", "h l U speak", id="no phonemes and no markup"),
        pytest.param("M 5 quake", "M 5 quake", id="a letter that is no unit"),
    ],
)
def test_english_as_words(text: str, expected: str) -> None:
    assert speakable(text, "en") == expected


def test_sentences_are_the_approved_words_in_order() -> None:
    for one, info in zip(said(), WARNING.info, strict=True):
        kinds = {row.kind: row.written for row in sentences(one, 500)}
        assert list(kinds) == ["what", "where", "when", "expected", "todo", "sender"]
        assert info.headline in kinds["what"]
        assert kinds["expected"] == info.description
        assert kinds["todo"].endswith(info.instruction)
        assert kinds["sender"] == info.sender_name


def test_headline_that_says_it_all_is_said_alone() -> None:
    one = replace(said()[1], headline="郑州市暴雨红色预警")
    assert sentences(one, 500)[0].written == "郑州市暴雨红色预警"
    assert sentences(replace(one, message_type="Cancel"), 500)[0].written.startswith("已解除：暴雨红色预警")
    assert sentences(replace(one, headline="郑州市暴雨"), 500)[0].written == "暴雨红色预警。郑州市暴雨"


def test_exercise_begins_with_saying_so_and_a_cancelled_one_has_no_end() -> None:
    english, chinese = said(EXERCISE)
    assert sentences(english, 500)[0].written == "This is an exercise or a test. It is not real."
    assert sentences(chinese, 500)[0].written == "这是演练或测试，不是真实预警。"
    assert "when" not in {row.kind for row in sentences(said(CANCEL)[0], 500)}


def test_end_is_written_with_its_offset_and_said_in_words() -> None:
    when = {row.kind: row for row in sentences(said()[0], 500)}["when"]
    assert when.written == "In force until 2 Mar 06:00 UTC+8."
    assert when.said == "In force until 6 hours on 2 March."


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
@pytest.mark.parametrize("language", [0, 1])
def test_asvs_1_2_5_hostile_text_gives_the_voice_no_orders(text: str, language: int, tmp_path: Path) -> None:
    one = said(with_text(text))[language]
    for row in sentences(one, 120):
        assert not set(speakable(row.said, one.locale)) & set('[]<>{}|`$\\"\n')
    spoken = utter(one, voice(), tmp_path, most=60)
    assert sum(row.seconds for row in spoken) > 1.0
    assert list(tmp_path.iterdir()) == []


def test_voice_says_each_language(tmp_path: Path) -> None:
    program = voice()
    assert program.voice("en")
    assert program.voice("zh") == "cmn-latn-pinyin"
    for one in said():
        spoken = utter(one, program, tmp_path, most=200)
        assert all(row.seconds > 0.5 for row in spoken)
        assert spoken == utter(one, program, tmp_path, most=200)


def test_without_a_voice_the_words_stay_and_are_silent(tmp_path: Path) -> None:
    for program in (None, Speaker("espeak-ng", (("en", "en-gb"),))):
        rows = utter(said()[1], program, tmp_path, most=200)
        assert CHINESE.description in [row.text for row in rows]
        assert all(row.seconds == 0.0 for row in rows)


def test_language_without_voice_is_silent_next_to_one_that_has(tmp_path: Path) -> None:
    listed = replace(voice(), voices=(("en", "en-gb"),))
    assert all(row.seconds > 0 for row in utter(said()[0], listed, tmp_path, most=50))


def test_sentences_stand_at_their_times(tmp_path: Path) -> None:
    loud = Utterance("what", "x", b"\xff\x7f" * 1000, 1000)
    write_wav(tmp_path / "a.wav", [(0.5, loud), (2.9, loud)], 3.0)
    with wave.open(str(tmp_path / "a.wav"), "rb") as file:
        frames = file.readframes(file.getnframes())
        assert (file.getframerate(), file.getnframes()) == (1000, 3000)
    heard = [frames[2 * at : 2 * at + 2] != b"\0\0" for at in range(3000)]
    assert heard == [500 <= at < 1500 or at >= 2900 for at in range(3000)]


def test_program_that_fails_is_an_error_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(WarningError, match="sh ended with 3: no such thing"):
        run(["sh", "-c", "echo no such thing >&2; exit 3"], limit_s=10.0)
    with pytest.raises(WarningError, match="sh ended with 4"):
        run(["sh", "-c", "exit 4"], (b"x" * 100_000 for _ in range(100)), limit_s=10.0)
    with pytest.raises(WarningError):
        speak(Speaker("false", (("en", "x"),)), "words", "en", tmp_path / "a.wav")


def test_program_that_hangs_is_killed() -> None:
    with pytest.raises(WarningError, match="took longer than"):
        run(["sleep", "60"], limit_s=0.3)
    with pytest.raises(WarningError, match="took longer than"):
        run(["sleep", "60"], (b"x" * 65_536 for _ in range(10_000)), limit_s=0.3)  # nobody reads


def test_missing_program_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_ESPEAK", "/nowhere/espeak-ng")
    speaker.cache_clear()
    assert programs.speaker() is None
    monkeypatch.undo()
    speaker.cache_clear()
