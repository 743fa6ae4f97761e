"""Recorded messages of real services: the checklist agrees with what is known of each, and with two engines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from hypothesis import HealthCheck, given, settings
from lxml import etree

from alerts.cap.build import build
from alerts.cap.check import check
from alerts.cap.command import report
from alerts.cap.finding import REJECT
from alerts.cap.message import Context
from alerts.cap.model import Alert
from alerts.cap.parse import parse
from data.clock import parse_time
from data.errors import WarningError
from tests.alerts.cap.messages import ALERTS, GOOD
from tests.alerts.cap.test_check import REJECTED, TRICKY
from tests.conftest import tries

pytestmark = pytest.mark.recorded
NOW = parse_time("2026-11-21T00:00:00Z")
NO_MESSAGE = {"xee.cap": "C01"}  # an entity that is nowhere defined
NOT_USABLE_AS_RECEIVED = {  # beside those that the index calls broken: their `sent` carries no offset
    "msg_actual-public_en_of_hp.xml", "msg_test-public_fr_of_nohp.xml",
}  # fmt: skip
# What the standard's schema does not say: our own limits, the encoding, what stands before the root.
SCHEMA_RULES = {"C02", "C07", "C10", "C12", "C19", "C26", "C30", "C32", "C33"}


def index(folder: Path) -> dict[str, str]:
    """File name -> its row in the table of recorded files."""
    section = (folder / "INDEX.md").read_text(encoding="utf-8").split("\n## cap\n")[1].split("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("|")][2:]
    return {row[1].strip(): "|".join(row[2:]) for row in rows}


def known(row: str) -> dict[str, Any]:
    """The facts of a row, in the words of a report."""
    patterns = {
        "identifier": r"; id (\S+); sender", "sender": r"; sender (\S+); sent", "sent": r"; sent (\S+); ",
        "infos": r"; infos (\d+) ", "areas": r"areas (\d+) ", "polygons": r"polygons (\d+) ",
        "points": r"\((\d+) pts", "circles": r"circles (\d+);",
    }  # fmt: skip
    facts: dict[str, Any] = {name: re.search(pattern, row)[1] for name, pattern in patterns.items()}  # type: ignore[index]
    facts = {name: int(value) if name in ("infos", "areas", "polygons", "points", "circles") else value
             for name, value in facts.items()}  # fmt: skip
    words = re.search(r"; (\w+)/(\w+)/(\w+); infos", row)
    assert words is not None
    said = ("" if word == "None" else word for word in words.groups())  # how the index writes what is missing
    facts |= dict(zip(("status", "msgType", "scope"), said, strict=True))
    return facts | {"signed": "signed True" in row}


def test_reports_agree_with_the_index(recorded: Path) -> None:
    rows = index(recorded)
    assert len(rows) == 31
    for name, row in rows.items():
        told = report(recorded / "cap" / name, Context(now=NOW))
        if name in NO_MESSAGE:
            assert [one["id"] for one in told["findings"]] == [NO_MESSAGE[name]] and not told["messages"]
        elif "embedded alerts" in row:
            count = re.search(r"(\d+) embedded", row)
            assert count and len(told["messages"]) == int(count[1]), name
        else:
            (message,) = told["messages"]
            expected = known(row)
            assert {key: message[key] for key in expected} == expected, name
            assert all(value in row for value in message["expires"][:1] + message["events"][:1]), name


def test_broken_files_and_no_others_are_unusable(recorded: Path) -> None:
    rejected = {
        name
        for name in index(recorded)
        if report(recorded / "cap" / name, Context(now=NOW, received=True))["rejected"]
    }
    broken = {name for name, row in index(recorded).items() if "BROKEN" in row}
    assert len(broken) == 4
    assert rejected == broken | set(NO_MESSAGE) | NOT_USABLE_AS_RECEIVED


def test_flaws_that_the_index_names_are_found(recorded: Path) -> None:
    named = {
        "invalid_xmlns.cap": "C01", "togo_invalid_schema.xml": "C02", "invalid.cap": "C19",
        "canada_errors.cap": "C13", "earthquake-iso8859-1.cap": "C01", "weather.cap": "C49",
        "earthquake.cap": "C01", "Flood.xml": "C36",
    }  # fmt: skip
    for name, rule in named.items():
        found = {
            one.rule
            for one in check((recorded / "cap" / name).read_bytes(), Context(now=NOW))
            if one.weight is REJECT
        }
        assert rule in found, name


def schema(recorded: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(recorded / "cap_schema" / "cap12.xsd"))


def cap_12_files(recorded: Path) -> list[tuple[str, bytes]]:
    files = [(path.name, path.read_bytes()) for path in sorted((recorded / "cap").iterdir())]
    return [(name, body) for name, body in files if b"alert" in body[:1500] and b"emergency:cap:1.2" in body[:1500]]


def test_schema_of_the_standard_and_ours_agree(recorded: Path) -> None:
    """Whatever the published schema refuses is rejected by a rule of form; what it takes, none of these rejects."""
    standard = schema(recorded)
    made = [(name, body) for name, (body, _) in (REJECTED | TRICKY).items()]
    compared = 0
    for name, body in [*cap_12_files(recorded), *made]:
        try:
            tree = etree.fromstring(body.lstrip(), etree.XMLParser(resolve_entities=False, huge_tree=False))
        except (etree.XMLSyntaxError, ValueError):
            continue
        if tree.tag != "{urn:oasis:names:tc:emergency:cap:1.2}alert" or tree.getroottree().docinfo.doctype:
            continue
        rejects = {one.rule for one in check(body, Context(now=NOW)) if one.weight is REJECT}
        if not standard.validate(tree):
            assert rejects & (SCHEMA_RULES | {"C41", "C44", "C47", "C59", "C63"}), (name, standard.error_log)
        compared += 1
    assert compared > 150


@settings(max_examples=tries(100, 30), deadline=None, suppress_health_check=list(HealthCheck))
@given(alert=ALERTS)
def test_what_is_built_passes_two_other_engines(recorded: Path, alert: Alert) -> None:
    body = build(alert)
    standard = schema(recorded)
    assert standard.validate(etree.fromstring(body)), standard.error_log
    assert second(recorded).is_valid(body.decode())


_SECOND: list[xmlschema.XMLSchema] = []


def second(recorded: Path) -> xmlschema.XMLSchema:
    if not _SECOND:
        _SECOND.append(xmlschema.XMLSchema(str(recorded / "cap_schema" / "cap12.xsd"), allow="local"))
    return _SECOND[0]


def test_recorded_messages_that_can_be_kept_survive_reading_and_writing(recorded: Path) -> None:
    kept = 0
    for _, body in [("good", GOOD.encode()), *cap_12_files(recorded)]:
        try:
            alert = parse(body)
        except WarningError:
            continue
        assert parse(build(alert)) == alert
        kept += 1
    assert kept >= 12
