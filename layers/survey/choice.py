"""Which records are asked for: values of facets and regions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from layers.survey.schema import Schema

GIVEN = ""  # stands for "no value, or none of the list"
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Choice:
    """Wanted combinations and regions as tables of yes and no; `everything` where nothing is left out."""

    combinations: Bools
    regions: Bools
    everything: bool


def choose(
    schema: Schema, facets: Mapping[str, Iterable[str]] | None = None, regions: Iterable[str] | None = None
) -> Choice:
    """A choice of records.

    Parameters
    ----------
    facets : mapping
        Facet -> wanted values; "" is a record without a known one. A facet that is not named is not looked at.
    regions : iterable of str, optional
        Declared regions.

    Raises
    ------
    LayerError
        If a facet, a value or a region is not known.
    """
    known = {facet.name: facet for facet in schema.facets}
    faults = [f"no such facet: {name}" for name in facets or {} if name not in known]
    number = np.arange(1 << schema.combination_bits)
    wanted: Any = number < schema.combinations
    for facet, stride in zip(schema.facets, schema.strides, strict=True):
        if facets is None or facet.name not in facets:
            continue
        places, strange = _places(facets[facet.name], facet.values)
        faults += [f"{facet.name}: no such value: {word}" for word in strange]
        wanted &= np.isin(number // stride % (len(facet.values) + 1), places)
    chosen = np.ones(1 << schema.region_bits, np.bool_)
    if regions is not None:
        places, strange = _places(regions, schema.regions)
        faults += [f"no such region: {word}" for word in strange]
        chosen = np.isin(np.arange(len(chosen)), places)
    if faults:
        raise LayerError("; ".join(faults))
    everything = bool(wanted[: schema.combinations].all() and chosen.all())
    return Choice(wanted, chosen, everything)


def _places(words: Iterable[str], values: tuple[str, ...]) -> tuple[list[int], list[str]]:
    place = {GIVEN: 0, **{value: index for index, value in enumerate(values, 1)}}
    asked = list(words)
    return [place[word] for word in asked if word in place], [word for word in asked if word not in place]
