"""Composition of a replay: where a scenario meets feeds and rules."""

from __future__ import annotations

import bisect
import json
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import ConfigError, StoreError
from data.settings import Settings
from data.ways_out import WaysOut

if TYPE_CHECKING:
    from alerts.pack import PackRule
    from alerts.replay import Replayer, Rules
    from alerts.scenario import Delivery, Scenario
    from data.store.held import HeldStore
KEPT = "scenario.zip"


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
    return replace(
        settings, home=home, database_url="", sources=feeds, webhooks=(), channels=WaysOut(), audit_anchor=None,
        allow_hosts=(),
    )  # fmt: skip


def rules_of(settings: Settings, scenario: Scenario, *, office: bool = False) -> tuple[PackRule, ...]:
    """The rules that the scenario names, or all; with the `office`'s own files beside them; those switched on are on.

    Raises
    ------
    ConfigError
        For a pack or rule that is not there.
    """
    from alerts.pack import PACKS, builtin_paths, read_paths

    head = scenario.head
    paths = [PACKS / name for name in head.rules] if head.rules else list(builtin_paths())
    rules, faults = read_paths((*paths, *(() if head.rules and not office else settings.rule_paths)))
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
    settings: Settings,
    scenario: Scenario,
    stopped: Callable[[], bool],
    *,
    rules: Rules | None = None,
    screens: bool = True,
) -> Iterator[Replayer]:
    """A replay in the home of these settings, while nobody else plays there.

    Without `rules` those of the scenario are played, whatever people decide meanwhile. Without `screens` only what
    rules look at is computed from fields.
    """
    from alerts.replay import Replayer, held
    from data.store.durable import without_waiting
    from data.store.engine import open_store
    from data.store.leader import try_lead
    from data.store.migrate import migrate
    from ingest import build_sources, configured_feeds
    from ingest.child_helper import kept_helpers
    from ingest.schedule import prepare_states

    own = rules_of(settings, scenario) if rules is None else ()
    looked_at, playing = None if screens else own, rules or (lambda _store: own)
    store = held(open_store(settings.url))
    store.wait_ready()
    migrate(store)
    leadership = try_lead(store, settings.home, now=scenario.head.begin)
    if leadership is None:
        raise StoreError(f"another process is playing in {settings.home}")
    try:
        begin = scenario.head.begin
        prepare_states(store, build_sources(settings), configured_feeds(settings), leadership.epoch, begin)
        with kept_helpers(), without_waiting():
            yield Replayer(
                held=store, home=settings.home, base_dir=settings.base_dir, scenario=scenario, rules=playing,
                deliver=Carrier(settings, store, scenario), epoch=leadership.epoch,
                works=works_of(settings, store, looked_at), stopped=stopped, told=_teller(scenario),
            )  # fmt: skip
    finally:
        leadership.release()
        store.close()


def works_of(
    settings: Settings, store: HeldStore, rules: Sequence[PackRule] | None = None
) -> Sequence[Callable[[datetime, int], int]]:
    """What the engine computes from fields; of it only what rules look at, where they are given."""
    from layers.derivations import switched_on
    from layers.derive import Deriver
    from layers.derive_plan import needed_for
    from layers.region_history import Histories

    derived = switched_on(settings.derive_off)
    if rules is not None:
        looked_at = {one.quantity for item in rules for one in item.rule.inputs.values() if one.source == "field"}
        deriver = Deriver(store, settings.home, needed_for(looked_at, derived))
        return (lambda now, epoch: deriver.work(now, epoch=epoch),) if deriver.derivations else ()
    deriver = Deriver(store, settings.home, derived)
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
    from alerts.scenario_file import read_scenario

    folder = home or settings.home / "replays" / Path(named).stem
    check_home(folder, resume)
    scenario = read_scenario(folder / KEPT if resume else keep(find_scenario(named, folder / KEPT), folder))
    end = _until(scenario, until)
    own = settings_of(settings, folder, scenario)
    began = time.monotonic()
    with replayer(own, scenario, stopped, screens=False) as player:
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


def check_home(folder: Path, resume: bool) -> None:
    """A replay begins in an empty home: nothing that is there is ever taken away."""
    if resume and not (folder / KEPT).is_file():
        raise ConfigError([f"--resume: no replay is under way in {folder}"])
    if not resume and folder.exists() and any(folder.iterdir()):
        raise ConfigError([f"{folder} is not empty: name another --home, go on with --resume, or remove it"])


def keep(path: Path, folder: Path) -> Path:
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
