"""Names of places in the reader's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data.regions import RegionIndex


def name_of(rid: int, regions: RegionIndex, locale: str) -> str:
    """A region's name; the English one where there is no Chinese."""
    chinese = str(regions.name_zh[rid])
    return chinese if locale == "zh" and chinese else str(regions.name[rid])


def names_above(rid: int, regions: RegionIndex, locale: str) -> str:
    """The regions around it, nearest first."""
    return ", ".join(name_of(above, regions, locale) for above in regions.ancestors(rid))
