"""Deliveries of the catalogue brought into the store of their dataset."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from data.errors import LayerError
from data.store.catalogue import advance, list_deliveries
from data.store.engine import Store
from ingest.survey_load import work
from ingest.survey_load.work import Loaded
from layers.survey.choice import choose
from layers.survey.served import serve_delivery
from layers.survey.shelf import Shelf
from tests.survey_loading import AT, load_files, mapping

CHOSEN: dict[str, Any] = {
    "id": {"column": "n"}, "region": {"column": "unit"}, "facets": [{"name": "grade", "column": "grade"}],
    "columns": [{"name": "beds", "column": "beds", "kind": "i4"}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "parse_in_child", lambda source, payload, limits: source.parse(payload))


def bring(store: Store, home: Path, rows: str, *, new: bool = False, **order: Any) -> Loaded:
    path = home.parent / f"{abs(hash(rows))}.csv"
    path.write_text("n,lon,lat,unit,grade,beds\n" + rows, encoding="utf-8")
    chosen = mapping(**{**CHOSEN, **order.pop("chosen", {})})
    return load_files(store, home, [path], chosen, **({} if new else {"new": None}), **order)


def serve(store: Store, home: Path, loaded: Loaded) -> Any:
    with ThreadPoolExecutor(1) as executor:
        return serve_delivery(store, home, loaded.number, at=AT, by="tests", workers=1, executor=executor)


def states(store: Store) -> list[str]:
    with store.read() as connection:
        return [row.state for row in reversed(list_deliveries(connection))]


def counts(home: Path) -> dict[str, int]:
    opened = Shelf(home).open("sites")
    told = opened.tally(choose(opened.schema)).by_facet("grade")
    return {word: count for word, count in told.items() if count}


def test_store_follows_deliveries_of_each_mode(store: Store, home: Path) -> None:
    first = bring(store, home, "1,100,30,410101,a,5\n2,101,30,410101,b,6\n", new=True)
    assert serve(store, home, first)["rows"] == 2
    assert counts(home) == {"a": 1, "b": 1}
    second = bring(store, home, "3,102,30,410102,a,7\n", mode="append")
    serve(store, home, second)
    assert counts(home) == {"a": 2, "b": 1} and states(store) == ["served", "served"]
    third = bring(store, home, "2,101,31,410101,a,9\n", mode="amend")
    serve(store, home, third)
    assert counts(home) == {"a": 3}
    fourth = bring(store, home, "9,102,30,410102,a,7\n")
    serve(store, home, fourth)
    assert counts(home) == {"a": 1} and states(store) == ["replaced", "replaced", "replaced", "served"]
    serve(store, home, first)  # back to the first
    assert counts(home) == {"a": 1, "b": 1} and states(store)[0] == "served" and states(store)[3] == "replaced"


def test_values_that_come_later_are_counted_as_their_own(store: Store, home: Path) -> None:
    serve(store, home, bring(store, home, "1,100,30,410101,b,5\n2,101,30,410101,b,6\n", new=True))
    serve(store, home, bring(store, home, "3,102,30,410102,a,7\n", mode="append"))
    serve(store, home, bring(store, home, "1,100,30,410103,c,7\n", mode="amend"))
    assert counts(home) == {"b": 1, "a": 1, "c": 1}
    opened = Shelf(home).open("sites")
    found = opened.tally(choose(opened.schema)).by_region()
    assert {code: count for code, count in found.items() if count} == {"410101": 1, "410102": 1, "410103": 1}


def test_what_was_ended_half_way_is_not_built_twice(
    store: Store, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = bring(store, home, "1,100,30,410101,b,5\n", new=True)
    with monkeypatch.context() as patch:
        patch.setattr("layers.survey.served.catalogue.advance", lambda *_given, **_named: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            serve(store, home, loaded)
    assert states(store) == ["loaded"]
    assert serve(store, home, loaded)["rows"] == 1 and serve(store, home, loaded)["rows"] == 1
    manifest = json.loads((home / "records/sites/manifest.json").read_text())
    assert len(manifest["segments"]) == 1 and states(store) == ["served"]


def test_dataset_that_demands_inspection_is_not_served_before(store: Store, home: Path) -> None:
    loaded = bring(store, home, "1,100,30,410101,b,5\n", new=True, chosen={"inspect_first": True})
    with pytest.raises(LayerError, match="when it has passed inspection"):
        serve(store, home, loaded)
    assert not (home / "records/sites").exists()
    with store.write() as connection:
        advance(connection, loaded.number, "inspected", {}, at=AT, by="tests")
        advance(connection, loaded.number, "passed", {}, at=AT, by="tests")
    assert serve(store, home, loaded)["rows"] == 1


def test_shapes_are_served_beside_points(store: Store, home: Path, tmp_path: Path) -> None:
    places: list[dict[str, Any]] = [
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "LineString", "coordinates": [[1, 2], [3, 4]]},
        {"type": "Polygon", "coordinates": [[[5, 5], [6, 5], [6, 6], [5, 5]]]},
    ]
    features = [{"type": "Feature", "geometry": place, "properties": {"grade": "a"}} for place in places]
    path = tmp_path / "s.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    loaded = load_files(store, home, [path], mapping(facets=CHOSEN["facets"]))
    serve(store, home, loaded)
    assert counts(home) == {"a": 3}
