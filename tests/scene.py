"""A scene with something of everything, written for tests, benches and pictures: quakes, rain, gauges, warnings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from data.clock import iso
from tests.running import FeedServer, quake_feed

GAUGES = (  # id, name, lon, lat, stage m, action, minor, moderate, major
    ("07010000", "Mississippi River at St. Louis, MO", -90.18, 38.63, 9.6, 8.5, 9.1, 10.7, 12.2),
    ("05587450", "Mississippi River at Grafton, IL", -90.43, 38.97, 5.1, 5.2, 5.5, 6.1, 7.3),
    ("06934500", "Missouri River at Hermann, MO", -91.44, 38.71, 8.0, 6.1, 6.4, 7.3, 8.8),
    ("03384500", "Ohio River at Golconda, IL", -88.48, 37.36, 12.8, 11.6, 12.2, 13.7, 15.2),
)
RAIN = (  # id, name, lon, lat, mm in each of the last 12 hours, oldest first
    ("57083", "Zhengzhou", 113.66, 34.71, (0, 0, 1, 2, 4, 6, 9, 18, 22, 40, 45, 38)),
    ("57081", "Xingyang", 113.38, 34.80, (0, 0, 0, 1, 2, 3, 4, 8, 12, 16, 20, 22)),
    ("57084", "Dengfeng", 113.03, 34.46, (0, 0, 0, 1, 1, 3, 4, 6, 8, 9, 10, 14)),
    ("57086", "Xinmi", 113.39, 34.54, (0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 5)),
)
SILENT = ("57091", "Kaifeng", 114.30, 34.80)  # its last report is four hours old


def quakes(now: datetime, *more: Mapping[str, Any]) -> bytes:
    """A day of earthquakes; `more` are added as the feed would."""
    ms = int(now.timestamp() * 1000)
    day: Sequence[Mapping[str, Any]] = (
        {"id": "us6000tst1", "mag": 6.1, "lon": 87.36, "lat": 28.64, "place": "93 km NE of Lobuche, Nepal",
         "at_ms": ms - 26 * 60_000},
        {"id": "us6000tst2", "mag": 4.6, "lon": 142.3, "lat": 38.2, "place": "80 km ESE of Ishinomaki, Japan",
         "at_ms": ms - 5 * 3_600_000},
        {"id": "ci40000001", "mag": 3.1, "lon": -117.6, "lat": 35.77, "place": "18 km ENE of Ridgecrest, CA",
         "at_ms": ms - 2 * 3_600_000},
        {"id": "us6000tst3", "mag": 5.4, "lon": -72.4, "lat": -31.6, "place": "70 km W of Illapel, Chile",
         "at_ms": ms - 9 * 3_600_000, "depth_km": 28.0},
    )  # fmt: skip
    return quake_feed(*day, *more, generated_ms=ms)


def gauges(now: datetime) -> bytes:
    """Instantaneous river stages in feet, in the form of USGS Water Services."""
    series = [
        {
            "sourceInfo": {
                "siteName": name,
                "siteCode": [{"value": site, "agencyCode": "USGS"}],
                "geoLocation": {"geogLocation": {"srs": "EPSG:4326", "latitude": lat, "longitude": lon}},
            },
            "variable": {
                "variableCode": [{"value": "00065"}],
                "variableName": "Gage height, ft",
                "unit": {"unitCode": "ft"},
                "noDataValue": -999999.0,
            },
            "values": [
                {
                    "value": [
                        {
                            "value": f"{(stage - hour * 0.05) / 0.3048:.2f}",
                            "qualifiers": ["P"],
                            "dateTime": iso(now - timedelta(hours=hour, minutes=8)),
                        }
                        for hour in range(48, -1, -1)
                    ],
                    "qualifier": [{"qualifierCode": "P"}],
                }
            ],
        }
        for site, name, lon, lat, stage, *_ in GAUGES
    ]
    return json.dumps({"name": "ns1:timeSeriesResponseType", "value": {"timeSeries": series}}).encode()


def rain(now: datetime) -> bytes:
    """Hourly rain as a CSV with Beijing time."""
    lines = ["station,name,lon,lat,time,rain_mm"]
    hour = now.replace(minute=0, second=0, microsecond=0)
    for site, name, lon, lat, hourly in RAIN:
        for back, amount in enumerate(reversed(hourly)):
            at = hour - timedelta(hours=back) + timedelta(hours=8)
            lines.append(f"{site},{name},{lon},{lat},{at:%Y-%m-%d %H:%M},{amount}")
    site, name, lon, lat = SILENT
    for back in range(4, 12):
        at = hour - timedelta(hours=back) + timedelta(hours=8)
        lines.append(f"{site},{name},{lon},{lat},{at:%Y-%m-%d %H:%M},3")
    return "\n".join(lines).encode()


def warning(now: datetime) -> bytes:
    """A CAP message of a neighbouring service, in force for three more hours."""
    sent, expires = now - timedelta(hours=1), now + timedelta(hours=3)
    area = "37.6,119.9 39.2,119.9 39.2,122.6 37.6,122.6 37.6,119.9"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
<identifier>test-gale-1</identifier><sender>met@example.org</sender><sent>{sent:%Y-%m-%dT%H:%M:%S}+00:00</sent>
<status>Actual</status><msgType>Alert</msgType><scope>Public</scope>
<info><language>en</language><category>Met</category><event>Gale</event><urgency>Expected</urgency>
<severity>Severe</severity><certainty>Likely</certainty>
<expires>{expires:%Y-%m-%dT%H:%M:%S}+00:00</expires><senderName>Neighbouring service</senderName>
<headline>Gale over the Bohai Strait until evening</headline>
<description>Mean wind of force 9, gusts of force 10.</description>
<instruction>Small craft stay in harbour.</instruction>
<area><areaDesc>Bohai Strait</areaDesc><polygon>{area}</polygon></area>
</info></alert>""".encode()


def sources(server: FeedServer) -> list[dict[str, Any]]:
    """The configuration that reads the scene from a feed server."""
    return [
        {"source": "usgs_quakes", "url": server.url("/quakes"), "every": "5 s"},
        {
            "source": "water_services", "url": server.url("/gauges"), "every": "30 s", "stale_after": "2 h",
            "stages": {
                site: {"action": action, "minor": minor, "moderate": moderate, "major": major}
                for site, *_, action, minor, moderate, major in GAUGES
            },
        },
        {
            "source": "station_table", "key": "rain_gauges", "title": "Rain gauges of the province",
            "url": server.url("/rain"), "every": "30 s", "stale_after": "3 h", "station": "station", "name": "name",
            "lon": "lon", "lat": "lat", "time": "time", "time_format": "%Y-%m-%d %H:%M", "zone": "+08:00",
            "values": {"precipitation": {"column": "rain_mm", "unit": "mm"}},
        },
        {"source": "cap_feed", "url": server.url("/cap"), "every": "30 s", "title": "Warnings of the neighbours"},
        {
            "source": "cap_feed", "key": "sea_warnings", "title": "Warnings at sea",
            "url": server.url("/broken"), "every": "30 s",
        },
    ]  # fmt: skip


def stage(server: FeedServer, now: datetime) -> None:
    """Put the scene on a feed server; `/broken` answers 503."""
    server.bodies |= {
        "/quakes": quakes(now), "/gauges": gauges(now), "/rain": rain(now), "/cap": warning(now), "/broken": 503,
    }  # fmt: skip
