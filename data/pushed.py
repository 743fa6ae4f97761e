"""Where messages that others push to us wait: written by the web process, read by the next run of the feed."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data.secret_files import read_secret
from data.store.archive import write_durable

SOURCE = "cap_pushed"  # the module key of such feeds
# Files, among them those that were read and are kept a while; a sender that outruns the engine comes later.
MOST_WAITING = 20_000
SHORTEST_TOKEN = 24  # bytes
STAMP = "%Y%m%dT%H%M%S%fZ"


@dataclass(frozen=True, kw_only=True)
class Spool:
    """The folder of one feed and the file with the token of who may push into it."""

    key: str
    folder: Path
    token_file: Path

    def opens_for(self, token: str) -> bool:
        """Whether this is the token; ConfigError where its file cannot be used."""
        known = read_secret(self.token_file)
        right = hmac.compare_digest(known, token.encode("utf-8", "replace"))
        return right and len(known) >= SHORTEST_TOKEN

    def keep(self, body: bytes, at: datetime) -> str:
        """Have a message on the disk; its digest. The same one again is the one that waits already."""
        digest = hashlib.sha256(body).hexdigest()
        if not any(self.folder.glob(f"*-{digest}.xml")):
            write_durable(self.folder / f"{at.astimezone(UTC).strftime(STAMP)}-{digest}.xml", body)
        return digest

    def waiting(self) -> list[Path]:
        """What has come, in its order."""
        return sorted(self.folder.glob("*.xml"))


def came_at(path: Path) -> datetime:
    """When a file of a spool came: as its name says, or for one that somebody put there, as the disk says."""
    try:
        return datetime.strptime(path.name.partition("-")[0], STAMP).replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def spools(sources: Sequence[Mapping[str, Any]]) -> Iterator[Spool]:
    """The spools of the feeds that are configured and switched on."""
    for config in sources:
        if config.get("source") == SOURCE and config.get("enabled", True):
            key = str(config.get("key") or SOURCE)
            yield Spool(key=key, folder=Path(config["folder"]), token_file=Path(config["token_file"]))
