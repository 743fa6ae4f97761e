"""How the hot loops of this folder are compiled."""

from __future__ import annotations

from typing import Any

import numba


def compiled(**options: Any) -> Any:
    """A decorator: machine code without the interpreter's lock, kept on disk where there is a place for it.

    Kernels stand in modules of their own, because what is kept is bound to the module's name: a kernel first
    compiled inside a spawned `__main__` poisons it.
    """

    def decorate(function: Any) -> Any:
        try:
            return numba.njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # nowhere to keep it: compile in each process
            return numba.njit(nogil=True, **options)(function)

    return decorate
