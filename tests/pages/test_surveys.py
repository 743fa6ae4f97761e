"""The catalogue's pages: what each may read of datasets and deliveries, and that what a provider wrote stays text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dash import html

from access.people import Person
from data.errors import LayerError
from data.settings import Settings
from data.store.catalogue import RESERVED, Dataset, put_dataset
from data.store.engine import Store
from data.text import translator
from ingest.survey_load import work
from pages import surveys
from pages._context import Context
from pages.surveys import catalogue, dataset
from pages.surveys.sentences import sentence
from tests.pages.test_shell import text_of
from tests.survey_loading import AT, load_files, mapping

EN, ZH = translator("en"), translator("zh")
PLANNER = Person(id=1, email="planner@example.org", roles=frozenset({"planner"}))
DUTY = Person(id=2, email="duty@example.org", roles=frozenset({"duty"}))
HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture
def context(store: Store, home: Path) -> Context:
    settings = Settings(home=home, zone=ZoneInfo("Asia/Shanghai"))
    return Context(store=store, settings=settings, sources=(), feed_health=None, clock=lambda: AT)  # type: ignore[arg-type]


@pytest.fixture
def be(monkeypatch: pytest.MonkeyPatch) -> Callable[[Person], None]:
    def become(person: Person) -> None:
        for module in (surveys, catalogue, dataset):
            monkeypatch.setattr(module, "current", lambda: person)

    return become


@pytest.fixture
def loaded(store: Store, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One dataset of each class; each has 25 records and two that were refused, with hostile names in all places."""
    monkeypatch.setattr(work, "parse_in_child", lambda source, payload, limits: source.parse(payload))
    rows = "".join(f"{n},{HOSTILE},1{n},2,5\n".replace('"', "'") for n in range(25))
    path = tmp_path / f"{HOSTILE[:4]}.csv"
    path.write_text(f"n,name,lon,lat,grade\n{rows}98,x,0,0,5\n99,x,{HOSTILE[1:12]},2,6\n", encoding="utf-8")
    chosen = mapping(facets=[{"name": "grade", "column": "grade", "values": {"5": HOSTILE}}])
    for data_class in ("public", "shared", "restricted", "secret"):
        new = Dataset(
            name=f"{data_class}-sites", title={"en": f"{data_class} {HOSTILE}", "zh": "站点"}, level="county",
            sector="water", kind="landslide", data_class=data_class,  # type: ignore[arg-type]
        )  # fmt: skip
        load_files(store, home, [path], chosen, dataset=new.name, new=new)


def page(context: Context, name: str, t: Any = EN) -> str:
    return text_of(dataset.layout(context, t, "en", name))


def names(context: Context, **choice: str) -> list[str]:
    wanted = {"level": "any", "sector": "any", "data_class": "any", **choice}
    return [row.name for row, _, _ in catalogue.rows(context, **wanted)]


def test_catalogue_names_all_but_secret_datasets_of_others(
    context: Context, loaded: None, be: Callable[[Person], None]
) -> None:
    be(DUTY)
    assert names(context) == ["public-sites", "restricted-sites", "shared-sites"]
    assert names(context, data_class="public") == ["public-sites"]
    assert names(context, level="national") == [] and names(context, sector="geology") == []
    said = text_of(catalogue.table(context, catalogue.rows(context, "any", "any", "any"), EN, "en"))
    assert "Water resources" in said and "Landslide" in said and "Hazard factors" in said and "○ Loaded" in said
    assert "2026-03-01 20:00 +08:00" in said
    with pytest.raises(LayerError):
        page(context, "secret-sites")


def test_reasons_and_files_are_for_those_who_may_see_records(
    context: Context, loaded: None, be: Callable[[Person], None]
) -> None:
    be(DUTY)
    said = page(context, "public-sites")
    assert "25 records" in said and "2 refused" in said
    assert "1 · at 0, 0: no place was measured" in said and "1 · coordinates are not numbers" in said
    closed = page(context, "restricted-sites")
    assert "refused" not in closed and "not numbers" not in closed and ".csv" not in closed
    assert "Version 1" in closed


def test_what_a_provider_wrote_is_text_on_the_page(
    context: Context, loaded: None, be: Callable[[Person], None]
) -> None:
    be(PLANNER)
    made = dataset.layout(context, EN, "en", "public-sites")
    assert HOSTILE in text_of(made)
    seen: list[Any] = [made]
    while seen:
        part = seen.pop()
        assert not isinstance(part, html.Img) and not hasattr(part, "dangerously_allow_html")
        children = getattr(part, "children", None)
        seen += children if isinstance(children, list | tuple) else [children] if children is not None else []


def test_lost_list_of_refused_records_is_told(
    context: Context, loaded: None, be: Callable[[Person], None], home: Path
) -> None:
    be(PLANNER)
    (home / "deliveries/public-sites/1/refused.parquet").write_bytes(b"no parquet")
    assert "The list of refused records cannot be read" in page(context, "public-sites")


def test_addresses_below_lead_to_their_pages(context: Context, store: Store, be: Callable[[Person], None]) -> None:
    be(PLANNER)
    new = Dataset(name="one", title={}, level="county", sector="", kind="", data_class="public")
    with store.write() as connection:
        put_dataset(connection, new, at=AT, by="tests")
    assert "one" in text_of(surveys._part(context, EN, "en", {"below": "one"}))
    assert "nothing delivered" in text_of(surveys._part(context, EN, "en", {"below": "one"}))
    for below in ("two", "one/nothing", "one/../admin", "submissions/x"):
        assert "No such page" in text_of(surveys._part(context, EN, "en", {"below": below}))
    assert {part.WORD for part in surveys.OF_ALL} <= RESERVED


@pytest.mark.parametrize(
    ("reason", "chinese"),
    [
        ("at 0, 0: no place was measured", "坐标为 (0, 0)：未测量位置"),
        ("outside longitude +-180 and latitude +-90 degrees: longitude and latitude seem swapped",
         "超出地球范围：经纬度疑似颠倒"),
        ("kind: '9' is not in the list of its values (1,234)", "kind：“9”不在取值表中（1,234）"),
        ("5 values for 7 columns", "7 列却有 5 个值"),
        ("of no known form", "of no known form"),
    ],
)  # fmt: skip
def test_reason_is_told_in_chinese(reason: str, chinese: str) -> None:
    assert sentence(reason, ZH) == chinese
    assert sentence("GDAL: {0} {x}", EN) == "GDAL: {0} {x}"
