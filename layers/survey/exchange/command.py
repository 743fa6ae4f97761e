"""`exchange key|peers|push|pull|status`: deliveries to and from other Tocsins."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from data.clock import iso
from data.errors import IngestError, LayerError
from layers.survey.exchange import outbox, transfers
from layers.survey.exchange.carry import Steady, ask_verdicts, pull, push
from layers.survey.exchange.key import fingerprint
from layers.survey.exchange.office import Desk
from layers.survey.exchange.wire import Ask, Line


def add_arguments(commands: Any) -> None:
    """Add the actions of `exchange` to its subparsers."""
    commands.add_parser("key", help="our public key, for the settings of others")
    commands.add_parser("peers", help="with whom deliveries are exchanged, and what may cross")
    commands.add_parser("status", help="every transfer and what became of it")
    for name, text in (("push", "send what a peer may have and has not"), ("pull", "fetch what a peer offers")):
        commands.add_parser(name, help=text).add_argument("peer", nargs="*", help="every one with an address")
    for parser in commands.choices.values():
        parser.add_argument("--json", action="store_true")


def main(options: argparse.Namespace, desk: Desk, ask_of: Callable[[str], Ask], clock: Callable[[], datetime]) -> int:
    """Carry out one action; 1 where a transfer is refused or not at its end."""
    match options.action:
        case "key":
            told: Any = {"key": desk.key.public, "fingerprint": fingerprint(desk.key.public)}
            _print(told, options.json, "{key}\nfingerprint: {fingerprint}")
        case "peers":
            for one in _peers(desk):
                _print(
                    one,
                    options.json,
                    "{peer} {url} ({fingerprint}): sends {receive}, gets {send}, not {barred}",
                )
        case "status":
            for one in _status(desk):
                _print(one, options.json, "{peer} {direction} {dataset} {version}: {state} {pieces} {there} {reason}")
        case _:
            return _carry(options, desk, ask_of, clock)
    return 0


def _carry(
    options: argparse.Namespace, desk: Desk, ask_of: Callable[[str], Ask], clock: Callable[[], datetime]
) -> int:
    names = options.peer or [name for name, peer in desk.exchange.peers.items() if peer.url]
    work, whole = {"push": push, "pull": pull}[options.action], True
    for name in names:
        line, steady = Line(desk, name, ask_of(desk.peer(name).url), clock), Steady()
        try:
            accounts = work(line, steady, _progress)
            ask_verdicts(line, steady)
        except (IngestError, LayerError) as error:
            print(str(error), file=sys.stderr)
            whole = False
            continue
        for one in accounts:
            whole &= one["state"] == "arrived"
            _print(
                {"peer": name, **one},
                options.json,
                "{peer} {dataset} {version}: {state}, {sent:,} of {bytes:,} bytes {why}",
            )
    return 0 if whole else 1


def _peers(desk: Desk) -> list[dict[str, Any]]:
    with desk.store.read() as connection:
        return [
            {
                "peer": name, "title": peer.title, "url": peer.url or "(comes to us)", "unit": peer.unit,
                "fingerprint": fingerprint(peer.key), "send": list(peer.send), "receive": dict(peer.receive),
                "barred": outbox.barred(connection, peer),
            }
            for name, peer in desk.exchange.peers.items()
        ]  # fmt: skip


def _status(desk: Desk) -> list[dict[str, Any]]:
    with desk.store.read() as connection:
        rows = transfers.list_transfers(connection)
    return [
        {
            "peer": row.peer, "direction": row.direction, "dataset": row.dataset, "version": row.version,
            "content": row.content, "state": row.state, "pieces": f"{row.chunks_there} of {row.chunks}",
            "bytes": row.bytes, "sent": row.bytes_sent, "reason": row.reason, "updated_at": iso(row.updated_at),
            "there": row.verdict["body"]["state"] if row.verdict else "", "receipted": row.receipt is not None,
        }
        for row in rows
    ]  # fmt: skip


def _progress(dataset: str, there: int, total: int) -> None:
    if sys.stderr.isatty():
        done = "\n" if there >= total else ""
        print(f"\r{dataset}: {there / 1e6:,.1f} of {total / 1e6:,.1f} MB ", end=done, file=sys.stderr, flush=True)


def _print(facts: dict[str, Any], as_json: bool, form: str) -> None:
    print(json.dumps(facts, ensure_ascii=False) if as_json else form.format(**facts))
