"""`cap check`: the checklist over files, from the command line, without writing anything."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from alerts.cap.check import check, open_file, rejected
from alerts.cap.facts import facts_of
from alerts.cap.finding import REJECT, Finding
from alerts.cap.message import Box, Context
from alerts.cap.parse import MAX_BYTES
from alerts.cap.profile import names, profiles
from data.clock import parse_time
from data.errors import ConfigError
from data.text import LOCALES, Translate, translator

Report = dict[str, Any]


def add_arguments(actions: Any) -> None:
    """The words of the command line."""
    one = actions.add_parser("check", help="findings in CAP messages by the checklist C01 to C64")
    one.add_argument("paths", nargs="+", type=Path, metavar="FILE")
    one.add_argument("--json", action="store_true")
    one.add_argument("--profile", action="append", default=[], choices=names(), help="check this as well")
    one.add_argument("--received", action="store_true", help="another service sent it: reject only what is unusable")
    one.add_argument("--at", metavar="TIME", help="as if it were issued then")
    one.add_argument("--jurisdiction", metavar="WEST,SOUTH,EAST,NORTH", help="where the issuer may warn, in degrees")
    one.add_argument("--language", choices=LOCALES, default="", help="of the sentences")


def check_main(options: argparse.Namespace, *, now: datetime, locale: str) -> int:
    """Print what is found in each file; 0 only where nothing is to be rejected.

    Parameters
    ----------
    options : Namespace
        As `add_arguments` describes.
    now : datetime
        A message sent later than this is from the future.
    locale : str
        Of the office, where no language is asked for.
    """
    context = _context(options, now)
    t = translator(options.language or locale)
    reports = [report(path, context, t) for path in options.paths]
    worst = any(one["rejected"] for one in reports)
    if options.json:
        print(json.dumps({"files": reports, "ok": not worst}, ensure_ascii=False, indent=1))
    else:
        print("\n".join(line for one in reports for line in _lines(one)))
    return 1 if worst else 0


def report(path: Path, context: Context, t: Translate = str) -> Report:
    """Findings and facts of one file as plain data; a file that cannot be read is a finding too."""
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        findings = [_unreadable(reason)]
        return _as_data(path, findings, [], t)
    messages, _ = open_file(body, context)
    return _as_data(path, check(body, context), [facts_of(message) for message in messages], t)


def _as_data(path: Path, findings: Sequence[Finding], messages: Sequence[Report], t: Translate) -> Report:
    return {
        "file": str(path),
        "rejected": rejected(findings),
        "findings": [
            {
                "id": one.rule,
                "level": one.weight.value,
                "place": {"path": one.path, "line": one.line},
                "sentence": one.sentence(t),
            }
            for one in findings
        ],
        "messages": list(messages),
    }


def _unreadable(reason: str) -> Finding:
    blanks = {"why": reason}
    return Finding(rule="C01", weight=REJECT, path="", line=1, text="The file cannot be read: {why}.", blanks=blanks)


def _lines(one: Report) -> list[str]:
    counts = Counter(finding["level"] for finding in one["findings"])
    lines = [
        f"{one['file']}:{finding['place']['line']}: {finding['id']} {finding['level']}: "
        f"{finding['place']['path']}: {finding['sentence']}"
        for finding in one["findings"]
    ]
    return [*lines, f"{one['file']}: {counts['reject']} to reject, {counts['remark']} remarks"]


def _context(options: argparse.Namespace, now: datetime) -> Context:
    try:
        at = parse_time(options.at) if options.at else now
    except ValueError as error:
        raise ConfigError([f"--at: {error}"]) from error
    return Context(
        now=at,
        issuing=bool(options.at),
        received=options.received,
        jurisdiction=_box(options.jurisdiction) if options.jurisdiction else None,
        profiles=tuple(profiles()[key] for key in options.profile),
    )


def _box(text: str) -> Box:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError([f"--jurisdiction: four numbers with commas, not {text!r}"]) from error
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise ConfigError([f"--jurisdiction: west, south, east, north in degrees, not {text!r}"])
    return west, south, east, north
