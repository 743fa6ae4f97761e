"""What runs when the checks become stricter, or files go, after people have enabled a version."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from alerts import rule_version
from alerts.faults import Fault
from alerts.pack import PackRule, load_rules
from alerts.running import RunningRules, as_signed
from data.store.engine import Store
from tests.alerts.test_rule_version import TEXT, run_version


def test_a_stricter_check_does_not_take_a_signed_version_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    edition = run_version(store, 10)
    before = RunningRules(())(store)
    monkeypatch.setattr(rule_version, "read_text", lambda *_words, **_more: ((), [_fault("a new check")]))
    running = RunningRules(())
    assert running(store) == before
    assert [item.rule.digest for item in before] == [edition.digest]
    (told,) = running.faults
    assert told == "test.rain, version 1: 3: a new check"


@pytest.mark.parametrize(
    "text",
    ["", "rules: [{key: test.rain}]", "rules: 5", "rules: [", TEXT.replace("trigger: 20", "trigger: !!bool x")],
)
def test_what_has_not_the_form_of_a_rule_is_none(text: str) -> None:
    assert as_signed(text) is None


def test_a_file_that_goes_takes_no_enabled_version_with_it(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(TEXT, encoding="utf-8")
    with_file: tuple[PackRule, ...] = load_rules([path])
    run_version(store, 10)
    assert [item.rule for item in RunningRules(with_file)(store)] == [item.rule for item in RunningRules(())(store)]


def test_a_store_that_cannot_be_read_is_no_empty_list(store: Store) -> None:
    run_version(store, 10)
    running = RunningRules(())
    running(store)
    store.engine.dispose()
    with store.write() as connection:
        connection.execute(sa.text("ALTER TABLE rule_decision RENAME TO gone"))
    with pytest.raises(sa.exc.DBAPIError):
        running(store)


def _fault(words: str) -> Fault:
    return Fault(path=Path("rules.yaml"), line=3, column=1, message=words)
