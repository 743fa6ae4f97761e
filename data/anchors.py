"""What other services publish about the success of their warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).resolve().parent / "reference" / "verification_anchors.yaml"
Words = Mapping[str, str]  # by language


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published number; `measure` is that of its publisher."""

    system: Words
    measure: Words
    value: str
    period: str
    source: str
    note: Words


@lru_cache(maxsize=1)
def published() -> tuple[Published, ...]:
    """All of them, those of one service and measure together."""
    found: list[Mapping[str, Any]] = yaml.safe_load(PATH.read_text(encoding="utf-8"))["anchors"]
    return tuple(
        Published(
            system=group["system"], measure=group["measure"], value=one["value"], period=one["period"],
            source=one["source"], note=one.get("note", {}),
        )
        for group in found
        for one in group["values"]
    )  # fmt: skip
