"""Collections that are short enough to be listed: events, readings, warnings, regions, the catalogue of surveys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import shapely
from pygeoapi.provider.base import BaseProvider, ProviderItemNotFoundError

from access.people import current
from access.sharing.permits import permit
from api.context import api
from api.features import read_events, read_warnings
from api.ogc.asked import box_of, span_of
from api.ogc.cql import Written, conditions
from api.ogc.items import Feature, chosen
from api.stations import read_stations
from data.clock import iso, parse_time
from data.store.catalogue import list_datasets

TEXT, NUMBER, TIME = {"type": "string"}, {"type": "number"}, {"type": "string", "format": "date-time"}


@dataclass(frozen=True)
class Listing:
    """A collection: what it is called, what its features have, when each is, and where they come from."""

    title: Mapping[str, str]
    description: str
    fields: Mapping[str, Mapping[str, str]]
    time: str
    read: Callable[[], list[Feature]]


def _events() -> list[Feature]:
    here = api()
    with here.store.read() as connection:
        found: list[Feature] = read_events(connection, here.clock())["features"]
    return found


def _readings() -> list[Feature]:
    """One feature for the newest reading of each quantity at each station."""
    here = api()
    with here.store.read() as connection:
        stations = read_stations(connection, here.clock(), here.stale_after)["features"]
    return [
        {
            "type": "Feature", "id": f"{place['source']}/{place['id']}/{quantity}", "geometry": station["geometry"],
            "properties": {"source": place["source"], "station": place["id"], "name": place["name"],
                           "quantity": quantity, **reading},
        }
        for station in stations
        for place in [station["properties"]]
        for quantity, reading in place["q"].items()
    ]  # fmt: skip


def _warnings() -> list[Feature]:
    here = api()
    with here.store.read() as connection:
        found = read_warnings(connection, here.clock(), here.regions())
    bare = [{"type": "Feature", "geometry": None, "properties": one} for one in found["without_geometry"]]
    return [{**one, "id": one["properties"]["key"]} for one in [*found["collection"]["features"], *bare]]


def _regions() -> list[Feature]:
    index = api().regions()
    return [
        {
            "type": "Feature", "id": str(index.code[rid]), "bbox": [float(edge) for edge in index.bbox[rid]],
            "geometry": {"type": "Point", "coordinates": [float(index.lon[rid]), float(index.lat[rid])]},
            "properties": {
                "code": str(index.code[rid]), "kind": str(index.kind[rid]), "name": str(index.name[rid]),
                "name_zh": str(index.name_zh[rid]),
                "parent": str(index.code[index.parent_rid[rid]]) if index.parent_rid[rid] >= 0 else None,
            },
        }
        for rid in range(len(index))
    ]  # fmt: skip


def _catalogue() -> list[Feature]:
    """Datasets as records: what they are, and whether this person may see more; never their content."""
    here, actor, now = api(), current().actor(), api().clock()
    found = []
    with here.store.read() as connection:
        for row in list_datasets(connection):
            held = permit(connection, actor, row.name, now)
            if row.data_class == "secret" and not held.counts:
                continue
            words = {"title": row.title.get("en", row.name), "title_zh": row.title.get("zh", ""), "type": "dataset"}
            facts = {
                name: getattr(row, name) for name in ("level", "unit", "sector", "kind", "licence", "data_class")
            }
            seen = {"counts": held.counts, "records": held.records, "export": held.export}
            properties = {**words, **facts, "created": iso(row.created_at), "open_to_you": seen}
            found.append({"type": "Feature", "id": row.name, "geometry": None, "properties": properties})
    return found


def _texts(names: str) -> dict[str, dict[str, str]]:
    return dict.fromkeys(names.split(), TEXT)


LISTED: Mapping[str, Listing] = {
    "events": Listing(
        {"en": "Events", "zh": "灾害事件"}, "Earthquakes, cyclones and other events of the last days.",
        {"source": TEXT, "id": TEXT, "kind": TEXT, "title": TEXT, "magnitude": NUMBER, "depth_km": NUMBER,
         "occurred_at": TIME, "updated_at": TIME, "status": TEXT}, "occurred_at", _events,
    ),
    "observations": Listing(
        {"en": "Newest readings", "zh": "最新观测"}, "The newest reading of each quantity at each station.",
        {"source": TEXT, "station": TEXT, "name": TEXT, "quantity": TEXT, "value": NUMBER, "unit": TEXT,
         "observed_at": TIME, "quality": TEXT}, "observed_at", _readings,
    ),
    "warnings": Listing(
        {"en": "Warnings of other offices", "zh": "外部预警"}, "Warnings that others issued and that are in force.",
        _texts("key source event headline severity urgency certainty sender sent_at expires_at status area"),
        "sent_at", _warnings,
    ),
    "regions": Listing(
        {"en": "Administrative areas", "zh": "行政区划"}, "Areas with their code, kind and parent.",
        _texts("code kind name name_zh parent"), "", _regions,
    ),
    "catalogue": Listing(
        {"en": "Catalogue of surveys", "zh": "普查数据目录"}, "Datasets of surveys, and what of each is open to you.",
        _texts("title title_zh level unit sector kind licence data_class created"), "created", _catalogue,
    ),
}  # fmt: skip


class Listed(BaseProvider):  # type: ignore[misc]
    """Features of one of the listings, chosen in memory."""

    def __init__(self, provider_def: Any) -> None:
        super().__init__(provider_def)
        self.listing = LISTED[self.data]
        self.time_field = self.listing.time or None
        self._fields = dict(self.listing.fields)
        self._filter: Written = provider_def.get("filter")

    def get_fields(self) -> Any:
        """Fields by name."""
        return self._fields

    def query(
        self, offset: int = 0, limit: int = 10, resulttype: str = "results", bbox: Any = (), datetime_: Any = None,
        properties: Any = (), sortby: Any = (), skip_geometry: bool = False, select_properties: Any = (),
        q: Any = None, **_: Any,
    ) -> Any:  # fmt: skip
        """The features that are asked for."""
        numbers = [pair for pair in properties if self._fields[pair[0]]["type"] == "number"]
        wanted = conditions(self._filter, numbers, self._fields)
        texts = [pair for pair in properties if pair not in numbers]
        area, span = box_of(bbox) if len(bbox) else None, span_of(datetime_)
        found = [
            one for one in self.listing.read()
            if _has(one, texts) and self._at(one, span) and _in(one, area) and _says(one, q)
        ]  # fmt: skip
        found = chosen(found, wanted, sortby, self._fields, self._shapes)
        page = [] if resulttype == "hits" else found[offset : offset + limit]
        features = [_shown(one, skip_geometry, select_properties) for one in self._drawn(page, skip_geometry)]
        return {
            "type": "FeatureCollection", "features": features, "numberMatched": len(found),
            "numberReturned": len(features),
        }  # fmt: skip

    def get(self, identifier: str, **_: Any) -> Any:
        """The feature with an identifier."""
        found = [one for one in self.listing.read() if one.get("id") == identifier]
        if not found:
            raise ProviderItemNotFoundError(user_msg="There is no such item.")
        return dict(self._drawn(found, False)[0])

    def _at(self, feature: Feature, span: tuple[datetime | None, datetime | None]) -> bool:
        """Whether a feature lies in a time; what has none lies in every time (OGC 17-069r4, 7.15.4)."""
        begin, end = span
        told = feature["properties"].get(self.listing.time)
        if told is None or (begin is None and end is None):
            return True
        at = parse_time(told)
        return (begin is None or begin <= at) and (end is None or at <= end)

    def _shapes(self, features: Sequence[Feature]) -> list[Any]:
        return [one["geometry"] for one in self._drawn(list(features), False)]

    def _drawn(self, page: list[Feature], skip_geometry: bool) -> list[Feature]:
        """A page with the outlines of regions, which are read only for what is shown."""
        if self.data != "regions" or skip_geometry or not page:
            return page
        from data.regions import areas_of

        index = api().regions()
        rids = [rid for one in page if (rid := index.by_code(one["id"])) is not None]
        areas = areas_of(api().settings.base_dir, rids)
        return [
            {**one, "geometry": one["geometry"] if area is None else shapely.geometry.mapping(area)}
            for one, area in zip(page, areas, strict=True)
        ]


def _has(feature: Feature, properties: Any) -> bool:
    return all(str(feature["properties"].get(name)) == value for name, value in properties)


def _in(feature: Feature, area: shapely.Geometry | None) -> bool:
    if area is None:
        return True
    if "bbox" in feature:
        return bool(shapely.intersects(area, shapely.box(*feature["bbox"])))
    return feature["geometry"] is not None and bool(
        shapely.intersects(area, shapely.geometry.shape(feature["geometry"]))
    )


def _says(feature: Feature, words: str | None) -> bool:
    """Whether a text has all the words, for searches in the catalogue."""
    text = " ".join(map(str, feature["properties"].values())).casefold()
    return not words or all(word.casefold() in text for word in words.replace(",", " ").split())


def _shown(feature: Feature, skip_geometry: bool, select: Any) -> Feature:
    kept = {name: value for name, value in feature["properties"].items() if not select or name in select}
    return {**feature, "geometry": None if skip_geometry else feature["geometry"], "properties": kept}
