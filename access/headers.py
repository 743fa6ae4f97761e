"""What every answer carries for the browser, errors included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response
from flask.sessions import SecureCookieSessionInterface, SessionMixin

HSTS = "max-age=31536000; includeSubDomains"


def policy(script_hashes: tuple[str, ...]) -> str:
    """The Content-Security-Policy: our own scripts, Dash's inline ones by hash, no eval, no blob scripts."""
    parts = {
        "default-src": "'self'",
        "script-src": " ".join(("'self'", *script_hashes)),
        "style-src": "'self' 'unsafe-inline'",  # Dash components and MapLibre set styles from scripts
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "worker-src": "'self'",
        "connect-src": "'self'",
        "object-src": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "form-action": "'self'",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())


def script_hashes(dash_app: Any) -> Callable[[], tuple[str, ...]]:
    """The hashes of Dash's inline scripts, computed anew when a callback has added one."""
    kept: dict[int, tuple[str, ...]] = {}

    def hashes() -> tuple[str, ...]:
        from dash._callback import GLOBAL_INLINE_SCRIPTS

        count = len(dash_app._inline_scripts) + len(GLOBAL_INLINE_SCRIPTS)
        if count not in kept:
            kept[count] = tuple(dash_app.csp_hashes())
        return kept[count]

    return hashes


def set_headers(response: Response, *, hashes: tuple[str, ...], behind_tls: bool) -> None:
    """Add the security headers; what a view has set for caching stays."""
    headers = response.headers
    headers["Content-Security-Policy"] = policy(hashes)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(self)"
    headers.setdefault("Cache-Control", "no-store")
    if behind_tls:
        headers["Strict-Transport-Security"] = HSTS


class Sessions(SecureCookieSessionInterface):
    """Signed cookies; answers that a browser may keep for good neither set one nor vary by it."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        cacheable = response.cache_control.immutable
        if not cacheable:
            super().save_session(app, session, response)
