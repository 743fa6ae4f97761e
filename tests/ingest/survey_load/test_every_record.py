"""Whatever stands in a table: each record is kept or refused, once, however the file is cut into pieces."""

from __future__ import annotations

import contextlib
import csv
import io
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.model import Payload
from ingest.survey_load import reading, streams
from ingest.survey_load.reading import FileReader, pieces_of
from ingest.survey_load.settling import Settled, settle
from ingest.survey_load.work import CHILD
from tests.conftest import tries
from tests.survey_loading import mapping

NUMBERS = st.one_of(
    st.floats(-200, 200).map(str), st.integers(-(10**9), 10**9).map(str),
    st.sampled_from(["", " ", "nan", "inf", "-0", "1e400", "1,5", "0x1", "１１３", "113°", "0", "0.0"]),
)  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=12)
ROW = st.tuples(NUMBERS, NUMBERS, st.one_of(NUMBERS, TEXTS), st.one_of(st.sampled_from(["a", "b"]), TEXTS))
CHOSEN = mapping(
    id={"column": "code"},
    facets=[{"name": "grade", "column": "kind", "values": {"a": "A", "b": "B"}}],
    columns=[{"name": "height", "column": "code", "unit": "cm", "to": "m", "kind": "i2", "missing": [0]}],
)


def load(folder: Path, text: str, piece: int, *, end_after: int | None = None) -> Settled:
    """The table read in pieces; ended once after some of them and gone on with where that is said."""
    path, work = folder / "t.csv", folder / f"work{piece}{end_after}"
    path.write_text(text, encoding="utf-8", newline="")
    (work / "00000").mkdir(parents=True)
    reader = FileReader(CHILD, CHOSEN, path, "t.csv", work / "00000")
    payload = Payload(source="survey load", body=b"", received_at=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "PIECE", piece)
        if end_after is not None:
            with patch.context() as within:
                _end(within, end_after)
                with contextlib.suppress(KeyboardInterrupt):
                    reader.parse(payload)
        reader.parse(payload)
    return settle(work, [work / "00000"], CHOSEN, {})


def _end(patch: pytest.MonkeyPatch, after: int) -> None:
    real, calls = reading.write_table, []

    def write(target: Path, table: Any) -> None:
        calls.append(target)
        if len(calls) > after:
            raise KeyboardInterrupt  # as a kill would, between two writes
        real(target, table)

    patch.setattr(reading, "write_table", write)


def records(settled: Settled) -> list[Any]:
    parts = sorted(settled.folder.glob("part-*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


@settings(max_examples=tries(300, 15))
@given(rows=st.lists(ROW, min_size=1, max_size=12), piece=st.integers(1, 7), end_after=st.integers(0, 9))
def test_each_record_is_kept_or_refused_once(rows: list[tuple[str, ...]], piece: int, end_after: int) -> None:
    written = io.StringIO()
    csv.writer(written).writerows([("lon", "lat", "code", "kind"), *rows])
    text = written.getvalue()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = load(folder, text, 1000)
        assert whole.rows + whole.refused == len(rows)
        cut = load(folder, text, piece)
        assert (cut.rows, cut.refused) == (whole.rows, whole.refused)
        again = load(folder, text, piece, end_after=end_after)
        assert again.digest == cut.digest
        assert [one["id"] for one in records(cut)] == [one["id"] for one in records(whole)]
        assert [one["height"] for one in records(cut)] == [one["height"] for one in records(whole)]
        refused = [pq.read_table(one.folder / "refused.parquet").to_pylist() for one in (whole, cut)]
        assert [(one["row"], one["reason"]) for one in refused[0]] == [
            (one["row"], one["reason"]) for one in refused[1]
        ]
        assert {one["row"] for one in refused[0]} <= set(range(1, len(rows) + 1))
        assert sum(piece["read"] for piece in pieces_of(folder / "work1000None" / "00000")) == len(rows)
