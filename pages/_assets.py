"""Which files of `assets/` the Dash application puts into every page."""

from __future__ import annotations

from typing import Any

from data.settings import ROOT

ASSETS: dict[str, Any] = {
    "assets_folder": str(ROOT / "assets"),
    "assets_ignore": r"^(?!entry\.mjs$).*\.mjs$",  # modules are imported by the entry; ignored files are served
    "assets_path_ignore": ["vendor", "bundle", "public"],  # the public page has a style of its own
}
