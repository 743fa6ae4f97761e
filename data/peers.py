"""Other Tocsins that this one exchanges deliveries with: one mapping in the settings, and nobody without it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from data.clock import parse_duration

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Dataset = Annotated[str, StringConstraints(pattern=r"^[\w-]{1,80}$")]
Agreement = Annotated[str, StringConstraints(min_length=3, max_length=200, strip_whitespace=True)]

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=7)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Peer(_Part):
    """Another Tocsin.

    Parameters
    ----------
    url : str
        Where it is reached; "" for one that only comes to us.
    key : str
        Its public key, as `exchange key` prints it there; compare it by telephone.
    unit : str
        Code of the region whose office it is; its deliveries are entered under it.
    send : tuple of str
        Datasets that it may have from us.
    receive : mapping
        Datasets that we take from it, by their names there, to their names here; a list keeps the names.
    agreements : mapping
        By dataset as it is called at the sender: the agreement under which a restricted one may leave or come.
    expects : mapping
        By dataset as it is called here: the day until which we expect a delivery.
    largest_gb : float
        What one delivery may hold at most [1e9 bytes].
    every : timedelta, optional
        How often it is visited by itself, written as `30 min`: what is to be sent is pushed, and what is taken is
        fetched. Without it only commands do so.
    """

    title: str = Field(default="", max_length=120)
    url: Annotated[str, StringConstraints(pattern=r"^(https?://[^\s/@?#]+(/[^\s?#]*)?)?$")] = ""
    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{44}$")]
    unit: str = Field(default="", max_length=40)
    send: tuple[Dataset, ...] = ()
    receive: Mapping[Dataset, Dataset] = Field(default_factory=dict)
    agreements: Mapping[Dataset, Agreement] = Field(default_factory=dict)
    expects: Mapping[Dataset, date] = Field(default_factory=dict)
    largest_gb: Annotated[float, Field(gt=0, le=20_000)] = 50.0
    every: Annotated[timedelta, Field(ge=SHORTEST, le=LONGEST)] | None = None

    @field_validator("every", mode="before")
    @classmethod
    def _duration(cls, written: Any) -> Any:
        return parse_duration(written) if isinstance(written, str) else written

    @model_validator(mode="after")
    def _address(self) -> Self:
        if self.every is not None and not self.url:
            raise ValueError("every: a peer without url comes to us and is not visited")
        return self

    @field_validator("receive", mode="before")
    @classmethod
    def _same_names(cls, written: Any) -> Any:
        return {one: one for one in written} if isinstance(written, list | tuple) else written


class Exchange(_Part):
    """Everybody with whom deliveries are exchanged."""

    peers: Mapping[Name, Peer] = Field(default_factory=dict)


def read_exchange(written: Any, faults: list[str]) -> Exchange:
    """The mapping of a settings file; what is wrong with it goes to `faults`."""
    try:
        return Exchange.model_validate({} if written is None else written)
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            place = ".".join(str(part) for part in ("exchange", *fault["loc"]))
            faults.append(f"{place}: {fault['msg']}")
        return Exchange()
