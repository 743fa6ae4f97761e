"""Why something of a survey is not open to somebody, in words that have translations."""

from __future__ import annotations

from access.sharing import grants, permits
from access.sharing.terms import CLASSES
from data import permit

REASONS = (
    *(terms.why for terms in CLASSES.values() if terms.why), permits.NOT_PLAN, permits.OUTSIDE, grants.NO_PURPOSE,
    grants.TOO_LONG, grants.ALREADY, grants.NOT_OWN, grants.NOT_DECIDE, grants.BEYOND, grants.NO_SUCH,
    grants.OUT_OF_RANGE, permit.NO_RECORDS, permit.NO_EXPORT, permit.NO_AREA,
)  # fmt: skip
ALLOWS = {"counts": "counts", "records": "single records", "export": "copies"}
STATES = {"asked": "waits for a decision", "granted": "in force", "refused": "turned down", "revoked": "taken back",
          "over": "its time is over"}  # fmt: skip
READS = {"tiles": "map tiles", "counts": "counts", "rows": "single records", "export": "copies"}
