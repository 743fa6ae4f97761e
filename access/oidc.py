"""Signing in through the office's provider of identities: OpenID Connect with authorization code and PKCE.

Nothing is contacted before somebody presses the button, and never anything but the configured issuer and what it
names. The provider says who it is and, through a claim, which roles; whether those are allowed anything is decided
here, as for everybody.

References
----------
OpenID Connect Core 1.0, 3.1.3.7 (checks of the ID token); OpenID Connect Discovery 1.0, 4; RFC 7636 (PKCE).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from access.matrix import ROLES
from data.errors import ConfigError, TocsinError
from data.settings import Settings

TIMEOUT_S = 10.0
LEEWAY_S = 60
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
TWICE = ("mfa", "otp", "hwk", "swk", "fido")  # of RFC 8176: something besides a password was shown
KNOWN = {"name", "issuer", "client_id", "client_secret_file", "roles_claim", "roles", "second_factor"}


class IdentityError(TocsinError):
    """The provider's answer is not one that somebody may be signed in by."""


@dataclass(frozen=True)
class Provider:
    """What the operator has configured."""

    name: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    roles_claim: str
    roles: Mapping[str, tuple[str, ...]]  # a value of the claim, and the roles that it gives
    second_factor: tuple[str, ...] = TWICE  # values of the claim `amr`


@dataclass(frozen=True)
class Question:
    """What a browser was sent away with, and must come back with."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    asked_at: datetime


@dataclass(frozen=True)
class Identity:
    """Who the provider says somebody is."""

    issuer: str
    subject: str
    email: str
    email_verified: bool
    name: str
    roles: tuple[str, ...]
    second_factor: bool
    signed_in_at: int | None  # seconds since 1970, of the sign-in at the provider


def read_provider(settings: Settings) -> Provider | None:
    """The provider of the settings, or None where there is none.

    Raises
    ------
    ConfigError
        With every fault.
    """
    written = settings.oidc
    if not written:
        return None
    faults = [f"oidc: unknown setting: {key}" for key in sorted(set(written) - KNOWN)]
    faults += [
        f"oidc: {key} is missing" for key in ("issuer", "client_id", "client_secret_file") if not written.get(key)
    ]
    if written.get("issuer") and not _is_safe(str(written["issuer"])):
        faults.append("oidc: issuer: an https address")
    given = written.get("roles", {})
    mapping = (
        {str(value): tuple(map(str, roles)) for value, roles in given.items()} if isinstance(given, dict) else {}
    )
    odd = sorted({role for roles in mapping.values() for role in roles} - set(ROLES))
    faults += [f"oidc: roles: no such role: {role}" for role in odd]
    if not mapping:
        faults.append("oidc: roles: a mapping from values of the claim to lists of roles")
    secret = _read_secret(Path(str(written.get("client_secret_file", ""))), faults)
    if faults:
        raise ConfigError(faults)
    return Provider(
        str(written.get("name") or urlsplit(written["issuer"]).hostname), str(written["issuer"]).rstrip("/"),
        str(written["client_id"]), secret, str(written.get("roles_claim", "groups")), mapping,
        tuple(map(str, written.get("second_factor", TWICE))),
    )  # fmt: skip


def question(provider: Provider, redirect_uri: str, now: datetime, *, again: bool) -> tuple[Question, str]:
    """What to remember, and the provider's address to send the browser to.

    Parameters
    ----------
    again
        The person is to prove who it is once more, even if the provider knows it.
    """
    asked = Question(
        secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), redirect_uri, now
    )
    extra = {"prompt": "login", "max_age": "0"} if again else {}
    with _speaking(provider, redirect_uri) as (client, places):
        address, _ = client.create_authorization_url(
            places["authorization_endpoint"],
            state=asked.state,
            nonce=asked.nonce,
            code_verifier=asked.verifier,
            **extra,
        )
    return asked, str(address)


def answer(provider: Provider, asked: Question, given: Mapping[str, str], now: datetime) -> Identity:
    """Who has come back, after every check.

    Raises
    ------
    IdentityError
        With what is wrong.
    """
    if not hmac.compare_digest(asked.state.encode(), given.get("state", "").encode("utf-8", "replace")):
        raise IdentityError("the answer is not to the question of this browser")
    if given.get("iss", provider.issuer) != provider.issuer:
        raise IdentityError("another provider has answered")
    if "error" in given or not given.get("code"):
        raise IdentityError(f"the provider refuses: {given.get('error', 'no code')[:80]}")
    with _speaking(provider, asked.redirect_uri) as (client, places):
        token = client.fetch_token(places["token_endpoint"], code=given["code"], code_verifier=asked.verifier)
        keys = _get(client, places["jwks_uri"])
        try:
            read = jwt.decode(str(token.get("id_token", "")), KeySet.import_key_set(keys), algorithms=ALGORITHMS)  # type: ignore[arg-type]
            checks = jwt.JWTClaimsRegistry(
                now=int(now.timestamp()), leeway=LEEWAY_S, exp={"essential": True}, iat={"essential": True}
            )
            checks.validate(read.claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise IdentityError(f"the ID token is not valid: {type(error).__name__}") from error
    _check_claims(read.claims, provider, asked)
    return _identity(read.claims, provider)


def _check_claims(claims: Mapping[str, Any], provider: Provider, asked: Question) -> None:
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    nonce = str(claims.get("nonce", "")).encode("utf-8", "replace")
    wrong = {
        "iss": claims.get("iss") != provider.issuer,
        "aud": provider.client_id not in named,
        "azp": claims.get("azp", provider.client_id if len(named) == 1 else None) != provider.client_id,
        "nonce": not hmac.compare_digest(asked.nonce.encode(), nonce),
        "sub": not isinstance(claims.get("sub"), str) or not 0 < len(claims["sub"]) <= 255,
    }
    if any(wrong.values()):
        raise IdentityError("the ID token is not for this sign-in: " + ", ".join(key for key in wrong if wrong[key]))


def _identity(claims: Mapping[str, Any], provider: Provider) -> Identity:
    held = claims.get(provider.roles_claim, [])
    values = [held] if isinstance(held, str) else [str(value) for value in held] if isinstance(held, list) else []
    roles = {role for value in values for role in provider.roles.get(value, ())}
    methods = claims.get("amr", [])
    signed_in_at = claims.get("auth_time")
    return Identity(
        provider.issuer, claims["sub"], str(claims.get("email", "")), claims.get("email_verified") is True,
        str(claims.get("name", "")), tuple(sorted(roles)),
        isinstance(methods, list) and bool(set(map(str, methods)) & set(provider.second_factor)),
        signed_in_at if isinstance(signed_in_at, int) else None,
    )  # fmt: skip


@contextmanager
def _speaking(provider: Provider, redirect_uri: str) -> Iterator[tuple[Any, Mapping[str, str]]]:
    """A client of the provider and the places that it names; what goes wrong on the way is an `IdentityError`."""
    with OAuth2Session(
        provider.client_id, provider.client_secret, scope="openid email profile", redirect_uri=redirect_uri,
        code_challenge_method="S256", default_timeout=TIMEOUT_S,
    ) as client:  # fmt: skip
        client.trust_env = False  # proxies and passwords of the machine's account are not ours to use
        client.max_redirects = 0
        try:
            places = _get(client, f"{provider.issuer}/.well-known/openid-configuration")
            named = {
                key: str(places.get(key, "")) for key in ("authorization_endpoint", "token_endpoint", "jwks_uri")
            }
            if places.get("issuer", "").rstrip("/") != provider.issuer or not all(map(_is_safe, named.values())):
                raise IdentityError("the provider's description is not that of the configured issuer")
            yield client, named
        except (OSError, ValueError, AuthlibBaseError) as error:
            raise IdentityError(f"the provider cannot be reached or refuses: {type(error).__name__}") from error


def _get(client: Any, address: str) -> Any:
    given = client.request("GET", address, withhold_token=True)
    given.raise_for_status()
    found = given.json()
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _is_safe(address: str) -> bool:
    """TLS, or this very machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost"))


def _read_secret(path: Path, faults: list[str]) -> str:
    if not path.is_file():
        faults.append(f"oidc: client_secret_file: no such file: {path}")
        return ""
    if path.stat().st_mode & 0o077:
        faults.append(f"{path}: other accounts can read this key; run: chmod 600 {path}")
    return path.read_text(encoding="utf-8").strip()
