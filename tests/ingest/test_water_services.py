from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data.errors import BadPayload
from data.model import Observation, Parsed, Payload, Quality, Station
from ingest.water_services import WaterServices

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def series(
    *readings: Any, code: str = "00065", unit: str | None = "ft", site: str = "01", **more: Any
) -> dict[str, Any]:
    variable: dict[str, Any] = {"variableCode": [{"value": code}], **more.pop("variable", {})}
    if unit:
        variable["unit"] = {"unitCode": unit}
    return {
        "sourceInfo": {
            "siteName": "A CREEK",
            "siteCode": [{"value": site}],
            "geoLocation": {"geogLocation": {"latitude": 40.0, "longitude": -75.0}},
            "timeZoneInfo": {"defaultTimeZone": {"zoneOffset": "-05:00"}},
            "siteProperty": [{"name": "countyCd", "value": "24011"}],
            **more.pop("info", {}),
        },
        "variable": variable,
        "values": more.pop("blocks", [{"value": list(readings)}]),
    }


def reading(value: Any, at: str = "2026-03-01T06:00:00.000-05:00", qualifiers: Any = ("P",)) -> dict[str, Any]:
    return {"value": value, "dateTime": at, "qualifiers": qualifiers}


def parse(*items: Any, source: WaterServices | None = None) -> Parsed:
    body = json.dumps({"value": {"timeSeries": items}}).encode()
    return (source or WaterServices()).parse(Payload(source="water", body=body, received_at=NOW))


def readings_of(parsed: Parsed) -> list[Observation]:
    return [item for item in parsed.records if isinstance(item, Observation)]


@pytest.mark.parametrize(
    ("code", "unit", "written", "quantity", "value", "ours"),
    [
        ("00065", "ft", "10", "river_stage", 3.048, "m"),
        ("00060", "ft3/s", "1000", "river_discharge", 28.316846592, "m3/s"),
        ("00060", "m3/s", "7.5", "river_discharge", 7.5, "m3/s"),
        ("00060", None, "1000", "river_discharge", 28.316846592, "m3/s"),
        ("00010", "deg C", "4.5", "water_temperature", 4.5, "degC"),
    ],
)
def test_parse_units_become_ours(
    code: str, unit: str | None, written: str, quantity: str, value: float, ours: str
) -> None:
    (found,) = readings_of(parse(series(reading(written), code=code, unit=unit)))
    assert (found.quantity, found.unit) == (quantity, ours)
    assert found.value == pytest.approx(value, rel=1e-12)
    assert found.observed_at == datetime(2026, 3, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "qualifiers", "quality"),
    [
        ("6.5", ["A"], Quality.GOOD),
        ("6.5", ["P"], Quality.GOOD),
        ("6.5", "A", Quality.GOOD),
        ("6.5", [], Quality.GOOD),
        ("6.5", ["P", "e"], Quality.SUSPECT),
        ("6.5", ["P", "Bkw"], Quality.SUSPECT),
        ("-999999", ["P", "Ice"], Quality.MISSING),
        ("-999999.00", ["P"], Quality.MISSING),
        ("", ["P"], Quality.MISSING),
        (None, ["P"], Quality.MISSING),
    ],
)
def test_parse_quality_and_missing(written: Any, qualifiers: Any, quality: Quality) -> None:
    (found,) = readings_of(parse(series(reading(written, qualifiers=qualifiers))))
    assert found.quality is quality
    assert (found.value is None) is (quality is Quality.MISSING)


def test_parse_missing_values_do_not_make_a_feed_look_fresh() -> None:
    parsed = parse(series(reading("6.5", "2026-03-01T05:00:00-05:00"), reading("-999999")))
    assert parsed.data_at == datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_parse_daily_value_stands_at_the_end_of_its_local_day() -> None:
    daily = {"options": {"option": [{"optionCode": "00003"}]}}
    (found,) = readings_of(
        parse(series(reading("1000", "2026-02-27T00:00:00.000"), code="00060", unit="ft3/s", variable=daily))
    )
    assert (found.quantity, found.observed_at) == ("river_discharge_daily_mean", datetime(2026, 2, 28, 5, tzinfo=UTC))


def test_parse_two_sensors_keeps_the_one_with_the_newest_value() -> None:
    old, new = reading("1", "2026-02-01T00:00:00-05:00"), reading("2")
    parsed = parse(series(blocks=[{"value": [new]}, {"value": [old]}, {"value": []}]))
    (found,) = readings_of(parsed)
    assert found.value == pytest.approx(0.6096)
    assert "1 more sensors" in parsed.rejects[0].reason


def test_parse_station_with_stages_of_the_configuration() -> None:
    source = WaterServices.configured(
        {"source": "water_services", "sites": ["01", "02"], "stages": {"01": {"minor": 3.5, "major": 5}}}
    )
    (station,) = [item for item in parse(series(reading("1")), source=source).records if isinstance(item, Station)]
    assert station.attributes == {"county": "24011", "stages_m": {"minor": 3.5, "major": 5.0}}
    assert source.spec.url.endswith("parameterCd=00060,00065&sites=01%2C02")


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (series(reading("1"), info={"geoLocation": {}}), "no position"),
        (series(reading("1"), info={"geoLocation": {"geogLocation": {"latitude": 140, "longitude": 0}}}), "Earth"),
        (series(reading("1"), code="99999"), "not kept"),
        (series(reading("high")), "not a reading"),
        (series(reading("1", "yesterday")), "not a reading"),
        (series(reading("1", "2026-03-01T00:00:00"), info={"timeZoneInfo": {}}), "not a reading"),
        (series(reading("1"), unit="parsec2"), "cannot convert"),
        (series(reading("1"), variable={"options": {"option": [{"optionCode": "00099"}]}}), "statistic"),
        ({"sourceInfo": {}}, "not a time series"),
        (7, "not a time series"),
    ],
)  # fmt: skip
def test_parse_bad_part_is_a_reject(item: Any, reason: str) -> None:
    parsed = parse(item, series(reading("2"), site="02"))
    assert reason in parsed.rejects[0].reason
    assert any(found.station == "02" for found in readings_of(parsed))


def test_parse_another_document_is_a_bad_payload() -> None:
    with pytest.raises(BadPayload, match="timeSeries"):
        WaterServices().parse(Payload(source="water", body=b'{"features": []}', received_at=NOW))


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "stations", "readings", "newest"),
    [
        ("waterservices_iv.txt", 2, 20, datetime(2019, 2, 14, 6, tzinfo=UTC)),
        ("waterservices_dv.txt", 2, 4, datetime(2020, 2, 16, 5, tzinfo=UTC)),
        ("nwis_iv_mock.json", 0, 2, datetime(2018, 1, 24, tzinfo=UTC)),
        ("nwis_iv_empty_mock.json", 0, 0, None),
    ],
)
def test_recorded_response(recorded: Path, name: str, stations: int, readings: int, newest: datetime | None) -> None:
    body = (recorded / "hydro" / name).read_bytes()
    parsed = WaterServices().parse(Payload(source="water", body=body, received_at=NOW))
    assert sum(isinstance(item, Station) for item in parsed.records) == stations
    assert (len(readings_of(parsed)), parsed.data_at) == (readings, newest)


@pytest.mark.recorded
def test_recorded_discharge_value(recorded: Path) -> None:
    body = (recorded / "hydro" / "waterservices_iv.txt").read_bytes()
    found = readings_of(WaterServices().parse(Payload(source="water", body=body, received_at=NOW)))
    first = {item.quantity: item for item in reversed(found) if item.station == "01491000"}
    assert first["river_discharge"].value == pytest.approx(974 * 0.0283168466, rel=1e-9)
    assert first["river_stage"].value == pytest.approx(6.48 * 0.3048)
