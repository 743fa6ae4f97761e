"""People as pages see them, accounts as the session library sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from flask import current_app, session
from flask_security import RoleMixin, UserMixin, current_user

from access.keys import Keys
from access.matrix import may
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
    proved: Reauthentication | None = None  # in this session, while it is fresh

    @property
    def signed_in(self) -> bool:
        return self.id > 0

    def may(self, action: str) -> bool:
        """Whether this person may do an action of the matrix: for what a page shows; the guard decides."""
        return may(self.roles, action)

    def actor(self) -> Actor:
        """This person as services outside of `access` take one."""
        return Actor(self.id, self.email, self.name, self.roles, self.regions, self.hazards, self.proved)


@dataclass(eq=False)
class Role(RoleMixin):  # type: ignore[misc]
    """A role as Flask-Security wants it."""

    name: str
    permissions: None = None

    __hash__ = RoleMixin.__hash__


@dataclass(eq=False, kw_only=True)
class Account(UserMixin):  # type: ignore[misc]
    """A row of the user table with its roles; `fs_uniquifier` is what a session cookie carries."""

    id: int
    email: str
    name: str
    password: str | None = field(repr=False)
    active: bool
    fs_uniquifier: str = field(default="", repr=False)  # Flask-Security looks for it on the class
    locale: str
    last_login_at: datetime | None  # type: ignore[assignment]
    roles: list[Role]  # type: ignore[assignment]

    def person(self) -> Person:
        return Person(self.id, self.email, self.name, frozenset(role.name for role in self.roles), self.locale)


@dataclass(frozen=True)
class Access:
    """What the guard and the forms of one server work with."""

    store: Store
    settings: Settings
    clock: Clock
    keys: Keys
    denials: dict[tuple[int, str, str], float] = field(default_factory=dict)  # when each was last written down


def access() -> Access:
    """The access parts of the present server."""
    return cast(Access, current_app.extensions[EXTENSION])


def current() -> Person:
    """Whoever makes the present request; nobody without a session."""
    return current_user.person() if isinstance(current_user._get_current_object(), Account) else Person()


def csrf_token() -> str:
    """The token that a form of ours carries in its field `csrf_token`."""
    return str(session.get("csrf", ""))
