"""Tables with areas: GeoPackage, GeoParquet and CSV."""

from __future__ import annotations

import io
import json
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import LayerError
from layers.layer import RegionValues

if TYPE_CHECKING:
    from layers.export.files import Facts
    from layers.export.raster import Block

MOST_TABLE_CELLS = 300_000
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so is run as a formula by spreadsheets
_clock = threading.Lock()  # the date that GDAL writes into a file is an option of the whole process


def region_frame(values: RegionValues, base_dir: Path) -> Any:
    """Regions with code, names, value and what is known of it, as a GeoDataFrame."""
    import geopandas

    from data.regions import load_geometries, load_regions

    if not values.rid.size:
        raise LayerError("there are no regions to export")
    index = load_regions(base_dir)
    found, shapes = load_geometries(base_dir, sorted(set(index.kind[values.rid].tolist())))
    place = np.searchsorted(found, values.rid)
    known = np.isfinite(values.value)
    columns = {
        "code": index.code[values.rid], "kind": index.kind[values.rid], "name": index.name[values.rid],
        "name_zh": index.name_zh[values.rid], "value": np.where(known, values.value, np.nan),
        "status": np.where(known, "known", np.where(values.watched, "unknown", "not covered")),
        "valid_share": np.round(values.valid_share, 6),
    }  # fmt: skip
    return geopandas.GeoDataFrame(columns, geometry=shapes[place], crs=4326)


def cell_frame(block: Block) -> Any:
    """Cells with their centre and value, as a GeoDataFrame of boxes."""
    import geopandas
    import shapely

    half = float(block.lon[1] - block.lon[0]) / 2 if block.lon.size > 1 else 0.0
    x, top = np.meshgrid(block.lon, block.edges[:-1])
    _, bottom = np.meshgrid(block.lon, block.edges[1:])
    _, y = np.meshgrid(block.lon, block.lat)
    value = block.values.ravel().astype(np.float64)
    known = np.isfinite(value)
    columns = {"lon": x.ravel(), "lat": y.ravel(), "value": value, "status": np.where(known, "known", "unknown")}
    boxes = shapely.box(x - half, bottom, x + half, top).ravel()
    return geopandas.GeoDataFrame(columns, geometry=boxes, crs=4326)


def write_table(form: str, frame: Any, facts: Facts) -> bytes:
    """A GeoDataFrame as `gpkg`, `parquet` or `csv`."""
    if form == "gpkg":
        return write_geopackage({facts.quantity: frame}, facts)
    if form == "parquet":
        return write_geoparquet(frame, facts)
    return write_csv(frame.drop(columns="geometry"), facts)


def write_geopackage(layers: dict[str, Any], facts: Facts) -> bytes:
    """GeoDataFrames as layers of one GeoPackage; its date is the one given."""
    import pyogrio

    words = {key.upper(): value for key, value in facts.words().items()}
    with _clock, tempfile.TemporaryDirectory(prefix="tocsin-export-") as folder:
        path = Path(folder) / "export.gpkg"
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{facts.made_at:%Y-%m-%dT%H:%M:%S.000Z}"})
        try:
            for number, (name, frame) in enumerate(layers.items()):
                pyogrio.write_dataframe(
                    frame, path, layer=name, driver="GPKG", append=number > 0, layer_metadata=words,
                    layer_options={"IDENTIFIER": f"{facts.title} {name}".strip(), "DESCRIPTION": facts.source},
                )  # fmt: skip
        finally:
            pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
        return path.read_bytes()


def write_geoparquet(frame: Any, facts: Facts) -> bytes:
    """GeoParquet 1.1; the facts are JSON under the key `tocsin` of the file."""
    import pyarrow.parquet as pq

    first, body = io.BytesIO(), io.BytesIO()
    frame.to_parquet(first, index=False, schema_version="1.1.0")
    table = pq.read_table(io.BytesIO(first.getvalue()))
    own = {b"tocsin": json.dumps(facts.words(), ensure_ascii=False).encode()}
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), **own}), body, compression="zstd")
    return body.getvalue()


def write_csv(frame: Any, facts: Facts) -> bytes:
    """CSV in UTF-8 with a byte-order mark, for spreadsheets; the facts are columns after the data.

    A number that is not known is an empty cell. A text that a spreadsheet would run as a formula gets an apostrophe.
    """
    import pandas as pd

    table = pd.DataFrame(frame).copy()
    for name, value in facts.words().items():
        table[name if name not in table.columns else f"export_{name}"] = value
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = [harmless(cell) for cell in table[name]]
    table.columns = [harmless(str(name)) for name in table.columns]
    return b"\xef\xbb\xbf" + table.to_csv(index=False, lineterminator="\r\n").encode()


def harmless(cell: Any) -> Any:
    """A cell that no spreadsheet runs as a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(DANGEROUS) else cell
