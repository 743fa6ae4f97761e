"""`rules check` and `evaluate`: rules from the command line, without writing anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.engine import Connection

from alerts.check import NOTHING_KNOWN, Facts
from alerts.evaluate import Evaluated, enabled_rules, evaluate_rule
from alerts.faults import Fault
from alerts.inputs import Gatherer
from alerts.mute import Mute, read_mutes
from alerts.pack import load_rules, read_paths
from alerts.running import RunningRules
from alerts.snapshot import combine
from alerts.why import RuleWhy, finder, follower, rule_why, to_json, with_mute
from data.clock import iso
from data.errors import ConfigError, RuleError
from data.regions import RegionIndex, load_regions
from data.settings import Settings
from data.store.engine import Store, open_store
from data.store.migrate import migrate
from layers.regions import RegionLevels, roll_up

OF_THE_RULE = ("title", "authority", "citation", "judge", "text")  # told once, under `rules`


def check_main(paths: Sequence[Path], as_json: bool, facts: Facts = NOTHING_KNOWN) -> int:
    """Print every fault of rule files; 0 only where there is none."""
    rules, faults = read_paths(paths, facts)
    if as_json:
        print(json.dumps({"rules": [item.rule.key for item in rules], "faults": [_fault(item) for item in faults]}))
    else:
        for fault in faults:
            print(fault)
        print(f"{len(rules)} rules, {len(faults)} faults")
    return 1 if faults or not rules else 0


def _fault(fault: Fault) -> dict[str, Any]:
    return {"path": str(fault.path), "line": fault.line, "column": fault.column, "message": fault.message}


def evaluate_main(
    settings: Settings,
    paths: Sequence[Path],
    now: datetime,
    region: str | None,
    as_json: bool,
    *,
    decided: bool = False,
) -> int:
    """Print levels and the why of every region that rules watch; 0 only where every rule could be evaluated.

    Parameters
    ----------
    decided
        Whether versions that people have enabled stand in place of the files' rules, as in the engine.
    """
    store = open_store(settings.url)
    try:
        store.wait_ready()
        migrate(store)
        report = evaluate_report(store, settings, paths, now, region, decided=decided)
    finally:
        store.close()
    print(json.dumps(report, ensure_ascii=False, separators=(",", ":")) if as_json else _told(report))
    return 0 if all(rule["outcome"] != "error" for rule in report["rules"]) else 1


def evaluate_report(
    store: Store,
    settings: Settings,
    paths: Sequence[Path],
    now: datetime,
    region: str | None,
    *,
    decided: bool = False,
) -> dict[str, Any]:
    """Levels and reasons as of `now`, as the next evaluation would find them.

    Parameters
    ----------
    region : str, optional
        Only this region and those below it.

    Raises
    ------
    ConfigError
        For a region that the base data does not have.
    """
    index = load_regions(settings.base_dir)
    wanted = _wanted(index, region)
    rules = load_rules(paths)
    rules = RunningRules(rules)(store) if decided else rules
    with store.read() as connection:
        enabled = enabled_rules(connection, rules, now)
    gatherer = Gatherer(store, settings.home, settings.base_dir, now, rules=[item.rule for item in enabled])
    done: list[Evaluated] = []
    told = []
    for item in enabled:
        try:
            evaluated = evaluate_rule(store, gatherer, item, now, looking_back=True)
        except RuleError as error:
            told.append(_rule(item.rule, "error", str(error)))
            continue
        done.append(evaluated)
        told.append(_rule(item.rule, _outcome(evaluated), evaluated.reason))
    levels = roll_up(combine([(one.rids, one.after) for one in done], len(index)), index.parent_rid)
    with store.read() as connection:
        mutes = read_mutes(connection, now)
        regions = [_region(connection, index, rid, levels, done, mutes, now) for rid in wanted if levels.watched[rid]]
    return {
        "at": iso(now),
        "rules": told,
        "regions": regions,
        "not_watched": sum(not levels.watched[rid] for rid in wanted),
    }


def _wanted(index: RegionIndex, region: str | None) -> list[int]:
    if region is None:
        return list(range(len(index)))
    rid = index.by_code(region)
    if rid is None:
        raise ConfigError([f"--region: the base data has no region {region}"])
    return sorted([rid, *index.descendants(rid)])


def _rule(rule: Any, outcome: str, reason: str) -> dict[str, Any]:
    return {
        "rule": rule.key, "version": rule.version, "digest": rule.digest, "authority": rule.authority.model_dump(),
        "citation": rule.citation.model_dump(mode="json"), "title": rule.title.model_dump(), "outcome": outcome,
        "reason": reason,
    }  # fmt: skip


def _outcome(item: Evaluated) -> str:
    if item.reason:
        return "error"
    if (item.after.level > 0).any():
        return "fired"
    return "unknown" if (item.after.unknown & item.after.watches).any() else "quiet"


def _region(
    connection: Connection,
    index: RegionIndex,
    rid: int,
    levels: RegionLevels,
    done: Sequence[Evaluated],
    mutes: Sequence[Mute],
    now: datetime,
) -> dict[str, Any]:
    above = index.code[list(index.chain(rid))].tolist()
    level, unknown = int(levels.level[rid]), bool(levels.unknown[rid])
    why = [
        with_mute(_why(connection, item, int(np.searchsorted(item.rids, rid)), now), item.item.rule, mutes, above)
        for item in done
        if _watches(item, rid)
    ]
    why.sort(key=lambda one: (-one.level, one.phase != "unknown", one.rule))
    return {
        "code": str(index.code[rid]),
        "name": str(index.name[rid]),
        "kind": str(index.kind[rid]),
        "level": ("none", "blue", "yellow", "orange", "red")[level],
        "unknown": unknown,
        "muted": any(one.muted is not None and one.level for one in why),
        "why": [{name: part for name, part in to_json(one).items() if name not in OF_THE_RULE} for one in why],
    }


def _watches(item: Evaluated, rid: int) -> bool:
    place = int(np.searchsorted(item.rids, rid))
    return place < len(item.rids) and int(item.rids[place]) == rid and bool(item.after.watches[place])


def _why(connection: Connection, item: Evaluated, place: int, now: datetime) -> RuleWhy:
    quiet = not item.after.level[place] and not item.after.unknown[place]
    return rule_why(
        item.compiled, item.after, place, now=now, evaluated_at=now, outcome=_outcome(item), reason=item.reason,
        find=None if quiet else finder(connection), follow=None if quiet else follower(connection),
    )  # fmt: skip


def _told(report: dict[str, Any]) -> str:
    """The same for people, worst first; quiet regions are counted."""
    lines = [f"as of {report['at']}"]
    for rule in report["rules"]:
        lines.append(f"  {rule['rule']} {rule['version']}: {rule['outcome']} {rule['reason']}".rstrip())
    order = ("red", "orange", "yellow", "blue", "none")
    loud = [one for one in report["regions"] if one["level"] != "none" or one["unknown"]]
    for one in sorted(loud, key=lambda one: (order.index(one["level"]), not one["unknown"], one["code"])):
        mark = (" unknown" if one["unknown"] else "") + (" (muted)" if one["muted"] else "")
        lines.append(f"{one['code']} {one['name']}: {one['level']}{mark}")
        lines += [f"    {line}" for why in one["why"] for line in _because(why)]
    lines.append(f"{len(report['regions']) - len(loud)} regions without a level, {report['not_watched']} not watched")
    return "\n".join(lines)


def _because(why: dict[str, Any]) -> list[str]:
    head = f"{why['rule']}: {why['phase']} {why['level']}"
    numbers = [
        f"{one['input']} = {one['value']:g} {one['unit']} at {one['observed_at']}"
        for one in why["readings"]
        if one["value"] is not None and one["watched"]
    ]
    heading = [f"  {one['input']} {line}" for one in why["readings"] if one["trend"] for line in _heading(one)]
    first = f"{head}; {', '.join(numbers)}" if numbers else head
    return [first, *heading, *(f"  missing: {item}" for item in why["missing"])]


def _heading(reading: dict[str, Any]) -> list[str]:
    """The trend of a reading, and the level that it reaches next."""
    trend, unit = reading["trend"], reading["unit"]
    verb = "rising" if trend["per_hour"] > 0 else "falling"
    told = f"{verb} {abs(trend['per_hour']):.3g} {unit}/h (error {trend['error']:.2g}, {trend['readings']} readings)"
    reaches = [
        f"at this rate {one['level']} ({one['trigger']:g} {unit}) in {_minutes(one['in_s'])}, "
        f"{_minutes(one['soonest_s'])} to {_minutes(one['latest_s'])}"
        for one in trend["reaches"][:1]
    ]
    return [", ".join([told, *reaches])]


def _minutes(seconds: float | None) -> str:
    if seconds is None:
        return "more than two days"
    hours, minutes = divmod(round(seconds / 60.0), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
