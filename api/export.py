"""Files for other programs and for print: regions with a statistic of a field, or a field itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from access.guard import needs
from access.people import current
from api.answers import fault
from api.asked import asked_box, asked_step
from api.context import api
from data.errors import LayerError, StoreError
from data.settings import ROOT
from data.store.exercise import scenario_of
from data.text import LOCALES

if TYPE_CHECKING:
    from layers.export.files import Export, Facts

FONTS = ROOT / "assets" / "vendor"
AT_ONCE = 2  # files made at a time: each takes a core and up to a gigabyte
PATIENCE_S = 120.0

blueprint = Blueprint("export", __name__)
_places = threading.BoundedSemaphore(AT_ONCE)


class Busy(Exception):
    """Too many files are being made."""


@blueprint.get("/api/export/regions.<form>")
@needs("plan.view")
def regions(form: str) -> Response:
    """`step`, `kind` and `statistic` of the regions; `bbox` of a picture."""
    from data.regions import KINDS

    kind, statistic = request.args.get("kind", ""), request.args.get("statistic", "mean")
    if kind not in KINDS:
        return fault(400, "bad_request", f"kind is one of {', '.join(KINDS)}")

    def make(row: Any, facts: Facts) -> Export:
        from layers.export.files import credits_of, export_regions
        from layers.region_table import region_table

        here = api().settings
        weighted = request.args.get("population", "") in ("1", "true")
        values = region_table(api().store, here.home, here.base_dir, row, kind, statistic, population=weighted)
        words = statistic + (" by people" if weighted else "")
        own = replace(facts, statistic=words, unit=values.unit, credits=credits_of(here.base_dir, (kind,)))
        return export_regions(form, values, own, base_dir=here.base_dir, fonts=FONTS, bounds=asked_box())

    return _answer(make)


@blueprint.get("/api/export/field.<form>")
@needs("plan.view")
def field(form: str) -> Response:
    """`step`, whole or the cells in `bbox`."""

    def make(row: Any, facts: Facts) -> Export:
        from layers.export.files import export_field

        here = api()
        step = here.steps().get(row)
        base_dir = here.settings.base_dir
        return export_field(form, step, facts, base_dir=base_dir, fonts=FONTS, bounds=asked_box())

    return _answer(make)


def _answer(make: Callable[[Any, Facts], Export]) -> Response:
    """The file, or why there is none."""
    from layers.export.files import facts_of_step

    here = api()
    try:
        row = asked_step()
        if row is None:
            return fault(404, "not_found", "There is no such field step.")
        facts = facts_of_step(
            row, here.settings.base_dir, here.clock(), zone=here.settings.zone, locale=_locale(here.settings.locale),
            exercise=scenario_of(here.clock), reader=current().email,
        )  # fmt: skip
        with place():
            made = make(row, facts)
    except (LayerError, ValueError) as error:
        return fault(400, "bad_request", str(error))
    except StoreError as error:
        return fault(410, "gone", str(error))
    except Busy:
        return fault(503, "busy", "Other files are being made: try again in a minute.", **{"Retry-After": "60"})
    response = Response(made.body, content_type=made.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{made.name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _locale(office: str) -> str:
    wished = request.args.get("locale", "")
    return wished if wished in LOCALES else office


@contextmanager
def place() -> Iterator[None]:
    """One of the files that are made at a time; Busy after a while of waiting."""
    if not _places.acquire(timeout=PATIENCE_S):
        raise Busy
    try:
        yield
    finally:
        _places.release()
