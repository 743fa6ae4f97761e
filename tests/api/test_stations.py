"""What a station shows on the map."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from api.stations import station_level
from data.model import Level

STAGES = {"stages_m": {"action": 5.0, "minor": 6.0, "moderate": 7.0, "major": 8.0}}


@pytest.mark.parametrize(
    ("value", "unit", "quality", "level"),
    [
        pytest.param(6.5, "m", "good", Level.YELLOW, id="reached"),
        pytest.param(4.0, "m", "good", Level.NONE, id="below"),
        pytest.param(20.0, "ft", "good", Level.YELLOW, id="feet are not metres"),
        pytest.param(450.0, "cm", "good", Level.NONE, id="centimetres are not metres"),
        pytest.param(4.0, "m3/s", "good", Level.UNKNOWN, id="not a length"),
        pytest.param(6.5, "m", "suspect", Level.YELLOW, id="suspect may warn"),
        pytest.param(4.0, "m", "suspect", Level.UNKNOWN, id="suspect does not clear"),
        pytest.param(4.0, "m", "bad", Level.UNKNOWN, id="bad"),
        pytest.param(None, "m", "missing", Level.UNKNOWN, id="missing"),
    ],
)
def test_station_shows_its_stage(now: datetime, value: float | None, unit: str, quality: str, level: Level) -> None:
    reading = SimpleNamespace(quantity="river_stage", value=value, unit=unit, quality=quality, observed_at=now)
    assert station_level(STAGES, [reading], now, timedelta(hours=1)) is level
