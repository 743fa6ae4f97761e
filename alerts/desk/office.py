"""Who warns: the office's names and rules for its messages, from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from alerts.cap.message import Box
from alerts.cap.profile import Profile, profiles
from data.errors import ConfigError
from data.settings import Settings

UNSET = "tocsin@unset.invalid"  # good enough for exercises; an actual warning needs a sender of the office's own


@dataclass(frozen=True, kw_only=True)
class Office:
    """What every message of this office has in common."""

    sender: str
    sender_name: str
    identifier_root: str
    contact: str
    public_url: str
    zone: ZoneInfo
    jurisdiction: Box | None
    profiles: tuple[Profile, ...]
    sends_unsigned: bool  # whether a message goes out though it cannot be signed
    exercise: bool = False  # this home is for an exercise: nothing of it is ever an actual warning

    @property
    def named(self) -> bool:
        """Whether the operator has said who warns."""
        return self.sender != UNSET


def office_of(settings: Settings, *, exercise: bool = False) -> Office:
    """The office as it is set up; ConfigError for a profile that there is not."""
    known = profiles()
    if faults := [f"cap_profiles: no profile {name!r}" for name in settings.cap_profiles if name not in known]:
        raise ConfigError(faults)
    return Office(
        sender=settings.sender or UNSET,
        sender_name=settings.sender_name or settings.sender or UNSET,
        identifier_root=settings.identifier_root,
        contact=settings.contact,
        public_url=settings.public_url.rstrip("/"),
        zone=settings.zone,
        jurisdiction=settings.jurisdiction,
        profiles=tuple(known[name] for name in settings.cap_profiles),
        sends_unsigned=settings.signing_policy == "send-unsigned",
        exercise=exercise,
    )
