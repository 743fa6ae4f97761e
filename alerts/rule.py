"""What a rule is: a versioned threshold definition with its authority, as read from a pack.

A rule watches one branch (what was observed, or what is forecast). Its `inputs` are numbers per region; each of its
`levels` is a condition over them with a value to start (`trigger`) and a value to end (`clear`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from data.clock import parse_duration
from data.model import Level

SCALE = ("blue", "yellow", "orange", "red")
NO_FORECAST = {
    "stations": "stations do not forecast",
    "events": "events are observed, not forecast",
}  # warnings speak of what is to come as well, and a survey of what stands there


def _seconds(value: object) -> float:
    if isinstance(value, str):
        return parse_duration(value).total_seconds()
    if value == 0 and not isinstance(value, bool):
        return 0.0
    if isinstance(value, float) and value > 0:  # a rule read back from the store
        return value
    raise ValueError("a duration with its unit, such as '90 s', '30 min', '12 h' or '3 d'")


def _finite(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number")
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("a finite number")
    return value


Seconds = Annotated[float, BeforeValidator(_seconds)]
Number = Annotated[float, BeforeValidator(_finite)]
Share = Annotated[float, BeforeValidator(_finite), Field(ge=0.0, le=1.0)]
Words = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$", max_length=120)]
LevelKey = Literal["blue", "yellow", "orange", "red"]
Accumulate = Literal["latest", "sum", "max", "min", "mean", "change", "rate", "peak"]
Spatial = Literal["max", "min", "mean", "percentile", "share_above"]
Branch = Literal["observed", "forecast"]
SiteNumbers = dict[str, Any]  # numbers by name, or groups of them, as stations carry them among their attributes
Source = Literal["stations", "field", "events", "warnings", "survey"]


class Part(BaseModel):
    """Base of everything in a pack: unknown words are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(Part):
    """The same words in each language."""

    en: Words
    zh: Words

    def of(self, locale: str) -> str:
        return self.zh if locale == "zh" else self.en


class Citation(Part):
    """Where the numbers come from; `house` says that they are our own choice."""

    title: Words
    url: str = ""
    read_on: date
    house: bool = False
    note: str = ""


class Over(Part):
    """Several windows in a row taken as one number, such as the lowest of three daily maxima."""

    times: Annotated[int, Field(ge=2, le=31)]
    every: Seconds
    take: Literal["min", "max", "mean", "difference"]  # difference: newest window less the oldest


class RuleInput(Part):
    """One number per region and how it is made from what the store holds."""

    source: Source
    quantity: Words  # of an event: its kind; of a survey: its source and key, with a slash between
    unit: Words
    accumulate: Accumulate = "latest"
    window: Seconds = 0.0
    ahead: Seconds | None = None  # of a forecast: how far ahead the window ends; its own length where not given
    interval: Seconds = 3600.0  # how far one report speaks for the time before it
    over: Over | None = None
    spatial: Spatial = "max"
    percentile: Annotated[Number, Field(ge=0, le=100)] | None = None
    above: Number | None = None  # of `share_above`
    minus_site: str = ""  # path of a number among the station's attributes that is taken off
    within_km: Annotated[Number, Field(gt=0, le=2000)] | None = None  # of events
    max_depth_km: Annotated[Number, Field(gt=0, le=800)] | None = None
    feeds: tuple[Words, ...] = ()  # source keys; all where none are named
    senders: tuple[Words, ...] = ()  # of warnings: who sent them
    about: tuple[Words, ...] = ()  # of warnings: words of which one is in the name of their event
    parameter: str = ""  # of warnings: only those that carry one of this name, such as awareness_level
    column: str = ""  # of a survey
    take: Literal["count", "share", "sum"] | None = None  # of a survey: records, their share, or the column's sum
    equals: tuple[Words, ...] = ()  # of a survey: only records whose column is one of these; else `above`
    max_age: Seconds | None = None  # where it differs from the rule's
    min_valid_share: Share | None = None
    frozen_after: Seconds | None = None  # of stations: as long without any change the instrument is taken for stuck

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults = []
        if self.accumulate != "latest" and self.window <= 0:
            faults.append(f"accumulate {self.accumulate} needs a window")
        if self.accumulate == "latest" and self.window > 0 and self.source != "events":
            faults.append("a window needs accumulate: sum, max, min, mean, change, rate or peak")
        if self.accumulate == "peak" and (self.source != "stations" or self.spatial != "max" or self.over):
            faults.append("peak belongs to source: stations, with the largest of them and without over")
        if (self.spatial == "percentile") != (self.percentile is not None):
            faults.append("percentile belongs to spatial: percentile")
        if self.source != "survey" and (self.spatial == "share_above") != (self.above is not None):
            faults.append("above belongs to spatial: share_above")
        if (self.source == "events") != (self.within_km is not None):
            faults.append("within_km belongs to source: events")
        if self.source == "events" and (self.window <= 0 or self.over or self.accumulate != "latest"):
            faults.append("events need a window, and neither accumulate nor over")
        if self.max_depth_km is not None and self.source != "events":
            faults.append("max_depth_km belongs to source: events")
        if self.ahead is not None and (self.source != "field" or self.ahead < self.window):
            faults.append("ahead belongs to source: field and is not shorter than the window")
        faults += [*self._warning_faults(), *self._survey_faults()]
        if self.minus_site and self.source != "stations":
            faults.append("minus_site belongs to source: stations")
        if self.frozen_after is not None and (self.source != "stations" or self.frozen_after <= 0):
            faults.append("frozen_after belongs to source: stations and is longer than nothing")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _warning_faults(self) -> Iterator[str]:
        if self.source == "warnings" and self.quantity != "warning":
            yield "the quantity of warnings is warning: their level, 1 for blue to 4 for red"
        if self.source in ("warnings", "survey") and (self.accumulate != "latest" or self.over or self.window > 0):
            yield f"{self.source} have neither window nor accumulate nor over"
        if self.source in ("warnings", "survey") and self.spatial != "max":
            yield "spatial belongs to stations and fields"
        if self.source != "warnings" and (self.senders or self.about or self.parameter):
            yield "senders, about and parameter belong to source: warnings"

    def _survey_faults(self) -> Iterator[str]:
        if (self.source == "survey") != (self.take is not None):
            yield "take belongs to source: survey, and is count, share or sum"
        if self.source != "survey":
            if self.column or self.equals:
                yield "column and equals belong to source: survey"
            return
        if "/" not in self.quantity:
            yield "the quantity of a survey is its source and key, such as office/bridges"
        filtered = bool(self.equals) or self.above is not None
        if not self.column and (self.take != "count" or filtered):
            yield "a survey's share, sum and filter need a column"
        if self.equals and self.above is not None:
            yield "a survey's column is compared by equals or by above, not by both"
        if self.take == "share" and not filtered:
            yield "a share needs equals or above"

    @property
    def lower_bound(self) -> bool:
        """Whether a part of the data can only make the number too small: it may then prove a trigger."""
        return (
            self.source != "survey"
            and self.accumulate in ("latest", "sum", "max")
            and self.spatial == "max"
            and self.over is None
        )

    @property
    def reach_s(self) -> float:
        """How far back (or ahead) readings are needed [s]."""
        repeated = (self.over.times - 1) * self.over.every if self.over else 0.0
        return self.window + repeated

    @property
    def memory_s(self) -> float:
        """How far before its newest reading a station is looked at [s]."""
        return max(self.reach_s, self.frozen_after or 0.0) + self.interval


class Condition(Part):
    """Either one input against its two values, or several conditions joined by `all` or `any`."""

    input: Words | None = None
    trigger: Number | None = None
    clear: Number | None = None
    direction: Literal["above", "below"] = "above"  # both include the number
    all: Annotated[tuple[Condition, ...], Field(min_length=1)] | None = None
    any: Annotated[tuple[Condition, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if sum(part is not None for part in (self.input, self.all, self.any)) != 1:
            raise ValueError("exactly one of input, all, any")
        if self.input is None:
            if self.trigger is not None or self.clear is not None:
                raise ValueError("trigger and clear belong to an input")
            return self
        if self.trigger is None or self.clear is None:
            raise ValueError("an input needs trigger and clear")
        over = self.clear - self.trigger if self.direction == "above" else self.trigger - self.clear
        if over > 0:
            raise ValueError(f"clear ({self.clear:g}) is on the wrong side of trigger ({self.trigger:g})")
        return self

    def leaves(self) -> Iterator[Condition]:
        """The conditions that look at an input, in order."""
        if self.input is not None:
            yield self
        for child in (*(self.all or ()), *(self.any or ())):
            yield from child.leaves()


class LevelRule(Condition):
    """A level: its condition, how long it must hold to start, and how long it must be over to end."""

    for_: Annotated[Seconds, Field(alias="for")] = 0.0
    hold: Seconds = 0.0


class Regions(Part):
    """Which regions are watched: kinds (`leaf` is the finest there is) within the named ones."""

    kinds: Annotated[tuple[Words, ...], Field(min_length=1)] = ("leaf",)
    within: tuple[Words, ...] = ()


class DurationPolicy(Part):
    """How long a warning drafted from this rule lasts."""

    default: Seconds
    hard_limit: Seconds
    reminders: tuple[Seconds, ...] = ()  # before the end

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 0 < self.default <= self.hard_limit:
            raise ValueError("default must be positive and not exceed hard_limit")
        return self


def disagreements(
    inputs: Mapping[str, RuleInput | None],
    levels: Mapping[Any, LevelRule],
    branch: str,
    also_used: Collection[str] = (),
) -> list[tuple[tuple[str, ...], str]]:
    """Where the inputs, the levels and the branch of a rule do not fit each other: the place and a sentence.

    An input that could not be read is None: it is there, and nothing more is known of it. `also_used` are the inputs
    of levels that could not be read.
    """
    used = {str(leaf.input) for level in levels.values() for leaf in level.leaves()} | set(also_used)
    found: list[tuple[tuple[str, ...], str]] = []
    for level, item in levels.items():
        missing = dict.fromkeys(str(leaf.input) for leaf in item.leaves() if leaf.input not in inputs)
        found += [(("levels", level, "input"), f"no such input: {name}") for name in missing]
    for name, entry in inputs.items():
        place = ("inputs", name)
        if name not in used:
            found.append((place, f"input {name} is not used by any level"))
        if branch == "forecast" and entry is not None and entry.source in NO_FORECAST:
            found.append(((*place, "source"), f"input {name}: {NO_FORECAST[entry.source]}"))
    return found


def _check_numbers(name: str, numbers: Mapping[str, Any]) -> None:
    for key, value in numbers.items():
        if isinstance(value, Mapping):
            _check_numbers(f"{name}: {key}", value)
            continue
        try:
            _finite(value)
        except ValueError as error:
            raise ValueError(f"{name}: {key} is not {error}") from error


class Rule(Part):
    """One rule of a pack."""

    key: Key
    version: Words
    authority: Text
    citation: Citation
    valid_from: date
    valid_to: date | None = None
    hazard: Key
    branch: Branch
    title: Text
    text: Text  # {region} {value} {unit} {level} {window} are filled in
    judge: Text | None = None  # what the rule cannot measure and the person must decide
    regions: Regions = Regions()
    sites: dict[Words, SiteNumbers] = Field(default_factory=dict)  # "source/station" -> its own numbers
    inputs: Annotated[dict[Key, RuleInput], Field(min_length=1)]
    levels: Annotated[dict[LevelKey, LevelRule], Field(min_length=1)]
    max_age: Seconds
    min_valid_share: Share = 0.8
    duration: DurationPolicy
    enabled: bool = True
    unmutable: bool = False  # no mute holds its proposals back

    @field_validator("valid_to")
    @classmethod
    def _ends_after_it_begins(cls, value: date | None, info: ValidationInfo) -> date | None:
        if value is not None and "valid_from" in info.data and value < info.data["valid_from"]:
            raise ValueError("valid_to is before valid_from")
        return value

    @field_validator("sites")
    @classmethod
    def _numbers_of_sites(cls, value: dict[str, SiteNumbers]) -> dict[str, SiteNumbers]:
        for name, numbers in value.items():
            if not all(name.partition("/")):
                raise ValueError(f"{name}: a site is written source/station")
            _check_numbers(name, numbers)
        return value

    @field_validator("max_age")
    @classmethod
    def _positive(cls, value: float) -> float:
        if value <= 0:
            raise ValueError("must be positive")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        faults = [sentence for _, sentence in disagreements(self.inputs, self.levels, self.branch)]
        if self.sites and not any(item.minus_site for item in self.inputs.values()):
            faults.append("sites belong to an input with minus_site")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the whole definition."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()

    @property
    def body(self) -> dict[str, Any]:
        """The definition as JSON, for the store."""
        return self.model_dump(mode="json", by_alias=True)

    def in_force(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def scale(self) -> tuple[Level, ...]:
        """Its levels, mildest first."""
        return tuple(Level.of(key) for key in SCALE if key in self.levels)
