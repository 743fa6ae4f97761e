"""What two people do at the desk in Chromium: sign in, hand in, look, type, prove and sign."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from access import totp
from data.clock import utc_now
from tests.browser.conftest import PATIENCE_S, Site, until
from tests.desk_scene import APPROVER
from tests.running import PASSWORD

KEPT = "document.querySelector('#warn-saved').textContent.includes('Kept')"
FAULTS = "document.querySelectorAll('.warn-fault').length"
PIECES = "document.querySelectorAll('#warn-pieces .warn-chip').length"
OPEN = "location.search.startsWith('?id=') && Boolean(document.querySelector('#warn-form textarea'))"


class Codes:
    """The authenticator of the approver: each code is used once, as the server wants it."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.last = totp.step_of(utc_now()) - 2

    def next(self, page: Any) -> str:
        self.last = max(self.last + 1, totp.step_of(utc_now()))  # the next step is taken as well
        while self.last > totp.step_of(utc_now()) + 1:
            page.wait_for_timeout(200)
        return totp.code_at(self.secret, self.last)


@contextmanager
def opener(url: str, chromium: Any, site: Site, codes: Codes) -> Iterator[Callable[..., Any]]:
    """What opens a page of a person who has signed in; no complaint of the browser is let pass."""
    contexts = []

    def opened(email: str, path: str, **options: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_S * 1000)
        page = site.watch(context)
        page.goto(f"{url}/login")
        page.fill("input[name=email]", email)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        if email == APPROVER:
            page.fill("input[name=code]", codes.next(page))
            page.click("button[type=submit]")
        page.wait_for_url(f"{url}/")
        page.goto(f"{url}{path}")
        return page

    try:
        yield opened
    finally:
        for context in contexts:
            context.close()
    assert site.foreign == []
    assert site.complaints == []


def picture(page: Any, name: str) -> None:
    """Keep what the page looks like where PICTURES names a folder."""
    if os.environ.get("PICTURES"):
        page.screenshot(path=str(Path(os.environ["PICTURES"]) / f"{name}.png"))


def field(place: str) -> str:
    return f"""[id='{{"place":"{place}","type":"warn-field"}}']"""


def submit(page: Any) -> None:
    until(page, "document.querySelector('#warn-decide .act.primary')?.disabled === false")
    page.click("text=Submit for a signature")
    until(page, "document.querySelector('#warn-decide').textContent.includes('somebody else signs it')")


def sign(page: Any, codes: Codes, *, level: str = "Orange") -> str:
    """Look, type, prove, sign. Returns why it was refused."""
    until(page, "document.querySelector('.warn-sign')?.disabled === false")
    page.click(".warn-sign")
    until(page, "document.querySelector('#warn-sign-what')?.textContent.includes('This is real')")
    page.fill("#warn-typed-level", level)
    asked = page.evaluate("document.querySelector('label[for=warn-typed-area]').textContent")
    page.fill("#warn-typed-area", asked.partition(": ")[2].partition(" / ")[0])
    page.fill("#warn-password", PASSWORD)
    page.fill("#warn-code", codes.next(page))
    page.click("#warn-sign")
    until(page, "!document.querySelector('.warn-sign') || document.querySelector('#warn-sign-fault').textContent")
    return str(page.inner_text("#warn-sign-fault"))
