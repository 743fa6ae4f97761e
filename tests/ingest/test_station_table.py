from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from data.errors import BadPayload, ConfigError
from data.model import Observation, Parsed, Payload, Quality, Station
from ingest.station_table import StationTable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLAIN: dict[str, Any] = {
    "source": "station_table", "station": "id", "time": "time",
    "values": {"river_stage": {"column": "stage", "unit": "ft", "valid": [-5, 30]}},
}  # fmt: skip
HEADER = "id,time,stage,flag,lon,lat,name\n"


def parse(text: str | bytes, **more: Any) -> Parsed:
    body = text.encode() if isinstance(text, str) else text
    source = StationTable.configured({**PLAIN, **more})
    return source.parse(Payload(source="table", body=body, received_at=NOW, name="table.csv"))


def readings_of(parsed: Parsed) -> list[Observation]:
    return [item for item in parsed.records if isinstance(item, Observation)]


def stations_of(parsed: Parsed) -> list[Station]:
    return [item for item in parsed.records if isinstance(item, Station)]


def test_parse_row_in_our_units() -> None:
    (found,) = readings_of(parse(HEADER + "a,2026-03-01T10:00:00Z,10,,,,\n"))
    assert (found.station, found.quantity, found.unit) == ("a", "river_stage", "m")
    assert found.value == pytest.approx(3.048)


@pytest.mark.parametrize(
    ("written", "more", "value", "quality"),
    [
        ("10", {}, 3.048, Quality.GOOD),
        ("", {}, None, Quality.MISSING),
        ("-999.0", {"missing": "-999"}, None, Quality.MISSING),
        ("MM", {"missing": ["MM", "---"]}, None, Quality.MISSING),
        ("nan", {}, None, Quality.MISSING),
        ("500", {}, 152.4, Quality.BAD),
        ('"1.010,5"', {"decimal": ",", "values": {"flow": {"column": "stage"}}}, 1010.5, Quality.GOOD),
    ],
)
def test_parse_value(written: str, more: dict[str, Any], value: float | None, quality: Quality) -> None:
    (found,) = readings_of(parse(HEADER + f"a,2026-03-01T10:00:00Z,{written},,,,\n", **more))
    assert found.quality is quality
    assert found.value is None if value is None else found.value == pytest.approx(value)


def test_parse_doubted_value() -> None:
    values = {"river_stage": {"column": "stage", "unit": "m", "suspect_where": {"flag": ["E"]}}}
    text = HEADER + "a,2026-03-01T10:00:00Z,1,E,,,\nb,2026-03-01T10:00:00Z,1,,,,\n"
    assert [item.quality for item in readings_of(parse(text, values=values))] == [Quality.SUSPECT, Quality.GOOD]


@pytest.mark.parametrize(
    ("written", "more", "expected"),
    [
        ("2026-03-01 18:00", {"zone": "Asia/Shanghai"}, datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01T18:00:00+08:00", {"zone": "America/New_York"}, datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01 15:30", {"zone": "+05:30"}, datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("01.03.26 10:00", {"time_format": "%d.%m.%y %H:%M"}, datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("1772359200", {"time_format": "epoch_s"}, datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("1772359200000", {"time_format": "epoch_ms"}, datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2025-07-01 06:00", {"zone": "America/New_York"}, datetime(2025, 7, 1, 10, tzinfo=UTC)),
        ("2026-02-28T24:00:00Z", {}, datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_parse_time(written: str, more: dict[str, Any], expected: datetime) -> None:
    (found,) = readings_of(parse(HEADER + f"a,{written},1,,,,\n", **more))
    assert found.observed_at == expected


def test_parse_positions_once_and_wrapped() -> None:
    text = HEADER + "a,2026-03-01T10:00:00Z,1,,190,20,Here\na,2026-03-01T11:00:00Z,1,,190,20,Here\n"
    (found,) = stations_of(
        parse(text, lon="lon", lat="lat", name="name", stages={"a": {"minor": 2}, "b": {"minor": 3}})
    )
    assert found.attributes == {"stages_m": {"minor": 2.0}}
    assert (found.id, found.lon, found.lat, found.name) == ("a", -170.0, 20.0, "Here")


LIST = "id,lon,lat,act,min,maj\na,10,20,10,12.5,\nb,11,21,-9999,n/a,30\nc,12,22,,,\n"
STAGE_COLUMNS = {"action": "act", "minor": "min", "major": "maj"}


@pytest.mark.parametrize("columns", [{}, {"lon": "lon", "lat": "lat"}], ids=["position-of-the-list", "of-the-row"])
def test_parse_stages_from_the_list_of_stations(tmp_path: Path, columns: dict[str, str]) -> None:
    path = tmp_path / "gauges.csv"
    path.write_text(LIST, encoding="utf-8")
    listed = {"path": path, "id": "id", "lon": "lon", "lat": "lat", "stages": STAGE_COLUMNS, "stages_unit": "ft"}
    rows = "".join(f"{name},2026-03-01T10:00:00Z,1,,19,20,Here\n" for name in "abcd")
    parsed = parse(HEADER + rows, stations=listed, stages={"b": {"minor": 2}}, **columns)
    attributes = {station.id: station.attributes for station in stations_of(parsed)}
    expected = {"a": {"stages_m": {"action": 3.048, "minor": 3.81}}, "b": {"stages_m": {"minor": 2.0}}, "c": {}}
    assert attributes == (expected | {"d": {}} if columns else expected)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            {"stages": {"majr": "maj"}},
            "stages are action, minor, moderate, major, warning, guarantee, record; not majr",
        ),
        ({"stages": {"major": "top"}}, "gauges.csv: no column top"),
        ({"stages": {"major": "maj"}, "stages_unit": "s"}, "cannot convert"),
    ],
    ids=["no-such-stage", "no-such-column", "no-length"],
)
def test_configured_list_with_stages_that_cannot_be(tmp_path: Path, more: dict[str, Any], says: str) -> None:
    path = tmp_path / "gauges.csv"
    path.write_text(LIST, encoding="utf-8")
    with pytest.raises((ValueError, ConfigError), match=says):
        parse(HEADER, stations={"path": path, "id": "id", "lon": "lon", "lat": "lat", **more})


def test_configured_stages_of_a_wrong_name_or_value() -> None:
    with pytest.raises(ValueError, match="not majr"):
        parse(HEADER, stages={"a": {"majr": 3}})
    with pytest.raises(ValueError, match="finite"):
        parse(HEADER, stages={"a": {"major": float("nan")}})


def test_parse_bad_rows_are_rejects_and_a_cut_last_row_is_one_of_them() -> None:
    text = HEADER + "a,2026-03-01T10:00:00Z,1,,,,\nb,someday,1,,,,\nc,2026-03-01T10:00:00Z,high,,,,\nd,2026-03-01T1"
    parsed = parse(text)
    assert [item.station for item in readings_of(parsed)] == ["a"]
    assert [item.id for item in parsed.rejects] == ["row 3", "row 4 river_stage", "row 5"]


@pytest.mark.parametrize(
    ("text", "more", "reason"),
    [
        ("id,when\na,1\n", {}, "no column stage, time; there are id, when"),
        ("<html><title>Log in</title></html>", {}, "Log in"),
        (HEADER + "a,someday,1,,,,\n", {}, "no row could be read"),
        (b"id,time,stage\n\xe9,2026-03-01T10:00:00Z,1\n", {}, "not UTF-8"),
        ("{}", {"format": "json", "rows": "features"}, "no list of rows"),
        ('[{"x": 1}]', {"format": "json"}, "no row has"),
        (HEADER, {"station": (), "station_pattern": r"_(\w+)_"}, "not in the name"),
    ],
)
def test_parse_not_such_a_table(text: str | bytes, more: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        parse(text, **more)


def test_parse_without_a_mapping_says_so() -> None:
    with pytest.raises(BadPayload, match="mapping"):
        StationTable().parse(Payload(source="table", body=b"a,b\n1,2\n", received_at=NOW))


def test_parse_json_by_paths() -> None:
    rows = [
        {"at": "2026-03-01T10:00:00Z", "where": {"id": 7, "xy": [1.5, 2.5]}, "level": {"value": 2}},
        {"at": "2026-03-01T10:00:00Z", "where": {"id": 8, "xy": [1.5, 2.5]}, "level": {"value": None}},
    ]
    parsed = parse(
        json.dumps({"data": {"rows": rows}}), format="json", rows="data.rows", station="where.id", time="at",
        lon="where.xy.0", lat="where.xy.1", values={"river_stage": {"column": "level.value", "unit": "m"}},
    )  # fmt: skip
    assert [(item.station, item.value) for item in readings_of(parsed)] == [("7", 2.0), ("8", None)]
    assert [(item.lon, item.lat) for item in stations_of(parsed)] == [(1.5, 2.5)] * 2


@pytest.mark.parametrize(
    "more",
    [
        {"station": ()}, {"station_value": "x"}, {"lon": "lon"}, {"delimiter": "ab"}, {"zone": "Mars"},
        {"encoding": "klingon"}, {"values": {}}, {"values": {"river_stage": {"column": "a", "unit": "degC"}}},
        {"values": {"x": {"column": "a", "valid": [2, 1]}}}, {"time": 3.5, "colour": "red"},
        {"station": (), "station_pattern": "(((", }, {"every": "often"}, {"header_row": -1},
    ],
)  # fmt: skip
def test_configured_wrong_mapping_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        StationTable.configured({**PLAIN, **more})


def test_configured_station_list_missing_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.csv"):
        StationTable.configured(
            {**PLAIN, "stations": {"path": tmp_path / "none.csv", "id": "i", "lon": "x", "lat": "y"}}
        )


AWS = ("wsi_series", "wsi_issuer", "wsi_issue_number", "wsi_local")
KELVIN = {"unit": "K"}
RECORDED: dict[str, tuple[str, dict[str, Any], int, int, int]] = {
    # file, mapping, stations, readings with a value, rejects
    "buoys": (
        "ndbc/latest_obs.txt",
        {
            "delimiter": "spaces", "first_row": 3, "missing": "MM", "station": "#STN", "lon": "LON", "lat": "LAT",
            "time": ["YYYY", "MM", "DD", "hh", "mm"], "time_format": "%Y %m %d %H %M",
            "values": {"wind_speed": {"column": "WSPD", "unit": "m/s"},
                       "visibility": {"column": "VIS", "unit": "nmi"}},
        },
        840, -1, 0,
    ),
    "tsunami-buoy": (
        "ndbc/41421.dart",
        {
            "delimiter": "spaces", "first_row": 3, "station": (), "station_value": "41421", "missing": "9999.000",
            "time": ["#YY", "MM", "DD", "hh", "mm", "ss"], "time_format": "%Y %m %d %H %M %S",
            "values": {"water_column": {"column": "HEIGHT", "unit": "m"}},
        },
        0, -1, 0,
    ),
    "rain": (
        "ndbc/BDVF1.rain",
        {
            "delimiter": "spaces", "first_row": 3, "station": (), "station_pattern": r"^(\w+)\.rain", "missing": "MM",
            "time": ["#YY", "MM", "DD", "hh", "mm"], "time_format": "%Y %m %d %H %M",
            "values": {"precipitation": {"column": "ACCUM", "unit": "mm"}},
        },
        0, 1038, 0,
    ),
    "dwd": (
        "obs/observations_current.csv",
        {
            "delimiter": ";", "first_row": 4, "decimal": ",", "missing": "---",
            "station": (), "station_value": "01049",
            "time": ["surface observations", "Parameter description"], "time_format": "%d.%m.%y %H:%M",
            "values": {
                "air_temperature": {"column": "dry_bulb_temperature_at_2_meter_above_ground", "unit": "degC"},
                "wind_gust": {"column": "maximum_wind_speed_last_hour", "unit": "km/h"},
            },
        },
        0, -1, 0,
    ),
    "aws": (
        "obs/aws_example.csv",
        {
            "station": AWS, "lon": "longitude", "lat": "latitude", "elevation_m": "station_height_above_msl",
            "time": ["year", "month", "day", "hour", "minute"], "time_format": "%Y %m %d %H %M",
            "values": {
                "air_temperature": {"column": "air_temperature", "unit": "K"},
                "pressure_msl": {"column": "msl_pressure", "unit": "Pa"},
            },
        },
        1, 6, 0,
    ),
    "wigos": (
        "obs/WIGOS_0-454-2-AWSNAMITAMBO_2021-07-07.csv",
        {
            "header_row": 2, "first_row": 5, "station": (), "station_pattern": "WIGOS_(.+?)_", "missing": "NAN",
            "lon": "Longitude", "lat": "Latitude", "elevation_m": "Elevation", "time": "TIMESTAMP",
            "zone": "Africa/Blantyre", "values": {"air_temperature": {"column": "AirTempK", "unit": "K"}},
        },
        1, -1, 0,
    ),
    "high-water-marks": (
        "hydro/usgs_highwatermarks_florence2018.csv",
        {
            "station": "hwm_id", "lon": "longitude", "lat": "latitude", "time": "flag_date",
            "values": {"high_water_mark": {"column": "elev_ft", "unit": "ft"}},
        },
        -1, -1, -1,
    ),
    "catalogue": (
        "truth/usgs_catalog_tohoku.csv",
        {
            "station": "id", "lon": "longitude", "lat": "latitude", "time": "time",
            "values": {"magnitude": {"column": "mag"}},
        },
        4256, 4256, 0,
    ),
}  # fmt: skip


@pytest.mark.recorded
@pytest.mark.parametrize("case", sorted(RECORDED))
def test_recorded_table(recorded: Path, case: str) -> None:
    name, mapping, stations, valued, rejects = RECORDED[case]
    path = recorded / name
    source = StationTable.configured({**PLAIN, **mapping})
    parsed = source.parse(Payload(source="table", body=path.read_bytes(), received_at=NOW, name=path.name))
    found = [item for item in readings_of(parsed) if item.value is not None]
    if stations >= 0:
        assert len(stations_of(parsed)) == stations
    if rejects >= 0:
        assert len(parsed.rejects) == rejects, parsed.rejects[:3]
    assert len(found) == valued if valued >= 0 else found
    assert parsed.data_at == max(item.observed_at for item in found)


@pytest.mark.recorded
def test_recorded_values_read_off_the_files(recorded: Path) -> None:
    def read(case: str) -> list[Observation]:
        name, mapping, *_ = RECORDED[case]
        body = (recorded / name).read_bytes()
        source = StationTable.configured({**PLAIN, **mapping})
        return readings_of(source.parse(Payload(source="t", body=body, received_at=NOW, name=Path(name).name)))

    dwd = {(item.quantity, item.observed_at.hour): item.value for item in reversed(read("dwd"))}
    assert dwd[("air_temperature", 8)] == -3.1
    assert dwd[("wind_gust", 8)] == pytest.approx(21 / 3.6)
    aws = read("aws")[0]
    assert aws.station == "0-20000-0-15015" and aws.value == pytest.approx(25.0)
    assert read("buoys")[0].observed_at == datetime(2018, 7, 30, 21, tzinfo=UTC)
    assert read("tsunami-buoy")[0].value == 5806.902


@pytest.mark.recorded
def test_recorded_station_list_joins(recorded: Path) -> None:
    listed = {
        "path": recorded / "obs" / "wigos_station_list.csv", "id": "wigos_station_identifier", "lon": "longitude",
        "lat": "latitude", "name": "station_name", "elevation_m": "elevation",
    }  # fmt: skip
    text = HEADER + "0-20000-0-16252,2026-03-01T10:00:00Z,1,,,,\nnowhere,2026-03-01T10:00:00Z,2,,,,\n"
    parsed = parse(text, stations=listed)
    (station,) = stations_of(parsed)
    assert (station.name, station.elevation_m) == ("CAMPOBASSO", 793.0)
    assert [item.id for item in parsed.rejects] == ["nowhere"]
    assert len(readings_of(parsed)) == 2


@pytest.mark.parametrize(
    ("written", "received", "observed"),
    [
        pytest.param("2026-11-01 00:30", "2026-11-01T09:00", "2026-11-01T04:30", id="before"),
        pytest.param("2026-11-01 01:30", "2026-11-01T05:40", "2026-11-01T05:30", id="twice, the second to come"),
        pytest.param("2026-11-01 01:30", "2026-11-01T09:00", None, id="twice"),
        pytest.param("2026-11-01 02:00", "2026-11-01T09:00", "2026-11-01T07:00", id="after"),
        pytest.param("2026-03-08 02:30", "2026-03-08T09:00", None, id="left out"),
    ],
)
def test_local_time_at_a_clock_change_is_not_guessed(written: str, received: str, observed: str | None) -> None:
    table = StationTable.configured(
        {
            "source": "station_table", "url": "https://example.org/t.csv", "station": "s", "time": "t",
            "time_format": "%Y-%m-%d %H:%M", "zone": "America/New_York",
            "values": {"precipitation": {"column": "r", "unit": "mm"}},
        }
    )  # fmt: skip
    received_at = datetime.fromisoformat(received).replace(tzinfo=UTC)
    body = f"s,t,r\na,{written},1\nb,2026-01-05 12:00,1\n".encode()
    parsed = table.parse(Payload(source="station_table", body=body, received_at=received_at))
    told = [record for record in parsed.records if isinstance(record, Observation)]
    times = [record.observed_at for record in told if record.station == "a"]
    assert times == ([datetime.fromisoformat(observed).replace(tzinfo=UTC)] if observed else [])
    assert len(parsed.rejects) == (0 if observed else 1)
