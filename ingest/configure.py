"""What every configured feed may say, and how it changes the manifest of its module."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, field_validator

from data.clock import parse_duration
from ingest.source import SourceSpec

SHORTEST, LONGEST = timedelta(seconds=5), timedelta(days=3660)

# What rules read of a gauge's `stages_m`: those of the United States, then those of China, each lowest first.
STAGES = ("action", "minor", "moderate", "major", "warning", "guarantee", "record")


def known_stages(value: dict[str, Any]) -> dict[str, Any]:
    """The same mapping; ValueError where a key is no stage, because a rule would never miss it."""
    unknown = sorted(set(value) - set(STAGES))
    if unknown:
        raise ValueError(f"stages are {', '.join(STAGES)}; not {', '.join(unknown)[:200]}")
    return value


Stages = Annotated[dict[str, FiniteFloat], AfterValidator(known_stages)]  # [m]


class Configuration(BaseModel):
    """The keys common to all feeds; a module with options of its own extends it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = ""
    key: str | None = Field(None, pattern=r"^[a-z][a-z0-9_-]{0,79}$")
    url: str | None = None
    title: str | None = Field(None, max_length=200)
    every: timedelta | None = None
    stale_after: timedelta | None = None
    enabled: bool = True
    max_bytes: int | None = Field(None, ge=1, le=4 << 30)

    @field_validator("every", "stale_after", mode="before")
    @classmethod
    def _duration(cls, value: Any) -> Any:
        return read_duration(value)


def read_duration(value: Any) -> Any:
    """A duration written as `90 s`, `5 min`, `1 h` or `2 d`; ValueError says how."""
    if value is None or isinstance(value, timedelta):
        return value
    length = parse_duration(str(value))
    if not SHORTEST <= length <= LONGEST:
        raise ValueError("from 5 s to ten years")
    return length


def configured_spec(spec: SourceSpec, config: Configuration) -> SourceSpec:
    """The manifest with what the operator set."""
    given: dict[str, Any] = {
        "key": config.key,
        "url": config.url,
        "title": config.title,
        "every": config.every,
        "stale_after": config.stale_after,
        "max_bytes": config.max_bytes,
    }
    return replace(spec, **{name: value for name, value in given.items() if value is not None})
