"""What may leave this home: the office's ways out, or in an exercise those that were set up for exercises."""

from __future__ import annotations

from dataclasses import dataclass

from data.settings import Settings
from data.ways_out import WaysOut, channel_and_address

EXERCISE_STATUSES = frozenset({"Exercise", "Test"})
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
    ways = settings.exercise_channels if exercise else settings.channels
    notices = [channel_and_address(entry) for entry in ways.notices]
    if not exercise:
        notices += [("webhook", address) for address in settings.webhooks]
    return Allowed(
        ways=ways,
        statuses=EXERCISE_STATUSES if exercise else ALL_STATUSES,
        notices=tuple(dict.fromkeys(notices)),
        heartbeats=tuple(channel_and_address(entry) for entry in ways.heartbeats),
    )
