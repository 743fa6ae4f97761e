"""`survey trace-copy FILE --dataset NAME`: whose copy a file is."""

from __future__ import annotations

import argparse
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv as pc
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from data.errors import ConfigError
from layers.survey.marks.book import Book
from layers.survey.marks.mark import Floats
from layers.survey.marks.picture_trace import trace_picture
from layers.survey.marks.trace import MOST_FALSE, trace

LON = ("lon", "longitude", "x", "lng")
LAT = ("lat", "latitude", "y")
PICTURES = (".png", ".jpg", ".jpeg", ".pdf")
JPEG_BEGINS = b"\xff\xd8\xff"
MOST_PIXELS = 40_000_000  # a printed map has four million
SHAPE = ("geometry", "wkt", "geom")  # as text


def add_arguments(commands: Any) -> None:
    """Add the action to the subparsers of `survey`."""
    parser = commands.add_parser("trace-copy", help="whose copy of survey records a file is")
    parser.add_argument(
        "file", type=Path, help="CSV, GeoJSON or Parquet with positions, or a drawn map: PNG, JPEG or PDF"
    )
    parser.add_argument("--dataset", required=True)
    parser.add_argument(
        "--most-false", type=float, default=MOST_FALSE, help="chance of a false finding that is borne"
    )


def main(options: argparse.Namespace, book: Book) -> int:
    """Print the copies that the file comes from; 1 where none is found."""
    given = list(book.given(options.dataset))
    rows = {row.id: row for _, row in given}
    if options.file.suffix.lower() in PICTURES:
        grey = read_grey(options.file)
        size: dict[str, Any] = {"pixels": grey.size}
        found = trace_picture(grey, [mark for mark, _ in given], most_false=options.most_false)
    else:
        lon, lat = read_positions(options.file)
        size = {"records": len(lon)}
        found = trace(lon, lat, book.marks(options.dataset), most_false=options.most_false)
    facts = [_facts(rows[one.copy]) | asdict(one) for one in found]
    if options.json:
        print(json.dumps({**size, "copies_tried": len(given), "found": facts}, ensure_ascii=False))
        return 0 if found else 1
    (what, count), *_ = size.items()
    print(f"{count:,} {what} against {len(given)} copies of {options.dataset}")
    for one in facts:
        print(
            f"copy {one['copy']}, {one['reader']}, {one['at']}, purpose: {one['purpose']}\n  by {one['by']}:"
            f" {one['hits']:,} of {one['tried']:,}; chance of a false finding at most {one['false_positive']:.1e}"
        )
    if not found:
        print("Whose it is cannot be told: the mark of none of them is found in it.")
    return 0 if found else 1


def read_positions(path: Path) -> tuple[Floats, Floats]:
    """Longitudes and latitudes in the order of a file [degrees]; ConfigError where it has none."""
    try:
        if path.suffix.lower() in (".geojson", ".json"):
            document = json.loads(path.read_text(encoding="utf-8"))
            shapes = [shapely.geometry.shape(one["geometry"]) for one in document["features"]]
            return _corners(shapes)
        table = pq.read_table(path) if path.suffix.lower() == ".parquet" else _read_csv(path)
        named = {name.strip().lower(): name for name in table.column_names}
        if any(word in named for word in SHAPE):
            return _corners(shapely.from_wkt(table[next(named[word] for word in SHAPE if word in named)].to_pylist()))
        lon, lat = ([named[word] for word in words if word in named] for words in (LON, LAT))
        positions = np.column_stack([table[lon[0]].to_numpy(), table[lat[0]].to_numpy()]).astype(float)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
        raise ConfigError([f"{path}: no positions: {error}"]) from error
    positions = positions[np.isfinite(positions).all(axis=1)]
    return positions[:, 0], positions[:, 1]


def read_grey(path: Path) -> NDArray[np.float32]:
    """The luminance of a picture; of a PDF of ours that of its only picture. ConfigError for what is none."""
    from PIL import Image

    try:
        body = path.read_bytes()
        if path.suffix.lower() == ".pdf":
            body = body[body.index(JPEG_BEGINS) :]
        with Image.open(io.BytesIO(body)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"more than {MOST_PIXELS:,} pixels")
            flat = Image.new("RGB", image.size, "white")
            flat.paste(image.convert("RGBA"), mask=image.convert("RGBA").getchannel("A"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ConfigError([f"{path}: no picture: {error}"]) from error
    return np.asarray(flat.convert("L"), np.float32)


def _corners(shapes: Any) -> tuple[Floats, Floats]:
    """Points, or every corner of lines and polygons, in their order."""
    found = shapely.get_coordinates(np.asarray(shapes, dtype=object))
    return found[:, 0], found[:, 1]


def _read_csv(path: Path) -> Any:
    """A table after the lines that begin with `#`."""
    with path.open("rb") as file:
        skip = 0
        while file.readline().startswith(b"#"):
            skip += 1
    return pc.read_csv(path, pc.ReadOptions(skip_rows=skip))


def _facts(row: Any) -> dict[str, Any]:
    return {
        "reader": row.reader,
        "at": row.at.isoformat(timespec="minutes"),
        "purpose": row.purpose,
        "rows": row.rows,
    }
