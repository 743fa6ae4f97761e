"""Survey records in an area, for impact: each dataset that may be seen, with how much of it was inspected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from api.sights import Sights
from data.errors import NotPermitted
from data.store.catalogue import list_datasets, list_deliveries

if TYPE_CHECKING:
    from layers.impact.objects import Surveyed


def surveyed_in(area: Any, sights: Sights, locale: str = "en") -> Sequence[Surveyed]:
    """Records of stores inside an area; a count is unknown where it may not be told.

    Parameters
    ----------
    area : shapely Polygon or MultiPolygon
        EPSG:4326.
    """
    import shapely

    found = []
    for name in sights.names():
        try:
            seen = sights.open(name)
            box = seen.bounds
            if box is not None and not shapely.box(*box).intersects(area):
                continue
            total = seen.tally(None, area).total
            sights.note(seen, "counts", what="impact")
        except NotPermitted:
            total = None
        if total != 0:
            found.append(_surveyed(sights, name, total, locale))
    return found


def _surveyed(sights: Sights, name: str, total: int | None, locale: str) -> Surveyed:
    """What is said of a dataset; of a store that the catalogue does not know, its name and when it was built."""
    from data.surveys import survey_names
    from layers.impact.objects import Surveyed
    from layers.survey.inspect.exposure import UNKNOWN, quality_of
    from layers.survey.shelf import shelf_of

    with sights.store.read() as connection:
        row = next((one for one in list_datasets(connection) if one.name == name), None)
        if row is None:
            built = shelf_of(sights.home).built_at(name)
            return Surveyed(dataset=name, kind="", count=total, received_at=built, **asdict(UNKNOWN))
        deliveries = list_deliveries(connection, name)
        quality = quality_of(connection, sights.home, name)
    return Surveyed(
        dataset=row.title.get(locale) or row.title.get("en") or name,
        kind=survey_names(sights.home).kind(row.kind, locale), count=total,
        received_at=deliveries[0].received_at if deliveries else row.created_at, **asdict(quality),
    )  # fmt: skip
