"""The desk page over its service: what is kept of typing, what an area becomes, and what each person may decide."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from access.people import Person
from alerts.desk.content import Content
from alerts.desk.read import DeskWarning, editions
from alerts.desk.refusal import Refusal, Stale
from alerts.ledger import Queued
from alerts.ledger import put as put_rows
from data.settings import Settings
from data.store.engine import Store
from data.store.tables import delivery, warning
from data.text import translator
from pages import _why
from pages._context import Context
from pages.warn import area_edits, decide, deliveries, differences, editor, inbox, opened, preview, service
from pages.warn import page as page_module
from pages.warn.content import put, read_time, toggled, without
from pages.warn.edits import changed, with_file
from pages.warn.inbox import build, hazard_word, read_picture, signature
from pages.warn.made import links
from pages.warn.page import chosen
from pages.warn.reach import reach_list, reached
from tests import desk_scene
from tests.alerts.conftest import base_dir as base_dir
from tests.issuing import Desk as Rows
from tests.pages.test_shell import text_of as words_of
from tests.pages.test_text import catalogue, literals

T = translator("en")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
ANNA = Person(id=1, email="anna@example.org", roles=frozenset({"author", "duty"}))
BO = Person(id=2, email="bo@example.org", roles=frozenset({"approver"}))
CARL = Person(id=3, email="carl@example.org", roles=frozenset({"author"}))
EVE = Person(id=4, email="eve@example.org", roles=frozenset({"duty"}))

Act = Callable[[Person], None]


@pytest.fixture
def context(store: Store, home: Path, base_dir: Path) -> Context:
    settings = Settings(
        home=home, base_dir=base_dir, zone=ZONE, database_url=str(store.engine.url), sender="warn@office.example",
        sender_name="Office", public_url="https://office.example", contact="119",
    )  # fmt: skip
    return Context(store=store, settings=settings, sources=(), feed_health=None, clock=lambda: NOW)  # type: ignore[arg-type]


@pytest.fixture
def be(monkeypatch: pytest.MonkeyPatch) -> Act:
    """Whoever makes the present request."""

    def act(person: Person) -> None:
        for module in (service, decide, page_module, _why):
            monkeypatch.setattr(module, "current", lambda: person)

    act(ANNA)
    return act


@pytest.fixture
def draft(context: Context, be: Act) -> DeskWarning:
    """A draft of Anna's from a proposal for two regions."""
    codes = [str(code) for code in context.regions.code[context.regions.of_kind("cn-county")][:2]]
    number = desk_scene.propose(
        context.store, NOW, level=3, reason="first", regions=codes, value=88.0, ago=timedelta(minutes=11)
    )
    made = service.find(context, {"id": service.start(context, "proposal", number)})
    assert made is not None
    return made


def mark(item: DeskWarning, context: Context) -> dict[str, Any]:
    return service.mark_of(item, context)


def saved(context: Context, item: DeskWarning, how: Callable[[Content], Content]) -> DeskWarning:
    shown, _ = service.save(context, mark(item, context), how, T)
    found = service.find(context, shown)
    assert found is not None
    return found


def typed(place: str, value: Any) -> Callable[[Content], Content]:
    return lambda content: put(content, place, value, zone=ZONE, now=NOW)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("2026-03-02 06:30", datetime(2026, 3, 1, 22, 30, tzinfo=UTC), id="in the office's zone"),
        pytest.param("21:15", datetime(2026, 3, 1, 13, 15, tzinfo=UTC), id="today"),
        pytest.param("06:00", datetime(2026, 3, 1, 22, 0, tzinfo=UTC), id="a time that has passed is tomorrow's"),
        pytest.param("", None, id="at once"),
    ],
)
def test_time_as_people_type_it(written: str, expected: datetime | None) -> None:
    assert read_time(written, ZONE, NOW) == expected


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        pytest.param("tomorrow", "UTC", id="words"),
        pytest.param("2026-02-30 10:00", "UTC", id="no such day"),
        pytest.param("25:00", "UTC", id="no such hour"),
        pytest.param("2026-03-29 02:30", "Europe/Berlin", id="left out when clocks go forward"),
    ],
)
def test_what_is_no_time_is_refused(written: str, zone: str) -> None:
    with pytest.raises(Refusal):
        read_time(written, ZoneInfo(zone), NOW)


def test_every_field_is_kept_as_it_is_typed_and_a_reload_shows_it(context: Context, draft: DeskWarning) -> None:
    item = saved(context, draft, typed("texts/en/headline", "Stay at home [[until when]]"))
    item = saved(context, item, typed("expires_at", "2026-03-01 23:00"))
    item = saved(context, item, typed("groups", ["Duty officers"]))
    assert item.edition == 4
    again = opened.shown(context, f"id={item.id}").item
    assert again is not None
    assert again.content.texts["en"].headline == "Stay at home [[until when]]"
    assert again.content.expires_at == datetime(2026, 3, 1, 15, 0, tzinfo=UTC)
    assert again.content.groups == ("Duty officers",)
    told = words_of(decide.panel(mark(item, context), ANNA, context, T, "en"))
    assert "To mend before it can be signed: 1" in told
    assert "[[until when]]" in told


def test_two_fields_typed_at_once_both_stay(context: Context, draft: DeskWarning) -> None:
    seen = mark(draft, context)
    service.save(context, seen, typed("texts/en/headline", "One"), T)
    service.save(context, seen, typed("texts/zh/headline", "二"), T)
    item = service.find(context, seen)
    assert item is not None
    assert (item.content.texts["en"].headline, item.content.texts["zh"].headline) == ("One", "二")


def test_a_field_that_says_the_same_makes_no_version(context: Context, draft: DeskWarning) -> None:
    headline = draft.content.texts["en"].headline
    service.save(context, mark(draft, context), typed("texts/en/headline", headline), T)
    with context.store.read() as connection:
        assert len(editions(connection, draft.id)) == 1


@pytest.mark.parametrize(
    ("place", "value"),
    [
        pytest.param("level", "purple", id="level"),
        pytest.param("texts/xx/headline", "text", id="language"),
        pytest.param("edition", 7, id="no field of the text"),
        pytest.param("expires_at", "", id="no end"),
        pytest.param("severity", "Awful", id="severity"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    context: Context, draft: DeskWarning, place: str, value: Any
) -> None:
    with pytest.raises(Refusal):
        service.save(context, mark(draft, context), typed(place, value), T)
    with context.store.read() as connection:
        assert len(editions(connection, draft.id)) == 1


def test_another_level_brings_its_meaning(context: Context, draft: DeskWarning) -> None:
    item = saved(context, draft, lambda content: changed(content, "level", "red", context))
    assert (item.content.severity, item.content.urgency) == ("Extreme", "Immediate")
    own = saved(context, item, typed("urgency", "Future"))
    assert "This text says something else." in words_of(editor.form(own, context, T, "en"))


def test_names_in_the_texts_follow_the_area_where_they_were_the_desks(context: Context, draft: DeskWarning) -> None:
    codes = [str(code) for code in context.regions.code[context.regions.of_kind("cn-county")][:3]]
    item = saved(context, draft, lambda content: toggled(content, codes[2]))
    rid = context.regions.by_code(codes[2])
    assert rid is not None
    name = str(context.regions.name[rid])
    assert name in item.content.texts["en"].area
    assert name in item.content.texts["en"].headline
    own = saved(context, item, typed("texts/en/area", "along the river"))
    fewer = saved(context, own, lambda content: toggled(content, codes[2]))
    assert fewer.content.texts["en"].area == "along the river"
    assert set(fewer.content.regions) == set(codes[:2])


def test_shapes_are_typed_drawn_moved_simplified_and_taken_out(context: Context, draft: DeskWarning) -> None:
    rings = area_edits.typed_rings("102 20; 103 20; 103 21; 102 21")
    item = saved(context, draft, lambda content: area_edits.with_rings(content, rings))
    drawn = area_edits.map_change({"type": "circle", "lon": 102.0, "lat": 20.0, "radius_km": 12.34567})
    assert drawn is not None
    item = saved(context, item, drawn)
    assert [one.radius_km for one in item.content.circles] == [12.346]
    moved = {"type": "Polygon", "coordinates": [[[102, 20], [103.5, 20], [103, 21], [102, 21], [102, 20]]]}
    again = area_edits.map_change({"type": "polygon", "geometry": moved, "edited": 0})
    assert again is not None
    item = saved(context, item, again)
    assert (103.5, 20.0) in item.content.polygons[0]
    assert area_edits.map_change({"type": "view", "lon": 1}) is None
    item = saved(context, item, lambda content: without(content, "circles", 0))
    assert (len(item.content.polygons), item.content.circles) == (1, ())


def test_simplifying_only_grows_the_area() -> None:
    import shapely

    circle = shapely.Point(102.0, 20.0).buffer(0.4, quad_segs=64)
    star = tuple((float(x), float(y)) for x, y in circle.exterior.coords)
    content = plain_content(polygons=(star,))
    found, grown = area_edits.simplified(content, 0)
    assert len(found.polygons[0]) <= 101
    assert 0.0 < grown < 0.1
    assert shapely.Polygon(found.polygons[0]).covers(shapely.Polygon(star))


def plain_content(**changes: Any) -> Content:
    return Content(
        hazard="rainstorm", level="orange", severity="Severe", urgency="Expected", certainty="Likely",
        expires_at=NOW + timedelta(hours=3), **changes,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("hello", id="words"), pytest.param("1 2; 3 4", id="a line"), pytest.param("{", id="broken"),
        pytest.param(json.dumps({"type": "Point", "coordinates": [1, 2]}), id="a point"),
        pytest.param("", id="nothing"),
    ],
)  # fmt: skip
def test_what_is_no_area_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        area_edits.typed_rings(text)
    with pytest.raises(Refusal):
        area_edits.brought_rings("data:x;base64," + base64.b64encode(text.encode()).decode())


def test_a_file_is_kept_by_its_digest(context: Context, draft: DeskWarning) -> None:
    body = b"%PDF-1.7 a map"
    given = "data:application/pdf;base64," + base64.b64encode(body).decode()
    item = saved(context, draft, lambda content: with_file(content, context, given, "../map.pdf"))
    kept = item.content.attachments[0]
    assert (kept.name, kept.media_type, kept.size) == (".._map.pdf", "application/pdf", len(body))
    assert (context.settings.home / "attachments" / kept.sha256).read_bytes() == body
    with pytest.raises(Refusal):
        with_file(item.content, context, "data:,@@@", "x")
    with pytest.raises(Refusal):
        with_file(item.content, context, "data:text/plain;base64,", "x")


def test_somebody_elses_change_is_never_overwritten(context: Context, draft: DeskWarning, be: Act) -> None:
    service.save(context, mark(draft, context), typed("note", "Anna was here"), T)
    be(CARL)
    with pytest.raises(Refusal, match=r"changed this text|is editing"):
        service.save(context, mark(draft, context), typed("note", "Carl was here"), T)
    here = service.find(context, mark(draft, context))
    assert here is not None
    assert not service.may_write(here, context)
    assert "is writing this text" in words_of(opened.view(shown(context, here), CARL, context, T, "en").head)
    service.decide(context, "take-over", mark(here, context), "")
    now = service.find(context, mark(here, context))
    assert now is not None
    service.save(context, mark(now, context), typed("note", "Carl was here"), T)
    be(ANNA)
    assert service.changed_by_others(now, mark(here, context), context)
    with pytest.raises((Refusal, Stale)):
        service.save(context, mark(here, context), typed("note", "Anna again"), T)


def shown(context: Context, item: DeskWarning) -> opened.Shown:
    return opened.shown(context, f"id={item.id}")


def test_an_author_submits_and_sees_no_way_to_sign(context: Context, draft: DeskWarning) -> None:
    service.decide(context, "submit", mark(draft, context), "")
    item = service.find(context, mark(draft, context))
    assert item is not None
    assert item.state == "submitted"
    told = words_of(decide.panel(mark(item, context), ANNA, context, T, "en"))
    assert "somebody else signs it" in told
    assert "Sign and" not in told.replace("Sign or reject", "")


def test_an_approver_sees_what_changed_and_rejects_with_a_reason(
    context: Context, draft: DeskWarning, be: Act
) -> None:
    item = saved(context, draft, typed("texts/en/headline", "Stay at home"))
    service.decide(context, "submit", mark(item, context), "")
    be(BO)
    told = words_of(decide.panel(mark(item, context), BO, context, T, "en"))
    assert "Changed by people: 1" in told
    assert "Headline (en)" in told
    assert "Sign and publish in the feeds" in told
    with pytest.raises(Refusal, match="reason"):
        service.decide(context, "reject", mark(item, context), " ")
    service.decide(context, "reject", mark(item, context), "the area is too large")
    be(ANNA)
    back = opened.view(shown(context, item), ANNA, context, T, "en")
    assert "the area is too large" in words_of(back.head)
    assert not back.locked


def test_nobody_without_the_role_decides(context: Context, draft: DeskWarning, be: Act) -> None:
    be(EVE)
    for action in ("submit", "discard", "reject", "take-over", "nonsense"):
        with pytest.raises(Refusal):
            service.decide(context, action, mark(draft, context), "because")
    for action in ("new", "proposal", "update", "cancel", "nonsense"):
        with pytest.raises(Refusal):
            service.start(context, action, draft.id)
    with pytest.raises(Refusal):
        service.save(context, mark(draft, context), typed("note", "x"), T)
    found = opened.view(shown(context, draft), EVE, context, T, "en")
    assert found.locked
    assert "Authors write warnings" in words_of(decide.panel(mark(draft, context), EVE, context, T, "en"))


def test_signing_needs_a_proof_of_who_it_is(context: Context, draft: DeskWarning, be: Act) -> None:
    service.decide(context, "submit", mark(draft, context), "")
    be(BO)
    with pytest.raises(Refusal, match="second factor"):
        service.sign(context, mark(draft, context), "Orange", draft.content.texts["en"].area, "")
    with context.store.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(delivery)) == 0
        assert connection.scalar(sa.select(warning.c.state)) == "submitted"


@pytest.mark.parametrize("forged", [None, {}, {"id": "1"}, {"id": 99, "edition": 1}, [], {"id": 1, "edition": None}])
def test_asvs_8_2_1_forged_marks_of_a_page_do_nothing(context: Context, draft: DeskWarning, forged: Any) -> None:
    with pytest.raises(Refusal):
        service.save(context, forged, typed("note", "x"), T)
    with pytest.raises(Refusal):
        service.decide(context, "submit", forged, "")


def test_inbox_ranks_ages_and_groups(context: Context, draft: DeskWarning) -> None:
    codes = list(draft.content.regions)
    desk_scene.propose(
        context.store, NOW, level=2, reason="first", regions=codes[:1], value=50.0, ago=timedelta(minutes=2)
    )
    old = desk_scene.propose(
        context.store, NOW, level=4, reason="higher", regions=codes[1:], value=120.0, ago=timedelta(minutes=9)
    )
    with context.store.read() as connection:
        picture = read_picture(connection, NOW)
    assert next(row.id for _, rows in picture.groups for row in rows) == old
    rows = build(picture, f"proposal={old}", ANNA, context, T, "en")
    assert [section.id for section in rows] == ["warn-list-decide", "warn-list-drafts", "warn-list-force"]
    told = words_of(rows)
    assert "Heavy rain" in told or "Rainstorm" in told
    assert "anna@example.org is writing" not in told
    before = signature(picture, "")
    saved(context, draft, typed("note", "x"))
    with context.store.read() as connection:
        assert signature(read_picture(connection, NOW), "") != before


def test_groups_that_hear_are_those_of_the_status(context: Context, draft: DeskWarning) -> None:
    desk_scene.group(context.store, "Duty", [("email", "a@example.org"), ("mqtt", "topic")])
    desk_scene.group(context.store, "Drill", [("email", "b@example.org")], statuses=["Exercise"])
    whom = reached(draft, context)
    assert whom.channels == {"email": 1, "mqtt": 1}
    assert "Not switched on here, so these hear nothing: E-mail 1, MQTT 1" in words_of(reach_list(whom, T))
    drill = saved(context, draft, typed("status", "Exercise"))
    assert reached(drill, context).channels == {"email": 1}


def test_who_heard_the_earlier_message_is_counted_for_what_follows(context: Context, be: Act) -> None:
    code = str(context.regions.code[context.regions.of_kind("cn-county")][0])
    number = Rows(context.store, NOW).issue(regions=(code,))
    heard = {"sent": "a@example.org", "failed": "b@example.org", "superseded": "c@example.org"}
    with context.store.write() as connection:
        approved = connection.execute(sa.select(warning.c.approval_id)).scalar_one()
        rows = [
            Queued(
                key=address,
                channel="email",
                recipient=address,
                body=b"",
                form="chat",
                next_at=NOW,
                group="Gone",
                warning_id=number,
                approval_id=approved,
            )
            for address in heard.values()
        ]
        put_rows(connection, rows, now=NOW)
        for state, address in heard.items():
            tried = {"state": state, "attempts": int(state != "superseded")}
            connection.execute(delivery.update().where(delivery.c.key == address).values(tried))
    desk_scene.group(context.store, "Duty", [("email", "d@example.org")])
    update = service.find(context, {"id": service.start(context, "update", number)})
    assert update is not None
    assert reached(update, context).channels == {"email": 2}  # the group, and who had the first message


@pytest.mark.parametrize("tab", [tab for tab in preview.TABS if tab != "poster"])
def test_every_preview_says_the_text(context: Context, draft: DeskWarning, tab: str) -> None:
    item = saved(context, draft, typed("texts/en/headline", "Stay <b>at</b> home"))
    made = preview.made(tab, item, context, T)
    if tab == "cap":
        assert "&lt;b&gt;" in words_of(made)
    elif tab in ("web", "email"):
        frame = next(one for one in made if getattr(one, "srcDoc", None))
        assert frame.sandbox == ""
        assert "&lt;b&gt;at" in frame.srcDoc
    else:
        assert "Orange" in words_of(made)


@pytest.mark.parametrize(
    ("search", "expected"),
    [("?id=5", "id=5"), ("?proposal=7&x=1", "proposal=7"), ("?id=-1", ""), ("?id=1e3", ""), ("", ""), (None, "")],
)
def test_address_says_what_is_open(search: Any, expected: str) -> None:
    assert chosen(search) == expected


def test_an_address_of_nothing_says_so(context: Context, be: Act) -> None:
    for asked in ("id=12345", "proposal=12345"):
        found = opened.shown(context, asked)
        assert found.kind == "missing"
        assert "is not here" in words_of(opened.view(found, ANNA, context, T, "en").head)


def test_every_word_of_the_desk_is_there_in_chinese() -> None:
    tables: list[dict[str, str]] = [
        decide.ACTIONS, decide.SIGN_AND_SEND, deliveries.STATES, deliveries.CHANNELS, differences.CHANGES,
        differences.PARTS, editor.WORDS, editor.RESPONSES, editor.STATUSES, inbox.STAMPS, inbox.KINDS_OF_MESSAGE,
        opened.STATES, opened.STEPS,
    ]  # fmt: skip
    said = {text for path in Path(decide.__file__).parent.glob("*.py") for text in literals(path)}
    said |= {word for table in tables for word in table.values()}
    said |= {*editor.SEVERITY, *editor.URGENCY, *editor.CERTAINTY}
    known = catalogue()
    assert sorted(text for text in said if not known.get(text)) == []


def test_hazards_have_the_words_of_warnings() -> None:
    assert (hazard_word("rainstorm", "en"), hazard_word("rainstorm", "zh")) == ("Rainstorm", "暴雨")
    assert hazard_word("no_such_thing", "en") == "no such thing"


def test_an_issued_message_leads_to_what_was_made_of_it(context: Context, draft: DeskWarning) -> None:
    item = replace(draft, identifier="test.1", signed_sha256="a" * 64)
    told = links(item, ANNA, context, T)
    assert "are being made" in words_of(told)
    hrefs = [part.children.href for part in told[1].children if hasattr(part.children, "href")]
    assert hrefs == ["/public/w/test.1", "/public/cap/test.1.xml", f"/api/warnings/{item.id}/evidence.zip"]
    drill = links(replace(item, status="Exercise"), ANNA, context, T)
    assert "Public page" not in words_of(drill)


def test_why_of_any_region_of_a_proposal(context: Context, draft: DeskWarning, be: Act) -> None:
    code = draft.content.regions[0]
    assert code in words_of(opened.why_of(code, context, T, "en"))
    assert "are not in the base data" in words_of(opened.why_of("XX", context, T, "en"))
