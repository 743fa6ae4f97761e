"""Every recorded grid file: what the index states of it, and values at places as other readers find them."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.model import FieldStep
from tests import fields_facts as facts
from tests.conftest import RECORDED

PATHS = facts.files(RECORDED) if RECORDED.is_dir() else []
NEVER = {  # files that hold no field for a map, each with the reason it must be refused for
    "icon_global_icosahedral_single-level_2021112018_000_TOT_PREC.grib2": "unstructured_grid is not rectilinear",
    "single_gridpoint.grib": "it is a station, not a field", "step_60m.grib": "are impossible for air_temperature",
    "t_analysis_and_fc_0.grib": "are impossible for air_temperature", "tiny.nc": "no longitude and latitude",
    "basin_mask.nc": "gives no time",
}  # fmt: skip


@pytest.mark.recorded
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_file_loads_with_its_facts_or_is_refused_with_a_reason(recorded: Path, path: Path) -> None:
    parsed = facts.load(path.read_bytes(), path.name, members="all")
    if path.name in NEVER:
        assert parsed.records == ()
        assert all(NEVER[path.name] in reject.reason for reject in parsed.rejects)
        return
    assert parsed.records
    assert facts.check_facts(recorded, path, parsed) == []


@pytest.mark.recorded
@pytest.mark.parametrize("path", [path for path in PATHS if path.name not in NEVER], ids=lambda path: path.name)
def test_values_lie_where_another_reader_finds_them(path: Path) -> None:
    if path.parent.name == "grib":
        items = [item for _, item in facts.grib_fields(path)]
        steps = [item for item in items if isinstance(item, FieldStep)][:3]
    else:
        steps = [step for step in facts.load(path.read_bytes(), path.name).records if isinstance(step, FieldStep)]
    stated = facts.points_of(path)
    assert stated
    for step, points in zip(steps, stated, strict=False):
        assert facts.disagreeing(step, points) == []
