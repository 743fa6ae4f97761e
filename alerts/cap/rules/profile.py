"""C24, C38, C39 and what profiles ask of other rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from alerts.cap.finding import REJECT, REMARK, Found, Weight, found, rule
from alerts.cap.message import Message, children, text, written
from alerts.cap.profile import Demand, Profile, claimed

if TYPE_CHECKING:
    from lxml.etree import _Element as Element


@rule("C24", REJECT, "A profile that is kept is named in code.")
def c24(message: Message) -> Iterator[Found]:
    codes = _codes(message)
    for profile in message.context.profiles:
        if profile.marker and not any(re.fullmatch(profile.marker, code) for code in codes):
            yield found("The profile {profile} is not named in code.", message.root, profile=profile.title)


def _profiles_alone(message: Message) -> Iterator[Found]:
    """The standard itself says nothing here."""
    return iter(())


c38 = rule("C38", REJECT, "Under CAP-AU a Cancel carries no effective.")(_profiles_alone)
c39 = rule("C39", REMARK, "Under IPAWS effective and onset are ignored: no start is promised.")(_profiles_alone)


def demanded(message: Message, rule_id: str) -> Iterator[Found]:
    """What the profiles that are asked for or claimed say under this rule."""
    asked = dict.fromkeys((*message.context.profiles, *claimed(_codes(message))))
    for profile in asked:
        for demand in profile.demands:
            if demand.rule == rule_id and message.type in demand.types:
                yield from _missed(message, profile, demand)


def _missed(message: Message, profile: Profile, demand: Demand) -> Iterator[Found]:
    *above, name = demand.path.split("/")
    weight = Weight(demand.weight)
    for parent in _within(message.root, above):
        there = children(parent, name)
        if demand.need and not any(written(one).strip() for one in there):
            yield found(
                "The profile {profile} asks for {name}.", parent, weight=weight, profile=profile.title, name=name
            )
        elif demand.forbid and there:
            yield found(
                "The profile {profile} allows no {name} in a message of type {type}.",
                there[0],
                weight=weight,
                profile=profile.title,
                name=name,
                type=message.type,
            )
        elif demand.ignores and there:
            yield found("Under the profile {profile} receivers ignore {name}.", there[0], weight=weight,
                        profile=profile.title, name=name)  # fmt: skip
        elif demand.pair:
            yield from _counted(parent, there, profile, demand, weight)


def _counted(
    parent: Element, there: list[Element], profile: Profile, demand: Demand, weight: Weight
) -> Iterator[Found]:
    name = demand.pair.rpartition("/")[2]
    named = [one for one in there if re.fullmatch(demand.name, text(one, "valueName"))]
    if not demand.least <= len(named) <= demand.most:
        yield found("The profile {profile} asks for {name} named {wanted}: {least} to {most}, not {n}.", parent,
                    weight=weight, profile=profile.title, name=name, wanted=demand.name, least=demand.least,
                    most=demand.most, n=len(named))  # fmt: skip
    for one in named:
        if re.fullmatch(demand.value, text(one, "value")) is None:
            yield found("The profile {profile} does not know this {name}: {value}", one, weight=weight,
                        profile=profile.title, name=name, value=text(one, "value"))  # fmt: skip


def _within(element: Element, names: list[str]) -> list[Element]:
    here = [element]
    for name in names:
        here = [child for one in here for child in children(one, name)]
    return here


def _codes(message: Message) -> tuple[str, ...]:
    return tuple(written(one).strip() for one in children(message.root, "code"))
