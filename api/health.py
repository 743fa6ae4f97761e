"""Whether this server, its database and its engine are well: for supervisors, for operators and for Prometheus."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import Blueprint, Response
from sqlalchemy.engine import Connection

from access.guard import needs
from alerts.watchdog import LEAST_DISK_SHARE
from api.answers import fresh
from api.context import Api, api
from data.clock import iso
from data.store import tables
from data.store.leader import SILENT_AFTER
from data.store.migrate import FOLDER

if TYPE_CHECKING:
    from prometheus_client.core import Metric

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """This process answers; nothing else is asked."""
    return Response("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})


@blueprint.get("/readyz")
def ready() -> Response:
    """Whether work should be sent here. Anyone may ask, so only names of checks are told."""
    faults = find_faults(api())
    return fresh({"ready": not faults, "faults": sorted(faults)}, 503 if faults else 200)


@blueprint.get("/statusz")
@needs("status.view")
def status() -> Response:
    here = api()
    now = here.clock()
    faults = find_faults(here)
    body: dict[str, Any] = {"now": iso(now), "ready": not faults, "faults": faults, "streams": here.hub.streams}
    if "database" not in faults:
        with here.store.read() as connection:
            body |= read_status(connection, now)
    return fresh(body)


@blueprint.get("/metrics")
@needs("status.view")
def metrics() -> Response:
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(StoreCollector(api()))  # type: ignore[arg-type]
    return Response(
        generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4, headers={"Cache-Control": "no-store"}
    )


def find_faults(here: Api) -> dict[str, str]:
    """What is wrong, by the name of the check; empty where all is well."""
    faults: dict[str, str] = {}
    folder = here.settings.home if here.settings.home.exists() else here.settings.home.parent
    disk = shutil.disk_usage(folder)
    if disk.free < LEAST_DISK_SHARE * disk.total:
        faults["disk"] = f"{disk.free // 2**20} MiB free of {disk.total // 2**20}"
    try:
        with here.store.write() as connection:
            probe = tables.topic_version
            connection.execute(probe.update().where(probe.c.topic == "").values(version=0))
        with here.store.read() as connection:
            revision = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
            beat = connection.execute(
                sa.select(tables.leader.c.heartbeat_at).where(tables.leader.c.name == "engine")
            ).scalar()
    except sa.exc.SQLAlchemyError as error:
        return faults | {"database": type(error).__name__}
    if revision != _head():
        faults["migrations"] = f"the database is at {revision}, this version needs {_head()}"
    if beat is None:
        faults["engine"] = "no engine has run yet"
    elif here.clock() - beat > SILENT_AFTER:
        faults["engine"] = f"last heartbeat {iso(beat)}"
    return faults


@lru_cache(maxsize=1)
def _head() -> str | None:
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(FOLDER)).get_current_head()


def read_status(connection: Connection, now: datetime) -> dict[str, Any]:
    """The facts behind lights and metrics, as they stand in the store."""
    feeds = connection.execute(sa.select(tables.source_state).order_by(tables.source_state.c.source)).all()
    table = tables.rule_state.c
    enabled = sa.select(table.rule, table.evaluated_at).where(table.enabled, table.loaded).order_by(table.rule)
    rules = connection.execute(enabled).all()
    engine = connection.execute(sa.select(tables.leader).where(tables.leader.c.name == "engine")).one_or_none()
    deliveries = connection.execute(
        sa.select(tables.delivery.c.state, sa.func.count().label("number")).group_by(tables.delivery.c.state)
    ).all()
    queue = tables.delivery.c
    waits_since = connection.execute(
        sa.select(sa.func.min(queue.created_at)).where(queue.state.in_(("pending", "leased")), queue.next_at <= now)
    ).scalar()
    dispatch = sa.select(tables.leader.c.heartbeat_at).where(tables.leader.c.name == "dispatch")
    notices = sa.select(sa.func.count()).select_from(tables.notice).where(tables.notice.c.closed_at.is_(None))
    return {
        "engine": None if engine is None else {"epoch": engine.epoch, "holder": engine.holder,
                                               "heartbeat_at": iso(engine.heartbeat_at)},
        "feeds": [
            {
                "source": row.source,
                "enabled": row.enabled,
                "paused": bool(row.paused_by),
                "data_age_s": _age(row.last_data_at, now),
                "success_age_s": _age(row.last_success_at, now),
                "failures": row.failures,
                "failing_since": iso(row.failing_since) if row.failing_since else None,
            }
            for row in feeds
        ],
        "rules": [{"rule": row.rule, "evaluated_age_s": _age(row.evaluated_at, now)} for row in rules],
        "deliveries": {row.state: int(row.number) for row in deliveries},
        "oldest_delivery_s": _age(waits_since, now),
        "dispatch_age_s": _age(connection.execute(dispatch).scalar(), now),
        "open_notices": connection.execute(notices).scalar_one(),
    }  # fmt: skip


def _age(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else round((now - at).total_seconds(), 3)


class StoreCollector:
    """Metrics straight from the store, the same from every worker. What never happened has no sample, not zero."""

    def __init__(self, here: Api) -> None:
        self._here = here

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily as Gauge

        faults = find_faults(self._here)
        ready = Gauge("tocsin_check_ok", "1 where a check of /readyz passes", labels=["check"])
        for check in ("database", "migrations", "engine", "disk"):
            ready.add_metric([check], float(check not in faults))
        yield ready
        yield Gauge("tocsin_live_streams", "open live streams of this worker", value=self._here.hub.streams)
        if "database" in faults:
            return
        with self._here.store.read() as connection:
            status = read_status(connection, self._here.clock())
        data_age = Gauge("tocsin_feed_age_seconds", "age of the newest data of a feed", labels=["source"])
        success = Gauge("tocsin_feed_success_age_seconds", "time since the last good fetch", labels=["source"])
        failures = Gauge("tocsin_feed_failures", "failures in a row", labels=["source"])
        for feed in status["feeds"]:
            _add(data_age, feed["source"], feed["data_age_s"])
            _add(success, feed["source"], feed["success_age_s"])
            _add(failures, feed["source"], float(feed["failures"]))
        rules = Gauge("tocsin_rule_last_eval_age_seconds", "time since a rule was evaluated", labels=["rule"])
        for rule in status["rules"]:
            _add(rules, rule["rule"], rule["evaluated_age_s"])
        deliveries = Gauge("tocsin_deliveries", "deliveries by state", labels=["state"])
        for state, count in status["deliveries"].items():
            _add(deliveries, state, float(count))
        yield from (data_age, success, failures, rules, deliveries)
        for name, text, age in (
            ("delivery_oldest_pending", "age of the oldest delivery that is due", status["oldest_delivery_s"]),
            ("dispatch_heartbeat_age", "time since dispatch was heard", status["dispatch_age_s"]),
        ):
            if age is not None:
                yield Gauge(f"tocsin_{name}_seconds", text, value=age)
        yield Gauge("tocsin_open_notices", "operator notices still open", value=status["open_notices"])
        if status["engine"] is not None:
            yield Gauge("tocsin_engine_epoch", "leadership epoch of the engine", value=status["engine"]["epoch"])


def _add(gauge: Any, label: str, value: float | None) -> None:
    if value is not None:
        gauge.add_metric([label], value)
