"""The hot loops over survey records: Morton keys, buckets, counting on grids, points in polygons.

A key is the position in web Mercator with 32 bits each way, the bits of x and y in turn (Morton 1966). The key of a
map tile is the beginning of the keys of all that lies in it: every tile is one range.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from layers.kernels.compiled import compiled

NOWHERE = np.uint64(0xFFFFFFFFFFFFFFFF)
REACH = 85.05  # degrees of latitude that web Mercator shows
SIDE = 4294967296.0
MOST = 255  # the count in a word of a pyramid level that says: look into the list of large ones

_inline = compiled(inline="always")
_compiled = compiled()


@_inline
def spread(value: Any) -> Any:
    """The bits of a number with a gap between each two."""
    value = numba.uint64(value)
    value = (value | (value << numba.uint64(16))) & numba.uint64(0x0000FFFF0000FFFF)
    value = (value | (value << numba.uint64(8))) & numba.uint64(0x00FF00FF00FF00FF)
    value = (value | (value << numba.uint64(4))) & numba.uint64(0x0F0F0F0F0F0F0F0F)
    value = (value | (value << numba.uint64(2))) & numba.uint64(0x3333333333333333)
    return (value | (value << numba.uint64(1))) & numba.uint64(0x5555555555555555)


@_inline
def gather(value: Any) -> Any:
    """Every second bit of a number."""
    value = value & numba.uint64(0x5555555555555555)
    value = (value | (value >> numba.uint64(1))) & numba.uint64(0x3333333333333333)
    value = (value | (value >> numba.uint64(2))) & numba.uint64(0x0F0F0F0F0F0F0F0F)
    value = (value | (value >> numba.uint64(4))) & numba.uint64(0x00FF00FF00FF00FF)
    value = (value | (value >> numba.uint64(8))) & numba.uint64(0x0000FFFF0000FFFF)
    return (value | (value >> numba.uint64(16))) & numba.uint64(0x00000000FFFFFFFF)


def degrees_east(x: Any) -> Any:
    """Longitude of the middle of columns, at the keys' own fineness."""
    return (x + 0.5) / SIDE * 360.0 - 180.0


def degrees_north(y: Any) -> Any:
    """Latitude of the middle of rows."""
    return np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * (y + 0.5) / SIDE))))


@_compiled
def keys_of(lon: Any, lat: Any, out: Any) -> Any:
    """Keys of positions [degrees]; `NOWHERE` for one that is not on the map. Returns how many are not."""
    lost = 0
    for index in range(len(lon)):
        east, north = lon[index], lat[index]
        if east == 180.0:
            east = -180.0
        if not (east >= -180.0 and east < 180.0 and north > -REACH and north < REACH):
            out[index] = NOWHERE
            lost += 1
            continue
        sine = math.sin(north * 0.017453292519943295)
        x = (east + 180.0) / 360.0 * SIDE
        y = (0.5 - math.log((1 + sine) / (1 - sine)) / 12.566370614359172) * SIDE
        out[index] = spread(np.uint64(x)) | (spread(np.uint64(y)) << numba.uint64(1))
    return lost


@_compiled
def cells_of(key: Any, x: Any, y: Any) -> None:
    """Column and row of keys, at the keys' own fineness."""
    for index in range(len(key)):
        x[index] = gather(key[index])
        y[index] = gather(key[index] >> numba.uint64(1))


@_compiled
def keys_of_cells(x: Any, y: Any, out: Any) -> None:
    """Keys of columns and rows."""
    for index in range(len(x)):
        out[index] = spread(x[index]) | (spread(y[index]) << numba.uint64(1))


@_compiled
def buckets_of(key: Any, splitters: Any, bucket: Any, count: Any) -> None:
    """Which bucket each key belongs to, -1 for `NOWHERE`, and how many belong to each."""
    for index in range(len(key)):
        if key[index] == NOWHERE:
            bucket[index] = -1
            continue
        low, high = 0, len(splitters)
        while low < high:
            middle = (low + high) >> 1
            if splitters[middle] <= key[index]:
                low = middle + 1
            else:
                high = middle
        bucket[index] = low
        count[low] += 1


@_compiled
def order_by_bucket(bucket: Any, place: Any, out: Any) -> None:
    """The records in the order of their buckets; `place` is where each bucket begins and is moved on."""
    for index in range(len(bucket)):
        if bucket[index] >= 0:
            out[place[bucket[index]]] = index
            place[bucket[index]] += 1


@_compiled
def add_singles(cells: Any, numbers: Any, singles: Any, out: Any, out_numbers: Any) -> Any:
    """Sorted cells with their counts, after sorted single ones were added; returns how many cells there are."""
    known, single, place = 0, 0, 0
    while known < len(cells) or single < len(singles):
        if single == len(singles) or (known < len(cells) and cells[known] <= singles[single]):
            cell, number = cells[known], numbers[known]
            known += 1
        else:
            cell, number = singles[single], numba.uint32(0)
        while known < len(cells) and cells[known] == cell:
            number += numbers[known]
            known += 1
        while single < len(singles) and singles[single] == cell:
            number += numba.uint32(1)
            single += 1
        out[place], out_numbers[place] = cell, number
        place += 1
    return place


@_compiled
def count_totals(key: Any, number: Any, low: Any, high: Any, base: Any, grid: Any) -> None:
    """Add rows of a pyramid level without facets to a grid."""
    for index in range(low, high):
        cell = key[index] - base
        grid[gather(cell >> numba.uint64(1)), gather(cell)] += number[index]


@_inline
def number_of(word: Any, index: Any, big_at: Any, big: Any) -> Any:
    """The count that a word of a level ends with; one that does not fit stands in a list of its own."""
    number = numba.uint32(word & numba.uint32(MOST))
    return big[np.searchsorted(big_at, index)] if number == MOST else number


@_compiled
def count_cube(
    cell: Any, start: Any, word: Any, big_at: Any, big: Any, low: Any, high: Any, base: Any, bits: Any, wanted: Any,
    places: Any, grid: Any,
) -> None:  # fmt: skip
    """Add cells of a pyramid level with facets to a grid, where combination and region are wanted."""
    inner = (numba.uint32(1) << numba.uint32(bits)) - numba.uint32(1)
    for place in range(low, high):
        found = numba.uint32(0)
        for index in range(start[place], start[place + 1]):
            code = word[index] >> numba.uint32(8)
            if wanted[code & inner] and places[code >> numba.uint32(bits)]:
                found += number_of(word[index], index, big_at, big)
        if found:
            at = cell[place] - base
            grid[gather(at >> numba.uint64(1)), gather(at)] += found


@_compiled
def count_records(
    key: Any, code: Any, low: Any, high: Any, base: Any, shift: Any, bits: Any, wanted: Any, places: Any, chosen: Any,
    grid: Any,
) -> None:  # fmt: skip
    """Add single records to a grid; without a choice neither combination nor region is looked at."""
    inner = (numba.uint32(1) << numba.uint32(bits)) - numba.uint32(1)
    for index in range(low, high):
        if chosen and not (wanted[code[index] & inner] and places[code[index] >> numba.uint32(bits)]):
            continue
        cell = (key[index] - base) >> shift
        grid[gather(cell >> numba.uint64(1)), gather(cell)] += 1


@_compiled
def tally_cube(
    start: Any, word: Any, big_at: Any, big: Any, low: Any, high: Any, bits: Any, wanted: Any, places: Any,
    combination: Any, region: Any,
) -> None:  # fmt: skip
    """Add cells of a pyramid level to counts by combination and by region."""
    inner = (numba.uint32(1) << numba.uint32(bits)) - numba.uint32(1)
    for index in range(start[low], start[high]):
        code = word[index] >> numba.uint32(8)
        if wanted[code & inner] and places[code >> numba.uint32(bits)]:
            number = number_of(word[index], index, big_at, big)
            combination[code & inner] += number
            region[code >> numba.uint32(bits)] += number


@_compiled
def tally_records(
    code: Any, low: Any, high: Any, bits: Any, wanted: Any, places: Any, combination: Any, region: Any
) -> None:
    """Add single records to counts by combination and by region."""
    inner = (numba.uint32(1) << numba.uint32(bits)) - numba.uint32(1)
    for index in range(low, high):
        one, place = code[index] & inner, code[index] >> numba.uint32(bits)
        if wanted[one] and places[place]:
            combination[one] += 1
            region[place] += 1


@_compiled
def inside(key: Any, low: Any, high: Any, x0: Any, y0: Any, x1: Any, y1: Any, out: Any) -> None:
    """Which records lie inside a polygon, by the edges given (even-odd rule, straight in web Mercator)."""
    for index in range(low, high):
        x = float(gather(key[index])) + 0.5
        y = float(gather(key[index] >> numba.uint64(1))) + 0.5
        within = False
        for edge in range(len(x0)):
            crosses = (y0[edge] > y) != (y1[edge] > y)
            if crosses and x < (x1[edge] - x0[edge]) * (y - y0[edge]) / (y1[edge] - y0[edge]) + x0[edge]:
                within = not within
        out[index - low] = within


@_compiled
def without(key: Any, code: Any, gone: Any, gone_code: Any, kept: Any) -> None:
    """Mark one record as not kept for each that is gone; both in the order of key and code."""
    place = 0
    for index in range(len(gone)):
        while place < len(key) and (key[place] != gone[index] or code[place] != gone_code[index]):
            place += 1
        if place < len(key):
            kept[place] = False
        place += 1


@_inline
def put(out: Any, place: Any, number: Any) -> Any:
    """Write a number in groups of seven bits and return where the next byte goes."""
    while number > 127:
        out[place] = (number & 127) | 128
        number >>= 7
        place += 1
    out[place] = number
    return place + 1


@_inline
def width(number: Any) -> Any:
    """How many bytes `put` writes for a number."""
    bytes_ = 1
    while number > 127:
        number >>= 7
        bytes_ += 1
    return bytes_


@_compiled
def encode_points(key: Any, combination: Any, base: Any, shift: Any, tags: Any, tag_at: Any, out: Any) -> Any:
    """Features of a vector tile, one a record; returns how many bytes they are."""
    place = 0
    for index in range(len(key)):
        cell = key[index] - base
        x = 2 * numba.int64(gather(cell) >> shift)  # zigzag of a number that is not negative
        y = 2 * numba.int64(gather(cell >> numba.uint64(1)) >> shift)
        number = numba.int64(index + 1)
        first, after = tag_at[combination[index]], tag_at[combination[index] + 1]
        tagged = 1 + width(after - first) + after - first if after > first else 0
        drawn = 1 + width(x) + width(y)
        out[place] = 0x12  # a feature
        place = put(out, place + 1, 1 + width(number) + tagged + 4 + drawn)
        out[place] = 0x08  # its id
        place = put(out, place + 1, number)
        if after > first:
            out[place] = 0x12  # its tags
            place = put(out, place + 1, after - first)
            for byte in range(first, after):
                out[place] = tags[byte]
                place += 1
        out[place], out[place + 1] = 0x18, 1  # a point
        out[place + 2], out[place + 3], out[place + 4] = 0x22, drawn, 9  # move once
        place = put(out, put(out, place + 5, x), y)
    return place
