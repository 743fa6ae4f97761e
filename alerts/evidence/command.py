"""`evidence WARNING --out FILE` and `evidence verify FILE` of the command line."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from alerts.evidence.pack import make_pack
from alerts.evidence.verify_pack import main as verify_main
from alerts.evidence.verify_pack import verify
from data.errors import ConfigError, WarningError
from data.store.archive import write_durable
from data.store.engine import Store

Audit = Callable[..., int]


def add_arguments(commands: Any) -> None:
    """The words of the command line."""
    one = commands.add_parser("evidence", help="all that a warning stands on, in one file; or check such a file")
    one.add_argument("what", metavar="WARNING|verify", help="number of an issued warning, or the word verify")
    one.add_argument("file", nargs="?", type=Path, help="the pack that is to be verified")
    one.add_argument("--out", type=Path, metavar="FILE", help="where the pack is written")
    one.add_argument("--json", action="store_true")


def verify_command(options: argparse.Namespace) -> int:
    """Check a pack by the same program that lies in it; 0 only where nothing is wrong."""
    if options.file is None:
        raise ConfigError(["evidence verify: which file?"])
    if not options.json:
        return verify_main([str(options.file)])
    try:
        good, faults, unchecked, missing = verify(options.file.read_bytes())
    except OSError as error:
        raise ConfigError([f"evidence verify: {error}"]) from error
    wrong = [{"file": name, "reason": reason} for name, reason in faults]
    print(json.dumps({"ok": not faults, "holds": good, "wrong": wrong, "unchecked": unchecked, "missing": missing}))
    return 1 if faults else 0


def make_command(
    store: Store, home: Path, base_dir: Path, options: argparse.Namespace, *, now: datetime, actor: str, audit: Audit,
    anchors: Iterable[tuple[int, str]] = (),
) -> int:  # fmt: skip
    """Write the pack of a warning, check it, and note in the audit chain that it was made."""
    if not options.what.isdigit():
        raise ConfigError([f"evidence: the number of a warning, or the word verify, not {options.what!r}"])
    if options.out is None:
        raise ConfigError(["evidence: --out says where the pack is written"])
    id = int(options.what)
    pack = make_pack(store, home, base_dir, id, anchors)
    _, faults, unchecked, missing = verify(pack)
    write_durable(options.out, pack)
    digest = hashlib.sha256(pack).hexdigest()
    with store.write() as connection:
        audit(connection, at=now, actor=actor, action="evidence.made", object=str(id), detail={"sha256": digest})
    report = {
        "warning": id, "file": str(options.out), "size": len(pack), "sha256": digest, "missing": missing,
        "unchecked": unchecked, "wrong": [f"{name}: {reason}" for name, reason in faults],
    }  # fmt: skip
    print(json.dumps(report) if options.json else _lines(report))
    if faults:
        wrong = "; ".join(f"{name}: {reason}" for name, reason in faults)
        raise WarningError(f"the store does not prove this warning: {wrong}")
    return 0


def _lines(report: dict[str, Any]) -> str:
    lines = [f"{report['file']}: {report['size']} bytes, sha256 {report['sha256']}"]
    lines += [f"not in the pack: {one}" for one in report["missing"]]
    return "\n".join(lines)
