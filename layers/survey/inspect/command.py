"""`survey inspect|expect|sample|rules`: rules over a delivery, and records to be looked at in the field."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from data.actor import Actor
from data.errors import ConfigError, LayerError
from data.text import Translate, translator
from layers.survey.inspect import book, desk
from layers.survey.inspect.returned import write_list
from layers.survey.inspect.sample import Design

ACTIONS = ("inspect", "expect", "sample")
OPERATOR = Actor(0, "command line", "command line", frozenset())
SHOWN = 20


def add_arguments(commands: Any) -> None:
    """Add the actions to the subparsers of `survey`."""
    look = commands.add_parser("inspect", help="run the rules of inspection over a delivery")
    look.add_argument("delivery", type=int, help="its number in the catalogue")
    look.add_argument("--rules", type=Path, action="append", default=[], help="more rules, for this once")
    expect = commands.add_parser("expect", help="how many records a dataset ought to have, by unit")
    expect.add_argument("dataset")
    expect.add_argument("counts", type=Path, help="CSV with the columns unit and count")
    expect.add_argument("--source", required=True, help="where the counts come from")
    draw = commands.add_parser("sample", help="draw records of a delivery for a check in the field")
    draw.add_argument("delivery", type=int)
    draw.add_argument("--seed", type=int, help="default a new one; the same seed draws the same records")
    draw.add_argument("--share", type=float, default=0.1, help="of the records of each stratum, default 0.1")
    draw.add_argument("--least", type=int, default=5, help="of each stratum, default 5")
    draw.add_argument("--most", type=int, default=200, help="of each stratum, default 200")
    draw.add_argument("--kind", default="", metavar="COLUMN", help="strata within a unit; default by unit alone")
    draw.add_argument(
        "--fact", action="append", default=[], metavar="COLUMN", help="what the list shows; default all"
    )
    draw.add_argument("--list", type=Path, metavar="FILE", help="draw nothing: write the newest sample to fill in")
    draw.add_argument("--import", type=Path, dest="filled", metavar="FILE", help="draw nothing: take a filled list")
    draw.add_argument("--by", default="", help="who looked, where a row of the filled list does not say")
    draw.add_argument("--at", default="", metavar="TIME", help="when, where a row does not say: 2026-03-01 14:30")
    for parser in (look, expect, draw):
        parser.add_argument("--json", action="store_true")


def main(
    options: argparse.Namespace, office: desk.Office, now: datetime, *, zone: tzinfo = UTC, locale: str = "en"
) -> int:
    """Carry out one action; `zone` is that of times which name none, `locale` the language of lists."""
    t = translator(locale)
    if options.action == "expect":
        counts = _counts(options.counts)
        desk.expect(office, options.dataset, counts, options.source, OPERATOR, now)
        print(json.dumps({"units": len(counts)}) if options.json else f"{len(counts):,} units")
    elif options.action == "sample" and options.list is not None:
        _list(options, office, zone, t)
    elif options.action == "sample" and options.filled is not None:
        return _import(options, office, now, zone, t)
    elif options.action == "sample":
        _sample(options, office, now)
    else:
        told = desk.inspect(office, options.delivery, OPERATOR, now, extra=options.rules, report=_progress)
        _show(told, options.json)
    return 0


def _counts(path: Path) -> dict[str, int]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return {row["unit"]: int(row["count"]) for row in csv.DictReader(file)}
    except (OSError, UnicodeDecodeError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise ConfigError([f"{path}: columns unit and count, whole numbers: {error}"]) from error


def _sample(options: argparse.Namespace, office: desk.Office, now: datetime) -> None:
    seed = desk.new_seed() if options.seed is None else options.seed
    design = Design(
        seed=seed, share=options.share, least=options.least, most=options.most, kind=options.kind,
        facts=tuple(options.fact),
    )  # fmt: skip
    id = desk.draw_sample(office, options.delivery, design, OPERATOR, now)
    with office.store.read() as connection:
        records = book.read_records(connection, id)
    if options.json:
        told = [
            {"number": one.number, "id": one.record_id, "unit": one.unit, "kind": one.kind, "lon": one.lon,
             "lat": one.lat, "facts": one.facts}
            for one in records
        ]  # fmt: skip
        print(json.dumps({"sample": id, "seed": seed, "records": told}, ensure_ascii=False))
        return
    print(f"sample {id}, seed {seed}: {len(records):,} records")
    for one in records[:SHOWN]:
        print(f"{one.number}\t{one.unit}\t{one.kind}\t{one.record_id}")
    if len(records) > SHOWN:
        print(f"and {len(records) - SHOWN:,} more: the list is printed from the page of the inspection")


def _newest(office: desk.Office, delivery: int) -> int:
    with office.store.read() as connection:
        sample = book.last_sample(connection, delivery)
    if sample is None:
        raise LayerError(f"no sample of delivery {delivery} was drawn")
    return int(sample.id)


def _list(options: argparse.Namespace, office: desk.Office, zone: tzinfo, t: Translate) -> None:
    """The newest sample as a table to fill in."""
    sample = _newest(office, options.delivery)
    with office.store.read() as connection:
        records = book.read_records(connection, sample)
    try:
        options.list.write_text("".join(write_list(sample, records, zone, t)), encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigError([f"{options.list}: {error.strerror}"]) from error
    told = {"sample": sample, "records": len(records)}
    print(json.dumps(told) if options.json else f"sample {sample}: {len(records):,} records in {options.list}")


def _import(options: argparse.Namespace, office: desk.Office, now: datetime, zone: tzinfo, t: Translate) -> int:
    """A filled list into the newest sample; 1 where a row was not taken."""
    try:
        body = options.filled.read_bytes()
    except OSError as error:
        raise ConfigError([f"{options.filled}: {error.strerror}"]) from error
    sample = _newest(office, options.delivery)
    told = desk.enter_list(
        office, sample, body, options.filled.name, OPERATOR, now, zone=zone, t=t, by=options.by, at=options.at
    )
    if options.json:
        print(json.dumps({"sample": sample, **asdict(told)}, ensure_ascii=False))
        return 1 if told.refused else 0
    print(f"sample {sample}: {told.entered:,} entered, {told.known:,} known before, {told.blank:,} not filled in")
    for one in told.refused:
        print(f"not taken, line {one.line}: {one.reason}")
    return 1 if told.refused else 0


def _show(told: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
        return
    print(f"{told['records']:,} records, {sum(one['error'] for one in told['units']):,} of them with an error")
    for rule in told["rules"]:
        if rule["reason"]:
            print(f"not checked: {rule['id']}: {rule['reason']}")
        elif rule["found"] or rule["unknown"]:
            unknown = f", {rule['unknown']:,} cannot be judged" if rule["unknown"] else ""
            print(f"{rule['severity']}: {rule['id']}: {rule['found']:,}{unknown}  {rule['en']}")


def _progress(phase: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{phase}: {done:,} of {total:,} ", end="" if done < total else "\n", file=sys.stderr, flush=True)
