"""Composition of trials on the past: where rules meet what feeds can read, and the report meets its page."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.clock import parse_duration, parse_time, utc_now
from data.errors import ConfigError, RuleError
from data.settings import Settings

if TYPE_CHECKING:
    from alerts.history import History, Note
    from alerts.pack import PackRule
    from alerts.scenario import Scenario
    from alerts.truth import Truth
    from data.store.engine import Store

ARCHIVE = "archive"
GRIDS = (".grib", ".grb", ".grib2", ".grb2", ".nc", ".nc4", ".h5", ".hdf", ".gz", ".bz2", ".xz", ".tar")
NOT_SAID = "the files do not say when they came: a step is taken to have come at its time, or at that of its run"


def add_arguments(commands: Any) -> None:
    """Add the commands of this module to the command line."""
    trial = commands.add_parser("backtest", help="try rules on the past, and score them")
    trial.add_argument("--rules", type=Path, action="append", default=[], metavar="PATH")
    trial.add_argument("--rule", action="append", default=[], metavar="KEY", help="only this rule of them")
    trial.add_argument(
        "--history", required=True, metavar="PATH",
        help="archive, a home, a table (.csv, .parquet), a folder of grid files, or a scenario",
    )  # fmt: skip
    trial.add_argument("--truth", type=Path, metavar="PATH", help="what happened (CSV)")
    trial.add_argument("--from", dest="since", metavar="TIME")
    trial.add_argument("--to", dest="until", metavar="TIME")
    trial.add_argument("--step", metavar="DURATION", help="evaluate so often, instead of whenever something came")
    trial.add_argument("--officers", type=int, default=1, metavar="N")
    trial.add_argument("--no-curve", action="store_true", help="the present trigger only")
    trial.add_argument("--cluster", metavar="ADDRESS", help="compute years of fields on a Dask cluster")
    trial.add_argument("--keep", action="store_true", help="keep each rule's report in the store")
    trial.add_argument("--html", type=Path, metavar="FILE")
    trial.add_argument("--lang", choices=("en", "zh"), default="")
    trial.add_argument("--json", action="store_true")
    truth = commands.add_parser("truth", help="what happened").add_subparsers(dest="action", required=True)
    add = truth.add_parser("add", help="keep true events, for the verification of each month")
    add.add_argument("path", type=Path)
    add.add_argument("--json", action="store_true")


def main(options: argparse.Namespace, settings: Settings) -> int:
    """Carry out one command of this module."""
    return _add_truth(options, settings) if options.command == "truth" else _backtest(options, settings)


def _backtest(options: argparse.Namespace, settings: Settings) -> int:
    from alerts.backtest import run_proof
    from alerts.issued import issued_report
    from alerts.truth import read_truth, truth_of
    from data.regions import load_regions
    from pages._report import sentences

    index = load_regions(settings.base_dir)
    step_s = _seconds(options.step)
    lang = options.lang or settings.locale
    with history_of(options, settings) as (history, scenario):
        truth: Truth | None = read_truth(options.truth, index) if options.truth else None
        if truth is None and scenario is not None and (text := scenario.text("truth.csv")) is not None:
            truth = truth_of(text.encode(), index)
        rules = _rules(options, settings, scenario)
        with _cluster(options.cluster) as pool:
            report = run_proof(
                rules, history, truth, options.officers, _progress(), step_s=step_s, pool=pool,
                curve=not options.no_curve,
            )  # fmt: skip
        issued = scenario.text("issued.csv") if scenario is not None else None
        if issued is not None:
            report["issued"] = issued_report(issued, truth, index, history, [item.rule for item in rules])
    if options.keep:
        _keep(report, settings)
    if options.html is not None:
        from pages._report import page

        options.html.parent.mkdir(parents=True, exist_ok=True)
        made = page(report, lang, base_dir=settings.base_dir, zone=settings.zone)
        options.html.write_text(made, encoding="utf-8")
    if options.json:
        print(json.dumps(report, ensure_ascii=False, allow_nan=False))
    else:
        for number, block in enumerate(report["rules"]):
            print(f"{block['rule']} {block['version']}")
            print("\n".join(f"  {text}" for text in sentences(report, lang, rule=number)))
        for text in _issued_sentences(report, lang):
            print(text)
    return 0


@contextmanager
def _cluster(address: str | None) -> Iterator[Executor | None]:
    """The workers of a Dask cluster, which must see the same folders; None where none is named."""
    if address is None:
        yield None
        return
    from dask import distributed

    connect: Any = distributed.Client
    try:
        client = connect(address, timeout=10)
    except (OSError, ValueError) as error:
        raise ConfigError([f"--cluster: {address} does not answer: {error}"]) from error
    with client, client.get_executor(pure=False) as pool:
        yield pool


def _issued_sentences(report: dict[str, Any], lang: str) -> list[str]:
    from data.text import translator
    from pages._report_words import issued_words

    return issued_words(report, translator(lang))


def _rules(options: argparse.Namespace, settings: Settings, scenario: Scenario | None) -> Sequence[PackRule]:
    """The rules that are asked for; else those of the scenario; else all that are switched on."""
    from alerts.pack import builtin_paths, load_rules
    from pages.past.rehearsal import rules_of

    if options.rules:
        rules: Sequence[PackRule] = load_rules(options.rules)
    elif scenario is not None:
        rules = [item for item in rules_of(settings, scenario) if item.rule.enabled]
    else:
        found = load_rules((*builtin_paths(), *settings.rule_paths))
        rules = [item for item in found if item.rule.enabled]
    if options.rule:
        missing = set(options.rule) - {item.rule.key for item in rules}
        if missing:
            raise ConfigError([f"--rule: no rule {', '.join(sorted(missing))}"])
        rules = [item for item in rules if item.rule.key in options.rule]
    return rules


@contextmanager
def history_of(options: argparse.Namespace, settings: Settings) -> Iterator[tuple[History, Scenario | None]]:
    """The history that is asked for, and the scenario where it is one."""
    from alerts.history import archive_history, open_history

    named, span = options.history, (_time("--from", options.since), _time("--to", options.until))
    if named == ARCHIVE:
        store = _opened(settings)
        try:
            yield archive_history(store, settings.home, settings.base_dir, since=span[0], until=span[1]), None
        finally:
            store.close()
        return
    scenario = _scenario(named)
    if scenario is not None:
        with tempfile.TemporaryDirectory(prefix="tocsin-scenario-") as folder:
            kept = _scenario(named, Path(folder) / "scenario.zip")
            assert kept is not None
            begin, end = span[0] or kept.head.begin, span[1] or kept.head.end
            loader = _ScenarioLoader(settings, kept)
            with open_history(kept.path, settings.base_dir, load=loader, since=begin, until=end) as history:
                history.name = kept.head.name
                yield history, kept
        return
    with open_history(
        Path(named), settings.base_dir, load=_GridLoader(settings), since=span[0], until=span[1]
    ) as history:
        yield history, None


def _scenario(named: str, out: Path | None = None) -> Scenario | None:
    """The scenario of a name, a folder of sources or a zip; None for anything else."""
    from alerts.scenario_build import BUILTIN
    from alerts.scenario_file import read_scenario
    from pages.past.rehearsal import find_scenario

    path = Path(named)
    builtin = path.name == named and (BUILTIN / named / "scenario.yaml").is_file()
    if not (builtin or path.suffix == ".zip" or (path / "scenario.yaml").is_file()):
        return None
    if out is not None:
        return read_scenario(find_scenario(named, out))
    with tempfile.TemporaryDirectory(prefix="tocsin-scenario-") as folder:
        return read_scenario(find_scenario(named, Path(folder) / "scenario.zip"))


class _ScenarioLoader:
    """Puts every payload of a scenario into a store at its time, without the rules."""

    def __init__(self, settings: Settings, scenario: Scenario) -> None:
        self.settings, self.scenario = settings, scenario

    def __call__(self, _path: Path, store: Store, home: Path) -> Sequence[Note]:
        from alerts.replay import held
        from data.store.leader import try_lead
        from ingest import build_sources, configured_feeds
        from ingest.schedule import prepare_states
        from pages.past.rehearsal import Carrier, settings_of, works_of

        own = settings_of(self.settings, home, self.scenario)
        begin, kept = self.scenario.head.begin, held(store)
        leadership = try_lead(kept, home, now=begin)
        assert leadership is not None
        try:
            prepare_states(kept, build_sources(own), configured_feeds(own), leadership.epoch, begin)
            deliver, works = Carrier(own, kept, self.scenario), works_of(own, kept)
            for delivery in self.scenario.deliveries:
                deliver(delivery, leadership.epoch)
                for work in works:
                    while work(delivery.at, leadership.epoch):
                        pass
        finally:
            leadership.release()
        head = self.scenario.head
        return ({"en": head.about.en, "zh": head.about.zh},)


class _GridLoader:
    """Puts grid files into a store by the house's own reading of them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __call__(self, path: Path, store: Store, home: Path) -> Sequence[Note]:
        import sqlalchemy as sa

        from data.model import Payload
        from data.store.archive import Archive
        from data.store.tables import field_step
        from ingest.grid_files import GridFiles
        from ingest.runner import Desk, ingest_payloads

        files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
        files = [item for item in files if item.suffix.lower() in GRIDS]
        if not files:
            raise RuleError(f"{path.name}: no grid file ({', '.join(GRIDS)}) is in it")
        source, clock = GridFiles.configured({"source": "grid_files", "key": "history", "url": str(path)}), utc_now
        desk = Desk(store=store, archive=Archive(home / "payloads"), home=home, clock=clock)
        said = []
        for item in files:
            payload = Payload(
                source=source.spec.key, body=item.read_bytes(), received_at=clock(), name=item.name,
                url=item.resolve().as_uri(),
            )  # fmt: skip
            report = ingest_payloads(source, desk, [payload])
            if not report.usable or report.rejected:
                reason = report.reason or report.rejected[0].reason
                said.append(f"{item.name}: {reason}")
        with store.write() as connection:
            table = field_step.c
            came = sa.case((table.forecast, table.run_at), else_=table.valid_at)
            connection.execute(field_step.update().values(received_at=came))
            count = connection.execute(sa.select(sa.func.count()).select_from(field_step)).scalar_one()
        if not count:
            raise RuleError(f"no field of {path.name} could be read; {said[0] if said else 'the files are empty'}")
        return (NOT_SAID, *said)


def _opened(settings: Settings) -> Store:
    from data.store.engine import open_store
    from data.store.migrate import migrate

    store = open_store(settings.url)
    store.wait_ready()
    migrate(store)
    return store


def _keep(report: dict[str, Any], settings: Settings) -> None:
    from alerts.proof import store_proof, why_no_proof

    store = _opened(settings)
    try:
        with store.write() as connection:
            for block in report["rules"]:
                if reason := why_no_proof(block):
                    print(f"{block['rule']}: not kept: {reason}", file=sys.stderr)
                    continue
                one = {**report, "rules": [block]}
                store_proof(connection, block["rule"], block["version"], block["digest"], one, "command", utc_now())
    finally:
        store.close()


def _add_truth(options: argparse.Namespace, settings: Settings) -> int:
    """Keep the good rows, name the bad ones; 0 only where there is none of these."""
    from alerts.truth import read_truth, store_truth
    from data.regions import load_regions

    found = read_truth(options.path, load_regions(settings.base_dir))
    store = _opened(settings)
    try:
        with store.write() as connection:
            stored = store_truth(connection, found.events, by="command", at=utc_now())
    finally:
        store.close()
    rejected = [{"row": row, "reason": reason} for row, reason in found.rejected]
    if options.json:
        print(json.dumps({"events": len(found.events), "stored": stored, "rejected": rejected}))
    else:
        print(f"{len(found.events)} events, {stored} new, {len(rejected)} rows rejected")
        for item in rejected:
            print(f"  row {item['row']}: {item['reason']}")
    return 1 if rejected else 0


def _progress() -> Any:
    """How far it is, on a terminal."""
    if not sys.stderr.isatty():
        return None

    def tell(done: int, total: int) -> None:
        print(f"\r{done / total:4.0%}", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return tell


def _seconds(text: str | None) -> float | None:
    try:
        return parse_duration(text).total_seconds() if text else None
    except ValueError as error:
        raise ConfigError([f"--step: {error}"]) from error


def _time(name: str, text: str | None) -> datetime | None:
    try:
        return parse_time(text) if text else None
    except ValueError as error:
        raise ConfigError([f"{name}: {error}"]) from error
