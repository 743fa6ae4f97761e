"""What each class of data gives without asking, and what may be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from access.matrix import STAFF
from data.permit import PUBLIC, UNKNOWN

Allows = Literal["counts", "records", "export"]
LADDER: tuple[Allows, ...] = get_args(Allows)
KEEPERS = frozenset({"planner", "admin"})  # those who build stores and plan with them


@dataclass(frozen=True)
class Terms:
    """`free` goes to `for_roles` unasked; counts below `least` are told to nobody who may not see records."""

    free: Allows | None
    for_roles: frozenset[str]
    least: int
    why: str


CLASSES: Mapping[str, Terms] = {
    PUBLIC: Terms("export", STAFF, 1, ""),
    "shared": Terms("counts", STAFF, 5, "Single records of this dataset are shared by agreement: ask for them."),
    "restricted": Terms("counts", KEEPERS, 10, "This dataset is restricted: ask for it."),
    "secret": Terms(None, frozenset(), 20, "This dataset is secret: it is seen with a grant only."),
    UNKNOWN: Terms("records", KEEPERS, 10, "This store has no class in the catalogue: it is kept as restricted."),
}
