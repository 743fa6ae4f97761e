"""What is wrong with a rule beyond its form: told all at once, each with its place and a sentence for a person.

The checks look at every part that can be read, so that one mistake does not hide the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from alerts.faults import Place
from alerts.limits import never_or_always, out_of_step, unknown_units
from alerts.places import region_mask
from alerts.rule import SCALE, Condition, LevelRule, Regions, RuleInput, disagreements
from data.regions import RegionIndex

SIGNALS = Path(__file__).resolve().parent / "packs" / "index.yaml"
PUBLIC_SIGNALS = "cma"  # whose words for hazards are those of the national signals
Finding = tuple[Place, str]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What rules are checked against besides their own words; what is not given is not checked."""

    regions: RegionIndex | None = None
    steps: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (source, quantity) -> shortest step [s]


NOTHING_KNOWN = Facts()


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What could be read of a rule."""

    inputs: Mapping[str, RuleInput | None]  # None: it is there and has a fault
    levels: Mapping[str, LevelRule]
    named_inputs: frozenset[str]  # of every level, those with faults too


def faults_in(value: Mapping[str, Any], facts: Facts = NOTHING_KNOWN) -> Iterator[Finding]:
    """Every fault of a rule that its form does not show.

    Parameters
    ----------
    value : mapping
        The rule as plain data, as it stands in its file.
    facts : Facts
    """
    parts = _parts_of(value)
    branch = str(value.get("branch", ""))
    yield from disagreements(parts.inputs, parts.levels, branch, parts.named_inputs)
    if value.get("sites") and not any(item is None or item.minus_site for item in parts.inputs.values()):
        yield ("sites",), "sites belong to an input with minus_site"
    yield from _colours(value, parts)
    yield from _order(parts)
    known = {name: item for name, item in parts.inputs.items() if item is not None}
    yield from unknown_units(known)
    yield from out_of_step(known, facts.steps)
    yield from never_or_always(known, parts.levels)
    if facts.regions is not None:
        yield from _regions(value, facts.regions)


def _parts_of(value: Mapping[str, Any]) -> Parts:
    inputs, levels = value.get("inputs"), value.get("levels")
    inputs = inputs if isinstance(inputs, Mapping) else {}
    levels = levels if isinstance(levels, Mapping) else {}
    read = {level: _valid(LevelRule, levels[level]) for level in SCALE if level in levels}
    return Parts(
        inputs={str(name): _valid(RuleInput, item) for name, item in inputs.items()},
        levels={level: item for level, item in read.items() if item is not None},
        named_inputs=frozenset(_inputs_named(levels)),
    )


def _valid(kind: type[Model], value: Any) -> Model | None:
    try:
        return kind.model_validate(value)
    except ValidationError:
        return None


def _inputs_named(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name == "input":
                yield str(item)
            yield from _inputs_named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _inputs_named(item)


@lru_cache(maxsize=1)
def colours() -> Mapping[tuple[str, str], tuple[str, ...]]:
    """(authority, hazard) -> the levels that exist, mildest first, from the table of signals."""
    signals = yaml.safe_load(SIGNALS.read_text(encoding="utf-8"))["signals"]
    return {(one["authority"], one["hazard"]): tuple(one["levels"]) for one in signals}


def colours_of(key: str, hazard: str) -> tuple[str, ...]:
    """The levels that a hazard has.

    An authority is the first word of a rule's key; its own table counts. A rule of somebody else that names a hazard
    of China's public signals is about that signal, and has its levels. Others may have any.
    """
    authority = key.partition(".")[0]
    return colours().get((authority, hazard)) or (
        SCALE if authority in _authorities() else colours().get((PUBLIC_SIGNALS, hazard), SCALE)
    )


def _authorities() -> frozenset[str]:
    return frozenset(authority for authority, _ in colours())


def _colours(value: Mapping[str, Any], parts: Parts) -> Iterator[Finding]:
    key, hazard = str(value.get("key", "")), str(value.get("hazard", ""))
    known = colours_of(key, hazard)
    levels = value.get("levels")
    for level in levels if isinstance(levels, Mapping) else ():
        if level in SCALE and level not in known:
            yield ("levels", level), f"{hazard} has no level {level}: it has {', '.join(known)}"


def _order(parts: Parts) -> Iterator[Finding]:
    """Of two levels that look at the same things the higher one must begin further on, or later."""
    levels = list(parts.levels.items())
    for position, (high, item) in enumerate(levels):
        for low, other in levels[:position]:
            if _shape(item) == _shape(other):
                yield from _not_beyond(high, item, low, other)


def _shape(node: Condition) -> tuple[Any, ...]:
    if node.input is not None:
        return node.input, node.direction
    return ("all" if node.all else "any", *(_shape(child) for child in (node.all or node.any or ())))


def _not_beyond(high: str, item: LevelRule, low: str, other: LevelRule) -> Iterator[Finding]:
    further = item.for_ > other.for_
    for leaf, below in zip(item.leaves(), other.leaves(), strict=True):
        assert leaf.trigger is not None and below.trigger is not None
        gap = leaf.trigger - below.trigger if leaf.direction == "above" else below.trigger - leaf.trigger
        further |= gap > 0
        if gap < 0:
            yield (
                ("levels", high, "trigger"),
                f"{high} begins at {leaf.trigger:g} of {leaf.input}, before {low} ({below.trigger:g}): "
                "a higher level must begin further on",
            )
            return
    if not further:
        sentence = f"{high} begins where {low} does: {low} could never be seen, since the higher level hides it"
        yield ("levels", high, "trigger"), sentence


def _regions(value: Mapping[str, Any], index: RegionIndex) -> Iterator[Finding]:
    written = value.get("regions", {})
    regions = _valid(Regions, written)
    if regions is None:
        return
    known = set(index.kind.tolist()) | {"leaf"}
    kinds = [kind for kind in regions.kinds if kind not in known]
    codes = [code for code in regions.within if index.by_code(code) is None]
    for kind in kinds:
        place = ("regions", "kinds", regions.kinds.index(kind))
        yield place, f"there is no kind of region {kind}: there are {', '.join(sorted(known))}"
    for code in codes:
        yield ("regions", "within", regions.within.index(code)), f"there is no region {code}"
    if not kinds and not codes and not region_mask(regions, index).any():
        wanted, inside = " or ".join(regions.kinds), " or ".join(regions.within)
        yield ("regions",), f"no {wanted} lies within {inside or 'the base data'}: the rule could never fire"
