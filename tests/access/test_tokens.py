"""A program reads with the token of an account: what that account may, by GET, for as long as the token stands."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import jsonify

from access import accounts, tokens
from access.guard import needs
from access.people import current
from data.errors import ConfigError
from data.store.tables import api_token
from data.store.tables import audit as audit_table
from tests.access.conftest import PEOPLE, Web


@pytest.fixture
def programs(web_on_both: Web) -> Web:
    """The small server with an address for programs, one for planners among them, and one for people only."""

    @needs("watch.view")
    def look() -> Any:
        return jsonify(email=current().email, roles=sorted(current().roles))

    @needs("plan.view")
    def plan() -> Any:
        return jsonify(email=current().email)

    for rule, view in (("/ogc/look", look), ("/ogc/plan", plan), ("/people-only", look)):
        web_on_both.server.add_url_rule(rule, rule, view, methods=["GET", "POST"])
    return web_on_both


def token_of(web: Web, role: str, **changes: Any) -> str:
    now = web.clock()
    wanted = {
        "name": "QGIS",
        "actions": ["watch.view", "plan.view"],
        "expires_at": now + timedelta(days=1),
        "now": now,
    }
    with web.store.write() as connection:
        account = accounts.find(connection, email=PEOPLE[role])
        assert account is not None
        return tokens.make(connection, account, **wanted | changes)


def ask(web: Web, path: str, token: str, method: str = "GET", scheme: str = "Bearer") -> Any:
    headers = {"Authorization": f"{scheme} {token}", "Accept": "application/json"}
    return web.server.test_client().open(path, method=method, base_url=web.base, headers=headers)


def test_a_token_reads_as_its_account_and_is_not_kept_itself(programs: Web) -> None:
    token = token_of(programs, "planner")
    answer = ask(programs, "/ogc/plan", token)
    assert (answer.status_code, answer.json) == (200, {"email": PEOPLE["planner"]})
    assert "Set-Cookie" not in answer.headers
    with programs.store.read() as connection:
        row = connection.execute(sa.select(api_token)).one()
        actions = list(connection.execute(sa.select(audit_table.c.action)).scalars())
    assert token not in str(row) and row.used_at == programs.clock()
    assert actions[-1] == "token.make"


def test_it_may_no_more_than_it_is_for_and_wakes_no_role_that_needs_two_proofs(programs: Web) -> None:
    narrow = token_of(programs, "planner", actions=["watch.view"])
    assert ask(programs, "/ogc/look", narrow).json["roles"] == ["viewer"]
    assert ask(programs, "/ogc/plan", narrow).status_code == 403
    assert ask(programs, "/ogc/look", token_of(programs, "admin")).json["roles"] == ["viewer"]


def test_it_is_the_password_of_programs_that_know_no_bearer(programs: Web) -> None:
    token = token_of(programs, "planner")

    def basic(text: str) -> Any:
        return ask(programs, "/ogc/plan", base64.b64encode(text.encode()).decode(), scheme="Basic")

    assert basic(f"anybody:{token}").json == {"email": PEOPLE["planner"]}
    for wrong in (f"{token}:", f"anybody:{token}x", token, "anybody:", "", f"{PEOPLE['planner']}:a password"):
        assert basic(wrong).status_code == 401
    assert ask(programs, "/ogc/plan", "no base64", scheme="Basic").status_code == 401
    assert ask(programs, "/ogc/plan", token, scheme="Digest").status_code == 401


def test_it_changes_nothing_and_opens_no_other_address(programs: Web) -> None:
    token = token_of(programs, "planner")
    assert ask(programs, "/ogc/look", token, "POST").status_code == 403
    assert ask(programs, "/people-only", token).status_code == 401
    bare = programs.server.test_client().get("/ogc/look", base_url=programs.base)  # of a map program, for a tile
    assert bare.status_code == 401
    assert ask(programs, "/", token).status_code in (401, 303, 302)


@pytest.mark.parametrize("scheme", ["Basic", "", "Bearer x"])
def test_what_is_no_token_is_refused(programs: Web, scheme: str) -> None:
    answer = ask(programs, "/ogc/look", token_of(programs, "planner"), scheme=scheme)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert ask(programs, "/ogc/look", "tocsin_wrong").status_code == 401


def test_it_ends_with_its_time_with_its_account_and_when_it_is_revoked(programs: Web) -> None:
    token, other = token_of(programs, "planner"), token_of(programs, "duty")
    with programs.store.write() as connection:
        account = accounts.find(connection, email=PEOPLE["duty"])
        assert account is not None
        accounts.set_active(connection, account, False, at=programs.clock(), by="test")
        (row,) = [row for row in connection.execute(sa.select(api_token)) if row.user_id != account.id]
    assert ask(programs, "/ogc/look", other).status_code == 401
    with programs.store.write() as connection:
        assert not tokens.revoke(connection, account.id, row.id, by="duty", now=programs.clock())
        assert tokens.revoke(connection, row.user_id, row.id, by="planner", now=programs.clock())
    assert ask(programs, "/ogc/look", token).status_code == 401
    third = token_of(programs, "planner")
    programs.clock.forward(days=1)
    assert ask(programs, "/ogc/look", third).status_code == 401


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": " "}, "name"), ({"actions": ["admin.users"]}, "not for programs"), ({"actions": []}, "something"),
        ({"expires_at": timedelta(0)}, "lasts"), ({"expires_at": timedelta(days=400)}, "lasts"),
    ],
)  # fmt: skip
def test_a_token_has_a_name_a_purpose_and_an_end(programs: Web, changes: dict[str, Any], fault: str) -> None:
    if "expires_at" in changes:
        changes = {"expires_at": programs.clock() + changes["expires_at"]}
    with pytest.raises(ConfigError, match=fault):
        token_of(programs, "planner", **changes)


def test_a_wall_display_has_none(programs: Web) -> None:
    with pytest.raises(ConfigError, match="wall"):
        token_of(programs, "wall")
