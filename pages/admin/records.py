"""The keys of the office without their values, and the end of the audit chain."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from dash import html
from dash.development.base_component import Component

from access import admin, anchors
from data.text import Translate
from pages._context import Context
from pages._times import age, local

ENTRIES = 100


def keys(context: Context, t: Translate) -> list[Component]:
    """What each key is for, and how old it is."""
    used = admin.factor_keys_in_use(context.store)
    rows = [_key(item, used, context, t) for item in admin.key_files(context.settings.home)]
    heads = [t("File"), t("Purpose"), t("Written"), t("Key ids and what they open")]
    return [
        html.H2(t("Keys and secrets")),
        html.P(
            t("Kept in the folder secrets of this home, outside of the database. Values are never shown."),
            className="dim",
        ),
        _table(heads, rows),
    ]


def chain(context: Context, t: Translate) -> list[Component]:
    """The newest entries of the audit chain, whether heads of it are kept elsewhere, and the check of the whole."""
    zone = context.settings.zone
    rows = [
        html.Tr(
            [
                html.Td(row.seq), html.Td(local(row.at, zone, seconds=True)), html.Td(row.actor or "–"),
                html.Td(row.action), html.Td(row.object), html.Td(_detail(row.detail), className="dim"),
            ]
        )
        for row in admin.newest_entries(context.store, ENTRIES)
    ]  # fmt: skip
    heads = [t("No."), t("When"), t("Who"), t("What"), t("To what"), t("Particulars")]
    return [
        html.H2(t("Audit chain")),
        html.P(_anchored(context, t), className="dim"),
        html.Div(
            html.Button(t("Check the whole chain"), id="admin-verify", className="act", n_clicks=0),
            className="actions",
        ),
        html.Div(id="admin-verified", role="status"),
        _table(heads, rows),
    ]


def _key(item: admin.KeyFile, used: dict[str, int], context: Context, t: Translate) -> Component:
    written = datetime.fromtimestamp(item.written_at, UTC)
    opened = [t("{key}: {n} secrets").format(key=name, n=used.get(name, 0)) for name in item.ids]
    return html.Tr(
        [
            html.Td(html.Code(item.name)),
            html.Td(t(item.purpose) if item.purpose else t("of another part of Tocsin")),
            html.Td([local(written, context.settings.zone), " · ", age(written, context.clock(), t)]),
            html.Td(", ".join(opened) or "–"),
        ]
    )  # fmt: skip


def _anchored(context: Context, t: Translate) -> str:
    folder = context.settings.audit_anchor
    if folder is None:
        return t("Heads of the chain are not kept elsewhere: set audit_anchor, or a cut end goes unnoticed.")
    try:
        newest = anchors.newest_at(folder)
    except (OSError, ValueError):
        return t("The folder of audit_anchor cannot be read.")
    return t("A head of the chain was last kept elsewhere {when}.").format(when=age(newest, context.clock(), t))


def _detail(detail: Any) -> str:
    return (
        ", ".join(f"{key}: {_plain(value)}" for key, value in detail.items())[:300]
        if isinstance(detail, dict)
        else ""
    )


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _table(heads: list[str], rows: list[Component]) -> Component:
    head = html.Thead(html.Tr([html.Th(word, scope="col") for word in heads]))
    return html.Div(html.Table([head, html.Tbody(rows)]), className="wide")
