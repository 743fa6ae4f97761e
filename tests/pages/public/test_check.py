"""Is this real: messages, links, and what people tell, with what is not known kept apart from no."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.cap.build import build
from alerts.cap.parse import parse
from alerts.cap.sign import sign
from alerts.genuine import judge, own_certificates, read_links
from data.store.engine import Store
from data.store.tables import event, observation, run, source_state, station
from tests.issuing import Desk, make_signer

OURS = "https://warn.example"


def asked(client: Any, text: str) -> str:
    answer = client.post("/public/check?lang=en", data={"text": text})
    assert answer.status_code == 200
    return str(answer.get_data(as_text=True))


def test_genuine_message_is_known_by_its_bytes(client: Any, desk: Desk, store: Store, clock: Any) -> None:
    row = desk.issue()
    with store.read() as connection:
        assert judge(connection, desk.bytes_of(row), clock.now).finding == "issued"
    page = asked(client, desk.bytes_of(row).decode())
    assert "Yes. We have issued exactly this message." in page
    assert "It is in force until 2 Mar 2026 08:00 UTC+8." in page and "/public/w/tocsin.1" in page


def test_genuine_message_survives_the_line_ends_of_a_form(client: Any, desk: Desk) -> None:
    row = desk.issue()
    page = asked(client, "\r\n" + desk.bytes_of(row).decode().replace("\n", "\r\n") + "\r\n")
    assert "Yes. We have issued exactly this message." in page


def test_genuine_is_not_the_same_as_in_force(client: Any, desk: Desk, clock: Any) -> None:
    row = desk.issue()
    desk.issue("tocsin.2", kind="cancel", replaces=row)
    assert "But it is no longer in force: Cancelled." in asked(client, desk.bytes_of(row).decode())
    clock.pass_(hours=13)
    late = desk.issue("tocsin.3", sent_at=clock.now - timedelta(hours=12, minutes=30))
    assert "But it is no longer in force: Expired." in asked(client, desk.bytes_of(late).decode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b"120 to 180 mm", b"820 to 980 mm", id="text"),
        pytest.param(b"Extreme", b"Minor", id="severity"),
        pytest.param(b"+08:00</expires>", b"+07:00</expires>", id="end"),
        pytest.param(b"34.3,113.2", b"24.3,113.2", id="area"),
    ],
)
def test_altered_message_is_called_so(
    client: Any, desk: Desk, store: Store, clock: Any, old: bytes, new: bytes
) -> None:
    body = desk.bytes_of(desk.issue()).replace(old, new)
    with store.read() as connection:
        assert judge(connection, body, clock.now).finding == "altered"
    assert "No. This message was altered." in asked(client, body.decode())


def test_somebody_elses_signature_with_our_number_is_no_signature_of_ours(
    desk: Desk, store: Store, clock: Any
) -> None:
    row = desk.issue()
    forged = sign(build(parse(desk.bytes_of(row))), make_signer(clock.now), now=clock.now)
    with store.read() as connection:
        assert judge(connection, forged, clock.now).finding == "altered"


def test_messages_of_others_are_not_ours(desk: Desk, store: Store, clock: Any) -> None:
    from tests.alerts.media.warnings import WARNING

    desk.issue()
    foreign = sign(build(WARNING), make_signer(clock.now), now=clock.now)
    with store.read() as connection:
        assert judge(connection, foreign, clock.now).finding == "foreign"
        assert judge(connection, build(WARNING), clock.now).finding == "unsigned"


def test_our_key_over_a_message_that_is_not_in_the_records_is_told_as_not_known(
    client: Any, desk: Desk, store: Store, clock: Any
) -> None:
    from tests.alerts.media.warnings import WARNING

    desk.issue()
    lost = sign(build(WARNING), desk.signer, now=clock.now)
    with store.read() as connection:
        assert judge(connection, lost, clock.now).finding == "unlisted"
    assert "We cannot tell. It carries our signature and is not in our records." in asked(client, lost.decode())


@pytest.mark.parametrize("status", ["Exercise", "Test"])
def test_exercise_is_told_as_one(client: Any, desk: Desk, status: str) -> None:
    row = desk.issue(status=status)
    assert "No. This is from an exercise or a test of ours." in asked(client, desk.bytes_of(row).decode())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<html>no message</html>", id="other XML"),
        pytest.param("<alert", id="cut off"),
        pytest.param('<!DOCTYPE x [<!ENTITY a "b">]><alert>&a;</alert>', id="1.5.1 entity"),
        pytest.param("<" * 100_000, id="rubbish"),
    ],
)
def test_what_is_no_message_is_told_as_not_known(client: Any, desk: Desk, text: str) -> None:
    assert "We cannot tell. This is not a whole CAP message." in asked(client, text)


def test_certificates_are_those_of_the_records(desk: Desk, store: Store) -> None:
    desk.issue()
    first = desk.signer.certificate
    desk.signer = make_signer(desk.now)
    desk.issue("tocsin.2")
    desk.issue("tocsin.3", signed=False)
    with store.read() as connection:
        assert own_certificates(connection) == (desk.signer.certificate, first)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"{OURS}/public", [(True, "")], id="ours"),
        pytest.param(f"see {OURS}/public/w/tocsin.1.", [(True, "tocsin.1")], id="in a sentence"),
        pytest.param(f"{OURS}/public/cap/tocsin.1.xml?lang=zh", [(True, "tocsin.1")], id="file"),
        pytest.param("warn.example/public/w/a%3Ab", [(True, "a:b")], id="without scheme"),
        pytest.param("http://warn.example/public", [(False, "")], id="another scheme"),
        pytest.param("https://warn.example@evil.example/public", [(False, "")], id="before the at sign"),
        pytest.param("https://warn.example.evil.example/public", [(False, "")], id="longer host"),
        pytest.param("https://warn.example:8443/public", [(False, "")], id="another port"),
        pytest.param("https://wаrn.example/public", [(False, "")], id="Cyrillic letter"),
        pytest.param("https://warn.example/login", [(False, "")], id="another page of ours"),
        pytest.param("https://warn.example/public/w/a/../../x", [(False, "")], id="climbing"),
        pytest.param(f"{OURS}/public https://evil.example/", [(True, ""), (False, "")], id="two links"),
        pytest.param("https://[", [(False, "")], id="no address"),
        pytest.param("river rises, run", [], id="no link"),
    ],
)
def test_links_are_judged_by_their_letters(text: str, expected: Sequence[tuple[bool, str]]) -> None:
    assert [(link.ours, link.identifier) for link in read_links(text, OURS)] == list(expected)


def test_foreign_link_is_named_and_not_opened(client: Any, desk: Desk) -> None:
    page = asked(client, "Click https://wаrn.example/public/w/tocsin.1 now")
    assert "No. This link does not lead to this office." in page and "xn--wrn-6cd.example" in page


def test_our_link_leads_to_what_became_of_the_warning(client: Any, desk: Desk) -> None:
    desk.issue()
    assert "It is in force until" in asked(client, f"{OURS}/public/w/tocsin.1")
    assert "there is no such warning behind it" in asked(client, f"{OURS}/public/w/tocsin.77")
    assert "Words alone cannot be verified." in asked(client, "the dam has broken")


def test_2_4_1_too_many_questions_wait(client: Any, desk: Desk, clock: Any) -> None:
    answers = [client.post("/public/check", data={"text": "x"}).status_code for _ in range(40)]
    assert answers[:30] == [200] * 30 and set(answers[30:]) == {429}
    clock.pass_(seconds=61)
    assert client.post("/public/check", data={"text": "x"}).status_code == 200


def test_5_2_1_too_large_a_text_is_refused(client: Any, desk: Desk) -> None:
    assert client.post("/public/check", data={"text": "x" * 400_000}).status_code == 413


def hear(store: Store, now: datetime, *, until: datetime | None = None, failing: bool = False) -> None:
    """A feed of earthquakes was looked at each ten minutes for a day."""
    last = until or now
    with store.write() as connection:
        connection.execute(source_state.insert().values(
            source="quakes", enabled=True, last_success_at=last, validators={},
            failing_since=now if failing else None,
        ))  # fmt: skip
        connection.execute(run.insert(), [
            {"source": "quakes", "started_at": at, "finished_at": at, "outcome": "unchanged", "timings": {}}
            for at in (last - timedelta(minutes=10) * step for step in range(144))
        ])  # fmt: skip


def shake(store: Store, at: datetime, *, lon: float = 113.5, magnitude: float = 4.8) -> None:
    with store.write() as connection:
        connection.execute(event.insert().values(
            source="quakes", id=f"q{lon}", kind="earthquake", status="reviewed", revision=1, lon=lon, lat=34.5,
            depth_km=10.0, magnitude=magnitude, occurred_at=at, updated_at=at, aliases=[], attributes={},
            received_at=at,
        ))  # fmt: skip


QUAKE = "/public/check?lang=en&kind=earthquake&hours=3&place=113.6,34.7"
RAIN = "/public/check?lang=en&kind=rain&hours=3&place=113.6,34.7"


def told(client: Any, path: str) -> str:
    return str(client.get(path).get_data(as_text=True))


def test_earthquake_that_was_located_is_told_with_its_numbers(
    client: Any, desk: Desk, store: Store, now: Any
) -> None:
    hear(store, now)
    shake(store, now - timedelta(minutes=40))
    page = told(client, QUAKE)
    assert "Instruments have located earthquakes near" in page
    assert "1 Mar 11:20 UTC: magnitude 4.8, 24 km away, 10 km deep" in page


def test_no_earthquake_is_said_only_where_somebody_listened(client: Any, desk: Desk, store: Store, now: Any) -> None:
    hear(store, now)
    shake(store, now - timedelta(minutes=40), lon=20.0)
    page = told(client, QUAKE)
    assert "No earthquake near 34.70° N, 113.60° E is known of the last 3 h." in page
    assert "1 of 1 feeds were heard." in page


@pytest.mark.parametrize(
    "how", [pytest.param({"failing": True}, id="failing"), pytest.param({"late": True}, id="silent for an hour")]
)
def test_nobody_listened_to_earthquakes(client: Any, desk: Desk, store: Store, now: Any, how: Any) -> None:
    hear(store, now, until=now - timedelta(hours=1) if "late" in how else None, failing="failing" in how)
    shake(store, now - timedelta(days=3), lon=20.0)
    assert "We cannot tell: nobody was listening there all the time." in told(client, QUAKE)


def test_no_feed_at_all_is_not_quiet(client: Any, desk: Desk) -> None:
    page = told(client, QUAKE)
    assert "We cannot tell" in page and "No feed of earthquakes is connected." in page
    page = told(client, RAIN)
    assert "We cannot tell" in page and "No rain gauge is known near there." in page


def pour(store: Store, at: datetime, value: float | None, *, lon: float = 113.7, unit: str = "mm") -> None:
    with store.write() as connection:
        connection.execute(station.insert().values(
            source="gauges", id=f"g{lon}", name="Zhongmu", lon=lon, lat=34.7, attributes={}
        ))  # fmt: skip
        connection.execute(observation.insert().values(
            source="gauges", quantity="precipitation", station=f"g{lon}", observed_at=at, value=value, unit=unit,
            quality="good", received_at=at,
        ))  # fmt: skip


def test_rain_that_gauges_reported_is_told(client: Any, desk: Desk, store: Store, now: Any) -> None:
    pour(store, now - timedelta(minutes=30), 0.0125, unit="m")
    page = told(client, RAIN)
    assert "have reported rain in the last 3 h." in page and "12.5 mm at Zhongmu, 9 km away" in page


def test_dry_gauges_say_no_rain_and_how_many_they_are(client: Any, desk: Desk, store: Store, now: Any) -> None:
    pour(store, now - timedelta(minutes=30), 0.0)
    pour(store, now - timedelta(hours=9), 4.0, lon=113.8)
    page = told(client, RAIN)
    assert "has reported rain in the last 3 h." in page and "1 of 2 gauges were heard." in page


@pytest.mark.parametrize(
    ("value", "unit"), [pytest.param(None, "mm", id="missing"), pytest.param(0.0, "K", id="no unit of rain")]
)
def test_gauge_that_says_nothing_is_not_dry(
    client: Any, desk: Desk, store: Store, now: Any, value: Any, unit: str
) -> None:
    pour(store, now - timedelta(minutes=30), value, unit=unit)
    assert "We cannot tell: nobody was listening there all the time." in told(client, RAIN)


def test_answer_shows_the_warnings_of_the_place_beside(client: Any, desk: Desk, store: Store, now: Any) -> None:
    hear(store, now)
    shake(store, now - timedelta(minutes=40))
    desk.issue()
    assert "Warnings in force for this place" in told(client, QUAKE)
