"""One day of the Canadian Forest Fire Weather Index System for one cell after the other, compiled.

Equation numbers are those of Van Wagner and Pickett (1985), with their constant 147.2 of the moisture scale.
"""

from __future__ import annotations

import math
from typing import Any

import numba


def _compiled(function: Any) -> Any:
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # nowhere to keep the cache: compile in each process
        return numba.njit(nogil=True)(function)


@_compiled
def fine_fuel_moisture(t: float, h: float, w: float, p: float, ffmc: float) -> Any:
    """FFMC of today [1] from yesterday's (equations 1 to 10)."""
    m = 147.2 * (101.0 - ffmc) / (59.5 + ffmc)
    if p > 0.5:
        rain = p - 0.5
        gain = 42.5 * rain * math.exp(-100.0 / (251.0 - m)) * (1.0 - math.exp(-6.93 / rain))
        if m > 150.0:
            gain += 0.0015 * (m - 150.0) ** 2 * math.sqrt(rain)
        m = min(m + gain, 250.0)
    damp, warm = math.exp((h - 100.0) / 10.0), 0.18 * (21.1 - t) * (1.0 - math.exp(-0.115 * h))
    drying = 0.942 * h**0.679 + 11.0 * damp + warm
    if m > drying:
        share = h / 100.0
        edge = drying
    else:
        share = (100.0 - h) / 100.0
        edge = 0.618 * h**0.753 + 10.0 * damp + warm
        if m >= edge:
            edge = m  # between the two equilibria moisture stays
    if m != edge:
        eighth = share * share
        eighth *= eighth
        eighth *= eighth
        rate = 0.424 * (1.0 - share**1.7) + 0.0694 * math.sqrt(w) * (1.0 - eighth)
        m = edge + (m - edge) * 10.0 ** (-rate * 0.581 * math.exp(0.0365 * t))
    return max(0.0, min(101.0, 59.5 * (250.0 - m) / (147.2 + m)))


@_compiled
def duff_moisture(t: float, h: float, p: float, dmc: float, day_length: float) -> Any:
    """DMC of today [1] from yesterday's (equations 11 to 17)."""
    if p > 1.5:
        rain = 0.92 * p - 1.27
        if dmc <= 33.0:
            slope = 100.0 / (0.5 + 0.3 * dmc)
        elif dmc <= 65.0:
            slope = 14.0 - 1.3 * math.log(dmc)
        else:
            slope = 6.2 * math.log(dmc) - 17.2
        moisture = 280.0 * math.exp(-0.023 * dmc) + 1000.0 * rain / (48.77 + slope * rain)
        dmc = max(0.0, 43.43 * (5.6348 - math.log(moisture)))
    if t > -1.1:
        dmc += 1.894e-4 * (t + 1.1) * (100.0 - h) * day_length
    return dmc


@_compiled
def drought(t: float, p: float, dc: float, factor: float) -> Any:
    """DC of today [1] from yesterday's (equations 18 to 23)."""
    if p > 2.8:
        rain = 0.83 * p - 1.27
        dc = max(0.0, dc - 400.0 * math.log(1.0 + 3.937 * rain / (800.0 * math.exp(-dc / 400.0))))
    return dc + max(0.0, 0.5 * (0.36 * (max(t, -2.8) + 2.8) + factor))


@_compiled
def initial_spread(w: float, ffmc: float) -> Any:
    """ISI [1] (equations 24 to 26)."""
    m = 147.2 * (101.0 - ffmc) / (59.5 + ffmc)
    return 19.1152 * math.exp(-0.1386 * m + 0.05039 * w) * (1.0 + m**5.31 / 4.93e7)


@_compiled
def build_up(dmc: float, dc: float) -> Any:
    """BUI [1] (equation 27)."""
    both = dmc + 0.4 * dc
    if both <= 0.0:
        return 0.0
    if dmc <= 0.4 * dc:
        return 0.8 * dmc * dc / both
    return max(0.0, dmc - (1.0 - 0.8 * dc / both) * (0.92 + (0.0114 * dmc) ** 1.7))


@_compiled
def fire_weather(isi: float, bui: float) -> Any:
    """FWI [1] (equations 28 to 30)."""
    depth = 0.626 * bui**0.809 + 2.0 if bui <= 80.0 else 1000.0 / (25.0 + 108.64 * math.exp(-0.023 * bui))
    scale = 0.1 * isi * depth
    return math.exp(2.72 * (0.434 * math.log(scale)) ** 0.647) if scale > 1.0 else scale


@_compiled
def advance(t: Any, h: Any, w: Any, p: Any, before: Any, band: Any, day_lengths: Any, factors: Any, out: Any) -> None:
    """One day of every cell: `before` rows are FFMC, DMC, DC; `out` rows FFMC, DMC, DC, ISI, BUI, FWI, DSR.

    A cell with any number missing or outside its range is NaN in all rows.
    """
    for cell in range(len(t)):
        usable = (
            -60.0 <= t[cell] <= 60.0 and 0.0 <= h[cell] <= 105.0
            and 0.0 <= w[cell] <= 400.0 and 0.0 <= p[cell] <= 2000.0
            and 0.0 <= before[0, cell] <= 101.0 and 0.0 <= before[1, cell] <= 1e4 and 0.0 <= before[2, cell] <= 1e4
            and band[cell] >= 0
        )  # fmt: skip
        if not usable:
            out[:, cell] = math.nan
            continue
        humidity = min(h[cell], 100.0)
        ffmc = fine_fuel_moisture(t[cell], humidity, w[cell], p[cell], before[0, cell])
        dmc = duff_moisture(t[cell], humidity, p[cell], before[1, cell], day_lengths[band[cell]])
        dc = drought(t[cell], p[cell], before[2, cell], factors[band[cell]])
        isi, bui = initial_spread(w[cell], ffmc), build_up(dmc, dc)
        fwi = fire_weather(isi, bui)
        out[0, cell], out[1, cell], out[2, cell] = ffmc, dmc, dc
        out[3, cell], out[4, cell], out[5, cell] = isi, bui, fwi
        out[6, cell] = 0.0272 * fwi**1.77
