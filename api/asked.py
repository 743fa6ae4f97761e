"""What an address asks for, read and checked: a step, a box, a number."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from flask import request

from api.context import api
from data.clock import parse_time

Box = tuple[float, float, float, float]


def asked_step() -> Any | None:
    """The row of `field_step` that `step` names, or None where there is none; ValueError where it is no number."""
    from data.store.fields import find_step

    number = request.args.get("step", "")
    if not (number.isascii() and number.isdigit()) or len(number) > 18:
        raise ValueError("step is the number of a field step")
    with api().store.read() as connection:
        return find_step(connection, int(number))


def asked_box() -> Box | None:
    """`bbox` as west, south, east, north, or None; ValueError for anything else. East may pass 180."""
    text = request.args.get("bbox", "")
    if not text:
        return None
    wanted = "bbox is west,south,east,north in degrees"
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(wanted) from None
    if not (-180.0 <= west < east <= west + 360.0 and -90.0 <= south < north <= 90.0):
        raise ValueError(wanted)
    return west, south, east, north


def asked_number(name: str) -> float:
    """A finite number; ValueError for anything else."""
    try:
        value = float(request.args.get(name, ""))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name} is a number")
    return value


def asked_point() -> tuple[float, float]:
    """`lon` and `lat`; ValueError where they are no numbers, or not on the globe."""
    lon, lat = asked_number("lon"), asked_number("lat")
    if abs(lon) > 720 or abs(lat) > 90:
        raise ValueError("the point is not on the globe")
    return lon, lat


def asked_time(name: str) -> datetime | None:
    """A time with its offset, or None where none is asked for; ValueError for anything else."""
    text = request.args.get(name)
    return parse_time(text) if text else None
