"""One day of the Canadian Forest Fire Weather Index System for one cell after the other, compiled.

Equation numbers are those of Van Wagner and Pickett (1985), with their constant 147.2 of the moisture scale. Powers
of one base are written as exponentials of its logarithm, which is taken once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from layers.kernels.compiled import compiled

LOG_10, LOG_100 = math.log(10.0), math.log(100.0)


_compiled = compiled()


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
    log_h = math.log(h) if h > 0.0 else -math.inf
    edge = 0.942 * math.exp(0.679 * log_h) + 11.0 * damp + warm  # of drying
    share, power = h / 100.0, math.exp(1.7 * (log_h - LOG_100))
    if m <= edge:
        edge = 0.618 * math.exp(0.753 * log_h) + 10.0 * damp + warm  # of wetting
        share = (100.0 - h) / 100.0
        power = share**1.7
        if m >= edge:
            edge = m  # between the two equilibria moisture stays
    if m != edge:
        eighth = share * share
        eighth *= eighth
        eighth *= eighth
        rate = 0.424 * (1.0 - power) + 0.0694 * math.sqrt(w) * (1.0 - eighth)
        m = edge + (m - edge) * math.exp(-LOG_10 * 0.581 * rate * math.exp(0.0365 * t))
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
    """FWI [1] (equations 28 to 30) and DSR [1] (equation 31)."""
    depth = 0.626 * bui**0.809 + 2.0 if bui <= 80.0 else 1000.0 / (25.0 + 108.64 * math.exp(-0.023 * bui))
    scale = 0.1 * isi * depth
    if scale <= 1.0:
        return scale, 0.0272 * scale**1.77
    log_fwi = 2.72 * (0.434 * math.log(scale)) ** 0.647
    return math.exp(log_fwi), 0.0272 * math.exp(1.77 * log_fwi)


@_compiled
def advance(
    t: Any, h: Any, w: Any, p: Any, ffmc: Any, dmc: Any, dc: Any, days: Any, band: Any, day_lengths: Any,
    factors: Any, out: Any,
) -> None:  # fmt: skip
    """One day of every cell; rows of `out` are FFMC, DMC, DC, days, ISI, BUI, FWI and DSR.

    A cell with any number missing or outside its range is NaN in all rows.
    """
    for cell in range(len(t)):
        warmth, humidity = np.float64(t[cell]), np.float64(h[cell])
        wind, rain = np.float64(w[cell]), np.float64(p[cell])
        usable = (
            -60.0 <= warmth <= 60.0 and 0.0 <= humidity <= 105.0 and 0.0 <= wind <= 400.0 and 0.0 <= rain <= 2000.0
            and 0.0 <= ffmc[cell] <= 101.0 and 0.0 <= dmc[cell] <= 1e4 and 0.0 <= dc[cell] <= 1e4
            and days[cell] >= 0.0 and band[cell] >= 0
        )  # fmt: skip
        if not usable:
            out[:, cell] = math.nan
            continue
        moist = min(humidity, 100.0)
        litter = fine_fuel_moisture(warmth, moist, wind, rain, ffmc[cell])
        duff = duff_moisture(warmth, moist, rain, dmc[cell], day_lengths[band[cell]])
        deep = drought(warmth, rain, dc[cell], factors[band[cell]])
        isi, bui = initial_spread(wind, litter), build_up(duff, deep)
        fwi, dsr = fire_weather(isi, bui)
        out[0, cell], out[1, cell], out[2, cell], out[3, cell] = litter, duff, deep, days[cell] + 1.0
        out[4, cell], out[5, cell], out[6, cell], out[7, cell] = isi, bui, fwi, dsr
