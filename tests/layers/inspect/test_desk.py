"""Inspection as people carry it out: runs, samples, findings and decisions, each with its trace and its audit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from access import audit
from access.matrix import may
from app import parser
from data.actor import Actor
from data.errors import LayerError, NotPermitted
from data.regions import default_base_dir
from data.store.catalogue import Dataset, Delivery, add_delivery, put_dataset, read_delivery, read_trace
from data.store.engine import Store
from layers.survey.inspect import book, command, desk
from layers.survey.inspect.book import FieldFinding
from layers.survey.inspect.sample import Design
from tests.conftest import NOW
from tests.layers.inspect.planted import buildings, deliver

INSPECTOR = Actor(1, "inspector@x", "Inspector", frozenset({"planner"}))
HEAD = Actor(2, "head@x", "Head", frozenset({"approver"}))
DATASET = Dataset(
    name="houses", title={"en": "Houses", "zh": "房屋"}, level="county", sector="housing", kind="urban_dwelling",
    data_class="public", unit="CN-110108", record_schema={"region": "county"},
)  # fmt: skip


@pytest.fixture
def office(store: Store, home: Path) -> desk.Office:
    return desk.Office(store, home, default_base_dir(), audit.append, may)


@pytest.fixture
def number(store: Store, home: Path) -> Iterator[int]:
    """A delivery of 3,000 buildings with 5 of each fault."""
    yield delivered(store, home, "county@x")


def delivered(store: Store, home: Path, by: str, *, answers: int | None = None, seed: int = 7) -> int:
    folder = f"deliveries/houses/{seed}"
    deliver(buildings(seed=seed)[0], home / folder)
    with store.write() as connection:
        put_dataset(connection, DATASET, at=NOW, by=by)
        delivery = Delivery(
            dataset="houses", mode="replace", folder=folder, digest=f"{seed:064d}", rows=3000, refused=0, sources=[],
            unit="CN-110108", answers=answers,
        )  # fmt: skip
        return add_delivery(connection, delivery, at=NOW, by=by)


def test_an_inspection_is_kept_and_brings_the_delivery_on(office: desk.Office, number: int) -> None:
    told = desk.inspect(office, number, INSPECTOR, NOW)
    with office.store.read() as connection:
        kept = book.last_inspection(connection, number)
        assert kept is not None
        assert read_delivery(connection, number).state == "inspected"
        trace = read_trace(connection, number)[-1]
        assert audit.verify(connection) is None
        assert audit.head(connection)[0] == 1
    assert kept.summary["with_error"] == sum(one["error"] for one in told["units"])
    assert kept.summary["with_error"] == 60  # 12 planted kinds of error, 5 of each
    assert trace.detail["found"]["unit.elsewhere"] == 5
    folder = office.home / kept.folder
    assert json.loads((folder / "report.json").read_text()) == told
    assert sorted(path.name for path in folder.iterdir()) == ["findings.parquet", "report.json"]
    assert pq.read_metadata(folder / "findings.parquet").num_rows == sum(one["found"] for one in told["rules"])


def test_who_may_not_inspect_is_refused_and_nothing_is_written(office: desk.Office, number: int) -> None:
    outside = replace(INSPECTOR, regions=("CN-440000",))
    for actor in (Actor(3, "v@x", "V", frozenset({"viewer"})), HEAD, outside):
        with pytest.raises(NotPermitted):
            desk.inspect(office, number, actor, NOW)
    assert not (office.home / "inspections").exists()
    desk.inspect(office, number, replace(INSPECTOR, regions=("CN-110000",)), NOW)


def test_expected_counts_are_compared(office: desk.Office, number: int) -> None:
    desk.expect(office, "houses", {"110108": 900, "110114": 989}, "plan of 2026", INSPECTOR, NOW)
    desk.expect(office, "houses", {"110108": 964}, "plan of 2026, mended", INSPECTOR, NOW)
    rules = {one["id"]: one for one in desk.inspect(office, number, INSPECTOR, NOW)["rules"]}
    assert (rules["coverage.count"]["checked"], rules["coverage.count"]["found"]) == (2, 0)
    with pytest.raises(LayerError, match="source"):
        desk.expect(office, "houses", {"110108": 900}, " ", INSPECTOR, NOW)


def found(outcome: str = "right", **more: object) -> FieldFinding:
    return FieldFinding(outcome=outcome, found_by="Li", found_at=NOW - timedelta(hours=2), **more)  # type: ignore[arg-type]


def test_a_sample_is_kept_and_its_findings_make_a_rate(office: desk.Office, number: int) -> None:
    id = desk.draw_sample(office, number, Design(seed=4, share=0.01, least=5), INSPECTOR, NOW)
    with office.store.read() as connection:
        records = book.read_records(connection, id)
        units, whole = book.unit_rates(connection, id)
    assert len(records) == 11 + 10 + 10 + 5 * 3  # of the units "", 999999 and 440106 all five
    assert whole.rate is None and all(one.rate.rate is None for one in units)  # unknown until somebody has looked
    mine = [one.number for one in records if one.unit == "110108"]
    for place in mine[:8]:
        desk.enter(office, id, place, found(), INSPECTOR, NOW)
    wrong = found("faulty", faults=[{"attribute": "floors", "written": "5", "found": "6"}])
    desk.enter(office, id, mine[8], wrong, INSPECTOR, NOW)
    desk.enter(office, id, mine[9], found("unreached"), INSPECTOR, NOW)
    desk.enter(office, id, mine[0], found("absent"), INSPECTOR, NOW)  # mended: the newest counts
    with office.store.read() as connection:
        rate = next(one.rate for one in book.unit_rates(connection, id)[0] if one.unit == "110108")
    assert (rate.checked, rate.faulty) == (9, 2)
    assert rate.rate == pytest.approx(2 / 9)
    assert rate.low is not None and rate.high is not None and rate.low < 2 / 9 < rate.high


def test_findings_that_cannot_be_are_refused(office: desk.Office, number: int) -> None:
    id = desk.draw_sample(office, number, Design(seed=4, share=0.01), INSPECTOR, NOW)
    for change, said in (
        ({"outcome": "perhaps"}, "outcome"), ({"found_by": " "}, "who looked"), ({"note": "x" * 2001}, "2000"),
        ({"faults": [{"attribute": "a"}]}, "belong"),
    ):  # fmt: skip
        with pytest.raises(LayerError, match=said):
            replace(found(), **change)
    with pytest.raises(LayerError, match="no record 4000"):
        desk.enter(office, id, 4000, found(), INSPECTOR, NOW)
    with pytest.raises(LayerError, match="later than now"):
        desk.enter(office, id, 1, replace(found(), found_at=NOW + timedelta(minutes=1)), INSPECTOR, NOW)


def test_who_delivered_does_not_pass_it(office: desk.Office, store: Store, home: Path) -> None:
    number = delivered(store, home, "head@x")
    desk.inspect(office, number, INSPECTOR, NOW)
    with pytest.raises(NotPermitted, match="delivered"):
        desk.decide(office, number, "passed", "fine", HEAD, NOW, limit=5.0)
    desk.decide(office, number, "passed", "fine", replace(HEAD, email="other@x"), NOW, limit=5.0)
    with store.read() as connection:
        assert read_delivery(connection, number).state == "passed"


def test_a_decision_needs_an_inspection_a_reason_and_the_role(office: desk.Office, number: int) -> None:
    with pytest.raises(LayerError, match="not inspected"):
        desk.decide(office, number, "passed", "fine", HEAD, NOW, limit=None)
    desk.inspect(office, number, INSPECTOR, NOW)
    with pytest.raises(LayerError, match="reason"):
        desk.decide(office, number, "returned", " ", HEAD, NOW, limit=None)
    with pytest.raises(NotPermitted):
        desk.decide(office, number, "returned", "faults", INSPECTOR, NOW, limit=None)


def test_a_returned_delivery_is_answered_by_another_and_both_are_traced(
    office: desk.Office, store: Store, home: Path, number: int
) -> None:
    desk.inspect(office, number, INSPECTOR, NOW)
    desk.draw_sample(office, number, Design(seed=4, share=0.01), INSPECTOR, NOW)
    desk.decide(office, number, "returned", "positions", HEAD, NOW, limit=5.0)
    again = delivered(store, home, "county@x", answers=number, seed=8)
    desk.inspect(office, again, INSPECTOR, NOW)
    desk.decide(office, again, "passed", "mended", HEAD, NOW, limit=5.0)
    with store.read() as connection:
        first, second = (read_trace(connection, one) for one in (number, again))
        assert read_delivery(connection, again).answers == number
    assert [one.state for one in first] == ["loaded", "inspected", "returned"]
    assert first[-1].detail["why"] == "positions"
    assert first[-1].detail["rate"] is None  # a sample nobody has looked at says nothing
    assert [one.state for one in second] == ["loaded", "inspected", "passed"]
    with pytest.raises(LayerError, match="returned"):
        desk.inspect(office, number, INSPECTOR, NOW)


def test_command_line(office: desk.Office, number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everybody = replace(office, may=lambda *_: True)
    counts = tmp_path / "counts.csv"
    counts.write_text("unit,count\n110108,1000\n", encoding="utf-8")

    def run(*words: str) -> str:
        top = parser().parse_args(["survey", *words])
        assert command.main(top, everybody, NOW) == 0
        return capsys.readouterr().out

    assert json.loads(run("expect", "houses", str(counts), "--source", "plan", "--json")) == {"units": 1}
    told = run("inspect", str(number))
    assert "error: unit.elsewhere: 5" in told
    assert "error: coverage.count: 1" in told
    assert "not checked: geometry.invalid: positions only" in told
    one, two = (json.loads(run("sample", str(number), "--seed", "9", "--share", "0.01", "--json")) for _ in "ab")
    assert one["records"] == two["records"]
    assert one["sample"] != two["sample"]
    assert set(one["records"][0]["facts"]) == {"county", "floors", "area", "year", "repaired", "grade"}


def test_now_is_an_argument(office: desk.Office, number: int) -> None:
    at: datetime = NOW + timedelta(days=3)
    desk.inspect(office, number, INSPECTOR, at)
    with office.store.read() as connection:
        kept = book.last_inspection(connection, number)
    assert kept is not None and kept.at == at
