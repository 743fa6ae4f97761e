"""Codes of authenticator programs against the values that RFC 6238 prints."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from access import totp

# RFC 6238 appendix B, SHA-1, eight digits; the secret is the ASCII text of twenty digits.
SECRET = base64.b32encode(b"12345678901234567890").decode()
PRINTED = {
    59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037",
    20000000000: "65353130",
}  # fmt: skip


@pytest.mark.parametrize(("seconds", "code"), PRINTED.items())
def test_code_is_that_of_rfc_6238(seconds: int, code: str) -> None:
    step = totp.step_of(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
    assert totp.code_at(SECRET, step, digits=8) == code
    assert totp.code_at(SECRET, step) == code[2:]


@pytest.mark.parametrize(
    ("late", "found"),
    [(-61, False), (-31, False), (-30, True), (-1, True), (0, True), (29, True), (59, True), (60, False)],
)
def test_code_holds_for_its_step_and_its_neighbours(late: int, found: bool) -> None:
    at = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    code = totp.code_at(SECRET, totp.step_of(at))
    assert (totp.matching_step(SECRET, code, at + timedelta(seconds=late)) is not None) is found


@pytest.mark.parametrize("typed", ["", "00000", "abcdef", "１２３４５６", "0" * 64, "\ud800"])
def test_code_that_is_none(typed: str) -> None:
    assert totp.matching_step(SECRET, typed, datetime(2026, 11, 21, 12, 0, tzinfo=UTC)) is None


def test_code_may_be_typed_with_blanks() -> None:
    at = datetime.fromtimestamp(59, UTC)
    assert totp.matching_step(SECRET, "287 082", at) == 1


def test_secrets_are_new_and_long_enough() -> None:
    made = {totp.new_secret() for _ in range(50)}
    assert len(made) == 50
    assert {len(base64.b32decode(secret)) for secret in made} == {20}


def test_address_for_programs() -> None:
    address = totp.address("ABC", account="li wei@eoc.example", issuer="Tocsin")
    expected = "otpauth://totp/Tocsin%3Ali%20wei%40eoc.example?secret=ABC&issuer=Tocsin&digits=6&period=30"
    assert address == expected
