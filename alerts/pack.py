"""Rule packs: YAML files by authority, read whole, with every fault and its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from alerts.overrides import FIXED, Change, merged
from alerts.rule import Rule
from data.errors import RuleError

PACKS = Path(__file__).resolve().parent / "packs"
MAX_BYTES = 1_000_000
INDEX = "index.yaml"  # of the built-in packs: which signals there are, and what no rule can tell
TIME_TAG = "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing wrong in a file; lines and columns start at 1."""

    path: Path
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}"


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


def check_paths(paths: Iterable[Path]) -> list[Fault]:
    """Every fault of some files or folders; empty when all is well."""
    return read_paths(paths)[1]


def read_paths(paths: Iterable[Path]) -> tuple[tuple[PackRule, ...], list[Fault]]:
    """The rules that can be read, with what sites override in them, and every fault."""
    rules: list[PackRule] = []
    faults: list[Fault] = []
    overrides: list[_Override] = []
    seen: dict[str, Path] = {}
    for path in _files(paths, faults):
        document = _compose(path, faults)
        if document is None:
            continue
        for rule, node in _rules_of(path, document, faults, overrides):
            if rule.key in seen:
                faults.append(_fault(path, node, f"rule {rule.key} is also in {seen[rule.key]}"))
                continue
            seen[rule.key] = path
            rules.append(PackRule(rule=rule, path=path))
    return _overridden(rules, overrides, faults), faults


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


def _compose(path: Path, faults: list[Fault]) -> yaml.MappingNode | None:
    """The document as nodes, which know their lines; None after a fault."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES} bytes")
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        faults.append(Fault(path=path, line=line, column=column, message=f"not YAML: {error.problem}"))
        return None
    except (OSError, UnicodeDecodeError, ValueError, RecursionError, yaml.YAMLError) as error:
        faults.append(Fault(path=path, line=1, column=1, message=f"cannot be read: {error}"))
        return None
    if not isinstance(node, yaml.MappingNode):
        faults.append(
            Fault(path=path, line=1, column=1, message="a mapping with the key `rules` or `overrides` is wanted")
        )
        return None
    return node


def _rules_of(
    path: Path, document: yaml.MappingNode, faults: list[Fault], overrides: list[_Override]
) -> list[tuple[Rule, yaml.Node]]:
    items: list[yaml.Node] | None = None
    for key, value in document.value:
        if key.value == "overrides" and isinstance(value, yaml.MappingNode) and value.value:
            overrides += [_Override(path=path, rule=str(one.value), key=one, node=node) for one, node in value.value]
            items = items or []
        elif key.value == "overrides":
            faults.append(_fault(path, value, "`overrides` is a mapping from rule keys to what the site changes"))
            items = items or []
        elif key.value == "rules" and isinstance(value, yaml.SequenceNode) and value.value:
            items = value.value
        elif key.value == "rules":
            faults.append(_fault(path, value, "`rules` is a list with at least one rule"))
            items = []
        else:
            faults.append(_fault(path, key, f"unknown key: {key.value}"))
    if items is None:
        faults.append(_fault(path, document, "`rules` is missing"))
    good = []
    for node in items or []:
        rule = _rule_of(path, node, faults)
        if rule is not None:
            good.append((rule, node))
    return good


def _rule_of(path: Path, node: yaml.Node, faults: list[Fault]) -> Rule | None:
    before = len(faults)
    try:
        value = _plain(path, node, faults, set())
    except yaml.YAMLError as error:
        faults.append(_fault(path, node, f"not YAML: {error}"))
        return None
    try:
        rule = Rule.model_validate(value)
    except ValidationError as error:
        _note_invalid(path, node, error, faults)
        return None
    return rule if len(faults) == before else None


def _note_invalid(path: Path, node: yaml.Node, error: ValidationError, faults: list[Fault]) -> None:
    for item in error.errors(include_url=False, include_context=False):
        where = _at(node, item["loc"], item["type"] in ("missing", "extra_forbidden"))
        name = ".".join(str(part) for part in item["loc"])
        faults.append(_fault(path, where, f"{name}: {item['msg']}" if name else str(item["msg"])))


def _overridden(
    rules: Sequence[PackRule], overrides: Sequence[_Override], faults: list[Fault]
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
            faults.append(_fault(one.path, one.key, f"there is no rule {one.rule} to override"))
        elif item.base is not None:
            faults.append(_fault(one.path, one.key, f"{one.rule} is also overridden in {item.changed_in}"))
        else:
            changed = _override(one, item, faults)
            if changed is not None:
                result[one.rule] = changed
    return tuple(result.values())


def _override(one: _Override, item: PackRule, faults: list[Fault]) -> PackRule | None:
    before = len(faults)
    try:
        wanted = _plain(one.path, one.node, faults, set())
    except yaml.YAMLError as error:
        faults.append(_fault(one.path, one.node, f"not YAML: {error}"))
        return None
    if not isinstance(wanted, Mapping) or not wanted:
        faults.append(_fault(one.path, one.node, f"{one.rule}: a mapping of what the site changes is wanted"))
        return None
    wanted = dict(wanted)
    note = wanted.pop("note", "")
    if not isinstance(note, str):
        faults.append(_fault(one.path, _at(one.node, ("note",), False), "note: words"))
    for name in FIXED:
        if name in wanted:
            where = _at(one.node, (name,), True)
            faults.append(_fault(one.path, where, f"{name} cannot be overridden: write a rule of your own"))
    if len(faults) > before:
        return None
    try:
        rule, changes = merged(item.rule, wanted, note)
    except ValidationError as error:
        _note_invalid(one.path, one.node, error, faults)
        return None
    return replace(item, rule=rule, base=item.rule, changes=changes, changed_in=one.path)


def _plain(path: Path, node: yaml.Node, faults: list[Fault], seen: set[int]) -> Any:
    """The value of a node. Repeated keys are faults, and so are aliases: a few lines can stand for gigabytes."""
    if id(node) in seen:
        raise yaml.YAMLError("anchors and aliases are not used in packs")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in result:
                faults.append(_fault(path, key, f"{name} is given twice"))
            result[name] = _plain(path, value, faults, seen)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_plain(path, item, faults, seen) for item in node.value]
    if node.tag == TIME_TAG:
        return node.value
    try:
        return yaml.SafeLoader("").construct_object(node)
    except ValueError as error:
        raise yaml.YAMLError(str(error)) from error


def _at(node: yaml.Node, location: Sequence[int | str], on_key: bool) -> yaml.Node:
    """The deepest node that a validation error's location leads to."""
    for position, part in enumerate(location):
        found: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    last = position == len(location) - 1
                    found = key if on_key and last else value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = node.value[part]
        if found is None:
            continue  # a step of the model that is not in the file, such as the arm of a union
        node = found
    return node


def _fault(path: Path, node: yaml.Node, message: str) -> Fault:
    mark = node.start_mark
    return Fault(path=path, line=mark.line + 1, column=mark.column + 1, message=message)
