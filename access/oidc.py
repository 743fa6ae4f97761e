"""Signing in through the office's provider of identities."""

from __future__ import annotations

from access.people import access


def provider_name() -> str:
    """What the button says; empty where no provider is configured."""
    return str(access().settings.oidc.get("name", ""))
