"""Sectors and kinds of surveys, bundled and a site's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.errors import ConfigError
from data.surveys import survey_names


def test_bundled_names_are_as_many_as_were_published() -> None:
    names = survey_names()
    assert len(names.sectors) == 10
    counts = {group.key: (len(group.classes), sum(len(one.kinds) for one in group.classes)) for group in names.groups}
    assert counts == {"hazard": (6, 23), "asset": (6, 27), "capacity": (3, 16)}
    assert len(names.kinds) == 23 + 27 + 16
    assert all(one.en and one.zh for one in (*names.sectors, *names.kinds.values()))


def test_site_adds_and_renames(tmp_path: Path) -> None:
    (tmp_path / "surveys.yaml").write_text(
        "sectors:\n  - {key: water, en: Rivers, zh: 河流}\n  - {key: ports, en: Ports, zh: 港口}\n"
        "groups:\n  - key: hazard\n    en: Hazard factors\n    zh: 致灾因子\n    classes:\n"
        "      - {key: space, en: Space weather, zh: 空间天气, kinds: [{key: storm, en: Storm, zh: 磁暴}]}\n"
        "      - {key: marine, en: Marine, zh: 海洋灾害, kinds: [{key: algae, en: Algae, zh: 赤潮}]}\n"
    )
    names = survey_names(tmp_path)
    assert (names.sector("water", "en"), names.sector("ports", "zh"), len(names.sectors)) == ("Rivers", "港口", 11)
    assert (names.kind("storm", "zh"), names.kind("algae", "en"), names.kind("tsunami", "en")) == (
        "磁暴", "Algae", "Tsunami",
    )  # fmt: skip
    group = names.group_of("algae")
    assert group is not None and group.key == "hazard" and len(group.classes) == 7
    assert names.kind("of no list", "en") == "of no list"


def test_file_of_another_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "surveys.yaml").write_text("sectors: [water]\n")
    with pytest.raises(ConfigError, match=r"surveys\.yaml"):
        survey_names(tmp_path)
