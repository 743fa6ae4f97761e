"""Composition of replay, demonstration, drill and recording: where the scenario meets feeds, rules and pages.

Beside `app.py`, which it is a part of: `ingest` and `alerts` do not know each other, and only here are both.
"""

from __future__ import annotations

import argparse
import bisect
import json
import os
import secrets
import shutil
import signal
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from data.clock import iso, parse_duration, parse_time, utc_now
from data.errors import ConfigError, StoreError
from data.settings import Settings

if TYPE_CHECKING:
    from alerts.pack import PackRule
    from alerts.replay import Replayer
    from alerts.scenario import Delivery, Scenario
    from data.store.held import HeldStore

KEPT, PLAN = "scenario.zip", "exercise.json"
DEMO_PERSON, DEMO_ROLES = "demo@localhost.example", ("admin", "duty", "planner", "viewer")


def find_scenario(named: str, out: Path) -> Path:
    """The zip of a scenario: a file as it is, or made at `out` from sources: a folder, or a name."""
    from alerts.scenario_build import BUILTIN, build

    path = Path(named)
    if path.is_file():
        return path
    source = path if path.is_dir() else BUILTIN / named
    if not (source / "scenario.yaml").is_file():
        there = ", ".join(sorted(item.parent.name for item in BUILTIN.glob("*/scenario.yaml")))
        raise ConfigError([f"no scenario {named!r}; a zip, a folder, or one of {there}"])
    return build(source, out)


def settings_of(settings: Settings, home: Path, scenario: Scenario) -> Settings:
    """The settings of an exercise: a home and a database of its own, the scenario's feeds, and no way out."""
    feeds = scenario.unpack_files(home / "files")
    return replace(settings, home=home, database_url="", sources=feeds, webhooks=(), allow_hosts=())


def rules_of(settings: Settings, scenario: Scenario) -> tuple[PackRule, ...]:
    """The rules that the scenario names, or all; those that it switches on are on.

    Raises
    ------
    ConfigError
        For a pack or rule that is not there.
    """
    from alerts.pack import PACKS, builtin_paths, read_paths

    head = scenario.head
    paths = [PACKS / name for name in head.rules] if head.rules else list(builtin_paths())
    rules, faults = read_paths((*paths, *(() if head.rules else settings.rule_paths)))
    if faults:
        raise ConfigError([str(fault) for fault in faults])
    missing = set(head.switch_on) - {item.rule.key for item in rules}
    if missing:
        raise ConfigError([f"switch_on: no rule {', '.join(sorted(missing))}"])
    return tuple(
        replace(item, rule=item.rule.model_copy(update={"enabled": True}))
        if item.rule.key in head.switch_on
        else item
        for item in rules
    )


@dataclass
class Carrier:
    """Takes the payloads of deliveries out of the zip and stores them as the live runner does."""

    settings: Settings
    held: HeldStore
    scenario: Scenario

    def __post_init__(self) -> None:
        from data.store.archive import Archive
        from ingest import build_sources

        self.sources = {source.spec.key: source for source in build_sources(self.settings)}
        self.archive = Archive(self.settings.home / "payloads")
        self.zip = zipfile.ZipFile(self.scenario.path)
        self.times: dict[str, list[datetime]] = {}
        for item in self.scenario.deliveries:
            self.times.setdefault(item.source, []).append(item.at)

    def __call__(self, delivery: Delivery, epoch: int) -> None:
        from data.model import Payload
        from data.store.runs import set_state
        from ingest.recorded import deliver
        from ingest.runner import Desk

        desk = Desk(
            store=self.held, archive=self.archive, home=self.settings.home, clock=lambda: delivery.at, epoch=epoch
        )
        payloads = [
            Payload(
                source=delivery.source, body=self.zip.read(part.path), received_at=part.received_at, url=part.url,
                name=part.name, media_type=part.media_type,
            )
            for part in delivery.parts
        ]  # fmt: skip
        deliver(self.sources[delivery.source], desk, payloads, outcome=delivery.outcome, reason=delivery.reason)
        times = self.times[delivery.source]
        following = bisect.bisect_right(times, delivery.at)
        due_at = times[following] if following < len(times) else None
        with self.held.write(epoch=epoch) as connection:
            set_state(connection, delivery.source, next_run_at=due_at)


@contextmanager
def replayer(
    settings: Settings, scenario: Scenario, stopped: Callable[[], bool], *, rules: Sequence[PackRule] | None = None
) -> Iterator[Replayer]:
    """A replay in the home of these settings, while nobody else plays there."""
    from alerts.replay import Replayer, held
    from data.store.engine import open_store
    from data.store.leader import try_lead
    from data.store.migrate import migrate
    from ingest import build_sources, configured_feeds
    from ingest.schedule import prepare_states

    played = rules_of(settings, scenario) if rules is None else rules
    store = held(open_store(settings.url))
    store.wait_ready()
    migrate(store)
    leadership = try_lead(store, settings.home, now=scenario.head.begin)
    if leadership is None:
        raise StoreError(f"another process is playing in {settings.home}")
    try:
        begin = scenario.head.begin
        prepare_states(store, build_sources(settings), configured_feeds(settings), leadership.epoch, begin)
        yield Replayer(
            held=store, home=settings.home, base_dir=settings.base_dir, scenario=scenario, rules=played,
            deliver=Carrier(settings, store, scenario), epoch=leadership.epoch, works=works_of(settings, store),
            stopped=stopped, told=_teller(scenario),
        )  # fmt: skip
    finally:
        leadership.release()
        store.close()


def works_of(settings: Settings, store: HeldStore) -> Sequence[Callable[[datetime, int], int]]:
    from layers.derivations import switched_on
    from layers.derive import Deriver
    from layers.region_history import Histories

    deriver = Deriver(store, settings.home, switched_on(settings.derive_off))
    histories = Histories(store, settings.home, settings.base_dir)
    return (
        lambda now, epoch: deriver.work(now, epoch=epoch),
        lambda now, epoch: histories.work(now, epoch=epoch),
    )


def _teller(scenario: Scenario) -> Callable[[datetime], None]:
    """How far it is, on a terminal."""
    begin, end = scenario.head.begin, scenario.head.end
    if not sys.stderr.isatty():
        return lambda _at: None

    def tell(at: datetime) -> None:
        share = (at - begin) / (end - begin)
        print(f"\r{share:4.0%} {at:%Y-%m-%d %H:%M:%SZ}", end="", file=sys.stderr, flush=True)

    return tell


def run_replay(
    settings: Settings,
    named: str,
    *,
    home: Path | None,
    speed: float,
    until: datetime | None,
    resume: bool,
    as_json: bool,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """`replay`: play a scenario to its end, or to `until`, and print what came of it."""
    from alerts.replay_result import replay_result
    from alerts.scenario import read_scenario

    folder = home or settings.home / "replays" / Path(named).stem
    _check_home(folder, resume)
    scenario = read_scenario(folder / KEPT if resume else _keep(find_scenario(named, folder / KEPT), folder))
    end = _until(scenario, until)
    own = settings_of(settings, folder, scenario)
    began = time.monotonic()
    with replayer(own, scenario, stopped) as player:
        before = player.prepare("replay", end, speed)
        if before.digest != scenario.digest:
            raise ConfigError([f"{folder} holds a replay of another scenario"])
        finished = player.run(end, paced=speed > 0)
        seconds = time.monotonic() - began
        result = replay_result(player.held, own.base_dir, scenario.head.counts_from)
    played_s = (end - (before.at or scenario.head.begin)).total_seconds()
    result |= {"home": str(folder), "seconds": round(seconds, 2), "times_real_time": round(played_s / seconds, 1)}
    print(json.dumps(result, ensure_ascii=False) if as_json else told(result))
    return 0 if finished else 1


def _check_home(folder: Path, resume: bool) -> None:
    """A replay begins in an empty home: nothing that is there is ever taken away."""
    if resume and not (folder / KEPT).is_file():
        raise ConfigError([f"--resume: no replay is under way in {folder}"])
    if not resume and folder.exists() and any(folder.iterdir()):
        raise ConfigError([f"{folder} is not empty: name another --home, go on with --resume, or remove it"])


def _keep(path: Path, folder: Path) -> Path:
    """The scenario beside its replay, so that it can go on though the file has moved."""
    kept = folder / KEPT
    if path != kept:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{KEPT}.partial"
        partial.write_bytes(path.read_bytes())
        partial.replace(kept)
    return kept


def _until(scenario: Scenario, until: datetime | None) -> datetime:
    head = scenario.head
    if until is not None and not head.begin < until <= head.end:
        raise ConfigError([f"--until: after {head.begin.isoformat()} and not after {head.end.isoformat()}"])
    return until or head.end


def told(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [f"{result['scenario']}: {result['from']} to {result['at']}"]
    for name, feed in result["feeds"].items():
        lines.append(f"  {name}: {feed['runs']} runs, {feed['stored']} stored, {feed['rejected']} rejected")
    for item in result["proposals"]:
        regions = ", ".join(item["regions"][:6]) + (" …" if len(item["regions"]) > 6 else "")
        lines.append(f"{item['created_at']} {item['level']:7}{item['reason']:10} {item['rule']}: {regions}")
    lines.append(f"{len(result['transitions'])} transitions, {len(result['proposals'])} proposals")
    lines.append(f"{result['seconds']} s, {result['times_real_time']} times real time, in {result['home']}")
    return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the playing process of an exercise is told, through a file in its home."""

    speed: float
    fast_until: str
    live_url: str  # the store whose enabled rules are used; empty for those of the files

    def write(self, home: Path) -> None:
        (home / PLAN).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, home: Path) -> Plan:
        return cls(**json.loads((home / PLAN).read_text(encoding="utf-8")))


def run_exercise(settings: Settings, options: argparse.Namespace) -> int:
    """`demo` and `drill`: pages and a playing engine over a home of their own, until told to stop."""
    from alerts.scenario import read_scenario
    from data.supervise import supervise

    drill = options.command == "drill"
    name = Path(options.scenario).stem
    home = options.home or (_drill_home(settings, name) if drill else settings.base_dir.parent / "demo" / name)
    if not drill and options.home is None:
        shutil.rmtree(home, ignore_errors=True)  # a demonstration of before: nothing else is ever written there
    _check_home(home, resume=False)
    scenario = read_scenario(_keep(find_scenario(options.scenario, home / KEPT), home))
    begin = _time("--begin", options.begin) or (None if drill else scenario.head.show_from)
    own = settings_of(settings, home, scenario)
    plan = Plan(
        speed=options.speed, fast_until=iso(begin) if begin else "", live_url=settings.url if drill else ""
    )  # fmt: skip
    plan.write(home)
    _write_settings(own, settings, scenario, options.port or settings.port)
    with replayer(own, scenario, lambda: False) as player:
        player.prepare(options.command, scenario.head.end, options.speed)
        greeting = _copy_accounts(settings, own) if drill else _demo_account(own)
    print(f"{scenario.head.title.en} on http://{own.host}:{options.port or settings.port}", flush=True)
    print(greeting, flush=True)
    script = str(Path(__file__).resolve().with_name("app.py"))
    environ = {key: value for key, value in os.environ.items() if not key.startswith("TOCSIN_")}
    os.environ.clear()
    os.environ.update(environ | {"TOCSIN_HOME": str(home), "TOCSIN_BASE_DIR": str(settings.base_dir)})
    commands = {name: [sys.executable, script, name] for name in ("play", "web")}
    return supervise(commands, lambda line: print(line, file=sys.stderr, flush=True))


def _drill_home(settings: Settings, name: str) -> Path:
    return settings.home / "drills" / f"{name}-{utc_now():%Y%m%dT%H%M%SZ}"


def _write_settings(own: Settings, live: Settings, scenario: Scenario, port: int) -> None:
    """The settings of the exercise's processes: no way out, no recipients."""
    zone = scenario.head.zone if str(live.zone) == "UTC" and scenario.head.zone else str(live.zone)
    document = {
        "sources": [dict(feed) for feed in own.sources], "zone": zone, "locale": live.locale, "host": live.host,
        "port": port, "web_workers": 1, "packs": list(live.packs), "behind_tls": live.behind_tls,
        "proxy_hops": live.proxy_hops,
    }  # fmt: skip
    (own.home / "tocsin.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")


def _demo_account(own: Settings) -> str:
    """An account for whoever sits at this machine, with a password that is printed once."""
    from access import accounts, passwords
    from access.keys import read_keys
    from data.store.engine import open_store

    password = secrets.token_urlsafe(12)
    hashed = passwords.hash_password(password, read_keys(own.home).password_salt)
    store = open_store(own.url)
    with store.write() as connection:
        accounts.create(
            connection, email=DEMO_PERSON, name="Demo", password_hash=hashed, roles=DEMO_ROLES, at=utc_now()
        )  # fmt: skip
    store.close()
    return f"Sign in as {DEMO_PERSON} with the password {password}"


def _copy_accounts(live: Settings, own: Settings) -> str:
    """The accounts of the office, so that people sign in to a drill as they are used to."""
    import sqlalchemy as sa

    from access.keys import read_keys
    from data.store.engine import open_store
    from data.store.tables import role, user, user_role

    read_keys(live.home), read_keys(own.home)
    salt = own.home / "secrets" / "password_salt"
    salt.write_text((live.home / "secrets" / "password_salt").read_text(encoding="ascii"), encoding="ascii")
    source, target = open_store(live.url), open_store(own.url)
    with source.read() as reading, target.write() as writing:
        for table in (user, role, user_role):
            writing.execute(table.delete())
            rows = [dict(row._mapping) for row in reading.execute(sa.select(table))]
            if rows:
                writing.execute(table.insert(), rows)
        count = len(reading.execute(sa.select(user.c.id)).all())
    source.close()
    target.close()
    return f"{count} accounts of the office can sign in; administrators pause it and take its log"


def run_play(settings: Settings, stopped: threading.Event) -> int:
    """`play`: the engine of an exercise in this home, by its clock; it stays when the scenario is at its end."""
    from alerts.scenario import read_scenario

    scenario, plan = read_scenario(settings.home / KEPT), Plan.read(settings.home)
    rules = rules_of(settings, scenario)
    if plan.live_url:
        from alerts.running import RunningRules
        from data.store.engine import open_store

        live = open_store(plan.live_url)
        switched_on = set(scenario.head.switch_on)
        rules = tuple(
            replace(item, rule=item.rule.model_copy(update={"enabled": True}))
            if item.rule.key in switched_on
            else item
            for item in RunningRules(rules)(live)
        )
        live.close()
    with replayer(settings, scenario, stopped.is_set, rules=rules) as player:
        fast_until = parse_time(plan.fast_until) if plan.fast_until else None
        player.run(scenario.head.end, fast_until=fast_until, paced=True)
    stopped.wait()
    return 0


def run_debrief(options: argparse.Namespace) -> int:
    """`debrief`: the log of an exercise as CSV or JSON."""
    from api.exercise import as_csv
    from data.store.debrief import debrief
    from data.store.engine import open_store

    if not (options.home / "tocsin.db").is_file():
        raise ConfigError([f"no exercise was held in {options.home}"])
    store = open_store(f"sqlite:///{options.home / 'tocsin.db'}")
    with store.read() as connection:
        rows = debrief(connection)
    store.close()
    if options.json:
        print(json.dumps(rows, ensure_ascii=False))
    elif options.out:
        options.out.write_bytes(as_csv(rows))
        print(f"{len(rows)} lines in {options.out}")
    else:
        sys.stdout.write(as_csv(rows).decode("utf-8-sig"))
    return 0


def add_arguments(commands: Any) -> None:
    """Add the commands of this module to the command line."""
    replay = commands.add_parser("replay", help="play a scenario through the live code, into a home of its own")
    replay.add_argument("scenario", help="a zip, a folder of sources, or the name of one that comes with the house")
    replay.add_argument("--speed", type=_speed, default=0.0, metavar="N", help="1 to 3600; 0: as fast as possible")
    replay.add_argument("--until", metavar="TIME")
    replay.add_argument("--home", type=Path, metavar="DIR", help="an empty folder, or that of a replay under way")
    replay.add_argument("--resume", action="store_true", help="go on with a replay that was interrupted")
    replay.add_argument("--json", action="store_true")
    record = commands.add_parser("record", help="make a scenario of what was received")
    record.add_argument("--from", dest="begin", required=True, metavar="TIME")
    record.add_argument("--to", dest="end", required=True, metavar="TIME")
    record.add_argument(
        "--lead", default="1 d", metavar="DURATION", help="how much before it, to warm up; 0 for none"
    )
    record.add_argument("--name", default="recorded")
    record.add_argument("--out", type=Path, required=True, metavar="FILE")
    record.add_argument("--json", action="store_true")
    scenario = commands.add_parser("scenario", help="scenarios").add_subparsers(dest="action", required=True)
    build = scenario.add_parser("build", help="make the zip of a folder of sources")
    build.add_argument("scenario")
    build.add_argument("--out", type=Path, required=True, metavar="FILE")
    build.add_argument("--json", action="store_true")
    _add_exercises(commands)


def _add_exercises(commands: Any) -> None:
    texts = {"demo": "a scenario on the pages, for a look around", "drill": "a scenario for the people of the office"}
    for name, text in texts.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("scenario", nargs="?" if name == "demo" else None, default="zhengzhou_2021")
        command.add_argument("--speed", type=_pace, default=60.0 if name == "demo" else 1.0, metavar="N")
        command.add_argument("--begin", metavar="TIME", help="up to here as fast as possible")
        command.add_argument("--port", type=int)
        command.add_argument("--home", type=Path, metavar="DIR", help="an empty folder")
    debriefing = commands.add_parser("debrief", help="the log of an exercise")
    debriefing.add_argument("home", type=Path)
    debriefing.add_argument("--out", type=Path, metavar="FILE")
    debriefing.add_argument("--json", action="store_true")
    commands.add_parser("play", help="the engine of a demo or drill, as those start it")


def main(options: argparse.Namespace, settings: Settings) -> int:
    """Carry out one command of this module."""
    match options.command:
        case "demo" | "drill":
            return run_exercise(settings, options)
        case "play":
            return run_play(settings, _until_stopped())
        case "debrief":
            return run_debrief(options)
    if options.command == "scenario":
        return _build(options)
    if options.command == "record":
        return _record(options, settings)
    return run_replay(
        settings, options.scenario, home=options.home, speed=options.speed, until=_time("--until", options.until),
        resume=options.resume, as_json=options.json, stopped=_until_stopped().is_set,
    )  # fmt: skip


def _record(options: argparse.Namespace, settings: Settings) -> int:
    from alerts.record import Span, record
    from data.store.engine import open_store
    from data.store.migrate import migrate

    begin, end = _time("--from", options.begin), _time("--to", options.end)
    assert begin is not None and end is not None
    if end <= begin:
        raise ConfigError(["--to: after --from"])
    try:
        lead = timedelta() if options.lead == "0" else parse_duration(options.lead)
    except ValueError as error:
        raise ConfigError([f"--lead: {error}"]) from error
    store = open_store(settings.url)
    try:
        store.wait_ready()
        migrate(store)
        span = Span(warm_from=begin - lead, begin=begin, end=end)
        facts = record(store, settings, span, options.name, options.out)
    finally:
        store.close()
    told_of = f"{facts['runs']} runs with {facts['payloads']} payloads and {facts['looks']} looks in {options.out}"
    print(json.dumps({**facts, "out": str(options.out)}) if options.json else told_of)
    return 0


def _build(options: argparse.Namespace) -> int:
    from alerts.scenario import read_scenario

    options.out.parent.mkdir(parents=True, exist_ok=True)
    made = read_scenario(find_scenario(options.scenario, options.out))
    facts = {"out": str(options.out), "deliveries": len(made.deliveries), "digest": made.digest}
    print(json.dumps(facts) if options.json else f"{facts['deliveries']} deliveries in {options.out}")
    return 0


def _speed(text: str) -> float:
    speed = float(text)
    if speed != 0 and not 0 < speed <= 3600:
        raise argparse.ArgumentTypeError("0, or above 0 and at most 3600")
    return speed


def _pace(text: str) -> float:
    speed = _speed(text)
    if speed == 0:
        raise argparse.ArgumentTypeError("above 0 and at most 3600")
    return speed


def _time(name: str, text: str | None) -> datetime | None:
    try:
        return parse_time(text) if text else None
    except ValueError as error:
        raise ConfigError([f"{name}: {error}"]) from error


def _until_stopped() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
