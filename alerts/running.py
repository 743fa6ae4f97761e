"""The rules that run: those of the files, with what two people have enabled in their place, and without what is off.

Asked before each evaluation; read anew only where somebody has decided something since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
import yaml
from pydantic import ValidationError
from sqlalchemy.engine import Connection

from alerts.document import compose, plain
from alerts.pack import PackRule
from alerts.rule import Rule
from alerts.rule_version import Edition, Standing, rule_of, standings
from data.store.engine import Store
from data.store.tables import rule_decision, rule_edition

EDITOR = Path("editor")  # where a rule comes from that no file has


class RunningRules:
    """What `evaluate_all` is given, as of now."""

    def __init__(self, files: Sequence[PackRule]) -> None:
        self.files = tuple(files)
        self.faults: tuple[str, ...] = ()  # versions that were enabled and cannot be read any more
        self._rules = self.files
        self._decided = 0

    def __call__(self, store: Store) -> tuple[PackRule, ...]:
        """The rules; those switched off are among them with `enabled: false`, so that their levels end."""
        with store.read() as connection:
            newest = connection.execute(sa.select(sa.func.max(rule_decision.c.id))).scalar() or 0
            if newest != self._decided:
                self._rules, self.faults = with_decisions(self.files, standings(connection), enabled(connection))
                self._decided = newest
        return self._rules


def enabled(connection: Connection) -> dict[str, Edition]:
    """The version that runs, of each rule that has one."""
    found = {}
    for rule, standing in standings(connection).items():
        same = sa.and_(rule_edition.c.rule == rule, rule_edition.c.number == standing.running)
        row = None if standing.running is None else connection.execute(sa.select(rule_edition).where(same)).first()
        if row is not None:
            found[rule] = Edition(**row._mapping)
    return found


def only_saved(connection: Connection, known: Collection[str]) -> list[PackRule]:
    """Rules of which there are versions only: the newest of each, which runs nothing by being there."""
    newest = sa.select(rule_edition.c.rule, sa.func.max(rule_edition.c.number)).group_by(rule_edition.c.rule)
    found = []
    for key, number in connection.execute(newest.order_by(rule_edition.c.rule)).all():
        if key not in known:
            same = sa.and_(rule_edition.c.rule == key, rule_edition.c.number == number)
            rule, _ = rule_of(connection.execute(sa.select(rule_edition.c.text).where(same)).scalar_one())
            if rule is not None:
                off = rule.model_copy(update={"enabled": False})
                found.append(PackRule(rule=off, path=EDITOR / f"{key}-{number}.yaml"))
    return found


def with_decisions(
    files: Sequence[PackRule], decided: Mapping[str, Standing], editions: Mapping[str, Edition]
) -> tuple[tuple[PackRule, ...], tuple[str, ...]]:
    """The files' rules with people's decisions in place, and what is wrong with enabled versions.

    A version that cannot be read runs nothing in its place: what nobody has signed does not run. Its levels become
    unknown, as those of any rule that is missing. One that can be read, but that today's checks would refuse, goes on
    as it was signed, and is told: a stricter check must not leave a region without its rule overnight.
    """
    result = {item.rule.key: item for item in files}
    faults = []
    for key, standing in decided.items():
        item = result.get(key)
        if standing.switched_off and item is not None:
            result[key] = replace(item, rule=item.rule.model_copy(update={"enabled": False}))
        elif key in editions:
            edition = editions[key]
            rule, found = rule_of(edition.text)
            if rule is None:
                faults.append(f"{key}, version {edition.number}: {found[0].line}: {found[0].message}")
                rule = as_signed(edition.text)
            if rule is None:
                result.pop(key, None)
                continue
            path = EDITOR / f"{key}-{edition.number}.yaml"
            result[key] = PackRule(rule=rule, path=path)
    return tuple(result.values()), tuple(faults)


def as_signed(text: str) -> Rule | None:
    """The rule of a text that has the form of one, whatever else the checks of today say of it."""
    try:
        document = compose(text, EDITOR, [])
        rules = None if document is None else plain(EDITOR, document, [], set()).get("rules")
        return Rule.model_validate(rules[0]) if isinstance(rules, list) and len(rules) == 1 else None
    except (yaml.YAMLError, ValidationError):
        return None
