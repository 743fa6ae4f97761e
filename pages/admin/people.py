"""Accounts as cards, and one account with its rights, its protection and what can be done."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from access.admin import Line
from access.matrix import TWICE_PROVED
from access.people import Account, Person
from access.session_rows import program_of
from access.words import words
from data.text import Translate
from pages._context import Context
from pages._times import age, local
from pages.admin.fields import INVITE, RIGHTS, limit_fields, region_label, role_field
from pages.warn.inbox import hazard_word


def listing(found: list[Line], chosen: Any, context: Context, t: Translate, locale: str) -> list[Component]:
    """Every account, what it may, and what is amiss with it."""
    return [_card(line, line.account.id == chosen, context, t, locale) for line in found]


def person(line: Line | None, by: Person, context: Context, t: Translate, locale: str) -> list[Component]:
    """The chosen account."""
    if line is None:
        return [html.H2(t("The chosen account")), html.P(t("Choose an account."), className="dim")]
    account = line.account
    return [
        html.H2(account.name or account.email),
        html.P(
            [account.email, " · ", t("since"), " ", local(account.created_at, context.settings.zone)], className="dim"
        ),
        *_warnings(line, t, locale),
        role_field(RIGHTS, sorted(account.roles), t, locale),
        *limit_fields(account, context, t, locale),
        html.Div(_act("rights", t("Change the rights"), primary=True), className="actions"),
        html.H3(t("Protection")),
        html.Ul(
            [html.Li([t("Password") + ": ", t("set") if account.password else t("none yet")]), *_factors(line, t)]
        ),
        html.H3(t("Open sessions")),
        _sessions(line, context, t),
        html.Div(
            [
                _act("sessions", t("End its sessions")),
                _act("link", t("New link for a password")),
                *([] if account.id == by.id else [_act("factors", t("Take its second factors away"))]),
                _act("disable", t("Switch the account off"))
                if account.active
                else _act("enable", t("Switch the account on")),
            ],
            className="actions",
        ),
    ]


def invitation(t: Translate, locale: str) -> list[Component]:
    """The form by which an account is made."""
    return [
        html.H2(t("Invite a person")),
        html.P(
            t("A link opens the account once, within three days. Give it to the person yourself."), className="dim"
        ),
        html.Div(
            [
                dmc.TextInput(id={"type": INVITE, "what": "email"}, label=t("E-mail"), value=""),
                dmc.TextInput(id={"type": INVITE, "what": "name"}, label=t("Name"), value=""),
                role_field(INVITE, ["viewer"], t, locale),
                html.Button(t("Make the link"), id="admin-invite-go", className="act primary", n_clicks=0),
            ],
            className="admin-fields",
        ),
        html.Div(id="admin-invited", role="status", **{"aria-live": "polite"}),
    ]  # fmt: skip


def invited(token: str, context: Context, t: Translate) -> Component:
    """The link, shown this once."""
    settings = context.settings
    address = f"{settings.public_url or _own(settings)}/invitation/{token}"
    return html.Div(
        [
            html.P(t("Shown this once; it opens one account, once:")),
            html.Code(address, id="admin-link"),
            dcc.Clipboard(target_id="admin-link", title=t("Copy"), className="act"),
        ],
        className="admin-link",
    )


def _own(settings: Any) -> str:
    return f"{'https' if settings.behind_tls else 'http'}://{settings.host}:{settings.port}"


def _card(line: Line, chosen: bool, context: Context, t: Translate, locale: str) -> Component:
    account = line.account
    limits = [_regions(account, context, locale), ", ".join(hazard_word(key, locale) for key in account.hazards)]
    return html.Button(
        [
            html.Span(
                [html.B(account.name or account.email), *_beside(account)],
            ),
            html.Span([html.Span(words(locale)(role), className="tag") for role in sorted(account.roles)]),
            html.Span(" · ".join(limit for limit in limits if limit), className="dim"),
            html.Span([*_state(line, context, t)], className="dim"),
        ],
        id={"type": "admin-row", "id": account.id}, n_clicks=0,
        className="admin-card" + (" chosen" if chosen else "") + ("" if account.active else " off"),
        **{"aria-pressed": "true" if chosen else "false"},
    )  # fmt: skip


def _beside(account: Account) -> list[Component]:
    return [html.Span(account.email, className="dim")] if account.name else []


def _state(line: Line, context: Context, t: Translate) -> list[Any]:
    account = line.account
    if not account.active:
        return [t("switched off")]
    last = account.last_login_at
    signed_in = t("signed in {when}").format(when=age(last, context.clock(), t)) if last else t("never signed in")
    parts: list[Any] = [signed_in]
    if line.sessions:
        parts.append(" · " + t("open sessions: {n}").format(n=len(line.sessions)))
    if account.roles & TWICE_PROVED and not line.factors:
        parts.append(html.B(" · " + t("no second factor")))
    return parts


def _warnings(line: Line, t: Translate, locale: str) -> list[Component]:
    asleep = line.account.roles & TWICE_PROVED
    if not asleep or line.factors:
        return []
    names = ", ".join(words(locale)(role) for role in sorted(asleep))
    said = t("Without a second factor these roles sleep: {roles}.").format(roles=names)
    return [html.P(said, className="notice")]


def _factors(line: Line, t: Translate) -> list[Component]:
    kinds = {"totp": t("Authenticator program"), "webauthn": t("Security key")}
    rows = [html.Li([kinds[factor.kind], ": ", factor.name]) for factor in line.factors]
    if not rows:
        return [html.Li(t("no second factor"))]
    return [*rows, html.Li(t("{n} recovery codes left").format(n=line.recovery_codes))]


def _sessions(line: Line, context: Context, t: Translate) -> Component:
    if not line.sessions:
        return html.P(t("none"), className="dim")
    return html.Ul(
        [
            html.Li(
                [
                    row.address or "–", " · ", t("since"), " ", local(row.began_at, context.settings.zone), " · ",
                    t("used {when}").format(when=age(row.seen_at, context.clock(), t)),
                    html.Span([" · ", program_of(row.agent)], className="dim"),
                ]
            )
            for row in line.sessions
        ]
    )  # fmt: skip


def _regions(account: Account, context: Context, locale: str) -> str:
    index = context.regions if account.regions else None
    found = [(code, index.by_code(code)) for code in account.regions] if index is not None else []
    return ", ".join(
        code if rid is None or index is None else region_label(index, rid, locale) for code, rid in found
    )


def _act(action: str, words: str, *, primary: bool = False) -> Component:
    return html.Button(
        words, id={"type": "admin-act", "action": action}, n_clicks=0, className="act primary" if primary else "act"
    )
