"""Pictures of the documents: the real system over the scene. Run: python -m tests.pictures [FOLDER] [--surveys]"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from data.clock import utc_now
from data.store.engine import open_store
from tests import plan_scene, scene, survey_scene
from tests.browser.conftest import ARGUMENTS, until
from tests.conftest import ROOT
from tests.running import FeedServer, Running

ROLES = ("viewer", "duty", "planner", "author")
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
READY = {
    "watch": "Boolean(document.querySelector('.list .mark-red')) && (innerWidth < 800 || window.tocsinMap?.ready)",
    "feeds": "Boolean(document.querySelector('.detail table'))",
    "plan": "document.querySelectorAll('.plan-ranking .ag-row').length > 3"
    " && (innerWidth < 800 || Boolean(window.tocsinMap?.ready))",
}
PATHS = {"watch": "/", "feeds": "/feeds", "plan": "/plan?region=US-29113&tab=ranking"}
SURVEYS = {  # what the documents of surveys show, and what must be there first
    "surveys": ("/surveys", "#surveys-list table"),
    "survey-sharing": ("/surveys/houses/sharing", "#sharing-lists table"),
    "survey-inspection": ("/surveys/houses/inspection", "#inspection-body .js-plotly-plot .main-svg"),
    "survey-changes": ("/surveys/shelters/changes", ".surveys table"),
    "survey-submissions": ("/surveys/submissions", "#submissions table"),
    "place": ("/place?region=CN-410100", ".js-plotly-plot .main-svg"),
}


def save(page: Any, path: Path) -> None:
    """A screenshot in 255 colours: a third of the size, and nobody sees the difference."""
    from PIL import Image

    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").quantize(255).save(path, optimize=True)


def take(browser: Any, system: Running, folder: Path) -> None:
    """Each page in both sizes, light and dark."""
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = context.new_page()
            system.sign_in(page)
            for name, path in PATHS.items():
                page.goto(f"{system.url}{path}")
                if name == "plan" and size == "narrow":
                    page.click("#plan-show-results")
                until(page, READY[name])
                if name == "watch" and size == "wide":
                    page.evaluate("tocsinMap.map.jumpTo({center: [101, 32], zoom: 3.9})")
                page.wait_for_timeout(4000)
                save(page, folder / f"{name}-{size}-{scheme}.png")
            context.close()


def take_surveys(browser: Any, system: Running, folder: Path) -> None:
    """The pages of surveys: wide, and the catalogue also narrow and dark."""
    seen = [("wide", "light", name) for name in SURVEYS] + [("narrow", "dark", "surveys")]
    for size, scheme, name in seen:
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        page = context.new_page()
        system.sign_in(page)
        path, ready = SURVEYS[name]
        page.goto(f"{system.url}{path}")
        page.locator(ready).first.wait_for()
        page.wait_for_timeout(4000)
        if name == "survey-changes":
            until(page, "Boolean(window.tocsinMap?.ready && window.tocsinMap.map.areTilesLoaded())")
            page.wait_for_timeout(15_000)  # four layers, each of its own tiles
        save(page, folder / f"{name}-{size}-{scheme}.png")
        context.close()


def main() -> None:
    from playwright.sync_api import sync_playwright

    named = [word for word in sys.argv[1:] if not word.startswith("--")]
    folder = Path(named[0]) if named else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    server = FeedServer()
    scene.stage(server, utc_now())
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        settings = {**survey_scene.settings(utc_now()), "allow_hosts": [f"127.0.0.1:{server.port}"]}
        system = Running(Path(home), scene.sources(server), settings=settings, roles=ROLES)
        try:
            system.wait_ready()
            store = open_store(f"sqlite:///{Path(home) / 'tocsin.db'}")
            plan_scene.fill(store, Path(home), utc_now())
            survey_scene.fill(store, Path(home), utc_now())
            store.close()
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
            take_surveys(browser, system, folder)
            if "--surveys" not in sys.argv:
                take(browser, system, folder)
            browser.close()
        finally:
            system.stop()
            server.close()


if __name__ == "__main__":
    main()
