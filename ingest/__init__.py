"""The registry of sources: one line a module, and the feeds an operator configured from them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

from data.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from data.settings import Settings
    from ingest.source import Source

# Module key -> the class that reads such feeds. `Class()` is the instance with defaults, `Class.configured(mapping)`
# one an operator set up.
SOURCES = {
    "usgs_quakes": "ingest.usgs_quakes:UsgsQuakes",
    "cap_feed": "ingest.cap_feed:CapFeed",
    "cap_pushed": "ingest.cap_pushed:CapPushed",
    "grid_files": "ingest.grid_files:GridFiles",
    "water_services": "ingest.water_services:WaterServices",
    "station_table": "ingest.station_table:StationTable",
    "survey_files": "ingest.survey_files:SurveyFiles",
}


def source_class(module_key: str) -> Any:
    """The class behind a module key; imported on first use."""
    module, _, name = SOURCES[module_key].partition(":")
    return getattr(import_module(module), name)


@dataclass(frozen=True, kw_only=True)
class ConfiguredFeed:
    """Whether the configuration wants a feed to run, and a digest of all that it says of it."""

    switched_on: bool
    digest: str


def build_sources(settings: Settings) -> tuple[Source, ...]:
    """One instance a module with its defaults, and one for each configured feed.

    A configured feed without a key of its own takes the place of its module's default. Nothing is contacted here, and
    nothing later unless a feed is switched on.

    Raises
    ------
    ConfigError
        With every fault of every configured feed.
    """
    sources = {key: cast("Source", source_class(key)()) for key in SOURCES}
    faults: list[str] = []
    named: set[str] = set()
    for place, config in enumerate(settings.sources):
        label = f"sources[{place}]"
        module_key = config.get("source")
        if module_key not in SOURCES:
            faults.append(f"{label}.source: one of {', '.join(SOURCES)}, not {module_key!r}")
            continue
        built = _configure(module_key, config, label, faults)
        if built is None:
            continue
        if built.spec.key in named:
            faults.append(f"{label}.key: {built.spec.key!r} is taken")
        named.add(built.spec.key)
        sources[built.spec.key] = built
    if faults:
        raise ConfigError(faults)
    return tuple(sources.values())


def configured_feeds(settings: Settings) -> dict[str, ConfiguredFeed]:
    """What the configuration says of each feed that it names, by key."""
    return {
        str(config.get("key") or config.get("source")): ConfiguredFeed(
            switched_on=bool(config.get("enabled", True)), digest=_digest(config)
        )
        for config in settings.sources
    }


def _digest(config: Mapping[str, Any]) -> str:
    text = json.dumps(config, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _configure(module_key: str, config: Mapping[str, Any], label: str, faults: list[str]) -> Source | None:
    from pydantic import ValidationError

    try:
        built: Source = source_class(module_key).configured(config)
    except ValidationError as error:
        for fault in error.errors():
            where = ".".join(str(part) for part in fault["loc"])
            faults.append(f"{label}{'.' + where if where else ''}: {fault['msg']}")
        return None
    except ConfigError as error:
        faults += [f"{label}: {fault}" for fault in error.faults]
        return None
    except ValueError as error:
        faults.append(f"{label}: {error}")
        return None
    if config.get("enabled", True) and not built.spec.url:
        faults.append(f"{label}.url: an enabled feed needs an address")
        return None
    return built
