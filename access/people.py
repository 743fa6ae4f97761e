"""People as pages see them, accounts as the store keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from flask import current_app, g, session

from access.keys import Keys
from access.matrix import TWICE_PROVED, may
from access.oidc import Provider
from data.actor import Actor, Reauthentication
from data.clock import Clock
from data.settings import Settings
from data.store.engine import Store

EXTENSION = "tocsin.access"


@dataclass(frozen=True)
class Person:
    """Whoever makes the present request; `id` 0 is nobody."""

    id: int = 0
    email: str = ""
    name: str = ""
    roles: frozenset[str] = frozenset()
    locale: str = ""
    regions: tuple[str, ...] = ()
    hazards: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    proved: Reauthentication | None = None  # in this session, while it is fresh
    asleep: frozenset[str] = frozenset()  # roles of the account that need a second factor in this session
    session_id: int = 0
    second_factor: bool = False  # was shown in this session

    @property
    def signed_in(self) -> bool:
        return self.id > 0

    def may(self, action: str) -> bool:
        """Whether this person may do an action of the matrix: for what a page shows; the guard decides."""
        return may(self.roles, action)

    def actor(self) -> Actor:
        """This person as services outside of `access` take one."""
        return Actor(
            self.id,
            self.email,
            self.name,
            self.roles,
            self.regions,
            self.hazards,
            self.proved,
            self.levels,
            self.sectors,
        )


@dataclass(frozen=True, kw_only=True)
class Account:
    """A row of the user table with its roles and their limits."""

    id: int
    email: str
    name: str
    password: str | None = field(repr=False)
    active: bool
    handle: str
    locale: str
    created_at: datetime
    last_login_at: datetime | None
    roles: frozenset[str] = frozenset()
    regions: tuple[str, ...] = ()
    hazards: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()

    @property
    def must_prove_twice(self) -> bool:
        """Whether a role of this account is worth nothing without a second factor."""
        return bool(self.roles & TWICE_PROVED)

    def person(self, *, second_factor: bool, proved: Reauthentication | None = None, session_id: int = 0) -> Person:
        """Who this is in a session: without a second factor the roles that need one sleep, and only look."""
        asleep = frozenset() if second_factor else self.roles & TWICE_PROVED
        roles = (self.roles - asleep) | ({"viewer"} if asleep else frozenset())
        return Person(
            id=self.id, email=self.email, name=self.name, roles=roles, locale=self.locale, regions=self.regions,
            hazards=self.hazards, levels=self.levels, sectors=self.sectors, proved=proved, asleep=asleep,
            session_id=session_id, second_factor=second_factor,
        )  # fmt: skip


@dataclass(frozen=True)
class Access:
    """What the guard and the forms of one server work with."""

    store: Store
    settings: Settings
    clock: Clock
    keys: Keys
    exercise: bool = False  # nothing real is signed there, so no role sleeps for want of a second factor
    provider: Provider | None = None
    denials: dict[tuple[int, str, str], float] = field(default_factory=dict)  # when each was last written down


def access() -> Access:
    """The access parts of the present server."""
    return cast(Access, current_app.extensions[EXTENSION])


def current() -> Person:
    """Whoever makes the present request, as the guard found out at its beginning; nobody without a session."""
    return cast(Person, g.get("person", NOBODY))


def provider_name() -> str:
    """What the office calls its provider of identities; empty where there is none."""
    provider = access().provider
    return provider.name if provider is not None else ""


def csrf_token() -> str:
    """The token that a form of ours carries in its field `csrf_token`."""
    return str(session.get("csrf", ""))


NOBODY = Person()
