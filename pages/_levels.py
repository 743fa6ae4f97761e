"""Levels as people see them: a colour, a shape and a word together, so that they read without colour."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from data.model import Level
from data.text import Translate

WORDS = {
    Level.RED: "Red, extreme",
    Level.ORANGE: "Orange, severe",
    Level.YELLOW: "Yellow, moderate",
    Level.BLUE: "Blue, minor",
    Level.NONE: "No level",
    Level.UNKNOWN: "Unknown",
}
SHAPES = {
    Level.RED: "⬣",
    Level.ORANGE: "◆",
    Level.YELLOW: "▲",
    Level.BLUE: "●",
    Level.NONE: "–",
    Level.UNKNOWN: "?",
}


def level_word(level: Level, t: Translate) -> str:
    return t(WORDS[level])


def mark(level: Level, t: Translate) -> Component:
    """The small sign of a level; its word is there for those who do not see it."""
    return html.Span(
        SHAPES[level], className=f"mark mark-{level.key}", role="img", title=level_word(level, t),
        **{"aria-label": level_word(level, t)},
    )  # fmt: skip


def chip(level: Level, t: Translate) -> Component:
    """Shape and word on the level's colour."""
    return html.Span([SHAPES[level], " ", level_word(level, t)], className=f"chip chip-{level.key}")
