"""I23: what waited in the queue when the program was renewed is sent by the new one, once, with its key."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from alerts.ledger import work
from data.store.engine import Store, open_store
from data.store.migrate import FOLDER, migrate
from data.store.tables import delivery
from tests.alerts.sending import Recorder, rows

BODY = json.dumps({"system": "tocsin", "cause": "engine", "state": "open", "detail": {"what": "x"}})


def at_revision(url: str, revision: str) -> Store:
    store, config = open_store(url), Config()
    config.set_main_option("script_location", str(FOLDER))
    with store.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return store


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'old.db'}"
    url = str(request.getfixturevalue("postgres_url"))
    store = open_store(url)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    store.close()
    return url


def test_i23_rows_queued_before_the_desk_was_built_are_sent_after_it(empty_url: str, now: datetime) -> None:
    store = at_revision(empty_url, "0011")
    digest = hashlib.sha256(BODY.encode()).hexdigest()
    columns = {
        "channel": "webhook", "payload_sha256": digest, "body": BODY, "attempts": 0, "lease_by": "", "receipt": "",
        "error": "", "notice_id": 1,
    }  # fmt: skip
    with store.write() as connection:
        tables = sa.MetaData()
        notice = sa.Table("notice", tables, autoload_with=connection)
        queue = sa.Table("delivery", tables, autoload_with=connection)
        times = {"opened_at": now, "last_at": now}
        connection.execute(notice.insert().values(id=1, cause="engine", detail={"what": "x"}, **times))
        for number, state in enumerate(("pending", "leased", "sent", "failed"), 1):
            lease = {"lease_by": "dead:1", "lease_until": now} if state == "leased" else {}
            values = {**columns, "key": f"key-{number}", "recipient": f"https://{number}.example/", "state": state}
            connection.execute(queue.insert().values(**{**values, "next_at": now, **lease}))
    migrate(store)
    hook, later = Recorder("webhook"), now + timedelta(minutes=1)
    assert work(store, {"webhook": hook}, "w", now=later) == 2
    assert work(store, {"webhook": hook}, "w", now=later) == 0
    assert {(message.key, message.body) for message in hook.sent} == {
        ("key-1", BODY.encode()),
        ("key-2", BODY.encode()),
    }
    assert [row.state for row in rows(store, delivery)] == ["sent", "sent", "sent", "failed"]
    store.close()
