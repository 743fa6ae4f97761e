"""From an issued warning to its files under `home/media/<sha256 of the signed bytes>`, beside the dispatcher.

Each warning is made by a process of its own, at low priority and within a time limit, in a folder that is renamed
when all of it is there: after a kill at any moment there is the whole set or none, and the next look begins anew.
Failures are kept as a file, tried again a few times, and told.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from alerts.media.make import MANIFEST
from data.clock import iso, parse_time
from data.settings import ROOT
from data.store.archive import write_durable
from data.store.engine import Store
from data.store.tables import approval, warning

FOLDER = "media"
LIMIT = timedelta(seconds=600)  # a quiet machine needs a twentieth of it
TRIES = 3
GRACE = timedelta(seconds=15)  # after the start and after a warning is issued: sending comes first
AGAIN_AFTER = timedelta(minutes=2)
NOT_LONGER_THAN = timedelta(hours=24)  # after its end nobody needs a video of it
NICE = 15
CHILD = (sys.executable, "-m", "alerts.media.child")
PR_SET_PDEATHSIG = 1  # of Linux
_LIBRARY = ctypes.CDLL(None)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class State:
    """How far the media of a warning are: `manifest` when they are there, else what is known of failures."""

    manifest: Mapping[str, Any] | None = None
    failures: int = 0
    reason: str = ""
    failed_at: datetime | None = None


def folder_of(home: Path, signed_sha256: str) -> Path:
    """Where the files of a message are."""
    return home / FOLDER / signed_sha256


def state_of(home: Path, signed_sha256: str) -> State:
    """What there is of the media of a message."""
    manifest = folder_of(home, signed_sha256) / MANIFEST
    if manifest.is_file():
        return State(manifest=json.loads(manifest.read_bytes()))
    failed = _failure_path(home, signed_sha256)
    if not failed.is_file():
        return State()
    found = json.loads(failed.read_bytes())
    return State(failures=found["failures"], reason=found["reason"], failed_at=parse_time(found["at"]))


class Producer:
    """One at a time; `work` never waits."""

    def __init__(
        self,
        base_dir: Path,
        *,
        office: str = "",
        public_url: str = "",
        command: Sequence[str] = CHILD,
        grace: timedelta = GRACE,
    ) -> None:
        self._base_dir, self._office, self._public_url = base_dir, office, public_url
        self._child: subprocess.Popen[bytes] | None = None
        self._command, self._making, self._until = command, "", _NEVER
        self._grace, self._began = grace, _NEVER

    def work(self, store: Store, home: Path, now: datetime) -> int:
        """Look after the one that is being made, or begin the next; how many are under way."""
        self._began = min(self._began, now)
        if now < self._began + self._grace:
            return 0
        if self._child is not None and not self._ended(home, now):
            return 1
        row = self._next(store, home, now)
        if row is None:
            return 0
        self._begin(store, home, row, now)
        return 1

    def stop(self) -> None:
        """End what is under way; it is begun anew the next time."""
        if self._child is not None:
            _kill(self._child)
            self._child = None

    def _ended(self, home: Path, now: datetime) -> bool:
        assert self._child is not None
        code = self._child.poll()
        if code is None:
            if now < self._until:
                return False
            _kill(self._child)
            _failed(home, self._making, f"took longer than {LIMIT.total_seconds():g} s", now)
        elif code:
            _failed(home, self._making, _last_words(_work_folder(home, self._making)) or f"ended with {code}", now)
        else:
            _failure_path(home, self._making).unlink(missing_ok=True)
        self._child = None
        shutil.rmtree(_work_folder(home, self._making), ignore_errors=True)
        return True

    def _next(self, store: Store, home: Path, now: datetime) -> Any:
        """The most important issued warning without media: in force before over, worse before less bad."""
        table = warning.c
        query = (
            sa.select(table.id, table.signed_sha256)
            .where(table.state == "issued", table.signed_sha256 != "", table.expires_at > now - NOT_LONGER_THAN)
            .where(table.issued_at <= now - self._grace)
            .order_by(table.replaced_by.is_not(None), table.level.desc(), table.id.desc())
        )
        with store.read() as connection:
            for found in connection.execute(query):
                state = state_of(home, found.signed_sha256)
                waits = state.failed_at is not None and now < state.failed_at + AGAIN_AFTER * state.failures
                if state.manifest is None and state.failures < TRIES and not waits:
                    return connection.execute(sa.select(warning).where(table.id == found.id)).one()
        return None

    def _begin(self, store: Store, home: Path, row: Any, now: datetime) -> None:
        with store.read() as connection:
            found = connection.execute(sa.select(approval).where(approval.c.id == row.approval_id)).mappings().first()
        work = _work_folder(home, row.signed_sha256)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        (work / "signed.xml").write_bytes(row.signed)
        request = {
            "signed_sha256": row.signed_sha256,
            "level": int(row.level),
            "regions": list(row.content.get("regions", ())),
            "office": self._office,
            "public_url": self._public_url,
            "base_dir": str(self._base_dir),
            "approval": _signature(dict(found)) if found else None,
            "folder": str(folder_of(home, row.signed_sha256)),
        }
        (work / "request.json").write_text(json.dumps(request), encoding="utf-8")
        with (work / "log").open("wb") as log:
            self._child = subprocess.Popen(
                [*self._command, str(work)], cwd=ROOT, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, preexec_fn=_lowered,
            )  # fmt: skip
        self._making, self._until = row.signed_sha256, now + LIMIT


def _signature(row: Mapping[str, Any]) -> dict[str, str]:
    record = row["record"] or {}
    return {
        "author": str(record.get("author_name") or row["author"]),
        "approver": str(record.get("approver_name") or row["approver"]),
        "at": iso(row["at"]),
        "method": str(row["method"]),
        "body_sha256": str(row["body_sha256"]),
    }


def _lowered() -> None:
    """In the new process: at low priority, and ended with the one that started it."""
    os.nice(NICE)
    with contextlib.suppress(AttributeError):  # Linux only; elsewhere an orphan ends by itself in a minute or two
        _LIBRARY.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """The process with the programs that it started: they are a session of their own."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _work_folder(home: Path, signed_sha256: str) -> Path:
    return home / FOLDER / f".making-{signed_sha256}"


def _failure_path(home: Path, signed_sha256: str) -> Path:
    return home / FOLDER / f"{signed_sha256}.failed.json"


def _failed(home: Path, signed_sha256: str, reason: str, now: datetime) -> None:
    failures = state_of(home, signed_sha256).failures + 1
    document = {"failures": failures, "reason": reason[:500], "at": iso(now)}
    write_durable(_failure_path(home, signed_sha256), json.dumps(document, ensure_ascii=False).encode())


def _last_words(work: Path) -> str:
    path = work / "log"
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.is_file() else []
    return lines[-1] if lines else ""
