"""The YAML text of one rule as the one truth: taken out of its pack, read for the form, changed where the form says.

A change of the form touches the characters of its own value; remarks, order and spelling of the rest stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from alerts.document import compose, plain
from alerts.faults import Fault
from alerts.pack import PackRule
from alerts.rule import Rule
from alerts.rule_version import rule_of
from data.errors import RuleError

Place = tuple[str, ...]
NUMBERS = ("trigger", "clear", "min_valid_share", "percentile", "above", "within_km", "max_depth_km")
LISTS = ("kinds", "within", "feeds")
LENGTHS = ("window", "ahead", "interval", "every", "max_age", "frozen_after", "for", "hold", "default", "hard_limit")
UNITS_S = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
WIDE = 10**9  # no line is broken
HEAD = "rules:\n"


def text_of(item: PackRule) -> str:
    """A rule's text as its file has it; written anew where a site has changed it or the file is not to be had."""
    try:
        found = _cut(item.path.read_text(encoding="utf-8"), item.rule.key) if item.base is None else ""
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        found = ""
    rule = rule_of(found)[0] if found else None
    return found if rule is not None and rule.digest == item.rule.digest else written(item.rule)


def _cut(text: str, key: str) -> str:
    """The lines of one rule of a pack, moved to the left; nothing where they cannot be cut out."""
    document = compose(text, Path("pack"), [])
    rules = _child(document, "rules")
    for node in rules.value if isinstance(rules, yaml.SequenceNode) and not rules.flow_style else ():
        value = _child(node, "key")
        if isinstance(node, yaml.MappingNode) and value is not None and value.value == key:
            lines = text.splitlines()[node.start_mark.line : _last_line(node) + 1]
            dash = node.start_mark.column - 2
            if dash < 0 or not lines[0][dash:].startswith("- "):
                return ""
            return HEAD + "".join(f"{line[dash:] if not line[:dash].strip() else line}\n" for line in lines)
    return ""


def written(rule: Rule) -> str:
    """A rule as text, with lengths of time as people write them."""
    body = _readable(rule.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    lines = yaml.dump({"rules": [body]}, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)
    return str(lines)


class _Dumper(yaml.SafeDumper):
    """Small mappings and lists on one line."""


def _mapping(dumper: yaml.SafeDumper, value: Mapping[str, Any]) -> yaml.Node:
    small = len(value) < 9 and not any(isinstance(part, dict) and len(part) > 3 for part in value.values())
    short = small and len(str(value)) < 110 and "key" not in value
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=short)


def _sequence(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.Node:
    flat = not any(isinstance(part, dict) for part in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=flat)


_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(list, _sequence)


def _readable(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _readable(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [_readable(part, "default" if name == "reminders" else name) for part in value]
    if name in LENGTHS and isinstance(value, float) and value > 0:
        return length(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def length(seconds: float) -> str:
    """A length of time in the largest unit that holds it whole: `36 h`, `2 d`."""
    unit_s, unit = next((one for one in UNITS_S if seconds % one[0] == 0), UNITS_S[-1])
    return f"{seconds / unit_s:g} {unit}"


def read(text: str) -> dict[str, Any]:
    """The first rule of a text as plain values, whatever faults it has.

    Raises
    ------
    RuleError
        Where the text is not YAML, or has no rule.
    """
    faults: list[Fault] = []
    document = compose(text, Path("rules.yaml"), faults)
    rules = _child(document, "rules")
    first = rules.value[0] if isinstance(rules, yaml.SequenceNode) and rules.value else None
    if not isinstance(first, yaml.MappingNode):
        raise RuleError(faults[0].message if faults else "there is no rule in this text")
    try:
        found = plain(Path("rules.yaml"), first, [], set())
    except yaml.YAMLError as error:
        raise RuleError(str(error)) from error
    return dict(found)


def put(text: str, place: Place, value: Any) -> str:
    """The text with another value at a place of its first rule; None takes the key away.

    Parameters
    ----------
    place
        Keys from the rule down; all but the last must be there, positions of lists as digits.

    Raises
    ------
    RuleError
        Where the text cannot be read, or the place is not in it.
    """
    read(text)
    document = yaml.compose(text, Loader=yaml.SafeLoader)
    node: yaml.Node | None = _child(document, "rules")
    for part in ("0", *place[:-1]):
        node = _child(node, part)
    if not isinstance(node, yaml.MappingNode):
        raise RuleError(f"there is no {'.'.join(place[:-1])} in the text")
    found = _child(node, place[-1])
    if found is None:
        return text if value is None else _insert(text, node, place[-1], value)
    if value is None:
        return _remove(text, node, place[-1])
    return text[: found.start_mark.index] + _flow(value) + text[_end(found) :]


def value_of(place: Place, typed: Any) -> Any:
    """What is written for what a person has typed into the form; nothing typed takes the key away."""
    if isinstance(typed, bool):
        return typed
    words = str(typed if typed is not None else "").strip()
    if place[-1] in LISTS:
        return [one.strip() for one in words.replace("，", ",").split(",") if one.strip()] or None
    if not words:
        return None
    if place[-1] in NUMBERS:
        try:
            found = float(words)
        except ValueError:
            return words  # the check says what is wrong with it
        return int(found) if found.is_integer() else found
    return words


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == key), None)
    if isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
        child: yaml.Node = node.value[int(key)]
        return child
    return None


def _end(node: yaml.Node) -> int:
    """Where a value's own characters end: a block's end mark stands at the next token, behind its remarks."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.index
    return end


def _last_line(node: yaml.Node) -> int:
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    block_scalar = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    line: int = node.end_mark.line
    return line - 1 if block_scalar else line


def _flow(value: Any) -> str:
    """A value as it is written on one line, also within braces."""
    lines: str = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, sort_keys=False, width=WIDE)
    return lines.strip()[1:-1]


def _insert(text: str, node: yaml.MappingNode, key: str, value: Any) -> str:
    pair = f"{key}: {_flow(value)}"
    if node.flow_style:
        brace = node.end_mark.index - 1
        head = text[:brace].rstrip()
        return f"{head}{' ' if head.endswith(',') else '' if head.endswith('{') else ', '}{pair}{text[brace:]}"
    last = _end(node)
    newline = text.find("\n", last) if text[last - 1] != "\n" else last - 1
    at = len(text) if newline < 0 else newline
    return f"{text[:at]}\n{' ' * node.start_mark.column}{pair}{text[at:]}"


def _remove(text: str, node: yaml.MappingNode, key: str) -> str:
    names = [name.value for name, _ in node.value]
    number = names.index(key)
    name, value = node.value[number]
    if node.flow_style:
        if number:
            return text[: _end(node.value[number - 1][1])] + text[_end(value) :]
        following = node.value[1][0].start_mark.index if len(names) > 1 else _end(value)
        return text[: name.start_mark.index] + text[following:]
    start = text.rfind("\n", 0, name.start_mark.index)
    if text[start + 1 : name.start_mark.index].strip():  # behind the dash of a list
        raise RuleError(f"{key} is the first of its block: change it in the text")
    end = _end(value)
    newline = end - 1 if text[end - 1] == "\n" else text.find("\n", end)
    return text[:start] + (text[newline:] if newline >= 0 else "")
