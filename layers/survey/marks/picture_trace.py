"""Whose a drawn map is, from a picture that was saved anew, made smaller or cut."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from layers.export.picture_page import PAGE
from layers.survey.marks.mark import Mark
from layers.survey.marks.picture import BAND, PERIOD, Waves, waves_of
from layers.survey.marks.trace import MOST_FALSE, Finding

SCALES = (0.45, 1.1)  # of the picture against the one that was given
SMOOTH = 6.0  # pixels
LARGEST = 5.0  # grey levels from what is around, a few times those of the mark
SMALLEST = 200  # pixels of a side
AROUND = 9  # bins over which the strength of what is drawn is judged
STRONGEST = 2.0  # what a single wave counts at most, against others about it
SURFACE = 160  # points each way at which a place is looked for
LIKELIEST = 2  # scales that are looked at closely
FINE = 4e-4 * np.arange(-1, 2)  # width and height may have been rounded differently
Floats = NDArray[np.float32]
Waving = NDArray[np.complex64]


@dataclass(frozen=True)
class Spectrum:
    """A picture as waves, reckoned from its middle; each against the strength of those about it."""

    pixels: Floats
    strength: Floats  # of rows >= 0 alone: the picture is real
    found: Waving
    size: tuple[int, int]  # of the transform, down and across

    def at(self, down: NDArray[Any], across: NDArray[Any]) -> Waving:
        """Waves near frequencies [a pixel]."""
        return self.found[self._bins(down, across)]

    def across_at(self, down: NDArray[np.float64]) -> Waving:
        """The rows of the picture put together to waves of exact frequencies."""
        height = len(self.pixels)
        turns = np.exp(-2j * np.pi * np.outer(down, np.arange(height) - height / 2))
        return np.asarray(turns.astype(np.complex64) @ self.pixels)

    def exact(self, rows: Waving, down: NDArray[np.float64], across: NDArray[np.float64], waves: Waves) -> Waving:
        """Waves at exact frequencies of 0 to BAND a period down, whose `rows` these are, and -BAND to BAND across."""
        width = self.pixels.shape[1]
        turns = np.exp(-2j * np.pi * np.outer(np.arange(width) - width / 2, across)).astype(np.complex64)
        own = waves.down, waves.across + BAND[1]
        found = (rows @ turns)[own]
        return _limited(found / self.strength[self._bins(down[own[0]], across[own[1]])])

    def _bins(self, down: NDArray[Any], across: NDArray[Any]) -> tuple[NDArray[np.intp], ...]:
        rows, columns = np.rint(down * self.size[0]), np.rint(across * self.size[1])
        return rows.astype(np.intp), columns.astype(np.intp) % self.size[1]


def trace_picture(
    grey: Floats, marks: Iterable[Mark], *, most_false: float = MOST_FALSE
) -> list[Finding]:  # fmt: skip
    """The copies that a picture comes from, the surest first; none where it cannot be told.

    Parameters
    ----------
    grey : array (height, width)
        Luminance, 0 to 255.
    marks : iterable of Mark
        Of all copies that it could be, of one office.

    Notes
    -----
    For a copy that the picture does not come from, the signs of its waves are drawn by chance, whatever is in the
    picture: the sum of what was found, each with its sign, passes z times the root of the squares' sum with a chance
    below exp(-z^2 / 2) (Hoeffding 1963, eq. 2.3). This is multiplied by the copies and the places that were tried.
    """
    candidates = list(marks)
    if not candidates or min(grey.shape) < SMALLEST:
        return []
    waves = waves_of(candidates[0].secret)
    scales = _scales(grey.shape)
    seen = _places(_spectrum(grey, scales), waves, scales)
    tests = len(candidates) * len(seen)
    best: dict[int, Finding] = {}
    for mark in candidates:
        signs = waves.signs(mark)
        for told in seen:
            chance = min(1.0, tests * chance_of(signs, told))
            if chance <= most_false and (mark.copy not in best or chance < best[mark.copy].false_positive):
                best[mark.copy] = Finding(mark.copy, "picture", int((signs * told > 0).sum()), len(told), chance)
    return sorted(best.values(), key=lambda one: one.false_positive)


def chance_of(signs: NDArray[np.int8], told: Floats) -> float:
    """A bound on the chance that signs which have nothing to do with a picture fit so well what it tells."""
    size = float(np.linalg.norm(told))
    z = float(signs.astype(np.float32) @ told) / size if size else 0.0
    return math.exp(-z * z / 2) if z > 0 else 1.0


def _scales(shape: tuple[int, ...]) -> list[float]:
    """Scales that a picture of this size can have, so close that the finest waves stay in step from edge to edge."""
    longest = max(shape)
    found = [max(SCALES[0], 0.99 * longest / max(PAGE))]
    while found[-1] < SCALES[1]:
        found.append(found[-1] * (1 + 2 * found[-1] / longest))
    return found


def _spectrum(grey: Floats, scales: list[float]) -> Spectrum:
    height, width = grey.shape
    fine = np.clip(
        grey - ndimage.gaussian_filter(grey, SMOOTH), -LARGEST, LARGEST
    )  # edges of what is drawn are large
    pixels = np.asarray(fine * np.outer(_taper(height), _taper(width)), np.float32)
    size = fft.next_fast_len(2 * height), fft.next_fast_len(2 * width)
    rows = int(size[0] * BAND[1] / PERIOD / scales[0]) + 2  # the finest waves of the mark
    found = fft.fft(fft.rfft(pixels, size[0], axis=0)[:rows], size[1], axis=1)
    middle = [np.exp(1j * np.pi * np.fft.fftfreq(n) * side) for n, side in zip(size, (height, width), strict=True)]
    found *= np.outer(middle[0][: len(found)], middle[1]).astype(np.complex64)
    power = ndimage.uniform_filter(np.abs(found) ** 2, AROUND, mode=("nearest", "wrap"))
    strength = np.sqrt(power + 1e-6 * power.max() + 1e-6).astype(np.float32)
    return Spectrum(pixels, strength, _limited(found / strength), size)


def _limited(waves: Waving) -> Waving:
    """Nothing that is drawn drowns the rest."""
    return np.asarray(waves / np.maximum(np.abs(waves) / STRONGEST, 1), np.complex64)


def _taper(length: int) -> NDArray[np.float64]:
    """1 but for the edges, which would look like waves of every kind."""
    edge = max(length // 20, 1)
    rise = np.sin(np.pi / 2 * (np.arange(edge) + 0.5) / edge) ** 2
    return np.concatenate([rise, np.ones(length - 2 * edge), rise[::-1]])


def _places(spectrum: Spectrum, waves: Waves, scales: list[float]) -> list[Floats]:
    """What the waves that tell the copy are at the likeliest scales and places."""
    own = waves.place
    mine = Waves(waves.across[own], waves.down[own], waves.phase[own], waves.place[own])
    peaks = []
    for scale in scales:
        step = 1 / (PERIOD * scale)
        found = spectrum.at(mine.down * step, mine.across * step) * mine.phase.conj()
        peaks.append(mine.surface(found, SURFACE).max())
    rank = np.argsort(peaks)[::-1]
    likely = [number for place, number in enumerate(rank) if (abs(rank[:place] - number) > 4).all()][:LIKELIEST]
    return [_told(spectrum, waves, mine, scales[number]) for number in likely]


def _told(spectrum: Spectrum, waves: Waves, mine: Waves, scale: float) -> Floats:
    """The waves that tell the copy, at the scales and the place at which those that tell the place are strongest."""
    best, told = -math.inf, np.zeros(int((~waves.place).sum()), np.float32)
    counts = np.arange(BAND[1] + 1), np.arange(-BAND[1], BAND[1] + 1)
    for high in scale * (1 + FINE):
        down = counts[0] / (PERIOD * high)
        rows = spectrum.across_at(down)
        for wide in scale * (1 + FINE):
            found = spectrum.exact(rows, down, counts[1] / (PERIOD * wide), waves)
            turned = found * waves.phase.conj()
            surface = mine.surface(turned[waves.place])
            peak = int(surface.argmax())
            if surface.flat[peak] > best:
                best = float(surface.flat[peak])
                south, east = divmod(peak, PERIOD)
                moved = np.exp(2j * np.pi * (waves.down * south + waves.across * east) / PERIOD)
                told = np.asarray((turned * moved)[~waves.place].real, np.float32)
    return told
