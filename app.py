"""Tocsin: composition and the command line. Everything else lives in its own folder."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.clock import parse_time, utc_now
from data.errors import ConfigError, TocsinError
from data.settings import ROOT, Settings, read_settings
from data.store.migrate import open_migrated

if TYPE_CHECKING:
    from dash import Dash
    from flask import Flask

    from alerts.media.produce import Producer
    from data.store.engine import Store
    from layers.survey.marks.book import Book

RULE_PERIOD = timedelta(seconds=10)
FEED_PATIENCE = timedelta(minutes=5)


def build_web(settings: Settings) -> tuple[Dash, Flask]:
    """The web process: Dash pages, machine API and guard on one Flask server."""
    import api
    from access.guard import install_guard
    from data.store.exercise import ExerciseClock, clock_of
    from ingest import build_sources, configured_feeds
    from ingest.health import feed_health
    from pages import public
    from pages._exercise import mark_pages
    from pages.application import build_pages

    store = open_migrated(settings.url)
    specs = tuple(source.spec for source in build_sources(settings))
    clock = clock_of(store)
    if isinstance(clock, ExerciseClock):  # feeds that the scenario does not have do not run, whatever is pressed
        specs = tuple(spec for spec in specs if spec.key in configured_feeds(settings))
    dash_app = build_pages(store, settings, specs=specs, feed_health=feed_health, clock=clock)
    server = dash_app.server
    stale_after = {spec.key: spec.stale_after for spec in specs}
    api.register(server, store, settings, clock=clock, stale_after=stale_after)
    install_guard(server, dash_app, store, settings)
    if isinstance(clock, ExerciseClock):
        mark_pages(server, dash_app.context, clock)
    public.register(server, store, settings, clock=clock)
    return dash_app, server


def serve_web(settings: Settings) -> int:
    """Serve until told to stop."""
    from pages.serve import serve

    return serve(lambda: build_web(settings)[1], settings)


def run_engine(settings: Settings, stop: threading.Event) -> int:
    """Schedule, ingest and rules, while this process leads."""
    from alerts.evaluate import evaluate_all
    from alerts.pack import builtin_paths, read_paths
    from alerts.running import RunningRules
    from data.store.exercise import refuse_exercise
    from data.store.snapshot import evaluation_picture
    from ingest import build_sources
    from ingest.schedule import Engine

    store = open_migrated(settings.url)
    refuse_exercise(store)
    rules, faults = read_paths((*builtin_paths(), *settings.rule_paths))
    for fault in faults:  # the other rules go on; the watchdog tells of these
        print(f"rule file: {fault}", file=sys.stderr, flush=True)
    running = RunningRules(rules)

    issue = _standing_orders(settings, store)

    def evaluate(now: datetime, epoch: int) -> None:
        with evaluation_picture(store, now, epoch=epoch) as picture:
            evaluate_all(picture, settings.home, settings.base_dir, running(picture), now, epoch=epoch)
        issue(now, epoch)

    engine = Engine(
        settings,
        store,
        build_sources(settings),
        evaluate,
        field_work=_field_work(settings, store),
        period=RULE_PERIOD,
    )
    engine.run_forever(stop)
    return 0


def _standing_orders(settings: Settings, store: Store) -> Callable[[datetime, int], object]:
    """Issue what standing orders cover of what was just proposed."""
    from access import audit
    from alerts.desk.automatic import issue_standing
    from alerts.desk.desk import Desk
    from alerts.desk.office import office_of
    from alerts.desk.signer import SignerClient
    from alerts.desk.standing import any_holds
    from alerts.routing import router
    from data.regions import load_regions

    office, signer = office_of(settings), SignerClient(settings.home)

    def issue(now: datetime, epoch: int) -> object:
        if not any_holds(store, now):
            return 0
        desk = Desk(office=office, index=load_regions(settings.base_dir), audit=audit.append)
        return issue_standing(store, desk, signer=signer, router=router(settings), now=now, epoch=epoch)

    return issue


def _field_work(settings: Settings, store: Store) -> dict[str, Callable[[datetime, int], int]]:
    """What the engine computes from stored fields: derived quantities, then the histories of regions."""
    from layers.derivations import switched_on
    from layers.derive import Deriver
    from layers.region_history import Histories

    deriver = Deriver(store, settings.home, switched_on(settings.derive_off))
    histories = Histories(store, settings.home, settings.base_dir)
    return {
        "derived quantities": lambda now, epoch: deriver.work(now, epoch=epoch),
        "region histories": lambda now, epoch: histories.work(now, epoch=epoch),
    }


def run_dispatch(settings: Settings, stop: threading.Event) -> int:
    """Send what is queued, watch the engine from outside, and tell the operator what is wrong."""
    from alerts.channels.allowed import exercise_ways
    from alerts.dispatch import run
    from data.store.exercise import clock_of, refuse_exercise, scenario_of
    from ingest.http import Http

    store = open_migrated(settings.url)
    clock = clock_of(store)
    exercise = bool(scenario_of(clock))
    if exercise and not exercise_ways(settings):
        refuse_exercise(store)
    post = Http(allow_hosts=settings.allow_hosts, source="dispatch").post
    media = _media(settings)
    chores = (_sign_waiting(settings, store, exercise=exercise), lambda now: media.work(store, settings.home, now))
    watch = _watch(settings, store) if not exercise else lambda _now: {}
    _keep_anchors(settings, store, stop)
    if not exercise:
        _exchange(settings, store, stop)
    try:
        return run(store, settings, post, stop, exercise=exercise, clock=clock, watch=watch, chores=chores)
    finally:
        media.stop()


def _keep_anchors(settings: Settings, store: Store, stop: threading.Event) -> None:
    """Heads of the audit chain go elsewhere from a thread of their own: a dead mount holds nothing else up."""
    from access.anchors import keep_forever

    if settings.audit_anchor is not None:
        work = (store, settings.audit_anchor, stop, utc_now)
        threading.Thread(target=keep_forever, args=work, name="anchors", daemon=True).start()


def _exchange(settings: Settings, store: Store, stop: threading.Event) -> None:
    """Visit other Tocsins, and bring onto the map what people want there: each in a thread that holds nothing up."""
    from access import audit
    from alerts.hold import holds
    from layers.survey import serving
    from layers.survey.exchange import rounds
    from layers.survey.exchange.office import Desk

    def held() -> bool:
        with store.read() as connection:  # a restored copy knows less of what has crossed than the others do
            return any(row.before_at is None for row in holds(connection))

    def command(number: int, by: str) -> list[str]:
        return [sys.executable, str(ROOT / "app.py"), "survey", "serve", str(number), "--by", by]

    desk = Desk(store, settings.home, settings.exchange, audit.append)
    works = [partial(serving.keep_forever, store, command, stop, utc_now)]
    works += [
        partial(rounds.keep_forever, desk, name, _ask_of(peer.url), stop, utc_now, held)
        for name, peer in settings.exchange.peers.items() if peer.every is not None
    ]  # fmt: skip
    for work in works:
        threading.Thread(target=work, name="exchange", daemon=True).start()


def _ask_of(url: str) -> Any:
    """Requests to the one address of a peer."""
    from urllib.parse import urlsplit

    from ingest.http import Http

    return Http(allow_hosts=(urlsplit(url).netloc,), source="exchange").ask


def _media(settings: Settings) -> Producer:
    """Posters, sound and videos of what is issued, by a process of their own."""
    from alerts.desk.office import office_of
    from alerts.media.produce import Producer

    office = office_of(settings)
    return Producer(settings.base_dir, office=office.sender_name, public_url=office.public_url)


def _sign_waiting(settings: Settings, store: Store, *, exercise: bool) -> Callable[[datetime], object]:
    """Try again to sign what was approved while the signer could not."""
    from access import audit
    from alerts.desk.desk import Desk
    from alerts.desk.office import office_of
    from alerts.desk.signer import SignerClient
    from alerts.desk.waiting import any_waits, sign_waiting
    from alerts.routing import router
    from data.regions import load_regions

    office, signer = office_of(settings, exercise=exercise), SignerClient(settings.home)

    def work(now: datetime) -> object:
        if not any_waits(store):
            return 0
        desk = Desk(office=office, index=load_regions(settings.base_dir), audit=audit.append)
        return sign_waiting(store, desk, signer=signer, router=router(settings, exercise=exercise), now=now)

    return work


def _watch(settings: Settings, store: Store) -> Callable[[datetime], dict[str, dict[str, Any]]]:
    """What has stopped: the engine, rules, feeds, the disk."""
    from alerts.pack import builtin_paths, read_paths
    from alerts.running import RunningRules
    from alerts.watchdog import find_causes, read_facts

    rules, found = read_paths((*builtin_paths(), *settings.rule_paths))
    running, faults = RunningRules(rules), [str(fault) for fault in found]
    expected: dict[str, datetime] = {}  # rules that ought to run, and since when

    def look(now: datetime) -> dict[str, dict[str, Any]]:
        today = {item.rule.key for item in running(store) if item.rule.enabled and item.rule.in_force(now.date())}
        kept = {key: expected.get(key, now) for key in today}
        expected.clear()
        expected.update(kept)
        facts = read_facts(store, rule_faults=[*faults, *running.faults], home=settings.home, rules=kept)
        return find_causes(facts, now=now, period=RULE_PERIOD, patience=FEED_PATIENCE)

    return look


def run_signer(settings: Settings, stop: threading.Event) -> int:
    """Sign approved warnings with the key that only this process reads; made here at the first start."""
    from alerts.desk.key import ensure_key
    from alerts.desk.office import office_of
    from alerts.desk.signer import serve
    from data.store.exercise import read_exercise

    store = open_migrated(settings.url)
    with store.read() as connection:
        exercise = read_exercise(connection) is not None
    store.close()
    office = office_of(settings, exercise=exercise)
    if ensure_key(settings.home, office, utc_now()):
        print("The signer has made a key and a certificate of its own.", flush=True)
    serve(settings.home, office, stop, utc_now)
    return 0


def run_everything(settings: Settings) -> int:
    """Web, engine, dispatch and the signer, supervised by this process."""
    from access.first_run import ensure_first_run
    from data.store.exercise import refuse_exercise
    from data.supervise import supervise
    from ingest import build_sources

    build_sources(settings)  # a fault in the configuration ends this here, not each process again and again
    store = open_migrated(settings.url)
    refuse_exercise(store)
    token = ensure_first_run(store, utc_now())
    store.close()
    address = f"http://{settings.host}:{settings.port}"
    if token:
        print(
            f"First run: open {address}/first-run/{token} to create the administrator (valid 24 hours).", flush=True
        )
    print(f"Tocsin is starting on {address}", flush=True)
    script = str(ROOT / "app.py")
    commands = {name: [sys.executable, script, name] for name in ("web", "engine", "dispatch", "signer")}
    return supervise(commands, lambda line: print(line, file=sys.stderr, flush=True))


def run_doctor(settings: Settings, as_json: bool) -> int:
    """What is missing or wrong, and how to mend it."""
    from data.setup.doctor import report

    return report(settings, as_json)


def _copy_book(settings: Settings) -> Book:
    """Where copies of survey records are entered, with the key of their marks."""
    from access.keys import read_keys
    from layers.survey.marks.book import Book

    return Book(open_migrated(settings.url), read_keys(settings.home).mark.encode())


def _until_stopped() -> threading.Event:
    import signal

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _own_arguments(commands: Any) -> None:
    """Commands without a module of their own."""
    for name, text in (
        ("web", "serve the pages only"),
        ("engine", "run schedule, ingest and rules only"),
        ("dispatch", "run the watchdog and deliveries only"),
        ("signer", "run the signer of warnings only"),
    ):
        commands.add_parser(name, help=text)
    doctor = commands.add_parser("doctor", help="what is missing or wrong, and how to mend it")
    doctor.add_argument("--json", action="store_true")
    ingest = commands.add_parser("ingest", help="one run of a source")
    ingest.add_argument("source")
    ingest.add_argument("--from", dest="origin", metavar="PATH|URL")
    ingest.add_argument("--at", metavar="TIME", help="received time to record, default now")
    ingest.add_argument("--json", action="store_true")
    rules = commands.add_parser("rules", help="rule packs").add_subparsers(dest="action", required=True)
    check = rules.add_parser("check", help="every fault of rule files at once, with line numbers")
    check.add_argument("paths", nargs="+", type=Path)
    check.add_argument("--json", action="store_true")
    evaluate = commands.add_parser("evaluate", help="levels and the why, without writing")
    evaluate.add_argument("--at", metavar="TIME")
    evaluate.add_argument("--rules", type=Path, action="append", default=[])
    evaluate.add_argument("--region", metavar="CODE")
    evaluate.add_argument("--json", action="store_true")
    for name, text in (("backup", "a copy of the store"), ("restore", "bring a copy back; deliveries are held then")):
        commands.add_parser(name, help=text).add_argument("path", type=Path)


def _user_arguments(commands: Any) -> None:
    from access.command import add_arguments

    add_arguments(commands.add_parser("user", help="accounts").add_subparsers(dest="action", required=True))


def _past_arguments(commands: Any) -> None:
    from pages.past import command, proving

    command.add_arguments(commands)
    proving.add_arguments(commands)


def _mute_arguments(commands: Any) -> None:
    from alerts import mute_command

    mutes = commands.add_parser("mute", help="hold proposals back for a time")
    mute_command.add_arguments(mutes.add_subparsers(dest="action", required=True))


def _recipients_arguments(commands: Any) -> None:
    from alerts import recipients_command

    recipients = commands.add_parser("recipients", help="who is to hear of warnings")
    recipients_command.add_arguments(recipients.add_subparsers(dest="action", required=True))
    recipients_command.add_resume(commands.add_parser("resume", help="let go deliveries that are held"))


def _cap_arguments(commands: Any) -> None:
    from alerts.cap import command

    command.add_arguments(
        commands.add_parser("cap", help="CAP messages").add_subparsers(dest="action", required=True)
    )


def _survey_arguments(commands: Any) -> None:
    from ingest.survey_load import command as load_command
    from layers.survey import command as survey_command
    from layers.survey.inspect import command as inspect_command

    survey = commands.add_parser("survey", help="survey records").add_subparsers(dest="action", required=True)
    for module in (survey_command, load_command, inspect_command):
        module.add_arguments(survey)


def _exchange_arguments(commands: Any) -> None:
    from layers.survey.exchange import command

    exchange = commands.add_parser("exchange", help="survey deliveries to and from other Tocsins")
    command.add_arguments(exchange.add_subparsers(dest="action", required=True))


def _evidence_arguments(commands: Any) -> None:
    from alerts.evidence import command

    command.add_arguments(commands)


def _audit_arguments(commands: Any) -> None:
    from access import audit_command

    chain = commands.add_parser("audit", help="the audit chain")
    audit_command.add_arguments(chain.add_subparsers(dest="action", required=True))


PAST = ("replay", "scenario", "record", "demo", "drill", "debrief", "play", "backtest", "truth")
# Names of commands and what lists them: a process reads the modules of its own command only, which saves it seconds.
COMMANDS: tuple[tuple[tuple[str, ...], Callable[[Any], None]], ...] = (
    (("", "web", "engine", "dispatch", "signer", "doctor", "ingest", "rules", "evaluate", "backup", "restore"),
     _own_arguments),
    (("user",), _user_arguments),
    (PAST, _past_arguments),
    (("mute",), _mute_arguments),
    (("recipients", "resume"), _recipients_arguments),
    (("cap",), _cap_arguments),
    (("survey",), _survey_arguments),
    (("exchange",), _exchange_arguments),
    (("evidence",), _evidence_arguments),
    (("audit",), _audit_arguments),
)  # fmt: skip


def parser(word: str | None = None) -> argparse.ArgumentParser:
    """The command line, as the documents list it; for a word that is a command, its own part of it."""
    top = argparse.ArgumentParser(prog="app.py", description="Multi-hazard watch and early warning")
    commands = top.add_subparsers(dest="command")
    own = [add for names, add in COMMANDS if word in names]
    for add in own or [add for _, add in COMMANDS]:
        add(commands)
    return top


def run_command(options: argparse.Namespace, settings: Settings) -> int:
    """Carry out one parsed command."""
    match options.command:
        case None:
            return run_everything(settings)
        case "web":
            return serve_web(settings)
        case "engine":
            return run_engine(settings, _until_stopped())
        case "dispatch":
            return run_dispatch(settings, _until_stopped())
        case "signer":
            return run_signer(settings, _until_stopped())
        case "doctor":
            return run_doctor(settings, options.json)
        case "ingest":
            from ingest.command import main as ingest_main

            refuse_in_exercise(settings)
            return ingest_main(settings, options.source, options.origin, options.json, _time(options.at))
        case "rules":
            from alerts.command import check_main
            from alerts.known import facts_of

            return check_main(options.paths, options.json, facts_of(None, settings.base_dir, utc_now()))
        case "evaluate":
            from alerts.command import evaluate_main
            from alerts.pack import builtin_paths

            paths = options.rules or [*builtin_paths(), *settings.rule_paths]
            now, decided = _time(options.at) or _now_in(settings), not options.rules
            return evaluate_main(settings, paths, now, options.region, options.json, decided=decided)
        case "replay" | "scenario" | "record" | "demo" | "drill" | "debrief" | "play":
            from pages.past import command as past_command

            return past_command.main(options, settings)
        case "mute":
            return run_mute(options, settings)
        case "survey" if options.action in ("load", "serve", "describe", "catalogue"):
            return run_survey_load(options, settings)
        case "survey" if options.action in ("inspect", "expect", "sample"):
            return run_inspection(options, settings)
        case "survey" if options.action == "compare":
            from layers.survey.command import read_schema
            from layers.survey.compare_command import main as compare_main

            return compare_main(options, read_schema, lambda: (open_migrated(settings.url), settings.home))
        case "survey":
            from layers.survey.command import main as survey_main

            return survey_main(options, lambda: _copy_book(settings))
        case "exchange":
            return run_exchange(options, settings)
        case "recipients" | "resume":
            return run_recipients(options, settings)
        case "backup" | "restore":
            return run_copy(options, settings)
        case "cap":
            from alerts.cap.command import check_main as cap_main

            return cap_main(options, now=utc_now(), locale=settings.locale)
        case "evidence":
            return run_evidence(options, settings)
        case "backtest" | "truth":
            from pages.past import proving

            return proving.main(options, settings)
        case "user":
            from access.command import main as user_main

            return user_main(open_migrated(settings.url), options, settings)
        case _:
            from access import audit_command

            return audit_command.main(open_migrated(settings.url), options, settings)


def _now_in(settings: Settings) -> datetime:
    """The time that this home goes by: in an exercise that of its scenario."""
    from data.store.exercise import clock_of

    store = open_migrated(settings.url)
    try:
        return clock_of(store)()
    finally:
        store.close()


def refuse_in_exercise(settings: Settings) -> None:
    """End a command that would bring real data into an exercise, and the time of now with them."""
    from data.store.exercise import refuse_exercise

    store = open_migrated(settings.url)
    try:
        refuse_exercise(store)
    finally:
        store.close()


def run_recipients(options: argparse.Namespace, settings: Settings) -> int:
    """Lists of recipients, and deliveries that are held."""
    from access import audit
    from alerts.recipients_command import recipients_main, resume_main
    from data.regions import load_regions
    from data.store.exercise import clock_of

    store = open_migrated(settings.url)
    now = clock_of(store)()
    if options.command == "resume":
        return resume_main(store, options, now=now, audit=audit.append)
    return recipients_main(store, options, index=load_regions(settings.base_dir), now=now, audit=audit.append)


def run_survey_load(options: argparse.Namespace, settings: Settings) -> int:
    """A delivery of survey records into the catalogue, and from there into the store of its dataset."""
    from access import audit
    from ingest.survey_load.command import BY
    from ingest.survey_load.command import main as load_main
    from layers.survey.served import serve_delivery

    store = open_migrated(settings.url)
    if options.action in ("load", "serve"):
        refuse_in_exercise(settings)

    def serve(number: int, progress: Any) -> Any:
        def report(phase: str, done: int, total: int) -> None:
            progress.say(f"{phase}: {done} of {total}")

        return serve_delivery(
            store, settings.home, number, at=utc_now(), by=getattr(options, "by", BY), workers=options.workers,
            report=report,
        )  # fmt: skip

    return load_main(options, lambda: store, settings.home, clock=utc_now, audit=audit.append, serve=serve)


def run_inspection(options: argparse.Namespace, settings: Settings) -> int:
    """Rules over a delivery, expected counts, and samples; the operator may do all of it."""
    from access import audit
    from data.store.exercise import clock_of
    from layers.survey.inspect.command import main as inspect_main
    from layers.survey.inspect.desk import Office

    store = open_migrated(settings.url)
    office = Office(store, settings.home, settings.base_dir, audit.append, may=lambda _roles, _action: True)
    return inspect_main(options, office, clock_of(store)(), zone=settings.zone, locale=settings.locale)


def run_exchange(options: argparse.Namespace, settings: Settings) -> int:
    """Deliveries to and from other Tocsins; of the network only the addresses of the peers are used."""
    from access import audit
    from layers.survey.exchange.command import main as exchange_main
    from layers.survey.exchange.office import Desk

    refuse_in_exercise(settings)
    desk = Desk(open_migrated(settings.url), settings.home, settings.exchange, audit.append)
    return exchange_main(options, desk, _ask_of, utc_now)


def run_copy(options: argparse.Namespace, settings: Settings) -> int:
    """Copy the store, or bring a copy back: then nothing that waited in it leaves before a person resumes."""
    from access import audit
    from alerts.hold import hold
    from data.store import backup

    now, path = utc_now(), options.path
    if options.command == "backup":
        print(f"{path}: {backup.backup(open_migrated(settings.url), path) / 1e6:.1f} MB")
        return 0

    def prepare(connection: Any) -> None:
        hold(connection, by="restore", why=f"restored from {path.name}", now=now)
        audit.append(connection, at=now, actor="command line", action="store restore", object=path.name)

    before = backup.restore(settings.url, path, prepare, now=now)
    print(f"restored; the store before is {before}" if before else "restored")
    print("Deliveries are held: look at what waits, then run `python app.py resume`.")
    return 0


def run_evidence(options: argparse.Namespace, settings: Settings) -> int:
    """Write all that a warning stands on into one file, or check such a file."""
    from access import audit
    from alerts.evidence.command import make_command, verify_command
    from api.evidence import anchors_in
    from data.store.exercise import clock_of

    if options.what == "verify":
        return verify_command(options)
    store = open_migrated(settings.url)
    return make_command(
        store, settings.home, settings.base_dir, options, now=clock_of(store)(), actor="command line",
        audit=audit.append, anchors=anchors_in(settings.audit_anchor),
    )  # fmt: skip


def run_mute(options: argparse.Namespace, settings: Settings) -> int:
    """Hold proposals back, show what is held back, or end it; each change is in the audit chain."""
    from access import audit
    from alerts.mute_command import mute_main
    from alerts.pack import builtin_paths, read_paths
    from alerts.running import RunningRules
    from data.regions import load_regions
    from data.store.exercise import clock_of

    store, (files, _) = open_migrated(settings.url), read_paths((*builtin_paths(), *settings.rule_paths))
    rules, now = RunningRules(files)(store), clock_of(store)()  # in an exercise by its own clock
    index = load_regions(settings.base_dir)
    return mute_main(store, options, rules=rules, index=index, now=now, audit=audit.append)


def _time(text: str | None) -> Any:
    try:
        return parse_time(text) if text else None
    except ValueError as error:
        raise ConfigError([f"--at: {error}"]) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; every failure is one clear line and a status other than 0."""
    words = sys.argv[1:] if arguments is None else arguments
    options = parser(words[0] if words else "").parse_args(words)
    try:
        return run_command(options, read_settings(os.environ))
    except ConfigError as error:
        print("\n".join(f"configuration: {fault}" for fault in error.faults), file=sys.stderr)
        return 2
    except TocsinError as error:
        print(str(error), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
