"""Profiles of CAP: what an issuer's country or network asks for beyond the standard, as data in `profiles/`."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from data.errors import ConfigError

FOLDER = Path(__file__).resolve().parent / "profiles"


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a pattern: {error}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Demand(_Strict):
    """One thing that a profile asks for, and the rule of the checklist that speaks of it.

    `need` an element in each block it belongs to, `forbid` or `ignores` one, or `pair`: as many of these
    name-and-value elements as `least` and `most` say, whose name and value match.
    """

    rule: str = Field(pattern=r"^C\d\d$")
    weight: Literal["reject", "remark"] = "reject"
    need: str = ""
    forbid: str = ""
    ignores: str = ""
    pair: str = ""
    name: Pattern = ""
    value: Pattern = ""
    least: int = Field(0, ge=0)
    most: int = Field(1000, ge=1)
    types: tuple[str, ...] = ("Alert", "Update", "Cancel")  # msgType

    @model_validator(mode="after")
    def _one_thing(self) -> Demand:
        if sum(map(bool, (self.need, self.forbid, self.ignores, self.pair))) != 1:
            raise ValueError("one of need, forbid, ignores and pair")
        return self

    @property
    def path(self) -> str:
        """The element that it is about, from `alert` on."""
        return self.need or self.forbid or self.ignores or self.pair


class Profile(_Strict):
    """One profile; `marker` is what its `code` element matches, "" where it has none."""

    key: str
    title: str
    source: str
    verified: bool
    marker: Pattern = ""
    demands: tuple[Demand, ...] = ()


def names() -> tuple[str, ...]:
    """The keys of the profiles: the names of their files."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@lru_cache(maxsize=1)
def profiles() -> dict[str, Profile]:
    """Every profile by its key.

    Raises
    ------
    ConfigError
        If a file is no profile.
    """
    found, faults = {}, []
    for path in sorted(FOLDER.glob("*.yaml")):
        try:
            profile = Profile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (yaml.YAMLError, ValueError) as error:
            faults.append(f"{path.name}: {' '.join(str(error).split())}")
        else:
            found[profile.key] = profile
    if faults:
        raise ConfigError(faults)
    return found


def claimed(codes: tuple[str, ...]) -> tuple[Profile, ...]:
    """The profiles that a message says it keeps, by its `code` elements."""
    return tuple(
        one for one in profiles().values() if one.marker and any(re.fullmatch(one.marker, code) for code in codes)
    )
