"""Map tiles of survey records: a picture of how many there are, or the points themselves to press on."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from layers.kernels.survey import encode_points, without
from layers.layer import Ramp
from layers.ramps import CIVIDIS, Palette, palette
from layers.survey.choice import Choice
from layers.survey.lone import RIM, enlarged, standing_alone
from layers.survey.marks.on_tiles import EXTENT_BITS, Place, placed_forms, placed_keys
from layers.survey.schema import Schema
from layers.survey.segment import tile_range
from layers.survey.shapes.draw import features, tile_box
from layers.survey.shapes.find import in_box
from layers.survey.store import Store, tile_number
from layers.tiles import SIZE, picture

MOST_POINTS = 20_000
LAST_POINT_ZOOM = 32 - EXTENT_BITS
LAYER = b"records"
SHOWN = (1, 10, 100, 1_000, 10_000)  # in the legend
FULL = 65_536  # records in a cell from which a picture is no darker
_STOPS = np.linspace(0.0, np.log10(FULL), len(CIVIDIS)).tolist()
PALETTE = palette(Ramp(stops=tuple(zip(_STOPS, CIVIDIS, strict=True)), interpolate=True))
ORDER = np.array(((0, 2), (3, 1)))  # in which pixels of a cell are drawn where it has fewer records than pixels
Grid = NDArray[np.uint32]


def rimmed(colours: Palette) -> Palette:
    """A palette with the colour of rims."""
    rgb = colours.rgb.copy()
    rgb[RIM] = 255
    return replace(colours, rgb=rgb)


RIMMED = rimmed(PALETTE)


def density(grid: Grid) -> bytes:
    """A picture of how many records there are: PNG, transparent where there is none.

    The scale is logarithmic from 1 to 65,536 records a pixel and the same on every tile, also on one of larger cells,
    so that neighbouring tiles can be compared. Records that stand alone are drawn as dots of three pixels with a rim.
    """
    scale = SIZE // len(grid)
    pixels = enlarged(shade_of(np.maximum(grid / scale**2, grid > 0)), scale)
    if scale == len(ORDER):
        spread = np.kron(np.where(standing_alone(grid > 0), 0, grid), np.ones_like(ORDER))
        pixels[(spread > 0) & (spread <= np.tile(ORDER, grid.shape))] = 0
    return picture(pixels, RIMMED, "png")


def shade_of(count: Any) -> NDArray[np.uint8]:
    """The place in the palette of a number of records; 0 for none."""
    number = np.asarray(count, np.float32)
    place = PALETTE.index(np.where(number > 0, np.log10(np.maximum(number, 1)), np.nan).astype(np.float32))
    return np.minimum(place, RIM - 1)


def stops() -> list[dict[str, Any]]:
    """The legend of the pictures: records a cell and their colours."""
    return [{"value": count, "colour": "#" + bytes(PALETTE.rgb[int(shade_of(count))]).hex()} for count in SHOWN]


def points(
    store: Store, zoom: int, x: int, y: int, choice: Choice | None = None, place: Place | None = None
) -> bytes | None:  # fmt: skip
    """A vector tile (Mapbox Vector Tile 2.1) of the records of a tile, with their facets; None for too many of them.

    Feature ids are numbers of records in the tile; positions are exact to a 4,096th of the tile. Lines and polygons
    are in every tile that they touch, though each counts in one. LayerError for a zoom beyond 20, where the map
    stretches the tile before. `place` moves records and corners to where a reader's mark has them [degrees].
    """
    if zoom > LAST_POINT_ZOOM:
        raise LayerError(f"points are drawn to zoom {LAST_POINT_ZOOM}")
    schema, chosen = store.schema, choice or store.everything
    tile = tile_number(zoom, x, y)
    if schema.shapes:
        return _shapes(store, (zoom, x, y), chosen, place)
    low, high = tile_range(zoom, tile)
    found = _served(store, low, high)
    if found is None:
        return None
    key, code = found
    combination = code & np.uint32((1 << schema.combination_bits) - 1)
    wanted = chosen.combinations[combination] & chosen.regions[code >> np.uint32(schema.combination_bits)]
    key, combination = key[wanted], combination[wanted]
    count = len(key)
    if count > MOST_POINTS:
        return None
    if not count:
        return b""
    tags, tag_at, heads = _tags(schema)
    out = np.empty(count * (int(np.diff(tag_at).max()) + 32), np.uint8)
    shift = np.uint64(32 - zoom - EXTENT_BITS)
    key = key if place is None else placed_keys(key, place, (low, high), int(shift))
    size = encode_points(key, combination, np.uint64(low), shift, tags, tag_at, out)
    return _layer(out[:size].tobytes(), heads)


def _shapes(store: Store, tile: tuple[int, int, int], choice: Choice, place: Place | None) -> bytes | None:
    """Lines and polygons that touch a tile, simpler at smaller scales; None for too many."""
    bits = np.uint32(store.schema.combination_bits)
    found, codes, count = [], [], 0
    for segment in store.segments:
        for shapes, places in in_box(segment, tile_box(*tile)):
            code = shapes.codes[places]
            wanted = choice.combinations[code & np.uint32((1 << bits) - 1)] & choice.regions[code >> bits]
            count += int(wanted.sum())
            if count > MOST_POINTS:
                return None
            found.append(shapes.forms(places[wanted], tile[0]))
            codes.append(code[wanted] & np.uint32((1 << bits) - 1))
    if not count:
        return b""
    tags, tag_at, heads = _tags(store.schema)
    forms = np.concatenate(found)
    forms = forms if place is None else placed_forms(forms, place)
    drawn = features(forms, np.concatenate(codes), tile, tags, tag_at)
    return _layer(drawn, heads) if drawn else b""


def _layer(features: bytes, heads: bytes) -> bytes:
    layer = b"\x78\x02\x0a" + _varint(len(LAYER)) + LAYER + features + heads + b"\x28" + _varint(1 << EXTENT_BITS)
    return b"\x1a" + _varint(len(layer)) + layer


def _served(store: Store, low: int, high: int) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Keys and codes of a range of keys, without the ones taken off; None for far too many."""
    parts: dict[int, list[Any]] = {1: [], -1: []}
    for segment, sign in store.signed:
        parts[sign] += segment.records(low, high)
    if sum(end - start for _, _, start, end in parts[1]) > MOST_POINTS * 8:
        return None
    columns = []
    for own in parts.values():
        columns.append(np.concatenate([np.empty(0, np.uint64), *(key[start:end] for key, _, start, end in own)]))
        columns.append(np.concatenate([np.empty(0, np.uint32), *(code[start:end] for _, code, start, end in own)]))
    key, code, gone, gone_code = columns
    if not len(gone):
        return key, code
    order, off = np.lexsort((code, key)), np.lexsort((gone_code, gone))
    key, code = key[order], code[order]
    kept = np.ones(len(key), np.bool_)
    without(key, code, gone[off], gone_code[off], kept)
    return key[kept], code[kept]


@lru_cache(maxsize=8)
def _tags(schema: Schema) -> tuple[NDArray[Any], NDArray[Any], bytes]:
    """The tags of each combination as bytes, where each begins, and the layer's keys and values."""
    heads = b"".join(b"\x1a" + _text(facet.name) for facet in schema.facets)
    begins, place = [], 0
    for facet in schema.facets:
        begins.append(place)
        heads += b"".join(b"\x22" + _varint(len(_text(word)) + 1) + b"\x0a" + _text(word) for word in facet.values)
        place += len(facet.values)
    written = []
    for combination in range(schema.combinations):
        pairs = b""
        for index, (facet, stride, begin) in enumerate(zip(schema.facets, schema.strides, begins, strict=True)):
            code = combination // stride % (len(facet.values) + 1)
            pairs += _varint(index) + _varint(begin + code - 1) if code else b""
        written.append(pairs)
    at = np.cumsum([0, *(len(one) for one in written)])
    return np.frombuffer(b"".join(written) or b"\0", np.uint8), at.astype(np.int64), heads


def _text(word: str) -> bytes:
    body = word.encode()
    return _varint(len(body)) + body


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
