"""The hot loop over lines and polygons: their commands in a vector tile."""

from __future__ import annotations

from typing import Any

import numba

from layers.kernels.compiled import compiled
from layers.kernels.survey import put, width

_inline = compiled(inline="always")
_compiled = compiled()


@_inline
def zigzag(number: Any) -> Any:
    return numba.int64(2 * number) if number >= 0 else numba.int64(-2 * number - 1)


@_inline
def step(out: Any, place: Any, xy: Any, index: Any, x: Any, y: Any) -> Any:
    """Write where a point lies from the last one."""
    return put(out, put(out, place, zigzag(xy[index, 0] - x)), zigzag(xy[index, 1] - y))


@_compiled
def draw_points(xy: Any, begin: Any, end: Any, out: Any) -> Any:
    """One command for all points of a feature; returns how many bytes it is."""
    place, x, y = put(out, 0, ((end - begin) << 3) | 1), numba.int64(0), numba.int64(0)
    for index in range(begin, end):
        place = step(out, place, xy, index, x, y)
        x, y = numba.int64(xy[index, 0]), numba.int64(xy[index, 1])
    return place


@_compiled
def draw_paths(xy: Any, starts: Any, first: Any, after: Any, kind: Any, out: Any) -> Any:
    """Commands of lines or rings; returns how many bytes they are, 0 where at this fineness none is left."""
    place, x, y = 0, numba.int64(0), numba.int64(0)
    for path in range(first, after):
        begin, end = starts[path], starts[path + 1]
        if kind == 3:
            end -= 1  # a ring is closed by a command
        if end - begin < kind:
            continue
        for index in range(begin, end):
            if index == begin:
                place = put(out, place, 9)
            elif index == begin + 1:
                place = put(out, place, ((end - begin - 1) << 3) | 2)
            place = step(out, place, xy, index, x, y)
            x, y = numba.int64(xy[index, 0]), numba.int64(xy[index, 1])
        if kind == 3:
            place = put(out, place, 15)
    return place


@_compiled
def encode_paths(
    xy: Any, starts: Any, owners: Any, kinds: Any, numbers: Any, combination: Any, tags: Any, tag_at: Any,
    commands: Any, out: Any,
) -> Any:  # fmt: skip
    """Features of a vector tile from paths in tile coordinates; returns how many bytes they are.

    `starts` says where the coordinates of each path begin, `owners` where the paths of each feature do; `kinds` are 1
    for points, 2 for lines and 3 for rings, whose last point is their first. A feature of which at this fineness
    nothing is left is drawn as a point. `commands` has room for those of the largest feature.
    """
    place = 0
    for feature in range(len(kinds)):
        kind, first_path, after_path = kinds[feature], owners[feature], owners[feature + 1]
        drawn = 0
        if kind > 1:
            drawn = draw_paths(xy, starts, first_path, after_path, kind, commands)
        if drawn == 0:
            last = starts[after_path] if kind == 1 else starts[first_path] + 1
            drawn = draw_points(xy, starts[first_path], last, commands)
            kind = 1
        code, number = combination[feature], numba.int64(numbers[feature])
        first, after = tag_at[code], tag_at[code + 1]
        tagged = 1 + width(after - first) + after - first if after > first else 0
        out[place] = 0x12  # a feature
        place = put(out, place + 1, 1 + width(number) + tagged + 2 + 1 + width(drawn) + drawn)
        out[place] = 0x08  # its id
        place = put(out, place + 1, number)
        if after > first:
            out[place] = 0x12  # its tags
            place = put(out, place + 1, after - first)
            for byte in range(first, after):
                out[place] = tags[byte]
                place += 1
        out[place], out[place + 1], out[place + 2] = 0x18, kind, 0x22
        place = put(out, place + 3, drawn)
        for byte in range(drawn):
            out[place] = commands[byte]
            place += 1
    return place
