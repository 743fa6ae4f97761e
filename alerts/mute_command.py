"""`mute add|list|end`: proposals held back for a time, from the command line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from alerts.mute import Mute, add_mute, end_mute, read_mutes
from alerts.pack import PackRule
from data.clock import iso, parse_duration, parse_time
from data.errors import ConfigError
from data.model import Level
from data.regions import RegionIndex
from data.store.engine import Store

Audit = Callable[..., int]  # `access.audit.append`: this folder knows no people


def add_arguments(actions: Any) -> None:
    """The words of the command line."""
    add = actions.add_parser("add", help="hold proposals back; always with an end, an owner and a reason")
    for name, text in (
        ("rule", "key of one rule"),
        ("hazard", "rules about this"),
        ("region", "code, with all below it"),
    ):
        add.add_argument(f"--{name}", default="", help=text)
    add.add_argument("--up-to", choices=("blue", "yellow", "orange", "red"), default="red")
    add.add_argument("--from", dest="begin", metavar="TIME", help="default now")
    end = add.add_mutually_exclusive_group(required=True)
    end.add_argument("--until", metavar="TIME")
    end.add_argument("--for", dest="length", metavar="DURATION", help="such as '2 h'")
    add.add_argument("--owner", required=True)
    add.add_argument("--reason", required=True)
    listed = actions.add_parser("list", help="mutes that hold now")
    listed.add_argument("--all", action="store_true", help="those that are over as well")
    over = actions.add_parser("end", help="end a mute early")
    over.add_argument("id", type=int)
    over.add_argument("--by", required=True)
    for one in (add, listed, over):
        one.add_argument("--json", action="store_true")


def mute_main(
    store: Store,
    options: argparse.Namespace,
    *,
    rules: Sequence[PackRule],
    index: RegionIndex,
    now: datetime,
    audit: Audit,
) -> int:
    """Carry out one command; what changes is in the audit chain, in the same transaction."""
    if options.action == "list":
        with store.read() as connection:
            found = read_mutes(connection, None if options.all else now)
        _print(found, now, options.json)
        return 0
    with store.write() as connection:
        if options.action == "add":
            done = add_mute(
                connection, _wanted(options, now), rules=[item.rule for item in rules], index=index, now=now
            )
            _note(connection, audit, "mute add", done, actor=done.owner, now=now)
        else:
            done = end_mute(connection, options.id, by=options.by, now=now)
            _note(connection, audit, "mute end", done, actor=options.by, now=now)
    _print([done], now, options.json)
    return 0


def _note(connection: Connection, audit: Audit, action: str, done: Mute, *, actor: str, now: datetime) -> None:
    audit(connection, at=now, actor=actor, action=action, object=f"mute {done.id}", detail=as_json(done, now))


def _wanted(options: argparse.Namespace, now: datetime) -> Mute:
    try:
        begin = parse_time(options.begin) if options.begin else now
        end = parse_time(options.until) if options.until else begin + parse_duration(options.length)
    except ValueError as error:
        raise ConfigError([f"mute: {error}"]) from error
    return Mute(
        rule=options.rule, hazard=options.hazard, region=options.region, up_to=Level.of(options.up_to),
        starts_at=begin, ends_at=end, owner=options.owner, reason=options.reason,
    )  # fmt: skip


def as_json(one: Mute, now: datetime) -> dict[str, Any]:
    """A mute as plain data."""
    return {
        "id": one.id, "rule": one.rule, "hazard": one.hazard, "region": one.region, "up_to": one.up_to.key,
        "starts_at": iso(one.starts_at), "ends_at": iso(one.ends_at), "owner": one.owner, "reason": one.reason,
        "ended_at": iso(one.ended_at) if one.ended_at else None, "ended_by": one.ended_by, "holds": one.holds(now),
    }  # fmt: skip


def _print(found: Sequence[Mute], now: datetime, plain: bool) -> None:
    if plain:
        print(json.dumps([as_json(one, now) for one in found], ensure_ascii=False))
        return
    for one in found:
        about = " ".join(part for part in (one.rule, one.hazard, one.region) if part)
        state = "holds" if one.holds(now) else "does not hold"
        print(
            f"{one.id}  {about} up to {one.up_to.key}, until {iso(one.ends_at)}, {state}  {one.owner}: {one.reason}"
        )
    if not found:
        print("no mute", file=sys.stderr)
