"""The delivery ledger is the queue: rows claimed by lease, marked only after the provider accepted.

A row goes `pending -> leased -> sent`, and back to `pending` for another attempt. It ends as `failed`, `expired`
(its message is over) or `superseded` (a later message took its place). What was approved is what is sent: the bytes
are hashed when they are queued, and compared with the approval each time they are about to leave.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.channels.channel import Channel, Outgoing
from alerts.hold import waits
from alerts.vouch import Vouched, read_vouched, refusal
from data.errors import DeliveryError
from data.model import Level
from data.store.engine import Store
from data.store.tables import UtcTime, delivery, delivery_attempt, outgoing, recipient, warning

LEASE = timedelta(seconds=60)
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 300.0
NOTIFY = "tocsin_delivery"  # the PostgreSQL channel that wakes dispatch
Jitter = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Queued:
    """One message to one recipient, before it is a row."""

    key: str
    channel: str
    recipient: str
    body: bytes
    form: str
    next_at: datetime
    notice_id: int | None = None
    warning_id: int | None = None
    approval_id: int | None = None
    group: str = ""
    locale: str = ""
    priority: int = 0
    expires_at: datetime | None = None
    note: str = ""  # why it waits, where it does


@dataclass(frozen=True, kw_only=True)
class Task:
    """A row that this worker has leased, with what it is to send; `refused` says why it must not be sent."""

    id: int
    channel: str
    attempts: int
    message: Outgoing
    token_sha256: str = ""
    refused: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one attempt."""

    task: Task
    state: str
    at: datetime
    next_at: datetime | None = None
    receipt: str = ""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Links:
    """The addresses that acknowledge: made of the key, so that each attempt carries the same."""

    secret: bytes = b""
    base: str = ""

    def of(self, key: str) -> str:
        """The address, or "" where the office has no public page."""
        return f"{self.base.rstrip('/')}/ack/{self.token(key)}" if self.base and self.secret else ""

    def token(self, key: str) -> str:
        return hashlib.blake2b(key.encode(), key=self.secret[:64], digest_size=24).hexdigest()


NO_LINKS = Links()


def put(connection: Connection, rows: Sequence[Queued], *, now: datetime) -> int:
    """Insert rows in the caller's transaction and wake dispatch; one already there stays. How many are new."""
    fresh: dict[str, Queued] = {}
    for row in sorted(rows, key=lambda row: row.next_at):  # where two groups hold an address, the one that is awake
        fresh.setdefault(row.key, row)
    for some in _slices(list(fresh)):
        known = connection.execute(sa.select(delivery.c.key).where(delivery.c.key.in_(some))).scalars()
        for key in list(known):
            del fresh[key]
    if not fresh:
        return 0
    digests = {body: hashlib.sha256(body).hexdigest() for body in {row.body for row in fresh.values()}}
    _keep_bodies(connection, fresh.values(), digests, now)
    connection.execute(delivery.insert(), [_values(row, digests[row.body], now) for row in fresh.values()])
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_notify(NOTIFY, "")))
    return len(fresh)


def _keep_bodies(connection: Connection, rows: Any, digests: Mapping[bytes, str], now: datetime) -> None:
    forms = {digests[row.body]: (row.form, row.locale, row.body) for row in rows}
    known = connection.execute(sa.select(outgoing.c.sha256).where(outgoing.c.sha256.in_(list(forms)))).scalars()
    for digest in list(known):
        del forms[digest]
    if forms:
        values = [
            {"sha256": digest, "form": form, "locale": locale, "body": body, "created_at": now}
            for digest, (form, locale, body) in forms.items()
        ]
        connection.execute(outgoing.insert(), values)


def _values(row: Queued, digest: str, now: datetime) -> dict[str, Any]:
    return {
        "key": row.key, "notice_id": row.notice_id, "warning_id": row.warning_id, "approval_id": row.approval_id,
        "channel": row.channel, "recipient": row.recipient, "recipient_group": row.group, "locale": row.locale,
        "payload_sha256": digest, "state": "pending", "priority": row.priority, "next_at": row.next_at,
        "expires_at": row.expires_at, "error": row.note, "created_at": now,
    }  # fmt: skip


def claim(
    store: Store,
    worker: str,
    limit: int,
    *,
    now: datetime,
    channel: str | None = None,
    links: Links = NO_LINKS,
    lease: timedelta = LEASE,
) -> list[Task]:
    """Lease rows that are due, and rows whose lease has run out because their worker died; the gravest first."""
    with store.write() as connection:
        query = sa.select(delivery).where(*_due(connection, now))
        if channel is not None:
            query = query.where(delivery.c.channel == channel)
        query = query.order_by(delivery.c.priority.desc(), delivery.c.next_at, delivery.c.id).limit(limit)
        if connection.dialect.name == "postgresql":
            query = query.with_for_update(skip_locked=True, of=delivery)
        rows = connection.execute(query).all()
        if not rows:
            return []
        connection.execute(
            delivery.update()
            .where(delivery.c.id.in_([row.id for row in rows]))
            .values(state="leased", lease_by=worker, lease_until=now + lease, attempts=delivery.c.attempts + 1)
        )
        vouched = read_vouched(connection, rows)
    return [_task(row, vouched, links) for row in rows]


def due_channels(store: Store, *, now: datetime) -> set[str]:
    """The channels that have something to send."""
    with store.read() as connection:
        query = sa.select(delivery.c.channel).where(*_due(connection, now)).distinct()
        return set(connection.execute(query).scalars())


def attempt(channel: Channel | None, task: Task, *, now: datetime, jitter: Jitter = random.random) -> Outcome:
    """Send what was claimed and say what came of it."""
    message = task.message
    if task.refused:
        return Outcome(task=task, state="failed", at=now, error=task.refused)
    if message.expires_at is not None and message.expires_at <= now:
        return Outcome(task=task, state="expired", at=now, error="over before it could be sent")
    if channel is None:
        return Outcome(task=task, state="failed", at=now, error=f"no such channel: {task.channel}")
    try:
        receipt = channel.send(message, now=now)
    except DeliveryError as error:
        if not error.retry:
            return Outcome(task=task, state="failed", at=now, error=str(error))
        wait_s = min(FIRST_WAIT_S * 2.0 ** min(task.attempts, 20), LONGEST_WAIT_S) * (0.75 + jitter() / 2)
        later = now + timedelta(seconds=wait_s)
        return Outcome(task=task, state="pending", at=now, next_at=later, error=str(error))
    return Outcome(task=task, state="sent", at=now, receipt=receipt)


def finish(store: Store, worker: str, outcomes: Sequence[Outcome]) -> None:
    """Write what came of attempts, in one transaction; a row that another worker has taken over keeps its state."""
    bound = sa.bindparam
    change = (
        delivery.update()
        .where(delivery.c.id == bound("row"), delivery.c.lease_by == bound("worker"), delivery.c.state == "leased")
        .values(
            state=bound("to"), next_at=sa.func.coalesce(bound("later", type_=UtcTime()), delivery.c.next_at),
            sent_at=bound("sent"), receipt=bound("said"), error=bound("why"),
            token_sha256=bound("token"), lease_by="", lease_until=None,
        )
    )  # fmt: skip
    with store.write() as connection:
        connection.execute(change, [_change(outcome, worker) for outcome in outcomes])
        connection.execute(delivery_attempt.insert(), [_attempt_row(outcome) for outcome in outcomes])
        _mark_readers(connection, outcomes)


def _mark_readers(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """Note at a recipient that its address fails for good, until something arrives there again."""
    column = recipient.c
    marked = sa.select(column.channel, column.address).where(column.failed_at.is_not(None))
    failing = {(row.channel, row.address) for row in connection.execute(marked)}
    for outcome in outcomes:
        channel, address = outcome.task.channel, outcome.task.message.recipient
        this = sa.and_(column.channel == channel, column.address == address)
        if outcome.state == "failed" and not outcome.task.refused:
            connection.execute(recipient.update().where(this).values(failed_at=outcome.at, reason=outcome.error))
        elif outcome.state == "sent" and (channel, address) in failing:
            connection.execute(recipient.update().where(this).values(failed_at=None, reason=""))


def work(
    store: Store,
    channels: Mapping[str, Channel],
    worker: str,
    *,
    now: datetime,
    limit: int = 25,
    links: Links = NO_LINKS,
) -> int:
    """Claim and send what is due, one after the other. Returns how many attempts were made."""
    sweep(store, now=now)
    tasks = claim(store, worker, limit, now=now, links=links)
    for task in tasks:
        finish(store, worker, [attempt(channels.get(task.channel), task, now=now)])
    return len(tasks)


def sweep(store: Store, *, now: datetime) -> int:
    """End rows whose message is over, or whose place a later message took. Returns how many."""
    with store.read() as connection:
        if connection.execute(sa.select(sa.literal(1)).where(sa.exists().where(_over(now)))).first() is None:
            return 0
    replaced = delivery.c.warning_id.in_(_replaced())
    state = sa.case((replaced, "superseded"), else_="expired")
    error = sa.case((delivery.c.error == "", "over before it could be sent"), else_=delivery.c.error)
    with store.write() as connection:
        change = delivery.update().where(_over(now)).values(state=state, error=error, lease_by="", lease_until=None)
        return int(connection.execute(change).rowcount)


def release(store: Store, workers: Callable[[str], bool], *, now: datetime) -> int:
    """Give back the leases of workers that are known to be dead. Returns how many rows."""
    leased = delivery.c.state == "leased"
    with store.write() as connection:
        found = connection.execute(sa.select(delivery.c.lease_by).where(leased).distinct()).scalars()
        dead = [worker for worker in found if workers(worker)]
        if not dead:
            return 0
        change = delivery.update().where(leased, delivery.c.lease_by.in_(dead))
        return int(connection.execute(change.values(state="pending", lease_by="", lease_until=None)).rowcount)


def _due(connection: Connection, now: datetime) -> list[sa.ColumnElement[bool]]:
    ready = sa.or_(
        sa.and_(delivery.c.state == "pending", delivery.c.next_at <= now),
        sa.and_(delivery.c.state == "leased", delivery.c.lease_until <= now),
    )
    lasting = sa.or_(delivery.c.expires_at.is_(None), delivery.c.expires_at > now)
    fresh = sa.or_(delivery.c.warning_id.is_(None), delivery.c.warning_id.not_in(_replaced()))
    return [ready, lasting, fresh, *waits(connection)]


def _over(now: datetime) -> sa.ColumnElement[bool]:
    """Rows that wait, or that a dead worker held, and must not be sent any more."""
    idle = sa.or_(delivery.c.state == "pending", sa.and_(delivery.c.state == "leased", delivery.c.lease_until <= now))
    return sa.and_(idle, sa.or_(delivery.c.expires_at <= now, delivery.c.warning_id.in_(_replaced())))


def _replaced() -> Any:
    return sa.select(warning.c.id).where(warning.c.replaced_by.is_not(None))


def _task(row: sa.Row[Any], vouched: Vouched, links: Links) -> Task:
    body, form = vouched.bodies.get(row.payload_sha256, (b"", ""))
    about = vouched.warnings.get(row.warning_id)
    link = links.of(row.key) if about is not None else ""
    message = Outgoing(
        key=row.key,
        recipient=row.recipient,
        body=body,
        form=form,
        about=about.identifier if about is not None else "",
        chain=str(about.chain or about.id) if about is not None else "",
        status=about.status if about is not None else "Actual",
        level=Level(about.level) if about is not None else Level.NONE,
        sent_at=about.sent_at if about is not None else row.created_at,
        expires_at=row.expires_at,
        acknowledge=link,
    )
    token = hashlib.sha256(links.token(row.key).encode()).hexdigest() if link else ""
    return Task(
        id=row.id, channel=row.channel, attempts=row.attempts, message=message, token_sha256=token,
        refused=refusal(row, vouched),
    )  # fmt: skip


def _change(outcome: Outcome, worker: str) -> dict[str, Any]:
    sent = outcome.at if outcome.state == "sent" else None
    return {
        "row": outcome.task.id, "worker": worker, "to": outcome.state, "later": outcome.next_at, "sent": sent,
        "said": outcome.receipt, "why": outcome.error, "token": outcome.task.token_sha256,
    }  # fmt: skip


def _attempt_row(outcome: Outcome) -> dict[str, Any]:
    word = "retry" if outcome.state == "pending" else outcome.state
    return {
        "delivery_id": outcome.task.id, "at": outcome.at, "outcome": word, "receipt": outcome.receipt,
        "error": outcome.error,
    }  # fmt: skip


def _slices(keys: Sequence[str], size: int = 500) -> list[Sequence[str]]:
    return [keys[start : start + size] for start in range(0, len(keys), size)]
