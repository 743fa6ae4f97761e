"""A YAML document of rules as nodes, which know their lines, and as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from alerts.faults import Fault, fault_at

MAX_BYTES = 1_000_000
TIME_TAG = "tag:yaml.org,2002:timestamp"


def compose_file(path: Path, faults: list[Fault]) -> yaml.MappingNode | None:
    """The document of a file; None after a fault."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        faults.append(Fault(path=path, line=1, column=1, message=f"cannot be read: {error}"))
        return None
    return compose(text, path, faults)


def compose(text: str, path: Path, faults: list[Fault]) -> yaml.MappingNode | None:
    """The document of a text; None after a fault. `path` is what faults are told under."""
    try:
        if len(text) > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES} characters")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        faults.append(Fault(path=path, line=line, column=column, message=f"not YAML: {error.problem}"))
        return None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        faults.append(Fault(path=path, line=1, column=1, message=f"cannot be read: {error}"))
        return None
    if not isinstance(node, yaml.MappingNode):
        wanted = "a mapping with the key `rules` or `overrides` is wanted"
        faults.append(Fault(path=path, line=1, column=1, message=wanted))
        return None
    return node


def plain(path: Path, node: yaml.Node, faults: list[Fault], seen: set[int]) -> Any:
    """The value of a node. Repeated keys are faults, and so are aliases: a few lines can stand for gigabytes."""
    if id(node) in seen:
        raise yaml.YAMLError("anchors and aliases are not used in packs")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in result:
                faults.append(fault_at(path, key, f"{name} is given twice"))
            result[name] = plain(path, value, faults, seen)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [plain(path, item, faults, seen) for item in node.value]
    if node.tag == TIME_TAG:
        return node.value
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (ValueError, LookupError) as error:  # PyYAML looks `!!bool x` up in a table
        raise yaml.YAMLError(f"{node.value[:80]!r} is no value of {node.tag}") from error
