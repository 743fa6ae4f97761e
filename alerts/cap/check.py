"""The checklist over a file: each finding with its rule, weight, place and sentence; no bad file ends a check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from alerts.cap.finding import REJECT, REMARK, Finding, Found, Rule, Weight, found
from alerts.cap.message import Context, Message, local, path_of
from alerts.cap.parse import MAX_BYTES
from alerts.cap.rules import area, form, header, info, profile, resource, ring, signature
from data import safe_xml
from data.errors import BadPayload

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

MAX_OF_ONE_RULE = 100
MAX_NODES = 50_000
MAX_MESSAGES = 500


def _rules_in(modules: Iterable[ModuleType]) -> tuple[Rule, ...]:
    found_rules = [one for module in modules for one in vars(module).values() if isinstance(one, Rule)]
    return tuple(sorted(found_rules, key=lambda one: one.id))


RULES = _rules_in((form, header, info, resource, area, ring, signature, profile))
NOTHING_KNOWN = Context()


def check(body: bytes, context: Context = NOTHING_KNOWN) -> list[Finding]:
    """Every finding in a file.

    Parameters
    ----------
    body : bytes
        Anything; what is no CAP message is a finding.
    context : Context
        What it is checked against besides its own words.

    Returns
    -------
    list of Finding
        In the order of the file's messages and of the rules.
    """
    messages, troubles = open_file(body, context)
    findings = [_finding(rule, one, context) for rule, one in troubles]
    for message in messages:
        too_much = [*_of_one_rule(form.c63, message)]
        if too_much:  # nobody reads on, and a hostile file costs no time
            findings += too_much
            continue
        for rule in RULES:
            findings += _of_one_rule(rule, message)
    return findings


def open_file(body: bytes, context: Context = NOTHING_KNOWN) -> tuple[list[Message], list[tuple[Rule, Found]]]:
    """The messages in a file, and what is wrong with the file around them."""
    c01, c63 = (next(one for one in RULES if one.id == name) for name in ("C01", "C63"))
    if len(body) > MAX_BYTES:
        return [], [(c63, found("The file is larger than 2 MB."))]
    try:
        root = safe_xml.parse(body, source="CAP message", max_bytes=MAX_BYTES, max_nodes=MAX_NODES)
    except BadPayload as error:
        return [], [(c01, found("The file cannot be read as XML: {why}.", received=REJECT, why=error.reason))]
    if local(root) == "alert":
        return [Message(body, root, context)], []
    inside = [Message(body, one, context, encloses=False) for one in root.iter("{*}alert")]
    if len(inside) > MAX_MESSAGES:
        return [], [(c63, found("The file holds {n} messages, more than {most}.", n=len(inside), most=MAX_MESSAGES))]
    weight = REMARK if inside else REJECT
    around = found("The root element is {name}, not alert; messages inside: {n}.", root, received=weight,
                   name=local(root), n=len(inside))  # fmt: skip
    return inside, [(c01, around), *((c01, one) for one in form.file_form(body))]


def rejected(findings: Iterable[Finding]) -> bool:
    """Whether a finding keeps the message from being issued."""
    return any(one.weight is REJECT for one in findings)


def _of_one_rule(rule: Rule, message: Message) -> Iterator[Finding]:
    said = [*rule.find(message), *profile.demanded(message, rule.id)]
    for one in said[:MAX_OF_ONE_RULE]:
        yield _finding(rule, one, message.context)
    if len(said) > MAX_OF_ONE_RULE:
        more = said[MAX_OF_ONE_RULE:]
        worst = REJECT if any(_weight(rule, one, message.context) is REJECT for one in more) else REMARK
        text = found("{n} more findings of this rule.", message.root, weight=worst, received=worst, n=len(more))
        yield _finding(rule, text, message.context)


def _weight(rule: Rule, one: Found, context: Context) -> Weight:
    weight = one.weight or rule.weight
    if not context.received or weight is REMARK:
        return weight
    return one.received or rule.received


def _finding(rule: Rule, one: Found, context: Context) -> Finding:
    element: Element | None = one.at
    line: Any = 1 if element is None else element.sourceline
    return Finding(
        rule=rule.id,
        weight=_weight(rule, one, context),
        path="" if element is None else path_of(element),
        line=int(line or 1),
        text=one.text,
        blanks=one.blanks,
    )
