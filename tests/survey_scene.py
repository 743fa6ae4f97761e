"""Surveys for pages and pictures: datasets of each class, deliveries in every state, requests, late units."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv as pc
import sqlalchemy as sa

from access import audit
from access.sharing import grants
from data.actor import Actor
from data.regions import areas_of, default_base_dir, load_regions
from data.store.catalogue import Dataset, Delivery, Mode, add_delivery, advance, put_dataset
from data.store.copies import begin_copy, finish_copy
from data.store.engine import Store
from data.store.tables import exchange_transfer, survey_read
from ingest.survey_load.progress import Progress
from ingest.survey_load.sources import read_given
from ingest.survey_load.work import Order, load
from layers.survey.inspect import book, desk
from layers.survey.inspect.sample import Design
from layers.survey.served import serve_delivery
from layers.survey.versions import compare_versions
from tests.layers.inspect.planted import buildings, inside
from tests.running import EMAIL
from tests.survey_loading import mapping

COUNTY = "CN-410105"  # Jinshui in Zhengzhou
UNITS = {  # peer: title, unit, dataset here, days until it is expected
    "zhengzhou": ("Zhengzhou Bureau of Emergency Management", "CN-410100", "roads_4101", -9),
    "kaifeng": ("开封市应急管理局", "CN-410200", "roads_4102", 12),
    "luoyang": ("洛阳市应急管理局", "CN-410300", "roads_4103", None),
    "pingdingshan": ("平顶山市应急管理局", "CN-410400", "roads_4104", -2),
    "anyang": ("安阳市应急管理局", "CN-410500", "roads_4105", 30),
}
HOSTILE = '<img src=x onerror="alert(1)">\';--'
ENDLESS = "endless_" + "x" * 60
LONG = "Inventory of public buildings, shelters and lifeline facilities of the prefecture and its twelve counties "
SETTINGS: Mapping[str, Any] = {"zone": "Asia/Shanghai", "survey_pass_limit": 5}
HOUSES: Mapping[str, Any] = {
    "id": {"column": "id"}, "region": {"column": "county"},
    "facets": [{"name": "grade", "column": "grade", "values": {"1": "I", "2": "II", "3": "III"}}],
    "columns": [
        {"name": "floors", "column": "floors", "kind": "i4"}, {"name": "area", "column": "area"},
        {"name": "year", "column": "year", "kind": "i4"}, {"name": "repaired", "column": "repaired", "kind": "f4"},
    ],
    "position": {"lon": "lon", "lat": "lat"}, "inspect_first": True,
}  # fmt: skip
SITES: Mapping[str, Any] = {
    "id": {"column": "id"}, "region": {"column": "county"}, "facets": [{"name": "grade", "column": "grade"}],
    "columns": [{"name": "places", "column": "places", "kind": "i4"}], "position": {"lon": "lon", "lat": "lat"},
}  # fmt: skip


def settings(now: datetime) -> dict[str, Any]:
    """Settings of an office that waits for five units, and sends to one."""
    day = now.date()
    peers: dict[str, Any] = {
        name: {"title": title, "key": "A" * 44, "unit": unit, "receive": {"roads": dataset},
               **({} if days is None else {"expects": {dataset: day + timedelta(days=days)}})}
        for name, (title, unit, dataset, days) in UNITS.items()
    }  # fmt: skip
    peers["nation"] = {"title": "National Survey Office", "key": "A" * 44, "send": ["shelters", "landslides"]}
    return {**SETTINGS, "exchange": {"peers": peers}}


class Scene:
    """Puts surveys into the home of a system, as its commands and people do."""

    def __init__(self, store: Store, home: Path, now: datetime) -> None:
        self.store, self.home, self.now = store, home, now
        self.files = home / "came"
        self.files.mkdir(exist_ok=True)

    def dataset(self, name: str, english: str, chinese: str, **said: Any) -> Dataset:
        """What is said of a dataset."""
        plain: dict[str, Any] = {"level": "county", "sector": "housing", "kind": "school", "data_class": "public",
                                 "licence": "Internal use", "provenance": "Field survey of 2026"}  # fmt: skip
        return Dataset(name=name, title={"en": english, "zh": chinese}, **{**plain, **said})

    def load(self, name: str, path: Path, chosen: Mapping[str, Any], *, days: float, by: str = "county@example.org",
             new: Dataset | None = None, mode: Mode = "replace", unit: str = "",
             answers: int | None = None) -> int:  # fmt: skip
        """A delivery that came so many days ago; its number."""
        order = Order(files=read_given([str(path)]), dataset=name, mapping=mapping(**chosen), new=new, mode=mode,
                      unit=unit, answers=answers)  # fmt: skip
        at, progress = self.now - timedelta(days=days), Progress(io.StringIO(), quiet=True)
        return load(self.store, self.home, order, at=at, by=by, audit=audit.append, progress=progress).number

    def serve(self, number: int, days: float) -> None:
        with ThreadPoolExecutor(1) as executor:
            at = self.now - timedelta(days=days)
            serve_delivery(self.store, self.home, number, at=at, by="command line", workers=1, executor=executor)

    def houses(self, seed: int, count: int = 3_000) -> Path:
        """Buildings of three districts with planted faults."""
        path = self.files / f"房屋-{seed}.csv"
        pc.write_csv(buildings(count, seed=seed)[0], path)
        return path

    def sites(self, name: str, count: int, *, seed: int = 1, keep: slice = slice(None), extra: int = 0) -> Path:
        """Sites in a county and scattered around it; three have no place."""
        draw = np.random.default_rng(seed)
        index, base = load_regions(default_base_dir()), default_base_dir()
        area = areas_of(base, [int(index.by_code(COUNTY) or 0)])[0]
        lines = []
        for number in range(count):
            lon, lat = inside(area, draw) if number % 4 == 0 else (draw.normal(113.6, 0.6), draw.normal(34.6, 0.4))
            grade, places = "ABC"[int(draw.integers(3))], int(draw.integers(20, 900))
            lines.append(f"s{number},{lon:.6f},{lat:.6f},410105,{grade},{places + (number % 7 == 0) * extra}")
        path = self.files / f"{name}.csv"
        nowhere = [f"n{number},0,0,410105,A,5" for number in range(3)]
        written = "\n".join(["id,lon,lat,county,grade,places", *lines[keep], *nowhere])
        path.write_text(written + "\n", encoding="utf-8")
        return path

    @property
    def office(self) -> desk.Office:
        return desk.Office(self.store, self.home, default_base_dir(), audit.append, lambda _roles, _action: True)

    def person(self, email: str) -> Actor:
        return Actor(id=1, email=email, name="", roles=frozenset({"planner", "author", "approver"}))

    def inspected(self, number: int, days: float, *, faulty: Sequence[int] = (), looked: int = 0) -> None:
        """Rules over a delivery, and a sample of which some records were looked at."""
        at, who = self.now - timedelta(days=days), self.person("inspector@example.org")
        desk.inspect(self.office, number, who, at)
        if not looked:
            return
        sample = desk.draw_sample(self.office, number, Design(seed=7, share=0.02, least=5, most=20), who, at)
        for record in range(1, looked + 1):
            bad = record in faulty
            found = book.FieldFinding(
                outcome="faulty" if bad else "right", found_by="王 伟", found_at=at,
                faults=({"attribute": "floors", "found": "6"},) if bad else (),
            )  # fmt: skip
            desk.enter(self.office, sample, record, found, who, at)

    def decided(self, number: int, decision: desk.Decision, why: str, days: float) -> None:
        at = self.now - timedelta(days=days)
        desk.decide(self.office, number, decision, why, self.person("chief@example.org"), at, limit=5)


def houses(scene: Scene) -> tuple[int, int]:
    """Houses of three districts: returned once, delivered again, inspected and waiting for a decision."""
    about = scene.dataset("houses", "Houses of three districts", "三区房屋建筑", kind="urban_dwelling",
                          data_class="restricted", unit="CN-110000")  # fmt: skip
    first = scene.load("houses", scene.houses(7), HOUSES, days=12, new=about, unit="CN-110108")
    scene.inspected(first, 11, looked=46, faulty=(1, 2, 5, 9, 20))
    scene.decided(first, "returned", "Positions of one district are wrong throughout.", 10)
    second = scene.load("houses", scene.houses(8), HOUSES, days=2, unit="CN-110108", answers=first)
    scene.inspected(second, 1, looked=30, faulty=(4,))
    return first, second


def shelters(scene: Scene) -> None:
    """Shelters, public, served in two versions that were compared."""
    about = scene.dataset("shelters", "Emergency shelters", "应急避难场所", level="provincial", sector="emergency",
                          kind="shelter", unit="CN-410000")  # fmt: skip
    one = scene.load("shelters", scene.sites("shelters-2025", 400), SITES, days=200, new=about, unit="CN-410000")
    scene.serve(one, 200)
    path = scene.sites("shelters-2026", 440, keep=slice(25, None), extra=15)
    two = scene.load("shelters", path, SITES, days=5, unit="CN-410000")
    scene.serve(two, 5)
    with ThreadPoolExecutor(1) as executor:
        compare_versions(scene.store, scene.home, "shelters", (1, 2), workers=1, executor=executor)


def others(scene: Scene) -> None:
    """Schools shared by agreement, reservoirs that are secret, landslides that wait, and bridges that never came."""
    schools = scene.dataset("schools", "Schools", "学校", level="municipal", data_class="shared", unit="CN-410100")
    scene.serve(scene.load("schools", scene.sites("schools", 321, seed=3), SITES, days=30, new=schools), 30)
    dams = scene.dataset("reservoirs", "Reservoirs", "水库大坝", level="provincial", sector="water",
                         kind="water_works", data_class="secret", unit="CN-410000")  # fmt: skip
    scene.serve(scene.load("reservoirs", scene.sites("dams", 60, seed=4), SITES, days=3, new=dams), 3)
    slides = scene.dataset("landslides", "Landslides", "滑坡隐患点", level="national", sector="geology",
                           kind="landslide", data_class="restricted", unit="CHN")  # fmt: skip
    scene.load("landslides", scene.sites("slides", 120, seed=5), SITES, days=1, new=slides)
    with scene.store.write() as connection:
        bridges = scene.dataset("bridges", "Bridges", "桥梁", sector="transport", kind="municipal_bridge")
        put_dataset(connection, bridges, at=scene.now, by="command line")


def odd(scene: Scene) -> None:
    """An endless name, hostile texts, and a sector, a kind and a unit that there are not."""
    endless = scene.dataset(
        ENDLESS, f"{LONG * 2}{HOSTILE}", "某省某市" + "综合减灾能力调查房屋建筑与公共服务设施" * 6,
        sector="no_such_sector", kind="no_such_kind", provenance=LONG * 3, unit="CN-9999" * 6,
    )  # fmt: skip
    rows = "".join(f"{n},1{n},2,{HOSTILE.replace(chr(34), '')}{n % 3}\n" for n in range(25))
    path = scene.files / f"{HOSTILE[:4]}{'很长的文件名' * 12}.csv"
    path.write_text(f"n,lon,lat,grade\n{rows}98,0,0,5\n99,{HOSTILE[1:12]},2,6\n", encoding="utf-8")
    scene.load(endless.name, path, {"facets": [{"name": "grade", "column": "grade"}]}, days=1, new=endless,
               by=f"{'provincial-emergency-office' * 3}@example.org")  # fmt: skip


def sharing(scene: Scene) -> None:
    """Requests in every state, readings and copies."""
    chief, store, now = scene.person("chief@example.org"), scene.store, scene.now
    asked = (
        ("houses", "records", "Planning of shelters in the district", "liu@example.org", None),
        ("houses", "export", "Exercise of the province in December, table-top", "zhao@example.org", True),
        ("houses", "export", "Inspection of the province's houses", EMAIL, True),
        ("houses", "records", "To have a look at what there is", "curious@example.org", False),
        ("schools", "export", LONG * 3, "liu@example.org", None),
    )
    with store.write() as connection:
        for dataset, allows, purpose, email, granted in asked:
            request = grants.Request(
                dataset=dataset, purpose=purpose, allows=allows,  # type: ignore[arg-type]
                expires_at=now + timedelta(days=30), regions=("CN-110000", "CN-120000"),
            )  # fmt: skip
            actor = Actor(id=2, email=email, name="", roles=frozenset({"planner"}))
            number = grants.ask(connection, actor, request, now - timedelta(days=2))
            if granted is not None:
                reason = "" if granted else "Say what it is needed for."
                grants.decide(connection, chief, number, granted, reason, now - timedelta(days=1), lambda _: ())
        hour = now.replace(minute=0, second=0, microsecond=0)
        for kind, times in (("tiles", 412), ("counts", 17), ("rows", 3)):
            connection.execute(survey_read.insert().values(
                dataset="houses", reader="zhao@example.org", kind=kind, hour=hour, times=times))  # fmt: skip
        copy = begin_copy(connection, dataset="houses", reader="zhao@example.org", purpose="Exercise in December",
                          form="csv", step_deg=1e-5, at=now - timedelta(hours=3))  # fmt: skip
        finish_copy(connection, copy, 2_925)


def exchange(scene: Scene) -> None:
    """Something on its way, something refused, something here, and what the nation said of ours."""
    now = scene.now
    with scene.store.write() as connection:
        for name, (_, unit, dataset, _days) in UNITS.items():
            put_dataset(connection, scene.dataset(dataset, f"Roads of {unit}", "公路", sector="transport",
                                                  kind="highway", unit=unit), at=now, by="exchange")  # fmt: skip
            if name == "anyang":
                given = Delivery(dataset=dataset, mode="replace", folder=f"deliveries/{dataset}/1", digest="a" * 64,
                                 rows=48_211, refused=12, sources=[], unit=unit)  # fmt: skip
                number = add_delivery(connection, given, at=now - timedelta(days=3), by=f"exchange:{name}")
                for state in ("inspected", "passed"):
                    advance(connection, number, state, {}, at=now - timedelta(days=2), by="wang@example.org")  # type: ignore[arg-type]
        moves = [
            ("luoyang", "in", "roads_4103", "moving", 41, "the line was cut: it goes on with the next run", None),
            ("pingdingshan", "in", "roads_4104", "refused", 0, "restricted, and no agreement is named here", None),
            ("nation", "out", "shelters", "arrived", 120, "", {"body": {
                "state": "returned", "at": now.isoformat(), "report": {"summary": {"records": 375, "with_error": 31}},
                "trace": [{"state": "loaded", "detail": {}},
                          {"state": "returned", "detail": {"why": "Units of 31 records do not exist."}}]}}),
            ("nation", "out", "landslides", "moving", 80, "", None),
        ]  # fmt: skip
        for peer, direction, dataset, state, there, reason, verdict in moves:
            connection.execute(sa.insert(exchange_transfer).values(
                peer=peer, direction=direction, dataset=dataset, version=1, content=f"{peer}-{dataset}", state=state,
                chunks=120, chunks_there=there, bytes=81_000_000, bytes_sent=30_000_000, reason=reason,
                verdict=verdict, started_at=now - timedelta(hours=5), updated_at=now - timedelta(hours=1),
            ))  # fmt: skip


def fill(store: Store, home: Path, now: datetime) -> None:
    """Everything but what is odd."""
    scene = Scene(store, home, now)
    houses(scene)
    shelters(scene)
    others(scene)
    sharing(scene)
    exchange(scene)
