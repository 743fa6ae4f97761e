"""Everything that can be done at the desk, in one place for pages and commands."""

from __future__ import annotations

from alerts.desk.approve import Approved, approve
from alerts.desk.close import close
from alerts.desk.confirm import Confirmation, asked
from alerts.desk.content import Content, blanks, changed
from alerts.desk.decide import discard, reject, reopen, submit
from alerts.desk.desk import Desk
from alerts.desk.draft import draft_cancel, draft_from_proposal, draft_new, draft_update, save
from alerts.desk.fit import limits_for, prepare, problems
from alerts.desk.frozen import recheck
from alerts.desk.lock import lock, take_over, unlock
from alerts.desk.office import Office, office_of
from alerts.desk.prefill import fresh
from alerts.desk.refusal import Refusal, Stale
from alerts.desk.waiting import sign_waiting

__all__ = (
    "Approved", "Confirmation", "Content", "Desk", "Office", "Refusal", "Stale", "approve", "asked", "blanks",
    "changed", "close", "discard", "draft_cancel", "draft_from_proposal", "draft_new", "draft_update", "fresh",
    "limits_for", "lock", "office_of", "prepare", "problems", "recheck", "reject", "reopen", "save", "sign_waiting",
    "submit", "take_over", "unlock",
)  # fmt: skip
