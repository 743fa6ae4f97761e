"""The document of all recorded grid files, written anew: every fact met, every picture small."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.fields_proof import LARGEST, write


@pytest.mark.prove
@pytest.mark.recorded
def test_every_recorded_grid_file_loads_or_is_refused_with_a_reason(recorded: Path) -> None:
    verdicts = write(recorded, ROOT / "docs")
    assert len(verdicts) > 30
    assert {verdict.name: verdict.wrong for verdict in verdicts if verdict.wrong} == {}
    for verdict in verdicts:
        assert verdict.parsed.records or verdict.parsed.rejects
        assert not verdict.parsed.records or verdict.checked > 0
        assert all(reject.reason for reject in verdict.parsed.rejects)
    text = (ROOT / "docs" / "fields-proof.md").read_text(encoding="utf-8")
    pictures = sorted((ROOT / "docs" / "images" / "fields").glob("*.png"))
    assert all(picture.stat().st_size <= LARGEST and picture.name in text for picture in pictures)
    assert len(pictures) == sum(bool(verdict.parsed.records) for verdict in verdicts)
