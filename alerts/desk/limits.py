"""How long warnings last: by the rule that proposed them, else by their hazard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, field_validator

from alerts.rule import DurationPolicy
from data.clock import parse_duration

TABLE = Path(__file__).resolve().parent / "limits.yaml"


class Limits(BaseModel):
    """Durations of one hazard."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    default: timedelta
    hard: timedelta
    reminders: tuple[timedelta, ...] = ()  # before the end

    @field_validator("default", "hard", mode="before")
    @classmethod
    def _length(cls, value: object) -> object:
        return parse_duration(value) if isinstance(value, str) else value

    @field_validator("reminders", mode="before")
    @classmethod
    def _lengths(cls, value: object) -> object:
        return [parse_duration(one) for one in value] if isinstance(value, list) else value


class Table(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    default: Limits
    hazards: dict[str, Limits]


@lru_cache(maxsize=1)
def table() -> Table:
    """The durations that ship with the system."""
    return Table.model_validate(yaml.safe_load(TABLE.read_text(encoding="utf-8")))


def limits_of(hazard: str, policy: DurationPolicy | None = None) -> Limits:
    """The durations of a rule, else of a hazard, else those of any."""
    if policy is None:
        return table().hazards.get(hazard, table().default)
    return Limits(
        default=timedelta(seconds=policy.default),
        hard=timedelta(seconds=policy.hard_limit),
        reminders=tuple(timedelta(seconds=one) for one in policy.reminders),
    )


@dataclass(frozen=True)
class Reminder:
    """How soon a warning ends, and which of its reminders has come."""

    left: timedelta
    due: timedelta | None


def reminder(hazard: str, expires_at: datetime, now: datetime) -> Reminder:
    """Which reminder of a warning in force is due; the shortest of those that have come."""
    left = expires_at - now
    return Reminder(left, min((one for one in limits_of(hazard).reminders if left <= one), default=None))
