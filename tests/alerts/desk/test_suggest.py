"""What the desk makes of a proposal against what is in force, and the text that it begins with."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.desk.content import BLANK, LANGUAGES, blanks
from alerts.desk.desk import Desk
from alerts.desk.proposed import proposed
from alerts.desk.read import DeskWarning, inbox
from alerts.desk.refusal import Refusal
from alerts.desk.service import Approved, close, discard, draft_from_proposal, recheck, submit
from alerts.desk.suggest import Action, suggest
from alerts.desk.template import templates, words
from alerts.pack import builtin_paths, read_paths
from data.model import Level
from data.store.engine import Store
from data.store.tables import audit, proposal
from tests.alerts.desk.conftest import ANNA, BO, NOW, later, person

Sign = Callable[..., Approved]
Write = Callable[..., Any]
HERE, BESIDE, THERE = "CN-110101", "CN-110102", "CN-110202"


def suggested(store: Store, desk: Desk, number: int, now: Any = NOW) -> Action:
    with store.read() as connection:
        return suggest(connection, desk.index, proposed(connection, number, desk.index), now)


def test_new_proposal_becomes_a_filled_draft(
    store: Store, desk: Desk, propose: Any, write: Write, sign: Sign
) -> None:
    number = propose(HERE, BESIDE)
    item: DeskWarning = write(draft_from_proposal, number)
    content = item.content
    assert (item.kind, item.proposal_id, content.regions) == ("alert", number, (HERE, BESIDE))
    assert (content.level, content.severity, content.certainty) == ("orange", "Severe", "Observed")
    assert content.texts["en"].description == "CN-110101: 88 mm of rain has fallen: Orange."
    assert content.texts["zh"].description == "CN-110101降雨88毫米，橙色。"
    assert content.texts["zh"].headline == "CN-110101、CN-110102暴雨橙色预警"
    assert content.expires_at == later(hours=3) and list(blanks(content)) == []
    assert write(draft_from_proposal, number, by=BO).id == item.id
    with store.read() as connection:
        assert inbox(connection, NOW).proposals == ()
    made = sign(write(submit, item.id, item.edition)).item
    assert made.state == "issued"
    with pytest.raises(Refusal, match="no longer open"):
        write(draft_from_proposal, number)


def test_discarded_draft_gives_its_proposal_back(store: Store, propose: Any, write: Write) -> None:
    item = write(draft_from_proposal, propose(HERE))
    write(discard, item.id, item.edition, why="radar says no")
    with store.read() as connection:
        assert [row.id for row in inbox(connection, NOW).proposals] == [item.proposal_id]


AGAINST: dict[str, tuple[tuple[str, ...], Level, float, tuple[str, str]]] = {
    "same": ((HERE, BESIDE), Level.ORANGE, 0, ("continue", "update")),
    "part": ((HERE,), Level.ORANGE, 0, ("continue", "update")),
    "same near the end": ((HERE, BESIDE), Level.ORANGE, 2.5, ("extend", "update")),
    "more land": ((HERE, BESIDE, THERE), Level.ORANGE, 0, ("extend", "update")),
    "higher": ((HERE, BESIDE), Level.RED, 0, ("upgrade", "update")),
    "higher in a part": ((HERE,), Level.RED, 0, ("upgrade", "alert")),
    "lower": ((HERE, BESIDE), Level.YELLOW, 0, ("lower", "update")),
    "lower in a part": ((HERE,), Level.YELLOW, 0, ("lower", "alert")),
    "all clear": ((HERE, BESIDE), Level.NONE, 0, ("cancel", "cancel")),
    "all clear near the end": ((HERE, BESIDE), Level.NONE, 2.5, ("let expire", "cancel")),
    "all clear in a part": ((HERE,), Level.NONE, 0, ("lower", "update")),
    "elsewhere": ((THERE,), Level.ORANGE, 0, ("new", "alert")),
    "all clear elsewhere": ((THERE,), Level.NONE, 0, ("nothing", "alert")),
    "after its end": ((HERE, BESIDE), Level.ORANGE, 4, ("new", "alert")),
}


@pytest.mark.parametrize("name", AGAINST)
def test_action_against_what_is_in_force(
    name: str, store: Store, desk: Desk, propose: Any, write: Write, sign: Sign
) -> None:
    regions, level, hours, expected = AGAINST[name]
    item = write(draft_from_proposal, propose(HERE, BESIDE))
    sign(write(submit, item.id, item.edition))
    found = suggested(store, desk, propose(*regions, level=level), later(hours=hours))
    assert (found.action, found.kind) == expected
    assert found.chain == (item.id if found.kind != "alert" else None)


def test_update_of_an_upgrade_says_the_new_level(store: Store, propose: Any, write: Write, sign: Sign) -> None:
    item = write(draft_from_proposal, propose(HERE))
    sign(write(submit, item.id, item.edition))
    update = write(draft_from_proposal, propose(HERE, BESIDE, level=Level.RED, value=120.5), now=later(hours=1))
    assert (update.kind, update.chain, update.content.level) == ("update", item.id, "red")
    assert "120.5" in update.content.texts["en"].description and update.content.regions == (HERE, BESIDE)


def test_proposal_that_is_replaced_while_somebody_writes_is_shown(
    store: Store, desk: Desk, propose: Any, write: Write
) -> None:
    number = propose(HERE)
    item = write(draft_from_proposal, number)
    newer = propose(HERE, BESIDE, level=Level.RED)
    with store.write() as connection:
        here = proposal.c.id == number
        connection.execute(proposal.update().where(here).values(state="superseded", superseded_by=newer))
    with store.read() as connection:
        found = {
            change.what: (change.before, change.after)
            for change in recheck(connection, desk.index, item, NOW).changes
        }
    assert found == {"level": ("orange", "red"), "area": ([HERE], [HERE, BESIDE])}


def test_every_hazard_of_the_packs_has_words_in_both_languages() -> None:
    rules, _ = read_paths(builtin_paths())
    hazards = {item.rule.hazard for item in rules}
    assert hazards - set(templates()) == set()
    for hazard in sorted(set(templates()) - {"general", "meteoalarm"}):
        for level, language in product(("blue", "yellow", "orange", "red"), LANGUAGES):
            told = words(hazard, level, language, area="here", why="It rains.")  # type: ignore[arg-type]
            for name in type(told).model_fields:
                assert getattr(told, name) and not BLANK.search(getattr(told, name)), (hazard, level, name)


def test_proposal_is_closed_without_a_warning_with_a_reason_and_once(
    store: Store, propose: Any, write: Write
) -> None:
    number = propose(HERE)
    for why, by, said in (
        (" ", ANNA, "A reason is needed"),
        ("rain has moved on", person("carl", "planner"), "needs the role"),
        ("rain has moved on", person("dora", "duty", regions=("US-12086",)), "outside the limits"),
    ):
        with pytest.raises(Refusal, match=said):
            write(close, number, why=why, by=by)
    item = write(draft_from_proposal, number)
    with pytest.raises(Refusal, match="is writing a warning about it"):
        write(close, number, why="rain has moved on")
    write(discard, item.id, item.edition, why="not needed")
    write(close, number, why="rain has moved on")
    with pytest.raises(Refusal, match="not open any more"):
        write(close, number, why="again")
    with store.read() as connection:
        row = connection.execute(sa.select(proposal)).one()
        told = connection.execute(sa.select(audit.c.action, audit.c.detail).order_by(audit.c.seq.desc())).first()
        assert inbox(connection, NOW).proposals == ()
    assert row.state == "closed" and row.detail["closed"]["why"] == "rain has moved on"
    assert told is not None and (told.action, told.detail["why"]) == ("proposal.closed", "rain has moved on")
