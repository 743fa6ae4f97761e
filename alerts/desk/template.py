"""The words of warnings by hazard, as data in `texts/`, with blanks that are filled or left to the author."""

from __future__ import annotations

import string
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from alerts.desk.content import Language, LevelKey, Words
from data.errors import ConfigError

FOLDER = Path(__file__).resolve().parent / "texts"
GENERAL = "general"
BLANKS = frozenset({"level", "event", "area", "why"})
LEVEL_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {"blue": "Blue", "yellow": "Yellow", "orange": "Orange", "red": "Red"},
    "zh": {"blue": "蓝色", "yellow": "黄色", "orange": "橙色", "red": "红色"},
}
MISSING: Mapping[str, Mapping[str, str]] = {  # what stands in a blank that only the author can fill
    "en": {"why": "[[what was observed or is expected]]", "area": "[[where]]", "event": "[[what]]"},
    "zh": {"why": "[[实况或预计情况]]", "area": "[[地点]]", "event": "[[灾种]]"},
}
Texts = dict[Language, str]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ending(_Part):
    """What is said when a warning is ended."""

    headline: Texts = Field(default_factory=dict)
    description: Texts = Field(default_factory=dict)
    instruction: Texts = Field(default_factory=dict)


class Template(_Part):
    """The words of one hazard; what it leaves out, the general words say."""

    event: Texts = Field(default_factory=dict)
    response_types: tuple[Literal["Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "None"], ...] = ()
    headline: Texts = Field(default_factory=dict)
    description: Texts = Field(default_factory=dict)
    instruction: Texts = Field(default_factory=dict)
    instruction_at: dict[LevelKey, Texts] = Field(default_factory=dict)  # where a level asks for something else
    response_types_at: dict[LevelKey, tuple[str, ...]] = Field(default_factory=dict)
    ending: Ending = Ending()

    @model_validator(mode="after")
    def _known_blanks(self) -> Template:
        texts = [self.headline, self.description, self.instruction, *self.instruction_at.values()]
        texts += [self.ending.headline, self.ending.description, self.ending.instruction]
        for text in (one for group in texts for one in group.values()):
            used = {name for _, name, *_ in string.Formatter().parse(text) if name is not None}
            if not used <= BLANKS:
                raise ValueError(f"unknown blanks {sorted(used - BLANKS)} in {text!r}")
        return self


@lru_cache(maxsize=1)
def templates() -> dict[str, Template]:
    """Every file by the name of its hazard.

    Raises
    ------
    ConfigError
        If one is no template.
    """
    found, faults = {}, []
    for path in sorted(FOLDER.glob("*.yaml")):
        try:
            for hazard, body in _bodies(path).items():
                found[hazard] = Template.model_validate(body)
        except (yaml.YAMLError, ValueError) as error:
            faults.append(f"{path.name}: {' '.join(str(error).split())}")
    if faults:
        raise ConfigError(faults)
    return found


def _bodies(path: Path) -> dict[str, Any]:
    """The general words stand alone in their file, those of hazards side by side."""
    body: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {GENERAL: body} if path.stem == GENERAL else body


def template_of(hazard: str) -> Template:
    """The words of a hazard, with the general ones where it has none of its own."""
    general, own = templates()[GENERAL], templates().get(hazard, Template())
    ending = {name: getattr(own.ending, name) or getattr(general.ending, name) for name in Ending.model_fields}
    return own.model_copy(
        update={
            "headline": own.headline or general.headline,
            "description": own.description or general.description,
            "instruction": own.instruction or general.instruction,
            "response_types": own.response_types or general.response_types,
            "ending": Ending(**ending),
        }
    )


def words(
    hazard: str, level: LevelKey, language: Language, *, area: str, why: str, event: str = "", ending: bool = False
) -> Words:
    """The texts of one language, with every blank filled or marked for the author."""
    found, missing = template_of(hazard), MISSING[language]
    named = event or found.event.get(language, "") or missing["event"]
    filled = {
        "level": LEVEL_WORDS[language][level], "event": named, "area": area or missing["area"],
        "why": why or ("" if ending else missing["why"]),
    }  # fmt: skip

    def put(text: str) -> str:
        return text.format(**filled).strip()

    source = found.ending if ending else found
    instruction = source.instruction if ending else found.instruction_at.get(level, found.instruction)
    return Words(
        event=named, headline=put(source.headline[language]), description=put(source.description[language]),
        instruction=put(instruction[language]), area=filled["area"],
    )  # fmt: skip


def response_types(hazard: str, level: LevelKey) -> tuple[str, ...]:
    """What people are asked to do, in CAP's words."""
    found = template_of(hazard)
    return found.response_types_at.get(level, found.response_types)
