"""A site's own numbers in place of parts of a pack's rule: merged, marked, and every difference kept.

    overrides:
      cma.rainstorm.observed:
        note: Numbers of the city's own plan of 2024
        levels: {blue: {trigger: 40, clear: 35}}

What is given replaces what the pack says, key by key; a list is replaced whole, and `null` takes a key away. The
merged rule has the version of the pack with `+site` behind it. Whose rule it is, and what it is about, stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alerts.rule import Rule

SITE = "+site"
FIXED = ("key", "version", "authority", "citation", "hazard", "branch")  # else it is another rule
FORMS = ("input", "all", "any")  # a condition has one of these
OF_AN_INPUT = ("trigger", "clear", "direction")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One value that a site has put in place of a pack's; None where there is none."""

    place: tuple[str, ...]
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{'.'.join(self.place)}: {_told(self.before)} -> {_told(self.after)}"


def merged(rule: Rule, wanted: Mapping[str, Any], note: str = "") -> tuple[Rule, tuple[Change, ...]]:
    """The rule with the site's values, and what differs from the pack.

    Parameters
    ----------
    rule : Rule
        As the pack has it.
    wanted : mapping
        The site's values, as read from its file.
    note : str
        Why, in the site's words; it is kept with the citation.

    Raises
    ------
    pydantic.ValidationError
        Where the merged rule is not a rule.
    """
    body = merge(rule.body, wanted)
    found = Rule.model_validate({**body, "version": rule.version + SITE})
    changes = tuple(_differences((), rule.body, {**found.body, "version": rule.version}))
    told = "; ".join(str(change) for change in changes)
    mark = f"Overridden by the site ({note or 'no reason given'}): {told or 'nothing'}."
    citation = found.citation.model_copy(update={"note": f"{rule.citation.note} {mark}".strip()})
    return found.model_copy(update={"citation": citation}), changes


def merge(base: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping with another's values in place of its own, all the way down."""
    result = dict(base)
    forms = [form for form in FORMS if wanted.get(form) is not None]
    if forms and any(form in base for form in FORMS):  # another form of condition: nothing of the former is left
        kept = OF_AN_INPUT if forms == ["input"] else ()
        for name in (*FORMS, *OF_AN_INPUT):
            if name not in kept:
                result.pop(name, None)
    for name, value in wanted.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(result.get(name), Mapping):
            result[name] = merge(result[name], value)
        else:
            result[name] = value
    return result


def _differences(place: tuple[str, ...], before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            yield from _differences((*place, str(name)), before.get(name), after.get(name))
    elif before != after:
        yield Change(place=place, before=before, after=after)


def _told(value: Any) -> str:
    return "nothing" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
