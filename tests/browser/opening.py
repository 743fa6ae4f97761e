"""Pages of a whole Tocsin that runs, for people who have signed in: one helper for every module of tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data.clock import utc_now
from data.regions import RegionIndex
from tests.browser.conftest import PATIENCE_S, Site, until
from tests.running import Running, sign_in

Open = Callable[..., tuple[Any, Site]]


def signed_in(running: Running, chromium: Any) -> Any:
    """The cookies of somebody who has signed in; one sign-in serves every test of a module."""
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE_S * 1000)
    sign_in(context.new_page(), running.url)
    state = context.storage_state()
    context.close()
    return state


@contextmanager
def opening(url: str, chromium: Any, index: RegionIndex, **given: Any) -> Iterator[Open]:
    """Open pages; at the end no complaint of the browser is let pass, and no address outside.

    Parameters
    ----------
    given
        Options of a browser's context, unless a page wants others; `storage_state` is whose session it is.
    """
    contexts = []
    site = Site(url=url, store=None, index=index, now=utc_now())  # type: ignore[arg-type]

    def opened(
        path: str, *, ready: str = "", language: str = "", email: str = "", **options: Any
    ) -> tuple[Any, Site]:
        """`email` signs in through the form first; `ready` is what the page must say yes to."""
        context = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, **given, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_S * 1000)
        if language:
            context.add_cookies([{"name": "tocsin_lang", "value": language, "url": url}])
        page = site.watch(context)
        if email:
            sign_in(page, url, email)
        page.goto(f"{url}{path}")
        if ready:
            until(page, ready)
        return page, site

    yield opened
    for context in contexts:
        context.close()
    assert site.foreign == []
    assert site.complaints == []


def picture(page: Any, name: str) -> None:
    """Keep what the page looks like where PICTURES names a folder."""
    if os.environ.get("PICTURES"):
        page.screenshot(path=str(Path(os.environ["PICTURES"]) / f"{name}.png"))
