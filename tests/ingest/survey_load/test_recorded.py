"""Recorded survey files through every command: as many records at each step as another reader counts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ingest.survey_load import work
from layers.survey import build
from tests.conftest import RECORDED, ROOT
from tests.survey_proof import WRONG, ZERO, Commands, Verdict, facts_of, files_of, judge, main

FILES = [path.name for path in files_of(RECORDED)] if RECORDED.is_dir() else ["none"]
# Points, lines, areas, mended and refused ones, a person's word, two coordinate systems; the rest is in `make prove`.
QUICK = {
    "airports.zip", "roads.zip", "volcano_krb.zip", "test_gpkg_nulls.gpkg", "mixed_crs.gpkg", "gbk.dbf",
    "six_counties_three_null.json", "hint_geometrycollection_nested.geojson", "hint_badcoord.geojson",
}  # fmt: skip
pytestmark = pytest.mark.recorded


@pytest.fixture
def commands(home: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The commands, which read and build in this process."""

    @contextmanager
    def here(_given: Executor | None, workers: int) -> Iterator[Executor]:
        with ThreadPoolExecutor(workers) as own:
            yield own

    monkeypatch.setattr(work, "parse_in_child", lambda source, payload, limits: source.parse(payload))
    monkeypatch.setattr(build, "working_on", here)
    return Commands(home, sqlite_url)


@pytest.mark.parametrize("name", sorted(QUICK & set(FILES)) or ["none"])
def test_counts_of_every_step_agree(recorded: Path, commands: Commands, name: str) -> None:
    path = next(one for one in files_of(recorded) if one.name == name)
    told = judge(commands, path, facts_of(recorded).get(name, ""), 1)
    assert not told.faults, told
    assert (told.option == ZERO) == (name == "test_gpkg_nulls.gpkg")


@pytest.mark.prove
def test_every_recorded_file_is_what_the_page_says(recorded: Path, tmp_path: Path) -> None:
    assert main(recorded, tmp_path / "proof.md") == 0
    page = (ROOT / "docs" / "survey-proof.md").read_text(encoding="utf-8")
    assert (tmp_path / "proof.md").read_text(encoding="utf-8") == page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": {"inspect": 3, "build": 2, "stats": 3, "export": 3}}, "build: 2"),
        ({"steps": {"inspect": 3}}, "not every step"),
        ({"counted": 4}, "4 in the file"),
        ({"refused": 1, "counted": 4}, "refused without a reason"),
        ({"refused": 1, "counted": 4, "why": ("no place",)}, "nothing is wrong with it"),
        ({"name": "vector_broken/floods_no_prj.zip"}, "is not told: names no coordinate"),
        ({"told": ("points: 7 of 8",)}, "points: 7 of 8"),
    ],
)
def test_proof_tells_what_does_not_agree(change: dict[str, Any], said: str) -> None:
    steps = dict.fromkeys(("inspect", "build", "stats", "export"), 3)
    right: dict[str, Any] = {"name": "vector/a.zip", "counted": 3, "rows": 3, "steps": steps}
    assert not Verdict(**right).faults
    assert any(said in fault for fault in Verdict(**{**right, **change}).faults)


def test_every_broken_file_has_its_fault_named(recorded: Path) -> None:
    names = {path.name for path in files_of(recorded)}
    assert set(WRONG) <= names
