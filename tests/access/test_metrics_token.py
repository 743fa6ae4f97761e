"""A program reads /metrics with a token in a header; the token opens nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from access.keys import read_keys
from data.store.tables import audit
from tests.access.conftest import Web


def ask(web: Web, path: str, authorization: str, method: str = "GET") -> Any:
    headers = {"Authorization": authorization, "Accept": "text/plain"}
    return web.server.test_client().open(path, method=method, base_url=web.base, headers=headers)


def denials(web: Web) -> list[Any]:
    with web.store.read() as connection:
        return list(connection.execute(sa.select(audit).where(audit.c.action == "denied").order_by(audit.c.seq)))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_token_reads_metrics_as_nobody(web_on_both: Web, scheme: str) -> None:
    token = read_keys(web_on_both.settings.home).metrics_token
    answer = ask(web_on_both, "/metrics", f"{scheme} {token}")
    assert (answer.status_code, answer.text) == (200, "facts for nobody")
    assert "Set-Cookie" not in answer.headers
    assert denials(web_on_both) == []


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Bearer \u00e9",
        "Basic {token}",
        "{token}",
        "Bearer {token}x",
        "Bearer {key}",
    ],
    ids=["bare", "empty", "wrong", "not-ascii", "basic", "no-scheme", "longer", "session-key"],
)
def test_wrong_token_is_refused_and_audited_without_being_written_down(web_on_both: Web, authorization: str) -> None:
    web = web_on_both
    keys = read_keys(web.settings.home)
    answer = ask(web, "/metrics", authorization.format(token=keys.metrics_token, key=keys.session))
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    (row,) = denials(web)
    assert (row.actor, row.object, row.detail["subject"]) == ("a bearer token", "status.view", "/metrics")
    assert keys.metrics_token not in str(row)


def test_wrong_tokens_are_audited_once_a_minute(web: Web) -> None:
    for _ in range(3):
        ask(web, "/metrics", "Bearer wrong")
    web.clock.forward(seconds=61)
    ask(web, "/metrics", "Bearer wrong")
    assert len(denials(web)) == 2


@pytest.mark.parametrize("path", ["/", "/api/plain", "/api/levels", "/people", "/_dash-layout", "/metrics/x"])
def test_token_opens_nothing_else(web: Web, path: str) -> None:
    token = read_keys(web.settings.home).metrics_token
    assert ask(web, path, f"Bearer {token}").status_code in (302, 401)


def test_token_in_an_address_or_with_another_method_is_nothing(web: Web) -> None:
    token = read_keys(web.settings.home).metrics_token
    assert ask(web, f"/metrics?token={token}", "Bearer").status_code == 401
    assert web.anonymous().get(f"/metrics?access_token={token}").status_code == 302
    assert ask(web, "/metrics", f"Bearer {token}", "POST").status_code == 401


def test_session_still_reads_metrics_by_its_role(web: Web) -> None:
    assert web.signed_in("duty").get("/metrics").status_code == 200
    assert web.signed_in("viewer").get("/metrics").status_code == 403
