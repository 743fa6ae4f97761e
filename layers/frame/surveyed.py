"""Surveyed objects at a place, as far as the reader may see them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data.errors import LayerError, NotPermitted
from data.store.tables import survey_delivery
from layers.frame.item import Found, Item, Question
from layers.frame.notes import BEYOND, FEW, NO_SURVEY, NOT_SINGLE, NOT_TOLD, note
from layers.survey.sight import Sight

OWN = ("lon", "lat", "region", "segment", "source", "source_row")  # columns that are not facts of the object


def records(asked: Question) -> Found:
    """Records inside the place, by dataset; they stand there whatever the times are, as of their delivery."""
    if not asked.sights:
        return Found(missing=(note(NO_SURVEY),))
    area = asked.place.on_map
    if area is None:
        return Found(missing=(note(BEYOND),))
    items: list[Item] = []
    total: int | None = 0
    missing, newest, skip = [], [], asked.offset
    for seen in asked.sights:
        name = seen.permit.dataset
        delivered = _delivered(asked, name)
        newest += [delivered] if delivered else []
        try:
            count = seen.tally(area=area).total
        except NotPermitted as error:
            missing.append(note(NOT_TOLD, dataset=name, why=str(error)))
            total = None
            continue
        except LayerError as error:
            missing.append(note(NOT_TOLD, dataset=name, why=str(error)))
            continue
        if count is None or not seen.permit.records:
            missing.append(note(FEW, dataset=name) if count is None else note(NOT_SINGLE, dataset=name, n=count))
            total = None if count is None or total is None else total
            continue
        wanted = asked.limit - len(items)
        if wanted > 0 and skip < count:
            table = seen.rows(area, offset=skip, limit=wanted)
            items += [_item(seen, row, delivered) for row in table.to_pylist()]
        skip = max(0, skip - count)
        total = None if total is None else total + count
    return Found(items=items, total=total, missing=missing, as_of=max(newest, default=None))


def _delivered(asked: Question, dataset: str) -> datetime | None:
    table = survey_delivery.c
    query = sa.select(sa.func.max(table.received_at)).where(table.dataset == dataset)
    found: datetime | None = asked.connection.execute(query).scalar()
    return found


def _item(seen: Sight, row: dict[str, Any], delivered: datetime | None) -> Item:
    facts = {name: value for name, value in row.items() if name not in OWN and value is not None}
    facets = [str(facts[one.name]) for one in seen.schema.facets if one.name in facts]
    dataset = seen.permit.dataset
    return Item(
        kind="records", id=f"{dataset}/{row['segment']}/{row['source']}/{row['source_row']}",
        title=" · ".join(facets) or dataset, source=dataset, place=(row["lon"], row["lat"]), known_at=delivered,
        quality=seen.permit.data_class, facts=facts | {"region": row["region"]}, link=f"/surveys/{dataset}",
    )  # fmt: skip
