"""A picture of an inspection: the share of records with an error in each unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import LayerError
from data.regions import load_regions
from data.text import translator
from layers.export.files import Export, Facts, credits_of, export_regions
from layers.layer import RegionValues
from layers.survey.inspect.units import region_code
from layers.survey.marks.mark import Mark

QUANTITY = "records_with_error"


def shares(units: Sequence[Mapping[str, Any]], base_dir: Path, at: datetime) -> RegionValues:
    """Percent of the records of each unit that have an error; units that are no region are left out.

    Raises
    ------
    LayerError
        If no unit is one.
    """
    index = load_regions(base_dir)
    found: dict[int, list[int]] = {}
    for one in units:
        region = index.by_code(region_code(one["unit"], index)) if one["records"] else None
        if region is not None:
            counts = found.setdefault(region, [0, 0])
            counts[0] += one["error"]
            counts[1] += one["records"]
    if not found:
        raise LayerError("no unit of this delivery is a region with a boundary")
    rid = np.array(sorted(found), np.int32)
    value = np.array([100 * found[one][0] / found[one][1] for one in rid.tolist()])
    every = np.ones(len(rid))
    return RegionValues(
        quantity=QUANTITY, unit="%", rid=rid, value=value, observed_at=every * at.timestamp(), valid_share=every,
        watched=np.ones(len(rid), np.bool_),
    )  # fmt: skip


def draw_map(
    units: Sequence[Mapping[str, Any]], title: str, at: datetime, *, base_dir: Path, fonts: Path, locale: str,
    zone: tzinfo, exercise: str = "", reader: str = "", mark: Mark | None = None,
) -> Export:  # fmt: skip
    """The picture as PNG, with the marks of whoever it is made for where there is a `mark`."""
    t, values = translator(locale), shares(units, base_dir, at)
    kinds = tuple(sorted(set(load_regions(base_dir).kind[values.rid].tolist())))
    facts = Facts(
        title=f"{title}: {t('Records with an error')}", quantity=QUANTITY, unit="%", source=t("Inspection by rules"),
        made_at=at, valid_at=at, credits=credits_of(base_dir, kinds), zone=zone, locale=locale, exercise=exercise,
        reader=reader, copy=f"{reader} · {mark.copy}" if mark else "",
    )  # fmt: skip
    return export_regions("png", values, facts, base_dir=base_dir, fonts=fonts, mark=mark)
