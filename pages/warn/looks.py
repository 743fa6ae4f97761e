"""What the desk knows of a text now: the message it would be, what is wrong with it, what it stands beside."""

from __future__ import annotations

from alerts.cap.model import Alert
from alerts.desk.desk import reach
from alerts.desk.fit import Prepared, Problem, limits_for, prepare, problems
from alerts.desk.frozen import recheck
from alerts.desk.limits import Limits
from alerts.desk.proposed import Proposed, proposed
from alerts.desk.read import DeskWarning, alerts_of, approval_of
from alerts.desk.refusal import Refusal
from alerts.desk.suggest import Action, leaves, overlapping, suggest
from data.text import Translate
from pages._context import Context
from pages._times import local
from pages.warn import service


def prepared(context: Context, item: DeskWarning) -> Prepared:
    """The message that would leave now, as the approval will build it.

    Raises
    ------
    WarningError
        If it cannot be written.
    """
    now = context.clock()
    with context.store.read() as connection:
        kind = recheck(connection, context.regions, item, now).kind
        return prepare(connection, service.office(context), item, now, kind=kind)


def message(context: Context, item: DeskWarning) -> Alert:
    """The message that was issued, or that this text would be now."""
    return alerts_of([item])[0] if item.signed is not None else prepared(context, item).alert


def problems_of(context: Context, item: DeskWarning) -> list[Problem]:
    """What is missing or wrong in a text, apart from the checklist of CAP."""
    now = context.clock()
    with context.store.read() as connection:
        limits = limits_for(connection, item)
    return problems(item.content, item.kind, service.office(context), now, limits)


def conflicts(context: Context, item: DeskWarning) -> list[DeskWarning]:
    """Other warnings of ours in force about the same hazard and some of the same land."""
    now, wanted = context.clock(), leaves(context.regions, reach(item.content))
    with context.store.read() as connection:
        near = overlapping(connection, context.regions, item.hazard, wanted, now, status=item.status)
    return [one for one in near if one.chain != item.chain]


def limits_of_item(context: Context, item: DeskWarning) -> Limits:
    """The durations that this message may have."""
    with context.store.read() as connection:
        return limits_for(connection, item)


def suggested(context: Context, number: int) -> Action | None:
    """What the desk suggests for a proposal; None for one that is gone."""
    status = "Exercise" if service.office(context).exercise else "Actual"
    found = proposal_of(context, number)
    if found is None:
        return None
    with context.store.read() as connection:
        return suggest(connection, context.regions, found, context.clock(), status=status)  # type: ignore[arg-type]


def proposal_of(context: Context, number: int) -> Proposed | None:
    """A proposal with its regions; None for one that is gone."""
    with context.store.read() as connection:
        try:
            return proposed(connection, number, context.regions)
        except Refusal:
            return None


def seen_digest(context: Context, item: DeskWarning) -> str:
    """What somebody who looks at the page now has seen of the changes around the text."""
    with context.store.read() as connection:
        return recheck(connection, context.regions, item, context.clock()).digest


def approval_words(context: Context, item: DeskWarning, t: Translate) -> str:
    """Who signed it, when, and how they proved who they are."""
    with context.store.read() as connection:
        row = approval_of(connection, item)
    if row is None:
        return ""
    return t("Written by {author}, signed by {approver} at {time} ({method}).").format(
        author=row.author, approver=row.approver, time=local(row.at, context.settings.zone, seconds=True),
        method=t(row.method),
    )  # fmt: skip
