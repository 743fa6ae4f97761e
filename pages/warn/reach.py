"""Whom a text would reach: channels and recipients, by the same groups that the queue will use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dash import html
from dash.development.base_component import Component

from alerts.cap.model import Alert
from alerts.channels.allowed import allowed
from alerts.desk.desk import reach
from alerts.desk.issued import Issued
from alerts.desk.read import DeskWarning, sent_in
from alerts.recipients import addressed, whom
from data.actor import codes_above
from data.store.exercise import scenario_of
from data.text import Translate
from pages._context import Context
from pages.warn.deliveries import CHANNELS

NOTHING_SAID = Alert(  # groups look at what a message is about, never at its words
    identifier="", sender="", sent_at=datetime(1970, 1, 1, tzinfo=UTC), status="", message_type="", scope=""
)


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How many addresses of each channel, and how many of them of a channel that is not switched on here."""

    channels: Mapping[str, int]
    closed: Mapping[str, int]

    @property
    def recipients(self) -> int:
        return sum(self.channels.values())


def reached(item: DeskWarning, context: Context) -> Reach:
    """Who would get this text if it were signed now."""
    now = context.clock()
    issued = Issued(
        id=item.id, chain=item.chain, approval_id=0, kind=item.kind, status=item.status, hazard=item.hazard,
        level=item.level, regions=reach(item.content), alert=NOTHING_SAID, signed=b"",
        signed_sha256="", sent_at=now, onset_at=item.onset_at, expires_at=item.expires_at or now,
    )  # fmt: skip
    above = codes_above(context.regions)
    with context.store.read() as connection:
        earlier = tuple(one.id for one in sent_in(connection, item.chain) if one.id != item.id)
        groups = addressed(connection, issued, set(item.content.groups), above)
        readers = whom(connection, replace(issued, earlier=earlier), groups, above)
    channels = Counter(channel for channel, _ in {(one.channel, one.address) for one in readers})
    there = switched_on(context)
    return Reach(channels=channels, closed={name: count for name, count in channels.items() if name not in there})


def switched_on(context: Context) -> frozenset[str]:
    """The channels that this home may use."""
    ways = allowed(context.settings, bool(scenario_of(context.clock))).ways
    known = {
        "webhook": True, "email": ways.email, "mqtt": ways.mqtt, "webpush": ways.webpush, "cap_push": ways.hubs,
        "folder": ways.folder, "service": ways.services,
    }  # fmt: skip
    return frozenset(name for name, way in known.items() if way)


def count_words(whom: Reach, t: Translate) -> str:
    """`2 channels, 412 recipients`."""
    channels, people = len(whom.channels), whom.recipients
    said = t("1 channel") if channels == 1 else t("{n} channels").format(n=channels)
    to = t("1 recipient") if people == 1 else t("{n} recipients").format(n=f"{people:,}")
    return t(", ").join((said, to))


def reach_list(whom: Reach, t: Translate) -> list[Component]:
    """Whom it reaches, and whom it cannot."""
    said = [html.P(reach_words(whom, t), className="warn-reach")]
    if whom.closed:
        names = t(", ").join(
            f"{t(CHANNELS.get(name, name))} {count:,}" for name, count in sorted(whom.closed.items())
        )
        words = t("Not switched on here, so these hear nothing: {names}").format(names=names)
        said.append(html.P(["⚠ ", words], className="bad"))
    return said


def reach_words(whom: Reach, t: Translate) -> str:
    """`412 recipients: E-mail 400 · MQTT 12; and the public feeds`."""
    if not whom.recipients:
        return t("Reaches the public page and feeds; no recipient is written to.")
    parts = " · ".join(f"{t(CHANNELS.get(name, name))} {count:,}" for name, count in sorted(whom.channels.items()))
    return t("Reaches {whom} ({parts}), and the public page and feeds.").format(
        whom=count_words(whom, t), parts=parts
    )
