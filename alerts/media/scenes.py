"""The course of a short video: which sentence is shown and heard when, in every language at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alerts.media.programs import Speaker
from alerts.media.said import Said
from alerts.media.voice import GAP_S, Utterance, utter

SHORTEST_S, LONGEST_S = 20.0, 40.0
LADDER = (150, 120, 95, 75, 60, 45)  # characters of each long text, until everything is said in time
DENSITY = {"en": 1.0, "zh": 0.35}  # characters that say as much
READING = {"en": 14.0, "zh": 6.0}  # characters a second that people read from a screen
ORDER = ("stamp", "what", "where", "when", "expected", "todo", "sender")
LEAST_FIRST = ("sender", "expected", "where", "when", "todo")  # what a video leaves out where time is short
LEAST_S = 2.4  # of one scene


@dataclass(frozen=True, slots=True)
class Scene:
    """One sentence in each language, from a time on [s]."""

    kind: str
    start_s: float
    seconds: float
    utterances: tuple[Utterance | None, ...]  # of each language, in order


@dataclass(frozen=True, slots=True)
class Course:
    """All scenes, and whether texts had to be shortened for it."""

    scenes: tuple[Scene, ...]
    cut: bool

    @property
    def seconds(self) -> float:
        return self.scenes[-1].start_s + self.scenes[-1].seconds


def course_of(said: Sequence[Said], program: Speaker | None, folder: Path) -> Course:
    """The scenes of a warning, between `SHORTEST_S` and `LONGEST_S`.

    Parameters
    ----------
    said : sequence of Said
        One for each language.
    program : Speaker or None
        None gives a silent course, as long as people need to read it.
    folder : Path
        Where sounds may stand for a moment.
    """
    for most in LADDER:
        spoken = [utter(one, program, folder, most=_most(one, most)) for one in said]
        lengths = _lengths(said, spoken)
        if sum(lengths.values()) <= LONGEST_S:
            break
    left_out = []
    while sum(lengths.values()) > LONGEST_S:
        left_out.append(next(kind for kind in LEAST_FIRST if kind in lengths))
        del lengths[left_out[-1]]
    scale = max(SHORTEST_S / sum(lengths.values()), 1.0)
    scenes, start = [], 0.0
    for kind, seconds in lengths.items():
        found = tuple(next((one for one in texts if one.kind == kind), None) for texts in spoken)
        scenes.append(Scene(kind, start, seconds * scale, found))
        start += seconds * scale
    return Course(tuple(scenes), bool(left_out) or any(_longest(one) > _most(one, most) for one in said))


def subtitles(course: Course, language: int) -> str:
    """The text track of one language, in the form SRT."""
    blocks: list[str] = []
    for scene in course.scenes:
        one = scene.utterances[language]
        if one is not None:
            text = one.text.replace("-->", "->")
            span = f"{_clock(scene.start_s)} --> {_clock(scene.start_s + scene.seconds)}"
            blocks.append(f"{len(blocks) + 1}\n{span}\n{text}\n")
    return "\n".join(blocks)


def _lengths(said: Sequence[Said], spoken: Sequence[Sequence[Utterance]]) -> dict[str, float]:
    """How long each kind of sentence is shown: heard to its end, or read, in the slowest language."""
    found: dict[str, float] = {}
    for one, texts in zip(said, spoken, strict=True):
        for text in texts:
            reading = min(len(text.text) / READING[one.locale], 7.0)
            needed = text.seconds + GAP_S if text.frames else reading
            found[text.kind] = max(found.get(text.kind, LEAST_S), needed)
    return {kind: found[kind] for kind in ORDER if kind in found}


def _most(said: Said, most: int) -> int:
    return round(most * DENSITY[said.locale])


def _longest(said: Said) -> int:
    return max(len(text) for text in (said.headline, said.area, said.description, said.instruction))


def _clock(seconds: float) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02}:{whole // 60_000 % 60:02}:{whole // 1000 % 60:02},{whole % 1000:03}"
