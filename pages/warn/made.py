"""What was made of an issued message: its page and file, video, sound and poster, and the pack of evidence."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from access.people import Person
from alerts.desk.read import DeskWarning
from alerts.media.produce import state_of
from data.text import Translate
from pages._context import Context


def links(item: DeskWarning, person: Person, context: Context, t: Translate) -> list[Component]:
    """Ways to everything that stands on this message."""
    found: list[Any] = []
    if item.status == "Actual":
        found = [
            html.Li(html.A(t("Public page"), href=f"/public/w/{item.identifier}", target="_blank")),
            html.Li(html.A(t("CAP file"), href=f"/public/cap/{item.identifier}.xml", target="_blank")),
        ]
    if person.may("evidence.view"):
        href = f"/api/warnings/{item.id}/evidence.zip"
        found.append(html.Li(html.A(t("Pack of evidence"), href=href, download="")))
    return [html.H3(t("Made of it")), html.Ul([*found, *_media(item, context, t)], className="warn-made")]


def _media(item: DeskWarning, context: Context, t: Translate) -> list[Component]:
    state = state_of(context.settings.home, item.signed_sha256)
    if state.manifest is None:
        failed = t("Video, sound and poster could not be made: {why}").format(why=state.reason)
        return [html.Li(failed if state.reason else t("Video, sound and poster are being made."), className="dim")]
    return [
        html.Li(
            [
                html.A(
                    t(file["description"]) + (f" ({file['language']})" if file["language"] else ""),
                    href=f"/public/media/{item.signed_sha256}/{file['name']}",
                    target="_blank",
                ),
                html.Span(f" {file['size'] / 1e6:.1f} MB", className="dim"),
            ]
        )
        for file in state.manifest.get("files", ())
    ] + [html.Li(t(note), className="bad") for note in state.manifest.get("notes", ())]
