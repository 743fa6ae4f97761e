"""Who may do what: the one table of actions and roles, and the few addresses that need no session.

Roles are sets, not a ladder: an administrator is not an approver unless the office says so. Every role may look.
A view or callback names its action with `access.guard.needs`; what names none is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ROLES = ("viewer", "duty", "planner", "author", "approver", "admin", "wall")

# Roles that sleep in a session until a second factor was shown in it.
TWICE_PROVED = frozenset({"approver", "admin"})

SCREENS = frozenset({"wall"})  # a display on the wall, which nobody sits at: it sees Watch and changes nothing
EVERYONE = frozenset(ROLES) - SCREENS
STAFF = EVERYONE - {"viewer"}
DUTY = frozenset({"duty", "admin"})
ADMIN = frozenset({"admin"})

ACTIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "app.load": EVERYONE | SCREENS,  # scripts, styles and the empty shell
        "account.leave": EVERYONE | SCREENS,  # signing out
        "account.self": EVERYONE,  # one's own password, second factors and sessions
        "watch.view": EVERYONE | SCREENS,
        "plan.view": STAFF,  # heavy questions and exports: not for accounts that only look
        "about.view": EVERYONE,
        "reports.view": EVERYONE,  # packs, verification, the log of shifts
        "feeds.view": EVERYONE,
        "feeds.operate": DUTY,  # run now, pause, switch on
        "payload.download": STAFF,  # bytes as received, also rejected ones
        "proposals.view": EVERYONE,
        "proposals.close": frozenset({"duty", "author", "approver"}),  # without a warning, with a reason
        "rules.view": STAFF,
        "rules.edit": frozenset({"planner", "author"}),  # drafts, trials, versions; a version runs nothing by itself
        "rules.enable": frozenset({"author", "approver"}),  # let a version run, or switch a rule off
        "truth.add": DUTY | {"planner"},  # what happened: scores are made of it
        "status.view": DUTY,  # /statusz and /metrics
        "audit.view": ADMIN,
        "admin.users": ADMIN,
        "warn.view": STAFF,
        "warn.draft": frozenset({"author"}),
        "warn.approve": frozenset({"approver"}),  # with a fresh proof of who it is, and never one's own draft
        "warn.operate": frozenset({"duty"}),  # acknowledge, notes
        "channels.manage": ADMIN,
        "standing.sign": frozenset({"author", "approver"}),  # what a rule may issue by itself, agreed in advance
        "evidence.view": STAFF,
        "handover.sign": frozenset({"duty"}),
        "surveys.decide": frozenset({"approver", "admin"}),  # who else may see a survey: never one's own request
        "survey.inspect": frozenset({"planner", "author"}),  # run rules, draw samples, enter what was found
        "survey.decide": frozenset({"author", "approver"}),  # pass or return: never what one delivered oneself
        "exercise.control": ADMIN,  # pause and speed of an exercise, and its log
    }
)

# The public face: what is in force, for everybody, and subscriptions that name nobody. It has no session at all.
PUBLIC_FACE = frozenset(
    {
        "/public", "/public/w/<identifier>", "/public/history", "/public/follow", "/public/check",
        "/public/assets/<name>", "/public/file/<sha256>",
        "/public/media/<sha256>/<name>", "/public/sw.js", "/public/manifest.webmanifest",
        "/public/cap/<identifier>.xml", "/public/feed.atom", "/public/feed.rss", "/public/warnings.json",
        "/public/warnings.geojson", "/public/warnings.ics", "/public/push", "/public/push/end", "/public/push/key",
    }
)  # fmt: skip

# Where another Tocsin comes: no session, but each request is signed by a peer of the settings (api/exchange.py).
PEER_RULES = frozenset(
    {
        "/exchange/offer", "/exchange/piece/<content>/<sha>/<int:start>", "/exchange/finish/<content>",
        "/exchange/verdict/<content>", "/exchange/offers", "/exchange/manifest/<int:number>",
        "/exchange/piece/<int:number>/<sha>/<int:start>/<int:end>", "/exchange/receipt",
    }
)  # fmt: skip

# Served to anyone, by route rule. Style and script are those of the sign-in pages.
PUBLIC_RULES = frozenset(
    {
        "/login", "/login.css", "/access.js", "/login/second", "/login/second/options.json",
        "/login/second/key.json", "/first-run/<token>", "/invitation/<token>", "/ack/<token>", "/healthz", "/readyz",
        "/oidc/start", "/oidc/callback", "/cap/in/<key>",
    }
) | PUBLIC_FACE | PEER_RULES  # fmt: skip

# Where a program may come with `Authorization: Bearer` and the token of `secrets/metrics_token` instead of a session.
TOKEN_RULES = frozenset({"/metrics"})

# Where a program may read with a token of an account (access.tokens), and what such a token may be for.
PROGRAM_RULES = ("/ogc", "/stac", "/api/records", "/t/records")  # rules that begin so
PROGRAM_ACTIONS = ("watch.view", "plan.view")

# Dash's own routes, which cannot be labelled in its code. What is not listed here is refused.
DASH_RULES: Mapping[str, str] = MappingProxyType(
    {
        "/": "app.load",
        "/<path:path>": "app.load",
        "/assets/<path:filename>": "app.load",
        "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>": "app.load",
        "/_dash-layout": "app.load",
        "/_dash-dependencies": "app.load",
        "/_favicon.ico": "app.load",
    }
)
CALLBACK_RULE = "/_dash-update-component"  # decided callback by callback


def may(roles: frozenset[str], action: str) -> bool:
    """Whether any of these roles may do an action; an unknown action is allowed to nobody."""
    return bool(roles & ACTIONS.get(action, frozenset()))
