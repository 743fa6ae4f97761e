"""What is wrong in a rule file, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

Place = tuple[int | str, ...]  # keys and positions from a rule's mapping down


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing wrong in a file; lines and columns start at 1."""

    path: Path
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}"


def fault_at(path: Path, node: yaml.Node, message: str) -> Fault:
    """A fault where a node begins."""
    mark = node.start_mark
    return Fault(path=path, line=mark.line + 1, column=mark.column + 1, message=message)


def node_at(node: yaml.Node, place: Sequence[int | str], *, on_key: bool = False) -> yaml.Node:
    """The deepest node that a place leads to; its last key itself where that is wanted."""
    for position, part in enumerate(place):
        found: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    last = position == len(place) - 1
                    found = key if on_key and last else value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = node.value[part]
        if found is None:
            continue  # a step of the model that is not in the file, such as the arm of a union
        node = found
    return node
