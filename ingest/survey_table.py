"""What every survey layer goes through: valid geometry, EPSG:4326, coordinates on the earth, reasons for the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.model import Reject, SurveyTable

if TYPE_CHECKING:
    import pyproj

MOST_REJECTS = 500  # named one by one; the rest are counted
LON_LAT = "EPSG:4326"
NO_CRS = "the file names no coordinate reference system and its coordinates are no degrees: set assume_crs"
OUTSIDE = "outside longitude +-180 and latitude +-90 degrees"

Geometries = NDArray[np.object_]
Mask = NDArray[np.bool_]


@dataclass
class Layer:
    """One layer as read: attributes and geometries row by row, in the CRS of the file."""

    key: str
    title: str
    attributes: Any  # pyarrow.Table without the geometry
    geometries: Geometries  # shapely geometries, None where the file gives none or an unreadable one
    crs: str  # as found; "" where it is missing
    notes: list[str] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)  # row -> why its geometry is None
    as_text: bool = False  # values of all columns as they are written, whatever they mean
    raw: dict[int, str] = field(default_factory=dict)  # row -> what stood there, where the columns do not hold it


@dataclass
class Judged:
    """What of a layer can be used: shapes in EPSG:4326, which rows to keep, and why the others not."""

    shapes: Geometries
    keep: Mask
    reasons: dict[int, str]  # row -> why it is left out
    whole: str = ""  # why nothing of the layer can be used


def finish(layer: Layer, assume_crs: str = "") -> tuple[SurveyTable | None, list[Reject]]:
    """The table of a layer and what had to be left out of it; `judge` says how."""
    judged = judge(layer, assume_crs)
    if judged.whole:
        return None, [Reject(id=layer.key, reason=judged.whole)]
    rejects = [Reject(id=f"{layer.key}/{row + 1}", reason=why) for row, why in judged.reasons.items()]
    more = Counter(reject.reason for reject in rejects[MOST_REJECTS:])
    rejects = rejects[:MOST_REJECTS]
    rejects += [Reject(id=layer.key, reason=f"{count} more: {reason}") for reason, count in more.items()]
    if not judged.keep.any():
        return None, rejects or [Reject(id=layer.key, reason="the layer is empty")]
    return _table(layer, judged.shapes, judged.keep), rejects


def judge(layer: Layer, assume_crs: str = "") -> Judged:
    """What of a layer can be used.

    Parameters
    ----------
    layer : Layer
        Its notes are added to.
    assume_crs : str
        Used where the file names no CRS. Without it, plain longitudes and latitudes are taken for EPSG:4326, with a
        note, and anything else is rejected.
    """
    import shapely

    shapes = layer.geometries
    reasons: dict[int, str] = {}

    def drop(rows: Mask, reason: str) -> Mask:
        reasons.update(dict.fromkeys(np.flatnonzero(rows).tolist(), reason))
        return ~rows

    missing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    for row in np.flatnonzero(missing).tolist():
        reason = "no geometry" if shapes[row] is None else "an empty geometry"
        reasons[row] = layer.unreadable.get(row, reason)
    keep = ~missing & drop(~missing & ~_finite(shapes), "a coordinate is not a finite number")
    crs = layer.crs or assume_crs
    if not layer.crs and assume_crs:
        layer.notes.append(f"the file names no coordinate reference system: {assume_crs} as configured")
    elif not crs and keep.any():
        if not _on_earth(shapes[keep]).all():
            return Judged(shapes, keep & False, {}, NO_CRS)
        crs = LON_LAT
        layer.notes.append(
            "the file names no coordinate reference system: longitude and latitude (EPSG:4326) assumed"
        )
    shapes = shapes.copy()
    if keep.any():
        try:
            shapes[keep] = _to_lon_lat(shapes[keep], crs, layer.notes)
        except ValueError as error:
            return Judged(shapes, keep & False, {}, str(error))
    keep &= drop(keep & ~_on_earth(shapes), OUTSIDE)
    shapes, keep = _mended(shapes, keep, layer.notes, reasons)
    return Judged(shapes, keep, reasons)


def read_crs(written: str) -> pyproj.CRS:
    """The CRS a file names; ValueError when it is not one on the earth."""
    import pyproj
    from pyproj.exceptions import CRSError

    try:
        crs = pyproj.CRS.from_user_input(written)
    except CRSError as error:
        raise ValueError(f"not a coordinate reference system: {' '.join(written.split())[:80]!r}") from error
    if not (crs.is_geographic or crs.is_projected or crs.is_compound):
        raise ValueError(f"not a coordinate reference system on the earth: {crs.name[:80]!r}")
    return crs


def _to_lon_lat(shapes: Geometries, written: str, notes: list[str]) -> Geometries:
    import pyproj
    import shapely

    measured = shapely.has_m(shapes).any()
    if measured:
        notes.append("measures (M) left out")
    crs = read_crs(written)
    same = crs.to_2d() == pyproj.CRS(LON_LAT) or crs.to_2d() == pyproj.CRS("OGC:CRS84")
    if same and not measured:
        return shapes
    move = None if same else pyproj.Transformer.from_crs(crs.to_2d(), LON_LAT, always_xy=True)

    def change(points: NDArray[np.float64]) -> NDArray[np.float64]:
        if move is None:
            return points
        moved = points.copy()
        moved[:, 0], moved[:, 1] = move.transform(points[:, 0], points[:, 1])
        return moved

    done = np.empty(len(shapes), dtype=object)
    high = shapely.has_z(shapes)
    for rows, include_z in ((high, True), (~high, False)):
        if rows.any():
            done[rows] = shapely.transform(shapes[rows], change, include_z=include_z)
    return done


def _finite(shapes: Geometries) -> Mask:
    """Whether every coordinate is a number; heights may be missing."""
    return _each(shapes, lambda points: np.isfinite(points).all(axis=1))


def _on_earth(shapes: Geometries) -> Mask:
    return _each(shapes, lambda points: (np.abs(points[:, 0]) <= 180.0) & (np.abs(points[:, 1]) <= 90.0))


def _each(shapes: Geometries, test: Any) -> Mask:
    """Whether all points of each shape pass a test; None passes."""
    import shapely

    points, owner = shapely.get_coordinates(shapes, return_index=True)
    good = np.ones(len(shapes), dtype=bool)
    good[owner[~test(points)]] = False
    return good


def _mended(shapes: Geometries, keep: Mask, notes: list[str], reasons: dict[int, str]) -> tuple[Geometries, Mask]:
    """Areas whose rings touch or cross themselves, made valid without becoming lines or points."""
    import shapely

    broken = np.flatnonzero(keep & ~shapely.is_valid(shapes))
    mended = 0
    for row in broken:
        whole = shapely.make_valid(shapes[row])
        dimension = shapely.get_dimensions(shapes[row])
        parts = [part for part in _parts(whole) if shapely.get_dimensions(part) == dimension and not part.is_empty]
        if parts:
            shapes[row] = parts[0] if len(parts) == 1 else shapely.union_all(parts)
            mended += 1
        else:
            keep[row] = False
            reasons[int(row)] = f"invalid geometry: {shapely.is_valid_reason(shapes[row])[:120]}"
    if mended:
        notes.append(f"{mended} geometries mended: a ring touched or crossed itself")
    return shapes, keep


def _parts(shape: Any) -> Iterable[Any]:
    import shapely

    for part in shapely.get_parts(shape):
        if part.geom_type == "GeometryCollection" or part.geom_type.startswith("Multi"):
            yield from _parts(part)
        else:
            yield part


def _table(layer: Layer, shapes: Geometries, keep: Mask) -> SurveyTable:
    import pyarrow as pa
    import shapely

    attributes = layer.attributes
    if attributes.num_columns and not keep.all():
        attributes = attributes.filter(pa.array(keep))
    names: list[str] = []
    for name in attributes.column_names:
        new, number = name or "column", 1
        while new in names or new == "geometry":
            number += 1
            new = f"{name or 'column'}_{number}"
        names.append(new)
    if names != attributes.column_names:
        layer.notes.append("columns with the same or a reserved name are numbered")
    binary = pa.array(shapely.to_wkb(shapes[keep], output_dimension=3), type=pa.binary())
    columns = dict(zip(names, attributes.columns, strict=True))
    return SurveyTable(
        key=layer.key,
        title=layer.title,
        table=pa.table({**columns, "geometry": binary}),
        crs_declared=layer.crs,
        notes=tuple(dict.fromkeys(layer.notes)),
        rejected=int((~keep).sum()),
    )
