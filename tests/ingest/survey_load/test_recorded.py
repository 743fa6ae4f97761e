"""Every recorded survey file through `survey load`: as many records as another reader counts, each refusal told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data.store.engine import Store, open_store
from ingest.survey_load import work
from tests.conftest import RECORDED
from tests.survey_proof import ZERO, counts_of, files_of, judge

FILES = [str(path.relative_to(RECORDED)) for path in files_of(RECORDED)] if RECORDED.is_dir() else ["none"]
WHY = {
    ".dbf": "attribute table (.dbf) without its geometry",
    ".tif": "a raster or grid",
    "chinese_ldid.zip": "outside longitude +-180",
    "invalid_coordinates.zip": "outside longitude +-180",
    "sample.json": "not JSON",
    "six_counties_three_null.json": "no geometry",
    "data-multipolygon-encoding_wkb.parquet": "an empty geometry",
}


@pytest.fixture
def one_store(sqlite_url: str) -> Iterator[Store]:
    opened = open_store(sqlite_url)
    yield opened
    opened.close()


@pytest.mark.recorded
@pytest.mark.parametrize("name", FILES)
def test_recorded_file_is_loaded_whole_or_refused_with_its_reason(
    recorded: Path, one_store: Store, home: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "parse_in_child", lambda source, payload, limits: source.parse(payload))
    path = recorded / name
    told = judge(one_store, home, path, counts_of(recorded), 1)
    if told.counted is not None and told.rows:
        assert told.rows + told.refused == told.counted
    assert told.rows or told.why
    assert bool(told.refused) <= bool(told.why)
    assert (told.option == ZERO) == (path.name == "test_gpkg_nulls.gpkg")
    said = WHY.get(path.name) or WHY.get(path.suffix)
    assert said is None or any(said in why for why in told.why)
