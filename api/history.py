"""Statistics of regions for screens and programs: one region over time, or all regions of a kind in one step."""

from __future__ import annotations

from typing import Any

import numpy as np
from flask import Blueprint, Response, request

from access.guard import needs
from api.answers import compact, fault, fresh, versioned
from api.asked import asked_time
from api.context import api
from data.clock import iso
from data.errors import LayerError, StoreError

blueprint = Blueprint("history", __name__)


@blueprint.get("/api/regions/history.json")
@needs("watch.view")
def history() -> Response:
    """A statistic of one region over the steps of a series; what is unknown is null."""
    from data.store.field_series import SeriesKey, find_series
    from layers.region_history import read_history

    here = api()
    try:
        key, since, until = SeriesKey.of(request.args.get("series", "")), asked_time("since"), asked_time("until")
    except ValueError as error:
        return fault(400, "bad_request", str(error))
    rid = here.regions().by_code(request.args.get("code", ""))
    with here.store.read() as connection:
        series = find_series(connection, key)
    if rid is None or series is None:
        return fault(404, "not_found", "There is no such region or no such series.")
    settings = here.settings
    try:
        points = read_history(
            here.store, settings.home, key, rid, request.args.get("statistic", "mean"), since=since, until=until,
            base_dir=settings.base_dir,
        )  # fmt: skip
    except LayerError as error:
        return fault(400, "bad_request", str(error))
    return fresh({
        "unit": series.unit,
        "points": [
            {
                "step": point.step, "valid_at": iso(point.valid_at), "run_at": iso(point.run_at),
                "forecast": point.forecast, "value": point.value, "valid_share": point.valid_share,
                "pending": point.pending,
            }
            for point in points
        ],
    })  # fmt: skip


@blueprint.get("/api/regions/values.json")
@needs("watch.view")
def values() -> Response:
    """A statistic of one step for each region of a kind that its grid reaches; what is unknown is null."""
    from data.store.fields import find_step

    here, given = api(), request.args
    kind, statistic = given.get("kind", ""), given.get("statistic", "mean")
    population = given.get("population", "") in ("1", "true")
    number = given.get("step", "")
    if not (number.isascii() and number.isdigit()):
        return fault(400, "bad_request", "step is the number of a field step")
    with here.store.read() as connection:
        row = find_step(connection, int(number))
    if row is None:
        return fault(404, "not_found", "There is no such field step.")

    def build() -> bytes:
        return compact(read_values(row, kind, statistic, population=False))

    try:
        if population:  # the population grid may become another one, the step does not
            return fresh(read_values(row, kind, statistic, population=True))
        body = here.memo.get(("region-values", row.id, kind, statistic), build)
    except LayerError as error:
        return fault(400, "bad_request", str(error))
    except StoreError as error:
        return fault(410, "gone", str(error))
    return versioned(body)


def read_values(row: Any, kind: str, statistic: str, *, population: bool) -> dict[str, Any]:
    """The table of a step as JSON."""
    from layers.region_table import region_table

    here = api()
    settings = here.settings
    found = region_table(
        here.store, settings.home, settings.base_dir, row, kind, statistic, population=population
    )  # fmt: skip
    index = here.regions()
    rows = [
        {
            "rid": int(rid), "code": str(index.code[rid]), "name": str(index.name[rid]),
            "name_zh": str(index.name_zh[rid]), "value": None if np.isnan(value) else float(value),
            "valid_share": round(float(share), 4),
        }
        for rid, value, share, watched in zip(
            found.rid.tolist(), found.value.tolist(), found.valid_share.tolist(), found.watched.tolist(), strict=True
        )
        if watched
    ]  # fmt: skip
    return {"step": row.id, "valid_at": iso(row.valid_at), "unit": found.unit, "statistic": statistic, "rows": rows}
