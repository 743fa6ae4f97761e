"""What people are told about rules: where one stands, who decided it, and why something was refused."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

from access.people import Person
from alerts.rule_version import Decision, Standing
from data.text import Translate
from pages._rule_state import Load
from pages._table_faults import table_fault
from pages._times import local


def standing_words(standing: Standing, enabled: bool, on_file: bool, t: Translate) -> str:
    """What runs, in a few words."""
    if standing.switched_off:
        return t("switched off")
    if standing.running is not None:
        return t("version {n} of this office").format(n=standing.running)
    if not on_file:
        return t("nothing: no version is enabled")
    return t("as its file says") if enabled else t("off in its file")


def decided_words(standing: Standing, zone: ZoneInfo, t: Translate) -> str:
    """Who let it run, or switched it off, and when."""
    ruling = standing.ruling
    if ruling is None:
        return ""
    at = local(ruling.at, zone)
    if ruling.decision == "disabled":
        return t("{who}, {at}").format(who=ruling.by, at=at)
    first = standing.proposed.by if standing.proposed is not None else "?"
    return t("{first} and {second}, {at}").format(first=first, second=ruling.by, at=at)


def decision_words(one: Decision, t: Translate) -> str:
    """One step of the history of a rule."""
    words = {
        "proposed": t("proposed"), "withdrawn": t("withdrawn"), "enabled": t("enabled"),
        "disabled": t("switched off"),
    }[one.decision]  # fmt: skip
    return words if one.number is None else t("version {n}: {what}").format(n=one.number, what=words)


def load_words(load: Load, t: Translate) -> tuple[str, str]:
    """Proposals a week: promised, and counted."""
    expected = t("no trial yet") if load.expected is None else f"{load.expected:.1f}"
    short = t("{n} so far").format(n=load.count)
    return expected, short if load.real is None else f"{load.real:.1f}"


def why_not(person: Person, action: str, t: Translate) -> str:
    """Why a person may only read here; empty where they may do it."""
    if person.may(action):
        return ""
    if action == "rules.edit":
        return t("You can read everything here. Rules are edited by accounts with the role planner or author.")
    return t("Versions are enabled and switched off by accounts with the role author or approver.")


def refusal_words(said: str, t: Translate) -> str:
    """A refusal of `alerts.rule_version` or of a trial in the reader's language."""
    for form, words in (
        (r"a reason is needed", t("A reason is needed.")),
        (r"this is the same rule as version (?P<n>\d+)", t("This is the same rule as version {n}.")),
        (r"there is no version (?P<n>\d+) of .*", t("There is no version {n}.")),
        (r"version (?P<n>\d+) is proposed already, by (?P<who>.*)", t("Version {n} is proposed already, by {who}.")),
        (r"version (?P<n>\d+) is not proposed", t("Version {n} is not proposed.")),
        (r"a second person enables it: (?P<who>.*) wrote or proposed version (?P<n>\d+)",
         t("A second person enables it: {who} wrote or proposed version {n}.")),
        (r"version (?P<n>\d+) runs already", t("Version {n} runs already.")),
        (r"its text says `enabled: false`.*", t("Its text says enabled: false. Save a version without it.")),
        (r"version (?P<n>\d+) was not tried on the past", t("Version {n} was not tried on the past yet.")),
        (r"(?P<who>\S+) has not opened the report of its trial",
         t("You have not opened the report of its trial yet: open the tab Proof.")),
        (r"\S+ is switched off already", t("It is switched off already.")),
        (r"(?P<n>\d+) trials run already.*", t("{n} trials run already. Wait for one to end.")),
        (r"there is a rule (?P<key>\S+) already: open that one", t("There is a rule {key} already: open that one.")),
        (r"there is no rule \S+", t("There is no such rule.")),
        (r"a key is small letters, .*",
         t("A key is small letters, digits and _ in parts joined by dots, such as county.rainstorm.")),
        (r"this trial has ended already", t("This trial has ended already.")),
        (r"there is no such trial", t("There is no such trial.")),
        (r"only (?P<who>\S+) or an author can end this trial", t("Only {who} or an author can end this trial.")),
        (r"it took longer than (?P<n>\S+) minutes, the limit of this office",
         t("it took longer than {n} minutes, the limit of this office")),
        (r"there is no such history", t("There is no such history.")),
        (r"choose the table of readings first", t("Choose the table of readings first.")),
        (r"at least one officer is needed.*", t("At least one officer is needed.")),
        (r"a time is written as .*", t("A time is written as 2026-03-01 08:00.")),
        (r"this account may not do that", t("This account may not do that.")),
        (r"exactly one rule is edited at a time", t("Exactly one rule is edited at a time.")),
        (r"the history has nothing of what the rules look at: (?P<what>.*)",
         t("The history has nothing of what the rule looks at: {what}.")),
        (r"in all of the time nobody could tell .*",
         t("In all of that time nobody could tell whether the rule would fire.")),
        (r"the truth table lacks the column (?P<what>.*)", t("The truth table lacks the column {what}.")),
    ):  # fmt: skip
        found = re.fullmatch(form, said)
        if found:
            return words.format(**found.groupdict())
    return table_fault(said, t)
