"""The scenarios that come with the house, and what a zip must be to be one."""

from __future__ import annotations

import csv
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.scenario import Delivery, write_scenario
from alerts.scenario_build import BUILTIN, build, rows_of
from alerts.scenario_cyclone import KNOT_MS, Fix, fix_at, read_track, wind_ms
from alerts.scenario_file import read_scenario
from data.clock import parse_time
from data.errors import ConfigError
from data.settings import Settings
from ingest import build_sources
from ingest.usgs_quakes import UsgsQuakes
from tests.alerts.replaying import storm_members

NAMES = sorted(folder.parent.name for folder in BUILTIN.glob("*/scenario.yaml"))
TRUTH = ("hazard", "region", "lon", "lat", "radius_km", "start", "end", "level", "source", "status")
ISSUED = ("time", "issuer", "region", "hazard", "level", "action", "status", "source")


def test_three_scenarios_come_with_the_house() -> None:
    assert NAMES == ["dingri_2025", "lekima_2019", "zhengzhou_2021"]


@pytest.mark.parametrize("name", NAMES)
def test_same_sources_give_the_same_bytes_and_feeds_can_read_them(name: str, tmp_path: Path) -> None:
    made, again = build(BUILTIN / name, tmp_path / "a.zip"), build(BUILTIN / name, tmp_path / "b.zip")
    assert made.read_bytes() == again.read_bytes()
    scenario = read_scenario(made)
    settings = Settings(home=tmp_path, sources=scenario.unpack_files(tmp_path / "files"))
    keys = {source.spec.key for source in build_sources(settings)}
    assert {item.source for item in scenario.deliveries} <= keys
    assert scenario.head.status == "reconstruction" and scenario.head.reconstructed and scenario.head.sources


@pytest.mark.parametrize("name", NAMES)
def test_every_truth_and_signal_has_its_source_and_status(name: str) -> None:
    truth, issued = rows_of(BUILTIN / name / "truth.csv"), rows_of(BUILTIN / name / "issued.csv")
    assert truth and issued
    for row in truth:
        assert set(TRUTH) <= set(row)
        assert row["status"] in ("observed", "reconstruction") and row["source"]
        assert bool(row["region"]) != bool(row["lon"] and row["lat"] and row["radius_km"])
        assert parse_time(row["start"]) < parse_time(row["end"])
    for row in issued:
        assert set(ISSUED) <= set(row) and row["status"] and row["source"] and row["region"]
    times = [parse_time(row["time"]) for row in issued]
    assert times == sorted(times)


def test_hourly_rain_adds_up_to_what_was_published() -> None:
    folder = BUILTIN / "zhengzhou_2021"
    rain = {parse_time(row["hour_ending"]): row for row in rows_of(folder / "rain.csv")}
    for row in rows_of(folder / "observed.csv"):
        begin, end = parse_time(row["from"]), parse_time(row["to"])
        total = sum(float(values[row["station"]]) for at, values in rain.items() if begin < at <= end)
        assert total == pytest.approx(float(row["mm"]), abs=0.06), row


def test_quakes_are_told_as_the_networks_told_them(tmp_path: Path) -> None:
    scenario = read_scenario(build(BUILTIN / "dingri_2025", tmp_path / "a.zip"))
    told = {}
    for at in ("2025-01-07T01:14:00Z", "2025-01-07T01:19:00Z", "2025-01-07T01:40:00Z"):
        before = [item for item in scenario.deliveries if item.at <= parse_time(at) + timedelta(minutes=2)]
        event = next(one for one in _events(scenario.path, before[-1]) if one.magnitude and one.magnitude > 6)
        told[event.id] = (event.magnitude, event.aliases)
    assert told == {
        "cenc20250107010500": (6.8, ()),
        "nsc20250107010518": (7.1, ("cenc20250107010500",)),
        "us6000pi9w": (7.1, ("cenc20250107010500", "nsc20250107010518")),
    }


def _events(path: Path, delivery: Delivery) -> list:
    from data.model import Payload

    with zipfile.ZipFile(path) as archive:
        body = archive.read(delivery.parts[0].path)
    payload = Payload(source="usgs_quakes", body=body, received_at=delivery.at)
    return list(UsgsQuakes().parse(payload).records)


def test_cyclone_wind_goes_through_the_radii_of_the_track() -> None:
    fix = Fix(at=parse_time("2019-08-09T00:00:00Z"), lon=123.4, lat=26.4, wind_ms=90 * KNOT_MS, r50_km=185.2,
              r30_km=555.6)  # fmt: skip
    degree_km = 6371.0088 * 3.141592653589793 / 180
    at_50, at_30 = (wind_ms(fix, 123.4, 26.4 + radius / degree_km) for radius in (185.2, 555.6))
    assert at_50 == pytest.approx(50 * KNOT_MS, rel=1e-6) and at_30 == pytest.approx(30 * KNOT_MS, rel=1e-6)
    assert wind_ms(fix, 123.4, 26.4) == 0.0
    assert wind_ms(fix, 123.4, 26.4 + 37.0 / degree_km) == pytest.approx(90 * KNOT_MS, rel=1e-6)
    track = read_track(rows_of(BUILTIN / "lekima_2019" / "track.csv"))
    middle = fix_at(track, parse_time("2019-08-09T15:00:00Z"))
    assert middle is not None and (middle.lon, middle.lat) == (pytest.approx(121.65), pytest.approx(27.85))
    assert fix_at(track, parse_time("2019-08-01T00:00:00Z")) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scenario.yaml": None}, "scenario.yaml is missing"),
        ({"feeds.yaml": b"- [broken"}, "feeds.yaml: not YAML"),
        ({"feeds.yaml": b"none"}, "feeds.yaml: a list of feeds"),
        ({"../../out": b""}, "leads out of the scenario"),
        ({"payloads/rain/noon_x.csv": b""}, "begins with the time received"),
        ({"payloads/other/20260301T000000Z_x": b""}, "payloads of other, which feeds.yaml does not name"),
        ({"deliveries.csv": b"at,source\n"}, "deliveries.csv: no column run"),
        ({"rounds.csv": b"at,seen\n2026-03-01T01:00:00Z,999\n"}, "rounds.csv:2: out of order"),
    ],
)
def test_zip_that_is_no_scenario_is_refused_with_the_reason(
    tmp_path: Path, change: dict[str, bytes | None], words: str
) -> None:
    members = {name: body for name, body in {**storm_members(), **change}.items() if body is not None}
    write_scenario(tmp_path / "a.zip", members)
    with pytest.raises(ConfigError) as caught:
        read_scenario(tmp_path / "a.zip")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ({"to": "2026-03-01T00:00:00Z"}, "`to` comes after `from`"),
        ({"from": "2026-03-01T00:00:00"}, "zone"),
        ({"show_from": "2027-01-01T00:00:00Z"}, "within the scenario"),
        ({"period": "soon"}, "a duration with its unit"),
        ({"name": "../x"}, "name"),
        ({"speed": 3}, "speed"),
    ],
)
def test_head_with_a_fault_is_refused_with_the_reason(tmp_path: Path, head: dict[str, object], words: str) -> None:
    write_scenario(tmp_path / "a.zip", storm_members(head))
    with pytest.raises(ConfigError) as caught:
        read_scenario(tmp_path / "a.zip")
    assert words in str(caught.value)


def test_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(ConfigError, match="not a scenario"):
        read_scenario(tmp_path / "a.zip")


def test_tables_are_plain_csv() -> None:
    for path in BUILTIN.glob("*/*.csv"):
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        assert len({len(row) for row in rows}) == 1, path
