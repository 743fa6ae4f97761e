"""What a person confirms before a delivery is loaded: which of the provider's columns mean what, in which unit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from data.errors import ConfigError
from data.units import factor_offset

NAME = r"^[^\W\d]\w{0,39}$"
TAKEN = frozenset({"id", "geometry", "region", "key", "row", "code", "lon", "lat", "deleted"})
NumberKind = Literal["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"]


class Part(BaseModel):
    """A piece of a mapping; `why` is the reason of a guess, for whoever reads it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    why: str = ""


class OneColumn(Part):
    """A provider's column."""

    column: str = Field(min_length=1)


class Position(Part):
    """Columns with coordinates, where the file has no geometry of its own, and how either is written."""

    lon: str = ""
    lat: str = ""
    form: Literal["number", "degrees-minutes"] = "number"
    swapped: bool = False  # what is called longitude is latitude
    crs: str = ""  # instead of what the file says or does not say
    at_zero: Literal["refuse", "keep"] = "refuse"  # what to do with exactly 0, 0

    @field_validator("crs")
    @classmethod
    def _crs(cls, value: str) -> str:
        from ingest.survey_text import known_crs

        return known_crs(value) if value else value


class FacetColumn(OneColumn):
    """A column with few values, by which records are counted; `values` turns the provider's codes into words."""

    name: str = Field(pattern=NAME)
    values: Mapping[str, str] = Field(default_factory=dict)


class NumberColumn(OneColumn):
    """A column of numbers, turned from the provider's unit into ours."""

    name: str = Field(pattern=NAME)
    unit: str = ""
    to: str = ""
    kind: NumberKind = "f4"
    missing: tuple[float, ...] = ()  # numbers that stand for "no value"

    @model_validator(mode="after")
    def _units(self) -> NumberColumn:
        factor_offset(self.unit, self.to)
        return self

    @property
    def conversion(self) -> tuple[float, float]:
        """Factor and offset into our unit."""
        return factor_offset(self.unit, self.to)


class TextColumn(OneColumn):
    """A column of words, under our name."""

    name: str = Field(pattern=NAME)


class DeletedColumn(OneColumn):
    """A column that says of an amendment that the record is no more."""

    values: tuple[str, ...] = Field(min_length=1)


class LoadMapping(Part):
    """The whole mapping."""

    confirmed: str = ""  # who read it and says that it is right
    id: OneColumn | None = None
    region: OneColumn | None = None
    deleted: DeletedColumn | None = None
    position: Position = Position()
    facets: tuple[FacetColumn, ...] = ()
    columns: tuple[NumberColumn, ...] = ()
    texts: tuple[TextColumn, ...] = ()
    layers: tuple[str, ...] = ()  # those to load; all of them where none is named
    encoding: str = Field("", pattern=r"^[A-Za-z0-9_-]{0,20}$")
    inspect_first: bool = False  # a delivery is served only after it has passed inspection

    @model_validator(mode="after")
    def _names(self) -> LoadMapping:
        names = self._ours
        twice = sorted({name for name in names if names.count(name) > 1 or name in TAKEN})
        if twice:
            raise ValueError(f"names that are taken: {', '.join(twice)}")
        return self

    @property
    def _ours(self) -> list[str]:
        named: tuple[FacetColumn | NumberColumn | TextColumn, ...] = (*self.facets, *self.columns, *self.texts)
        return [one.name for one in named]

    @property
    def digest(self) -> str:
        """Of what it does: who confirmed it and why it says so does not matter."""
        return hashlib.sha256(repr(_bare(self.model_dump())).encode()).hexdigest()

    @property
    def derived(self) -> tuple[str, ...]:
        """Names of the columns that it makes."""
        named = [name for name, part in (("region", self.region), ("deleted", self.deleted)) if part]
        return ("id", *named, *self._ours, "geometry")


def _bare(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _bare(inner) for key, inner in value.items() if key not in ("why", "confirmed")}
    return [_bare(inner) for inner in value] if isinstance(value, list | tuple) else value


def read_mapping(path: Path) -> LoadMapping:
    """A mapping from YAML.

    Raises
    ------
    ConfigError
        With everything that is wrong with it.
    """
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError([f"{path}: {error}"]) from error
    return mapping_from(written, str(path))


def mapping_from(written: Any, named: str) -> LoadMapping:
    """A mapping from what YAML or the catalogue holds; ConfigError as `read_mapping`."""
    try:
        return LoadMapping.model_validate(written or {})
    except ValidationError as error:
        faults = [f"{named}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise ConfigError(faults) from error


def write_mapping(mapping: LoadMapping) -> str:
    """A mapping as YAML for a person to read, without what it does not use."""
    plain = mapping.model_dump(mode="json", exclude_defaults=True)
    head = "# Read each line, correct what is wrong, and write your name behind `confirmed`.\n"
    return head + yaml.safe_dump({"confirmed": "", **plain}, allow_unicode=True, sort_keys=False, width=110)
