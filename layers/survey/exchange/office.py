"""What both sides of an exchange work with: the store, the home folder, own key, peers and audit chain."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from data.peers import Exchange, Peer
from data.store.durable import to_disk
from data.store.engine import Store
from layers.survey.exchange.key import OwnKey, own_key
from layers.survey.exchange.manifest import About, Manifest
from layers.survey.exchange.refusal import Refusal

Audit = Callable[..., object]  # access.audit.append
FOLDER = "exchange"  # under the home folder


@dataclass(frozen=True)
class Desk:
    """The parts of one Tocsin that exchange needs."""

    store: Store
    home: Path
    exchange: Exchange
    audit: Audit

    @cached_property
    def key(self) -> OwnKey:
        return own_key(self.home)

    def peer(self, name: str) -> Peer:
        """A peer of the settings; Refusal for any other."""
        found = self.exchange.peers.get(name)
        if found is None:
            raise Refusal(f"there is no peer {name[:40]} in the settings", status=404)
        return found

    def peer_of_key(self, public: str) -> str:
        """The name of the peer with this key; Refusal where it is nobody's."""
        for name, peer in self.exchange.peers.items():
            if peer.key == public:
                return name
        raise Refusal("this key is of nobody that is known here", status=403)


def check_class(data_class: str, dataset: str, peer: Peer) -> str:
    """Whether a dataset of this class may cross to or from a peer; the agreement under which it may, or "".

    Raises
    ------
    Refusal
        For what is secret always, and for what is restricted without an agreement that the settings name.
    """
    if data_class == "secret":
        raise Refusal(f"{dataset} is secret: it does not leave the office where it is", status=403)
    agreement = peer.agreements.get(dataset, "")
    if data_class == "restricted" and not agreement:
        raise Refusal(f"{dataset} is restricted: the settings name no agreement with this peer", status=403)
    return agreement


def about_of(row: Any) -> About:
    """What the catalogue says of a dataset."""
    return About(**{name: getattr(row, name) for name in About.model_fields})


def plain(manifest: Manifest) -> dict[str, Any]:
    """A manifest as JSON."""
    return manifest.model_dump(mode="json")


def caller(name: str) -> str:
    """How a peer is called in the trace and in the audit chain."""
    return f"exchange:{name}"


def write_whole(path: Path, body: bytes) -> None:
    """A small file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    with draft.open("xb") as file:
        file.write(body)
        file.flush()
        to_disk(file.fileno())
    draft.replace(path)
