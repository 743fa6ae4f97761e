"""Two Tocsins in one process: a county and a province, joined by a line that a test may break or bend."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask

from access import audit
from api import exchange as exchange_api
from api.context import EXTENSION, Api
from data.errors import Unreachable
from data.peers import Exchange, Peer
from data.settings import Settings
from data.store import catalogue
from data.store.engine import Store
from layers.survey.exchange.carry import Steady
from layers.survey.exchange.key import own_key
from layers.survey.exchange.office import Desk
from layers.survey.exchange.wire import Line

NOW = datetime.fromisoformat("2026-11-01T08:00:00+00:00")
URL = "http://province.example"
COUNTY, PROVINCE = "county", "province"


@dataclass
class Offices:
    """The county sends bridges, the province takes them as county_bridges."""

    county: Desk
    province: Desk
    now: datetime = NOW
    asked: list[tuple[str, str]] = field(default_factory=list)
    bend: Callable[[str, str, int, bytes], tuple[int, bytes]] | None = None  # of an answer on its way back
    stop: Callable[[str, str, bytes], bool] | None = None  # True breaks the line instead of a request

    def clock(self) -> datetime:
        return self.now

    def line(self, asker: str = COUNTY) -> Line:
        here, there = (self.county, self.province) if asker == COUNTY else (self.province, self.county)
        client = serve(there, self.clock).test_client()

        def ask(method: str, url: str, body: bytes, headers: Mapping[str, str], most: int) -> tuple[int, bytes]:
            path = url.removeprefix(URL)
            self.asked.append((method, path))
            if self.stop is not None and self.stop(method, path, body):
                raise Unreachable("line", "broken before")
            answer = client.open(path, method=method, data=body, headers=dict(headers))
            given = answer.status_code, answer.get_data()
            return self.bend(method, path, *given) if self.bend is not None else given

        return Line(here, PROVINCE if asker == COUNTY else COUNTY, ask, self.clock)


def serve(desk: Desk, clock: Callable[[], datetime]) -> Flask:
    """The routes of one office."""
    server = Flask("office")
    settings = Settings(home=desk.home, exchange=desk.exchange)
    nothing: Any = None
    server.extensions[EXTENSION] = Api(
        store=desk.store, settings=settings, clock=clock, hub=nothing, watch=nothing
    )  # fmt: skip
    server.register_blueprint(exchange_api.blueprint)
    return server


def make(folder: Path, county: Store, province: Store, **agreed: Any) -> Offices:
    """Both, each knowing the key of the other; `agreed` goes into both settings."""
    homes = {name: folder / name for name in (COUNTY, PROVINCE)}
    keys = {}
    for name, home in homes.items():
        home.mkdir()
        keys[name] = own_key(home).public
    at_county = Exchange(peers={PROVINCE: Peer(url=URL, key=keys[PROVINCE], send=("bridges",), **agreed)})
    taken = {"bridges": "county_bridges"}
    peer = Peer(url=URL, key=keys[COUNTY], receive=taken, unit="CN-410105", **agreed)
    return Offices(
        Desk(county, homes[COUNTY], at_county, audit.append),
        Desk(province, homes[PROVINCE], Exchange(peers={COUNTY: peer}), audit.append),
    )


def body_of(seed: int, size: int = 6_000_000) -> bytes:
    """Bytes that cannot be packed, always the same for a seed."""
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8).tobytes()


def deliver(
    desk: Desk,
    body: bytes,
    *,
    version: int = 1,
    mode: Any = "replace",
    data_class: Any = "shared",
    at: datetime = NOW,
) -> int:
    """A delivery of bridges in the county's catalogue."""
    folder = desk.home / "deliveries" / "bridges" / str(version)
    folder.mkdir(parents=True)
    (folder / "part-00000.parquet").write_bytes(body)
    (folder / "refused.parquet").write_bytes(b"refused rows")
    dataset = catalogue.Dataset(
        name="bridges", title={"en": "Bridges", "zh": "桥梁"}, level="county", sector="transport", kind="bridge",
        data_class=data_class, unit="CN-410105",
    )  # fmt: skip
    delivery = catalogue.Delivery(
        dataset="bridges", mode=mode, folder=f"deliveries/bridges/{version}", digest=hashlib.sha256(body).hexdigest(),
        rows=3, refused=1, sources=[{"name": "bridges.csv", "size": 100, "sha256": "b" * 64}],
    )  # fmt: skip
    with desk.store.write() as connection:
        catalogue.put_dataset(connection, dataset, at=at, by="li@example.org")
        return catalogue.add_delivery(connection, delivery, at=at, by="li@example.org")


def steady() -> Steady:
    """Without pauses."""
    return Steady(sleep=lambda _seconds: None)


def silent(_dataset: str, _there: int, _total: int) -> None:
    """Nobody looks."""


def later(offices: Offices, **by: float) -> None:
    offices.now += timedelta(**by)


def arrived(desk: Desk) -> list[Any]:
    """Deliveries in a catalogue, the newest first."""
    with desk.store.read() as connection:
        return catalogue.list_deliveries(connection)


def files_of(desk: Desk, folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((desk.home / folder).iterdir())}
