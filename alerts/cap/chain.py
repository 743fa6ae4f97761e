"""Chains of messages: what an Update or Cancel must refer to, so that no older message stays in force by oversight.

A message that an Update has replaced is still referred to until it expires: whoever missed the Update may still show
it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from alerts.cap.model import Alert, Info, Reference
from data.errors import WarningError

_ROOT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_@-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ending:
    """What a Cancel says in one language."""

    headline: str
    description: str = ""
    instruction: str = ""


def identifier(root: str, sent_at: datetime, number: int) -> str:
    """A name that is used once: the office's root, the second of sending in UTC, and a number within it.

    Raises
    ------
    WarningError
        If the root holds what an identifier may not, or the number is below zero.
    """
    if _ROOT.fullmatch(root) is None or number < 0:
        raise WarningError(f"no root and number of an identifier: {root!r}, {number}")
    return f"{root}.{sent_at.astimezone(UTC):%Y%m%d%H%M%S}.{number}"


def live(chain: Sequence[Alert], now: datetime) -> tuple[Reference, ...]:
    """Messages of a chain that somebody may still show.

    Parameters
    ----------
    chain : sequence of Alert
        All that was sent about one thing, in any order.
    now : datetime

    Returns
    -------
    tuple of Reference
        Alerts and Updates that no Cancel names and that have not expired, the oldest first. One that does not say
        when it expires stays in force.
    """
    cancelled = {one for message in chain if message.message_type == "Cancel" for one in message.references}
    return tuple(
        message.reference
        for message in sorted(chain, key=lambda one: (one.sent_at, one.identifier))
        if message.message_type in ("Alert", "Update")
        and message.reference not in cancelled
        and not _over(message, now)
    )


def update(chain: Sequence[Alert], draft: Alert) -> Alert:
    """The draft as an Update that refers to every message in force.

    Raises
    ------
    WarningError
        If none is in force (a new Alert is needed), one is of another sender, or the draft is not later than all.
    """
    return replace(draft, message_type="Update", references=_referred(chain, draft.sender, draft.sent_at))


def cancel(
    chain: Sequence[Alert], *, identifier: str, sent_at: datetime, note: str, endings: Mapping[str, Ending]
) -> Alert:
    """The message that ends a chain.

    Parameters
    ----------
    chain : sequence of Alert
    identifier : str
    sent_at : datetime
    note : str
        Why it ends.
    endings : mapping
        Language of an info block -> what is said there.

    Raises
    ------
    WarningError
        As in `update`, or if a language of the last message is not among the endings.
    """
    last = max(
        (one for one in chain if one.message_type in ("Alert", "Update")), key=lambda one: one.sent_at, default=None
    )
    if last is None:
        raise WarningError("nothing to cancel")
    return replace(
        last,
        identifier=identifier,
        sent_at=sent_at,
        message_type="Cancel",
        note=note,
        references=_referred(chain, last.sender, sent_at),
        info=tuple(_ended(info, endings) for info in last.info),
    )


def _ended(info: Info, endings: Mapping[str, Ending]) -> Info:
    ending = endings.get(info.language)
    if ending is None:
        raise WarningError(f"no ending is written in {info.language}")
    return replace(
        info,
        response_type=("AllClear",),
        urgency="Past",
        effective_at=None,
        onset_at=None,
        headline=ending.headline,
        description=ending.description,
        instruction=ending.instruction,
        resource=(),
    )


def _referred(chain: Sequence[Alert], sender: str, sent_at: datetime) -> tuple[Reference, ...]:
    references = live(chain, sent_at)
    if not references:
        raise WarningError("no message of the chain is in force: a new Alert is needed")
    if others := sorted({one.sender for one in references} - {sender}):
        raise WarningError(f"messages of another sender cannot be changed: {', '.join(others)}")
    if latest := [one for one in chain if one.sent_at >= sent_at]:
        raise WarningError(f"a message of the chain was sent no earlier than this one: {latest[0].reference}")
    return references


def _over(message: Alert, now: datetime) -> bool:
    ends = [info.expires_at for info in message.info]
    return bool(ends) and all(end is not None and end <= now for end in ends)
