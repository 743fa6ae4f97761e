"""What an area holds, as JSON: regions by code, or where a field step meets a limit."""

from __future__ import annotations

from typing import Any

import numpy as np
from flask import Blueprint, Response, request

from access.guard import needs
from api.answers import fault, fresh
from api.asked import asked_box, asked_number, asked_step
from api.context import api
from api.exposure import surveyed_in
from api.sights import Sights
from data.clock import iso
from data.errors import LayerError, StoreError

MOST_CODES = 500

blueprint = Blueprint("impact", __name__)


@blueprint.get("/api/impact.json")
@needs("plan.view")
def impact() -> Response:
    """`code` (once or more), or `step` with `above` or `below` and perhaps `bbox`. Unknown numbers are null."""
    from layers.impact.summary import impact_of

    here = api()
    sights = Sights(here.store, here.settings.home, here.settings.base_dir, here.clock())
    try:
        area, beside = _area()
        with here.store.read() as connection:
            found = impact_of(
                area, base_dir=here.settings.base_dir, home=here.settings.home, connection=connection,
                now=here.clock(), surveys=lambda area: surveyed_in(area, sights),
            )  # fmt: skip
    except (LayerError, ValueError) as error:
        return fault(400, "bad_request", str(error))
    except LookupError as error:
        return fault(404, "not_found", str(error.args[0]))
    except StoreError as error:
        return fault(410, "gone", str(error))
    return fresh(describe(found) | beside)


def _area() -> tuple[Any, dict[str, Any]]:
    """The area asked for, and what is to be said beside its numbers."""
    from layers.impact.isolines import footprint_of_field
    from layers.impact.summary import footprint_of_regions

    here, codes = api(), request.args.getlist("code")
    if codes:
        if len(codes) > MOST_CODES:
            raise ValueError(f"at most {MOST_CODES} codes at a time")
        rids = [here.regions().by_code(code) for code in codes]
        if None in rids:
            raise LookupError(f"There is no region {codes[rids.index(None)][:40]!r}.")
        return footprint_of_regions(here.settings.base_dir, np.array(rids, np.int32)), {}
    above = "above" in request.args
    limit, row = asked_number("above" if above else "below"), asked_step()
    if row is None:
        raise LookupError("There is no such field step.")
    found = footprint_of_field(here.steps().get(row), limit, above, bounds=asked_box())
    if found.geometry.is_empty:
        raise LayerError("no cell of the field meets this limit")
    return found.geometry, {"cells": found.cells, "missing_share": round(found.missing_share, 6)}


def describe(found: Any) -> dict[str, Any]:
    """An `Impact` for programs; notes are English sentences."""
    return {
        "area_km2": found.area_km2, "people": found.people, "people_at_least": found.people_at_least,
        "people_source": found.people_source, "people_vintage": found.people_vintage,
        "people_note": None if found.people_note is None else str(found.people_note),
        "places": [
            {"name": place.name, "name_zh": place.name_zh, "population": place.population, "lon": place.lon,
             "lat": place.lat}
            for place in found.places
        ],
        "places_more": found.places_more, "places_people": found.places_people,
        "places_source": found.places_source, "places_vintage": found.places_vintage,
        "regions": [
            {"rid": region.rid, "code": region.code, "kind": region.kind, "name": region.name,
             "name_zh": region.name_zh, "share": region.share}
            for region in found.regions
        ],
        "surveyed": [
            {"dataset": item.dataset, "kind": item.kind, "count": item.count, "received_at": iso(item.received_at),
             "inspected_share": item.inspected, "passed_share": item.passed}
            for item in found.surveyed
        ],
        "notes": [str(note) for note in found.notes], "counted_at": iso(found.counted_at),
    }  # fmt: skip
