"""Pictures of field steps, with the steps that are in use kept open."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api.context import Api


def field_tile(here: Api, number: int, zoom: int, x: int, y: int) -> bytes | None:
    """The PNG of one tile, empty where the field has nothing there, None where there is no such step."""
    from layers.tiles import step_tile

    return step_tile(here.store, here.settings.home, number, zoom, x, y)
