"""Shared fixtures: both databases, the recorded feeds where they are, and no network but loopback."""

from __future__ import annotations

import os
import shutil
import sqlite3  # first of all: ecCodes brings an old SQLite that would take its place
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from data.store.engine import Store, open_store
from data.store.migrate import migrate
from tests.postgres import free_port as free_port
from tests.postgres import postgres, postgres_binaries

assert sqlite3.sqlite_version_info >= (3, 35)
ROOT = Path(__file__).resolve().parent.parent
RECORDED = ROOT.parent / "shared" / "fixtures"
ORACLES = ROOT.parent / "shared" / "oracles"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def tries(full: int, quick: int) -> int:
    """How many cases a property is tried with: all in `make prove`, a part of them in `make test`."""
    return full if os.environ.get("TOCSIN_PROVE") else quick


settings.register_profile(
    "house", deadline=None, max_examples=tries(100, 40), suppress_health_check=[HealthCheck.too_slow]
)  # machines are busy
settings.load_profile("house")
READERS = ("pages", "api")  # what they ask of the store is written elsewhere, and tried on both databases there


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests over made-up cases, and the second database of costly ones: `make prove` does more of them."""
    for item in items:
        given = getattr(getattr(item, "callspec", None), "params", {})
        costly = item.get_closest_marker("one_database") or item.path.relative_to(ROOT / "tests").parts[0] in READERS
        if costly and given.get("database_url") == "postgresql":
            item.add_marker("prove")
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("property")


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def recorded() -> Path:
    """The folder of recorded real payloads."""
    if not RECORDED.is_dir():
        pytest.skip("the recorded feeds are not on this machine")
    return RECORDED


@pytest.fixture
def oracles() -> Path:
    """The folder of published numbers."""
    if not ORACLES.is_dir():
        pytest.skip("the oracle tables are not on this machine")
    return ORACLES


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "tocsin.db"
    store = open_store(f"sqlite:///{path}")
    migrate(store)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A private PostgreSQL on a free loopback port, ended by its own process id."""
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL server binaries on this machine (make test installs them)")
    with postgres() as address:
        store = open_store(f"{address}/postgres")
        store.wait_ready(30)
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("CREATE DATABASE template_tocsin"))
        store.close()
        template = open_store(f"{address}/template_tocsin")
        migrate(template)
        template.close()
        yield address


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "tocsin.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def postgres_admin(postgres_server: str) -> Iterator[sa.Connection]:
    """One session that makes and drops the databases of tests."""
    admin = open_store(f"{postgres_server}/postgres")
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection
    admin.close()


@pytest.fixture
def postgres_url(postgres_server: str, postgres_admin: sa.Connection) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex[:12]}"
    # as files: half the time of the way through the log, which is the default since PostgreSQL 15
    as_files = " STRATEGY file_copy" if (postgres_admin.dialect.server_version_info or (0,)) >= (15,) else ""
    postgres_admin.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE template_tocsin{as_files}"))
    yield f"{postgres_server}/{name}"
    postgres_admin.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty, migrated database, once on each engine."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An open store, once on each engine."""
    opened = open_store(database_url)
    deadline = time.monotonic() + 10
    opened.wait_ready(max(0.1, deadline - time.monotonic()))
    yield opened
    opened.close()
