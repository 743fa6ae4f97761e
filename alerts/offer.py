"""Proposals as rows: what rules of one hazard find at one look in one stretch of land is put before people once.

A row holds the share of every rule that stands behind it, in `detail["rules"]`: its key, digest, version and regions.
The regions of the row are those of its shares, and `rule` and `digest` name the first rule that still has any. Each
region of a rule stands in one open proposal at most: the newest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.neighbours import Land
from alerts.propose import Draft
from alerts.rule import Rule
from data.store.changes import note_change
from data.store.tables import proposal

NAMED = 50  # regions listed in a change line; the count says how many there are
Share = dict[str, Any]  # rule, digest, version, regions


def shares_of(row: Any) -> list[Share]:
    """The rules behind a proposal, the leading one first; one that was written before rules shared has one."""
    alone = {"rule": row.rule, "digest": row.digest, "version": row.detail.get("version", ""), "regions": row.regions}
    return list(row.detail.get("rules") or [alone])


def keep_proposals(
    connection: Connection, rule: Rule, waves: Iterable[Sequence[Draft]], now: datetime, land: Land | None
) -> dict[str, int]:
    """Write drafts, retire what they replace, and tell the screens. Returns region -> its newest proposal.

    Parameters
    ----------
    waves : iterable of sequences of Draft
        Those of a later wave replace those of an earlier one.
    land : Land, optional
        Which regions hang together; without it every draft stands by itself.
    """
    newest: dict[str, int] = {}
    for drafts in waves:
        drafted: dict[str, int] = {}
        for draft in drafts:
            key = _put(connection, rule, draft, now, land, set(drafted.values()))
            drafted |= dict.fromkeys(draft.regions, key)
            _tell(connection, rule, draft, key, now)
        if drafted:
            _retire(connection, rule, drafted, now)
        newest |= drafted
    return newest


def _open(connection: Connection, *which: sa.ColumnElement[bool]) -> Sequence[Any]:
    query = sa.select(proposal).where(proposal.c.state == "open", *which).order_by(proposal.c.id)
    return connection.execute(query.with_for_update()).all()


def _put(connection: Connection, rule: Rule, draft: Draft, now: datetime, land: Land | None, mine: set[int]) -> int:
    """Add a draft to the proposal of this look that says the same beside it, or make one; `mine` are this wave's."""
    share = {"rule": rule.key, "digest": rule.digest, "version": rule.version, "regions": list(draft.regions)}
    beside = [] if land is None else _beside(connection, rule, draft, now, land, mine)
    if not beside:
        detail = {"before": int(draft.before), "branch": rule.branch, "version": rule.version, "rules": [share]}
        inserted = connection.execute(
            proposal.insert().values(
                created_at=now, updated_at=now, rule=rule.key, digest=rule.digest, hazard=rule.hazard,
                level=int(draft.level), reason=draft.reason, regions=list(draft.regions), state="open", detail=detail,
            )
        )  # fmt: skip
        assert inserted.inserted_primary_key is not None
        return int(inserted.inserted_primary_key[0])
    first, *others = beside
    for other in others:
        _end(connection, other.id, first.id, now)
    before = max(int(draft.before), *(row.detail.get("before", 0) for row in beside))
    shares = _added([*(one for row in beside for one in shares_of(row)), share])
    _rewrite(connection, first, shares, now, before=before)
    return int(first.id)


def _beside(connection: Connection, rule: Rule, draft: Draft, now: datetime, land: Land, mine: set[int]) -> list[Any]:
    """The open proposals of this look that say the same, on the same grounds, in the same stretch of land."""
    table = proposal.c
    same = (
        table.created_at == now, table.hazard == rule.hazard, table.level == int(draft.level),
        table.reason == draft.reason,
    )  # fmt: skip
    rows = [
        row
        for row in _open(connection, *same)
        if row.detail.get("branch") == rule.branch
        and (row.id in mine or rule.key not in {one["rule"] for one in shares_of(row)})
    ]
    places = land.together([draft.regions, *(row.regions for row in rows)])
    return [row for row, place in zip(rows, places[1:], strict=True) if place == 0]


def _added(shares: Iterable[Share]) -> list[Share]:
    """One share for each rule."""
    found: dict[str, Share] = {}
    for share in shares:
        held = found.setdefault(share["rule"], {**share, "regions": []})
        held["regions"] = sorted({*held["regions"], *share["regions"]})
    return list(found.values())


def _retire(connection: Connection, rule: Rule, drafted: Mapping[str, int], now: datetime) -> None:
    """Take the regions of new proposals out of the rule's share of those that were open before."""
    for row in _open(connection, proposal.c.id.not_in(set(drafted.values()))):
        shares = shares_of(row)
        mine = next((one for one in shares if one["rule"] == rule.key), None)
        gone = [] if mine is None else [code for code in mine["regions"] if code in drafted]
        if mine is None or not gone:
            continue
        left = [{**one, "regions": _without(one["regions"], gone)} if one is mine else one for one in shares]
        if any(one["regions"] for one in left):
            _rewrite(connection, row, left, now)
        else:
            _end(connection, row.id, max(drafted[code] for code in gone), now)


def _without(codes: Sequence[str], gone: Sequence[str]) -> list[str]:
    out = set(gone)
    return [code for code in codes if code not in out]


def _rewrite(connection: Connection, row: Any, shares: Sequence[Share], now: datetime, **detail: Any) -> None:
    leading = next(one for one in shares if one["regions"])
    connection.execute(
        proposal.update()
        .where(proposal.c.id == row.id)
        .values(
            rule=leading["rule"], digest=leading["digest"], updated_at=now,
            regions=sorted({code for one in shares for code in one["regions"]}),
            detail={**row.detail, **detail, "version": leading["version"], "rules": list(shares)},
        )
    )  # fmt: skip


def _end(connection: Connection, key: int, by: int, now: datetime) -> None:
    row = proposal.c.id == key
    connection.execute(proposal.update().where(row).values(state="superseded", superseded_by=by, updated_at=now))


def _tell(connection: Connection, rule: Rule, draft: Draft, key: int, now: datetime) -> None:
    note_change(
        connection, "proposals", at=now, kind=draft.reason, subject=rule.key,
        level=max(draft.level, draft.before),
        detail={
            "proposal": key, "level": draft.level.key, "title": rule.title.model_dump(),
            "regions": list(draft.regions[:NAMED]), "count": len(draft.regions),
        },
    )  # fmt: skip
