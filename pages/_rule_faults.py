"""The sentences of `rules check` in the reader's language; the command line says them in English."""

from __future__ import annotations

import re
from functools import lru_cache

from data.text import Translate


def fault_words(said: str, t: Translate) -> str:
    """A fault's sentence; one that has no form here stays as it is, and so does the name of the place before it."""
    found = _told(said, t)
    if found is not None:
        return found
    place, colon, rest = said.partition(": ")
    if colon and re.fullmatch(r"[\w.]+", place):
        told = "; ".join(_told(part, t) or part for part in rest.split("; "))
        return f"{place}: {told}"
    return said


def _told(said: str, t: Translate) -> str | None:
    for form, words in _forms(t):
        found = re.fullmatch(form, said)
        if found:
            return words.format(**found.groupdict())
    return None


@lru_cache(maxsize=4)
def _forms(t: Translate) -> tuple[tuple[str, str], ...]:
    return (
        (r"(?P<unit>.*) is not a unit", t("{unit} is not a unit")),
        (r"(?P<what>\S+) is measured in (?P<unit>.+), which cannot be told in (?P<other>.*)",
         t("{what} is measured in {unit}, which cannot be told in {other}")),
        (r"clear \((?P<clear>.+)\) is on the wrong side of trigger \((?P<trigger>.+)\)",
         t("clear ({clear}) is on the wrong side of trigger ({trigger})")),
        (r"(?P<high>\w+) begins at (?P<a>\S+) of (?P<input>\S+), before (?P<low>\w+) \((?P<b>\S+)\): .*",
         t("{high} begins at {a} of {input}, before {low} ({b}): a higher level must begin further on")),
        (r"(?P<high>\w+) begins where (?P<low>\w+) does: .*",
         t("{high} begins where {low} does: {low} could never be seen, since the higher level hides it")),
        (r"(?P<hazard>\S+) has no level (?P<level>\w+): it has (?P<known>.*)",
         t("{hazard} has no level {level}: it has {known}")),
        (r"no such input: (?P<name>.*)", t("no such input: {name}")),
        (r"input (?P<name>\S+) is not used by any level", t("input {name} is not used by any level")),
        (r"input (?P<name>\S+): stations do not forecast", t("input {name}: stations do not forecast")),
        (r"input (?P<name>\S+): events are observed, not forecast",
         t("input {name}: events are observed, not forecast")),
        (r"there is no kind of region (?P<kind>.+): there are (?P<known>.*)",
         t("there is no kind of region {kind}: there are {known}")),
        (r"there is no region (?P<code>.*)", t("there is no region {code}")),
        (r"no (?P<kinds>.+) lies within (?P<names>.+): the rule could never fire",
         t("no {kinds} lies within {names}: the rule could never fire")),
        (r"(?P<name>\S+) is (?P<bound>.+): a trigger of (?P<value>\S+) could never be met",
         t("{name} is {bound}: a trigger of {value} could never be met")),
        (r"(?P<name>\S+) is (?P<bound>.+): a level with clear at (?P<value>\S+) could never end",
         t("{name} is {bound}: a level with clear at {value} could never end")),
        (r"(?P<name>\S+) is given twice", t("{name} is given twice")),
        (r"unknown key: (?P<name>.*)", t("unknown key: {name}")),
        (r"`rules` is missing", t("`rules` is missing")),
        (r"`rules` is a list with at least one rule", t("`rules` is a list with at least one rule")),
        (r"not YAML: (?P<why>.*)", t("not YAML: {why}")),
        (r"anchors and aliases are not used in packs", t("anchors and aliases are not used in packs")),
        (r"exactly one rule is edited at a time", t("Exactly one rule is edited at a time.")),
        (r"exactly one of input, all, any", t("exactly one of input, all, any")),
        (r"trigger and clear belong to an input", t("trigger and clear belong to an input")),
        (r"an input needs trigger and clear", t("an input needs trigger and clear")),
        (r"accumulate (?P<name>\w+) needs a window", t("accumulate {name} needs a window")),
        (r"a window needs accumulate: .*", t("a window needs accumulate: sum, max, min, mean, change or rate")),
        (r"default must be positive and not exceed hard_limit",
         t("default must be positive and not exceed hard_limit")),
        (r"valid_to is before valid_from", t("valid_to is before valid_from")),
        (r"must be positive", t("must be positive")),
        (r"a duration with its unit, such as .*",
         t("a duration with its unit, such as '90 s', '30 min', '12 h' or '3 d'")),
        (r"a number", t("a number")),
        (r"a finite number", t("a finite number")),
        (r"Field required", t("this key is missing")),
        (r"Extra inputs are not permitted", t("this key is not known here")),
        (r"String should match pattern .*", t("small letters, digits and underscores, with dots between")),
        (r"Input should be '(?P<known>.*)'", t("one of '{known}'")),
    )  # fmt: skip
