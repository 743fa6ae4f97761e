"""The request guard: whatever is not allowed by name is refused, on routes and on Dash callbacks alike.

Each request passes, in this order: fetch metadata and origin; the few public routes; where a program may come with a
token, that token if it sent one, of its account or of the metrics; a living session; for anything but GET a CSRF
token; the action of the route, or of the one callback that Dash would run for the `output` named in the body. A Dash
page is decided by the same pathname that Dash itself uses to choose it, wherever that comes from.
"""

from __future__ import annotations

import hmac
import logging
from typing import Any

from flask import Flask, Response, abort, g, request, session
from werkzeug.wrappers import Response as AnyResponse

from access import audit, factor_forms, forms, headers, oidc_forms, reauth, second_step, sessions, tokens
from access.answers import ask_to_sign_in, deny
from access.keys import read_keys
from access.labels import action_of_callback, action_of_rule, needs
from access.matrix import CALLBACK_RULE, PROGRAM_RULES, PUBLIC_RULES, TOKEN_RULES
from access.oidc import read_provider
from access.people import EXTENSION, Access, Person, access, current
from data.clock import Clock, utc_now
from data.errors import ConfigError
from data.settings import Settings
from data.store.engine import Store
from data.store.exercise import ExerciseClock, clock_of

__all__ = ["CSRF_HEADER", "csrf_cookie_name", "install_guard", "needs", "require"]

log = logging.getLogger("tocsin.access")

CSRF_HEADER = "X-CSRFToken"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
REFUSED = "This account may not do that."
SAME_DENIAL_S = 60  # a page that asks again and again leaves one audit entry in this time


def csrf_cookie_name(settings: Settings) -> str:
    """What `Dash(csrf_token_name=...)` must be given, so that its requests carry the token."""
    return "__Host-csrf" if settings.behind_tls else f"tocsin_csrf_{settings.port}"


def install_guard(server: Flask, dash_app: Any, store: Store, settings: Settings, *, clock: Clock = utc_now) -> None:
    """Put accounts, forms, guard and headers on a server.

    Raises
    ------
    ConfigError
        If Dash was not told where the CSRF token is, or would call every page's layout for the first visitor.
    """
    _check_dash(dash_app, settings)
    keys = read_keys(settings.home)
    exercise = isinstance(clock_of(store), ExerciseClock)
    server.extensions[EXTENSION] = Access(store, settings, clock, keys, exercise, read_provider(settings))
    sessions.configure(server, settings, keys)
    for pages in (forms, second_step, factor_forms, reauth, oidc_forms):
        server.register_blueprint(pages.blueprint)
    hashes = headers.script_hashes(dash_app)

    def guard() -> AnyResponse | None:
        return _decide(server, dash_app)

    def finish(response: Response) -> Response:
        headers.set_headers(response, hashes=hashes(), behind_tls=settings.behind_tls)
        _give_csrf_cookie(response, settings)
        return response

    server.before_request_funcs.setdefault(None, []).insert(0, guard)  # before Dash's own hooks
    server.after_request(finish)


def require(action: str) -> Person:
    """The second lock, for service functions: the present person, or 403."""
    person = current()
    if not person.may(action):
        _note_denied(person, action, request.path)
        abort(deny(403, REFUSED))
    return person


def _check_dash(dash_app: Any, settings: Settings) -> None:
    config, faults = dash_app.config, []
    if config.csrf_token_name != csrf_cookie_name(settings) or config.csrf_header_name != CSRF_HEADER:
        faults.append(f"Dash needs csrf_token_name=csrf_cookie_name(settings) and csrf_header_name={CSRF_HEADER!r}")
    if dash_app.use_pages and not config.suppress_callback_exceptions:
        faults.append("Dash needs suppress_callback_exceptions=True, or it lays out each page for the first visitor")
    if faults:
        raise ConfigError(faults)


def _decide(server: Flask, dash_app: Any) -> AnyResponse | None:
    """None to let a request through, or the refusal."""
    g.person = sessions.load()
    foreign = _foreign()
    if foreign is not None:
        return deny(403, foreign)
    rule = request.url_rule.rule if request.url_rule else ""
    if rule in PUBLIC_RULES:
        return None
    if rule in TOKEN_RULES and "Authorization" in request.headers:
        return _decide_token()
    if "Authorization" in request.headers and rule.startswith(PROGRAM_RULES):
        return _decide_program(server, rule)
    person = current()
    if not person.signed_in:
        return ask_to_sign_in()
    if request.url_rule is None:
        return None  # no such route or method: Flask answers 404 or 405
    endpoint = request.url_rule.endpoint
    if request.method not in SAFE_METHODS:
        forged = _forged(takes_form=getattr(server.view_functions[endpoint], "access_form", False))
        if forged is not None:
            return deny(*forged)
    if rule == CALLBACK_RULE and request.method == "POST":
        if person.may("plan.view"):
            request.max_content_length = sessions.LARGEST_UPLOAD
        body = _body()
        action, subject = action_of_callback(dash_app, body), _output_of(body)
    else:
        action, subject = action_of_rule(server, rule, endpoint), request.path
    if action is None or not person.may(action):
        _note_denied(person, action or "unlabelled", subject)
        return deny(403, REFUSED)
    return None


def _decide_token() -> AnyResponse | None:
    """Whether a program with a token may read; it is nobody, and a wrong token is not asked for a session."""
    scheme, _, token = request.headers["Authorization"].partition(" ")
    known = access().keys.metrics_token.encode()
    right = hmac.compare_digest(known, token.strip().encode("utf-8", "replace"))
    if scheme.lower() == "bearer" and right and request.method in SAFE_METHODS:
        return None
    _note_denied(Person(email="a bearer token"), "status.view", request.path)
    refusal = deny(401, "This token is not known.")
    refusal.headers["WWW-Authenticate"] = "Bearer"
    return refusal


def _decide_program(server: Flask, rule: str) -> AnyResponse | None:
    """Whether a program may read with the token of an account: what the account may, and nothing that changes."""
    person = tokens.load(access().store, tokens.shown(request.headers["Authorization"]), access().clock())
    if not person.signed_in:
        _note_denied(Person(email="a bearer token"), "unknown token", request.path)
        refusal = deny(401, "This token is not known.")
        refusal.headers["WWW-Authenticate"] = "Bearer"
        return refusal
    g.person = person
    action = action_of_rule(server, rule, request.url_rule.endpoint if request.url_rule else "")
    if action is None or request.method not in SAFE_METHODS or not person.may(action):
        _note_denied(person, action or "unlabelled", request.path)
        return deny(403, REFUSED)
    return None


def _foreign() -> str | None:
    """Why a request is not from our own pages, by what the browser says of it."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    unsafe = request.method not in SAFE_METHODS
    navigates = request.headers.get("Sec-Fetch-Mode") == "navigate"
    if site not in ("same-origin", "none") and (unsafe or not navigates):
        return "This request came from another site."
    origin = request.headers.get("Origin")
    scheme = "https" if access().settings.behind_tls else request.scheme
    if unsafe and origin is not None and origin != f"{scheme}://{request.host}":
        return "This request came from another origin."
    return None


def _forged(*, takes_form: bool) -> tuple[int, str] | None:
    """The answer to a changing request that no page of ours has sent; what a plain foreign form can send is 415."""
    token = request.headers.get(CSRF_HEADER, "")
    if takes_form:
        token = request.form.get("csrf_token") or token
    elif request.mimetype != "application/json":
        return 415, "Send JSON."
    return None if sessions.matches_csrf(token) else (403, "The page is out of date: load it again.")


def _body() -> Any:
    try:
        return request.get_json(silent=True)
    except RecursionError:
        return None


def _output_of(body: Any) -> str:
    return str(body.get("output") if isinstance(body, dict) else "no callback")[:300]


def _note_denied(person: Person, action: str, subject: str) -> None:
    """Write a refusal into the audit chain."""
    parts, now = access(), access().clock()
    key, seconds = (person.id, action, subject), now.timestamp()
    if seconds - parts.denials.get(key, 0.0) < SAME_DENIAL_S:
        return
    if len(parts.denials) > 10_000:
        parts.denials.clear()
    parts.denials[key] = seconds
    log.warning("denied: account %d, %s", person.id, action)
    detail = {"address": request.remote_addr or "", "method": request.method, "subject": subject}
    with parts.store.write() as connection:
        audit.append(connection, at=now, actor=person.email, action="denied", object=action, detail=detail)


def _give_csrf_cookie(response: Response, settings: Settings) -> None:
    """Let our scripts read the token of a session that is signed in; it is worth nothing without the session."""
    token, name = session.get("csrf"), csrf_cookie_name(settings)
    if not current().signed_in or response.cache_control.immutable or request.cookies.get(name) == token:
        return
    response.set_cookie(name, str(token), secure=settings.behind_tls, samesite="Strict", path="/")
