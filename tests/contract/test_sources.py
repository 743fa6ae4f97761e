"""What every source promises, checked over the whole registry."""

from __future__ import annotations

import dataclasses
import pickle
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import ingest
from data.errors import BadPayload, ConfigError
from data.model import Parsed, Payload
from data.settings import Settings
from ingest import SOURCES, build_sources, source_class
from tests.conftest import ROOT

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOISE = [
    b"",
    b"\x00" * 100,
    b"<html><title>Log in</title></html>",
    b"[" * 100_000,
    b'{"a": NaN}',
    bytes(range(256)) * 20,
]
TABLE = {"station": "id", "time": "time", "values": {"river_stage": {"column": "stage", "unit": "ft"}}}


def build(tmp_path: Path, *configured: dict[str, object]) -> tuple[object, ...]:
    return build_sources(Settings(home=tmp_path, sources=configured))


@pytest.mark.parametrize("key", sorted(SOURCES))
def test_source_manifest_is_complete(key: str) -> None:
    source = source_class(key)()
    spec = source.spec
    assert spec.key == key and spec.title and spec.provider and spec.licence
    assert spec.hazard in ("earthquake", "weather", "water", "warning", "survey")
    assert timedelta(seconds=5) <= spec.every <= spec.stale_after
    assert dataclasses.is_dataclass(source), "a configured source is a value"
    if spec.decode_in_child:
        assert pickle.loads(pickle.dumps(source)).spec == spec


@pytest.mark.parametrize("key", sorted(SOURCES))
@pytest.mark.parametrize("body", NOISE, ids=["empty", "zeros", "login", "deep", "nan", "noise"])
def test_source_reads_noise_as_bad_payload_or_rejects(key: str, body: bytes) -> None:
    source = source_class(key)()
    try:
        parsed = source.parse(Payload(source=key, body=body, received_at=NOW, name="x.bin"))
    except BadPayload as error:
        assert error.reason and len(error.reason) < 2000
    else:
        assert isinstance(parsed, Parsed) and not parsed.records


def test_every_source_module_is_registered() -> None:
    folder = Path(str(ingest.__file__)).parent
    makes = re.compile(r"^SPEC = (SourceSpec|replace)\(", re.MULTILINE)
    with_spec = {path.stem for path in folder.glob("*.py") if makes.search(path.read_text(encoding="utf-8"))}
    assert with_spec == set(SOURCES)


def test_registry_import_loads_no_heavy_library(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from data.settings import Settings; from ingest import build_sources;"
        f"build_sources(Settings(home=Path({str(tmp_path)!r})));"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'numpy', 'pandas', 'xarray', 'eccodes',"
        "'pyogrio', 'pyarrow', 'geopandas', 'rasterio', 'pint', 'lxml', 'urllib3', 'apscheduler'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_build_sources_configured_feed_changes_the_manifest(tmp_path: Path) -> None:
    found = {
        source.spec.key: source  # type: ignore[attr-defined]
        for source in build(
            tmp_path,
            {
                "source": "usgs_quakes",
                "key": "quakes_hour",
                "url": "https://a.example/h",
                "every": "30 s",
                "title": "Hour",
            },
            {"source": "station_table", "key": "river", "url": "https://a.example/t", **TABLE},
        )
    }
    assert set(SOURCES) < set(found)
    spec = found["quakes_hour"].spec  # type: ignore[attr-defined]
    assert (spec.url, spec.every, spec.title) == ("https://a.example/h", timedelta(seconds=30), "Hour")


def test_build_sources_tells_every_fault_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        build(
            tmp_path,
            {"source": "usgs_quake"},
            {"source": "usgs_quakes", "key": "one", "evry": "1 min", "every": "soon"},
            {"source": "water_services", "key": "two"},
            {"source": "usgs_quakes", "key": "three"},
            {"source": "usgs_quakes", "key": "three"},
            {"source": "station_table", "key": "four", "url": "https://a.example", "time": "t", "values": {}},
            {"source": "station_table", "key": "five", "url": "https://a.example", **TABLE, "zone": "Mars/Olympus"},
        )
    told = "\n".join(caught.value.faults)
    for part in (
        "sources[0].source", "sources[1].evry", "sources[1].every", "sources[2].url", "sources[4].key",
        "sources[5].values", "sources[6].zone",
    ):  # fmt: skip
        assert part in told, part
