"""Who acts: a person as services see them, with what limits their roles and how freshly they proved who they are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from data.regions import RegionIndex

Method = Literal["password", "totp", "webauthn", "oidc"]
Above = Callable[[str], Collection[str]]

PROOF_HOLDS = timedelta(minutes=5)  # how long a proof of who somebody is lets them sign and change


@dataclass(frozen=True)
class Reauthentication:
    """A person proved who they are: when, by what, and whether two different things were needed."""

    at: datetime
    method: Method
    second_factor: bool


@dataclass(frozen=True)
class Actor:
    """A person who asks a service to do something.

    `roles` are those that stand in the present session; `regions` and `hazards` limit all of them, and empty means
    everywhere and all; `levels` and `sectors` limit which surveys they see. `proved` is the last proof of who it is,
    and None once that is older than `PROOF_HOLDS`.
    """

    id: int
    email: str
    name: str
    roles: frozenset[str]
    regions: tuple[str, ...] = ()
    hazards: tuple[str, ...] = ()
    proved: Reauthentication | None = None
    levels: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()

    def covers(self, regions: Iterable[str], hazard: str, above: Above) -> bool:
        """Whether this person's limits hold all of these regions and this hazard.

        Parameters
        ----------
        regions
            Codes of the area. None at all is an area that nobody can place: only who is limited to no region has it.
        above
            The code itself and those of the regions above it, as `codes_above` gives them.
        """
        if self.hazards and hazard not in self.hazards:
            return False
        asked = list(regions)
        if not self.regions:
            return True
        own = set(self.regions)
        return bool(asked) and all(own.intersection(above(code)) for code in asked)


def codes_above(index: RegionIndex) -> Above:
    """The function that gives a region's code and the codes above it; of an unknown code, nothing."""

    def above(code: str) -> Collection[str]:
        rid = index.by_code(code)
        return () if rid is None else [str(index.code[found]) for found in index.chain(rid)]

    return above
