"""Warnings of other services that are in force, as features; those without a shape are listed beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from data.clock import iso
from data.model import Level
from data.store.incoming import InForce, in_force
from layers.layer import Features, LayerSpec, View

if TYPE_CHECKING:
    from data.regions import RegionIndex

MOST_POINTS = 2_000  # of one shape; larger ones are thinned for display
TOLERANCE_DEG = 0.001  # about 100 m
US_CODES = ("SAME", "FIPS6")  # six digits: part of county, state, county


class Warnings:
    """Real, public, live messages; the worst last, so that it is drawn on top."""

    spec = LayerSpec(
        key="warnings",
        title="Warnings of other services",
        kind="warnings",
        quantity="warning",
        unit="",
        needs=("incoming_warning",),
        reference="OASIS CAP 1.2",
    )

    def compute(self, inputs: Mapping[str, Any], view: View) -> Features:
        """Features of what is in force.

        Parameters
        ----------
        inputs : mapping
            `warnings`: rows of `incoming_warning`; `regions`: the RegionIndex that codes are joined with, or None.
        view : View
            `now` decides what is in force.
        """
        current = in_force(inputs["warnings"], view.now)
        regions = inputs.get("regions")
        features, bare = [], []
        for one in reversed(current):
            properties = _properties(one, regions)
            if one.row.geometry is None:
                bare.append(properties)
            else:
                shape = _thinned(one.row.geometry)
                features.append({"type": "Feature", "id": one.row.key, "geometry": shape, "properties": properties})
        return Features(
            collection={"type": "FeatureCollection", "features": features},
            without_geometry=tuple(reversed(bare)),
            as_of=max((one.row.received_at for one in current), default=None),
        )


def join_codes(geocodes: Iterable[tuple[str, str]], regions: RegionIndex) -> tuple[list[str], list[str]]:
    """Regions that codes name, and a note for each kind of code that could not be joined.

    US SAME and FIPS6 codes (PSSCCC: part, state, county) name a county, or with CCC = 000 a state; GB/T 2260 codes of
    six digits name Chinese divisions. Forecast zones (UGC), EMMA_ID, WARNCELLID and others have no table here.
    """
    found: dict[str, None] = {}
    missing: dict[str, int] = {}
    for name, written in geocodes:
        for value in written.split():
            code = _region_code(name, value)
            if code is not None and regions.by_code(code) is not None:
                found.setdefault(code)
            else:
                missing[name] = missing.get(name, 0) + 1
    return list(found), [f"{count} codes {name} not joined to a region" for name, count in missing.items()]


def _region_code(name: str, value: str) -> str | None:
    if not (len(value) == 6 and value.isascii() and value.isdigit()):
        return None
    if name.upper() in US_CODES:
        return f"US-{value[1:3]}" if value.endswith("000") else f"US-{value[1:]}"
    return f"CN-{value}" if "2260" in name else None


def _properties(one: InForce, regions: RegionIndex | None) -> dict[str, Any]:
    row = one.row
    codes, notes = join_codes(row.geocodes, regions) if regions is not None else ([], [])
    return {
        "key": row.key,
        "source": row.source,
        "event": row.event,
        "headline": row.headline,
        "level": Level(row.level).key,
        "severity": row.severity,
        "urgency": row.urgency,
        "certainty": row.certainty,
        "sender": row.sender,
        "sent_at": iso(row.sent_at),
        "received_at": iso(row.received_at),
        "onset_at": iso(row.onset_at) if row.onset_at else None,
        "expires_at": iso(one.ends_at),
        "no_end_given": one.no_end_given,
        "begins_later": one.begins_later,
        "status": row.status,
        "area": row.area,
        "regions": codes,
        "notes": [*row.attributes.get("notes", []), *notes],
    }


def _thinned(geometry: Mapping[str, Any]) -> Mapping[str, Any]:
    """A shape with few enough points to draw; small ones as they are."""
    import shapely
    from shapely.geometry import shape

    whole = shape(geometry)
    if shapely.get_num_coordinates(whole) <= MOST_POINTS:
        return geometry
    thin: Mapping[str, Any] = shapely.simplify(whole, TOLERANCE_DEG).__geo_interface__
    return thin
