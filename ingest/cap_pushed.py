"""CAP messages that another system sends to `/cap/in/<key>` by itself; they wait in a folder until the next run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import field_validator

from data.model import Parsed, Payload
from data.pushed import SOURCE, Spool, came_at
from ingest.cap_feed import SPEC as CAP
from ingest.cap_feed import CapConfiguration, CapFeed
from ingest.configure import configured_spec
from ingest.source import SourceSpec

if TYPE_CHECKING:
    from ingest.http import Http

KEPT = timedelta(days=7)  # how long a message stays in the folder after it was read: the archive has it for longer
EVERY = timedelta(seconds=10)
SPEC = replace(CAP, key=SOURCE, title="CAP warnings that are pushed to us", every=EVERY)


class PushedConfiguration(CapConfiguration):
    """What an operator says of who may push: a folder for what comes, and the file with the sender's token."""

    folder: Path
    token_file: Path

    @field_validator("folder", "token_file")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        if not value.is_absolute():
            raise ValueError("an absolute path is needed")
        return value


@dataclass(frozen=True)
class CapPushed:
    """One sender. Nothing is contacted; `read` are files that an earlier run of this process has handed on."""

    spec: SourceSpec = field(default=SPEC)
    language: str = "en"
    spool: Spool | None = None
    read: set[str] = field(default_factory=set)

    @classmethod
    def configured(cls, config: Mapping[str, Any]) -> CapPushed:
        options = PushedConfiguration.model_validate(config)
        spec = configured_spec(SPEC, options)
        spool = Spool(key=spec.key, folder=options.folder, token_file=options.token_file)
        return cls(replace(spec, url=f"/cap/in/{spec.key}"), options.language, spool)

    def fetch(self, http: Http, since: datetime | None) -> Sequence[Payload]:
        """Everything in the folder; what was read in an earlier run and is old enough goes.

        A file is handed on in each run, stored once for its content, and never taken away unread.
        """
        payloads = []
        for path in self.spool.waiting() if self.spool is not None else ():
            at = came_at(path)
            if path.name in self.read and http.clock() - at > KEPT:
                path.unlink()
                self.read.discard(path.name)
                continue
            body = path.read_bytes()
            payloads.append(Payload(source=self.spec.key, body=body, received_at=at, name=path.name))
        self.read.update(payload.name for payload in payloads)
        return payloads

    def parse(self, payload: Payload) -> Parsed:
        """As any feed of CAP; what a message links to is not fetched."""
        return replace(CapFeed(self.spec, self.language).parse(payload), follow=())
