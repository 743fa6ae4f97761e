"""Settings: read once from the environment and one YAML file, checked whole, handed down."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from data.clock import parse_duration
from data.errors import ConfigError
from data.peers import Exchange, read_exchange
from data.ways_out import WaysOut, read_ways

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything an operator can set. Files written at run time live under `home`."""

    home: Path
    base_dir: Path = ROOT / "data" / "var" / "base"
    database_url: str = ""
    host: str = "127.0.0.1"
    port: int = 8050
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    locale: str = "en"
    packs: tuple[str, ...] = ("world", "cn", "us")
    web_workers: int = 2
    web_threads: int = 600
    behind_tls: bool = False
    proxy_hops: int = 0
    allow_hosts: tuple[str, ...] = ()  # host or host:port of feeds on private networks
    sources: tuple[Mapping[str, Any], ...] = ()  # configured feeds, see docs
    rule_paths: tuple[Path, ...] = ()  # the office's own packs
    keep_fields: timedelta = timedelta(days=7)  # gridded steps, by their valid time
    keep_fields_for: Mapping[str, timedelta | None] = field(default_factory=dict)  # by quantity; None is always
    derive_off: tuple[str, ...] = ()  # derived quantities that are not wanted
    keep_runs: timedelta = timedelta(days=30)  # what runs, evaluations and changes leave behind
    trial_limit: timedelta = timedelta(hours=1)  # the longest that a trial of a rule on the past may take
    wall_session: timedelta = timedelta(days=30)  # how long a wall display stays signed in
    audit_anchor: Path | None = None  # a folder, best on another machine, for the heads of the audit chain
    oidc: Mapping[str, Any] = field(default_factory=dict, repr=False)  # the office's provider of identities
    webhooks: tuple[str, ...] = field(default=(), repr=False)  # where operator notices go; may hold tokens
    survey_pass_limit: float | None = None  # percent of faulty records that a sample may show; None is not said
    sender: str = ""  # who warns, in CAP: a name like no other's, such as warn@office.example
    sender_name: str = ""
    identifier_root: str = "tocsin"  # what names of messages begin with: an OID or a word of the office's own
    contact: str = ""
    public_url: str = ""  # where the public finds the office's page
    push_services: tuple[str, ...] = ()  # hosts of the push services that browsers may name; none is no push
    jurisdiction: tuple[float, float, float, float] | None = None  # west, south, east, north [degrees]
    cap_profiles: tuple[str, ...] = ()  # profiles of CAP that messages keep
    signing_policy: str = "hold"  # what happens to an approved message that cannot be signed: hold, or send-unsigned
    channels: WaysOut = field(default_factory=WaysOut)
    exercise_channels: WaysOut = field(default_factory=WaysOut)  # what an exercise may use: never those of the office
    exchange: Exchange = field(default_factory=Exchange)  # other Tocsins that deliveries go to and come from

    @property
    def url(self) -> str:
        """SQLAlchemy address of the store."""
        return self.database_url or f"sqlite:///{self.home / 'tocsin.db'}"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from the environment and from `tocsin.yaml`.

    The file is `$TOCSIN_CONFIG`, or `tocsin.yaml` in the home folder where it exists; a variable wins over it.

    Raises
    ------
    ConfigError
        With every fault found.
    """
    faults: list[str] = []
    home = Path(environ.get("TOCSIN_HOME") or ROOT / "data" / "var" / "home").resolve()
    named = environ.get("TOCSIN_CONFIG")
    document = _read_document(Path(named) if named else home / "tocsin.yaml", bool(named), faults)
    known = {
        "host", "port", "zone", "locale", "packs", "web_workers", "web_threads", "behind_tls", "proxy_hops",
        "allow_hosts", "sources", "rule_paths", "webhooks", "database_url", "wall_session", "audit_anchor", "oidc",
        "keep_fields",
        "keep_fields_for", "keep_runs", "trial_limit", "derive_off", "survey_pass_limit",
        "sender", "sender_name", "identifier_root",
        "contact",
        "public_url", "push_services", "jurisdiction", "cap_profiles", "signing_policy",
        "channels", "exercise_channels", "exchange",
    }  # fmt: skip
    faults += [f"unknown setting: {key}" for key in sorted(set(document) - known)]

    def text(key: str, default: str) -> str:
        return str(environ.get(f"TOCSIN_{key.upper()}") or document.get(key) or default)

    def number(key: str, default: int, low: int, high: int) -> int:
        written = text(key, str(default))
        if written.isdigit() and low <= int(written) <= high:
            return int(written)
        faults.append(f"{key}: a whole number from {low} to {high}, not {written!r}")
        return default

    def length(key: str, default: timedelta, shortest: timedelta) -> timedelta:
        written = text(key, "")
        try:
            found = parse_duration(written) if written else default
        except ValueError as error:
            faults.append(f"{key}: {error}, not {written!r}")
            return default
        if found < shortest:
            faults.append(f"{key}: at least {shortest}, not {written!r}")
        return found

    def words(key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        written = environ.get(f"TOCSIN_{key.upper()}")
        if written:
            return tuple(part.strip() for part in written.split(",") if part.strip())
        value = document.get(key, default)
        if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
            return tuple(value)
        faults.append(f"{key}: a list of texts")
        return default

    zone = ZoneInfo("UTC")
    try:
        zone = ZoneInfo(text("zone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        faults.append(f"zone: not a time zone name: {text('zone', 'UTC')!r}")
    locale = text("locale", "en")
    if locale not in ("en", "zh"):
        faults.append(f"locale: en or zh, not {locale!r}")
    sources = document.get("sources", [])
    if not isinstance(sources, list) or not all(isinstance(item, dict) for item in sources):
        faults.append("sources: a list of mappings")
        sources = []
    packs = words("packs", ("world", "cn", "us"))
    faults += [f"packs: unknown pack {pack!r}" for pack in packs if pack not in ("world", "cn", "us")]
    settings = Settings(
        home=home,
        base_dir=Path(environ.get("TOCSIN_BASE_DIR") or ROOT / "data" / "var" / "base"),
        database_url=text("database_url", ""),
        host=text("host", "127.0.0.1"),
        port=number("port", 8050, 1, 65535),
        zone=zone,
        locale=locale,
        packs=packs,
        web_workers=number("web_workers", 2, 1, 64),
        web_threads=number("web_threads", 600, 2, 2000),
        behind_tls=text("behind_tls", "false").lower() in ("1", "true", "yes"),
        proxy_hops=number("proxy_hops", 0, 0, 5),
        allow_hosts=words("allow_hosts"),
        sources=tuple(sources),
        rule_paths=tuple(Path(path) for path in words("rule_paths")),
        keep_fields=length("keep_fields", Settings.keep_fields, timedelta(hours=1)),
        keep_fields_for=_lengths(document.get("keep_fields_for", {}), faults),
        derive_off=words("derive_off"),
        keep_runs=length("keep_runs", Settings.keep_runs, timedelta(days=1)),
        trial_limit=length("trial_limit", Settings.trial_limit, timedelta(minutes=1)),
        survey_pass_limit=_percent(text("survey_pass_limit", str(document.get("survey_pass_limit", ""))), faults),
        webhooks=words("webhooks"),
        wall_session=length("wall_session", Settings.wall_session, timedelta(hours=1)),
        audit_anchor=Path(text("audit_anchor", "")) if text("audit_anchor", "") else None,
        oidc=_mapping("oidc", document, faults),
        sender=text("sender", ""),
        sender_name=text("sender_name", ""),
        identifier_root=text("identifier_root", Settings.identifier_root),
        contact=text("contact", ""),
        public_url=text("public_url", ""),
        push_services=words("push_services"),
        jurisdiction=_box(document.get("jurisdiction"), faults),
        cap_profiles=words("cap_profiles"),
        signing_policy=text("signing_policy", Settings.signing_policy),
        channels=read_ways("channels", document.get("channels"), faults),
        exercise_channels=read_ways("exercise_channels", document.get("exercise_channels"), faults),
        exchange=read_exchange(document.get("exchange"), faults),
    )
    faults += _of_warnings(settings)
    if faults:
        raise ConfigError(faults)
    return settings


def _percent(written: str, faults: list[str]) -> float | None:
    """A number from 0 to 100; None where nothing is said."""
    if not written:
        return None
    try:
        found = float(written)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 100:
        faults.append(f"survey_pass_limit: a number of percent from 0 to 100, not {written!r}")
        return None
    return found


def _box(written: Any, faults: list[str]) -> tuple[float, float, float, float] | None:
    """West, south, east, north."""
    if written is None:
        return None
    fits = isinstance(written, list) and len(written) == 4 and all(type(one) in (int, float) for one in written)
    if not fits or not (-180 <= written[0] < written[2] <= 180 and -90 <= written[1] < written[3] <= 90):
        faults.append("jurisdiction: [west, south, east, north] in degrees")
        return None
    west, south, east, north = map(float, written)
    return west, south, east, north


def _of_warnings(settings: Settings) -> list[str]:
    """What cannot stand in a message."""
    faults = []
    for name, value in (("sender", settings.sender), ("identifier_root", settings.identifier_root)):
        if value and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.:_@-]*", value):
            faults.append(f"{name}: letters, digits and . : _ @ - only, not {value!r}")
    if settings.public_url and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", settings.public_url):
        faults.append(f"public_url: a whole http or https address, not {settings.public_url!r}")
    if settings.signing_policy not in ("hold", "send-unsigned"):
        faults.append(f"signing_policy: hold or send-unsigned, not {settings.signing_policy!r}")
    return faults


def _mapping(key: str, document: Mapping[str, Any], faults: list[str]) -> Mapping[str, Any]:
    written = document.get(key) or {}
    if isinstance(written, dict):
        return written
    faults.append(f"{key}: a mapping of settings")
    return {}


def _lengths(written: Any, faults: list[str]) -> Mapping[str, timedelta | None]:
    """Durations by quantity; `always` is None."""
    if not isinstance(written, dict):
        faults.append("keep_fields_for: a mapping of quantities to durations or `always`")
        return {}
    found: dict[str, timedelta | None] = {}
    for quantity, value in written.items():
        name = f"keep_fields_for: {quantity}"
        try:
            kept = None if value == "always" else parse_duration(str(value))
        except ValueError as error:
            faults.append(f"{name}: {error}, or `always`, not {value!r}")
            continue
        if kept is not None and kept < timedelta(hours=1):
            faults.append(f"{name}: at least {timedelta(hours=1)}, not {value!r}")
        found[str(quantity)] = kept
    return found


def _read_document(path: Path, required: bool, faults: list[str]) -> Mapping[str, Any]:
    import yaml

    if not path.exists():
        if required:
            faults.append(f"configuration file not found: {path}")
        return {}
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        faults.append(f"{path.name}: {error}")
        return {}
    if not isinstance(document, dict):
        faults.append(f"{path.name}: a mapping of settings")
        return {}
    return document
