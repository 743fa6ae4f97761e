"""Survey records in an area, for impact: each dataset that may be seen, with how much of it was inspected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from api.sights import Sights
from data.errors import LayerError, NotPermitted
from data.store.catalogue import list_deliveries, read_dataset

if TYPE_CHECKING:
    from layers.impact.objects import Surveyed


def surveyed_in(area: Any, sights: Sights, locale: str = "en") -> Sequence[Surveyed]:
    """Records of the catalogue's stores inside an area; a count is unknown where it may not be told.

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
        if total != 0 and (one := _surveyed(sights, name, total, locale)):
            found.append(one)
    return found


def _surveyed(sights: Sights, name: str, total: int | None, locale: str) -> Surveyed | None:
    """What is said of a dataset; nothing of a store that the catalogue does not know."""
    from data.surveys import survey_names
    from layers.impact.objects import Surveyed
    from layers.survey.inspect.exposure import quality_of

    with sights.store.read() as connection:
        try:
            row = read_dataset(connection, name)
        except LayerError:
            return None
        deliveries = list_deliveries(connection, name)
        quality = quality_of(connection, sights.home, name)
    title = row.title.get(locale) or row.title.get("en") or name
    received = deliveries[0].received_at if deliveries else row.created_at
    kind = survey_names(sights.home).kind(row.kind, locale)
    return Surveyed(
        dataset=title,
        kind=kind,
        count=total,
        received_at=received,
        inspected=quality.inspected,
        passed=quality.passed,
    )
