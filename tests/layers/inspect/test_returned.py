"""Filled lists of a check in the field: read row by row, entered in one step, and never twice."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from access import audit
from access.matrix import may
from app import parser
from data.actor import Actor
from data.errors import LayerError, NotPermitted
from data.regions import default_base_dir
from data.store.engine import Store
from data.store.tables import audit as audit_table
from data.text import translator
from layers.survey.inspect import book, command, desk
from layers.survey.inspect.returned import HEADS, Reader, faults_of, write_list
from layers.survey.inspect.sample import Design
from tests.conftest import NOW
from tests.layers.inspect.small import HOSTILE, small
from tests.layers.inspect.test_desk import INSPECTOR

pytestmark = pytest.mark.one_database
ZONE = timezone(timedelta(hours=8))
DAY = "2026-02-27 14:30"
Rows = list[dict[str, str]]


@pytest.fixture
def office(store: Store, home: Path) -> desk.Office:
    return desk.Office(store, home, default_base_dir(), audit.append, may)


@pytest.fixture
def sample(office: desk.Office) -> int:
    """All twelve records of a delivery, of which the one with a hostile identity is somewhere."""
    number = small(office.store, office.home)
    design = Design(seed=4, share=1.0, kind="unit", facts=("floors", "grade"))
    return desk.draw_sample(office, number, design, INSPECTOR, NOW)


def blank(office: desk.Office, sample: int, locale: str = "en") -> Rows:
    """The list as it is given out, by our names of its columns."""
    with office.store.read() as connection:
        records = book.read_records(connection, sample)
    written = "".join(write_list(sample, records, ZONE, translator(locale)))
    rows = list(csv.reader(io.StringIO(written.removeprefix("\ufeff"))))
    assert rows[0] == [translator(locale)(head) for head in HEADS.values()]
    return [dict(zip(HEADS, row, strict=True)) for row in rows[1:]]


def filled(rows: Rows, locale: str = "en", encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    """A list as a spreadsheet saves it."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow([translator(locale)(head) for head in HEADS.values()])
    writer.writerows([row[name] for name in HEADS] for row in rows)
    return out.getvalue().encode(encoding)


def bring(office: desk.Office, sample: int, body: bytes, **options: Any) -> desk.Brought:
    return desk.enter_list(
        office, sample, body, "list.csv", options.pop("actor", INSPECTOR), options.pop("now", NOW), zone=ZONE,
        **options,
    )  # fmt: skip


def findings(office: desk.Office, sample: int) -> dict[int, Any]:
    with office.store.read() as connection:
        return {one.number: one for one in book.read_records(connection, sample) if one.outcome}


def audited(office: desk.Office) -> list[dict[str, Any]]:
    with office.store.read() as connection:
        assert audit.verify(connection) is None
        query = sa.select(audit_table.c.detail).where(audit_table.c.action == "survey.found")
        return [json.loads(one) if isinstance(one, str) else one for one in connection.execute(query).scalars()]


@pytest.mark.parametrize(
    ("locale", "encoding", "delimiter", "words", "day"),
    [
        pytest.param("en", "utf-8-sig", ",", ("as written", "faulty", "not there", "not reached"), DAY, id="plain"),
        pytest.param("zh", "gb18030", ",", ("与记录一致", "有误", "实地不存在", "未能到达"), "2026/2/27 14:30",
                     id="excel gbk"),
        pytest.param("zh", "utf-16", "\t", ("right", "faulty", "absent", "unreached"), "2026年2月27日 14时30分",
                     id="unicode text"),
        pytest.param("en", "utf-8", ";", ("RIGHT", "Faulty", "Not there", "not reached"), "2026-02-27T06:30Z",
                     id="semicolons"),
    ],
)  # fmt: skip
def test_filled_list_is_read_as_spreadsheets_save_it(
    office: desk.Office, sample: int, locale: str, encoding: str, delimiter: str, words: tuple[str, ...], day: str
) -> None:
    rows = blank(office, sample, locale)
    for row, word in zip(rows, words, strict=False):
        row |= {"outcome": word, "found_by": "李强", "found_at": day}
    rows[1]["faults"] = "floors：6\ngrade: 2"
    told = bring(office, sample, filled(rows, locale, encoding, delimiter))
    assert (told.entered, told.known, told.refused, told.blank) == (4, 0, (), len(rows) - 4)
    found = findings(office, sample)
    assert [found[number].outcome for number in (1, 2, 3, 4)] == ["right", "faulty", "absent", "unreached"]
    assert found[2].found_at == datetime(2026, 2, 27, 6, 30, tzinfo=UTC) and found[2].found_by == "李强"
    assert [(one["attribute"], one["found"]) for one in found[2].faults] == [("floors", "6"), ("grade", "2")]
    assert found[2].faults[0]["written"] == rows[1]["facts"].split("; ")[1].removeprefix("floors: ")
    (entry,) = audited(office)
    assert (entry["sample"], entry["entered"], entry["file"]) == (sample, 4, "list.csv")


def test_same_list_twice_changes_nothing_and_does_not_undo_what_was_mended(office: desk.Office, sample: int) -> None:
    rows = blank(office, sample)
    rows[0] |= {"outcome": "faulty", "faults": "floors: 9", "found_by": "Li", "found_at": DAY}
    body = filled(rows)
    assert bring(office, sample, body).entered == 1
    mended = book.FieldFinding(outcome="right", found_by="Li", found_at=NOW - timedelta(hours=1))
    desk.enter(office, sample, 1, mended, INSPECTOR, NOW)
    told = bring(office, sample, body, now=NOW + timedelta(days=1))
    assert (told.entered, told.known) == (0, 1)
    assert findings(office, sample)[1].outcome == "right"
    assert len(audited(office)) == 2  # the first list, and the mending by hand
    again = blank(office, sample)  # the list as it is given out again
    assert [row["record"] for row in again if row["record"].startswith("'")] == [f"'{HOSTILE}"]
    assert bring(office, sample, filled(again)).entered == 0


def change(**values: str) -> Callable[[Rows], None]:
    return lambda rows: rows[0].update(values)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (change(outcome="perhaps"), "perhaps is none of: as written, faulty"),
        (change(outcome=""), "not said"),
        (change(number="4000"), "no record 4000"),
        (change(number="x"), "no record x"),
        (change(sample="99"), "it is of sample 99"),
        (change(record="b9999999"), "record 1 of the sample is "),
        (change(found_by=" "), "who looked is missing"),
        (change(found_at="3/1/2026"), "3/1/2026 is no time"),
        (change(found_at="2026-02-30 10:00"), "is no time"),
        (change(found_at="2026-03-01 20:01"), "later than now"),
        (change(outcome="as written"), "faults belong"),
        (change(faults="six floors"), "attribute: value"),
        (lambda rows: rows.append(dict(rows[0])), "record 1 stands in line 2 too"),
    ],
)
def test_row_that_cannot_be_is_refused_with_its_line_and_the_others_are_taken(
    office: desk.Office, sample: int, spoil: Callable[[Rows], None], said: str
) -> None:
    rows = blank(office, sample)
    for row in rows[:2]:
        row |= {"outcome": "faulty", "faults": "floors: 9", "found_by": "Li", "found_at": DAY}
    spoil(rows)
    told = bring(office, sample, filled(rows))
    (refused,) = told.refused
    assert said in refused.reason
    assert refused.line == (2 if len(findings(office, sample)) == 1 else len(rows) + 1)
    assert findings(office, sample)[2].outcome == "faulty"


def test_reasons_are_told_in_the_readers_language(office: desk.Office, sample: int) -> None:
    rows = blank(office, sample, "zh")
    rows[0] |= {"outcome": "也许", "found_by": "李", "found_at": DAY}
    rows[1] |= {"outcome": "有误", "found_at": DAY}
    told = bring(office, sample, filled(rows, "zh", "gb18030"), t=translator("zh"))
    assert [one.reason for one in told.refused] == [
        "“也许”不在可选项之内：与记录一致, 有误, 实地不存在, 未能到达", translator("zh")("who looked is missing"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"PK\x03\x04rest", "a workbook"), (b"\xd0\xcf\x11\xe0rest", "a workbook"), (b"a,b\n1,2\n", "no list"),
        (b"", "no list"), (b"No.,No.,In the field it is\n", "two columns"), (b"\x00\x01", "not text"),
        (b'number,outcome\n"1,right\n' + b"x" * 200_000, "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_filled_list_is_refused_whole(office: desk.Office, sample: int, body: bytes, said: str) -> None:
    with pytest.raises(LayerError, match=said):
        bring(office, sample, body)
    assert not audited(office)


def test_rows_without_a_name_or_time_take_what_is_said_for_all(office: desk.Office, sample: int) -> None:
    rows = blank(office, sample)
    for row in rows[:3]:
        row["outcome"] = "right"
    rows[0]["found_by"] = "Wang"
    told = bring(office, sample, filled(rows), by="Team 3", at="2026-02-28")
    found = findings(office, sample)
    assert told.entered == 3
    assert [found[number].found_by for number in (1, 2)] == ["Wang", "Team 3"]
    assert found[1].found_at == datetime(2026, 2, 28, tzinfo=ZONE)


def test_only_records_and_deliveries_of_ones_own_regions(office: desk.Office, sample: int) -> None:
    rows = blank(office, sample)
    for row in rows:
        row |= {"outcome": "right", "found_by": "Li", "found_at": DAY}
    for actor in (
        Actor(3, "v@x", "V", frozenset({"viewer"})),
        Actor(1, "i@x", "I", frozenset({"planner"}), regions=("CN-440000",)),
    ):
        with pytest.raises(NotPermitted):
            bring(office, sample, filled(rows), actor=actor)
    told = bring(office, sample, filled(rows), covers=lambda unit: unit == "110108")
    assert (told.entered, len(told.refused)) == (0, len(rows))  # no record of these says its unit
    assert {"no record" in one.reason for one in told.refused} == {True}
    assert bring(office, sample, filled(rows), covers=lambda unit: unit == "").entered == len(rows)


def test_identities_that_a_spreadsheet_made_numbers_of_are_known(office: desk.Office, sample: int) -> None:
    records = {1: type("Row", (), {"record_id": "110108199912311234", "facts": {}})(),
               2: type("Row", (), {"record_id": "007", "facts": {}})(),
               3: type("Row", (), {"record_id": "=cmd()", "facts": {}})()}  # fmt: skip
    reader = Reader(sample=1, records=records, zone=ZONE, now=NOW, t=str)
    lines = "number,record,outcome,found_by,found_at\n1,1.10108E+17,right,Li,2026-01-01\n2,7,right,Li,2026-01-01\n" \
            "3,'=cmd(),right,Li,2026-01-01\n"  # fmt: skip
    told = reader.read(lines.encode())
    assert (sorted(told.found), told.refused) == ([1, 2, 3], ())


@pytest.mark.parametrize(
    ("written", "expected"),
    [("a: 1\nb：2", [("a", "1"), ("b", "2")]), ("a: 1; b: 2", [("a", "1"), ("b", "2")]),
     ("a: red; blue", [("a", "red; blue")]), ("", [])],
)  # fmt: skip
def test_faults_are_lines_of_attribute_and_value(written: str, expected: list[tuple[str, str]]) -> None:
    assert [(one["attribute"], one["found"]) for one in faults_of(written)] == expected


def save(path: Path, rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    path.write_bytes(out.getvalue().encode("gb18030"))


def test_list_from_the_command_line_and_back(
    office: desk.Office, sample: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everybody = desk.Office(office.store, office.home, office.base_dir, audit.append, may=lambda *_: True)

    def run(*words: Any) -> tuple[int, Any]:
        options = parser().parse_args(["survey", "sample", "1", *map(str, words), "--json"])
        status = command.main(options, everybody, NOW, zone=ZONE, locale="zh")
        return status, json.loads(capsys.readouterr().out)

    path = tmp_path / "list.csv"
    status, told = run("--list", path)
    assert status == 0 and told["sample"] == sample
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    place = list(HEADS).index("outcome")
    for row in rows[1:4]:
        row[place] = "有误"
    save(path, rows)
    status, told = run("--import", path, "--by", "三组", "--at", "2026-02-28 09:00")
    assert (status, told["entered"], told["refused"]) == (0, 3, [])
    rows[4][place] = "?"
    save(path, rows)
    status, told = run("--import", path, "--by", "三组", "--at", "2026-02-28 09:00")
    assert (status, told["entered"], told["known"]) == (1, 0, 3)
    assert told["refused"][0]["line"] == 5
