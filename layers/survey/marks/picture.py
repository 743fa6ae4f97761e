"""The invisible mark of a drawn map: waves of a grey level or two under all of it, whose signs say whose it is.

The waves repeat every 512 pixels each way, so that any part of the picture holds them again and again. The office's
key says which wave begins where; half of the waves are the same in all copies, and by them the place and the scale of
a picture are found; of the others a keyed function of the copy's number says which are turned over.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from numpy.typing import NDArray

from layers.survey.marks.mark import Mark

PERIOD = 512  # pixels
BAND = (
    12,
    64,
)  # waves a period: coarser ones are lost among what is drawn, finer ones when a picture is made smaller
STRENGTH = 0.8  # grey levels, root of the mean square: 50 dB below white
MOST = 2.0  # grey levels
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Waves:
    """The waves of an office: how many a period across and down, where each begins, and which only tell the place."""

    across: NDArray[np.int64]
    down: NDArray[np.int64]
    phase: NDArray[np.complex64]
    place: NDArray[np.bool_]

    def signs(self, mark: Mark) -> NDArray[np.int8]:
        """1 or -1 for each wave that tells the copy."""
        count = int((~self.place).sum())
        drawn = _stream(mark.secret, f"survey picture {mark.copy}", count // 8 + 1)
        bits = np.unpackbits(np.frombuffer(drawn, np.uint8))[:count]
        return (2 * bits.astype(np.int8) - 1).astype(np.int8)

    def surface(self, coefficients: NDArray[np.complex64], side: int = PERIOD) -> Floats:
        """One period of waves with these heights, as an array of `side` each way."""
        spectrum = np.zeros((side, side), np.complex64)
        spectrum[self.down % side, self.across % side] = coefficients
        return np.asarray(np.fft.ifft2(spectrum).real * side, np.float32)


def waves_of(secret: bytes) -> Waves:
    """The waves of whoever has this secret."""
    return _waves(hmac.new(secret, b"survey picture", hashlib.sha256).digest())


@lru_cache(maxsize=4)
def _waves(key: bytes) -> Waves:
    across, down = np.meshgrid(np.arange(-BAND[1], BAND[1] + 1), np.arange(BAND[1] + 1))
    away = np.hypot(across, down)
    held = (away >= BAND[0]) & (away <= BAND[1]) & ((down > 0) | (across > 0))  # the other half mirrors these
    across, down = across[held], down[held]
    drawn = np.frombuffer(_stream(key, "waves", 4 * len(across)), "<u4")
    phase = np.exp(2j * np.pi * (drawn >> 1) / 2**31).astype(np.complex64)
    return Waves(across, down, phase, (drawn & 1).astype(np.bool_))


def pattern(mark: Mark) -> Floats:
    """One period of the mark of a copy [grey levels]."""
    waves = waves_of(mark.secret)
    turned = np.ones(len(waves.phase), np.complex64)
    turned[~waves.place] = waves.signs(mark)
    found = waves.surface(waves.phase * turned)
    return np.asarray(np.clip(found * (STRENGTH / found.std()), -MOST, MOST), np.float32)


def marked_picture(picture: Any, mark: Mark) -> Any:
    """A copy of a picture (Pillow, RGB) with the mark under all of it; the same change for red, green and blue."""
    from PIL import Image

    pixels = np.asarray(picture.convert("RGB"), np.float32)
    height, width = pixels.shape[:2]
    under = np.tile(pattern(mark), (-(-height // PERIOD), -(-width // PERIOD)))[:height, :width]
    return Image.fromarray(np.rint(pixels + under[..., None]).clip(0, 255).astype(np.uint8))


def _stream(secret: bytes, what: str, size: int) -> bytes:
    """Bytes that nobody foretells without the secret."""
    key = hmac.new(secret, what.encode(), hashlib.sha256).digest()
    return Cipher(AES(key), CTR(bytes(16))).encryptor().update(bytes(size))
