"""`audit verify` and `audit anchor` of the command line."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from access import anchors, audit
from data.clock import utc_now
from data.errors import ConfigError
from data.settings import Settings
from data.store.engine import Store


def add_arguments(commands: Any) -> None:
    """Add the actions of `audit` to its subparsers."""
    verify = commands.add_parser("verify", help="check the hash chain")
    verify.add_argument("--anchor", type=Path, metavar="FILE", help="heads that were kept elsewhere")
    anchor = commands.add_parser("anchor", help="write the chain's head to the folder of the setting audit_anchor")
    for parser in (verify, anchor):
        parser.add_argument("--json", action="store_true")


def main(store: Store, options: argparse.Namespace, settings: Settings) -> int:
    """Carry out one `audit` action."""
    if options.action == "verify":
        return verify_main(store, as_json=options.json, anchor=options.anchor)
    if settings.audit_anchor is None:
        raise ConfigError(["audit_anchor: name a folder for the heads of the audit chain"])
    path = anchors.export(store, settings.audit_anchor, utc_now())
    print(json.dumps({"file": str(path)}) if options.json else path)
    return 0


def verify_main(store: Store, *, as_json: bool, anchor: Path | None = None) -> int:
    """Check the audit chain; 1 when it is broken. The head is what an outsider keeps to find a cut end."""
    kept = anchors.read(anchor) if anchor is not None else []
    with store.read() as connection:
        broken, (number, digest) = audit.verify(connection, kept), audit.head(connection)
    if as_json:
        print(json.dumps({"entries": number, "head": digest, "broken_at": broken, "anchors": len(kept)}))
    elif broken is None:
        beside = f"; {len(kept)} heads kept elsewhere agree" if kept else ""
        print(f"{number} entries, unbroken; the last is {number} {digest}{beside}")
    else:
        print(f"broken at entry {broken} of {number}", file=sys.stderr)
    return 0 if broken is None else 1
