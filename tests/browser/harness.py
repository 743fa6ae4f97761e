"""A page with nothing but the map and its API, over a store filled by the test: `python harness.py URL HOME PORT`."""

from __future__ import annotations

import importlib.util
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from data.model import Level  # noqa: E402
from data.regions import RegionIndex, load_regions  # noqa: E402
from data.settings import Settings  # noqa: E402
from data.store import tables  # noqa: E402
from data.store.changes import bump, note_change  # noqa: E402
from data.store.engine import Store, open_store  # noqa: E402
from layers.regions import RegionLevels, count_levels, roll_up  # noqa: E402


def _module(path: str) -> Any:
    """A module by its file, without the pages around it."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(store: Store, settings: Settings, **options: Any) -> Any:
    """A Dash application with one map, under the house's own security policy."""
    from dash import Dash, Input, Output, dcc, html

    import api
    from access.headers import script_hashes, set_headers

    _map = _module("pages/_map.py")

    dash_app = Dash(
        "harness",
        **_module("pages/_assets.py").ASSETS,
        update_title="",
        external_stylesheets=["/assets/vendor/fonts-zh.css"],
        suppress_callback_exceptions=True,
    )
    _map.connect_map("map")
    page = html.Div(_map.map_view("map", packs=settings.packs, **options), style={"position": "fixed", "inset": 0})
    dash_app.layout = html.Div([page, dcc.Store(id="seen"), html.Button("x", id="swap", style={"display": "none"})])
    api.register(dash_app.server, store, settings, watch=lambda: lambda: True)  # there are no accounts here
    hashes = script_hashes(dash_app)

    @dash_app.server.after_request
    def finish(response: Any) -> Any:
        set_headers(response, hashes=hashes(), behind_tls=False)
        return response

    @dash_app.callback(Output("seen", "data"), Input("map-event", "data"))
    def seen(event: Any) -> Any:
        return event

    return dash_app


def levels_of(index: RegionIndex, own: dict[str, tuple[int, bool]], watch: tuple[str, ...]) -> RegionLevels:
    """Levels by code over watched kinds: code -> (level, unknown)."""
    watched = np.isin(index.kind, watch)
    level = np.zeros(len(index), dtype=np.int8)
    unknown = np.zeros(len(index), dtype=np.bool_)
    for code, (value, doubt) in own.items():
        rid = index.by_code(code)
        assert rid is not None, code
        level[rid], unknown[rid], watched[rid] = value, doubt, True
    return RegionLevels(level=level, unknown=unknown, watched=watched)


def put_levels(store: Store, index: RegionIndex, own: RegionLevels, at: datetime) -> int:
    """Write a snapshot as the engine does. Returns the new version."""
    leaves = np.ones(len(index), dtype=np.bool_)
    leaves[index.parent_rid[index.parent_rid >= 0]] = False
    packed = roll_up(own, index.parent_rid).to_bytes().tobytes()
    with store.write() as connection:
        connection.execute(tables.level_snapshot.delete())
        counts = count_levels(own, leaves, index.kind)
        connection.execute(tables.level_snapshot.insert().values(id=1, at=at, levels=packed, counts=counts))
        return note_change(connection, "levels", at=at, kind="changed", subject="levels", level=Level.RED)


def put_events(store: Store, rows: list[dict[str, Any]]) -> None:
    """Events with what a test does not care about filled in."""
    base = {
        "source": "usgs_quakes", "kind": "earthquake", "status": "reviewed", "revision": 1, "depth_km": 10.0,
        "aliases": [], "attributes": {}, "same_as": None,
    }  # fmt: skip
    with store.write() as connection:
        for row in rows:
            at = row["occurred_at"]
            connection.execute(tables.event.insert().values({**base, "updated_at": at, "received_at": at, **row}))
        bump(connection, "events")


def put_station(store: Store, row: dict[str, Any], value: float | None, at: datetime, quality: str = "good") -> None:
    """One station with one river stage."""
    with store.write() as connection:
        connection.execute(tables.station.insert().values({"source": "water_services", "attributes": {}, **row}))
        connection.execute(
            tables.observation.insert().values(
                source="water_services", quantity="river_stage", station=row["id"], observed_at=at, value=value,
                unit="m", quality=quality, received_at=at, payload_id=None,
            )
        )  # fmt: skip
        bump(connection, "stations")


def put_warning(store: Store, row: dict[str, Any], at: datetime) -> None:
    """One incoming warning that is in force."""
    base = {
        "source": "cap_feed", "id": row["key"], "sender": "met.example", "sent_at": at, "status": "Actual",
        "message_type": "Alert", "scope": "Public", "event": "Rainstorm", "headline": "Rainstorm orange",
        "severity": "Severe", "urgency": "Immediate", "certainty": "Likely", "onset_at": None,
        "expires_at": at + timedelta(hours=6), "language": "en", "references": [], "area": "Henan", "geocodes": [],
        "infos": [], "attributes": {}, "received_at": at, "payload_id": None, "replaced_by": None, "geometry": None,
    }  # fmt: skip
    known = set(tables.incoming_warning.c.keys())
    values = {key: value for key, value in {**base, **row}.items() if key in known}
    with store.write() as connection:
        connection.execute(tables.incoming_warning.insert().values(values))
        bump(connection, "warnings")


def beat(store: Store, at: datetime) -> None:
    """The engine's heartbeat."""
    with store.write() as connection:
        row = tables.leader.c.name == "engine"
        if not connection.execute(tables.leader.update().where(row).values(heartbeat_at=at)).rowcount:
            connection.execute(tables.leader.insert().values(name="engine", epoch=1, holder="test", heartbeat_at=at))


def fill(store: Store, index: RegionIndex, now: datetime) -> None:
    """A bad evening: levels in Henan and the Gulf states, quakes, stations good and silent, a foreign warning."""
    own = {
        "CN-410105": (4, False), "CN-410102": (4, False), "CN-410122": (3, False), "CN-410181": (3, True),
        "CN-410182": (2, False), "CN-410183": (2, True), "CN-410184": (1, False), "CN-410185": (1, False),
        "CN-411002": (0, True), "CN-411003": (0, True), "US-48201": (4, False), "US-48157": (3, False),
        "US-22071": (2, False), "US-22051": (2, True), "US-12086": (1, False),
    }  # fmt: skip
    own |= {str(code): (0, True) for code in index.code[index.of_kind("cn-county")[:400]]}
    put_levels(store, index, levels_of(index, own, ("cn-county", "us-county")), now)
    shakes = [(142.4, 38.3, 7.1, 2), (87.4, 28.6, 6.8, 0.2), (-122.8, 38.8, 2.1, 1), (-155.3, 19.4, 3.4, 30),
              (126.5, 6.2, 5.2, 60), (-71.5, -31.0, 5.8, 100), (28.0, 38.0, 4.4, 0.05)]  # fmt: skip
    put_events(store, [
        {"id": f"q{i}", "lon": lon, "lat": lat, "magnitude": magnitude, "title": f"M {magnitude} - test {i}",
         "occurred_at": now - timedelta(hours=hours)} for i, (lon, lat, magnitude, hours) in enumerate(shakes)
    ])  # fmt: skip
    stages = {"action": 3.0, "minor": 4.0, "moderate": 5.0, "major": 6.0}
    for i, (lon, lat, value, hours) in enumerate(
        [(113.66, 34.76, 6.4, 0.1), (113.3, 34.4, 4.2, 0.2), (114.3, 34.8, 1.0, 0.1), (113.9, 35.3, 5.2, 9),
         (-95.4, 29.8, 3.4, 0.1), (-94.9, 30.2, None, 0.1)]
    ):  # fmt: skip
        row = {"id": f"s{i}", "name": f"Gauge {i}", "lon": lon, "lat": lat, "attributes": {"stages_m": stages}}
        put_station(store, row, value, now - timedelta(hours=hours), "good" if value is not None else "missing")
    ring = [[111.5, 33.0], [115.5, 33.0], [115.5, 35.8], [111.5, 35.8], [111.5, 33.0]]
    put_warning(store, {"key": "w1", "level": 3, "geometry": {"type": "Polygon", "coordinates": [ring]}}, now)
    put_warning(store, {"key": "w2", "level": 2, "headline": "Gale yellow, no area"}, now)
    beat(store, now)


def main() -> None:
    from werkzeug.serving import make_server

    url, home, port = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    options = {"blind_after_ms": 1000} if "--hasty" in sys.argv else {}
    if "--zh" in sys.argv:
        options["locale"] = "zh"
    store = open_store(url)
    settings = Settings(home=home, database_url=url, web_threads=64)
    if "--fill" in sys.argv:
        from data.store.migrate import migrate

        migrate(store)
        with store.read() as connection:
            empty = (
                connection.execute(sa.select(sa.func.count()).select_from(tables.level_snapshot)).scalar_one() == 0
            )
        if empty:
            fill(store, load_regions(settings.base_dir), datetime.now(UTC).replace(microsecond=0))

        def keep_beating() -> None:
            while not stop.wait(5):
                beat(store, datetime.now(UTC))

        stop = threading.Event()
        threading.Thread(target=keep_beating, daemon=True).start()
    server = make_server("127.0.0.1", port, build(store, settings, **options).server, threaded=True)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
