"""Inspections for programs and for print: the report, the list of faults, places for the map, a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from access.guard import needs
from access.people import current
from access.sharing.permits import permit
from access.sharing.reads import Kind, note_read
from api.answers import compact, fault, fresh
from api.asked import asked_box
from api.context import api
from api.sights import Sights
from data.actor import codes_above
from data.clock import Clock
from data.errors import LayerError, NotPermitted, TocsinError
from data.permit import NO_EXPORT, NO_RECORDS
from data.regions import RegionIndex, load_regions
from data.settings import ROOT, Settings
from data.store.catalogue import read_dataset, read_delivery
from data.store.engine import Store
from data.store.exercise import MARK, scenario_of
from data.text import LOCALES, translator

if TYPE_CHECKING:
    from layers.survey.inspect.answers import Covers
    from layers.survey.marks.mark import Mark

FONTS = ROOT / "assets" / "vendor"
NOT_INSPECTED = "This delivery was not inspected yet."

blueprint = Blueprint("inspection", __name__)


class Inspected:
    """A delivery as the present person may see its inspection: by single records, since faults are told of these.

    Raises
    ------
    NotPermitted
        If single records of its dataset may not be seen.
    """

    def __init__(self, store: Store, settings: Settings, clock: Clock, number: int) -> None:
        self.store, self.settings, self.clock, self.number = store, settings, clock, number
        with store.read() as connection:
            self.delivery = read_delivery(connection, number)
            self.dataset = read_dataset(connection, self.delivery.dataset)
            self.permit = permit(connection, current().actor(), self.delivery.dataset, clock())
        if not self.permit.records:
            raise NotPermitted(self.permit.why or NO_RECORDS)

    @property
    def index(self) -> RegionIndex:
        return load_regions(self.settings.base_dir)

    @property
    def covers(self) -> Covers:
        """Which declared units the present person may see."""
        above = codes_above(self.index)
        return lambda unit: self.permit.covers(unit, above)

    def folder(self) -> tuple[Any, Path]:
        """The newest run and its folder; LayerError where there is none."""
        from layers.survey.inspect.book import last_inspection

        with self.store.read() as connection:
            kept = last_inspection(connection, self.number)
        if kept is None:
            raise LayerError(NOT_INSPECTED)
        return kept, self.settings.home / kept.folder

    def report(self) -> dict[str, Any]:
        """The newest report, of the units that may be seen."""
        from layers.survey.inspect.answers import only, read_report

        return only(read_report(self.folder()[1]), self.covers)

    def names(self, units: Iterable[str], locale: str) -> dict[str, str]:
        """What units are called, with their codes."""
        from layers.survey.inspect.units import region_code

        index = self.index
        found = {}
        for unit in units:
            if unit and (code := region_code(unit, index)):
                rid = index.by_code(code)
                name = str(index.name_zh[rid]) if locale == "zh" and index.name_zh[rid] else str(index.name[rid])
                found[unit] = f"{name} ({unit})"
        return found

    def title(self, locale: str) -> str:
        title = self.dataset.title or {}
        return f"{title.get(locale) or title.get('en') or self.dataset.name} {self.delivery.version}"

    def mark(self) -> Mark | None:
        """What is drawn for this person carries, unless it is public."""
        sights = Sights(self.store, self.settings.home, self.settings.base_dir, self.clock())
        return sights.book().of_reader(self.permit, self.clock()) if self.permit.classified else None

    def note(self, kind: Kind, **detail: Any) -> None:
        """Write down that classified data was read."""
        note_read(self.store, self.permit, kind, self.clock(), {"delivery": self.number, **detail})


def inspected(number: int) -> Inspected:
    """A delivery of the present server."""
    return Inspected(api().store, api().settings, api().clock, number)


def locale_asked() -> str:
    """The language asked for, else the office's."""
    wished = request.args.get("locale", "")
    return wished if wished in LOCALES else api().settings.locale


def _answer(make: Callable[[], Response]) -> Response:
    try:
        return make()
    except NotPermitted as error:
        return fault(403, "forbidden", str(error))
    except LayerError as error:
        return fault(404, "not_found", str(error))
    except (TocsinError, ValueError) as error:
        return fault(400, "bad_request", str(error))


@blueprint.get("/api/surveys/deliveries/<int:number>/inspection.json")
@needs("plan.view")
def report(number: int) -> Response:
    """How each rule fared, and the units."""
    return _answer(lambda: fresh(inspected(number).report()))


@blueprint.get("/api/surveys/deliveries/<int:number>/inspection.html")
@needs("plan.view")
def printed(number: int) -> Response:
    """The report to print, with its picture; `?locale=`."""

    def make() -> Response:
        from layers.survey.inspect.printed import report_page

        seen, locale = inspected(number), locale_asked()
        kept, told = seen.folder()[0], seen.report()
        names = seen.names([one["unit"] for one in told["units"]], locale)
        body = report_page(
            told, _facts(seen, kept, told, locale), seen.title(locale), locale, picture=_picture(seen, kept, locale),
            names=names, mark=_mark(seen.clock),
        )  # fmt: skip
        seen.note("counts")
        return _page(body)

    return _answer(make)


@blueprint.get("/api/surveys/deliveries/<int:number>/inspection.png")
@needs("plan.view")
def picture(number: int) -> Response:
    """A map of the share of records with an error in each unit."""

    def make() -> Response:
        seen = inspected(number)
        body = _picture(seen, seen.folder()[0], locale_asked())
        return (
            Response(body, content_type="image/png") if body else fault(404, "not_found", "No unit has a boundary.")
        )

    return _answer(make)


@blueprint.get("/api/surveys/deliveries/<int:number>/faults.csv")
@needs("plan.view")
def faults(number: int) -> Response:
    """Every fault that was kept, for the unit that is to mend it; `?unit=`, `?rule=`."""

    def make() -> Response:
        from layers.survey.inspect.answers import as_csv, findings

        seen, locale = inspected(number), locale_asked()
        if not seen.permit.export:
            raise NotPermitted(seen.permit.why or NO_EXPORT)
        titles, folder = _titles(seen, locale), seen.folder()[1]
        rows = findings(folder, seen.covers, rule=request.args.get("rule", ""), unit=request.args.get("unit", ""))
        seen.note("export", what="faults")
        name = f"faults-{seen.delivery.dataset}-{seen.delivery.version}.csv"
        return _table(as_csv(rows, titles, translator(locale)), name)

    return _answer(make)


@blueprint.get("/api/surveys/deliveries/<int:number>/findings.geojson")
@needs("plan.view")
def places(number: int) -> Response:
    """Findings with a place, at most 5,000; `?rule=`, `?unit=`, `?bbox=west,south,east,north`."""

    def make() -> Response:
        from layers.survey.inspect.answers import as_features, findings

        seen, locale = inspected(number), locale_asked()
        folder, box = seen.folder()[1], asked_box()
        wanted = {name: request.args.get(name, "") for name in ("rule", "unit")}
        found = as_features(
            findings(folder, seen.covers, box=box, **wanted), _titles(seen, locale), translator(locale)
        )
        seen.note("rows", what="findings", **wanted)
        response = Response(compact(found), content_type="application/geo+json")
        response.headers["Cache-Control"] = "no-store"
        return response

    return _answer(make)


@blueprint.get("/api/surveys/samples/<int:id>/list.html")
@needs("survey.inspect")
def sample_list(id: int) -> Response:
    """The list of a sample to take into the field, a sheet for each unit; `?unit=`, `?locale=`."""

    def make() -> Response:
        from layers.survey.inspect.printed import list_page

        seen, locale, sample, mine = _drawn(id)
        t = translator(locale)
        facts = [
            (t("Sample"), f"{id}; {t('seed')} {sample.seed}"), (t("Records"), f"{len(mine):,}"),
            (t("Drawn"), f"{_local(seen, sample.drawn_at)}; {sample.drawn_by}"),
        ]  # fmt: skip
        title = f"{seen.title(locale)}: {t('list for the field check')}"
        names = seen.names({one.unit for one in mine}, locale)
        return _page(list_page(mine, facts, title, locale, names=names, mark=_mark(seen.clock)))

    return _answer(make)


@blueprint.get("/api/surveys/samples/<int:id>/list.csv")
@needs("survey.inspect")
def sample_table(id: int) -> Response:
    """The same list as a table to fill in, which the page takes back; `?unit=`, `?locale=`."""

    def make() -> Response:
        from layers.survey.inspect.returned import write_list

        seen, locale, _, mine = _drawn(id)
        body = write_list(id, mine, seen.settings.zone, translator(locale))
        return _table(body, f"sample-{id}.csv")

    return _answer(make)


def _drawn(id: int) -> tuple[Inspected, str, Any, list[Any]]:
    """A sample, and those of its records that may be seen; that they were read is written down."""
    from layers.survey.inspect.book import read_records, read_sample

    with api().store.read() as connection:
        sample = read_sample(connection, id)
        records = read_records(connection, id, unit=request.args.get("unit"))
    seen = inspected(sample.delivery_id)
    seen.note("export", what="sample", sample=id)
    return seen, locale_asked(), sample, [one for one in records if seen.covers(one.unit)]


def _table(body: Iterable[str], name: str) -> Response:
    response = Response(body, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _titles(seen: Inspected, locale: str) -> dict[str, str]:
    """The sentence of each rule, as it was when it ran."""
    from layers.survey.inspect.answers import read_report

    return {one["id"]: one["zh" if locale == "zh" else "en"] for one in read_report(seen.folder()[1])["rules"]}


def _facts(seen: Inspected, kept: Any, told: dict[str, Any], locale: str) -> list[tuple[str, str]]:
    t = translator(locale)
    return [
        (t("Inspected"), f"{_local(seen, kept.at)}; {kept.by}"),
        (t("Delivered"), f"{_local(seen, seen.delivery.received_at)}; {seen.delivery.received_by}"),
        (t("Records"), f"{told['records']:,}"),
        (t("with an error"), f"{sum(one['error'] for one in told['units']):,}"),
        ("SHA-256", f"{t('delivery')} {seen.delivery.digest[:16]}, {t('rules')} {told['rules_digest'][:16]}"),
    ]


def _picture(seen: Inspected, kept: Any, locale: str) -> bytes:
    """The map as PNG; nothing where no unit has a boundary."""
    from layers.survey.inspect.picture import draw_map

    here = seen.settings
    try:
        made = draw_map(
            seen.report()["units"], seen.title(locale), kept.at, base_dir=here.base_dir, fonts=FONTS, locale=locale,
            zone=here.zone, exercise=scenario_of(seen.clock), reader=seen.permit.reader, mark=seen.mark(),
        )  # fmt: skip
    except LayerError:
        return b""
    return made.body


def _local(seen: Inspected, at: Any) -> str:
    return f"{at.astimezone(seen.settings.zone):%Y-%m-%d %H:%M %z}"


def _mark(clock: Clock) -> str:
    scenario = scenario_of(clock)
    return f"{MARK}: {scenario}" if scenario else ""


def _page(body: str) -> Response:
    response = Response(body, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response
