"""Security keys (WebAuthn): what a browser is asked, and whether its answer is one of ours.

A question is kept in the signed session cookie with its time and its purpose. Each answer counts once, because a key
that was used after the question was asked is refused (`factors.use_key`).

References
----------
Web Authentication Level 2, sections 7.1 and 7.2; the checks are those of the library `webauthn`.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from flask import request, session
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    UserVerificationRequirement,
)

from access import factors
from access.people import Account, access

ANSWER_WITHIN = timedelta(minutes=5)
Purpose = Literal["add", "use"]


@dataclass(frozen=True)
class Answered:
    """A key of the account has signed our question."""

    key: factors.SecurityKey
    counter: int
    asked_at: datetime
    knows_person: bool  # it asked for a PIN or a finger: by itself two factors


def site() -> str:
    """The host that keys are made for: without the port."""
    return request.host.partition(":")[0]


def ask_to_add(account: Account, now: datetime) -> Any:
    """What the browser needs to make a key for this account."""
    with access().store.read() as connection:
        known = factors.keys_of(connection, account.id, site())
    options = generate_registration_options(
        rp_id=site(), rp_name="Tocsin", user_name=account.email, user_display_name=account.name or account.email,
        user_id=bytes.fromhex(account.handle), challenge=_ask("add", now), exclude_credentials=_named(known),
        authenticator_selection=AuthenticatorSelectionCriteria(
            user_verification=UserVerificationRequirement.PREFERRED
        ),
    )  # fmt: skip
    return json.loads(options_to_json(options))


def check_added(answer: Any, now: datetime) -> dict[str, Any] | None:
    """What is to be kept of a new key, or None when the answer is not to our question."""
    asked = _asked("add", now)
    if asked is None or not isinstance(answer, dict):
        return None
    try:
        made = verify_registration_response(
            credential=answer, expected_challenge=asked[0], expected_rp_id=site(), expected_origin=_origin()
        )
    except (WebAuthnException, ValueError, TypeError, KeyError):
        return None
    return {
        "credential": bytes_to_base64url(made.credential_id), "counter": made.sign_count, "site": site(),
        "public_key": bytes_to_base64url(made.credential_public_key),
    }  # fmt: skip


def ask_to_use(account: Account, now: datetime) -> Any | None:
    """What the browser needs to have a key of this account answer; None where there is none for this host."""
    with access().store.read() as connection:
        known = factors.keys_of(connection, account.id, site())
    if not known:
        return None
    options = generate_authentication_options(
        rp_id=site(), challenge=_ask("use", now), allow_credentials=_named(known),
        user_verification=UserVerificationRequirement.PREFERRED,
    )  # fmt: skip
    return json.loads(options_to_json(options))


def check_used(account: Account, answer: Any, now: datetime) -> Answered | None:
    """The key that has answered, or None when the answer is not to our question or not of this account."""
    asked = _asked("use", now)
    if asked is None or not isinstance(answer, dict):
        return None
    with access().store.read() as connection:
        known = {key.credential: key for key in factors.keys_of(connection, account.id, site())}
    key = known.get(str(answer.get("id")))
    if key is None:
        return None
    try:
        used = verify_authentication_response(
            credential=answer, expected_challenge=asked[0], expected_rp_id=key.site, expected_origin=_origin(),
            credential_public_key=base64url_to_bytes(key.public_key), credential_current_sign_count=key.counter,
        )  # fmt: skip
    except (WebAuthnException, ValueError, TypeError, KeyError):
        return None
    return Answered(key, used.new_sign_count, asked[1], used.user_verified)


def _named(known: list[factors.SecurityKey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.credential)) for key in known]


def _origin() -> str:
    scheme = "https" if access().settings.behind_tls else request.scheme
    return f"{scheme}://{request.host}"


def _ask(purpose: Purpose, now: datetime) -> bytes:
    challenge = secrets.token_bytes(32)
    session["asked"] = [purpose, bytes_to_base64url(challenge), now.isoformat()]
    return challenge


def _asked(purpose: Purpose, now: datetime) -> tuple[bytes, datetime] | None:
    """The question that the browser was asked, once."""
    kept = session.pop("asked", None)
    if not isinstance(kept, list) or kept[0] != purpose:
        return None
    asked_at = datetime.fromisoformat(kept[2])
    return (base64url_to_bytes(kept[1]), asked_at) if now - asked_at < ANSWER_WITHIN else None
