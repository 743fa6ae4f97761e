"""Composition of demonstrations and drills: pages and a playing engine over a home of their own."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import secrets
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import yaml

from data.clock import iso, parse_time, utc_now
from data.errors import ConfigError
from data.settings import ROOT, Settings
from data.ways_out import WaysOut
from pages.past.rehearsal import KEPT, check_home, find_scenario, keep, replayer, rules_of, settings_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from alerts.scenario import Scenario

PLAN = "exercise.json"
DEMO_PERSON, DEMO_ROLES = "demo@localhost.example", ("admin", "duty", "planner", "viewer")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the playing process of an exercise is told, through a file in its home."""

    speed: float
    fast_until: str
    office: bool  # whether the office's own rules are played, as its people have enabled them
    decided: int = 0  # the newest of their decisions; what is decided after it was decided in the exercise

    def write(self, home: Path) -> None:
        (home / PLAN).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, home: Path) -> Plan:
        return cls(**json.loads((home / PLAN).read_text(encoding="utf-8")))


def run_exercise(settings: Settings, options: argparse.Namespace, begin: datetime | None) -> int:
    """`demo` and `drill`: pages and a playing engine over a home of their own, until told to stop."""
    from alerts.channels.allowed import exercise_ways
    from data.supervise import supervise

    drill = options.command == "drill"
    name = Path(options.scenario).stem
    own_home = options.home or (_drill_home(settings, name) if drill else None)
    home = own_home or settings.base_dir.parent / "demo" / name
    with nullcontext() if own_home else _alone(home) as lock:
        if own_home is None and (home / PLAN).is_file():
            shutil.rmtree(home)  # a demonstration of before, by its own plan
        own = _prepare(settings, options, home, begin)
        script = str(ROOT / "app.py")
        environ = {key: value for key, value in os.environ.items() if not key.startswith("TOCSIN_")}
        os.environ.clear()
        os.environ.update(environ | {"TOCSIN_HOME": str(own.home), "TOCSIN_BASE_DIR": str(settings.base_dir)})
        names = ("play", "web", *(("signer",) if drill else ()), *(("dispatch",) if exercise_ways(own) else ()))
        commands = {name: [sys.executable, script, name] for name in names}
        return supervise(commands, lambda line: print(line, file=sys.stderr, flush=True), lock=lock)


@contextmanager
def _alone(home: Path) -> Iterator[IO[bytes]]:
    """A lock beside the home of a demonstration, so that no other clears it away while processes live there."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{home.name}.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                [f"a demonstration runs in {home}: end it first, or name another folder with --home"]
            ) from None
        yield lock


def _prepare(settings: Settings, options: argparse.Namespace, home: Path, begin: datetime | None) -> Settings:
    """The home of an exercise that can begin, and its settings; people are told where and how to sign in."""
    from alerts.channels.allowed import exercise_ways
    from alerts.scenario_file import read_scenario

    drill = options.command == "drill"
    check_home(home, resume=False)
    scenario = read_scenario(keep(find_scenario(options.scenario, home / KEPT), home))
    begin = begin or (None if drill else scenario.head.show_from)
    own = settings_of(settings, home, scenario)
    plan = Plan(speed=options.speed, fast_until=iso(begin) if begin else "", office=drill)
    plan.write(home)
    port = options.port or _free_port(settings)
    if drill:
        own = replace(
            own, rule_paths=tuple(path.resolve() for path in settings.rule_paths),
            exercise_channels=settings.exercise_channels,
            allow_hosts=settings.allow_hosts if exercise_ways(settings) else (),
        )  # fmt: skip
    else:
        own = replace(own, rule_paths=(), exercise_channels=WaysOut())
    _write_settings(own, settings, scenario, port)
    with replayer(own, scenario, lambda: False) as player:
        player.prepare(options.command, scenario.head.end, options.speed)
        greeting = _copy_office(settings, own) if drill else _demo_account(own)
    replace(plan, decided=_newest_decision(own)).write(home)
    print(f"{scenario.head.title.en} on http://{own.host}:{port}", flush=True)
    print(greeting, flush=True)
    return own


def _newest_decision(own: Settings) -> int:
    import sqlalchemy as sa

    from data.store.engine import open_store
    from data.store.tables import rule_decision

    store = open_store(own.url)
    with store.read() as connection:
        newest = connection.execute(sa.select(sa.func.max(rule_decision.c.id))).scalar()
    store.close()
    return int(newest or 0)


def _free_port(settings: Settings) -> int:
    """The usual port, or another where that one is taken, as by the real pages."""
    for port in (settings.port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ConfigError([f"no port is free on {settings.host}"])


def _drill_home(settings: Settings, name: str) -> Path:
    return settings.home / "drills" / f"{name}-{utc_now():%Y%m%dT%H%M%SZ}"


def _write_settings(own: Settings, live: Settings, scenario: Scenario, port: int) -> None:
    """The settings of the exercise's processes: the names of the office, of ways out those for exercises alone."""
    zone = scenario.head.zone if str(live.zone) == "UTC" and scenario.head.zone else str(live.zone)
    document = {
        "sources": [dict(feed) for feed in own.sources], "zone": zone, "locale": live.locale, "host": live.host,
        "port": port, "web_workers": 1, "packs": list(live.packs), "behind_tls": live.behind_tls,
        "proxy_hops": live.proxy_hops, "rule_paths": [str(path) for path in own.rule_paths],
        "sender": live.sender, "sender_name": live.sender_name, "identifier_root": live.identifier_root,
        "contact": live.contact, "cap_profiles": list(live.cap_profiles), "signing_policy": live.signing_policy,
        "jurisdiction": list(live.jurisdiction) if live.jurisdiction else None,
        "exercise_channels": _absolute(own.exercise_channels.model_dump(exclude_unset=True)),
        "allow_hosts": list(own.allow_hosts),
    }  # fmt: skip
    (own.home / "tocsin.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")


def _absolute(written: Any) -> Any:
    """As a settings file says it; files are found from any folder."""
    if isinstance(written, dict):
        return {name: _absolute(value) for name, value in written.items()}
    if isinstance(written, list | tuple):
        return [_absolute(value) for value in written]
    return str(written.resolve()) if isinstance(written, Path) else written


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


def _copy_office(live: Settings, own: Settings) -> str:
    """The accounts of the office, so that people sign in to a drill as they are used to, and what they have decided
    of rules, so that its pages tell what is played and nobody asks the real store again."""
    import sqlalchemy as sa

    from access.keys import read_keys
    from alerts.channels.allowed import exercise_ways
    from data.store.engine import open_store
    from data.store.tables import (
        proof,
        recovery_code,
        role,
        rule_decision,
        rule_edition,
        user,
        user_factor,
        user_role,
        user_scope,
    )

    read_keys(live.home), read_keys(own.home)
    for name in ("password_salt", "factor_key"):
        kept = own.home / "secrets" / name
        kept.write_text((live.home / "secrets" / name).read_text(encoding="ascii"), encoding="ascii")
    source, target = open_store(live.url), open_store(own.url)
    with source.read() as reading, target.write() as writing:
        accounts = (user, role, user_role, user_scope, user_factor, recovery_code)
        for table in reversed(accounts):
            writing.execute(table.delete())
        for table in accounts:
            rows = [dict(row._mapping) for row in reading.execute(sa.select(table))]
            if rows:
                writing.execute(table.insert(), rows)
        used = proof.c.id.in_(sa.select(rule_decision.c.proof_id))
        for table, part in ((rule_edition, sa.true()), (proof, used), (rule_decision, sa.true())):
            rows = [dict(row._mapping) for row in reading.execute(sa.select(table).where(part))]
            if rows:
                writing.execute(table.insert(), rows)
        count = len(reading.execute(sa.select(user.c.id)).all())
        if exercise_ways(own):
            _copy_recipients(reading, writing)
    source.close()
    target.close()
    return f"{count} accounts of the office can sign in; administrators pause it and take its log"


def _copy_recipients(reading: Connection, writing: Connection) -> None:
    """The groups that hear of exercises and of nothing real, with their addresses."""
    import sqlalchemy as sa

    from data.store.tables import recipient, recipient_group

    groups = [dict(row._mapping) for row in reading.execute(sa.select(recipient_group))]
    groups = [group for group in groups if "Exercise" in group["statuses"] and "Actual" not in group["statuses"]]
    inside = recipient.c.group_id.in_([group["id"] for group in groups])
    for table, rows in (
        (recipient_group, groups),
        (recipient, [dict(row._mapping) for row in reading.execute(sa.select(recipient).where(inside))]),
    ):
        if rows:
            writing.execute(table.insert(), rows)


def run_play(settings: Settings, stopped: threading.Event) -> int:
    """`play`: the engine of an exercise in this home, by its clock; it stays when the scenario is at its end."""
    from alerts.scenario_file import read_scenario
    from pages.past.played import PlayedRules

    scenario, plan = read_scenario(settings.home / KEPT), Plan.read(settings.home)
    files = rules_of(settings, scenario, office=plan.office)
    rules = PlayedRules(files, frozenset(scenario.head.switch_on), plan.decided)
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
    from data.store.exercise import read_exercise

    if not (options.home / "tocsin.db").is_file():
        raise ConfigError([f"no exercise was held in {options.home}"])
    store = open_store(f"sqlite:///{options.home / 'tocsin.db'}")
    try:
        with store.read() as connection:
            if read_exercise(connection) is None:
                raise ConfigError([f"{options.home} is no home of an exercise"])
            rows = debrief(connection)
    finally:
        store.close()
    if options.json:
        print(json.dumps(rows, ensure_ascii=False))
    elif options.out:
        options.out.write_bytes(as_csv(rows))
        print(f"{len(rows)} lines in {options.out}")
    else:
        sys.stdout.write(as_csv(rows).decode("utf-8-sig"))
    return 0
