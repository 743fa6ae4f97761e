"""Which passwords are taken, how they are kept, and the keys beside them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from access import passwords
from access.keys import read_keys
from data.errors import ConfigError


@pytest.mark.parametrize(
    "password",
    [
        "seven quiet otters",
        "correct horse battery",
        "aB3$aB3$xY7!",
        "北京的秋天很美丽而且凉爽",
        "x7 ok " * 21,
        " leading blanks ok ",
    ],
)
def test_password_taken(password: str) -> None:
    assert passwords.faults(password, email="duty@eoc.example", name="Li") == []


@pytest.mark.parametrize(
    "password",
    ["", "short", "elevenchars", "x" * 129 + "abcdef", "Password1234", "QWERTYUIOP12", "123456789012", "210987654321",
     "aaaaaaaaaaaa", "abababababab", "abcabcabcabc", "abcdefghijkl", "changeme1234", "duty@eoc.example",
     "dutyofficers", "Zhang San 2026!", "ｐａｓｓｗｏｒｄ１２３４"],
)  # fmt: skip
def test_password_refused(password: str) -> None:
    assert passwords.faults(password, email="duty@eoc.example", name="Zhang San")


def test_password_common_list_holds_only_what_length_does_not_refuse() -> None:
    assert len(passwords.common()) > 200
    assert min(map(len, passwords.common())) >= passwords.SHORTEST


def test_password_hash_round_trip() -> None:
    stored = passwords.hash_password("seven quiet otters", "salt")
    assert passwords.verify_password("seven quiet otters", stored, "salt")
    assert not passwords.verify_password("seven quiet otterz", stored, "salt")
    assert not passwords.verify_password("seven quiet otters", stored, "other salt")
    assert not passwords.verify_password("seven quiet otters", None, "salt")
    assert not passwords.verify_password("seven quiet otters", "not a hash", "salt")
    assert stored != passwords.hash_password("seven quiet otters", "salt")


def test_password_is_not_truncated() -> None:
    stored = passwords.hash_password("x7 " * 40 + "end", "salt")
    assert not passwords.verify_password("x7 " * 40 + "enD", stored, "salt")


def test_password_in_another_unicode_form_is_the_same() -> None:
    stored = passwords.hash_password("caf\u00e9 at the corner", "salt")
    assert passwords.verify_password("cafe\u0301 at the corner", stored, "salt")


def test_password_hasher_of_the_house_is_argon2id_at_full_cost() -> None:
    parameters = extract_parameters(PasswordHasher().hash("x"))
    assert (parameters.type, parameters.memory_cost) == (Type.ID, 65536)
    assert parameters.time_cost >= 3


def test_keys_are_made_once_and_private(home: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: read_keys(home), range(16)))
    assert made == {read_keys(home)}
    (keys,) = made
    assert len(keys.session) >= 43 and keys.session != keys.password_salt
    assert keys.session not in repr(keys)
    folder = home / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "session_key": 0o600,
        "factor_key": 0o600,
        "mark_key": 0o600,
        "metrics_token": 0o600,
        "password_salt": 0o600,
    }


def test_keys_readable_by_others_are_refused(home: Path) -> None:
    read_keys(home)
    (home / "secrets" / "session_key").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_keys(home)


def test_keys_too_short_are_refused(home: Path) -> None:
    read_keys(home)
    (home / "secrets" / "session_key").write_text("changeme\n", encoding="ascii")
    with pytest.raises(ConfigError, match="too short"):
        read_keys(home)
