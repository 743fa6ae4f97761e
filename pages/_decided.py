"""A decision about a delivery in words, our own or another office's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html

from data.text import Translate

LONGEST = 2000  # of a reason


def said(detail: Mapping[str, Any], t: Translate) -> list[Any]:
    """The words of a decision, with the rate and the limit that stood beside it; also of another office's."""
    parts: list[Any] = []
    if detail.get("why"):
        parts += [" · ", html.Q(str(detail["why"])[:LONGEST])]
    bounds = [detail.get(name) for name in ("rate", "low", "high")]
    if all(isinstance(one, int | float) for one in bounds):
        rate, low, high = (f"{100 * one:.2f}" for one in bounds)  # type: ignore[operator]
        parts += [" · ", t("error rate {rate} % ({low} to {high})").format(rate=rate, low=low, high=high)]
    if isinstance(limit := detail.get("limit_percent"), int | float):
        parts += [" · ", t("limit {n} %").format(n=f"{limit:g}")]
    return parts
