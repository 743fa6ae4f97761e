"""`survey load`, `survey serve`, `survey describe` and `survey catalogue`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from data.clock import Clock
from data.errors import ConfigError
from data.store import catalogue
from data.store.catalogue import DataClass, Dataset, Level, Mode
from data.store.engine import Store
from data.surveys import survey_names
from ingest.survey_load.mapping import LoadMapping, mapping_from, read_mapping, write_mapping
from ingest.survey_load.progress import Progress
from ingest.survey_load.sources import read_given
from ingest.survey_load.work import Audit, Loaded, Order, load

BY = "command line"
REASONS = 12
Serve = Callable[[int, Progress], Mapping[str, Any]]  # what the store says of a delivery that it was given


def add_arguments(commands: Any) -> None:
    """Add them to the subparsers of `survey`."""
    one = commands.add_parser("load", help="a delivery of survey records, checked and kept, into the catalogue")
    one.add_argument("files", nargs="+", metavar="FILE", help="files, folders, or postgresql://…#table")
    one.add_argument("--dataset", metavar="NAME")
    one.add_argument("--suggest", action="store_true", help="print a mapping for the first file, to be confirmed")
    one.add_argument("--mapping", type=Path, metavar="YAML", help="without it that of the dataset's last delivery")
    one.add_argument("--mode", choices=get_args(Mode), default="replace")
    one.add_argument("--answers", type=int, metavar="DELIVERY", help="the returned delivery that this puts right")
    one.add_argument("--unit", default="", metavar="CODE", help="region that submits it")
    one.add_argument("--new", action="store_true", help="make the dataset, as it is described")
    _describing(one)
    one.add_argument("--no-build", action="store_true", help="keep it in the catalogue only")
    one.add_argument("--workers", type=int, default=2)
    one.add_argument("--json", action="store_true")
    said = commands.add_parser("describe", help="change what is said of a dataset")
    said.add_argument("dataset")
    said.add_argument("--unit", metavar="CODE", help="region whose database it is")
    _describing(said)
    said.add_argument("--json", action="store_true")
    served = commands.add_parser("serve", help="bring deliveries that came or have passed into the stores on the map")
    served.add_argument("deliveries", nargs="*", type=int, metavar="DELIVERY", help="without one, all that wait")
    served.add_argument("--workers", type=int, default=2)
    served.add_argument("--by", default=BY, metavar="ACCOUNT", help="who has decided that")
    served.add_argument("--json", action="store_true")
    shown = commands.add_parser("catalogue", help="the datasets, or one with its deliveries")
    shown.add_argument("dataset", nargs="?")
    shown.add_argument("--json", action="store_true")


def _describing(one: argparse.ArgumentParser) -> None:
    one.add_argument("--title", action="append", metavar="[zh:]TEXT")
    one.add_argument("--level", choices=get_args(Level))
    one.add_argument("--sector")
    one.add_argument("--kind")
    one.add_argument("--class", dest="data_class", choices=get_args(DataClass))
    one.add_argument("--licence")
    one.add_argument("--provenance")


def main(
    options: argparse.Namespace, open_store: Callable[[], Store], home: Path, *, clock: Clock, audit: Audit,
    serve: Serve,
) -> int:  # fmt: skip
    """Carry out one of them; `serve` brings a delivery into the store of records."""
    if options.action == "catalogue":
        return _catalogue(open_store(), options)
    if options.action == "describe":
        return _describe(open_store(), home, options, at=clock(), audit=audit)
    if options.action == "serve":
        return _serve(open_store(), options, serve)
    if options.suggest:
        from ingest.survey_load.suggesting import suggest

        print(write_mapping(suggest(read_given(options.files)[0])), end="")
        return 0
    store, progress = open_store(), Progress(quiet=options.json)
    loaded = load(store, home, _order(store, home, options), at=clock(), by=BY, audit=audit, progress=progress)
    served = None
    with store.read() as connection:
        delivery = catalogue.read_delivery(connection, loaded.number)
        waits = bool(catalogue.read_dataset(connection, delivery.dataset).mapping.get("inspect_first"))
    if not options.no_build and (not waits or delivery.state == "passed"):
        served = serve(loaded.number, progress)
    _tell(options, loaded, served, waits=waits)
    return 0


def _serve(store: Store, options: argparse.Namespace, serve: Serve) -> int:
    with store.read() as connection:
        numbers = options.deliveries or catalogue.waiting(connection)
    progress = Progress(quiet=options.json)
    served = {number: serve(number, progress).get("rows") for number in numbers}
    told = [f"delivery {number}: {rows:,} records" for number, rows in served.items()] or ["nothing waits"]
    print(json.dumps(served) if options.json else "\n".join(told))
    return 0


def _order(store: Store, home: Path, options: argparse.Namespace) -> Order:
    if not options.dataset:
        raise ConfigError(["--dataset: which dataset is it of?"])
    files = read_given(options.files)
    return Order(
        files=files, dataset=options.dataset, mapping=_mapping(store, options), mode=options.mode,
        unit=options.unit, answers=options.answers, new=_new(home, options) if options.new else None,
    )  # fmt: skip


def _mapping(store: Store, options: argparse.Namespace) -> LoadMapping:
    if options.mapping is not None:
        return read_mapping(options.mapping)
    with store.read() as connection:
        known = [one for one in catalogue.list_datasets(connection) if one.name == options.dataset]
    if not known or not known[0].mapping:
        said = "there is no mapping: write one with `survey load FILE --suggest > mapping.yaml`, and confirm it"
        raise ConfigError([said])
    return mapping_from(known[0].mapping, options.dataset)


def _new(home: Path, options: argparse.Namespace) -> Dataset:
    """A dataset as it is described; what is not said is what harms least."""
    said = _said(home, options)
    plain: dict[str, Any] = {
        "title": {"en": options.dataset}, "level": "county", "sector": "", "kind": "", "data_class": "restricted",
    }  # fmt: skip
    return Dataset(name=options.dataset, **{**plain, **said})


def _describe(store: Store, home: Path, options: argparse.Namespace, *, at: datetime, audit: Audit) -> int:
    said = _said(home, options)
    if not said:
        raise ConfigError(["nothing is said that could be changed"])
    with store.write() as connection:
        row = catalogue.read_dataset(connection, options.dataset)
        before = {field.name: getattr(row, field.name) for field in fields(Dataset)}
        title = {**before["title"], **said.get("title", {})}
        catalogue.put_dataset(connection, Dataset(**{**before, **said, "title": title}), at=at, by=BY)
        changed = {name: [before[name], value] for name, value in said.items()}
        audit(connection, at=at, actor=BY, action="survey describe", object=options.dataset, detail=changed)
    print(json.dumps(changed, ensure_ascii=False) if options.json else f"{options.dataset}: {', '.join(changed)}")
    return 0


def _said(home: Path, options: argparse.Namespace) -> dict[str, Any]:
    """What the command line says of a dataset; ConfigError for a sector or kind of no list."""
    names, faults = survey_names(home), []
    if options.sector and options.sector not in {one.key for one in names.sectors}:
        faults.append(f"--sector: {', '.join(one.key for one in names.sectors)}; not {options.sector}")
    if options.kind and options.kind not in names.kinds:
        faults.append(f"--kind: {', '.join(names.kinds)}; not {options.kind}")
    if faults:
        raise ConfigError(faults)
    title: dict[str, str] = {}
    for written in options.title or ():
        language, colon, text = written.partition(":")
        title |= {language: text.strip()} if colon and language in ("en", "zh") else {"en": written}
    given = ("level", "sector", "kind", "data_class", "unit", "licence", "provenance")
    said = {name: getattr(options, name) for name in given if getattr(options, name) is not None}
    return {**said, "title": title} if title else said


def _tell(options: argparse.Namespace, loaded: Loaded, served: Mapping[str, Any] | None, *, waits: bool) -> None:
    facts = {
        "dataset": options.dataset, "delivery": loaded.number, "version": loaded.version, "rows": loaded.rows,
        "refused": loaded.refused, "reasons": dict(loaded.reasons), "notes": list(loaded.notes),
        "again": loaded.again, "served": None if served is None else served.get("rows"),
    }  # fmt: skip
    if options.json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    print(f"{options.dataset} version {loaded.version}, delivery {loaded.number}: {loaded.rows:,} records"
          + (", delivered before with the same content" if loaded.again else ""))  # fmt: skip
    for reason, count in sorted(loaded.reasons.items(), key=lambda pair: -pair[1])[:REASONS]:
        print(f"refused {count:,}: {reason}")
    for note in loaded.notes:
        print(f"note: {note}")
    if served is not None:
        print(f"served: {served.get('rows', 0):,} records")
        for reason, count in served.get("refused", {}).items():
            print(f"not in the store: {count:,}, {reason}")
    elif waits:
        print("it is served when it has passed inspection: python app.py survey inspect " + str(loaded.number))


def _catalogue(store: Store, options: argparse.Namespace) -> int:
    with store.read() as connection:
        if options.dataset:
            catalogue.read_dataset(connection, options.dataset)
            rows = [dict(row._mapping) for row in catalogue.list_deliveries(connection, options.dataset)]
        else:
            rows = [dict(row._mapping) for row in catalogue.list_datasets(connection)]
    if options.json:
        print(json.dumps(rows, ensure_ascii=False, default=_plain))
        return 0
    for row in rows:
        if options.dataset:
            came = row["received_at"].isoformat(timespec="seconds")
            print(f"{row['id']}\tversion {row['version']}\t{row['state']}\t{row['rows']:,} records\t"
                  f"{row['refused']:,} refused\t{came}")  # fmt: skip
        else:
            print(f"{row['name']}\t{row['level']}\t{row['sector']}\t{row['kind']}\t{row['data_class']}")
    if not rows:
        print("nothing yet", file=sys.stderr)
    return 0


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
