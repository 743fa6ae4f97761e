"""Speech: each sentence as a sound of its own, put together for the radio and for the video."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alerts.media.programs import Speaker, ffmpeg, run, speak
from alerts.media.said import Said
from alerts.media.spoken import Sentence, sentences, speakable

GAP_S = 0.6
RADIO_CHARACTERS = 600  # of each long text
FORMATS = {"mp3": ("libmp3lame", "audio/mpeg"), "m4a": ("aac", "audio/mp4")}


@dataclass(frozen=True, slots=True)
class Utterance:
    """One sentence: what it is, what is written, and how it sounds; no frames where nobody speaks."""

    kind: str
    text: str
    frames: bytes = b""
    rate: int = 22_050

    @property
    def seconds(self) -> float:
        return len(self.frames) / 2 / self.rate


def utter(said: Said, program: Speaker | None, folder: Path, *, most: int) -> list[Utterance]:
    """The sentences of a warning, spoken where the machine has a voice for its language.

    Parameters
    ----------
    said : Said
    program : Speaker or None
    folder : Path
        Where files may stand for a moment.
    most : int
        Characters of each long text.
    """
    found = sentences(said, most)
    if program is None or not program.voice(said.locale):
        return [Utterance(one.kind, one.written) for one in found]
    return [_spoken(one, said.locale, program, folder) for one in found]


def write_wav(path: Path, utterances: Sequence[tuple[float, Utterance]], length_s: float) -> None:
    """One file of a given length in which each sentence begins at its time [s]; silence between them."""
    rate = next((one.rate for _, one in utterances if one.frames), 22_050)
    sound = bytearray(round(length_s * rate) * 2)
    for at, one in utterances:
        start = round(at * rate) * 2
        room = len(sound) - start
        sound[start : start + min(room, len(one.frames))] = one.frames[:room]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(sound))


def write_radio(said: Said, program: Speaker, folder: Path, path: Path) -> bool:
    """An audio file for radio, with the whole text; False where the language has no voice.

    An exercise is named at the beginning and at the end.
    """
    utterances = utter(said, program, folder, most=RADIO_CHARACTERS)
    if not any(one.frames for one in utterances):
        return False
    if utterances[0].kind == "stamp":
        utterances.append(utterances[0])
    placed, at = [], GAP_S
    for one in utterances:
        placed.append((at, one))
        at += one.seconds + GAP_S
    sound = folder / "radio.wav"
    write_wav(sound, placed, at)
    codec = FORMATS[path.suffix[1:]][0]
    command = [
        ffmpeg(), "-nostdin", "-loglevel", "error", "-y", "-threads", "1", "-i", str(sound), "-map_metadata", "-1",
        "-fflags", "+bitexact", "-flags:a", "+bitexact", "-c:a", codec, "-b:a", "64k", "-ar", "44100", str(path),
    ]  # fmt: skip
    run(command, limit_s=60.0)
    sound.unlink()
    return True


def _spoken(sentence: Sentence, locale: str, program: Speaker, folder: Path) -> Utterance:
    words = speakable(sentence.said, locale)
    if not any(letter.isalnum() for letter in words):
        return Utterance(sentence.kind, sentence.written)
    path = folder / "utterance.wav"
    speak(program, words, locale, path)
    with wave.open(str(path), "rb") as file:
        frames, rate = file.readframes(file.getnframes()), file.getframerate()
    path.unlink()
    return Utterance(sentence.kind, sentence.written, frames, rate)
