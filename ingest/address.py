"""Which addresses may be connected to: public ones, and private ones that the operator named."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from data.errors import Refused, Unreachable

Resolver = Callable[..., Sequence[tuple[Any, ...]]]
PORTS = (80, 443)
NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
SECRET = re.compile(r"key|token|secret|pass|sig|auth|appid|code|credential", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The operator's list: `host` admits a private host on the usual ports, `host:port` admits that port on it."""

    hosts: frozenset[str]
    pairs: frozenset[tuple[str, int]]

    @classmethod
    def read(cls, entries: Sequence[str]) -> Allowed:
        hosts, pairs = set(), set()
        for entry in entries:
            bare = entry.strip().lower()
            parts = urlsplit(f"//{f'[{bare}]' if bare.count(':') > 1 and not bare.startswith('[') else bare}")
            if parts.hostname and parts.port:
                pairs.add((parts.hostname, parts.port))
            elif parts.hostname:
                hosts.add(parts.hostname)
        return cls(frozenset(hosts), frozenset(pairs))

    def private(self, host: str, port: int) -> bool:
        return (host, port) in self.pairs or (host in self.hosts and port in PORTS)


def check_port(source: str, host: str, port: int, allowed: Allowed) -> None:
    """Refuse a port that is neither usual nor named by the operator."""
    host = host.strip("[]").lower()
    if port not in PORTS and (host, port) not in allowed.pairs:
        raise Refused(source, f"port {port} of {host} is not among the allowed ones (allow_hosts: {host}:{port})")


def is_public(text: str) -> bool:
    """Whether an IP address is on the public internet, after unwrapping what hides an IPv4 address in an IPv6 one.

    `ipaddress` calls multicast, NAT64 and 6to4 addresses global, whatever they lead to.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and any(address in network for network in NAT64):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if address in ipaddress.ip_network("::/96"):
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    )


def checked_addresses(
    source: str, host: str, port: int, allowed: Allowed, resolver: Resolver
) -> list[tuple[socket.AddressFamily, Any]]:
    """Look a host up once; every address it has must be allowed.

    Raises
    ------
    Refused
        If any of them is private and the operator did not name the host.
    Unreachable
        If the name is not known.
    """
    try:
        found = resolver(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(source, f"{host[:100]} is not known to the name service") from error
    if not allowed.private(host.lower(), port):
        for entry in found:
            if not is_public(str(entry[4][0])):
                raise Refused(source, f"{host} is the private address {entry[4][0]} (allow_hosts would admit it)")
    return [(entry[0], entry[4]) for entry in found]


def shown(url: str) -> str:
    """An address fit for logs, pages and the store: no name and password, no values of keys and tokens."""
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    if not SECRET.search(parts.query):
        return urlunsplit(parts._replace(netloc=netloc))
    pairs = [(name, "***" if SECRET.search(name) else value) for name, value in parse_qsl(parts.query, True)]
    query = "&".join(f"{quote(name)}={quote(value, safe='*:,/')}" for name, value in pairs)
    return urlunsplit(parts._replace(netloc=netloc, query=query))
