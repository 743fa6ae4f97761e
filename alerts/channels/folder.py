"""CAP messages as files for another program to pick up: whole or not there, and on the disk before they count."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

from alerts.channels.channel import ChannelSpec, Outgoing
from data.errors import DeliveryError
from data.store.durable import to_disk

PLAIN = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,100}")
SUFFIX = {"cap": "xml", "notice": "json"}


class FolderChannel:
    """The recipient is a folder below the configured one; the same message is the same file."""

    spec = ChannelSpec(key="folder", title="Folder", timeout_s=10.0, at_once=1)

    def __init__(self, root: Path) -> None:
        self._root = root

    def send(self, message: Outgoing, *, now: datetime) -> str:
        if not PLAIN.fullmatch(message.recipient):
            raise DeliveryError(self.spec.key, f"not the name of a folder: {message.recipient!r}", retry=False)
        folder = self._root / message.recipient
        stem = re.sub(r"[^A-Za-z0-9._-]", "_", message.about or "notice").lstrip(".")[:120]
        path = folder / f"{stem}-{message.key[:12]}.{SUFFIX.get(message.form, 'txt')}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(path, message.body)
        except OSError as error:
            raise DeliveryError(self.spec.key, f"{path.name}: {error.strerror}", retry=True) from error
        return str(path.relative_to(self._root))


def _write(path: Path, body: bytes) -> None:
    draft = path.with_name(f".{path.name}.part")
    with draft.open("wb") as file:
        file.write(body)
        file.flush()
        to_disk(file.fileno())
    draft.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        to_disk(handle)
    finally:
        os.close(handle)
