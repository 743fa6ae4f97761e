"""What the numbers of a field betray: fill values nobody declared, impossible values, negative amounts, wrong units.

Everything that is changed is said in words that go with the field; what is not clear is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.grid_parameters import Parameter
from ingest.grid_units import describe, in_house_unit, is_absent, scale_to

Values = NDArray[np.float32]
HUGE = 1e15  # beyond any quantity in any unit: 9.96921e36 and 1e20 are fill values of libraries
FILLS = (
    -9999.0, -9999.9, -999.0, -999.9, -99999.0, -32768.0, -32767.0, -8888.0, -7777.0, 9999.0, 99999.0, 999999.0,
    32767.0, 32766.0, 65535.0, -2147483648.0, -2147483647.0, 2147483647.0, 4294967295.0,
)  # fmt: skip
DOUBT = 0.1  # of the spread of the other values: nearer than that, a fill value looks like one of them
MEANT = {"visibility": (9999.0,)}  # what looks like a fill value and is a code: 10 km and more
ROUNDING = 0.1  # mm or mm/h below zero: packing and differences leave that much
MOSTLY = 0.5  # of the values impossible: not some wrong cells, but a wrong unit or scale
WET = 0.05  # of the wet cells impossible: the same for rain, most of which is zero in any unit


class Doubtful(ValueError):
    """A field that may be read in more than one way, or in none; the text is the reason."""


def read_values(
    raw: Values, declared: str, parameter: Parameter | None, *, interval_s: int = 0, given: str = "",
    fills: tuple[float, ...] = (), possible: bool = True, difference: bool = False,
) -> tuple[Values, dict[str, Any], list[str]]:  # fmt: skip
    """Numbers of a file -> values of a quantity, facts of what was impossible, and sentences on what was mended.

    Parameters
    ----------
    declared, given
        Unit that the file states, and the one that the operator does.
    parameter
        None for a quantity that the house does not know: only fill values are looked for then.
    fills
        Fill values that the packing of this file suggests.
    possible
        Whether the range of the quantity holds for these values; for a spread or a probability it does not.
    difference
        Whether the values are differences, which have no offset in another unit.

    Raises
    ------
    ValueError
        With the reason, where more than one reading is possible, or none.
    """
    unit = given or declared
    valid = None
    if parameter and parameter.valid and possible and not is_absent(unit):
        factor, offset = scale_to(unit, parameter.unit)
        edges = sorted((edge - offset) / factor for edge in parameter.valid)
        valid = (edges[0], edges[1])
    values, notes = undeclared(raw, valid, fills, MEANT.get(parameter.quantity, ()) if parameter else ())
    if parameter is None:
        return values, {}, [*notes, *tell_empty(values)]
    values, more = in_house_unit(values, declared, parameter, given=given, difference=difference)
    facts: dict[str, Any] = {}
    if possible:
        values, facts, last = settle(values, parameter, interval_s)
        more += last
    return values, facts, [*notes, *more, *tell_empty(values)]


def record_rain(interval_s: int) -> float:
    """Depth [mm] that no rain reaches in an interval [s]: half as much again as the world's envelope.

    Notes
    -----
    Envelope of record point rainfalls, 422 mm times the duration in hours to the power of 0.475, from a minute to
    two years. Without an interval: 10 m.

    References
    ----------
    World Meteorological Organization (2009), Manual on Estimation of Probable Maximum Precipitation, WMO-No. 1045,
    annex on the world's greatest known rainfalls.
    """
    if interval_s <= 0:
        return 10_000.0
    return float(1.5 * 422.0 * max(interval_s / 3600.0, 1 / 60) ** 0.475)


def undeclared(
    values: Values,
    valid: tuple[float, float] | None = None,
    extra: tuple[float, ...] = (),
    meant: tuple[float, ...] = (),
) -> tuple[Values, list[str]]:
    """Values without fill values that the file does not declare, and a sentence for each.

    A usual fill value is one here if it is the smallest or largest of all, and further from the others than they
    are from each other, or impossible for the quantity. One that might be a value as well makes the field doubtful.

    Parameters
    ----------
    valid
        Range that the quantity can have, in the unit of `values`.
    extra
        Fill values of this file's packing.
    meant
        Values of this quantity that only look like fill values.
    """
    notes: list[str] = []
    for _ in range(4):  # a file may mix several
        low, high = extremes(values)
        found = next((edge for edge in (low, high) if edge not in meant and _is_fill(edge, extra)), None)
        if found is None:
            break
        mask = np.isclose(values, found, rtol=1e-6, atol=0.0)
        rest_low, rest_high = extremes(np.where(mask, np.float32(np.nan), values))
        gap, spread = min(abs(found - rest_low), abs(found - rest_high)), rest_high - rest_low
        impossible = abs(found) >= HUGE or (valid is not None and not valid[0] - ROUNDING <= found <= valid[1])
        if not impossible and (np.isnan(rest_low) or gap <= DOUBT * spread):
            break
        if not impossible and gap <= spread:
            raise Doubtful(
                f"{describe(found)} in {int(mask.sum())} cells may be a value or a fill value that the file does not "
                f"declare: the others run from {describe(rest_low)} to {describe(rest_high)}"
            )
        values = np.where(mask, np.float32(np.nan), values)
        notes.append(f"{describe(found)} in {int(mask.sum())} cells is no value: undeclared fill, made missing")
    return values, notes


def extremes(values: Values) -> tuple[float, float]:
    """Smallest and largest value; NaN where there is none."""
    if values.size == 0:
        return float("nan"), float("nan")
    low, high = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
    return float(low), float(high)


def _is_fill(value: float, extra: tuple[float, ...]) -> bool:
    if np.isnan(value):
        return False
    return abs(value) >= HUGE or any(np.isclose(value, fill, rtol=1e-6, atol=0.0) for fill in (*FILLS, *extra))


def settle(values: Values, parameter: Parameter, interval_s: int) -> tuple[Values, dict[str, Any], list[str]]:
    """Values in the house's unit with the impossible ones missing, facts about these, and sentences.

    Raises
    ------
    Doubtful
        If so much is impossible that the unit or the scale must be wrong.
    """
    values, notes = no_negative(values, parameter)
    if parameter.valid is None:
        return values, {}, notes
    valid = parameter.valid
    if parameter.unit == "mm" and parameter.accumulated | bool(parameter.interval_s):
        valid = (valid[0], min(valid[1], record_rain(interval_s)))
    low, high = valid
    slack = max(1e-3, 1e-6 * (high - low))
    with np.errstate(invalid="ignore"):
        outside = (values < low - slack) | (values > high + slack)
    count = int(np.count_nonzero(outside))
    if not count:
        return values, {}, notes
    worst = values[outside]
    known = int(np.count_nonzero(np.isfinite(values)))
    wet = int(np.count_nonzero(values > 0.1)) if low == 0.0 else 0
    span = f"{describe(worst.min())} to {describe(worst.max())} {parameter.unit}"
    said = f"{count} of {known} values ({span}) are impossible for {parameter.quantity}"
    if count > MOSTLY * known or (count > 3 and wet and count > WET * wet):
        raise Doubtful(f"{said}: its unit or scale must be wrong")
    facts = {
        "impossible_share": count / values.size, "impossible_from": float(worst.min()),
        "impossible_to": float(worst.max()), "possible": [low, high],
    }  # fmt: skip
    return np.where(outside, np.float32(np.nan), values), facts, [*notes, f"{said}: made missing"]


def no_negative(values: Values, parameter: Parameter) -> tuple[Values, list[str]]:
    """Rain below zero: by rounding it is none, more than that is missing."""
    if parameter.unit not in ("mm", "mm/h") or parameter.valid is None or parameter.valid[0] != 0.0:
        return values, []
    lowest = extremes(values)[0]
    if np.isnan(lowest) or lowest >= 0.0:
        return values, []
    with np.errstate(invalid="ignore"):
        rounded, wrong = (values < 0) & (values >= -ROUNDING - 1e-6), values < -ROUNDING - 1e-6
    if np.count_nonzero(wrong) > MOSTLY * np.count_nonzero(np.isfinite(values)):
        raise Doubtful(f"most values are below zero, down to {describe(lowest)} {parameter.unit}: this is no amount")
    notes: list[str] = []
    telling = int(np.count_nonzero(values[rounded] < -1e-3))
    if telling:
        least = describe(values[rounded].min())
        notes.append(f"negative amounts down to {least} {parameter.unit} in {telling} cells set to 0")
    if wrong.any():
        least = describe(values[wrong].min())
        notes.append(f"negative amounts down to {least} {parameter.unit} in {int(wrong.sum())} cells made missing")
    values = np.where(rounded, np.float32(0), values)
    return np.where(wrong, np.float32(np.nan), values), notes


def tell_empty(values: Values) -> list[str]:
    """A sentence for a field of which nothing is known."""
    return [] if np.isfinite(values).any() else ["no cell holds a value"]
