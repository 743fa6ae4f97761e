"""Words, signs and links of the page of changes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from dash import dcc
from dash.development.base_component import Component

WORD = "changes"
KINDS = {"added": "Added", "changed": "Changed", "before": "Before the change", "removed": "Removed"}
SIGNS = {"added": "+", "changed": "◆", "before": "○", "removed": "−"}


def number(count: int | None, least: int) -> str:
    """A count as it is told."""
    return f"{count:,}" if count is not None else f"< {least}"


def address(dataset: str, versions: Sequence[int], **more: str | int) -> str:
    """The page of a comparison; `of` and `where` name records."""
    told = {name: str(value) for name, value in more.items() if value}
    asked = {"versions": f"{versions[0]}-{versions[1]}", **told}
    return f"/surveys/{dataset}/{WORD}?{urlencode(asked)}"


def counted(
    dataset: str, versions: Sequence[int], kind: str, count: int | None, least: int,
    where: Mapping[str, Sequence[str]],
) -> Component | str:  # fmt: skip
    """A number that leads to its records; none where there is no record."""
    said = number(count, least)
    if count == 0:
        return said
    written = json.dumps({name: list(words) for name, words in where.items()}, ensure_ascii=False) if where else ""
    return dcc.Link(said, href=f"{address(dataset, versions, of=kind, where=written)}#records")
