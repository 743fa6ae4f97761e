"""The files of an evidence pack, read from the store in one picture: the same store gives the same files."""

from __future__ import annotations

import base64
import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from alerts.evidence.plain import canonical, plain_row, plain_rows, readable
from alerts.evidence.readings import Span, land_of, readings_of
from alerts.media.produce import state_of
from alerts.offer import shares_of
from alerts.rule import Rule
from data.cap_words import XMLDSIG
from data.errors import StoreError, WarningError
from data.safe_xml import parse as parse_xml
from data.store.archive import Archive
from data.store.engine import Store
from data.store.tables import (
    approval,
    audit,
    delivery,
    delivery_attempt,
    evaluation,
    outgoing,
    payload,
    proposal,
    rule_decision,
    rule_edition,
    rule_version,
    standing_order,
    transition,
    warning,
    warning_decision,
    warning_edition,
)

MOST_BYTES = 256 * 1024**2  # of payloads together
SECRET = ("token_sha256", "lease_by", "lease_until")
BESIDE = timedelta(minutes=10)  # evaluations so long before the proposal are shown with it


@dataclass
class Files:
    """What will be in the pack, and what should be but is not."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    missing: list[dict[str, str]] = field(default_factory=list)

    def put(self, name: str, value: Any) -> None:
        self.bodies[name] = value if isinstance(value, bytes) else readable(value)

    def lack(self, name: str, reason: str) -> None:
        self.missing.append({"name": name, "reason": reason})


def gather(store: Store, home: Path, base_dir: Path, id: int, anchors: Iterable[tuple[int, str]] = ()) -> Files:
    """All evidence of one issued warning.

    Parameters
    ----------
    store : Store
    home, base_dir : Path
        Where payloads and media are, and the base data.
    id : int
        Of the warning.
    anchors : iterable of (number, hash)
        Heads of the audit chain that were kept elsewhere.

    Raises
    ------
    WarningError
        If there is no such warning, or it was never issued.
    """
    files = Files()
    with store.read() as connection:
        row = connection.execute(sa.select(warning).where(warning.c.id == id)).mappings().first()
        if row is None:
            raise WarningError(f"there is no warning {id}")
        if row["state"] != "issued" or row["signed"] is None:
            raise WarningError(f"warning {id} was not issued: there is nothing to prove")
        signed_at = _approval(connection, row, files)
        _message(row, files)
        _editions(connection, row, files)
        _chain(connection, row, files)
        _deliveries(connection, id, files)
        _proposal(connection, home, base_dir, row, signed_at, files)
        _audit(connection, row, files, anchors)
    _media(home, row, files)
    return files


def _approval(connection: Connection, row: RowMapping, files: Files) -> datetime:
    found = connection.execute(sa.select(approval).where(approval.c.id == row["approval_id"])).mappings().one()
    files.put("approval.json", plain_row(found))
    if found["standing_order_id"] is not None:
        order = sa.select(standing_order).where(standing_order.c.id == found["standing_order_id"])
        files.put("standing_order.json", plain_rows(connection.execute(order).mappings()))
    at: datetime = found["at"]
    return at


def _message(row: RowMapping, files: Files) -> None:
    """The row, the bytes as they were approved and as they were sent, and the certificate inside."""
    files.put("warning.json", plain_row(row, "lock_by", "lock_until"))
    files.put("cap/approved.xml", bytes(row["body"]))
    files.put("cap/signed.xml", bytes(row["signed"]))
    root = parse_xml(bytes(row["signed"]), source="own message")
    texts = [element.text or "" for element in root.iter(f"{{{XMLDSIG}}}X509Certificate")]
    if not texts:
        files.lack("cap/certificate.der", "the message carries no certificate")
    for text in texts[:1]:
        files.put("cap/certificate.der", base64.b64decode("".join(text.split())))


def _editions(connection: Connection, row: RowMapping, files: Files) -> None:
    """Every text that was saved, in the form its digest is taken of, and what changed from one to the next."""
    query = sa.select(warning_edition).where(warning_edition.c.warning_id == row["id"])
    found = connection.execute(query.order_by(warning_edition.c.number)).mappings().all()
    before: list[str] = []
    for one in found:
        files.put(f"editions/{one['number']:04}.json", canonical(one["content"]))
        lines = json.dumps(one["content"], sort_keys=True, ensure_ascii=False, indent=1).splitlines(keepends=True)
        if before:
            names = f"{one['number'] - 1:04}", f"{one['number']:04}"
            files.put(
                f"editions/{names[0]}-{names[1]}.diff", "".join(difflib.unified_diff(before, lines, *names)).encode()
            )
        before = lines
    files.put("editions.json", plain_rows(found, "content"))
    query = sa.select(warning_decision).where(warning_decision.c.warning_id == row["id"])
    files.put("decisions.json", plain_rows(connection.execute(query.order_by(warning_decision.c.id)).mappings()))


def _chain(connection: Connection, row: RowMapping, files: Files) -> None:
    """The other messages of its chain, by their names and digests."""
    query = sa.select(warning).where(warning.c.chain == row["chain"], warning.c.state == "issued")
    found = connection.execute(query.order_by(warning.c.id)).mappings().all()
    names = ("id", "kind", "identifier", "sender", "sent_at", "expires_at", "signed_sha256", "replaced_by")
    files.put("chain.json", [plain_row({name: one[name] for name in names}) for one in found])


def _deliveries(connection: Connection, id: int, files: Files) -> None:
    """To whom, when, with which attempts and receipts; each body once."""
    query = sa.select(delivery).where(delivery.c.warning_id == id).order_by(delivery.c.id)
    rows = plain_rows(connection.execute(query).mappings(), *SECRET)
    attempts: dict[int, list[dict[str, Any]]] = {}
    joined = delivery_attempt.join(delivery, delivery.c.id == delivery_attempt.c.delivery_id)
    tries = sa.select(delivery_attempt).select_from(joined).where(delivery.c.warning_id == id)
    for one in connection.execute(tries.order_by(delivery_attempt.c.id)).mappings():
        attempts.setdefault(one["delivery_id"], []).append(plain_row(one, "delivery_id"))
    files.put("deliveries.json", [{**row, "attempts": attempts.get(row["id"], [])} for row in rows])
    wanted = {row["payload_sha256"] for row in rows}
    bodies = connection.execute(sa.select(outgoing).where(outgoing.c.sha256.in_(wanted))).mappings().all()
    for one in bodies:
        files.put(f"bodies/{one['sha256']}", bytes(one["body"]))
    for lost in sorted(wanted - {one["sha256"] for one in bodies}):
        files.lack(f"bodies/{lost}", "what was sent is not kept any more")


def _proposal(
    connection: Connection, home: Path, base_dir: Path, row: RowMapping, signed_at: datetime, files: Files
) -> None:
    """What the rules said and saw; a warning that a person wrote by themselves has none."""
    query = sa.select(proposal).where(proposal.c.id == row["proposal_id"])
    found = connection.execute(query).first()
    if found is None:
        files.put("proposal.json", None)
        return
    files.put("proposal.json", plain_row(found._mapping))
    steps = sa.select(transition).where(transition.c.proposal_id == found.id, transition.c.at <= signed_at)
    moves = connection.execute(steps.order_by(transition.c.id)).mappings().all()
    files.put("transitions.json", plain_rows(moves))
    since = min([found.created_at, *(move["value_at"] for move in moves if move["value_at"] is not None)])
    shares = shares_of(found)
    looked = sa.select(evaluation).where(
        evaluation.c.rule.in_([share["rule"] for share in shares]),
        evaluation.c.at.between(found.created_at - BESIDE, max(signed_at, found.updated_at)),
    )
    files.put("evaluations.json", plain_rows(connection.execute(looked.order_by(evaluation.c.id)).mappings()))
    span = Span(since, max(found.updated_at, since), signed_at, land_of(list(found.regions), base_dir))
    wanted: set[int] = set()
    for share in shares:
        wanted |= _rule(connection, share, span, files)
    _payloads(connection, home, sorted(wanted), files)


def _rule(connection: Connection, share: Mapping[str, Any], span: Span, files: Files) -> set[int]:
    """One rule in the version that counted, who let it run, and what it saw; the payloads of that."""
    key, digest = share["rule"], share["digest"]
    table, name = rule_version.c, f"rules/{share['digest'][:16]}"
    stored = (
        connection.execute(sa.select(rule_version).where(table.rule == key, table.digest == digest))
        .mappings()
        .first()
    )
    if stored is None:
        files.lack(f"{name}.json", f"the text of rule {key} is not kept")
        return set()
    files.put(f"{name}.json", plain_row(stored))
    edition = sa.select(rule_edition).where(rule_edition.c.rule == key, rule_edition.c.digest == digest)
    files.put(f"{name}.edition.json", plain_rows(connection.execute(edition).mappings()))
    decided = sa.select(rule_decision).where(rule_decision.c.rule == key, rule_decision.c.at <= span.known_at)
    files.put(
        f"{name}.decisions.json", plain_rows(connection.execute(decided.order_by(rule_decision.c.id)).mappings())
    )
    wanted: set[int] = set()
    for found in readings_of(connection, Rule.model_validate(stored["body"]), span):
        document = {
            "rule": found.rule, "input": found.input, "source": found.source, "quantity": found.quantity,
            "rows": found.rows,
        }  # fmt: skip
        place = f"readings/{digest[:16]}-{found.input}.json"
        files.put(place, document)
        wanted.update(found.payloads)
        if found.more:
            files.lack(place, f"only the first {len(found.rows)} rows are here")
    return wanted


def _payloads(connection: Connection, home: Path, wanted: Sequence[int], files: Files) -> None:
    """The bytes as they came, named by their hash."""
    archive, size = Archive(home / "payloads"), 0
    rows = (
        connection.execute(sa.select(payload).where(payload.c.id.in_(wanted)).order_by(payload.c.id)).mappings().all()
    )
    files.put("payloads.json", plain_rows(rows))
    for row in rows:
        name = f"payloads/{row['sha256']}"
        if name in files.bodies:
            continue
        if size + row["size"] > MOST_BYTES:
            files.lack(name, f"left out: payloads are more than {MOST_BYTES} bytes together")
            continue
        try:
            files.put(name, archive.get(row["sha256"]))
            size += row["size"]
        except StoreError as error:
            files.lack(name, str(error))
    for lost in sorted(set(wanted) - {row["id"] for row in rows}):
        files.lack(f"payload {lost}", "its row is not kept any more")


def _audit(connection: Connection, row: RowMapping, files: Files, anchors: Iterable[tuple[int, str]]) -> None:
    """The entries about the warning whole; those between them by number and hashes only: they are about others."""
    about = sa.and_(audit.c.action.like("warning.%"), audit.c.object == str(row["id"]))
    span = connection.execute(sa.select(sa.func.min(audit.c.seq), sa.func.max(audit.c.seq)).where(about)).one()
    if span[0] is None:
        files.put("audit.json", [])
        files.lack("audit.json", "the audit chain says nothing of it")
        return
    entries = []
    own = {one["seq"] for one in connection.execute(sa.select(audit.c.seq).where(about)).mappings()}
    query = sa.select(audit).where(audit.c.seq.between(*span)).order_by(audit.c.seq)
    for one in connection.execute(query).mappings():
        whole = {**plain_row(one), "at": one["at"].isoformat(timespec="microseconds")}
        entries.append(whole if one["seq"] in own else {name: one[name] for name in ("seq", "previous", "hash")})
    files.put("audit.json", entries)
    inside = sorted((number, known) for number, known in anchors if span[0] <= number <= span[1])
    files.put("anchors.json", [{"seq": number, "hash": known} for number, known in inside])


def _media(home: Path, row: RowMapping, files: Files) -> None:
    manifest = state_of(home, row["signed_sha256"]).manifest
    if manifest is None:
        files.lack("media.json", "no media have been made of it")
    else:
        files.put("media.json", manifest)
