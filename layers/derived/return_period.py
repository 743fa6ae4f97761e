"""Maps of return levels and of the return period of a field, from a stack of annual maxima of a quantity.

The chain: steps of a year -> `yearly_maximum` -> `<quantity>_annual_max`; all of those -> `fit_maxima` -> parameters,
kept as fields (`to_fields`, `from_fields`) -> `level_map` for each of `PERIODS`, and `period_map` of any field of the
quantity. Cells are fitted by L-moments; bands of one cell are made on demand (`layers/kernels/extreme_bands.py`).

References
----------
Coles, S. (2001): An introduction to statistical modeling of extreme values. Springer, chapter 3.
Hosking, J. R. M. and Wallis, J. R. (1997): Regional frequency analysis. Cambridge University Press, appendix A.6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from layers.derived.extremes import (
    MINIMUM_YEARS,
    Distribution,
    Fit,
    fit_l_moments,
    return_level,
    return_period,
)
from layers.kernels.extreme_bands import REACH, longest_period
from layers.layer import LayerSpec

PERIODS = (2, 5, 10, 20, 50, 100)  # years
MINIMUM_SHARE = 0.9  # of a year's steps: with more missing the maximum may be among them
PARAMETERS = ("location", "scale", "shape", "years")
REFERENCE = "Coles 2001, chapter 3; Hosking and Wallis 1997, appendix A.6"


def level_quantity(quantity: str, period: int) -> str:
    """The name of a map of return levels."""
    return f"{quantity}_return_level_{period}y"


def period_quantity(quantity: str) -> str:
    """The name of a map of return periods."""
    return f"{quantity}_return_period"


def parameter_quantity(quantity: str, parameter: str) -> str:
    """The name of a map of one parameter of the distribution."""
    return f"{quantity}_extreme_{parameter}"


def specs_for(quantity: str, unit: str, title: str) -> tuple[LayerSpec, ...]:
    """The manifests of what is made of the annual maxima of a quantity."""
    needs = (f"{quantity}_annual_max",)

    def one(name: str, words: str, of: str, limits: tuple[float, float] | None = None) -> LayerSpec:
        return LayerSpec(
            key=f"field:{name}", title=words, kind="field", quantity=name, unit=of, needs=needs, valid_range=limits,
            reference=REFERENCE,
        )  # fmt: skip

    levels = [one(level_quantity(quantity, n), f"{title}, 1-in-{n}-years value", unit) for n in PERIODS]
    periods = one(period_quantity(quantity), f"{title}, return period", "year", (1.0, 1000.0))
    units = {"location": unit, "scale": unit, "shape": "1", "years": "year"}
    parameters = [
        one(parameter_quantity(quantity, name), f"{title}, {name} of extremes", units[name]) for name in PARAMETERS
    ]
    return (*levels, periods, *parameters)


SPECS = specs_for("precipitation_24h", "mm", "Precipitation of 24 h")


def yearly_maximum(
    steps: Sequence[NDArray[np.floating]], expected: int, *, minimum_share: float = MINIMUM_SHARE
) -> NDArray[np.float32]:  # fmt: skip
    """The highest value of each cell in a year.

    Parameters
    ----------
    steps
        Fields (ny, nx) of the year, NaN where missing.
    expected
        Steps a full year has.
    minimum_share
        A cell with fewer values than this share of `expected` is NaN.

    Raises
    ------
    LayerError
        If there are more steps than a year has.
    """
    if not steps or len(steps) > expected:
        raise LayerError(f"a year of {expected} steps cannot have {len(steps)}")
    highest = np.full(steps[0].shape, -np.inf, np.float32)
    count = np.zeros(steps[0].shape, np.int32)
    for values in steps:
        np.fmax(highest, values, out=highest)
        count += np.isfinite(values)
    return np.where((count >= minimum_share * expected) & np.isfinite(highest), highest, np.float32(np.nan))


def fit_maxima(
    maxima: Mapping[int, NDArray[np.floating]],
    *,
    distribution: Distribution = "gev",
    minimum_years: int = MINIMUM_YEARS,
) -> Fit:
    """The distribution of the annual maxima in each cell.

    Parameters
    ----------
    maxima
        Year -> field (ny, nx) of the highest values, NaN where missing. Years need not follow each other.

    Returns
    -------
    Fit
        NaN in cells with fewer than `minimum_years` maxima.

    Raises
    ------
    LayerError
        If there is no year, or the fields differ in shape.
    """
    if not maxima:
        raise LayerError("no annual maxima are stored")
    if len({field.shape for field in maxima.values()}) > 1:
        raise LayerError("annual maxima are on different grids")
    stack = np.stack([maxima[year] for year in sorted(maxima)])
    return fit_l_moments(stack, distribution=distribution, minimum_years=minimum_years)


def to_fields(fit: Fit) -> dict[str, NDArray[np.float32]]:
    """The parameters as fields, by the names in `PARAMETERS`."""
    return {name: np.asarray(getattr(fit, name), np.float32) for name in PARAMETERS}


def from_fields(fields: Mapping[str, NDArray[np.floating]], *, distribution: Distribution = "gev") -> Fit:
    """The fit that `to_fields` gave, to single precision."""
    location, scale, shape = (np.asarray(fields[name], np.float64) for name in PARAMETERS[:3])
    years = np.nan_to_num(np.asarray(fields["years"], np.float64)).astype(np.int32)
    return Fit(location, scale, shape, years, distribution)


def level_map(fit: Fit, period: int, *, reach: float = REACH) -> NDArray[np.float32]:
    """The 1-in-`period`-years value of each cell, in the unit of the maxima.

    NaN where the fit is, and where the period is longer than `reach` lengths of the record: a record of 30 years says
    nothing of 100. A larger `reach` is the caller's decision and should be told beside the map.
    """
    levels = return_level(fit, float(period))
    return np.where(period <= reach * fit.years, levels, np.nan).astype(np.float32)


def level_maps(
    fit: Fit, periods: Sequence[int] = PERIODS, *, reach: float = REACH
) -> dict[int, NDArray[np.float32]]:  # fmt: skip
    """Of each period the map of its return levels; see `level_map`."""
    return {period: level_map(fit, period, reach=reach) for period in periods}


def period_map(fit: Fit, values: NDArray[np.floating]) -> NDArray[np.float32]:
    """The return period of a field of the quantity [years].

    Parameters
    ----------
    fit
        Of the grid of `values`.
    values
        (ny, nx) in the unit of the maxima, over the same accumulation as they.

    Returns
    -------
    (ny, nx)
        1 and more. A period beyond what the record of the cell may speak of (`longest_period`) stands at that limit,
        which then means "at least"; NaN where the fit or the value is unknown.

    Raises
    ------
    LayerError
        If the shapes differ.
    """
    if values.shape != fit.location.shape:
        raise LayerError("the field is not on the grid of the annual maxima")
    counts, where = np.unique(fit.years, return_inverse=True)
    limits = np.array([longest_period(int(count)) for count in counts], np.float64)[where].reshape(values.shape)
    return np.minimum(return_period(fit, values), limits).astype(np.float32)
