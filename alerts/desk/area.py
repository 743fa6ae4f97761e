"""Where a warning holds: the outline of regions, regions that drawn shapes reach, and their names in words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from alerts.desk.content import Around, Content, Language, Ring
from alerts.desk.refusal import Refusal
from alerts.desk.simplify import simplify_outward, vertices
from data.antimeridian import cut
from data.errors import LayerError
from data.regions import KINDS, RegionIndex, areas_near, areas_of, load_regions
from layers.impact.footprint import areas_km2, footprint

OUTLINE_CAP = 500  # vertices of the outline of regions, as C56 has it
EXACT = 3  # times as many vertices are simplified as they are
COVER_CAP = 60  # vertices of one region among many
MANY = 300  # regions of which the boxes are taken instead of the outlines
EARTH_KM = 6371.0
CIRCLE_POINTS = 72
NAMED = 8  # regions that are named one by one
MAX_UPLOAD = 5_000_000
Shape = Any


def completed(content: Content, index: RegionIndex, *, quick: bool = False) -> Content:
    """The text with what the desk draws: the outline of its regions, and the regions that drawn shapes reach.

    `quick` is for messages without a second to lose: the regions then get the hull of their boxes.

    Raises
    ------
    Refusal
        For a region that the base data does not have.
    """
    known = checked(content.regions, index)
    rings = hull(known, index) if quick and known else outline(index.base_dir, known, index)[0]
    return content.with_(regions=known, outline=rings, touched=reached(content, index))


def checked(codes: Sequence[str], index: RegionIndex) -> tuple[str, ...]:
    """The codes in order, each once, without those that stand below another of them."""
    rids = {}
    for code in codes:
        rid = index.by_code(code)
        if rid is None:
            raise Refusal("There is no region {code} in the base data.", code=code[:80])
        rids[rid] = code
    return tuple(rids[rid] for rid in sorted(rids) if not any(above in rids for above in index.ancestors(rid)))


def outline(
    base_dir: Path, codes: tuple[str, ...], index: RegionIndex, cap: int = OUTLINE_CAP
) -> tuple[tuple[Ring, ...], float]:
    """Rings around regions with at most `cap` vertices in all, and the share by which they are larger."""
    if not codes:
        return (), 0.0
    rids = tuple(sorted(rid for code in codes if (rid := index.by_code(code)) is not None))
    return _outline(base_dir, rids, cap)


@lru_cache(maxsize=256)
def _outline(base_dir: Path, rids: tuple[int, ...], cap: int) -> tuple[tuple[Ring, ...], float]:
    exact = areas_of(base_dir, rids)
    if vertices(exact) <= EXACT * cap:
        shape, grown = simplify_outward(exact, cap)
        return rings_of(shape), grown
    if len(rids) <= MANY:
        parts = np.concatenate([_cover(base_dir, rid) for rid in rids])
    else:
        boxes = load_regions(base_dir).bbox[list(rids)]
        wide = boxes[:, 2] - boxes[:, 0] > 180.0  # over the antimeridian: the box goes round the world
        parts = np.concatenate([shapely.box(*boxes[~wide].T), exact[wide]])
    shape, _ = simplify_outward(parts, cap)
    before, after = areas_km2(exact).sum(), areas_km2(np.array([shape], dtype=object))[0]
    return rings_of(shape), max(0.0, float(after / before) - 1.0)


@lru_cache(maxsize=4096)
def _cover(base_dir: Path, rid: int) -> Shape:
    """One region's own outline, coarse: an array of one."""
    shape, _ = simplify_outward(areas_of(base_dir, (rid,)), COVER_CAP)
    return np.array([shape], dtype=object)


def hull(codes: Sequence[str], index: RegionIndex) -> tuple[Ring, ...]:
    """The convex hull of the boxes of regions: found at once, and larger than they are."""
    boxes = index.bbox[[rid for code in codes if (rid := index.by_code(code)) is not None]]
    corners = np.concatenate([boxes[:, [west, south]] for west in (0, 2) for south in (1, 3)])
    return rings_of(shapely.convex_hull(shapely.multipoints(corners)))


def rings_of(shape: Shape) -> tuple[Ring, ...]:
    """The outer edges of an area as they are written, longitude first."""
    return tuple(
        tuple((float(lon), float(lat)) for lon, lat in shapely.get_coordinates(part.exterior).tolist())
        for part in shapely.get_parts(shape)
    )


def shape_of(content: Content, index: RegionIndex) -> Shape | None:
    """Everything that a text covers as one area; None where it says nothing of where."""
    parts = [*drawn(content)]
    rids = [rid for code in content.regions if (rid := index.by_code(code)) is not None]
    if rids:
        parts += areas_of(index.base_dir, rids).tolist()
    return shapely.union_all(parts) if parts else None


def drawn(content: Content) -> Iterator[Shape]:
    """The shapes that people drew, as areas in the plane."""
    for ring in content.polygons:
        yield cut(shapely.Polygon(ring))
    for one in content.circles:
        yield circle(one)


def circle(one: Around) -> Shape:
    """A circle on the sphere as a polygon around it."""
    lon, lat = np.radians(one.centre)
    angle = np.linspace(0.0, 2.0 * np.pi, CIRCLE_POINTS, endpoint=False)
    away = one.radius_km / EARTH_KM / np.cos(np.pi / CIRCLE_POINTS)  # the edges touch the circle from outside
    away = min(away, np.pi - 1e-9)
    north = np.arcsin(np.sin(lat) * np.cos(away) + np.cos(lat) * np.sin(away) * np.cos(angle))
    east = lon + np.arctan2(np.sin(angle) * np.sin(away) * np.cos(lat), np.cos(away) - np.sin(lat) * np.sin(north))
    points = np.column_stack([(np.degrees(east) + 180.0) % 360.0 - 180.0, np.degrees(north)])
    return cut(shapely.Polygon(points))


def reached(content: Content, index: RegionIndex) -> tuple[str, ...]:
    """The finest regions that drawn shapes touch, without those that were chosen anyway."""
    shapes = [*drawn(content)]
    if not shapes:
        return ()
    area, chosen, found = shapely.union_all(shapes), set(content.regions), []
    for kind in KINDS:
        rids, geometries = areas_near(index.base_dir, kind, area)
        leaves = [place for place, rid in enumerate(rids.tolist()) if not index.children(rid).size]
        for place in leaves:
            if area.intersects(geometries[place]):
                found.append(int(rids[place]))
    codes = (
        str(index.code[rid])
        for rid in sorted(found)
        if not any(str(index.code[above]) in chosen for above in index.chain(rid))
    )
    return tuple(codes)


def uploaded(body: bytes) -> tuple[tuple[Ring, ...], tuple[str, ...]]:
    """The polygons of a GeoJSON file, and notes on what was mended.

    Raises
    ------
    Refusal
        If it is too large, no GeoJSON, or holds no area.
    """
    if len(body) > MAX_UPLOAD:
        raise Refusal("The file is larger than {most} MB.", most=MAX_UPLOAD // 1_000_000)
    try:
        document = json.loads(body, parse_constant=_no_number)
        shape, notes = footprint(document if isinstance(document, Mapping) else {})
    except (ValueError, RecursionError, LayerError) as error:
        raise Refusal("The file is no GeoJSON with an area: {why}", why=str(error)[:200]) from error
    return rings_of(shape), tuple(str(note) for note in notes)


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def names(codes: Iterable[str], index: RegionIndex, language: Language) -> str:
    """Regions in words: a few by name, many by how many of each region above them."""
    rids = [rid for code in codes if (rid := index.by_code(code)) is not None]
    if len(rids) <= NAMED:
        return _joined([_name(rid, index, language) for rid in rids], language)
    above: dict[int, list[int]] = {}
    for rid in rids:
        above.setdefault(int(index.parent_rid[rid]), []).append(rid)
    said = []
    for parent, inside in above.items():
        if parent < 0 or len(inside) == 1:
            said += [_name(rid, index, language) for rid in inside]
            continue
        place = _name(parent, index, language)
        whole = len(inside) == len(index.children(parent))
        part = f"{place}的{len(inside)}个地区" if language == "zh" else f"{len(inside)} areas in {place}"
        said.append(place if whole else part)
    return _joined(said, language)


def _name(rid: int, index: RegionIndex, language: Language) -> str:
    chinese = str(index.name_zh[rid])
    return chinese if language == "zh" and chinese else str(index.name[rid])


def _joined(parts: Sequence[str], language: Language) -> str:
    return ("、" if language == "zh" else ", ").join(dict.fromkeys(parts))
