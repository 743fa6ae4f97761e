"""`recipients import|list` and `resume`: who is to hear of what, and letting go what is held."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from alerts.hold import resume
from alerts.recipients import read_groups
from alerts.recipients_file import Taken, take_groups, take_recipients
from data.clock import iso
from data.errors import ConfigError
from data.regions import RegionIndex
from data.store.engine import Store
from data.store.tables import recipient

Audit = Callable[..., int]  # `access.audit.append`: this folder knows no people


def add_arguments(actions: Any) -> None:
    """The words of `recipients`."""
    taking = actions.add_parser("import", help="take over a CSV list; what is wrong is named by line")
    taking.add_argument("file", type=Path)
    taking.add_argument("--groups", action="store_true", help="a list of groups, not of recipients")
    listed = actions.add_parser("list", help="groups, how many addresses by channel, and those that fail")
    for one in (taking, listed):
        one.add_argument("--json", action="store_true")


def add_resume(command: argparse.ArgumentParser) -> None:
    """The words of `resume`."""
    command.add_argument("--by", default=getpass.getuser(), help="who decides it, default the account")
    command.add_argument("--discard", action="store_true", help="what waits is never sent")
    command.add_argument("--json", action="store_true")


def recipients_main(
    store: Store, options: argparse.Namespace, *, index: RegionIndex, now: datetime, audit: Audit
) -> int:
    """Carry out `recipients`; 0 only where no line was rejected."""
    if options.action == "list":
        found = listing(store)
        for row in found:
            if not options.json:
                print(f"{row['name']}: {', '.join(f'{n} {key}' for key, n in row['channels'].items()) or 'nobody'}")
                for one in row["failing"]:
                    print(f"  fails since {one['since']}: {one['channel']} {one['address']}: {one['reason']}")
        if options.json:
            print(json.dumps(found, ensure_ascii=False, indent=1))
        return 0
    try:
        body = options.file.read_bytes()
    except OSError as error:
        raise ConfigError([f"{options.file}: {error.strerror}"]) from error
    with store.write() as connection:
        taken = take_groups(connection, body, index) if options.groups else take_recipients(connection, body)
        audit(
            connection, at=now, actor=getpass.getuser(), action="recipients import", object=options.file.name,
            detail={"added": taken.added, "changed": taken.changed, "rejected": len(taken.rejected)},
        )  # fmt: skip
    _print(taken, options.json)
    return 1 if taken.rejected else 0


def resume_main(store: Store, options: argparse.Namespace, *, now: datetime, audit: Audit) -> int:
    """Let go what is held, or discard it; the decision is in the audit chain."""
    with store.write() as connection:
        done = resume(connection, by=options.by, now=now, discard=options.discard)
        audit(connection, at=now, actor=options.by, action="deliveries resume", object="deliveries", detail=done)
    print(json.dumps(done) if options.json else ", ".join(f"{name}: {number}" for name, number in done.items()))
    return 0


def listing(store: Store) -> list[dict[str, Any]]:
    """Groups with what they hear of, and their addresses by channel."""
    number = sa.func.count().label("number")
    with store.read() as connection:
        groups = read_groups(connection)
        query = sa.select(recipient.c.group_id, recipient.c.channel, number).where(recipient.c.active)
        counts = connection.execute(query.group_by(recipient.c.group_id, recipient.c.channel)).all()
        wrong = connection.execute(
            sa.select(recipient).where(recipient.c.active, recipient.c.failed_at.is_not(None))
        ).all()
    return [
        {
            "name": group.name, "statuses": group.statuses, "regions": group.regions, "hazards": group.hazards,
            "least_level": group.least_level.key, "escalate_to": group.escalate_to, "enabled": group.enabled,
            "channels": {row.channel: row.number for row in counts if row.group_id == group.id},
            "failing": [
                {"channel": row.channel, "address": row.address, "since": iso(row.failed_at), "reason": row.reason}
                for row in wrong if row.group_id == group.id
            ],
        }
        for group in groups
    ]  # fmt: skip


def _print(taken: Taken, as_json: bool) -> None:
    if as_json:
        print(json.dumps(taken.as_json, ensure_ascii=False))
        return
    print(
        f"added {taken.added}, changed {taken.changed}, unchanged {taken.unchanged}, rejected {len(taken.rejected)}"
    )
    for one in taken.rejected:
        print(f"line {one['line']}: {one['reason']}", file=sys.stderr)
