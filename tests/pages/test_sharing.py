"""The pages of sharing and of programs: asked, decided and set through callbacks, as the browser sends them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from access.people import EXTENSION
from access.sharing import grants
from data.actor import Actor
from tests.api.test_sharing_everywhere import WHY, World, world  # noqa: F401 the fixture

ASK = "..sharing-said.children...sharing-changed.data.."


def ask(world: World, who: str, name: str, **changes: Any) -> Any:  # noqa: F811
    given = {"allows": "records", "days": "30", "regions": "", "purpose": WHY} | changes
    state = [{"id": "sharing-dataset", "property": "data", "value": name}]
    state += [{"id": f"sharing-{key}", "property": "value", "value": value} for key, value in given.items()]
    answer = world.call(who, ASK, [{"id": "sharing-ask", "property": "n_clicks", "value": 1}], state)
    return answer.json["response"] if answer.status_code == 200 else answer


def store_of(world: World) -> Any:  # noqa: F811
    return world.server.extensions[EXTENSION].store


def test_a_request_is_written_down_and_lists_show_it_to_its_asker(world: World) -> None:  # noqa: F811
    answer = ask(world, "duty", "secret", regions="CN-11, CN-12")
    assert "waits" in json.dumps(answer["sharing-said"])
    with store_of(world).read() as connection:
        (row,) = grants.of_dataset(connection, "secret", "duty@eoc.example")
    assert (row.regions, row.purpose, row.allows, row.granted) == (["CN-11", "CN-12"], WHY, "records", None)
    changed = [{"id": "sharing-changed", "property": "data", "value": row.id}]
    state = [{"id": "sharing-dataset", "property": "data", "value": "secret"}]
    shown = {}
    for who in ("duty", "north"):
        answer = world.call(who, "..sharing-own.children...sharing-lists.children..", changed, state)
        shown[who] = json.dumps(answer.json["response"])
    assert WHY in shown["duty"] and "waits for a decision" in shown["duty"]
    assert "duty@eoc.example" not in shown["north"]  # requests of others are for those who decide


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"purpose": "because"}, "sentence"), ({"days": "0"}, "year"), ({"days": "9999"}, "year"),
     ({"days": "x"}, "year"), ({"allows": "everything"}, "may not")],
)  # fmt: skip
def test_a_wrong_request_gets_its_reason(world: World, changes: dict[str, Any], said: str) -> None:  # noqa: F811
    answer = ask(world, "duty", "shared", **changes)
    assert said in json.dumps(answer["sharing-said"]) and "alert" in json.dumps(answer["sharing-said"])


def test_who_only_looks_may_not_even_ask(world: World) -> None:  # noqa: F811
    assert ask(world, "viewer", "public").status_code == 403


def test_a_decision_is_somebody_else_s_and_a_planner_s_is_refused(world: World) -> None:  # noqa: F811
    ask(world, "duty", "restricted")
    with store_of(world).read() as connection:
        (row,) = grants.of_dataset(connection, "restricted", "duty@eoc.example")
    key = {"what": "grant", "number": row.id, "type": "sharing-do"}
    identity = json.dumps(key, sort_keys=True, separators=(",", ":"))
    for who in ("whole", "duty"):
        answer = world.decide(who, identity, row.id)
        assert "may not decide" in json.dumps(answer.json["response"])
    with store_of(world).write() as connection:
        chief = Actor(9, "chief@eoc.example", "", frozenset({"approver"}))
        grants.decide(connection, chief, row.id, True, "agreed", row.asked_at, lambda _: ())
    (found,) = [one for one in world.get("duty", "/api/records.json").json if one["name"] == "restricted"]
    assert found["records"] is True
    key["what"] = "revoke"
    answer = world.decide("duty", json.dumps(key, sort_keys=True, separators=(",", ":")), row.id)  # one's own
    assert "Written down" in json.dumps(answer.json["response"])
    assert "restricted" not in [one["name"] for one in world.get("duty", "/api/records.json").json]


def test_terms_are_set_by_who_decides_alone(world: World) -> None:  # noqa: F811
    output = next(key for key in world.outputs if "sharing-said" in key and world.inputs(key) == ["sharing-set"])
    inputs = [{"id": "sharing-set", "property": "n_clicks", "value": 1}]
    state = [{"id": "sharing-dataset", "property": "data", "value": "shared"},
             {"id": "sharing-least", "property": "value", "value": 1},
             {"id": "sharing-accuracy", "property": "value", "value": 2}]  # fmt: skip
    assert world.call("whole", output, inputs, state).status_code == 403


def test_a_token_is_made_shown_once_listed_and_ended(world: World) -> None:  # noqa: F811
    output = "..programs-said.children...programs-list.children.."
    press = [{"id": "programs-make", "property": "n_clicks", "value": 1}]

    def make(name: str) -> Any:
        state = [{"id": "programs-name", "property": "value", "value": name},
                 {"id": "programs-days", "property": "value", "value": "30"}]  # fmt: skip
        return world.call("duty", output, press, state).json["response"]

    made = make("GIS of the desk")
    token = made["programs-said"]["children"][1]["props"]["children"]
    assert token.startswith("tocsin_") and token not in json.dumps(made["programs-list"])
    assert "GIS of the desk" in json.dumps(made["programs-list"])
    headers = {"Authorization": f"Bearer {token}"}
    assert world.server.test_client().get("/ogc/collections", headers=headers).status_code == 200
    assert "needs a name" in json.dumps(make(" ")["programs-said"])
