"""Text for people in the reader's language, from gettext catalogues in `data/locale`."""

from __future__ import annotations

import gettext
import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

LOCALES = ("en", "zh")
FOLDER = Path(__file__).resolve().parent / "locale"

Translate = Callable[[str], str]


@lru_cache(maxsize=len(LOCALES))
def translator(locale: str) -> Translate:
    """The function that turns an English message into the reader's language; English where there is none."""
    catalogue = FOLDER / locale / "tocsin.po"
    if locale == "en" or not catalogue.exists():
        return str
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = io.BytesIO()
    with catalogue.open("rb") as file:
        write_mo(compiled, read_po(file, locale=locale, abort_invalid=True))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled).gettext


def pick_locale(wished: str, accepted: str, default: str) -> str:
    """A person's own choice, else the first language of the browser that we speak, else the office's default."""
    if wished in LOCALES:
        return wished
    for part in accepted.split(","):
        language = part.split(";")[0].strip().split("-")[0].lower()
        if language in LOCALES:
            return language
    return default
