"""Proofs: the report on a rule's trial, kept by the digest of the rule that was tried."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.proof_scores import NOT_MEASURED
from data.errors import RuleError
from data.store.tables import proof


def store_proof(
    connection: Connection,
    rule_key: str,
    version: str,
    digest: str,
    report: Mapping[str, Any],
    by: str,
    at: datetime,
) -> int:
    """Keep a report; earlier ones stay. Returns its number.

    Raises
    ------
    RuleError
        For a report on a history that had nothing of what the rule looks at, or of which nobody could tell anything
        in all of its time: it proves nothing.
    """
    for block in report["rules"]:
        if why_no_proof(block):
            raise RuleError(f"{why_no_proof(block)}: {rule_key}")
    inserted = connection.execute(
        proof.insert().values(rule=rule_key, version=version, digest=digest, report=dict(report), by=by, at=at)
    )
    assert inserted.inserted_primary_key is not None
    return int(inserted.inserted_primary_key[0])


def why_no_proof(block: Mapping[str, Any]) -> str:
    """Why the part of a report about one rule proves nothing; empty where it does."""
    if block["no_scores"] == NOT_MEASURED:
        return "the history has nothing of what the rules look at"
    share = block["unknown"]["share"]
    if share is not None and share >= 1.0:
        return "in all of the time nobody could tell whether the rule would have fired"
    return ""


def find_proof(connection: Connection, digest: str) -> dict[str, Any] | None:
    """The newest proof of exactly this rule (`id, rule, version, digest, at, by, report`), or None."""
    query = sa.select(proof).where(proof.c.digest == digest).order_by(proof.c.id.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else dict(row._mapping)
