from __future__ import annotations

import ctypes
import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data.errors import BadPayload
from data.model import Parsed, Payload, Reject
from ingest.child import Limits, parse_in_child
from ingest.child_helper import kept_helpers
from ingest.source import SourceSpec

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPEC = SourceSpec(
    key="decoder", title="", provider="", hazard="weather", url="", licence="", credit="",
    every=timedelta(minutes=1), stale_after=timedelta(hours=1), decode_in_child=True,
)  # fmt: skip


def crash() -> None:
    ctypes.string_at(0)


def eat_memory() -> None:
    bytearray(3 << 30)


def spin() -> None:
    while True:
        pass


def hang() -> None:
    time.sleep(60)


def call_home() -> None:
    socket.create_connection(("127.0.0.1", 9))


def give_up() -> None:
    raise BadPayload("decoder", "not a field at all")


def stumble() -> None:
    raise KeyError("section 4")


@dataclass(frozen=True)
class Decoder:
    """A source whose parser does one of the things above."""

    action: str = ""
    spec: SourceSpec = SPEC

    def fetch(self, http: Any, since: datetime | None) -> Sequence[Payload]:
        return []

    def parse(self, payload: Payload) -> Parsed:
        if self.action == "who":
            return Parsed(rejects=(Reject(id=f"{os.getpid()} {os.getppid()}", reason=""),))
        if self.action:
            globals()[self.action]()
        return Parsed(rejects=(Reject(id="size", reason=str(len(payload.body))),), data_at=payload.received_at)


@pytest.fixture(params=[False, True], ids=["a program each", "forks of a helper"], autouse=True)
def helpers(request: pytest.FixtureRequest) -> Iterator[None]:
    with kept_helpers() if request.param else nullcontext():
        yield


PAYLOAD = Payload(source="decoder", body=b"x" * 5000, received_at=NOW)
LIMITS = Limits(memory_bytes=1 << 30, processor_s=1, wall_s=2.5)


def test_parse_in_child_gives_what_parse_gives() -> None:
    parsed = parse_in_child(Decoder(), PAYLOAD)
    assert (parsed.rejects[0].reason, parsed.data_at) == ("5000", NOW)


@pytest.mark.parametrize(
    ("action", "reason", "limits"),
    [
        ("crash", "crashed (SIGSEGV)", LIMITS),
        ("eat_memory", "more than 1024 MiB of memory", LIMITS),
        ("spin", "processor time", replace(LIMITS, wall_s=60.0)),
        ("hang", "did not end within", replace(LIMITS, wall_s=0.8)),
        ("call_home", "no business on the network", LIMITS),
        ("give_up", "not a field at all", LIMITS),
        ("stumble", "section 4", LIMITS),
    ],
)
def test_parse_in_child_fault_costs_the_payload_only(action: str, reason: str, limits: Limits) -> None:
    with pytest.raises(BadPayload) as caught:
        parse_in_child(Decoder(action), PAYLOAD, limits)
    assert reason in caught.value.reason


def test_a_crash_costs_a_helper_nothing() -> None:
    with kept_helpers():
        first = parse_in_child(Decoder("who"), PAYLOAD).rejects[0].id
        with pytest.raises(BadPayload, match="SIGSEGV"):
            parse_in_child(Decoder("crash"), PAYLOAD, LIMITS)
        with pytest.raises(BadPayload, match="did not end"):
            parse_in_child(Decoder("hang"), PAYLOAD, replace(LIMITS, wall_s=0.5))
        second = parse_in_child(Decoder("who"), PAYLOAD).rejects[0].id
    assert first.split()[0] != second.split()[0], "each payload has a process of its own"
    assert first.split()[1] == second.split()[1], "of one helper"
    assert not Path(f"/proc/{first.split()[1]}").exists(), "which ends when it is no longer kept"


def test_a_helper_that_has_died_is_replaced() -> None:
    with kept_helpers():
        helper = int(parse_in_child(Decoder("who"), PAYLOAD).rejects[0].id.split()[1])
        os.kill(helper, signal.SIGKILL)
        parsed = parse_in_child(Decoder(), PAYLOAD)
    assert parsed.rejects[0].reason == "5000"
