"""Drought classes of the composite index MCI and of the standardised precipitation index."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import LayerError
from layers.classes import class_table
from layers.layer import LayerSpec

SCHEMES = {"mci": ("drought_mci",), "spi": ("drought_spi", "drought_spi_wmo")}
SPECS = (
    LayerSpec(
        key="field:drought_class_mci", title="Drought class (MCI)", kind="field", quantity="drought_class_mci",
        unit="1", needs=("mci",), valid_range=(0.0, 4.0), reference="GB/T 20481-2017 气象干旱等级",
    ),
    LayerSpec(
        key="field:drought_class_spi", title="Drought class (SPI)", kind="field", quantity="drought_class_spi",
        unit="1", needs=("spi",), valid_range=(0.0, 4.0), status="experimental",
        reference="GB/T 20481-2017 气象干旱等级; WMO-No. 1090 (2012)",
    ),
)  # fmt: skip
FARTHEST = 10.0  # no index of standardised form comes near


def drought_class(
    index: ArrayLike, *, quantity: str, scheme: str | None = None, on: date | None = None
) -> NDArray[np.float32]:
    """Class 0 (no drought) to 4 (extreme; 3 in the scheme of WMO) of an index [1, -10..10].

    Parameters
    ----------
    quantity : str
        "mci" or "spi".
    scheme : str, optional
        A table of that quantity, as "drought_spi_wmo"; the first one without.

    Returns
    -------
    NaN where the index is missing or outside its range. A limit belongs to the drier class.

    Raises
    ------
    LayerError
        If the scheme is not one of that quantity, or was not in force on that day.
    """
    schemes = SCHEMES.get(quantity, ())
    chosen = scheme or next(iter(schemes), "")
    if chosen not in schemes:
        raise LayerError(f"no drought classes {scheme or ''!r} of {quantity!r}")
    value = np.asarray(index, dtype=np.float64)
    return class_table(chosen, on).numbers(np.where(np.abs(value) <= FARTHEST, value, np.nan))
