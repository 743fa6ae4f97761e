"""`user add|invite|role|scope|disable|enable|password|totp|token|reset-factors|list` of the command line."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from access import accounts, admin, audit, factors, invitations, passwords, tokens, totp
from access.keys import read_keys
from access.matrix import PROGRAM_ACTIONS, ROLES
from access.people import Account
from data.clock import iso, utc_now
from data.errors import ConfigError
from data.settings import Settings
from data.store.engine import Store

ACTOR = "command line"


def add_arguments(commands: Any) -> None:
    """Add the actions of `user` to its subparsers."""
    texts = {
        "add": "make an account", "role": "set the roles of an account", "disable": "switch an account off",
        "enable": "switch an account on again", "password": "set a new password", "list": "every account",
        "invite": "make a link by which a person takes an account over, once; a new one with roles",
        "scope": "limit the roles of an account to regions and hazards; without any, everywhere and all",
        "totp": "set up an authenticator program from here; prints its secret and recovery codes",
        "token": "make a token by which a program reads as an account; prints it, once",
        "reset-factors": "take every second factor of an account away",
    }  # fmt: skip
    for name, text in texts.items():
        parser: argparse.ArgumentParser = commands.add_parser(name, help=text)
        parser.add_argument("--json", action="store_true")
        if name != "list":
            parser.add_argument("email")
        if name == "add":
            parser.add_argument("--name", default="")
        if name == "scope":
            parser.add_argument("--region", action="append", default=[], metavar="CODE")
            parser.add_argument("--hazard", action="append", default=[])
            parser.add_argument("--level", action="append", default=[], help="of surveys: national, provincial, ...")
            parser.add_argument("--sector", action="append", default=[], help="of surveys")
        if name == "token":
            parser.add_argument("--name", required=True, help="of the program")
            parser.add_argument("--days", type=int, default=90)
            parser.add_argument("--action", dest="actions", action="append", choices=PROGRAM_ACTIONS)
        if name in ("add", "invite", "role"):
            plural = "+" if name == "role" else "*"
            parser.add_argument("roles", nargs=plural, metavar="role", help=f"of {', '.join(ROLES)}")
        if name in ("add", "password"):
            parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")


def main(store: Store, options: argparse.Namespace, settings: Settings) -> int:
    """Carry out one `user` action; each change is in the audit chain."""
    now = utc_now()
    match options.action:
        case "list":
            with store.read() as connection:
                found = accounts.everyone(connection)
            return _show([_facts(account) for account in found], options.json)
        case "add":
            done = _add(store, options, settings, now)
        case "invite":
            return _invite(store, options, settings, now)
        case "totp":
            return _totp(store, options, settings, now)
        case "token":
            return _token(store, options, now)
        case _:
            done = _change(store, options, settings, now)
    return _show([_facts(done)], options.json)


def _add(store: Store, options: argparse.Namespace, settings: Settings, now: datetime) -> Account:
    roles = options.roles or ["viewer"]
    hashed = _password(options, settings, name=options.name)
    with store.write() as connection:
        account = accounts.create(
            connection, email=options.email, name=options.name, password_hash=hashed, roles=roles, at=now
        )
        _note(connection, "user.add", account, now, roles=sorted(set(roles)))
    return account


def _change(store: Store, options: argparse.Namespace, settings: Settings, now: datetime) -> Account:
    hashed = _password(options, settings) if options.action == "password" else ""
    with store.write() as connection:
        account = _named(connection, options.email)
        detail: dict[str, Any] = {}
        match options.action:
            case "role":
                detail["roles"] = sorted(set(options.roles))
                accounts.set_roles(connection, account, options.roles)
            case "scope":
                limits = {
                    "regions": options.region, "hazards": options.hazard, "levels": options.level,
                    "sectors": options.sector,
                }  # fmt: skip
                detail |= limits
                accounts.set_scope(connection, account, **limits)
            case "reset-factors":
                detail["factors"] = admin.reset_factors(connection, account, at=now, by=ACTOR)
            case "disable" | "enable":
                accounts.set_active(connection, account, options.action == "enable", at=now, by=ACTOR)
            case "password":
                accounts.set_password(connection, account, hashed, at=now, by=ACTOR)
        _note(connection, f"user.{options.action}", account, now, **detail)
        changed = accounts.find(connection, id=account.id)
    assert changed is not None
    return changed


def _invite(store: Store, options: argparse.Namespace, settings: Settings, now: datetime) -> int:
    """Print a link; for an address without an account, one is made with the roles given."""
    with store.write() as connection:
        account = accounts.find(connection, email=accounts.normal_email(options.email))
        if account is None:
            roles = options.roles or ["viewer"]
            account = accounts.create(
                connection, email=options.email, name="", password_hash=None, roles=roles, at=now
            )  # fmt: skip
            _note(connection, "user.add", account, now, roles=sorted(set(roles)))
        elif options.roles:
            raise ConfigError([f"there is an account for {account.email}: its roles are set with `user role`"])
        token = invitations.make(connection, account, by=ACTOR, now=now)
    address = f"{settings.public_url or f'http://{settings.host}:{settings.port}'}/invitation/{token}"
    print(json.dumps({"email": account.email, "address": address}) if options.json else address)
    return 0


def _token(store: Store, options: argparse.Namespace, now: datetime) -> int:
    """Print a token for a program."""
    ends, actions = now + timedelta(days=options.days), options.actions or list(PROGRAM_ACTIONS)
    with store.write() as connection:
        account = _named(connection, options.email)
        token = tokens.make(connection, account, name=options.name, actions=actions, expires_at=ends, now=now)
    facts = {"email": account.email, "token": token, "expires_at": iso(ends)}
    print(json.dumps(facts) if options.json else token)
    return 0


def _totp(store: Store, options: argparse.Namespace, settings: Settings, now: datetime) -> int:
    keys, secret = read_keys(settings.home), totp.new_secret()
    with store.write() as connection:
        account = _named(connection, options.email)
        step = totp.step_of(now) - totp.DRIFT - 1  # no code was shown yet, so the present one is unused
        factors.add_totp(connection, account.id, secret=secret, name=ACTOR, step=step, keys=keys, at=now)
        codes = factors.new_recovery_codes(connection, account.id, keys=keys, at=now)
        _note(connection, "factor.add", account, now, kind="totp")
    address = totp.address(secret, account=account.email, issuer="Tocsin")
    if options.json:
        print(json.dumps({"secret": secret, "address": address, "recovery_codes": codes}))
    else:
        print("\n".join([address, "recovery codes, each opens once:", *codes]))
    return 0


def _named(connection: Connection, email: str) -> Account:
    account = accounts.find(connection, email=accounts.normal_email(email))
    if account is None:
        raise ConfigError([f"there is no account for {email}"])
    return account


def _note(connection: Connection, action: str, account: Account, now: datetime, **detail: Any) -> None:
    audit.append(connection, at=now, actor=ACTOR, action=action, object=account.email, detail=detail)


def _password(options: argparse.Namespace, settings: Settings, *, name: str = "") -> str:
    if options.password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = getpass.getpass("Password: ")
        if password != getpass.getpass("Password again: "):
            raise ConfigError(["the two passwords differ"])
    faults = passwords.faults(password, email=options.email, name=name)
    if faults:
        raise ConfigError(faults)
    return passwords.hash_password(password, read_keys(settings.home).password_salt)


def _facts(account: Account) -> dict[str, Any]:
    last = iso(account.last_login_at) if account.last_login_at else None
    roles = sorted(account.roles)
    return {
        "email": account.email, "name": account.name, "active": account.active, "roles": roles, "last_login_at": last,
        "regions": list(account.regions), "hazards": list(account.hazards),
        "levels": list(account.levels), "sectors": list(account.sectors),
    }  # fmt: skip


def _show(rows: list[dict[str, Any]], as_json: bool) -> int:
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        state = "" if row["active"] else " (off)"
        last = row["last_login_at"] or "never"
        print(f"{row['email']}{state}  {', '.join(row['roles'])}  {row['name']}  last signed in: {last}")
    return 0
