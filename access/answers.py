"""What people and programs are told: refusals, and the values of our own small pages."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from flask import Response, jsonify, make_response, redirect, render_template, request, session
from werkzeug.wrappers import Response as AnyResponse

from access.people import access, csrf_token, current
from access.words import words
from data.text import LOCALES, pick_locale

UNTIL_LATER = "Too many wrong attempts. Please wait a few minutes."
TOO_OLD = "The page was open for too long. Please try again."
CODES = {401: "not_signed_in", 403: "forbidden", 404: "not_found", 415: "not_json"}
MACHINE_PATHS = ("/api/", "/t/", "/_", "/assets/")
PROGRAM_PATHS = ("/ogc", "/stac")  # where a request that accepts anything is a program's


def wants_page() -> bool:
    """Whether the answer is for a person's eyes: a page opened, or a form sent, by a browser."""
    accepts = request.accept_mimetypes
    machine = request.path.startswith(MACHINE_PATHS) or request.mimetype == "application/json"
    anything = not request.path.startswith(PROGRAM_PATHS)
    return not machine and (accepts.accept_html if accepts else anything)


def ask_to_sign_in() -> AnyResponse:
    """To the sign-in page for a person; 401 for a program."""
    if not wants_page() or request.method not in ("GET", "HEAD", "POST"):
        return deny(401, "Sign in first.")
    if request.method == "POST":
        return redirect("/login", 303)
    target = request.full_path if request.query_string else request.path
    return redirect("/login" if target == "/" else f"/login?next={quote(target, safe='/')}")


def deny(status: int, reason: str) -> Response:
    """A refusal as JSON, or as a small page for a person."""
    if not wants_page():
        said = words(_locale(request.args.get("lang", "")))(reason)  # the body of what is refused is not read
        return make_response(jsonify(error=CODES.get(status, "refused"), message=said), status)
    return make_response(render_template("access/message.html", **page_values(reason=reason)), status)


def safe_next(target: str) -> str:
    """An address on this site to go on to, or the first page."""
    if not target.startswith("/") or target.startswith("//") or "\\" in target or not target.isprintable():
        return "/"
    parts = urlsplit(target)
    back = target.startswith(("/login", "/logout", "/first-run", "/invitation", "/reauth", "/oidc", "/_dash"))
    return "/" if parts.scheme or parts.netloc or back or len(target) > 2000 else target


def page_values(**values: Any) -> dict[str, Any]:
    """What every template of these pages is given."""
    parts, person, locale = access(), current(), _locale(request.values.get("lang", ""))
    return {
        "t": words(locale), "locale": locale, "locales": LOCALES, "person": person, "csrf": csrf_token(),
        "at": lambda moment: moment.astimezone(parts.settings.zone).isoformat(" ", "minutes"),
        "next": safe_next(request.values.get("next", "")), **values,
    }  # fmt: skip


def _locale(asked: str) -> str:
    wished = asked or request.cookies.get("tocsin_lang", "") or current().locale
    return pick_locale(wished, request.headers.get("Accept-Language", ""), access().settings.locale)


def form_page(template: str, status: int, *faults: str, **values: Any) -> Response:
    """A page with a form: it carries the session's CSRF token, and what was typed except passwords."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(32)
    typed = {key: request.form.get(key, "")[:255] for key in ("email", "name")}
    return make_response(
        render_template(f"access/{template}", **page_values(faults=faults, typed=typed, **values)), status
    )


def later(page: Callable[[str], AnyResponse], wait_s: int) -> AnyResponse:
    """The page that says that too many attempts were wrong, with the time after which one is heard again."""
    response = page(UNTIL_LATER)
    response.headers["Retry-After"] = str(wait_s)
    return response
