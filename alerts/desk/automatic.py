"""What standing orders issue: right after an evaluation, in one transaction for each proposal, without anybody."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.cap.level import meaning
from alerts.desk.approve import Approved, put_out, try_to_sign
from alerts.desk.area import completed, names
from alerts.desk.content import LANGUAGES, Content
from alerts.desk.desk import Desk, one_at_a_time
from alerts.desk.fit import Prepared, refuse_unfit
from alerts.desk.frozen import freeze
from alerts.desk.issue import Approval
from alerts.desk.issued import Router
from alerts.desk.keep import begin
from alerts.desk.proposed import Proposed, proposed
from alerts.desk.read import DeskWarning
from alerts.desk.refusal import Refusal
from alerts.desk.signing import Signs
from alerts.desk.standing import Order, holding, order
from alerts.desk.suggest import Action, suggest
from data.errors import WarningError
from data.model import Level
from data.store.engine import Store
from data.store.tables import proposal, warning

log = logging.getLogger(__name__)
FRESH = timedelta(minutes=15)  # what is older when it is found, after an outage, is for people
ISSUES = ("new", "upgrade", "extend")  # what it may do; to lower and to end is for people


@dataclass(frozen=True, kw_only=True)
class Due:
    """A proposal that an order covers."""

    order: Order
    item: Proposed


def issue_standing(
    store: Store, desk: Desk, *, signer: Signs, router: Router, now: datetime, epoch: int | None = None
) -> list[Approved]:
    """Issue what standing orders cover of the open proposals. One that cannot be issued is left to people.

    Parameters
    ----------
    epoch : int, optional
        Leadership under which to write.
    """
    with store.read() as connection:
        due = _due(connection, desk, now)
    made = []
    for one in due:
        try:
            made.append(_issue(store, desk, one, signer, router, now, epoch))
        except WarningError as error:  # its proposal stays in the inbox, where people see it
            log.warning("standing order %s does not issue proposal %s: %s", one.order.id, one.item.id, error)
    return made


def _due(connection: Connection, desk: Desk, now: datetime) -> list[Due]:
    """What orders cover: fresh, made after they were signed, and never taken up by anybody."""
    found = []
    for one in holding(connection, now):
        assert one.second_at is not None
        taken = sa.exists().where(warning.c.proposal_id == proposal.c.id)
        query = sa.select(proposal.c.id).where(
            proposal.c.state == "open", proposal.c.rule == one.rule, proposal.c.digest == one.digest,
            proposal.c.level >= int(one.least_level), ~taken,
            proposal.c.created_at >= max(one.starts_at, one.second_at, now - FRESH),
        )  # fmt: skip
        ids = connection.scalars(query.order_by(proposal.c.level.desc(), proposal.c.id)).all()
        found += [Due(order=one, item=proposed(connection, id, desk.index)) for id in ids]
    return found


def _issue(
    store: Store, desk: Desk, due: Due, signer: Signs, router: Router, now: datetime, epoch: int | None
) -> Approved:
    """The same steps as by hand: drafted, approved, signed, issued; all of it or nothing."""
    status = due.order.content.status
    with store.read() as connection:
        action = suggest(connection, desk.index, due.item, now, status=status)  # type: ignore[arg-type]
    content = _content(desk, due, action, now)
    with store.write(epoch=epoch) as connection:
        one_at_a_time(connection)
        standing = order(connection, due.order.id, lock=True)
        if not standing.holds(now) or standing.content_sha256 != due.order.content_sha256:
            raise Refusal("The standing order is over.")
        item = _draft(connection, desk, due, action, content, now)
        ready = refuse_unfit(connection, desk.office, item, now)
        signed, why = try_to_sign(signer, ready, now)  # under the lock: nobody could look twice
        return put_out(connection, desk, item, ready, _approval(due, item, ready), signed, why, router, now)


def _content(desk: Desk, due: Due, action: Action, now: datetime) -> Content:
    """What the order says of this proposal; Refusal where it is not the order's to say."""
    text, level = due.order.content, due.item.level
    if action.action not in ISSUES:
        raise Refusal("A standing order does not do this: {action}.", action=action.action)
    if level > Level.of(text.highest) or len(action.regions) > text.most_regions:
        raise Refusal("The proposal is beyond what the standing order allows.")
    if text.within and not _inside(desk, action.regions, text.within):
        raise Refusal("The proposal is beyond what the standing order allows.")
    means = meaning(level, due.item.hazard)
    area = {language: names(action.regions, desk.index, language) for language in LANGUAGES}
    plain = Content(
        hazard=due.item.hazard, level=level.key, status=text.status, regions=action.regions,  # type: ignore[arg-type]
        texts=text.words(level, area, due.item.why), severity=means.severity, urgency=means.urgency,
        certainty="Observed" if due.item.rule and due.item.rule.branch == "observed" else means.certainty,
        response_types=text.response_types, expires_at=now + text.lasts, contact=desk.office.contact,  # type: ignore[arg-type]
        web=desk.office.public_url, groups=text.groups, note=text.note,
    )  # fmt: skip
    return completed(plain, desk.index, quick=True)


def _inside(desk: Desk, regions: Sequence[str], within: Sequence[str]) -> bool:
    held = {rid for code in within if (rid := desk.index.by_code(code)) is not None}
    rids = [desk.index.by_code(code) for code in regions]
    return all(rid is not None and held.intersection(desk.index.chain(rid)) for rid in rids)


def _draft(
    connection: Connection, desk: Desk, due: Due, action: Action, content: Content, now: datetime
) -> DeskWarning:
    still = sa.select(proposal.c.state).where(proposal.c.id == due.item.id)
    taken = sa.select(warning.c.id).where(warning.c.proposal_id == due.item.id)
    if connection.scalar(still) != "open" or connection.scalar(taken) is not None:
        raise Refusal("This proposal is no longer open: newer readings have replaced it.")
    return begin(
        connection, content, kind=action.kind, by=due.order.first_by, now=now, chain=action.chain,
        proposal_id=due.item.id, rule=due.item.rule_key, digest=due.item.digest,
        frozen=freeze(connection, desk.index, content, now, chain=action.chain, action=action.action),
    )  # fmt: skip


def _approval(due: Due, item: DeskWarning, ready: Prepared) -> Approval:
    signed = due.order
    assert signed.second_by is not None and signed.second_at is not None
    record = {
        "warning": item.id, "identifier": ready.alert.identifier, "standing_order": signed.id, "rule": signed.rule,
        "rule_digest": signed.digest, "order_sha256": signed.content_sha256, "author": signed.first_by,
        "approver": signed.second_by, "signed_at": [signed.first_at.isoformat(), signed.second_at.isoformat()],
        "content_sha256": item.content_sha256, "body_sha256": ready.sha256,
    }  # fmt: skip
    return Approval(
        author=signed.first_by, approver=signed.second_by, method="standing-order", proved_at=signed.second_at,
        record=record, standing_order_id=signed.id,
    )  # fmt: skip
