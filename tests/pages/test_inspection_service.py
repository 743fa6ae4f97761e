"""The buttons of the inspection page: a large delivery by a process of its own, and a filled list brought back."""

from __future__ import annotations

import base64
import threading
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from dash import html

from access.people import Person
from data.errors import LayerError, NotPermitted
from data.regions import default_base_dir
from data.settings import Settings
from data.store.engine import Store
from data.text import translator
from layers.survey.inspect import book, desk, job
from layers.survey.inspect.returned import write_list
from layers.survey.inspect.sample import Design
from pages._context import Context
from pages.inspection import field, progress, service
from tests.layers.inspect.small import small

PLANNER = Person(id=1, email="planner@eoc.example", name="Planner", roles=frozenset({"planner"}))
T = translator("en")
NOBODY = {"team": "", "day": ""}


@pytest.fixture
def context(store: Store, home: Path) -> Context:
    url = store.engine.url.render_as_string(hide_password=False)
    settings = Settings(home=home, zone=ZoneInfo("Asia/Shanghai"), database_url=url, base_dir=default_base_dir())
    return Context(
        store=store, settings=settings, sources=(), feed_health=None,  # type: ignore[arg-type]
        clock=lambda: datetime.now(UTC),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def who(monkeypatch: pytest.MonkeyPatch) -> dict[str, Person]:
    asking = {"person": PLANNER}
    for module in ("pages.inspection.service", "pages.inspection.progress", "api.inspection"):
        monkeypatch.setattr(f"{module}.current", lambda: asking["person"])
    return asking


def test_a_large_delivery_is_inspected_by_a_process_of_its_own(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = small(context.store, context.settings.home)
    monkeypatch.setattr(service, "MOST_HERE", 10)
    assert service.run(context, number, T) == "The inspection of 12 records has begun."
    assert progress.under_way(context, number)
    with pytest.raises(LayerError, match="already"):
        service.run(context, number, T)
    while progress.under_way(context, number):
        threading.Event().wait(0.05)
    wish = service.newest(context, number)
    assert wish is not None and wish.state == "done", wish
    with context.store.read() as connection:
        kept = book.last_inspection(connection, number)
    assert kept is not None and kept.by == PLANNER.email and kept.summary["records"] == 12


def test_an_inspection_is_ended_by_who_may_inspect(context: Context, who: dict[str, Person]) -> None:
    number = small(context.store, context.settings.home)
    with pytest.raises(LayerError, match="ended already"):
        service.cancel(context, number, T)
    with context.store.write() as connection:
        job.ask(connection, number, PLANNER.actor(), datetime.now(UTC))
    who["person"] = Person(id=2, email="v@x", roles=frozenset({"viewer"}))
    with pytest.raises(NotPermitted):
        service.cancel(context, number, T)
    who["person"] = PLANNER
    assert "nothing of it is kept" in service.cancel(context, number, T)
    assert not progress.under_way(context, number)
    said = progress.section(context, number, T)
    assert "ended by planner@eoc.example" in str(said[0])


def test_a_filled_list_is_taken_and_what_was_not_is_named(context: Context, who: dict[str, Person]) -> None:
    number = small(context.store, context.settings.home)
    with pytest.raises(LayerError, match="No sample was drawn"):
        service.bring(context, number, "data:text/csv;base64,eA==", "list.csv", NOBODY, T)
    office = service.office(context)
    desk.draw_sample(office, number, Design(seed=1, share=1.0), PLANNER.actor(), context.clock())
    with context.store.read() as connection:
        records = book.read_records(connection, 1)
    lines = "".join(write_list(1, records, context.settings.zone, T)).splitlines()
    lines[1] = lines[1].replace(",,,,", ",as written,,,")
    lines[2] = lines[2].replace(",,,,", ",perhaps,,,")
    upload = "data:text/csv;base64," + base64.b64encode("\r\n".join(lines).encode()).decode()
    told = service.bring(context, number, upload, "list.csv", {"team": "Li", "day": "2026-01-05"}, T)
    assert (told.entered, told.blank, len(told.refused)) == (1, 10, 1)
    said, rows = field.brought(told, T)
    assert said.children == "1 entered · 0 known before · 10 not filled in · 1 rows not taken"
    assert isinstance(rows, html.Ul) and "line 3: perhaps is none of" in str(rows.children[0])
    who["person"] = Person(id=2, email="v@x", roles=frozenset({"viewer"}))
    with pytest.raises(NotPermitted):
        service.bring(context, number, upload, "list.csv", NOBODY, T)
