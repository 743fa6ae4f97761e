"""From an approval to the first byte, and first attempts to 3,000 recipients by mail, webhook and push mixed.

The real dispatch process delivers to stand-ins on this machine: aiosmtpd, a collector that syncs every request, and a
push service. Beside it, as the peer, Apprise sends the same letter to the same relay.
Run: python -m bench.bench_dispatch [--recipients 3000] [--warnings 40] [--database URL]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import apprise
import sqlalchemy as sa
import yaml

from data.clock import utc_now
from data.settings import ROOT
from data.store.engine import Store
from data.store.migrate import open_migrated
from data.store.tables import delivery
from tests.alerts.channels.stand_ins import Browser, Collector, Letters, mail_relay
from tests.alerts.sending import add_group, issue, subscribe

PATIENCE_S = 300.0


def until(met: Callable[[], bool], pause_s: float = 0.001) -> float:
    """Seconds until it is so."""
    began = time.monotonic()
    while not met():
        if time.monotonic() - began > PATIENCE_S:
            raise SystemExit("nothing arrives")
        time.sleep(pause_s)
    return time.monotonic() - began


def waiting(store: Store) -> int:
    """Rows that were not tried yet."""
    with store.read() as connection:
        tried = sa.select(sa.func.count()).select_from(delivery).where(delivery.c.state.in_(("pending", "leased")))
        return int(connection.execute(tried).scalar_one())


def first_byte(store: Store, hook: Collector, warnings: int) -> list[float]:
    """Seconds from the beginning of the transaction that issues to the request at the collector, in order."""
    with store.write() as connection:
        add_group(connection, "first", ("webhook", hook.url("/first")), hazards=["rain"])
    found = []
    for number in range(warnings + 1):
        before = len(hook.received)
        began = time.monotonic()
        with store.write() as connection:
            issue(connection, number + 1, now=utc_now())
        until(lambda before=before: len(hook.received) > before)
        if number:  # the first one waits for the process to start
            found.append(hook.received[before].at - began)
        time.sleep(0.1)
    return sorted(found)


def mixed(store: Store, hook: Collector, recipients: int) -> tuple[float, float]:
    """Seconds to queue a warning for all, and until each was tried."""
    third = recipients // 3
    browsers = [Browser(hook.url(f"/push/{number}")) for number in range(20)]  # keys are dear to make, not to use
    with store.write() as connection:
        readers = [("webhook", hook.url(f"/hook/{number}")) for number in range(third)]
        readers += [("email", f"r{number}@example.org") for number in range(recipients - 2 * third)]
        add_group(connection, "all", *readers, hazards=["flood"])
        for number in range(third):
            keys = browsers[number % len(browsers)]
            endpoint = hook.url(f"/push/{number}")
            subscribe(connection, endpoint, now=utc_now(), p256dh=keys.p256dh, auth=keys.auth)
    began = time.monotonic()
    with store.write() as connection:
        issue(connection, 100_000, now=utc_now(), hazard="flood")
    queued = time.monotonic() - began
    until(lambda: waiting(store) == 0, 0.05)
    return queued, time.monotonic() - began


def peer(port: int, number: int) -> float:
    """Letters a second by Apprise, one call each; a sender of its own each time, which it does not slow down."""
    address = f"mailto://127.0.0.1:{port}?from=warn@office.example&to=r@example.org&mode=insecure&format=text"
    began = time.monotonic()
    for _ in range(number):
        sender = apprise.Apprise()
        sender.add(address)
        if not sender.notify(body="Red warning", title="Red warning"):
            return 0.0
    return number / (time.monotonic() - began)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--recipients", type=int, default=3000)
    options.add_argument("--warnings", type=int, default=40)
    options.add_argument("--database", default="")
    chosen = options.parse_args()
    letters = Letters()
    with tempfile.TemporaryDirectory() as name, mail_relay(letters) as port:
        home = Path(name)
        hook = Collector(home)
        ways = {
            "email": {"host": "127.0.0.1", "port": port, "tls": "none", "sender": "warn@office.example"},
            "webpush": {"contact": "mailto:ops@office.example"},
        }
        document = {"channels": ways, "allow_hosts": [hook.host], "database_url": chosen.database}
        (home / "tocsin.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        store = open_migrated(chosen.database or f"sqlite:///{home / 'tocsin.db'}")
        environ = {key: value for key, value in os.environ.items() if not key.startswith("TOCSIN_")}
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), "dispatch"], env={**environ, "TOCSIN_HOME": name}, cwd=ROOT
        )
        try:
            times = first_byte(store, hook, chosen.warnings)
            print(f"{store.engine.dialect.name}, load {os.getloadavg()[0]:.1f}")
            middle, p95 = times[len(times) // 2], times[min(len(times) - 1, round(len(times) * 0.95))]
            print(f"approval to first byte: median {middle * 1e3:.0f} ms, p95 {p95 * 1e3:.0f} ms, n {len(times)}")
            queued, done = mixed(store, hook, chosen.recipients)
            print(f"{chosen.recipients} recipients queued in {queued:.2f} s, first attempts done in {done:.1f} s")
            print(f"arrived: {len(letters.taken)} letters, {len(hook.received)} requests")
            rate = peer(port, 50)
            print(f"peer, Apprise: {rate:.0f} letters/s; ours, all channels: {chosen.recipients / done:.0f}/s")
        finally:
            process.terminate()
            process.wait(30)
            store.close()
            hook.close()


if __name__ == "__main__":
    main()
