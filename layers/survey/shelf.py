"""The stores of a home, by name: each opened once, and opened anew when a build has changed it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from data.errors import LayerError
from layers.survey.build import MANIFEST
from layers.survey.choice import Choice, choose
from layers.survey.schema import Schema
from layers.survey.store import Store

FOLDER = "records"  # under the home folder
COMPARED = "compared"  # in the folder of a dataset's store
KINDS = ("added", "changed", "removed", "before")  # `before` are the former states of the changed ones
NO_STORE = "there is no such store of records"
REGION = "region"
_NAME = re.compile(r"[\w-]{1,80}")


class Shelf:
    """What stands in the folder of stores."""

    def __init__(self, home: Path) -> None:
        self.folder = home / FOLDER
        self._open: dict[str, Store] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """The stores that can be opened, in order."""
        found = [path.parent.name for path in self.folder.glob(f"*/{MANIFEST}")]
        return sorted(name for name in found if _NAME.fullmatch(name))

    def built_at(self, name: str) -> datetime:
        """When a store last became what it is."""
        return datetime.fromtimestamp((self.folder / name / MANIFEST).stat().st_mtime, UTC)

    def open(self, name: str) -> Store:
        """A store as its folder holds it now; LayerError where there is none of this name."""
        if not _NAME.fullmatch(name):
            raise LayerError(NO_STORE)
        return self._opened(name)

    def open_compared(self, name: str, versions: tuple[int, int], kind: str) -> Store:
        """One of the stores that a comparison of two deliveries has left; LayerError where there is none."""
        if not _NAME.fullmatch(name) or kind not in KINDS:
            raise LayerError(NO_STORE)
        return self._opened(f"{name}/{COMPARED}/{versions[0]}-{versions[1]}/{kind}")

    def _opened(self, below: str) -> Store:
        with self._lock:
            known = self._open.get(below)
            try:
                if known is None or not known.is_current:
                    self._open[below] = known = Store(self.folder / below)
            except (OSError, LayerError) as error:
                self._open.pop(below, None)
                raise LayerError(NO_STORE) from error
        return known


@lru_cache(maxsize=8)
def shelf_of(home: Path) -> Shelf:
    """The one shelf of a home in this process."""
    return Shelf(home)


def read_choice(schema: Schema, written: str) -> Choice:
    """A choice as addresses carry it: JSON with lists of values by facet, and by `region`; LayerError for another."""
    if not written:
        return choose(schema)
    try:
        asked: Any = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise LayerError("the choice is no JSON") from error
    if not isinstance(asked, Mapping) or not all(_words(one) for one in asked.values()):
        raise LayerError("a choice is lists of values by facet")
    facets = {str(name): words for name, words in asked.items() if name != REGION}
    return choose(schema, facets, asked.get(REGION))


def _words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)
