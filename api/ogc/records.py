"""Survey records as OGC features and tiles, each as the present person may see them.

Positions of classified records carry the mark of this reader.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from pygeoapi.models.provider.base import TileMatrixSetEnum
from pygeoapi.provider.base import BaseProvider, ProviderInvalidQueryError, ProviderItemNotFoundError
from pygeoapi.provider.tile import BaseTileProvider, ProviderTileNotFoundError

from api.ogc.asked import box_of, on_map
from api.ogc.cql import Written, conditions
from api.ogc.search import REGION, Search, by_value, find, plan
from api.records import sights
from data.errors import LayerError
from layers.survey.rows import GEOMETRY
from layers.survey.sight import Sight

CELL_DEG = 0.1  # an identifier says in which cell of this size a record is looked for
MARGIN_DEG = 1e-6
OWN = ("lon", "lat", "segment", "source", "source_row", GEOMETRY)  # columns that are no properties
MATRIX_SET = TileMatrixSetEnum.WEBMERCATORQUAD.value


class Records(BaseProvider):  # type: ignore[misc]
    """Single records of a dataset; facets, the region and numbers may be asked for by value, and filtered by."""

    def __init__(self, provider_def: Any) -> None:
        super().__init__(provider_def)
        self.seen = sights().open(self.data)
        schema = self.seen.schema
        words = {one.name: {"type": "string", "values": list(one.values)} for one in schema.facets}
        self._fields = words | {REGION: {"type": "string"}} | {one.name: {"type": "number"} for one in schema.columns}
        self._filter: Written = provider_def.get("filter")

    def get_fields(self) -> Any:
        """Fields by name."""
        return self._fields

    def query(
        self, offset: int = 0, limit: int = 10, resulttype: str = "results", bbox: Any = (), properties: Any = (),
        sortby: Any = (), skip_geometry: bool = False, select_properties: Any = (), **_: Any,
    ) -> Any:  # fmt: skip
        """A page of the records that are asked for."""
        search = self._search(bbox, properties)
        total, page = 0, None
        if search is not None:
            shown = 0 if resulttype == "hits" else limit
            total, page = find(self.seen, search, sortby, offset=offset, limit=shown)
        features = [] if page is None else features_of(self.seen, page, skip_geometry, select_properties)
        filtered = self._filter[0][:500] if self._filter else ""
        asked = {"by": "OGC", "bbox": list(bbox), "filter": filtered, "first": offset, "rows": len(features)}
        sights().note(self.seen, "counts" if resulttype == "hits" else "rows", **asked)
        return {"type": "FeatureCollection", "features": features, "numberMatched": total,
                "numberReturned": len(features)}  # fmt: skip

    def _search(self, bbox: Any, properties: Any) -> Search | None:
        """What is asked for; None where nothing can match."""
        counted = {one.name for one in self.seen.schema.facets} | {REGION}
        wanted = conditions(self._filter, [pair for pair in properties if pair[0] not in counted], self._fields)
        try:
            choice = self.seen.choose(by_value(pair for pair in properties if pair[0] in counted))
        except LayerError as error:
            raise ProviderInvalidQueryError(user_msg=str(error)) from error
        area = on_map(box_of(bbox)) if len(bbox) else None
        return None if len(bbox) and area is None else plan(self.seen, choice, area, wanted)

    def get(self, identifier: str, **_: Any) -> Any:
        """One record by its identifier."""
        try:
            east, north, rest = identifier.split(".", 2)
            segment, source, row = rest.rsplit(".", 2)
            west, south = int(east) * CELL_DEG, int(north) * CELL_DEG
            area = on_map(shapely.box(west, south, west + CELL_DEG, south + CELL_DEG).buffer(MARGIN_DEG))
            found = None if area is None else self.seen.record(area, segment, int(source), int(row))
        except (ValueError, OverflowError, LayerError, pa.ArrowInvalid) as error:
            raise ProviderItemNotFoundError(user_msg="There is no such item.") from error
        if found is None:
            raise ProviderItemNotFoundError(user_msg="There is no such item.")
        sights().note(self.seen, "rows", by="OGC", item=identifier, rows=1)
        return features_of(self.seen, found, False, ())[0]


def features_of(seen: Sight, page: pa.Table, skip_geometry: bool, select: Any) -> list[Any]:
    """Records as GeoJSON features; where each is classified, at the place that this reader's mark gives it."""
    lon, lat = page["lon"].to_numpy(), page["lat"].to_numpy()
    cells = [(math.floor(x / CELL_DEG), math.floor(y / CELL_DEG)) for x, y in zip(lon, lat, strict=True)]
    told = page if skip_geometry else seen.told_records(page)
    lon, lat = told["lon"].to_numpy(), told["lat"].to_numpy()
    shapes = told[GEOMETRY].to_pylist() if GEOMETRY in told.column_names else None
    places: list[Any] = [{"type": "Point", "coordinates": [float(x), float(y)]}
                         for x, y in zip(lon.round(7), lat.round(7), strict=True)]  # fmt: skip
    if shapes is not None:
        places = [shapely.geometry.mapping(shapely.from_wkt(one)) for one in shapes]
    names = [name for name in page.column_names if name not in OWN and (not select or name in select)]
    rows = page.select(names).to_pylist() if names else [{}] * page.num_rows
    keys = page.select(["segment", "source", "source_row"]).to_pylist()
    return [
        {
            "type": "Feature", "id": ".".join(map(str, (*cell, key["segment"], key["source"], key["source_row"]))),
            "geometry": None if skip_geometry else place,
            "properties": {name: None if isinstance(value, float) and np.isnan(value) else value
                           for name, value in row.items()},
        }
        for cell, key, row, place in zip(cells, keys, rows, places, strict=True)
    ]  # fmt: skip


class RecordTiles(BaseTileProvider):  # type: ignore[misc]
    """Tiles of a dataset: single records as vectors for who may see them, else how many there are as pictures."""

    def __init__(self, provider_def: Any) -> None:
        super().__init__(provider_def)
        self.seen = sights().open(self.data)
        self.tile_type = "vector" if self.format_type == "mvt" else "map"

    def get_layer(self) -> str:
        """The name of the only layer."""
        return "records"

    def get_tiling_schemes(self) -> Any:
        """The one of web maps."""
        return [MATRIX_SET]

    def get_tiles_service(self, baseurl: Any = None, servicepath: Any = None, **_: Any) -> Any:
        """Where the tiles are."""
        link = {"type": self.mimetype, "rel": "item", "title": "Tiles", "templated": True, "href": servicepath}
        return {"links": [link]}

    def get_tiles(self, tileset: str = "", z: str = "", y: str = "", x: str = "", **_: Any) -> bytes | None:
        """A tile; None where nothing is on it."""
        if tileset != MATRIX_SET.tileMatrixSet:
            raise ProviderTileNotFoundError(user_msg="There is no such tile matrix set.")
        try:
            draw = self.seen.points if self.format_type == "mvt" else self.seen.picture
            body = draw(int(z), int(x), int(y))
        except (ValueError, OverflowError, LayerError) as error:
            raise ProviderTileNotFoundError(user_msg="There is no such tile.") from error
        sights().note_tile(self.seen)
        return body or None

    def get_metadata(self, dataset: str = "", title: str = "", description: str = "", **_: Any) -> Any:
        """What the tiles are (OGC 20-057, tileset metadata)."""
        return {
            "title": title, "description": description, "dataType": self.tile_type,
            "crs": MATRIX_SET.crs, "tileMatrixSetURI": MATRIX_SET.tileMatrixSetURI, "tileMatrixSetId":
            MATRIX_SET.tileMatrixSet, "links": [], "layers": [{"id": self.get_layer(), "dataType": self.tile_type}],
        }  # fmt: skip
