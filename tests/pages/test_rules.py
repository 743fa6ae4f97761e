"""The page of rules: the text cut out of a pack and changed by the form, the list, saving, deciding, and trials."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from access.audit import append
from access.people import Person
from alerts import proof_job
from alerts.check import NOTHING_KNOWN
from alerts.engine import compile_rule, new_state
from alerts.mute import Mute
from alerts.pack import load_rules
from alerts.preview import Preview
from alerts.proof import find_proof, store_proof
from alerts.rule_version import note_opening, rule_of, save_version, standing_of, versions
from data.errors import RuleError
from data.settings import Settings
from data.store.engine import Store
from data.store.tables import proposal, rule_version
from data.text import translator
from pages import _rule_form, _rule_preview, packs, rules
from pages._context import Context
from pages._rule_edit import fault_list, save_text
from pages._rule_faults import fault_words
from pages._rule_list import listing
from pages._rule_new import start
from pages._rule_proof import report, state_words
from pages._rule_state import Line, Load, begun, keep_draft, lines, opened
from pages._rule_text import length, put, read, text_of, value_of, written
from pages._rule_trial import launch, wish
from pages._rule_versions import act
from pages._rule_words import refusal_words, why_not
from pages.past.trial_worker import Pulse
from pages.past.trial_worker import main as work
from tests.alerts.test_rule_version import AT, TEXT
from tests.conftest import ROOT
from tests.pages.test_shell import text_of as words_of

T = translator("en")
RULES = {item.rule.key: item for item in load_rules()}
ANNA = Person(id=1, email="anna@example.org", roles=frozenset({"planner"}))
BO = Person(id=2, email="bo@example.org", roles=frozenset({"approver"}))
EVE = Person(id=3, email="eve@example.org", roles=frozenset({"duty"}))
RAIN = "cma.rainstorm.observed"


@pytest.fixture
def context(store: Store, home: Path) -> Context:
    settings = Settings(home=home, zone=ZoneInfo("Asia/Shanghai"), database_url=str(store.engine.url))
    return Context(store=store, settings=settings, sources=(), feed_health=None, clock=lambda: AT)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", RULES)
def test_text_of_a_rule_is_the_same_rule(key: str) -> None:
    item = RULES[key]
    for text in (text_of(item), written(item.rule)):
        rule, faults = rule_of(text)
        assert faults == [] and rule is not None
        assert rule.digest == item.rule.digest


def test_text_keeps_the_words_and_remarks_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    second = (
        TEXT.removeprefix("rules:\n").replace("test.rain", "test.two").replace("\n  max_age", "\n  # why\n  max_age")
    )
    path.write_text(TEXT + "\n# between\n" + second, encoding="utf-8")
    one, two = load_rules([path])
    assert text_of(one) == TEXT
    assert text_of(two) == "rules:\n" + second


def test_a_rule_that_a_site_has_changed_is_written_anew() -> None:
    item = RULES[RAIN]
    changed = replace(item, base=item.rule, rule=item.rule.model_copy(update={"version": "2007.1+site"}))
    assert read(text_of(changed))["version"] == "2007.1+site"


@pytest.mark.parametrize(
    ("place", "value", "line"),
    [
        pytest.param(
            ("levels", "yellow", "trigger"), 25, "    yellow: {input: hour, trigger: 25, clear: 15}", id="value"
        ),
        pytest.param(
            ("levels", "yellow", "hold"), "1 h", "    yellow: {input: hour, trigger: 20, clear: 15, hold: 1 h}",
            id="new",
        ),
        pytest.param(("levels", "yellow", "clear"), None, "    yellow: {input: hour, trigger: 20}", id="taken away"),
        pytest.param(
            ("title", "en"), "Rain, much: of it", "  title: {en: 'Rain, much: of it', zh: 强降雨}", id="marks"
        ),
        pytest.param(("title", "zh"), "暴雨", "  title: {en: Heavy rain, zh: 暴雨}", id="chinese"),
        pytest.param(("regions", "within"), ["CHN"], "  regions: {kinds: [cn-county], within: [CHN]}", id="list"),
        pytest.param(("max_age",), "3 h", "  max_age: 3 h", id="block value"),
        pytest.param(("version",), "2", "  version: '2'", id="words that look like a number"),
        pytest.param(
            ("levels", "red"), {"input": "hour", "trigger": 50, "clear": 40},
            "    red: {input: hour, trigger: 50, clear: 40}", id="level",
        ),
        pytest.param(("unmutable",), True, "  unmutable: true", id="flag"),
    ],
)  # fmt: skip
def test_a_change_touches_its_own_value_only(place: tuple[str, ...], value: Any, line: str) -> None:
    text = TEXT.replace("  max_age", "  # as the office has it\n  max_age")
    found = put(text, place, value)
    gone = set(text.splitlines()) - set(found.splitlines())
    assert line in found.splitlines()
    assert len(gone) <= 1
    assert put(found, place, value) == found


def test_a_whole_level_is_taken_away_and_the_rest_stays() -> None:
    text = put(TEXT, ("levels", "red"), {"input": "hour", "trigger": 50, "clear": 40})
    assert put(text, ("levels", "red"), None) == TEXT
    without = put(text, ("levels", "yellow"), None)
    assert list(read(without)["levels"]) == ["red"]
    with pytest.raises(RuleError, match="first of its block"):
        put(text, ("key",), None)


@pytest.mark.parametrize("text", ["", "rules: [", "rules: []", "- a", "rules: [&a {key: *a}]"])
def test_a_text_without_a_rule_has_no_form(text: str) -> None:
    with pytest.raises(RuleError):
        read(text)
    (said,) = _rule_form.form(text, False, T)
    assert words_of(said).startswith("There is no form while the text cannot be read")


def test_form_has_a_field_for_each_condition_of_nested_levels() -> None:
    text = text_of(RULES["nws.wind.forecast"])
    places = set(_places(_rule_form.form(text, False, T)))
    assert {"levels/orange/any/0/trigger", "levels/orange/any/1/clear", "inputs/gust_24h/window"} <= places
    found = _rule_form.changed(text, "levels/orange/any/1/trigger", "60")
    assert found is not None
    rule, faults = rule_of(found)
    assert faults == [] and rule is not None
    assert [leaf.trigger for leaf in rule.levels["orange"].leaves()] == [40, 60]


def test_form_of_somebody_who_only_reads_changes_nothing() -> None:
    kinds = {one["type"] for one in _ids(_rule_form.form(TEXT, True, T))}
    assert kinds == {_rule_form.SHOWN}


def _ids(parts: Any) -> list[dict[str, str]]:
    found = []
    for part in parts if isinstance(parts, list) else [parts]:
        if isinstance(getattr(part, "id", None), dict):
            found.append(part.id)
        children = getattr(part, "children", None)
        if children is not None:
            found += _ids(list(children) if isinstance(children, list | tuple) else [children])
    return found


def _places(parts: Any) -> list[str]:
    return [one["place"] for one in _ids(parts) if "place" in one]


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        pytest.param("levels/yellow/trigger", "20", id="as it is"),
        pytest.param("inputs/hour/spatial", "max", id="as it is, choice"),
        pytest.param("levels/yellow/for", "", id="nothing where nothing is"),
        pytest.param("unmutable", False, id="flag that is not set"),
        pytest.param("levels/red/trigger", "20", id="no such level"),
    ],
)
def test_a_field_that_says_what_the_text_says_changes_nothing(name: str, typed: Any) -> None:
    assert _rule_form.changed(TEXT, name, typed) is None


def test_what_is_granted_is_not_written_down() -> None:
    text = TEXT.replace(", spatial: max", "")
    assert _rule_form.changed(text, "inputs/hour/spatial", "max") is None
    assert _rule_form.changed(text, "inputs/hour/spatial", "mean") is not None


def test_regions_can_be_named_where_the_text_has_none() -> None:
    text = TEXT.replace("  regions: {kinds: [cn-county]}\n", "")
    found = _rule_form.changed(text, "regions/kinds", "cn-county, us-county")
    assert found is not None and read(found)["regions"] == {"kinds": ["cn-county", "us-county"]}


def test_a_level_more_begins_as_the_nearest_one() -> None:
    found = _rule_form.with_level(TEXT, "red")
    assert read(found)["levels"]["red"] == read(TEXT)["levels"]["yellow"]
    assert any("hides it" in fault.message for fault in rule_of(found)[1])


@pytest.mark.parametrize(
    ("place", "typed", "expected"),
    [
        (("trigger",), "12.5", 12.5), (("trigger",), "12", 12), (("trigger",), "many", "many"),
        (("trigger",), "", None),
        (("window",), "12 h", "12 h"), (("kinds",), "a， b,", ["a", "b"]), (("kinds",), " ", None),
    ],
)  # fmt: skip
def test_value_of_what_was_typed(place: tuple[str, ...], typed: str, expected: Any) -> None:
    assert value_of(place, typed) == expected


def test_length_is_told_in_the_largest_whole_unit() -> None:
    assert [length(one) for one in (90.0, 5400.0, 43200.0, 172800.0)] == ["90 s", "90 min", "12 h", "2 d"]


def test_every_fault_is_told_with_line_and_column() -> None:
    text = TEXT.replace("unit: mm", "unit: mmm").replace("clear: 15", "clear: 30")
    said = words_of(fault_list(rule_of(text)[1], T))
    assert "Faults: 2. What runs stays as it is." in said
    assert "line 13, column 61" in said and "line 15, column" in said


def saved(context: Context, text: str = TEXT, by: str = ANNA.email) -> int:
    with context.store.write() as connection:
        return save_version(connection, text, by=by, why="drier summers", at=AT, audit=append).number


def tried(context: Context, *people: Person) -> int:
    rule, _ = rule_of(TEXT)
    assert rule is not None
    told = {"proposals": {"per_week": 0.5}, "no_scores": "", "unknown": {"share": 0.1}}
    report: dict[str, Any] = {"rules": [told]}
    with context.store.write() as connection:
        number = store_proof(connection, rule.key, rule.version, rule.digest, report, ANNA.email, AT)
        for person in people:
            note_opening(connection, number, by=person.email, at=AT)
    return number


def test_a_draft_is_a_persons_own_and_ends_with_the_version(context: Context) -> None:
    with context.store.write() as connection:
        keep_draft(connection, RAIN, ANNA.email, "unfinished", AT)
        keep_draft(connection, RAIN, ANNA.email, "unfinished: yes", AT + timedelta(minutes=1))
    mine, others = opened(context, RAIN, None, ANNA.email), opened(context, RAIN, None, BO.email)
    assert (mine.text, mine.draft_at) == ("unfinished: yes", AT + timedelta(minutes=1))
    assert others.text == text_of(RULES[RAIN]) and others.draft_at is None
    text = others.text.replace("trigger: 100", "trigger: 110")
    number, key = save_text(context, text, "higher", RAIN, ANNA.email, NOTHING_KNOWN)
    assert (number, key) == (1, RAIN)
    after = opened(context, RAIN, None, ANNA.email)
    assert after.draft_at is None
    assert after.text == others.text  # the version does not run yet
    assert opened(context, RAIN, 1, BO.email).text == text
    with context.store.write() as connection:
        keep_draft(connection, RAIN, ANNA.email, text, AT)  # was on its way when it was saved
    assert opened(context, RAIN, None, ANNA.email).draft_at is None
    assert after.versions[0].based_on == RULES[RAIN].rule.digest


def test_a_text_that_became_another_rule_is_not_saved_over_it(context: Context) -> None:
    text = text_of(RULES["cma.fog.observed"]).replace('"2007.1"', '"9"')
    with pytest.raises(RuleError, match=r"cma\.fog\.observed already"):
        save_text(context, text, "x", RAIN, ANNA.email, NOTHING_KNOWN)
    assert save_text(context, TEXT, "a rule of our own", RAIN, ANNA.email, NOTHING_KNOWN) == (1, "test.rain")


def test_list_shows_who_enabled_what_is_muted_and_what_waits(context: Context) -> None:
    saved(context)
    tried(context, ANNA, BO)
    act(context, "propose", "test.rain", 1, ANNA, "drier summers")
    words = words_of(listing(context, T, "en"))
    assert "1 wait for a second person." in words and "nothing: no version is enabled" in words
    act(context, "enable", "test.rain", 1, BO, "agreed")
    act(context, "disable", RAIN, 0, dataclasses.replace(BO), "broken gauges")
    words = words_of(listing(context, T, "en"))
    assert "Heavy rain" in words and "anna@example.org and bo@example.org, 2026-03-01 20:00 +08:00" in words
    assert "version 1 of this office" in words
    found, faults = lines(context, AT)
    assert faults == ()
    off = next(one for one in found if one.item.rule.key == RAIN)
    assert off.standing.switched_off and not off.item.rule.enabled


def test_a_rule_far_over_its_budget_is_marked(context: Context) -> None:
    saved(context)
    tried(context, ANNA, BO)
    act(context, "propose", "test.rain", 1, ANNA, "x")
    act(context, "enable", "test.rain", 1, BO, "x")
    rule, _ = rule_of(TEXT)
    assert rule is not None
    with context.store.write() as connection:
        connection.execute(
            rule_version.insert().values(
                rule=rule.key,
                digest=rule.digest,
                version="1",
                pack="",
                body=rule.body,
                first_at=AT - timedelta(days=14),
            )
        )
        for hour in range(7):
            connection.execute(
                proposal.insert().values(
                    created_at=AT - timedelta(hours=hour), updated_at=AT, rule=rule.key, digest=rule.digest,
                    hazard="rain",
                    level=2, reason="raised", regions=[], state="closed", detail={},
                )
            )  # fmt: skip
    line = next(one for one in lines(context, AT)[0] if one.item.rule.key == "test.rain")
    assert (line.load.expected, line.load.count, line.load.real) == (0.5, 7, 3.5)
    assert line.load.far_over
    assert "far over its budget" in words_of(listing(context, T, "en"))


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        pytest.param(Load(expected=None, count=99, weeks=4.0), False, id="nobody knows what it promised"),
        pytest.param(Load(expected=2.0, count=12, weeks=4.0), False, id="chance"),
        pytest.param(Load(expected=2.0, count=20, weeks=4.0), True, id="no chance"),
        pytest.param(Load(expected=0.0, count=2, weeks=4.0), False, id="too few to say"),
        pytest.param(Load(expected=0.0, count=3, weeks=4.0), True, id="promised none"),
    ],
)
def test_far_over_its_budget(load: Load, expected: bool) -> None:
    assert load.far_over is expected


def test_a_young_rule_has_no_rate() -> None:
    assert Load(expected=1.0, count=3, weeks=0.5).real is None


def test_mutes_in_force_stand_in_the_list() -> None:
    mute = Mute(rule=RAIN, starts_at=AT, ends_at=AT + timedelta(days=1), owner="chen@example.org", reason="works")
    standing_line = Line(
        item=RULES[RAIN],
        standing=_nothing(),
        load=Load(expected=None, count=0, weeks=0.0),
        mutes=(mute,),
        waiting=None,
    )
    from pages._rule_list import _row

    context: Any = type("C", (), {"settings": Settings(home=Path("/nowhere"), zone=ZoneInfo("UTC"))})()
    assert "until 2026-03-02 12:00 +00:00, by chen@example.org" in words_of(_row(standing_line, context, T, "en"))


def _nothing() -> Any:
    from alerts.rule_version import Standing

    return Standing()


@pytest.mark.parametrize(
    ("person", "action"),
    [(ANNA, "enable"), (ANNA, "disable"), (EVE, "propose"), (EVE, "withdraw"), (EVE, "enable"), (EVE, "disable")],
)
def test_who_has_no_right_decides_nothing(context: Context, person: Person, action: str) -> None:
    saved(context, by=BO.email)
    tried(context, ANNA, BO, EVE)
    act(context, "propose", "test.rain", 1, BO, "x")
    with pytest.raises(RuleError, match="may not do that"):
        act(context, action, "test.rain", 1, person, "x")
    with context.store.read() as connection:
        assert standing_of(connection, "test.rain").ruling is None


def test_reason_why_a_person_only_reads() -> None:
    assert why_not(ANNA, "rules.edit", T) == ""
    assert "planner or author" in why_not(EVE, "rules.edit", T)
    assert "author or approver" in why_not(ANNA, "rules.enable", T)


def test_refusals_are_told_in_chinese() -> None:
    zh = translator("zh")
    assert refusal_words("version 3 is not proposed", zh) == "版本 3 未提交。"
    assert refusal_words("bo@example.org has not opened the report of its trial", zh).startswith("您尚未打开")
    assert refusal_words("something new", zh) == "something new"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(("table", "", "", 1, "", None), "choose the table", id="no table"),
        pytest.param(("nowhere", "", "", 1, "", None), "no such history", id="no history"),
        pytest.param(("archive", "yesterday", "", 1, "", None), "a time is written", id="no time"),
        pytest.param(("archive", "", "", None, "", None), "one officer", id="nobody"),
        pytest.param(("archive", "", "", float("nan"), "", None), "one officer", id="no number"),
        pytest.param(("archive", "", "", float("inf"), "", None), "one officer", id="everybody"),
        pytest.param(("archive", "0001-01-01 00:00", "", 1, "", None), "a time is written", id="before the calendar"),
    ],
)
def test_a_wish_with_a_fault_is_refused(words: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(RuleError, match=sentence):
        wish(*words, ZoneInfo("Asia/Shanghai"))


def test_times_of_a_wish_are_office_time() -> None:
    asked = wish("archive", "2026-03-01 08:00", "2026-03-02T00:00+00:00", 2, "", None, ZoneInfo("Asia/Shanghai"))
    assert (asked["since"], asked["until"]) == ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")


def readings(hours: int = 24 * 8) -> bytes:
    start = datetime(2026, 2, 1, tzinfo=UTC)
    rows = ["station,lon,lat,quantity,unit,observed_at,value,received_at"]
    for hour in range(hours):
        at = start + timedelta(hours=hour)
        amount = 25 if hour in (30, 31) else 0
        came = at + timedelta(minutes=5)
        rows.append(f"z,113.66,34.71,precipitation,mm,{at.isoformat()},{amount},{came.isoformat()}")
    return "\n".join(rows).encode()


TRUTH = b"hazard,lon,lat,start,end\nrain,113.66,34.71,2026-02-02T06:00Z,2026-02-02T08:00Z\n"


def ask(context: Context, text: str = TEXT, history: bytes | None = None) -> int:
    rule, _ = rule_of(text)
    assert rule is not None
    asked = {"history": "table", "history_name": "rain.csv", "officers": 2, "since": None, "until": None}
    with context.store.write() as connection:
        return proof_job.ask(
            connection, rule, text, asked, history=readings() if history is None else history, truth=TRUTH,
            by=ANNA.email, at=datetime.now(UTC),
        )  # fmt: skip


def test_a_trial_is_kept_with_the_digest_of_its_text(context: Context) -> None:
    number = ask(context)
    assert work(number, context.settings) == 0
    rule, _ = rule_of(TEXT)
    assert rule is not None
    with context.store.read() as connection:
        job, found = proof_job.find(connection, number), find_proof(connection, rule.digest)
    assert job is not None and found is not None
    assert (job.state, job.proof_id, job.history, job.truth) == ("done", found["id"], None, None)
    block = found["report"]["rules"][0]
    assert (block["all"]["hits"], block["all"]["misses"], found["by"]) == (1, 0, ANNA.email)
    assert found["report"]["officers"] == 2 and found["report"]["history"]["name"] == "rain.csv"
    for locale in ("en", "zh"):
        parts = report(found, context, translator(locale), locale)
        assert "rain.csv" in words_of(parts) and rule.digest[:16] in words_of(parts)
    assert work(number, context.settings) == 1  # it has ended


def test_a_trial_that_fails_says_why(context: Context) -> None:
    number = ask(context, history=readings().replace(b"precipitation", b"sunshine"))
    with pytest.raises(RuleError):
        work(number, context.settings)
    with context.store.read() as connection:
        job = proof_job.find(connection, number)
    assert job is not None and job.state == "failed"
    said = words_of(state_words(job, datetime.now(UTC), T))
    assert "The history has nothing of what the rule looks at: precipitation" in said


def test_a_trial_is_ended_by_who_asked_or_by_an_author_and_its_process_hears_of_it(context: Context) -> None:
    first, second = ask(context), ask(context)
    now = datetime.now(UTC)
    with context.store.write() as connection:
        with pytest.raises(RuleError, match=f"only {ANNA.email} or an author"):
            proof_job.cancel(connection, first, by=BO.email, of_others=False, now=now)
        proof_job.cancel(connection, first, by=ANNA.email, of_others=False, now=now)
        proof_job.cancel(connection, second, by=BO.email, of_others=True, now=now)
        with pytest.raises(RuleError, match="has ended already"):
            proof_job.cancel(connection, second, by=ANNA.email, of_others=False, now=now)
        job = proof_job.find(connection, first)
    assert job is not None and (job.state, job.history, job.truth) == ("cancelled", None, None)
    assert f"{ANNA.email} has ended this trial" in words_of(state_words(job, now, T))
    assert work(first, context.settings) == 1
    heard = threading.Event()
    with Pulse(context.store, second, timedelta(hours=1), heard.set):
        assert heard.wait(30)
    ask(context)  # nobody waits for those that were ended


def test_a_trial_that_takes_too_long_is_ended_and_told(context: Context) -> None:
    number, ended = ask(context), threading.Event()
    with Pulse(context.store, number, timedelta(seconds=0), ended.set):
        assert ended.wait(30)
    with context.store.read() as connection:
        job = proof_job.find(connection, number)
    assert job is not None and job.state == "failed"
    assert "it took longer than 0 minutes" in words_of(state_words(job, datetime.now(UTC), T))


def test_the_process_of_an_ended_trial_cleans_up_and_goes(context: Context) -> None:
    number = ask(context)
    rule, _ = rule_of(TEXT)
    assert rule is not None
    script = (
        "import signal, sys, time\n"
        "from datetime import timedelta\n"
        "from data.store.engine import open_store\n"
        "from pages.past.trial_worker import Pulse\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))\n"
        "store = open_store(sys.argv[1])\n"
        "try:\n"
        "    with Pulse(store, int(sys.argv[2]), timedelta(seconds=0)):\n"
        "        time.sleep(60)\n"
        "finally:\n"
        "    print('clean', flush=True)\n"
        "    store.close()\n"
    )
    url = context.store.engine.url.render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-c", script, url, str(number)], capture_output=True, text=True, timeout=50, cwd=ROOT
    )
    assert (done.returncode, done.stdout) == (1, "clean\n"), done.stderr


def test_trials_wait_for_their_turn_and_lost_ones_do_not_block(context: Context) -> None:
    first, second = ask(context), ask(context)
    with pytest.raises(RuleError, match="2 trials run already"):
        ask(context)
    with context.store.write() as connection:
        proof_job.fail(connection, first, "x", datetime.now(UTC))
        proof_job.beat(connection, second, 1, 2, datetime.now(UTC) - timedelta(minutes=3))
    third = ask(context)
    with context.store.read() as connection:
        lost, waiting = proof_job.find(connection, second), proof_job.find(connection, third)
    assert lost is not None and waiting is not None
    assert "The process of the trial is gone" in words_of(state_words(lost, datetime.now(UTC), T))
    assert waiting.is_open(datetime.now(UTC))


def test_a_new_rule_begins_as_a_valid_text_of_ones_own(context: Context) -> None:
    key = start(context, " county.rain ", ANNA.email)
    mine = opened(context, key, None, ANNA.email)
    rule, faults = rule_of(mine.text)
    assert faults == [] and rule is not None and (rule.key, mine.known) == ("county.rain", True)
    assert begun(context, ANNA.email) == ["county.rain"] and begun(context, BO.email) == []
    assert not opened(context, key, None, BO.email).known
    save_text(context, mine.text, "first", key, ANNA.email, NOTHING_KNOWN)
    assert begun(context, ANNA.email) == [] and opened(context, key, None, BO.email).known


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "a key is"), ("Rain", "a key is"), ("rain", "a key is"), ("county.", "a key is"), ("a.b c", "a key is"),
        ("a." + "b" * 120, "a key is"), (RAIN, "there is a rule cma.rainstorm.observed already"),
        ("test.rain", "there is a rule test.rain already"),
    ],
)  # fmt: skip
def test_a_new_rule_needs_a_key_of_its_own(context: Context, typed: str, sentence: str) -> None:
    saved(context, TEXT)
    with pytest.raises(RuleError, match=sentence):
        start(context, typed, ANNA.email)


def test_a_rule_of_which_there_are_versions_only_is_in_the_packs(context: Context) -> None:
    saved(context, TEXT)
    shown = words_of(packs.listing(context, T, "en", packs.ALL, "test.rain"))
    assert "Heavy rain" in shown and "No such rule" not in shown
    assert "Heavy rain" in words_of(packs.listing(context, T, "en", packs.ALL, None))


def test_a_rule_that_does_not_exist_is_not_switched_off(context: Context) -> None:
    with pytest.raises(RuleError, match=r"there is no rule cma\.rain$"):
        act(context, "disable", "cma.rain", 0, dataclasses.replace(BO), "typing")


def test_preview_leaves_the_kind_of_region_to_the_reader(context: Context, seen: Preview) -> None:
    rids = np.concatenate([seen.rids[:2], context.regions.of_kind("cn-province")[:2].astype(np.int32)])
    mixed = replace(seen, rids=rids, reached=np.array([0, 0, 4, 2], dtype=np.int8))
    assert _rule_preview.kinds_of(mixed, context) == {"cn-county": 2, "cn-province": 2}
    for kind, place in (("cn-county", slice(0, 2)), ("cn-province", slice(2, 4))):
        _, colours, _ = _rule_preview.paint(mixed, context, T, kind)
        assert colours["kind"] == kind
        assert [row["rid"] for row in colours["table"]["rows"]] == rids[place].tolist()


def test_page_of_an_unknown_rule_says_so(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "current", lambda: EVE)
    assert "No such rule." in words_of(rules.layout(context, T, "en", {"rule": "no.such"}))


@pytest.mark.parametrize("number", ["²", "9" * 5000, "-1", "٣٤", "1e3"])
def test_page_of_a_version_that_is_no_number_shows_the_rule(
    context: Context, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    monkeypatch.setattr(rules, "current", lambda: ANNA)
    shown = rules.layout(context, T, "en", {"rule": RAIN, "version": number})
    assert RAIN in words_of(shown)


def test_page_for_who_only_reads_says_why_and_has_nothing_to_press(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "current", lambda: EVE)
    saved(context)
    page = rules.layout(context, T, "en", {"rule": "test.rain", "version": "1"})
    words = words_of(page)
    assert "Rules are edited by accounts with the role planner or author." in words
    assert "Save as a version" not in words and "Run the trial" not in words
    assert [one for one in _ids(page) if one["type"] == "rules-act"] == []
    with context.store.read() as connection:
        assert [one.number for one in versions(connection, "test.rain")] == [1]


@pytest.mark.parametrize(
    ("said", "chinese"),
    [
        ("mmm is not a unit", "mmm 不是单位"),
        (
            "levels.red: clear (190) is on the wrong side of trigger (120)",
            "levels.red: clear（190）位于 trigger（120）",
        ),
        (
            "inputs.hour: accumulate sum needs a window; percentile belongs to spatial: percentile",
            "须有 window; perc",
        ),
        ("max_age: Field required", "max_age: 缺少此键"),
        ("fog has no level blue: it has yellow, orange, red", "fog 没有级别 blue：只有 yellow, orange, red"),
        ("a sentence that has no form", "a sentence that has no form"),
    ],
)
def test_faults_are_told_in_chinese(said: str, chinese: str) -> None:
    assert chinese in fault_words(said, translator("zh"))
    assert fault_words(said, T)


def test_a_trial_whose_process_dies_is_told(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    number = ask(context)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    launch(context.store, context.settings, number)
    deadline = time.monotonic() + 30
    state = ""
    while state != "failed" and time.monotonic() < deadline:
        with context.store.read() as connection:
            job = proof_job.find(connection, number)
        assert job is not None
        state = job.state
        time.sleep(0.05)
    assert (state, job.reason, job.history) == ("failed", "its process ended with status 1", None)


@pytest.fixture
def seen(context: Context) -> Preview:
    """Four counties: red, yellow, one of which nobody can tell although its trigger was met, and a quiet one."""
    rule, _ = rule_of(put(TEXT, ("levels", "red"), {"input": "hour", "trigger": 50, "clear": 40}))
    assert rule is not None
    compiled = compile_rule(rule)
    rids = np.asarray(context.regions.of_kind("cn-county")[:4], dtype=np.int32)
    values = np.array([[60.0, 25.0, 30.0, 1.0]])
    state = replace(
        new_state(compiled, 4), watched=np.ones((1, 4), dtype=np.bool_), value=values,
        observed_at=np.full((1, 4), AT.timestamp() - 600), unknown=np.array([False, False, True, False]),
    )  # fmt: skip
    reached = np.array([4, 2, 2, 0], dtype=np.int8)
    return Preview(rule=rule, compiled=compiled, rids=rids, state=state, reached=reached, reason="")


def test_preview_counts_unknown_apart_and_never_as_a_level(context: Context, seen: Preview) -> None:
    said = words_of(_rule_preview.words(seen, context, AT, T))
    assert "the trigger of a level is met in 2 of 4 watched regions." in said
    assert "Red, extreme: 1" in said and "Yellow, moderate: 1" in said
    assert "Regions of which nobody can tell: 1." in said
    rows = words_of(_rule_preview.table(seen, context, AT, T, "en"))
    assert rows.index("Red, extreme") < rows.index("Yellow, moderate") < rows.index("Unknown")
    assert "60 mm" in rows and "10 min ago" in rows and "1 mm" not in rows


def test_preview_paints_unknown_as_no_value(context: Context, seen: Preview) -> None:
    (kind,) = _rule_preview.kinds_of(seen, context)
    layers, colours, fly = _rule_preview.paint(seen, context, T, kind)
    assert layers["visible"]["levels"] is False
    assert colours["kind"] == "cn-county"
    assert [row["value"] for row in colours["table"]["rows"]] == [4.0, 2.0, None, 0.0]
    assert [row["rid"] for row in colours["table"]["rows"]] == seen.rids.tolist()
    west, south, east, north = fly["bbox"]
    assert west < east and south < north


def test_preview_without_inputs_says_why(context: Context, seen: Preview) -> None:
    blind = replace(seen, reason="RuleError: no grid", state=replace(seen.state, unknown=np.ones(4, dtype=np.bool_)))
    said = words_of(_rule_preview.words(blind, context, AT, T))
    assert "met in 0 of 4" in said and "Regions of which nobody can tell: 4." in said and "no grid" in said
    assert all(
        row["value"] is None for row in _rule_preview.paint(blind, context, T, "cn-county")[1]["table"]["rows"]
    )
