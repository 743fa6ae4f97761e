"""`python app.py doctor`: what is missing or wrong, and how to mend it."""

from __future__ import annotations

import json
import os
import shutil
import socket
from dataclasses import asdict

from data.clock import utc_now
from data.errors import StoreError, TocsinError
from data.settings import ROOT, Settings
from data.setup.checks import Check, check_setup

LEAST_FREE_SHARE = 0.05


def report(settings: Settings, as_json: bool) -> int:
    """Print every check; 0 only when all are well."""
    checks = [*check_setup(ROOT, settings.packs), *_running(settings)]
    if as_json:
        print(json.dumps([asdict(check) for check in checks], ensure_ascii=False, indent=1))
    else:
        for check in checks:
            print(f"{'ok   ' if check.ok else 'WRONG'} {check.name}: {check.detail}")
            if not check.ok and check.mend:
                print(f"      {check.mend}")
    return 0 if all(check.ok for check in checks) else 1


def _running(settings: Settings) -> list[Check]:
    return [_home(settings), _disk(settings), *_store(settings), _port(settings)]


def _home(settings: Settings) -> Check:
    mend = f"create {settings.home} for the account that runs Tocsin, or set TOCSIN_HOME"
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Check("Home folder", False, f"{settings.home}: {error.strerror}", mend)
    return Check("Home folder", os.access(settings.home, os.W_OK), str(settings.home), mend)


def _disk(settings: Settings) -> Check:
    place = settings.home if settings.home.exists() else settings.home.parent
    usage = shutil.disk_usage(place)
    share = usage.free / usage.total
    return Check(
        "Free disk",
        share >= LEAST_FREE_SHARE,
        f"{usage.free / 1e9:.1f} GB, {share:.0%}",
        "free some space, or move TOCSIN_HOME",
    )


def _store(settings: Settings) -> list[Check]:
    import sqlalchemy as sa

    from data.store.engine import open_store
    from data.store.migrate import migrate
    from data.store.tables import leader

    try:
        store = open_store(settings.url)
        store.wait_ready(5)
        revision = migrate(store)
        with store.write() as connection:
            beat = connection.execute(sa.select(leader.c.heartbeat_at).where(leader.c.name == "engine")).scalar()
        store.close()
    except (TocsinError, StoreError, sa.exc.SQLAlchemyError) as error:
        return [Check("Database", False, str(error), "check TOCSIN_DATABASE_URL and that the server runs")]
    age = (utc_now() - beat).total_seconds() if beat else None
    engine = Check(
        "Engine",
        age is not None and age < 30,
        "never ran here" if age is None else f"last heartbeat {age:.0f} s ago",
        "start it: make run, or python app.py engine",
    )
    return [Check("Database", True, f"writable, at revision {revision}"), engine]


def _port(settings: Settings) -> Check:
    with socket.socket() as probe:
        probe.settimeout(1)
        taken = probe.connect_ex((settings.host, settings.port)) == 0
    return Check("Address", True, f"{settings.host}:{settings.port} {'answers' if taken else 'is free'}")
