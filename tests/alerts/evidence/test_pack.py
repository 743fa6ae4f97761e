"""Evidence packs: complete, always the same bytes, and one changed byte is found and named."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from access import audit
from alerts.desk.issued import Issued
from alerts.evidence import verify_pack
from alerts.evidence.command import make_command, verify_command
from alerts.evidence.pack import make_pack
from alerts.evidence.verify_pack import rebuilt, verify
from data.errors import ConfigError, WarningError
from data.model import Payload
from data.store.archive import Archive, record_payload
from data.store.engine import Store
from data.store.tables import (
    delivery,
    delivery_attempt,
    evaluation,
    observation,
    outgoing,
    proposal,
    rule_version,
    station,
    transition,
    warning,
)
from tests.alerts.desk.conftest import ANNA, BO, NOW

BODY = b"station,time,mm\n1,2026-03-01T11:50Z,88.0\n"


def queue(connection: Connection, issued: Issued, *, now: Any) -> int:
    """A router with one recipient who was reached at the second attempt."""
    connection.execute(
        outgoing.insert().values(sha256=issued.signed_sha256, form="cap", body=issued.signed, created_at=now)
    )
    made = connection.execute(
        delivery.insert().values(
            key="k1", warning_id=issued.id, approval_id=issued.approval_id, channel="webhook", next_at=now,
            recipient="https://county.example/cap", payload_sha256=issued.signed_sha256, state="sent", attempts=2,
            sent_at=now, receipt="200", created_at=now, token_sha256="5" * 64,
        )
    )  # fmt: skip
    key = made.inserted_primary_key[0]
    for outcome in ("retry", "sent"):
        connection.execute(
            delivery_attempt.insert().values(delivery_id=key, at=now, outcome=outcome, receipt=outcome)
        )
    return 1


def seen(connection: Connection, home: Path, rule: dict[str, Any]) -> int:
    """A proposal with the reading, the payload, the rule and the evaluation that it stands on."""
    at = NOW - timedelta(minutes=10)
    sha256 = Archive(home / "payloads").put(BODY)
    payload = record_payload(connection, Payload(source="gauges", body=BODY, received_at=at), sha256)
    connection.execute(
        station.insert().values(source="gauges", id="1", name="Bridge", lon=100.5, lat=21.0, attributes={})
    )
    rows = [("1", at, at, payload), ("1", at + timedelta(minutes=1), NOW + timedelta(hours=1), None)]
    for name, observed_at, received_at, number in rows:
        connection.execute(
            observation.insert().values(
                source="gauges", quantity="precipitation", station=name, observed_at=observed_at, value=88.0,
                unit="mm", quality="good", received_at=received_at, payload_id=number,
            )
        )  # fmt: skip
    digest = "d" * 64
    connection.execute(
        rule_version.insert().values(
            rule="test.rain", digest=digest, version="1", pack="tests", body=rule, first_at=NOW - timedelta(days=1)
        )
    )
    made = connection.execute(
        proposal.insert().values(
            created_at=NOW, updated_at=NOW, rule="test.rain", digest=digest, hazard="rainstorm", level=3,
            reason="first", regions=["CN-110101"], state="open",
            detail={"rules": [{"rule": "test.rain", "digest": digest, "version": "1", "regions": ["CN-110101"]}]},
        )
    )  # fmt: skip
    number = int(made.inserted_primary_key[0])
    connection.execute(
        transition.insert().values(
            rule="test.rain", digest=digest, region="CN-110101", at=NOW, from_phase="normal", to_phase="firing",
            from_level=0, to_level=3, reason="first", value=88.0, value_at=at, proposal_id=number,
        )
    )  # fmt: skip
    connection.execute(
        evaluation.insert().values(
            rule="test.rain", digest=digest, at=NOW, outcome="fired", watched=1, firing=1, unknown=0, transitions=1,
            seconds=0.1,
        )
    )  # fmt: skip
    return number


@pytest.fixture
def rule_body() -> dict[str, Any]:
    """A rule of the packs, as it is stored, that looks at rain gauges."""
    from alerts.pack import builtin_paths, read_paths

    rules, _ = read_paths(builtin_paths())
    return next(
        item.rule.body
        for item in rules
        if any((one.source, one.quantity) == ("stations", "precipitation") for one in item.rule.inputs.values())
    )


@pytest.fixture
def issued(
    store: Store,
    home: Path,
    submitted: Callable[..., Any],
    sign: Callable[..., Any],
    rule_body: dict[str, Any],
) -> int:
    """A warning that stands on a proposal, was signed by two people and delivered."""
    with store.write() as connection:
        number = seen(connection, home, rule_body)
    item = submitted()
    with store.write() as connection:
        connection.execute(sa.update(warning).where(warning.c.id == item.id).values(proposal_id=number))
        audit.append(connection, at=NOW, actor="eve", action="user.login", object="eve", detail={"secret": "other"})
    sign(item, router=queue)
    return int(item.id)


def files_of(pack: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def faulty(bodies: dict[str, bytes]) -> set[str]:
    """The files that are named when these stand in a well made container."""
    return {name for name, _ in verify(rebuilt(bodies))[1]}


def resealed(bodies: dict[str, bytes]) -> dict[str, bytes]:
    """With a manifest that fits, as a forger would write it."""
    kept = {name: body for name, body in bodies.items() if not name.startswith("manifest.")}
    manifest = json.loads(bodies["manifest.json"])
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)} for name, body in kept.items()
    }
    kept["manifest.json"] = verify_pack.canonical(manifest)
    kept["manifest.sha256"] = hashlib.sha256(kept["manifest.json"]).hexdigest().encode()
    return kept


def test_pack_holds_everything_and_verifies(store: Store, home: Path, base_dir: Path, issued: int) -> None:
    pack = make_pack(store, home, base_dir, issued)
    good, faults, unchecked, missing = verify(pack)
    assert faults == []
    assert unchecked == []
    assert len(good) == len(verify_pack.CHECKS)
    assert missing == ["media.json: no media have been made of it"]
    bodies = files_of(pack)
    assert set(bodies) >= {
        "warning.json", "approval.json", "cap/approved.xml", "cap/signed.xml", "cap/certificate.der",
        "editions/0001.json", "decisions.json", "chain.json", "deliveries.json", "proposal.json", "transitions.json",
        "evaluations.json", "payloads.json", "audit.json", "verify_pack.py", "README.txt",
    }  # fmt: skip
    assert BODY in bodies.values()
    (sent,) = json.loads(bodies["deliveries.json"])
    assert [one["outcome"] for one in sent["attempts"]] == ["retry", "sent"]
    assert "token_sha256" not in sent
    approved = json.loads(bodies["approval.json"])
    assert (approved["author"], approved["approver"]) == (ANNA.email, BO.email)


def test_pack_is_the_same_bytes_each_time(store: Store, home: Path, base_dir: Path, issued: int) -> None:
    assert make_pack(store, home, base_dir, issued) == make_pack(store, home, base_dir, issued)


def test_i18_chain_is_bound_and_what_is_about_others_stays_out(
    store: Store, home: Path, base_dir: Path, issued: int
) -> None:
    with store.read() as connection:
        head = audit.head(connection)
    bodies = files_of(make_pack(store, home, base_dir, issued, [head]))
    entries = json.loads(bodies["audit.json"])
    assert {entry["action"] for entry in entries if "action" in entry} >= {
        "warning.submitted",
        "warning.approved",
        "warning.issued",
    }
    assert b"secret" not in bodies["audit.json"]
    assert [entry["seq"] for entry in entries] == list(range(entries[0]["seq"], entries[-1]["seq"] + 1))
    assert json.loads(bodies["anchors.json"]) == [{"seq": head[0], "hash": head[1]}]
    with_other = make_pack(store, home, base_dir, issued, [(head[0], "f" * 64)])
    assert {name for name, _ in verify(with_other)[1]} == {"anchors.json"}


def test_only_what_was_known_at_the_signature_is_in_it(store: Store, home: Path, base_dir: Path, issued: int) -> None:
    bodies = files_of(make_pack(store, home, base_dir, issued))
    rows = [row for name, body in bodies.items() if name.startswith("readings/") for row in json.loads(body)["rows"]]
    gauges = {(row["station"], row["observed_at"]) for row in rows if row.get("quantity") == "precipitation"}
    assert gauges == {("1", "2026-03-01T11:50:00Z")}


def test_one_changed_byte_anywhere_is_found(store: Store, home: Path, base_dir: Path, issued: int) -> None:
    pack = make_pack(store, home, base_dir, issued)
    for at in range(0, len(pack), len(pack) // 150):
        changed = bytearray(pack)
        changed[at] ^= 0x01
        assert verify(bytes(changed))[1], f"byte {at}"


def test_one_changed_byte_names_the_file(store: Store, home: Path, base_dir: Path, issued: int) -> None:
    bodies = files_of(make_pack(store, home, base_dir, issued))
    for name, body in bodies.items():
        if not body or name == "manifest.sha256":
            continue
        changed = body[: len(body) // 2] + bytes([body[len(body) // 2] ^ 0x01]) + body[len(body) // 2 + 1 :]
        assert name in faulty({**bodies, name: changed})


def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(body: bytes) -> bytes:
        assert old in body
        return body.replace(old, new)

    return change


FORGED = {
    "another text was sent": ("cap/signed.xml", swap(b"rain", b"hail"), "cap/signed.xml"),
    "another text was approved": ("cap/approved.xml", swap(b"rain", b"hail"), "cap/approved.xml"),
    "one person signed": ("approval.json", swap(BO.email.encode(), ANNA.email.encode()), "approval.json"),
    "another edition": ("editions/0001.json", swap(b"rain", b"hail"), "editions/0001.json"),
    "an audit entry": ("audit.json", swap(b"warning.issued", b"warning.issuet"), "audit.json"),
    "an author in the chain": ("audit.json", swap(BO.email.encode(), b"zz@office.example"), "audit.json"),
    "a certificate": ("cap/certificate.der", swap(b"Office of Tests", b"Office of Zests"), "cap/certificate.der"),
}


def test_forger_who_writes_the_manifest_anew_is_found(store: Store, home: Path, base_dir: Path, issued: int) -> None:
    bodies = files_of(make_pack(store, home, base_dir, issued))
    assert faulty(resealed(bodies)) == set()
    for what, (name, change, named) in FORGED.items():
        forged = resealed({**bodies, name: change(bodies[name])})
        assert named in faulty(forged), what


def test_missing_file_is_named(store: Store, home: Path, base_dir: Path, issued: int) -> None:
    bodies = files_of(make_pack(store, home, base_dir, issued))
    for name in ("cap/signed.xml", "approval.json", "audit.json", "deliveries.json", "manifest.json"):
        left = {other: body for other, body in bodies.items() if other != name}
        assert name in faulty(left)
        if name != "manifest.json":
            assert name in faulty(resealed(left))


def test_what_is_not_kept_any_more_is_said(store: Store, home: Path, base_dir: Path, issued: int) -> None:
    for path in (home / "payloads").rglob("*.zst"):
        path.unlink()
    _, faults, _, missing = verify(make_pack(store, home, base_dir, issued))
    assert faults == []
    assert any(one.startswith("payloads/") and "not in the archive" in one for one in missing)


def test_verifier_in_the_pack_stands_alone(
    store: Store, home: Path, base_dir: Path, issued: int, tmp_path: Path
) -> None:
    pack = make_pack(store, home, base_dir, issued)
    bodies = files_of(pack)
    (tmp_path / "verify_pack.py").write_bytes(bodies["verify_pack.py"])
    (tmp_path / "good.zip").write_bytes(pack)
    (tmp_path / "bad.zip").write_bytes(rebuilt({**bodies, "approval.json": bodies["approval.json"] + b" "}))

    def run(name: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *options, "verify_pack.py", name]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    whole = run("good.zip")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "holds        signature of the message" in whole.stdout
    bare = run("good.zip", "-I", "-S")  # without any installed package
    assert bare.returncode == 0, bare.stdout + bare.stderr
    assert "not checked  the signature: cryptography is not installed" in bare.stdout
    changed = run("bad.zip", "-I", "-S")
    assert changed.returncode == 1
    assert "WRONG        approval.json: is not what the manifest says" in changed.stdout
    (tmp_path / "empty.zip").write_bytes(b"")
    assert run("empty.zip").returncode == 1
    assert run("none.zip").returncode == 2


@pytest.mark.parametrize("body", [b"", b"PK", b"x" * 1000, b"PK\x05\x06" + b"\0" * 18])
def test_rubbish_is_no_pack(body: bytes) -> None:
    assert verify(body)[1]


def test_warning_that_was_not_issued_has_no_evidence(
    store: Store,
    home: Path,
    base_dir: Path,
    submitted: Callable[..., Any],
) -> None:
    item = submitted()
    with pytest.raises(WarningError, match="was not issued"):
        make_pack(store, home, base_dir, item.id)
    with pytest.raises(WarningError, match="no warning 999"):
        make_pack(store, home, base_dir, 999)


def test_command_writes_a_pack_and_notes_it(
    store: Store, home: Path, base_dir: Path, issued: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from argparse import Namespace

    path = tmp_path / "pack.zip"
    options = Namespace(what=str(issued), file=None, out=path, json=True)
    assert make_command(store, home, base_dir, options, now=NOW, actor="cli", audit=audit.append) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    with store.read() as connection:
        entry = connection.execute(sa.text("SELECT action, object FROM audit ORDER BY seq DESC LIMIT 1")).one()
    assert tuple(entry) == ("evidence.made", str(issued))
    assert verify_command(Namespace(what="verify", file=path, json=True)) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    body = bytearray(path.read_bytes())
    body[len(body) // 3] ^= 1
    path.write_bytes(bytes(body))
    assert verify_command(Namespace(what="verify", file=path, json=False)) == 1
    assert "WRONG" in capsys.readouterr().out
    for wrong in (Namespace(what="x", out=path), Namespace(what="1", out=None)):
        with pytest.raises(ConfigError):
            make_command(store, home, base_dir, wrong, now=NOW, actor="cli", audit=audit.append)
    with pytest.raises(ConfigError):
        verify_command(Namespace(file=None, json=False))
