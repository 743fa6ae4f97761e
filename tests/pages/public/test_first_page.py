"""What is in force: shown to everybody, computed when it is read, and never taken for quiet when nobody can tell."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from data.model import Level
from tests.issuing import Desk


def text(client: Any, path: str = "/public?lang=en", **options: Any) -> str:
    answer = client.get(path, **options)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return str(answer.get_data(as_text=True))


def test_warning_in_force_says_what_where_until_when_and_what_to_do(client: Any, desk: Desk) -> None:
    desk.issue()
    first = text(client)
    for words in ("Red warning: Rainstorm", "Zhengzhou", "Very heavy rain", "Until 2 Mar 2026 08:00 UTC+8"):
        assert words in first
    one = text(client, "/public/w/tocsin.1?lang=en")
    for words in ("Stay inside.", "120 to 180 mm", "Example office", "+86 371 0000 0000", "tocsin.1"):
        assert words in one


def test_page_speaks_the_language_of_the_address_then_of_the_browser(client: Any, desk: Desk) -> None:
    desk.issue()
    assert "暴雨红色预警" in text(client, "/public?lang=zh")
    assert "暴雨红色预警" in text(client, "/public", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert "Red warning: Rainstorm" in text(client, "/public?lang=en", headers={"Accept-Language": "zh-CN"})


def test_first_page_is_small_and_needs_no_script(client: Any, desk: Desk) -> None:
    for number in range(60):
        desk.issue(f"tocsin.{number}", level=Level(1 + number % 4))
    page = client.get("/public?lang=en")
    extra = sum(len(client.get(f"/public/assets/{name}").data) for name in ("style.css", "public.mjs", "icon.svg"))
    assert len(page.data) + extra < 100_000
    assert "20 more" in page.get_data(as_text=True)


def test_expired_warning_is_not_current_from_its_very_second_on(client: Any, desk: Desk, clock: Any) -> None:
    desk.issue(lasts=timedelta(hours=2))
    clock.pass_(hours=2, seconds=-1)
    desk.watch(clock.now)
    assert 'class="card level-red"' in text(client)
    clock.pass_(seconds=1)
    page = text(client)
    assert 'class="card level-red"' not in page
    assert "No warning of this office is in force." in page
    assert 'class="card level-red ended"' in page and "Expired" in page


def test_cancelled_warning_says_so_and_leads_to_its_end(client: Any, desk: Desk, clock: Any) -> None:
    first = desk.issue()
    clock.pass_(minutes=10)
    desk.issue("tocsin.2", kind="cancel", replaces=first, sent_at=clock.now)
    desk.watch(clock.now)
    page = text(client)
    assert "No warning of this office is in force." in page and "Cancelled" in page
    one = text(client, "/public/w/tocsin.1?lang=en")
    assert "No longer in force" in one and "/public/w/tocsin.2" in one
    assert "CANCELLED: Red warning: Rainstorm" in text(client, "/public/w/tocsin.2?lang=en")


def test_updated_warning_shows_its_newest_text_alone(client: Any, desk: Desk, clock: Any) -> None:
    first = desk.issue()
    clock.pass_(minutes=10)
    desk.issue("tocsin.2", kind="update", level=Level.ORANGE, replaces=first, sent_at=clock.now)
    desk.watch(clock.now)
    page = text(client)
    assert page.count('class="card level-orange"') == 1 and 'class="card level-red"' not in page
    assert "All messages about this" in text(client, "/public/w/tocsin.2?lang=en")


@pytest.mark.parametrize("status", ["Exercise", "Test"])
def test_exercises_and_tests_are_not_public(client: Any, desk: Desk, status: str) -> None:
    desk.issue(status=status)
    assert "Rainstorm" not in text(client)
    assert client.get("/public/w/tocsin.1").status_code == 404
    assert "Rainstorm" not in text(client, "/public/history?lang=en")


@pytest.mark.parametrize("scope", ["Restricted", "Private"])
def test_C22_what_is_not_for_everybody_is_not_public(client: Any, desk: Desk, scope: str) -> None:
    desk.issue(scope=scope)
    assert "Rainstorm" not in text(client)
    assert client.get("/public/w/tocsin.1").status_code == 404
    assert client.get("/public/cap/tocsin.1.xml").status_code == 404


def test_quiet_is_told_apart_from_not_knowing(client: Any, desk: Desk, clock: Any) -> None:
    assert "No warning of this office is in force." in text(client)
    clock.pass_(minutes=5)  # and the engine beats no more
    page = text(client)
    assert "We cannot tell at present" in page and "silent since 1 Mar 2026 12:00 UTC" in page
    assert "No warning of this office is in force." not in page


def test_watch_that_never_began_is_not_quiet(client: Any, desk: Desk) -> None:
    desk.watch(None)
    assert "We cannot tell at present" in text(client)


def test_silent_watch_still_shows_what_people_issued(client: Any, desk: Desk, clock: Any) -> None:
    desk.issue()
    clock.pass_(minutes=5)
    page = text(client)
    assert "We cannot tell at present" in page and "Red warning: Rainstorm" in page


def test_unreadable_store_shows_the_last_known_state_as_such(
    client: Any, desk: Desk, clock: Any, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.issue()
    text(client)

    def broken() -> Any:
        raise sa.exc.OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(store, "read", broken)
    clock.pass_(minutes=1)
    answer = client.get("/public?lang=en")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 503
    assert "Last known warnings" in page and "Red warning: Rainstorm" in page
    assert "Last known state: 1 Mar 2026 12:00 UTC" in page
    clock.pass_(hours=12)
    assert "Red warning: Rainstorm" not in client.get("/public?lang=en").get_data(as_text=True).split("Ended")[0]
    assert client.get("/public/feed.atom").status_code == 503
    assert client.get("/public/w/tocsin.1").status_code == 503
    assert client.get("/public/cap/tocsin.1.xml").status_code == 503


def test_place_is_found_by_name_and_shows_what_concerns_it(client: Any, desk: Desk) -> None:
    desk.issue("of.zhengzhou", regions=["CN-4101"])
    desk.issue("of.beland", regions=["BBB"], ring=None, english={"area": "Beland"})
    county = text(client, "/public?lang=en&q=Jinshui")
    assert "Warnings for Jinshui" in county and "of.zhengzhou" in county and "of.beland" not in county
    country = text(client, "/public?lang=en&place=AAA")
    assert "of.zhengzhou" in country and "of.beland" not in country
    assert "金水区" in text(client, "/public?lang=zh&q=金水")
    assert "No place of this name is known: Nowhere" in text(client, "/public?lang=en&q=Nowhere")


def test_place_that_is_not_known_is_not_taken_for_quiet(client: Any, desk: Desk) -> None:
    desk.issue()
    page = text(client, "/public?lang=en&place=XX-1")
    assert "No place of this name is known: XX-1" in page and "Red warning: Rainstorm" in page


def test_point_is_compared_with_what_the_message_draws(client: Any, desk: Desk) -> None:
    desk.issue()
    assert "Red warning" in text(client, "/public?lang=en&place=113.6,34.7")
    assert "No warning of this office is in force for this place." in text(client, "/public?lang=en&place=0.0,51.0")


def test_unsigned_message_is_called_unsigned(client: Any, desk: Desk) -> None:
    desk.issue(signed=False)
    assert "Not signed." in text(client, "/public/w/tocsin.1?lang=en")


def test_signature_is_shown_by_the_print_of_its_certificate(client: Any, desk: Desk) -> None:
    from cryptography.hazmat.primitives.hashes import SHA256

    desk.issue()
    assert desk.signer.certificate.fingerprint(SHA256()).hex() in text(client, "/public/w/tocsin.1")


def test_history_is_told_in_pages(client: Any, desk: Desk) -> None:
    for number in range(45):
        desk.issue(f"tocsin.{number}")
    page = text(client, "/public/history?lang=en")
    assert page.count("/public/w/") == 40 and "Older" in page
    older = page.split("/public/history?before=")[1].split("&")[0].split('"')[0]
    assert text(client, f"/public/history?lang=en&before={older}").count("/public/w/") == 5


def test_2_4_1_too_many_searches_wait(client: Any, desk: Desk, clock: Any) -> None:
    answers = [client.get(f"/public?q=name{number}").status_code for number in range(70)]
    assert answers[:60] == [200] * 60 and set(answers[60:]) == {429}
    assert client.get("/public").status_code == 200
    clock.pass_(seconds=61)
    assert client.get("/public?q=name71").status_code == 200
