"""Whether the numbers of a rule can be at all: units, steps of time, and triggers that could never be met or left."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from alerts.faults import Place
from alerts.rule import Condition, LevelRule, RuleInput
from data.units import factor_offset, is_unit
from layers.derivations import DERIVED

TABLE = Path(__file__).resolve().parents[1] / "data" / "reference" / "quantities.yaml"
HOUR_S, DAY_S = 3600.0, 86400.0
Finding = tuple[Place, str]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The unit of a quantity, and between which numbers its values lie."""

    unit: str
    least: float
    most: float


@lru_cache(maxsize=1)
def quantities() -> Mapping[str, Limits]:
    """What is known of each quantity: the table of the house, and what layers that are computed here promise."""
    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))["quantities"]
    found = {name: Limits(unit=row["unit"], least=row["least"], most=row["most"]) for name, row in table.items()}
    for spec in (spec for item in DERIVED for spec in item.specs):
        low, high = spec.valid_range or (-math.inf, math.inf)
        found.setdefault(spec.quantity, Limits(unit=spec.unit, least=low, most=high))
    return found


def unknown_units(inputs: Mapping[str, RuleInput]) -> Iterator[Finding]:
    """Units that cannot be read, or that do not measure the quantity."""
    for name, item in inputs.items():
        place = ("inputs", name, "unit")
        if not is_unit(item.unit):
            yield place, f"{item.unit} is not a unit"
            continue
        known = _known(item)
        if known is None:
            continue
        try:
            factor_offset(known.unit, item.unit)
        except ValueError:
            yield place, f"{item.quantity} is measured in {known.unit}, which cannot be told in {item.unit}"


def _known(item: RuleInput) -> Limits | None:
    return None if item.source == "survey" else quantities().get(item.quantity)


def out_of_step(inputs: Mapping[str, RuleInput], steps: Mapping[tuple[str, str], float]) -> Iterator[Finding]:
    """Windows shorter than the time that one report speaks for, or than the step of the data in the store."""
    for name, item in inputs.items():
        if item.source not in ("stations", "field") or item.accumulate == "latest":
            continue
        place = ("inputs", name, "window")
        step = steps.get((item.source, item.quantity))
        if item.window < item.interval:
            sentence = f"the window of {span(item.window)} is shorter than the interval of {span(item.interval)} "
            yield place, sentence + "that one report speaks for: lengthen it, or give the interval of the data"
        elif step is not None and item.window < step:
            sentence = f"the window of {span(item.window)} is shorter than the step of the data, which come every "
            yield place, sentence + span(step)


def never_or_always(inputs: Mapping[str, RuleInput], levels: Mapping[str, LevelRule]) -> Iterator[Finding]:
    """Triggers that no value can meet, levels that no value can end, and conditions that exclude each other."""
    for level, item in levels.items():
        yield from _contradictions(("levels", level), item)
        for place, leaf in _leaves(("levels", level), item):
            entry = inputs.get(str(leaf.input))
            if entry is not None:
                yield from _out_of_reach(place, leaf, entry)
                yield from _outlasted(level, item, entry)


def _leaves(place: Place, node: Condition) -> Iterator[tuple[Place, Condition]]:
    if node.input is not None:
        yield place, node
    for word, children in (("all", node.all), ("any", node.any)):
        for position, child in enumerate(children or ()):
            yield from _leaves((*place, word, position), child)


def _out_of_reach(place: Place, leaf: Condition, item: RuleInput) -> Iterator[Finding]:
    least, most = possible(item)
    assert leaf.trigger is not None and leaf.clear is not None
    above = leaf.direction == "above"
    name, unit = leaf.input, item.unit
    if (above and leaf.trigger > most) or (not above and leaf.trigger < least):
        bound = f"at most {most:g}" if above else f"at least {least:g}"
        yield (*place, "trigger"), f"{name} is {bound} {unit}: a trigger of {leaf.trigger:g} could never be met"
    elif (above and leaf.clear <= least) or (not above and leaf.clear >= most):
        bound = f"never less than {least:g}" if above else f"never more than {most:g}"
        yield (*place, "clear"), f"{name} is {bound} {unit}: a level with clear at {leaf.clear:g} could never end"


def possible(item: RuleInput) -> tuple[float, float]:
    """The least and the most that an input's number can be, in its own unit; infinite where nothing is known."""
    if item.spatial == "share_above" or item.take == "share":
        return 0.0, 1.0
    if item.take == "count":
        return 0.0, math.inf
    known = _known(item)
    if known is None or item.minus_site or item.accumulate == "rate":
        return -math.inf, math.inf
    try:
        factor, offset = factor_offset(known.unit, item.unit)
    except ValueError:
        return -math.inf, math.inf  # told as a fault of its own
    ends = sorted((known.least * factor + offset, known.most * factor + offset))
    least, most = ends[0], ends[1]
    if item.accumulate == "change" or (item.over is not None and item.over.take == "difference"):
        return least - most, most - least
    if item.accumulate == "sum":
        return least if least >= 0 else -math.inf, math.inf
    return least, most


def _outlasted(level: str, item: LevelRule, entry: RuleInput) -> Iterator[Finding]:
    if entry.source == "events" and item.for_ >= entry.window:
        sentence = f"{level} waits {span(item.for_)}, and an event is looked at for {span(entry.window)}"
        yield ("levels", level, "for"), f"{sentence}: the level could never begin"


def _contradictions(place: Place, node: Condition) -> Iterator[Finding]:
    """Of conditions that must hold together: one that starts above where another must stay below."""
    floor: dict[str, float] = {}
    ceiling: dict[str, float] = {}
    for leaf in _together(node):
        assert leaf.input is not None and leaf.trigger is not None
        if leaf.direction == "above":
            floor[leaf.input] = max(floor.get(leaf.input, -math.inf), leaf.trigger)
        else:
            ceiling[leaf.input] = min(ceiling.get(leaf.input, math.inf), leaf.trigger)
    for name in floor.keys() & ceiling.keys():
        if floor[name] > ceiling[name]:
            sentence = f"{name} cannot be at least {floor[name]:g} and at most {ceiling[name]:g} at once"
            yield place, f"{sentence}: the level could never begin"
    for position, child in enumerate(node.any or ()):
        yield from _contradictions((*place, "any", position), child)


def _together(node: Condition) -> Iterator[Condition]:
    if node.input is not None:
        yield node
    for child in node.all or ():
        yield from _together(child)


def span(seconds: float) -> str:
    """A length of time in the largest unit that is whole."""
    for unit, length in (("d", DAY_S), ("h", HOUR_S), ("min", 60.0)):
        if seconds >= length * (2 if unit == "d" else 1) and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"
