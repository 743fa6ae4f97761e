"""Versions of rules: what it takes to let one run, on both databases, also when several people press at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from access.audit import append, verify
from alerts.command import evaluate_report
from alerts.evaluate import evaluate_all
from alerts.pack import PackRule, load_rules
from alerts.proof import store_proof
from alerts.rule_version import (
    Edition,
    decisions,
    disable,
    enable,
    note_opening,
    openings,
    propose,
    rule_of,
    save_version,
    standing_of,
    versions,
    withdraw,
)
from alerts.running import RunningRules
from data.errors import RuleError
from data.settings import Settings
from data.store.engine import Store
from data.store.tables import audit, rule_decision, rule_edition, rule_version, transition

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ANNA, BO, CHEN = "anna@example.org", "bo@example.org", "chen@example.org"
TEXT = """rules:
- key: test.rain
  version: "1"
  authority: {en: Office, zh: 办公室}
  citation: {title: The office's own, read_on: 2026-01-01, house: true}
  valid_from: 2000-01-01
  hazard: rain
  branch: observed
  title: {en: Heavy rain, zh: 强降雨}
  text: {en: "{region} {value}", zh: "{region} {value}"}
  regions: {kinds: [cn-county]}
  inputs:
    hour: {source: stations, quantity: precipitation, unit: mm, accumulate: sum, window: 1 h, spatial: max}
  levels:
    yellow: {input: hour, trigger: 20, clear: 15}
  max_age: 2 h
  duration: {default: 3 h, hard_limit: 12 h}
"""


def saved(store: Store, text: str = TEXT, by: str = ANNA, why: str = "because") -> Edition:
    with store.write() as connection:
        return save_version(connection, text, by=by, why=why, at=AT, audit=append)


def tried(store: Store, edition: Edition, *openers: str) -> int:
    with store.write() as connection:
        number = store_proof(connection, edition.rule, edition.version, edition.digest, {"rules": []}, ANNA, AT)
        for person in openers:
            note_opening(connection, number, by=person, at=AT)
    return number


def act(store: Store, what: Callable[..., Any], *words: Any, by: str, why: str = "it is needed") -> Any:
    with store.write() as connection:
        return what(connection, *words, by=by, why=why, at=AT, audit=append)


def refused(store: Store, sentence: str, what: Callable[..., Any], *words: Any, by: str, why: str = "x") -> None:
    before = told(store)
    with pytest.raises(RuleError, match=sentence):
        act(store, what, *words, by=by, why=why)
    assert told(store) == before


def told(store: Store) -> list[tuple[str, str]]:
    """Who did what, by the audit chain."""
    with store.read() as connection:
        return [(row.actor, row.action) for row in connection.execute(sa.select(audit).order_by(audit.c.seq))]


def test_two_people_let_a_version_run_after_its_trial(store: Store) -> None:
    one = saved(store)
    assert (one.rule, one.number, one.by) == ("test.rain", 1, ANNA)
    refused(store, "was not tried", propose, "test.rain", 1, by=ANNA)
    proof_id = tried(store, one)
    refused(store, "has not opened", propose, "test.rain", 1, by=ANNA)
    with store.write() as connection:
        note_opening(connection, proof_id, by=ANNA, at=AT)
    refused(store, "not proposed", enable, "test.rain", 1, by=BO)
    refused(store, "a reason is needed", propose, "test.rain", 1, by=ANNA, why="  ")
    assert act(store, propose, "test.rain", 1, by=ANNA).proof_id == proof_id
    refused(store, "second person", enable, "test.rain", 1, by=ANNA)
    refused(store, "bo@example.org has not opened", enable, "test.rain", 1, by=BO)
    with store.write() as connection:
        note_opening(connection, proof_id, by=BO, at=AT)
        note_opening(connection, proof_id, by=BO, at=AT + timedelta(hours=1))
    act(store, enable, "test.rain", 1, by=BO)
    with store.read() as connection:
        standing = standing_of(connection, "test.rain")
        assert verify(connection) is None
    assert (standing.running, standing.waiting) == (1, None)
    assert standing.ruling is not None and standing.ruling.by == BO
    assert standing.proposed is not None and standing.proposed.by == ANNA
    assert told(store) == [(ANNA, "rule.saved"), (ANNA, "rule.proposed"), (BO, "rule.enabled")]
    refused(store, "runs already", propose, "test.rain", 1, by=ANNA)


def test_the_author_does_not_enable_what_another_has_proposed(store: Store) -> None:
    tried(store, saved(store), ANNA, BO, CHEN)
    act(store, propose, "test.rain", 1, by=BO)
    refused(store, "second person", enable, "test.rain", 1, by=ANNA)
    refused(store, "second person", enable, "test.rain", 1, by=BO)
    act(store, enable, "test.rain", 1, by=CHEN)


def test_a_trial_of_another_text_does_not_count(store: Store) -> None:
    tried(store, saved(store), ANNA, BO)
    two = saved(store, TEXT.replace("trigger: 20", "trigger: 25"))
    assert two.number == 2
    refused(store, "was not tried", propose, "test.rain", 2, by=ANNA)
    tried(store, two, ANNA, BO)
    act(store, propose, "test.rain", 2, by=ANNA)
    refused(store, "version 1 is not proposed", enable, "test.rain", 1, by=BO)


def test_a_proposal_is_taken_back_or_turned_down(store: Store) -> None:
    tried(store, saved(store), ANNA, BO)
    act(store, propose, "test.rain", 1, by=ANNA)
    refused(store, "is proposed already", propose, "test.rain", 1, by=BO)
    act(store, withdraw, "test.rain", 1, by=BO)
    refused(store, "not proposed", enable, "test.rain", 1, by=BO)
    refused(store, "not proposed", withdraw, "test.rain", 1, by=BO)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(TEXT.replace("clear: 15", "clear: 30"), "wrong side", id="clear on the wrong side"),
        pytest.param(TEXT.replace("unit: mm", "unit: mmm"), "mmm", id="unit"),
        pytest.param(TEXT + TEXT.removeprefix("rules:\n").replace("test.rain", "test.two"), "one rule", id="two"),
        pytest.param("rules: [", "not YAML", id="no YAML"),
        pytest.param("", "a mapping", id="nothing"),
    ],
)
def test_a_text_with_faults_is_no_version(store: Store, text: str, sentence: str) -> None:
    with pytest.raises(RuleError, match=sentence):
        saved(store, text)
    with store.read() as connection:
        assert versions(connection, "test.rain") == []


def test_the_same_rule_again_is_no_new_version(store: Store) -> None:
    saved(store)
    with pytest.raises(RuleError, match="same rule as version 1"):
        saved(store, "# a remark\n" + TEXT, by=BO)


def test_a_text_that_is_off_by_itself_is_not_proposed(store: Store) -> None:
    tried(store, saved(store, TEXT + "  enabled: false\n"), ANNA)
    refused(store, "enabled: false", propose, "test.rain", 1, by=ANNA)


@pytest.mark.parametrize("statement", [sa.update(rule_edition).values(text="x"), sa.delete(rule_edition)])
def test_versions_are_kept_as_they_are(store: Store, statement: Any) -> None:
    saved(store)
    with pytest.raises(sa.exc.DBAPIError, match="kept as they are"), store.write() as connection:
        connection.execute(statement)


def test_decisions_are_kept_as_they_are(store: Store) -> None:
    saved(store)
    act(store, disable, "test.rain", by=BO)
    with pytest.raises(sa.exc.DBAPIError, match="kept as they are"), store.write() as connection:
        connection.execute(sa.delete(rule_decision))
    refused(store, "off already", disable, "test.rain", by=BO)


def at_once(*actions: Callable[[], Any]) -> list[str]:
    """What came of actions that begin in the same moment: done, or the sentence of the refusal."""
    gate, results = threading.Barrier(len(actions)), [""] * len(actions)

    def run(place: int) -> None:
        gate.wait()
        try:
            actions[place]()
            results[place] = "done"
        except RuleError as error:
            results[place] = str(error)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_many_who_enable_at_once_one_does(store: Store) -> None:
    people = [f"person{number}@example.org" for number in range(6)]
    tried(store, saved(store), ANNA, *people)
    act(store, propose, "test.rain", 1, by=ANNA)
    results = at_once(*[lambda who=who: act(store, enable, "test.rain", 1, by=who) for who in people])
    assert results.count("done") == 1
    assert set(results) == {"done", "version 1 is not proposed"}
    assert [action for _, action in told(store)].count("rule.enabled") == 1
    with store.read() as connection:
        assert [one.decision for one in decisions(connection, "test.rain")] == ["enabled", "proposed"]


def test_of_enabling_and_withdrawing_at_once_one_happens(store: Store) -> None:
    tried(store, saved(store), ANNA, BO)
    act(store, propose, "test.rain", 1, by=ANNA)
    results = at_once(
        lambda: act(store, enable, "test.rain", 1, by=BO), lambda: act(store, withdraw, "test.rain", 1, by=ANNA)
    )
    assert results.count("done") == 1


def test_saved_at_once_each_text_has_a_number_of_its_own(store: Store) -> None:
    texts = [TEXT.replace("trigger: 20", f"trigger: {20 + number}") for number in range(5)]
    results = at_once(*[lambda text=text: saved(store, text) for text in texts])
    assert results == ["done"] * 5
    with store.read() as connection:
        assert [one.number for one in versions(connection, "test.rain")] == [5, 4, 3, 2, 1]


def test_an_opening_that_is_noted_twice_at_once_is_one(store: Store) -> None:
    proof_id = tried(store, saved(store))

    def note() -> None:
        with store.write() as connection:
            note_opening(connection, proof_id, by=BO, at=AT)

    assert at_once(*[note] * 6) == ["done"] * 6
    with store.read() as connection:
        assert openings(connection, [proof_id]) == {(proof_id, BO)}


@pytest.fixture
def on_file(tmp_path: Path) -> tuple[PackRule, ...]:
    path = tmp_path / "office.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return load_rules([path])


def run_version(store: Store, trigger: int) -> Edition:
    edition = saved(store, TEXT.replace("trigger: 20, clear: 15", f"trigger: {trigger}, clear: {trigger}"))
    tried(store, edition, ANNA, BO)
    act(store, propose, "test.rain", edition.number, by=ANNA)
    act(store, enable, "test.rain", edition.number, by=BO)
    return edition


def test_the_engine_takes_up_what_was_decided_without_a_restart(
    store: Store, on_file: tuple[PackRule, ...], base_dir: Path, home: Path, add_station: Any, add_reading: Any
) -> None:
    add_station("a", 100.5)
    add_reading("a", "precipitation", AT, 12.0)
    running = RunningRules(on_file)

    def evaluated(minute: int) -> Any:
        now = AT + timedelta(minutes=minute)
        return evaluate_all(store, home, base_dir, running(store), now)

    (outcome,) = evaluated(0).outcomes
    assert (outcome.outcome, outcome.firing) == ("quiet", 0)  # 12 mm is below the 20 mm of the file
    edition = run_version(store, 10)
    (outcome,) = evaluated(1).outcomes
    assert (outcome.outcome, outcome.firing) == ("fired", 1)
    with store.read() as connection:
        fired = connection.execute(sa.select(transition).where(transition.c.to_level > 0)).one()
        assert (fired.digest, fired.region) == (edition.digest, "CN-110101")
        assert edition.digest in connection.execute(sa.select(rule_version.c.digest)).scalars().all()
    act(store, disable, "test.rain", by=CHEN)
    report = evaluated(2)
    assert report.outcomes == () and report.counts["watched"] == 0
    run_version(store, 11)
    (outcome,) = evaluated(3).outcomes
    assert outcome.firing == 1


def test_without_a_decision_the_files_rules_are_what_runs(store: Store, on_file: tuple[PackRule, ...]) -> None:
    saved(store, TEXT.replace("20", "30"))
    assert RunningRules(on_file)(store) == on_file


def test_a_rule_of_no_file_runs_when_two_people_enable_it(store: Store) -> None:
    running = RunningRules(())
    assert running(store) == ()
    edition = run_version(store, 10)
    (item,) = running(store)
    assert item.rule.digest == edition.digest and item.path.name == "test.rain-1.yaml"


def test_a_version_that_cannot_be_read_any_more_is_told_and_runs_nothing(
    store: Store, on_file: tuple[PackRule, ...]
) -> None:
    edition = run_version(store, 10)
    broken = {**vars(edition), "number": 2, "text": "rules: [{key: test.rain}]", "digest": "0" * 64}
    with store.write() as connection:
        connection.execute(rule_edition.insert().values(**broken))
        connection.execute(
            rule_decision.insert().values(
                rule="test.rain", number=2, decision="enabled", at=AT, by=BO, why="x", proof_id=None
            )
        )
    running = RunningRules(on_file)
    assert running(store) == ()
    (fault,) = running.faults
    assert fault.startswith("test.rain, version 2")


def test_rule_of_a_text_with_its_faults() -> None:
    rule, faults = rule_of(TEXT)
    assert rule is not None and rule.key == "test.rain" and faults == []
    rule, faults = rule_of(TEXT.replace("unit: mm", "unit: mmm").replace("hazard: rain", "hazard: Rain!"))
    assert rule is None and len(faults) >= 2


def test_levels_on_the_command_line_are_those_of_the_version_that_runs(
    store: Store, on_file: tuple[PackRule, ...], base_dir: Path, home: Path, add_station: Any, add_reading: Any
) -> None:
    add_station("a", 100.5)
    add_reading("a", "precipitation", AT, 12.0)
    settings = Settings(home=home, base_dir=base_dir)
    paths = [on_file[0].path]
    edition = run_version(store, 10)
    told = evaluate_report(store, settings, paths, AT, None, decided=True)
    assert (told["rules"][0]["digest"], told["rules"][0]["outcome"]) == (edition.digest, "fired")
    told = evaluate_report(store, settings, paths, AT, None)
    assert (told["rules"][0]["digest"], told["rules"][0]["outcome"]) == (on_file[0].rule.digest, "quiet")
