"""What is typed is kept: one field at a time, half a second after the last key."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update

from access.guard import needs
from alerts.cap.level import meaning
from alerts.desk.content import Content
from alerts.desk.refusal import Refusal
from data.text import translator
from pages._context import Context
from pages._locale import locale_of
from pages.warn import service
from pages.warn.content import put, without
from pages.warn.editor import FIELD, form

ANEW = ("level", "hazard", "status", "onset_at", "expires_at", "severity", "urgency", "certainty")
"""Fields after which others, or the words beside them, say something else."""


def register(dash_app: Dash, context: Context) -> None:
    """Fields, the template's texts, longer times, files."""

    def keep(mark: Any, how: Callable[[Content], Content], *, anew: bool) -> Any:
        locale = locale_of(context)
        t = translator(locale)
        try:
            shown, said = service.save(context, mark, how, t)
        except Refusal as error:
            return no_update, service.refused(error, t), no_update
        if not anew or shown is no_update:
            return shown, said, no_update
        item = service.find(context, shown)
        assert item is not None
        return shown, said, form(item, context, t, locale)

    @dash_app.callback(
        Output("warn-shown", "data", allow_duplicate=True), Output("warn-saved", "children", allow_duplicate=True),
        Output("warn-form", "children", allow_duplicate=True), Input({"type": FIELD, "place": ALL}, "value"),
        State("warn-shown", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("warn.draft")
    def typed(_values: Any, mark: Any) -> Any:
        """One field; a form that has just been drawn brings all of its fields at once, and changes nothing."""
        which = ctx.triggered_id
        if not isinstance(which, dict) or len(ctx.triggered) != 1:
            return no_update, no_update, no_update
        place, value = str(which["place"]), ctx.triggered[0]["value"]
        return keep(mark, lambda content: changed(content, place, value, context), anew=place in ANEW)

    @dash_app.callback(
        Output("warn-shown", "data", allow_duplicate=True), Output("warn-saved", "children", allow_duplicate=True),
        Output("warn-form", "children", allow_duplicate=True), Input("warn-refill", "n_clicks"),
        Input({"type": "warn-longer", "hours": ALL}, "n_clicks"), Input("warn-file", "contents"),
        Input({"type": "warn-file-less", "index": ALL}, "n_clicks"),
        State("warn-file", "filename"), State("warn-shown", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("warn.draft")
    def pressed(_refill: Any, _longer: Any, contents: Any, _less: Any, name: Any, mark: Any) -> Any:
        if len(ctx.triggered) != 1 or not ctx.triggered[0]["value"]:
            return no_update, no_update, no_update
        which = ctx.triggered_id
        if which == "warn-refill":
            return keep(mark, lambda content: service.refilled(context, mark, content), anew=True)
        if which == "warn-file":
            return keep(mark, lambda content: with_file(content, context, str(contents), str(name or "")), anew=True)
        if isinstance(which, dict) and which["type"] == "warn-longer":
            ends = context.clock() + timedelta(hours=int(which["hours"]))
            return keep(mark, lambda content: content.with_(expires_at=ends.replace(second=0)), anew=True)
        assert isinstance(which, dict)
        return keep(mark, lambda content: without(content, "attachments", int(which["index"])), anew=True)


def changed(content: Content, place: str, value: Any, context: Context) -> Content:
    """The content with one field as typed; another level or hazard brings what the table says of it."""
    found = put(content, place, value, zone=context.settings.zone, now=context.clock())
    if place not in ("level", "hazard") or found == content:
        return found
    meant = meaning(found.rank, found.hazard)
    return found.with_(severity=meant.severity, urgency=meant.urgency, certainty=meant.certainty)


def with_file(content: Content, context: Context, contents: str, name: str) -> Content:
    """The content with one more file, whose bytes stand in the home folder by their digest.

    Raises
    ------
    Refusal
        For a file that cannot be taken.
    """
    head, _, written = contents.partition(",")
    try:
        body = base64.b64decode(written, validate=True)
    except binascii.Error as error:
        raise Refusal("The file did not arrive whole: choose it again.") from error
    media_type = head.removeprefix("data:").partition(";")[0]
    return content.with_(attachments=(*content.attachments, service.kept_file(context, body, name, media_type)))
