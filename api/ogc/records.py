"""Survey records as OGC features and tiles, each as the present person may see them.

Positions of classified records carry the mark of this reader's copy of the day, as an export does.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from pygeoapi.models.provider.base import TileMatrixSetEnum
from pygeoapi.provider.base import BaseProvider, ProviderInvalidQueryError, ProviderItemNotFoundError
from pygeoapi.provider.tile import BaseTileProvider, ProviderTileNotFoundError

from access.keys import read_keys
from api.context import api
from api.ogc.asked import box_of, on_map
from api.records import sights
from data.errors import LayerError
from layers.survey.marks.book import Book
from layers.survey.marks.copy import marked_shapes
from layers.survey.rows import GEOMETRY
from layers.survey.sight import Sight

CELL_DEG = 0.1  # an identifier says in which cell of this size a record is looked for
MARGIN_DEG = 1e-6
OWN = ("lon", "lat", "segment", "source", "source_row", GEOMETRY)  # columns that are no properties
PURPOSE = "reading through the OGC interface"
MATRIX_SET = TileMatrixSetEnum.WEBMERCATORQUAD.value


class Records(BaseProvider):  # type: ignore[misc]
    """Single records of a dataset; facets and the region may be asked for by value."""

    def __init__(self, provider_def: Any) -> None:
        super().__init__(provider_def)
        self.seen = sights().open(self.data)
        schema = self.seen.schema
        self.asked = {one.name: {"type": "string"} for one in schema.facets} | {"region": {"type": "string"}}
        self._fields = self.asked | {one.name: {"type": "number"} for one in schema.columns}

    def get_fields(self) -> Any:
        """Fields by name."""
        return self._fields

    def query(
        self, offset: int = 0, limit: int = 10, resulttype: str = "results", bbox: Any = (), properties: Any = (),
        skip_geometry: bool = False, select_properties: Any = (), **_: Any,
    ) -> Any:  # fmt: skip
        """A page of the records that are asked for."""
        try:
            choice = self.seen.choose(json.dumps({name: [value] for name, value in properties}))
        except LayerError as error:
            raise ProviderInvalidQueryError(user_msg=str(error)) from error
        area = on_map(box_of(bbox)) if len(bbox) else None
        nowhere = len(bbox) > 0 and area is None
        total = 0 if nowhere else self.seen.tally(choice, area).total
        features: list[Any] = []
        if resulttype != "hits" and not nowhere:
            page = self.seen.shaped(area, choice, offset=offset, limit=limit)
            features = features_of(self.seen, page, skip_geometry, select_properties)
            sights().note(self.seen, "rows", by="OGC", bbox=list(bbox), first=offset, rows=len(features))
        return {"type": "FeatureCollection", "features": features, "numberMatched": total,
                "numberReturned": len(features)}  # fmt: skip

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
    shapes = page[GEOMETRY].to_pylist() if GEOMETRY in page.column_names else None
    if seen.permit.classified and not skip_geometry and page.num_rows:
        book = Book(api().store, read_keys(api().settings.home).mark.encode())
        mark = book.of_day(seen.permit, PURPOSE, "ogc", api().clock())
        lon, lat = mark.place(lon, lat)
        shapes = marked_shapes(shapes, mark) if shapes is not None else None
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
