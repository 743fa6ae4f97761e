"""What became of every recorded grid file: docs/fields-proof.md with a small picture of each field that loads.

Run with `make prove`, or: python -m tests.fields_proof
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from PIL import Image, ImageDraw

from data.grid import bounds_of, fractional_column, fractional_row
from data.model import FieldStep, Parsed
from data.regions import default_base_dir, load_geometries
from layers.ramps import palette, ramp_for
from tests import fields_facts as facts
from tests.conftest import RECORDED, ROOT

WIDE, HIGH = 360, 240  # pixels at most
LARGEST = 15_000  # bytes of a picture
UNKNOWN, DRY, COAST = (150, 150, 158), (240, 240, 236), (60, 60, 66)
HEAD = """# Every recorded grid file, loaded or refused

Written by `make prove` (`tests/fields_proof.py`) over recorded GRIB, NetCDF and radar files that are no part of this
repository. Each file is loaded as a feed would load it, or refused with the reason that the feed page shows. *Facts*
are smallest and largest values and counts as another reader saw them; *places* are the largest, the smallest and
thirty other cells of up to three fields, with longitudes and latitudes from ecCodes, the NetCDF library and PROJ
alone. Where a grid was warped from a projection, a place may hold its value in a neighbouring cell, and a bilinear
warp (all but rain and classes) may lower a peak of one cell.

In the pictures dark lines are the outlines of countries, grey is *no value*, the lightest tone is below the first
colour of the ramp. Colours are those of the map.

"""


@dataclass(frozen=True)
class Verdict:
    """One file of the proof."""

    name: str
    parsed: Parsed
    option: str  # what a person had to say for it to load
    wrong: tuple[str, ...]
    checked: int


def judge(recorded: Path, path: Path) -> Verdict:
    """Load a file and compare it with what other readers see."""
    parsed, option = facts.load(path.read_bytes(), path.name), ""
    if not parsed.records and any("members: all" in reject.reason for reject in parsed.rejects):
        parsed, option = facts.load(path.read_bytes(), path.name, members="all"), "members: all"
    wrong = facts.check_facts(recorded, path, parsed) if parsed.records else []
    steps = [step for step in parsed.records if isinstance(step, FieldStep)]
    checked = 0
    for step, points in zip(steps, facts.points_of(path) if steps else [], strict=False):
        wrong += [f"{point}" for point in facts.disagreeing(step, points)]
        checked += len(points)
    return Verdict(path.name, parsed, option, tuple(wrong), checked)


def telling(parsed: Parsed) -> FieldStep | None:
    """The step to draw: of a house quantity if there is one, with something on it."""
    steps = [step for step in parsed.records if isinstance(step, FieldStep)]

    def rank(step: FieldStep) -> tuple[bool, bool]:
        generated = step.quantity.startswith(("grib", "netcdf_"))
        return not generated and "probability" not in step.quantity, bool(np.nanstd(step.values) > 0)

    return max(steps, key=lambda step: (rank(step)[1], rank(step)[0]), default=None)


# ---- pictures


def picture(step: FieldStep) -> bytes:
    """A field with the outlines of countries as a small PNG of few colours."""
    west, south, east, north = bounds_of(step.lon, step.lat)
    if step.lon[-1] - step.lon[0] > 300:
        west, east = -180.0, 180.0
    margin = 0.06 * max(east - west, north - south)
    west, east = max(west - margin, -180.0), min(east + margin, 180.0)
    south, north = max(south - margin, -90.0), min(north + margin, 90.0)
    scale = min(WIDE / (east - west), HIGH / (north - south))
    for shrink in (1.0, 0.8, 0.65, 0.5, 0.4):
        size = max(round((east - west) * scale * shrink), 40), max(round((north - south) * scale * shrink), 30)
        body = _drawn(step, (west, south, east, north), size)
        if len(body) <= LARGEST:
            return body
    raise AssertionError(f"the picture of {step.quantity} stays larger than {LARGEST} bytes")


def _drawn(step: FieldStep, box: tuple[float, float, float, float], size: tuple[int, int]) -> bytes:
    west, south, east, north = box
    lon = west + (np.arange(size[0]) + 0.5) * (east - west) / size[0]
    lat = north - (np.arange(size[1]) + 0.5) * (north - south) / size[1]
    column, row = fractional_column(step.lon, lon), fractional_row(step.lat, lat)
    there = np.isfinite(row)[:, None] & np.isfinite(column)[None]
    rows = np.rint(np.nan_to_num(row)).astype(int).clip(0, step.lat.size - 1)
    columns = np.rint(np.nan_to_num(column)).astype(int).clip(0, step.lon.size - 1)
    values = np.where(there, step.values[rows][:, columns], np.float32(np.nan))
    low, high = (float(np.nanpercentile(step.values, share)) for share in (1, 99))
    colours = palette(ramp_for(step.quantity, low, high))
    index = colours.index(values)
    rgb = colours.rgb[index]
    rgb[(index == 0) & ~np.isnan(values)] = DRY
    rgb[np.isnan(values)] = np.where(there[..., None], UNKNOWN, (255, 255, 255))[np.isnan(values)]
    image = Image.fromarray(rgb.astype(np.uint8), "RGB")
    _outlines(image, box)
    buffer = io.BytesIO()
    image.quantize(24, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _outlines(image: Image.Image, box: tuple[float, float, float, float]) -> None:
    west, south, east, north = box
    across, down = image.width / (east - west), image.height / (north - south)
    draw = ImageDraw.Draw(image)
    tolerance = 0.7 / across
    for area in load_geometries(default_base_dir(), ["country"])[1]:
        seen = shapely.clip_by_rect(shapely.boundary(area), west, south, east, north)
        for line in shapely.get_parts(shapely.simplify(seen, tolerance)):
            points = shapely.get_coordinates(line)
            if np.ptp(points, axis=0).max(initial=0.0) < 3 * tolerance:
                continue
            draw.line([((x - west) * across, (north - y) * down) for x, y in points], fill=COAST, width=1)


# ---- the document


def write(recorded: Path, folder: Path) -> list[Verdict]:
    """The document and its pictures; what was found, for whoever checks it."""
    pictures = folder / "images" / "fields"
    pictures.mkdir(parents=True, exist_ok=True)
    verdicts, parts = [], [HEAD]
    kinds = {"grib": "GRIB", "netcdf": "NetCDF", "radar": "Radar"}
    for path in facts.files(recorded):
        title = kinds.pop(path.parent.name, "")
        if title:
            parts.append(f"## {title}\n\n")
        verdict = judge(recorded, path)
        verdicts.append(verdict)
        step = telling(verdict.parsed)
        name = re.sub(r"[^a-z0-9]+", "-", path.name.lower()).strip("-")[:60] + ".png"
        if step is not None:
            (pictures / name).write_bytes(picture(step))
        parts.append(_section(verdict, step, name, len(facts.facts_of(recorded, path))))
    loaded = sum(bool(verdict.parsed.records) for verdict in verdicts)
    parts.insert(1, f"{len(verdicts)} files: {loaded} load, {len(verdicts) - loaded} are refused.\n\n")
    (folder / "fields-proof.md").write_text("".join(parts).rstrip() + "\n", encoding="utf-8")
    return verdicts


def _section(verdict: Verdict, step: FieldStep | None, name: str, stated: int) -> str:
    steps = [one for one in verdict.parsed.records if isinstance(one, FieldStep)]
    lines = [f"### {verdict.name}\n"]
    if step is None:
        lines.append("**Refused.** " + _reasons(verdict.parsed) + "\n")
        return "\n".join(lines) + "\n"
    told = f" with the option `{verdict.option}`" if verdict.option else ""
    lines.append(f"**Loaded{told}**: {len(steps)} field{'s' if len(steps) > 1 else ''}." + (
        f" Refused of it: {_reasons(verdict.parsed)}" if verdict.parsed.rejects else "") + "\n")  # fmt: skip
    lines.append(f"![{step.quantity}](images/fields/{name})\n")
    lines += ["| quantity | grid | times | least | mean | most | missing |", "|---|---|---|---|---|---|---|"]
    by_quantity: dict[tuple[str, int], list[FieldStep]] = {}
    for one in steps:
        by_quantity.setdefault((one.quantity, one.lat.size), []).append(one)
    lines += [_row(group) for group in list(by_quantity.values())[:12]]
    if len(by_quantity) > 12:
        lines.append(f"| and {len(by_quantity) - 12} more | | | | | | |")
    notes = list(dict.fromkeys(note for one in steps for note in one.attributes.get("notes", ())))
    lines.append("\n" + (f"Notes: {'; '.join(notes[:6])}.\n" if notes else "No notes.\n"))
    met = "met" if not verdict.wrong else "NOT met: " + "; ".join(verdict.wrong[:3])
    lines.append(f"Facts stated of it: {stated}, places compared: {verdict.checked}; {met}.\n")
    return "\n".join(lines) + "\n"


def _reasons(parsed: Parsed) -> str:
    counts: dict[str, int] = {}
    for reject in parsed.rejects:
        counts[reject.reason] = counts.get(reject.reason, 0) + 1
    told = [f"{reason} ({count} times)" if count > 1 else reason for reason, count in counts.items()]
    more = f"; and {len(told) - 3} reasons like these" if len(told) > 3 else ""
    return "; ".join(told[:3]) + more + "."


def _row(group: list[FieldStep]) -> str:
    first = group[0]
    west, south, east, north = bounds_of(first.lon, first.lat)
    times = sorted(one.valid_at for one in group)
    span = f"{times[0]:%Y-%m-%d %H:%MZ}" + (
        f" to {times[-1]:%Y-%m-%d %H:%MZ} ({len(group)})" if len(group) > 1 else ""
    )
    hours = f", over {first.accumulation_s / 3600:.3g} h" if first.accumulation_s else ""
    values = np.concatenate([one.values.ravel() for one in group])
    numbers = " | ".join(f"{float(of(values)):.4g}" for of in (np.nanmin, np.nanmean, np.nanmax))
    grid = f"{first.lat.size} x {first.lon.size}, {west:.4g} to {east:.4g} E, {south:.4g} to {north:.4g} N"
    share = f"{100 * float(np.isnan(values).mean()):.3g} %"
    return f"| {first.quantity} [{first.unit or '?'}]{hours} | {grid} | {span} | {numbers} | {share} |"


if __name__ == "__main__":
    for found in write(RECORDED, ROOT / "docs"):
        print(found.name, len(found.parsed.records), len(found.parsed.rejects), found.checked, *found.wrong)
