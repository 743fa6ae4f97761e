"""What people decide of rules while an exercise runs is played from the next look on, without a restart."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from access.audit import append
from alerts.pack import load_rules
from alerts.rule_version import disable
from data.settings import Settings
from data.store.engine import Store, open_store
from data.store.tables import evaluation
from pages.past.played import PlayedRules
from pages.past.rehearsal import replayer, settings_of
from tests.alerts.replaying import BEGIN, write_storm
from tests.alerts.test_rule_version import AT, TEXT, run_version

KEY = "test.rain"
OFF = TEXT.replace("  hazard: rain", "  hazard: rain\n  enabled: false")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(OFF, encoding="utf-8")
    return path


def switched_off(store: Store) -> None:
    with store.write() as connection:
        disable(connection, KEY, by="anna@example.org", why="too loud", at=AT, audit=append, files={KEY})


def runs(rules: PlayedRules, store: Store) -> bool:
    (item,) = rules(store)
    return bool(item.rule.enabled)


def test_what_the_scenario_needs_runs_until_somebody_in_the_exercise_decides_otherwise(
    store: Store, files: Path
) -> None:
    switched_off(store)  # by the office, before
    rules = PlayedRules(load_rules([files]), frozenset({KEY}), begun=1)
    assert runs(rules, store) and rules(store) is rules(store)
    assert not runs(PlayedRules(load_rules([files]), frozenset({KEY}), begun=0), store)
    run_version(store, 30)
    (item,) = rules(store)
    assert item.rule.levels["yellow"].trigger == 30
    switched_off(store)
    assert not runs(rules, store)


def test_a_decision_is_played_from_the_next_look_on_also_in_a_quiet_hour(
    tmp_path: Path, base_dir: Path, files: Path
) -> None:
    scenario = write_storm(tmp_path / "storm.zip")
    own = settings_of(Settings(home=tmp_path, base_dir=base_dir), tmp_path / "home", scenario)
    decided_at = BEGIN + timedelta(minutes=20)
    wall = [datetime(2026, 5, 1, tzinfo=UTC)]
    began = wall[0]

    def sleep(seconds: float) -> None:
        wall[0] += timedelta(seconds=max(seconds, 0.001))
        if (wall[0] - began) * 60 >= decided_at - BEGIN and not decided:
            with closing(open_store(own.url)) as other:
                decided.append(run_version(other, 1).digest)

    decided: list[str] = []
    rules = PlayedRules(load_rules([files]), frozenset({KEY}), begun=0)
    with replayer(own, scenario, lambda: False, rules=rules) as player:
        player.wall, player.sleep = lambda: wall[0], sleep
        player.prepare("drill", BEGIN + timedelta(minutes=40), 60.0)
        assert player.run(BEGIN + timedelta(minutes=40), paced=True)
        with player.held.read() as connection:
            first = sa.select(evaluation.c.digest, sa.func.min(evaluation.c.at)).group_by(evaluation.c.digest)
            looked = {row[0]: row[1] for row in connection.execute(first)}
    assert len(looked) == 2
    assert decided_at - timedelta(seconds=30) <= looked[decided[0]] <= decided_at + timedelta(seconds=60)
