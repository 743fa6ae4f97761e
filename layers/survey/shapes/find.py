"""Shapes of a whole store: which touch a rectangle or a drawn polygon, without those that are served no longer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layers.kernels.survey import tally_records
from layers.survey.choice import Choice
from layers.survey.segment import Segment
from layers.survey.shapes.read import Shapes

Array = NDArray[Any]


def in_box(segment: Segment, box: tuple[float, float, float, float]) -> Iterator[tuple[Shapes, Array]]:
    """Shapes of a segment whose box touches one of the plane: west, north, east, south."""
    found = [(one, one.in_box(*box)) for one in segment.shapes]
    gone = [one.row[one.in_box(*box)] for other in segment.withdrawn for one in other.shapes]
    yield from _left(found, gone)


def touching(segment: Segment, shape: Any) -> Iterator[tuple[Shapes, Array]]:
    """Shapes of a segment that touch a prepared polygon of the plane."""
    found = [(one, one.touching(shape)) for one in segment.shapes]
    gone = [one.row[one.touching(shape)] for other in segment.withdrawn for one in other.shapes]
    yield from _left(found, gone)


def add_touching(segment: Segment, shape: Any, choice: Choice, counts: tuple[Array, Array]) -> None:
    """Add the shapes of a segment that touch a prepared polygon to counts by combination and by region."""
    bits = segment.schema.combination_bits
    for shapes in segment.shapes:
        sure, tested = shapes.sure_and_tested(shape)
        for start, end in sure:
            tally_records(shapes.codes, start, end, bits, choice.combinations, choice.regions, *counts)
        codes = shapes.codes[tested]
        tally_records(codes, 0, len(codes), bits, choice.combinations, choice.regions, *counts)


def _left(found: list[tuple[Shapes, Array]], gone: list[Array]) -> Iterator[tuple[Shapes, Array]]:
    for shapes, places in found:
        kept = places[~np.isin(shapes.row[places], np.concatenate(gone))] if gone else places
        if len(kept):
            yield shapes, kept
