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

AGAIN = timedelta(minutes=10)  # how long a message is handed on in each run, in case a run could not store it
KEPT = timedelta(
    hours=6
)  # how long it stays in the folder, to be read after a restart: the archive has it for longer
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
    """One sender. Nothing is contacted; `read` says when a run of this process handed each file on first."""

    spec: SourceSpec = field(default=SPEC)
    language: str = "en"
    spool: Spool | None = None
    read: dict[str, datetime] = field(default_factory=dict)

    @classmethod
    def configured(cls, config: Mapping[str, Any]) -> CapPushed:
        options = PushedConfiguration.model_validate(config)
        spec = configured_spec(SPEC, options)
        spool = Spool(key=spec.key, folder=options.folder, token_file=options.token_file)
        return cls(replace(spec, url=f"/cap/in/{spec.key}"), options.language, spool)

    def fetch(self, http: Http, since: datetime | None) -> Sequence[Payload]:
        """What is new in the folder, and what was new in the last minutes; no file is taken away unread.

        What comes again is stored once for its content.
        """
        now, payloads = http.clock(), []
        for path in self.spool.waiting() if self.spool is not None else ():
            first = self.read.setdefault(path.name, now)
            if now - first > KEPT:
                path.unlink()
                del self.read[path.name]
            elif now - first <= AGAIN:
                body, at = path.read_bytes(), came_at(path)
                payloads.append(Payload(source=self.spec.key, body=body, received_at=at, name=path.name))
        return payloads

    def parse(self, payload: Payload) -> Parsed:
        """As any feed of CAP; what a message links to is not fetched."""
        return replace(CapFeed(self.spec, self.language).parse(payload), follow=())
