"""What a rule sees: the elements of one message, its bytes, and what is known beside it."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from alerts.cap.model import Alert, Reference
from alerts.cap.profile import Profile
from alerts.cap.schema import rows
from alerts.cap.times import read_time

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from lxml.etree import _Element as Element

Box = tuple[float, float, float, float]  # west, south, east, north [degrees]
Name = tuple[str, str, datetime]  # sender, identifier, sent
_ROWS = rows()


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a message is checked against besides its own words; what is not given is not checked."""

    now: datetime | None = None
    issuing: bool = False  # it is about to be sent
    received: bool = False  # another service has sent it
    public: bool = False  # it goes to a public channel
    two_way: bool = False  # it goes over a network where receivers can fetch files
    used: Mapping[Name, str] = field(default_factory=dict)  # what was sent before -> SHA-256 of its bytes
    live: tuple[Reference, ...] | None = None  # messages of the chain that are in force
    delegates: frozenset[str] = frozenset()  # senders whose messages this one may change
    jurisdiction: Box | None = None
    vertex_cap: int = 500
    geocodes: Mapping[str, Container[str]] = field(default_factory=dict)  # scheme -> its codes
    profiles: tuple[Profile, ...] = ()
    approved_sha256: str = ""
    meant: Alert | None = None  # the message that the bytes were built from
    certificates: tuple[Certificate, ...] = ()  # pinned for this sender


@dataclass(frozen=True)
class Message:
    """One `alert` element; elements are found by their local names, so that a wrong namespace hides nothing."""

    body: bytes
    root: Element
    context: Context
    encloses: bool = True  # the element is the root of the file

    @property
    def infos(self) -> list[Element]:
        """The blocks in the order of the file."""
        return children(self.root, "info")

    @property
    def areas(self) -> Iterator[Element]:
        """Every area of every info."""
        return (area for info in self.infos for area in children(info, "area"))

    @property
    def resources(self) -> Iterator[Element]:
        """Every resource of every info."""
        return (one for info in self.infos for one in children(info, "resource"))

    @property
    def type(self) -> str:
        """msgType as written."""
        return text(self.root, "msgType")

    @property
    def public(self) -> bool:
        """Whether it is a message to the public that says something new."""
        return text(self.root, "scope") == "Public" and self.type in ("Alert", "Update")

    @property
    def sent_at(self) -> datetime | None:
        """When it was sent; None where that cannot be read."""
        return time_of(self.root, "sent")


def children(element: Element, name: str) -> list[Element]:
    """Child elements of this local name."""
    return list(element.iterchildren(f"{{*}}{name}"))


def first(element: Element, name: str) -> Element | None:
    """The first child of this local name."""
    return next(element.iterchildren(f"{{*}}{name}"), None)


def written(element: Element) -> str:
    """The text of an element as it stands, blanks too."""
    return "".join(str(part) for part in element.itertext())


def text(element: Element, name: str) -> str:
    """Trimmed text of the first child of this name, or ""."""
    child = first(element, name)
    return "" if child is None else written(child).strip()


def time_of(element: Element, name: str) -> datetime | None:
    """The time in a child; None where there is none that can be read."""
    try:
        return read_time(text(element, name))
    except ValueError:
        return None


def local(element: Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def plain_path(element: Element) -> str:
    """Where an element stands, without numbers: `alert/info/area`."""
    names = [local(element), *(local(one) for one in element.iterancestors())]
    start = names.index("alert") + 1 if "alert" in names else len(names)
    return "/".join(reversed(names[:start]))


def path_of(element: Element) -> str:
    """Where an element stands, repeatable ones numbered from 1: `alert/info[2]/area[1]/polygon[1]`."""
    steps = []
    for one in (element, *element.iterancestors()):
        row, tag = _ROWS.get(plain_path(one)), f"{{*}}{local(one)}"
        before = sum(1 for _ in one.itersiblings(tag, preceding=True))
        twin = before or next(one.itersiblings(tag), None) is not None
        repeatable = row is not None and row.times.most == 0
        steps.append(f"{local(one)}[{before + 1}]" if twin or repeatable else local(one))
    return "/".join(reversed(steps))
