"""The first text of a message: what the rule, the templates and the tables know, with the rest marked as blank."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.cap.level import meaning
from alerts.desk.area import names
from alerts.desk.content import LANGUAGES, Content, Language, LevelKey, Words
from alerts.desk.desk import Desk
from alerts.desk.issued import Status
from alerts.desk.limits import limits_of
from alerts.desk.message import ended
from alerts.desk.proposed import Proposed
from alerts.desk.suggest import Action
from alerts.desk.template import response_types, words
from alerts.rule import Rule
from data.model import Level


def proposed_content(item: Proposed, action: Action, desk: Desk, now: datetime, *, status: Status) -> Content:
    """What a proposal would say as a message."""
    current = action.current.content if action.current is not None else None
    if action.kind == "cancel" and current is not None:
        return ending(current, desk, max(action.current.expires_at or now, now + timedelta(hours=1)), why=item.why)  # type: ignore[union-attr]
    level = item.level if item.level > Level.NONE else (current.rank if current is not None else Level.BLUE)
    return fresh(
        item.hazard, level, action.regions, desk, now, status=status, why=item.why, rule=item.rule,
        groups=current.groups if current is not None else (),
    )  # fmt: skip


def fresh(
    hazard: str,
    level: Level,
    regions: tuple[str, ...],
    desk: Desk,
    now: datetime,
    *,
    status: Status = "Actual",
    why: dict[Language, str] | None = None,
    rule: Rule | None = None,
    groups: tuple[str, ...] = (),
) -> Content:
    """A text for a hazard, a level and regions, from the templates and tables."""
    means, limits = meaning(level, hazard), limits_of(hazard, None if rule is None else rule.duration)
    key: LevelKey = level.key  # type: ignore[assignment]
    return Content(
        hazard=hazard, level=key, status=status, regions=regions, texts=texts(hazard, key, regions, desk, why),
        severity=means.severity, urgency=means.urgency, certainty=_certainty(means.certainty, rule),
        response_types=response_types(hazard, key), expires_at=now + limits.default, contact=desk.office.contact,
        web=desk.office.public_url, groups=groups,
    )  # type: ignore[arg-type]  # fmt: skip


def texts(
    hazard: str,
    level: LevelKey,
    regions: tuple[str, ...],
    desk: Desk,
    why: dict[Language, str] | None = None,
    *,
    over: bool = False,
) -> dict[Language, Words]:
    """The words in each language; `over` for those that end a warning."""
    reasons = why or {}
    return {
        language: words(
            hazard, level, language, area=names(regions, desk.index, language), why=reasons.get(language, ""),
            ending=over,
        )
        for language in LANGUAGES
    }  # fmt: skip


def ending(content: Content, desk: Desk, expires_at: datetime, *, why: dict[Language, str] | None = None) -> Content:
    """The text that ends a warning, in the languages it was given in and for the same area."""
    told = texts(content.hazard, content.level, content.regions, desk, why, over=True)
    kept = {
        language: told[language].model_copy(update={"event": before.event, "area": before.area})
        for language, before in content.texts.items()
    }
    return ended(content, expires_at).with_(texts=kept)


def _certainty(found: str, rule: Rule | None) -> str:
    """What a rule measured has been observed, whatever the table says of its level."""
    return "Observed" if rule is not None and rule.branch == "observed" else found
