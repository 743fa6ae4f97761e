"""`ingest SOURCE`: one run from the command line, of what the provider has now or of files at hand."""

from __future__ import annotations

import glob
import json
import mimetypes
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from data.clock import iso, utc_now
from data.errors import ConfigError, IngestError
from data.model import Payload
from data.settings import Settings
from data.store.archive import Archive
from data.store.engine import open_store
from data.store.migrate import migrate
from ingest import build_sources
from ingest.http import Http
from ingest.runner import Desk, RunReport, ingest_payloads, run_source
from ingest.source import Source


def main(settings: Settings, source_key: str, origin: str | None, as_json: bool, at: datetime | None) -> int:
    """Run a source once, print the report, and return 0 only when every payload could be used."""
    source = _source(settings, source_key)
    clock = (lambda: at) if at else utc_now
    store = open_store(settings.url)
    try:
        store.wait_ready()
        migrate(store)
        desk = Desk(store=store, archive=Archive(settings.home / "payloads"), home=settings.home, clock=clock)
        http = Http(allow_hosts=settings.allow_hosts, clock=clock)
        reports = [run_source(source, desk, http)] if origin is None else list(_from(source, desk, http, origin))
    finally:
        store.close()
    whole = _sum(source.spec.key, reports)
    print(json.dumps(whole.as_json(), ensure_ascii=False, indent=None if as_json else 2) if as_json else _told(whole))
    return 0 if reports and all(report.usable for report in reports) else 1


def _source(settings: Settings, key: str) -> Source:
    sources = {source.spec.key: source for source in build_sources(settings)}
    if key not in sources:
        raise ConfigError([f"no source {key!r}; there are {', '.join(sorted(sources))}"])
    return sources[key]


def _from(source: Source, desk: Desk, http: Http, origin: str) -> Iterator[RunReport]:
    if origin.startswith(("http://", "https://")):
        client = http.for_source(source.spec, {})
        try:
            payload = client.get(origin)
        except IngestError as error:
            yield RunReport(source=source.spec.key, outcome="refused", reason=error.reason)
            return
        yield ingest_payloads(source, desk, [payload] if payload else [])
        return
    paths = list(_paths(origin))
    if not paths:
        raise ConfigError([f"--from: no file at {origin}"])
    for number, path in enumerate(paths):
        if sys.stderr.isatty() and len(paths) > 1:
            print(f"\r{number + 1}/{len(paths)} {path.name[:60]:60}", end="", file=sys.stderr)
        yield _ingest_path(source, desk, http, path)
    if sys.stderr.isatty() and len(paths) > 1:
        print(file=sys.stderr)


def _ingest_path(source: Source, desk: Desk, http: Http, path: Path) -> RunReport:
    try:
        if path.is_dir():  # a source that takes folders packs them itself, as when its address is one
            spec = replace(source.spec, url=str(path))
            there: Source = replace(source, spec=spec)  # type: ignore[type-var]
            return ingest_payloads(source, desk, there.fetch(http.for_source(spec, {}), None))
        if path.stat().st_size > source.spec.max_bytes:
            raise OSError(f"{path.stat().st_size} bytes, more than the {source.spec.max_bytes} allowed")
        else:
            payload = Payload(
                source=source.spec.key,
                body=path.read_bytes(),
                received_at=desk.clock(),
                url=path.resolve().as_uri(),
                media_type=mimetypes.guess_type(path.name)[0] or "",
                name=path.name,
            )
    except (OSError, IngestError) as error:
        return RunReport(source=source.spec.key, outcome="failed", reason=f"{path.name}: {error}")
    return ingest_payloads(source, desk, [payload])


def _paths(origin: str) -> Iterable[Path]:
    path = Path(origin)
    if path.is_dir() and path.suffix.lower() not in (".gdb", ".zarr"):
        return sorted(item for item in path.iterdir() if item.is_file() or item.suffix.lower() == ".gdb")
    if path.exists():
        return [path]
    return sorted(Path(name) for name in glob.glob(origin, recursive=True))  # noqa: PTH207


def _sum(key: str, reports: list[RunReport]) -> RunReport:
    if len(reports) == 1:
        return reports[0]
    bad = [report for report in reports if not report.usable]
    stored = sum(report.stored for report in reports)
    return RunReport(
        source=key,
        outcome=bad[0].outcome if bad else "stored" if stored else "unchanged",
        parsed=sum(report.parsed for report in reports),
        stored=stored,
        unchanged=sum(report.unchanged for report in reports),
        rejected=tuple(item for report in reports for item in report.rejected),
        data_at=max((report.data_at for report in reports if report.data_at), default=None),
        reason="; ".join(report.reason for report in bad)[:2000],
        payloads=tuple(number for report in reports for number in report.payloads),
    )


def _told(report: RunReport) -> str:
    lines = [
        f"{report.source}: {report.outcome}",
        f"parsed {report.parsed}, stored {report.stored}, unchanged {report.unchanged}, "
        f"rejected {len(report.rejected)}",
    ]
    if report.data_at:
        lines.append(f"newest observation {iso(report.data_at)}")
    if report.reason:
        lines.append(report.reason)
    lines += [f"  {item.id}: {item.reason}" for item in report.rejected[:20]]
    if len(report.rejected) > 20:
        lines.append(f"  and {len(report.rejected) - 20} more")
    return "\n".join(lines)
