"""A standing order in Chromium: one person proposes it, another signs it, and somebody ends it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from access import totp
from alerts.desk.standing import holding, orders
from data.clock import utc_now
from data.store.engine import Store, open_store
from data.store.tables import rule_state
from tests import desk_scene
from tests.browser.conftest import PATIENCE_S, until
from tests.desk_scene import APPROVER, AUTHOR, RAIN
from tests.running import PASSWORD, Running

pytestmark = pytest.mark.browser

LIST = "(document.querySelector('#standing-list')?.textContent ?? '')"


def fresh_code(secret: str, used: set[int]) -> str:
    """A code that was not used before: the server takes each once."""
    step = next(one for one in range(totp.step_of(utc_now()) - 1, totp.step_of(utc_now()) + 2) if one not in used)
    used.add(step)
    return totp.code_at(secret, step)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[tuple[Running, Store, dict[str, str]]]:
    """The processes, two people with authenticators, and a rule that has run."""
    home = tmp_path / "home"
    home.mkdir()
    system = Running(home, [], settings=desk_scene.SETTINGS)
    store = open_store(f"sqlite:///{home / 'tocsin.db'}")
    try:
        desk_scene.people(system)
        system.wait_ready(180, probe="/healthz")
        now = utc_now()
        secrets = {email: desk_scene.second_factor(store, home, email, now) for email in (AUTHOR, APPROVER)}
        desk_scene.fill(store, now)
        rule = desk_scene.rain_rule()
        with store.write() as connection:
            known = connection.execute(rule_state.select().where(rule_state.c.rule == RAIN)).first()
            if known is None:
                values = {"rule": RAIN, "digest": rule.digest, "enabled": True, "evaluated_at": now}
                connection.execute(rule_state.insert().values(**values))
        yield system, store, secrets
    finally:
        store.close()
        system.stop()


@pytest.fixture
def open_as(office: Any, chromium: Any) -> Iterator[Callable[..., Any]]:
    system, _, secrets = office
    contexts, used = [], {AUTHOR: set(), APPROVER: set()}

    def opened(email: str, **options: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_S * 1000)
        page = context.new_page()
        page.goto(f"{system.url}/login")
        page.fill("input[name=email]", email)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.fill("input[name=code]", fresh_code(secrets[email], used[email]))
        page.click("button[type=submit]")
        page.wait_for_url(f"{system.url}/")
        page.goto(f"{system.url}/standing")
        return page

    yield opened
    for context in contexts:
        context.close()


def picture(page: Any, name: str) -> None:
    """Keep what the page looks like where PICTURES names a folder."""
    if os.environ.get("PICTURES"):
        page.screenshot(path=str(Path(os.environ["PICTURES"]) / f"{name}.png"), full_page=True)


def test_two_people_let_a_rule_warn_by_itself(office: Any, open_as: Callable[..., Any]) -> None:
    _, store, _ = office
    author = open_as(AUTHOR)
    until(author, "Boolean(document.querySelector('#standing-propose'))")
    author.click("#standing-rule")
    author.click(f"text=({RAIN} ")
    until(author, "document.querySelectorAll('textarea')[0].value.includes('{level}')")
    author.fill("#standing-within", "CN-410000")
    author.fill("#standing-why", "flash floods leave no time")
    picture(author, "standing-form")
    author.click("#standing-propose")
    until(author, "document.querySelector('#standing-said').textContent.includes('waits for a second person')")
    assert "waits for a second signature" in author.evaluate(LIST)
    approver = open_as(APPROVER, viewport={"width": 390, "height": 844}, color_scheme="dark", locale="zh-CN")
    until(approver, "Boolean(document.querySelector('#standing-list .act.primary'))")
    picture(approver, "standing-second")
    approver.click("#standing-list .act.primary")
    until(approver, "document.querySelector('#standing-said').textContent.length > 4")
    with store.read() as connection:
        held = holding(connection, utc_now())
    assert [(one.first_by, one.second_by, one.rule) for one in held] == [(AUTHOR, APPROVER, RAIN)]
    author.reload()
    until(author, f"{LIST}.includes('issues by itself')")
    picture(author, "standing-list")
    author.click("text=End it now")
    until(author, "document.querySelector('#standing-said').textContent.includes('nothing by itself any more')")
    with store.read() as connection:
        assert holding(connection, utc_now()) == []
        assert orders(connection)[0].ended_by == AUTHOR
