"""From the bytes of an earthquake message to the signed warning in the ledger, under a standing order.

    python bench/bench_standing.py [QUAKES]

Base data of the set-up (2,891 Chinese counties are watched), SQLite with synchronous=FULL on this disk, the signer as
a process of its own, the office's router with twenty recipients. Each quake is another place and a minute later; each
is read, stored, evaluated, proposed, drafted, signed and queued. One quake gives several messages: one for each level
and stretch of land, the worst first. There is no peer: no other product has this step.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import sqlalchemy as sa  # noqa: E402

from access import audit  # noqa: E402
from alerts.desk.automatic import issue_standing  # noqa: E402
from alerts.desk.content import Words  # noqa: E402
from alerts.desk.desk import Desk  # noqa: E402
from alerts.desk.office import office_of  # noqa: E402
from alerts.desk.signer import SignerClient  # noqa: E402
from alerts.desk.standing import OrderText, propose_order, second  # noqa: E402
from alerts.evaluate import evaluate_all  # noqa: E402
from alerts.pack import PackRule, builtin_paths, read_paths  # noqa: E402
from alerts.routing import router  # noqa: E402
from alerts.rule import Rule  # noqa: E402
from data.actor import Actor, Reauthentication  # noqa: E402
from data.model import Level, Payload  # noqa: E402
from data.regions import load_regions  # noqa: E402
from data.settings import Settings, read_settings  # noqa: E402
from data.store.archive import Archive  # noqa: E402
from data.store.engine import Store  # noqa: E402
from data.store.migrate import open_migrated  # noqa: E402
from data.store.tables import delivery, recipient, recipient_group, rule_version, warning  # noqa: E402
from ingest.runner import Desk as Entry  # noqa: E402
from ingest.runner import ingest_payloads  # noqa: E402
from ingest.usgs_quakes import UsgsQuakes  # noqa: E402

RECIPIENTS, WARM_UP = 20, 5
TEXT = OrderText(
    lasts=timedelta(hours=1),
    texts={
        "en": Words(event="Earthquake", headline="{level} warning: {event}", description="{why}",
                    instruction="Drop, cover and hold on.", area="{area}"),
        "zh": Words(event="地震", headline="{event}{level}预警", description="{why}",
                    instruction="伏地、遮挡、手抓牢。", area="{area}"),
    },
)  # fmt: skip


def quake(number: int, lon: float, lat: float, magnitude: float, at: datetime) -> bytes:
    """One event as the feed writes it."""
    milliseconds = int(at.timestamp() * 1000)
    properties = {
        "mag": magnitude, "magType": "mww", "type": "earthquake", "time": milliseconds, "updated": milliseconds,
        "status": "automatic", "ids": f",us{number},", "title": f"M {magnitude}", "url": "",
    }  # fmt: skip
    feature = {
        "type": "Feature", "id": f"us{number}", "properties": properties,
        "geometry": {"type": "Point", "coordinates": [lon, lat, 10.0]},
    }  # fmt: skip
    return json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()


def watched() -> PackRule:
    """The earthquake rule of the house over the counties of China."""
    found = next(item for item in read_paths(builtin_paths())[0] if item.rule.key == "generic.earthquake")
    body = {**found.rule.body, "key": "bench.earthquake", "regions": {"kinds": ["cn-county"], "within": ["CHN"]}}
    return PackRule(**{**vars(found), "rule": Rule.model_validate(body)})


def prepare(store: Store, settings: Settings, rule: Rule, now: datetime) -> Desk:
    """An office with recipients and an order that two people have signed."""
    desk = Desk(office=office_of(settings), index=load_regions(settings.base_dir), audit=audit.append)
    proof = Reauthentication(now, "totp", True)
    people = [
        Actor(n, f"{name}@office.example", name, frozenset({"author"}), proved=proof) for n, name in enumerate("ab")
    ]
    with store.write() as connection:
        values = {"rule": rule.key, "digest": rule.digest, "version": "1", "pack": "bench", "body": rule.body}
        connection.execute(rule_version.insert().values(**values, first_at=now))
        group = connection.execute(
            recipient_group.insert().values(name="all", statuses=["Actual"], regions=[], hazards=[], least_level=1)
        )
        number = group.inserted_primary_key[0]  # type: ignore[index]
        for place in range(RECIPIENTS):
            address = f"https://hook{place}.office.example/in"
            connection.execute(recipient.insert().values(group_id=number, channel="webhook", address=address))
        order = propose_order(
            connection, desk, rule=rule.key, digest=rule.digest, least_level=Level.ORANGE, content=TEXT,
            starts_at=now, ends_at=now + timedelta(days=30), why="seconds count", actor=people[0], now=now,
        )  # fmt: skip
        second(connection, desk, order.id, actor=people[1], now=now)
    return desk


def main(count: int) -> None:
    home = Path(tempfile.mkdtemp(prefix="standing-"))
    environment = {**os.environ, "TOCSIN_HOME": str(home), "TOCSIN_SENDER": "warn@office.example"}
    settings = read_settings(environment)
    store, now, item = (
        open_migrated(settings.url),
        datetime.now(UTC) - timedelta(minutes=count + WARM_UP + 2),
        watched(),
    )
    signing = subprocess.Popen([sys.executable, str(ROOT / "app.py"), "signer"], env=environment)
    try:
        desk, random = prepare(store, settings, item.rule, now), np.random.default_rng(1)
        route, signer, source = router(settings), SignerClient(home), UsgsQuakes()
        while not (home / "run" / "signer.sock").exists():
            time.sleep(0.1)
        queued: list[float] = []

        def told(connection: Any, issued: Any, *, now: datetime) -> int:
            rows = route(connection, issued, now=now)
            queued.append(time.perf_counter())
            return rows

        parts: list[list[float]] = []
        warned = []
        for number in range(count + WARM_UP):
            now += timedelta(minutes=1)
            lon, lat = random.uniform(85, 115), random.uniform(26, 42)
            body = quake(number, lon, lat, round(random.uniform(6.0, 7.8), 1), now)
            queued.clear()
            at = time.perf_counter()
            entry = Entry(store=store, archive=Archive(home / "payloads"), home=home, clock=lambda: now)  # noqa: B023
            ingest_payloads(source, entry, [Payload(source="usgs_quakes", body=body, received_at=now)])
            stored = time.perf_counter()
            evaluate_all(store, home, settings.base_dir, [item], now)
            evaluated = time.perf_counter()
            made = issue_standing(store, desk, signer=signer, router=told, now=now)
            done = time.perf_counter()
            if number >= WARM_UP and made:
                parts.append([stored - at, evaluated - stored, done - evaluated, queued[0] - at, done - at])
                warned.append(sum(len(one.item.content.regions) for one in made))
    finally:
        signing.terminate()
        signing.wait(20)
    report(store, np.array(parts) * 1000, warned, item.rule, desk)


def report(store: Store, parts: Any, warned: list[int], rule: Rule, desk: Desk) -> None:
    from alerts.places import rids_of

    with store.read() as connection:
        states = dict(connection.execute(sa.select(warning.c.state, sa.func.count()).group_by(warning.c.state)).all())
        queued = connection.scalar(sa.select(sa.func.count()).select_from(delivery))
    names = ("read and stored", "evaluated", "issued", "worst level queued", "all levels and places")
    result = {
        "quakes": len(parts), "regions watched": len(rids_of(rule, desk.index)), "messages": states,
        "deliveries": queued, "regions in a message": {"median": float(np.median(warned)), "most": max(warned)},
        "ms": {
            name: {f"p{q}": round(float(np.percentile(parts[:, place], q)), 1) for q in (50, 95, 99)}
            for place, name in enumerate(names)
        },
        "target": "p99 < 250 ms",
    }  # fmt: skip
    print(json.dumps(result, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
