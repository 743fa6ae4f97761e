"""A mute is told beside the level that it holds back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from alerts.why import Muted
from data.model import Level
from data.text import translator
from pages._why import _muted


@pytest.mark.parametrize(
    ("locale", "says"),
    [("en", ("Muted up to", "by Li: works", "until")), ("zh", ("已静默（至黄色", "责任人Li：works"))],
)
def test_mute_is_told_with_its_owner_reason_and_end(locale: str, says: tuple[str, ...]) -> None:
    mute = Muted(id=1, until=datetime(2026, 3, 1, 4, 0, tzinfo=UTC), up_to=Level.YELLOW, owner="Li", reason="works")
    context: Any = SimpleNamespace(settings=SimpleNamespace(zone=ZoneInfo("Asia/Shanghai")))
    (line,) = _muted(cast(Any, SimpleNamespace(muted=mute)), context, translator(locale))
    told = json.dumps(line.to_plotly_json(), default=lambda part: part.to_plotly_json(), ensure_ascii=False)
    assert all(part in told for part in (*says, "12:00 +08:00"))
    assert _muted(cast(Any, SimpleNamespace(muted=None)), context, translator(locale)) == []
