"""Sample L-moments of many short series, and the shape of the extreme value distribution that has them, compiled.

References
----------
Hosking, J. R. M. (1990): L-moments: analysis and estimation of distributions using linear combinations of order
statistics. J. Royal Statistical Society B 52, 105-124.
Hosking, J. R. M. and Wallis, J. R. (1997): Regional frequency analysis. Cambridge University Press, appendix A.6.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from layers.kernels.compiled import compiled

ORDERS = 5


_compiled = compiled()


@_compiled
def l_moments(samples: Any, out: Any) -> None:
    """Of each row of `samples`: the count of numbers, l1, l2, t3, t4 and t5, from unbiased weighted moments.

    NaN and infinite entries are left out. A moment of an order above the count is NaN, and a ratio where l2 is 0.
    """
    length = samples.shape[1]
    row, b = np.empty(length), np.empty(ORDERS)
    for cell in range(samples.shape[0]):
        n = 0
        for year in range(length):
            value = samples[cell, year]
            if not math.isfinite(value):
                continue
            place = n
            while place > 0 and row[place - 1] > value:
                row[place] = row[place - 1]
                place -= 1
            row[place] = value
            n += 1
        b[:] = 0.0
        for rank in range(n):
            weight = 1.0
            for order in range(min(ORDERS, n)):
                if order > 0:
                    weight *= (rank - order + 1.0) / (n - order)
                b[order] += weight * row[rank] / n
        out[cell, 0] = n
        out[cell, 1:] = math.nan
        if n > 0:
            out[cell, 1] = b[0]
        if n > 1:
            out[cell, 2] = l2 = 2.0 * b[1] - b[0]
            if l2 > 0.0:
                if n > 2:
                    out[cell, 3] = (6.0 * b[2] - 6.0 * b[1] + b[0]) / l2
                if n > 3:
                    out[cell, 4] = (20.0 * b[3] - 30.0 * b[2] + 12.0 * b[1] - b[0]) / l2
                if n > 4:
                    out[cell, 5] = (70.0 * b[4] - 140.0 * b[3] + 90.0 * b[2] - 20.0 * b[1] + b[0]) / l2


@_compiled
def _ratio(k: float) -> Any:
    """(1 - 3^-k) / (1 - 2^-k), which is (3 + t3) / 2 of the distribution with shape k."""
    if abs(k) < 1e-7:
        return math.log(3.0) / math.log(2.0) * (1.0 - 0.5 * k * math.log(1.5))
    return math.expm1(-k * math.log(3.0)) / math.expm1(-k * math.log(2.0))


@_compiled
def gev_shapes(t3: Any, out: Any) -> None:
    """Coles' shape (minus Hosking's k) of the generalised extreme value distribution with each L-skewness.

    NaN outside -0.9 < t3 < 0.99, where no record of nature lies.
    """
    for cell in range(len(t3)):
        out[cell] = math.nan
        if not -0.9 < t3[cell] < 0.99:
            continue
        wanted = 0.5 * (3.0 + t3[cell])
        low, high = -0.999999, 20.0  # the ratio falls as k grows
        c = 1.0 / wanted - math.log(2.0) / math.log(3.0)
        k = min(max(7.8590 * c + 2.9554 * c * c, low), high)
        for _ in range(100):
            error = _ratio(k) - wanted
            if error > 0.0:
                low = k
            else:
                high = k
            reach = 1e-5 * max(1.0, abs(k))
            slope = (_ratio(k + reach) - _ratio(k - reach)) / (2.0 * reach)
            following = k - error / slope if slope < 0.0 else math.nan
            if not low <= following <= high:
                following = 0.5 * (low + high)
            done = abs(following - k) <= 1e-13 * max(1.0, abs(k))
            k = following
            if done:
                break
        out[cell] = -k
