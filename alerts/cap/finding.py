"""What a check finds, and what a rule of the checklist is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from data.text import Translate

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from alerts.cap.message import Message

MAX_BLANK = 80  # characters of a file that a sentence repeats


class Weight(StrEnum):
    """Whether a finding keeps a message from being issued."""

    REJECT = "reject"
    REMARK = "remark"


REJECT, REMARK = Weight.REJECT, Weight.REMARK


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a rule says: a sentence with blanks, and the element that it is about."""

    text: str
    at: Element | None = None
    blanks: Mapping[str, str] = field(default_factory=dict)
    weight: Weight | None = None  # where it is not that of the rule
    received: Weight | None = None


def found(
    text: str,
    at: Element | None = None,
    *,
    weight: Weight | None = None,
    received: Weight | None = None,
    **blanks: Any,
) -> Found:
    """A sentence for people; what it repeats from the file is cut and shown without what cannot be seen."""
    shown = {name: _shown(value) for name, value in blanks.items()}
    return Found(text=text, at=at, blanks=shown, weight=weight, received=received)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding with its place."""

    rule: str
    weight: Weight
    path: str
    line: int
    text: str
    blanks: Mapping[str, str]

    def sentence(self, t: Translate = str) -> str:
        """For people, in the language of `t`."""
        return t(self.text).format_map(self.blanks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry of the checklist."""

    id: str
    weight: Weight
    received: Weight
    title: str
    find: Callable[[Message], Iterator[Found]]


def rule(
    id: str, weight: Weight, title: str, *, received: Weight = REMARK
) -> Callable[[Callable[[Message], Iterator[Found]]], Rule]:
    """Make a function that yields what it finds into a rule.

    Parameters
    ----------
    id : str
        As in the checklist, "C01" to "C64".
    weight : Weight
        For a message that is to be issued.
    title : str
        What a message must be, in a sentence.
    received : Weight
        For a message that another service has sent: REJECT only where it cannot be used without guessing.
    """
    return lambda find: Rule(id=id, weight=weight, received=received, title=title, find=find)


def _shown(value: object) -> str:
    text = " ".join(str(value).split())
    text = "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text[:MAX_BLANK])
    return f"{text}..." if len(str(value)) > MAX_BLANK else text
