"""What may leave this home: the office's ways out, or in an exercise those that were set up for exercises."""

from __future__ import annotations

from dataclasses import dataclass

from data.settings import Settings
from data.ways_out import WaysOut, channel_and_address

EXERCISE_STATUSES = frozenset({"Exercise", "Test"})
CHANNELS = ("email", "webhook", "mqtt", "webpush", "folder", "hubs", "services")
ALL_STATUSES = EXERCISE_STATUSES | {"Actual"}


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """Channels, statuses of messages, and who hears of what is wrong, as (channel, address)."""

    ways: WaysOut
    statuses: frozenset[str]
    notices: tuple[tuple[str, str], ...]
    heartbeats: tuple[tuple[str, str], ...]


def allowed(settings: Settings, exercise: bool) -> Allowed:
    """The one place that decides it: an exercise never has a channel or an address of the office."""
    if exercise:  # what tells of the machine itself bears no mark: only messages that do may leave
        return Allowed(ways=settings.exercise_channels, statuses=EXERCISE_STATUSES, notices=(), heartbeats=())
    ways = settings.channels
    notices = [channel_and_address(entry) for entry in ways.notices]
    notices += [("webhook", address) for address in settings.webhooks]
    return Allowed(
        ways=ways,
        statuses=ALL_STATUSES,
        notices=tuple(dict.fromkeys(notices)),
        heartbeats=tuple(channel_and_address(entry) for entry in ways.heartbeats),
    )


def exercise_ways(settings: Settings) -> tuple[str, ...]:
    """The channels that were set up for exercises; without any nothing leaves one."""
    ways = settings.exercise_channels
    return tuple(name for name in CHANNELS if name in ways.model_fields_set and getattr(ways, name) is not None)
