"""The page of changes between deliveries: what each may read of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest

from access.people import Person
from api import sights
from data.errors import LayerError
from data.settings import Settings
from data.store.catalogue import Dataset
from data.store.engine import Store
from data.text import translator
from ingest.survey_load import work
from layers.survey.versions import compare_versions, comparisons
from pages._context import Context
from pages.surveys import changes
from tests.pages.test_shell import text_of
from tests.survey_loading import AT, load_files, mapping

EN = translator("en")
PLANNER = Person(id=1, email="planner@example.org", roles=frozenset({"planner"}))
DUTY = Person(id=2, email="duty@example.org", roles=frozenset({"duty"}))
CHOSEN: dict[str, Any] = {
    "id": {"column": "n"}, "facets": [{"name": "grade", "column": "grade"}],
    "columns": [{"name": "beds", "column": "beds", "kind": "i4"}],
}  # fmt: skip


def delivered(store: Store, home: Path, lines: list[str], **order: Any) -> None:
    path = home.parent / f"{len(lines)}.csv"
    path.write_text("n,lon,lat,grade,beds\n" + "\n".join(lines) + "\n", encoding="utf-8")
    load_files(store, home, [path], mapping(**CHOSEN), **order)


@pytest.fixture
def context(store: Store, home: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A dataset of each of two classes: of 20 records five are gone later, eight changed, and two came."""
    monkeypatch.setattr(work, "parse_in_child", lambda source, payload, limits: source.parse(payload))
    first = [f"{n},1{n},2,{'ab'[n % 2]},{n}" for n in range(20)]
    later = [
        *(f"{n},1{n},2,{'ab'[n % 2]},{n + 100}" for n in range(5, 13)),
        *first[13:],
        "98,20,3,a,1",
        "99,20,3,b,1",
    ]
    for name, data_class in (("open", "public"), ("closed", "restricted")):
        new = Dataset(name=name, title={"en": name}, level="county", sector="water", kind="landslide",
                      data_class=data_class)  # type: ignore[arg-type]  # fmt: skip
        delivered(store, home, first, dataset=name, new=new)
        delivered(store, home, later, dataset=name, new=None)
        with ThreadPoolExecutor(1) as executor:
            compare_versions(store, home, name, (1, 2), workers=1, executor=executor)
    settings = Settings(home=home, zone=ZoneInfo("Asia/Shanghai"))
    return Context(store=store, settings=settings, sources=(), feed_health=None, clock=lambda: AT)  # type: ignore[arg-type]


def page(context: Context, monkeypatch: pytest.MonkeyPatch, person: Person, name: str, **asked: str) -> str:
    monkeypatch.setattr(sights, "current", lambda: person)
    return text_of(changes.layout(context, EN, "en", {"dataset": name, **asked}))


def test_counts_by_facet_and_what_stood_there_before(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    said = page(context, monkeypatch, PLANNER, "open", versions="1-2")
    assert "Version 1 and version 2" in said
    for line in ("+ Added2", "◆ Changed8", "○ Before the change8", "− Removed5"):
        assert line.replace(" ", "") in said.replace(" ", "")
    assert "Changed records" in said and "beds" in said and "105" in said


def test_who_may_not_see_records_reads_none(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    said = page(context, monkeypatch, DUTY, "closed")
    assert "Changed records" not in said and "beds" not in said and "105" not in said


def links(component: Any, under: str) -> list[str]:
    """Where the links of a page lead."""
    found = [getattr(one, "href", None) for _, one in component._traverse_with_paths()]
    return [str(one) for one in found if one and under in str(one)]


def test_each_number_leads_to_its_records(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sights, "current", lambda: PLANNER)
    shown = changes.layout(context, EN, "en", {"dataset": "open"})
    (of_a,) = [one for one in links(shown, "of=added") if "grade" in one and "%22a%22" in one]
    asked = dict(parse_qsl(urlsplit(of_a).query))
    assert asked == {"versions": "1-2", "of": "added", "where": '{"grade": ["a"]}'} and of_a.endswith("#records")
    said = page(context, monkeypatch, PLANNER, "open", **asked)
    assert "Records : + Added" in " ".join(said.split()) and "1–1 / 1" in said and "Changed records" not in said
    assert page(context, monkeypatch, PLANNER, "open", of="removed").count("1–5 / 5") == 1
    wrong = page(context, monkeypatch, PLANNER, "open", of="added", where='{"colour": ["red"]}')
    assert "Records :" not in wrong


def test_records_behind_a_number_are_for_who_may_see_records(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = page(context, monkeypatch, PLANNER, "closed", of="changed")
    assert "< 10" in said and "restricted" in said and " / " not in said


def test_the_map_has_every_kind_of_change(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sights, "current", lambda: PLANNER)
    shown = changes.layout(context, EN, "en", {"dataset": "open"})
    (store,) = [one for _, one in shown._traverse_with_paths() if getattr(one, "id", "") == "changes-kinds"]
    assert [(one["kind"], one["count"]) for one in store.data["kinds"]] == [
        ("removed", "5"), ("before", "8"), ("changed", "8"), ("added", "2"),
    ]  # fmt: skip
    assert {one["url"] for one in store.data["kinds"]} == {
        f"/t/changes/open/1-2/{kind}" for kind in ("added", "changed", "before", "removed")
    }
    assert (
        len({one["colour"] for one in store.data["kinds"]})
        == len({one["letter"] for one in store.data["kinds"]})
        == 4
    )
    west, south, east, north = store.data["bbox"]
    assert 9.9 < west < 10.1 and east > 19.9 and south < 2 < 3 < north + 0.1


def test_nothing_compared_yet(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    said = page(context, monkeypatch, PLANNER, "other")
    assert "No deliveries of this dataset have been compared." in said and "--dataset other" in said


def test_versions_that_cannot_be_compared(context: Context, store: Store, home: Path) -> None:
    with pytest.raises(LayerError, match="the earlier version comes first"):
        compare_versions(store, home, "open", (2, 1))
    with pytest.raises(LayerError, match="open has no version 7"):
        compare_versions(store, home, "open", (1, 7))
    with pytest.raises(LayerError, match="no dataset sea"):
        compare_versions(store, home, "sea", (1, 2))
    delivered(store, home, ["1,1,1,a,1"], dataset="open", new=None, mode="amend")
    with pytest.raises(LayerError, match="open 3 only adds to or amends others"):
        compare_versions(store, home, "open", (1, 3))
    assert list(comparisons(home, "open")) == [(1, 2)]
