"""The commands `replay`, `record`, `scenario`, `demo`, `drill`, `debrief` and `play` of the command line."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from data.clock import parse_duration, parse_time
from data.errors import ConfigError
from data.settings import Settings
from pages.past.rehearsal import find_scenario, run_replay


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
            from pages.past.drills import run_exercise

            return run_exercise(settings, options, time_of("--begin", options.begin))
        case "play":
            from pages.past.drills import run_play

            return run_play(settings, _until_stopped())
        case "debrief":
            from pages.past.drills import run_debrief

            return run_debrief(options)
    if options.command == "scenario":
        return _build(options)
    if options.command == "record":
        return _record(options, settings)
    return run_replay(
        settings, options.scenario, home=options.home, speed=options.speed, until=time_of("--until", options.until),
        resume=options.resume, as_json=options.json, stopped=_until_stopped().is_set,
    )  # fmt: skip


def _record(options: argparse.Namespace, settings: Settings) -> int:
    from alerts.record import Span, record
    from data.store.engine import open_store
    from data.store.exercise import refuse_exercise
    from data.store.migrate import migrate

    begin, end = time_of("--from", options.begin), time_of("--to", options.end)
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
        refuse_exercise(store)  # what was made up would be told as recorded
        span = Span(warm_from=begin - lead, begin=begin, end=end)
        facts = record(store, settings, span, options.name, options.out)
    finally:
        store.close()
    told_of = f"{facts['runs']} runs with {facts['payloads']} payloads and {facts['looks']} looks in {options.out}"
    print(json.dumps({**facts, "out": str(options.out)}) if options.json else told_of)
    return 0


def _build(options: argparse.Namespace) -> int:
    from alerts.scenario_file import read_scenario

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


def time_of(name: str, text: str | None) -> datetime | None:
    try:
        return parse_time(text) if text else None
    except ValueError as error:
        raise ConfigError([f"{name}: {error}"]) from error


def _until_stopped() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
