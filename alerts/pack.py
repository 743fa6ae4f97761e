"""Rule packs: YAML files by authority, read whole, with every fault and its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from alerts.check import NOTHING_KNOWN, Facts, faults_in
from alerts.document import compose, compose_file, plain
from alerts.faults import Fault, fault_at, node_at
from alerts.overrides import FIXED, Change, merge, merged
from alerts.rule import Rule
from data.errors import RuleError

PACKS = Path(__file__).resolve().parent / "packs"
INDEX = "index.yaml"  # of the built-in packs: which signals there are, and what no rule can tell


@dataclass(frozen=True, kw_only=True)
class PackRule:
    """A rule and the file it came from; `base` is the pack's own where a site has changed it."""

    rule: Rule
    path: Path
    base: Rule | None = None
    changes: tuple[Change, ...] = ()
    changed_in: Path | None = None


@dataclass(frozen=True, kw_only=True)
class _Override:
    """What a site's file says of one rule of a pack."""

    path: Path
    rule: str
    key: yaml.Node
    node: yaml.Node


def builtin_paths() -> tuple[Path, ...]:
    """The packs that come with the house."""
    return tuple(path for path in sorted(PACKS.rglob("*.yaml")) if path.name != INDEX)


def load_rules(paths: Iterable[Path] = ()) -> tuple[PackRule, ...]:
    """The rules of some files or folders, and of the built-in packs where none are named.

    Raises
    ------
    RuleError
        Naming every fault with its line.
    """
    rules, faults = read_paths(tuple(paths) or builtin_paths())
    if faults:
        raise RuleError("\n".join(str(fault) for fault in faults))
    return rules


def check_paths(paths: Iterable[Path], facts: Facts = NOTHING_KNOWN) -> list[Fault]:
    """Every fault of some files or folders; empty when all is well."""
    return read_paths(paths, facts)[1]


def check_rules(text: str, *, path: Path = Path("rules.yaml"), facts: Facts = NOTHING_KNOWN) -> list[Fault]:
    """Every fault of a text that would be a rule file, with line and column; empty when all is well.

    Parameters
    ----------
    text : str
        As a person types it; nothing needs to be saved.
    path : Path
        The name that faults are told under.
    facts : Facts
        What the rules can be checked against besides their own words: regions, and the steps of data in the store.
    """
    return read_text(text, path=path, facts=facts)[1]


def read_text(
    text: str, *, path: Path = Path("rules.yaml"), facts: Facts = NOTHING_KNOWN
) -> tuple[tuple[PackRule, ...], list[Fault]]:
    """The rules of a text that can be read, and every fault."""
    faults: list[Fault] = []
    document = compose(text, path, faults)
    rules = _read([] if document is None else [(path, document)], faults, facts)
    return rules, sorted(faults, key=lambda fault: (fault.line, fault.column))


def read_paths(paths: Iterable[Path], facts: Facts = NOTHING_KNOWN) -> tuple[tuple[PackRule, ...], list[Fault]]:
    """The rules that can be read, with what sites override in them, and every fault."""
    faults: list[Fault] = []
    found = ((path, compose_file(path, faults)) for path in _files(paths, faults))
    documents = [(path, document) for path, document in found if document is not None]
    return _read(documents, faults, facts), faults


def _read(
    documents: Sequence[tuple[Path, yaml.MappingNode]], faults: list[Fault], facts: Facts
) -> tuple[PackRule, ...]:
    rules: list[PackRule] = []
    overrides: list[_Override] = []
    seen: dict[str, Path] = {}
    for path, document in documents:
        for rule, node in _rules_of(path, document, faults, overrides, facts):
            if rule.key in seen:
                faults.append(fault_at(path, node, f"rule {rule.key} is also in {seen[rule.key]}"))
                continue
            seen[rule.key] = path
            rules.append(PackRule(rule=rule, path=path))
    return _overridden(rules, overrides, faults, facts)


def _files(paths: Iterable[Path], faults: list[Fault]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(item for item in path.rglob("*") if item.suffix in (".yaml", ".yml"))
            inside = [item for item in inside if item.resolve() != PACKS / INDEX]
            if not inside:
                faults.append(Fault(path=path, line=1, column=1, message="no .yaml file in this folder"))
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            faults.append(Fault(path=path, line=1, column=1, message="no such file"))
    return list(dict.fromkeys(found))


def _rules_of(
    path: Path, document: yaml.MappingNode, faults: list[Fault], overrides: list[_Override], facts: Facts
) -> list[tuple[Rule, yaml.Node]]:
    items: list[yaml.Node] | None = None
    for key, value in document.value:
        if key.value == "overrides" and isinstance(value, yaml.MappingNode) and value.value:
            overrides += [_Override(path=path, rule=str(one.value), key=one, node=node) for one, node in value.value]
            items = items or []
        elif key.value == "overrides":
            faults.append(fault_at(path, value, "`overrides` is a mapping from rule keys to what the site changes"))
            items = items or []
        elif key.value == "rules" and isinstance(value, yaml.SequenceNode) and value.value:
            items = value.value
        elif key.value == "rules":
            faults.append(fault_at(path, value, "`rules` is a list with at least one rule"))
            items = []
        else:
            faults.append(fault_at(path, key, f"unknown key: {key.value}"))
    if items is None:
        faults.append(fault_at(path, document, "`rules` is missing"))
    good = []
    for node in items or []:
        rule = _rule_of(path, node, faults, facts)
        if rule is not None:
            good.append((rule, node))
    return good


def _rule_of(path: Path, node: yaml.Node, faults: list[Fault], facts: Facts) -> Rule | None:
    before = len(faults)
    try:
        value = plain(path, node, faults, set())
    except yaml.YAMLError as error:
        faults.append(fault_at(path, node, f"not YAML: {error}"))
        return None
    rule = None
    try:
        rule = Rule.model_validate(value)
    except ValidationError as error:
        _note_invalid(path, node, error, faults)
    _note_unsound(path, node, value, facts, faults)
    return rule if len(faults) == before else None


def _note_invalid(path: Path, node: yaml.Node, error: ValidationError, faults: list[Fault]) -> None:
    for item in error.errors(include_url=False, include_context=False):
        if item["type"] == "value_error" and not item["loc"]:
            continue  # of the rule as a whole: told with its place by `faults_in`
        name = ".".join(str(part) for part in item["loc"])
        said = str(item["msg"]).removeprefix("Value error, ")
        place = (*item["loc"], "clear") if said.startswith("clear (") else item["loc"]
        where = node_at(node, place, on_key=item["type"] in ("missing", "extra_forbidden"))
        faults.append(fault_at(path, where, f"{name}: {said}" if name else said))


def _note_unsound(path: Path, node: yaml.Node, value: Any, facts: Facts, faults: list[Fault]) -> None:
    if not isinstance(value, Mapping):
        return
    for place, sentence in faults_in(value, facts):
        faults.append(fault_at(path, node_at(node, place), sentence))


def _overridden(
    rules: Sequence[PackRule], overrides: Sequence[_Override], faults: list[Fault], facts: Facts
) -> tuple[PackRule, ...]:
    """The rules with the sites' values in place; a rule whose override has a fault stays as the pack has it."""
    if not overrides:
        return tuple(rules)
    result = {item.rule.key: item for item in rules}
    missing = {one.rule for one in overrides} - set(result)
    packs = {item.rule.key: item for item in read_paths(builtin_paths())[0]} if missing else {}
    for one in overrides:
        item = result.get(one.rule) or packs.get(one.rule)
        if item is None:
            faults.append(fault_at(one.path, one.key, f"there is no rule {one.rule} to override"))
        elif item.base is not None:
            faults.append(fault_at(one.path, one.key, f"{one.rule} is also overridden in {item.changed_in}"))
        else:
            changed = _override(one, item, faults, facts)
            if changed is not None:
                result[one.rule] = changed
    return tuple(result.values())


def _override(one: _Override, item: PackRule, faults: list[Fault], facts: Facts) -> PackRule | None:
    before = len(faults)
    try:
        wanted = plain(one.path, one.node, faults, set())
    except yaml.YAMLError as error:
        faults.append(fault_at(one.path, one.node, f"not YAML: {error}"))
        return None
    if not isinstance(wanted, Mapping) or not wanted:
        faults.append(fault_at(one.path, one.node, f"{one.rule}: a mapping of what the site changes is wanted"))
        return None
    wanted = dict(wanted)
    note = wanted.pop("note", "")
    if not isinstance(note, str):
        faults.append(fault_at(one.path, node_at(one.node, ("note",)), "note: words"))
    for name in FIXED:
        if name in wanted:
            where = node_at(one.node, (name,), on_key=True)
            faults.append(fault_at(one.path, where, f"{name} cannot be overridden: write a rule of your own"))
    if len(faults) > before:
        return None
    try:
        rule, changes = merged(item.rule, wanted, note)
    except ValidationError as error:
        _note_invalid(one.path, one.node, error, faults)
        _note_unsound(one.path, one.node, merge(item.rule.body, wanted), facts, faults)
        return None
    _note_unsound(one.path, one.node, rule.body, facts, faults)
    if len(faults) > before:
        return None
    return replace(item, rule=rule, base=item.rule, changes=changes, changed_in=one.path)
