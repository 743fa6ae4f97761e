"""Files of public warnings: served as what they are, to be looked at or to be saved, and no others."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.desk import read
from alerts.desk.content import Attachment
from alerts.media.produce import folder_of
from alerts.published import in_force, read_published
from data.model import Level
from data.settings import Settings
from data.store.engine import Store
from tests.issuing import Desk


def attach(settings: Settings, body: bytes, name: str, media_type: str) -> Attachment:
    digest = hashlib.sha256(body).hexdigest()
    folder = settings.home / "attachments"
    folder.mkdir(exist_ok=True)
    (folder / digest).write_bytes(body)
    return Attachment(name=name, media_type=media_type, sha256=digest, size=len(body))


def test_attachment_is_served_once_its_message_is_public(client: Any, desk: Desk, settings: Settings) -> None:
    file = attach(settings, b"%PDF-1.7 map", "map of the river.pdf", "application/pdf")
    assert client.get(f"/public/file/{file.sha256}", buffered=True).status_code == 404
    desk.issue("drill", status="Exercise", attachments=[file])
    desk.issue("restricted", scope="Restricted", attachments=[file])
    assert client.get(f"/public/file/{file.sha256}", buffered=True).status_code == 404
    desk.issue(attachments=[file])
    answer = client.get(f"/public/file/{file.sha256}", buffered=True)
    assert (answer.data, answer.mimetype) == (b"%PDF-1.7 map", "application/pdf")
    assert 'filename="map of the river.pdf"' in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "application/javascript", "text/xml"])
def test_3_2_1_what_a_browser_might_run_is_saved(
    client: Any, desk: Desk, settings: Settings, media_type: str
) -> None:
    file = attach(settings, b"<script>alert(1)</script>", "x.html", media_type)
    desk.issue(attachments=[file])
    answer = client.get(f"/public/file/{file.sha256}", buffered=True)
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_5_4_1_name_of_a_file_is_encoded(client: Any, desk: Desk, settings: Settings) -> None:
    file = attach(settings, b"x", '地图"; filename="evil.exe', "text/plain")
    desk.issue(attachments=[file])
    disposition = client.get(f"/public/file/{file.sha256}", buffered=True).headers["Content-Disposition"]
    assert 'filename="evil.exe"' not in disposition and "filename*=UTF-8''" in disposition


def test_media_are_listed_and_served_in_parts(client: Any, desk: Desk, settings: Settings) -> None:
    row = desk.issue()
    digest = hashlib.sha256(desk.bytes_of(row)).hexdigest()
    folder = folder_of(settings.home, digest)
    folder.mkdir(parents=True)
    (folder / "video.mp4").write_bytes(b"0123456789" * 20_000)
    (folder / "secret.txt").write_bytes(b"not in the list")
    files = [
        {"name": "video.mp4", "media_type": "video/mp4", "description": "Video", "language": "en", "size": 200_000},
        {"name": "texts.json", "media_type": "application/json", "description": "Texts", "language": "", "size": 2},
    ]
    (folder / "manifest.json").write_text(json.dumps({"files": files}), encoding="utf-8")
    page = client.get("/public/w/tocsin.1?lang=en").get_data(as_text=True)
    assert f"/public/media/{digest}/video.mp4" in page and "0.2 MB" in page and "texts.json" not in page
    part = client.get(f"/public/media/{digest}/video.mp4", buffered=True, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.data, part.mimetype) == (206, b"0123456789", "video/mp4")
    for name in ("secret.txt", "manifest.json"):
        assert client.get(f"/public/media/{digest}/{name}", buffered=True).status_code == 404


def test_media_of_an_exercise_are_not_public(client: Any, desk: Desk, settings: Settings) -> None:
    row = desk.issue(status="Exercise")
    digest = hashlib.sha256(desk.bytes_of(row)).hexdigest()
    folder: Path = folder_of(settings.home, digest)
    folder.mkdir(parents=True)
    (folder / "map.png").write_bytes(b"x")
    listed = {"files": [{"name": "map.png", "media_type": "image/png", "description": "", "size": 1}]}
    (folder / "manifest.json").write_text(json.dumps(listed), encoding="utf-8")
    assert client.get(f"/public/media/{digest}/map.png", buffered=True).status_code == 404


def test_public_and_desk_agree_on_what_is_in_force(desk: Desk, store: Store, clock: Any) -> None:
    first = desk.issue("replaced")
    desk.issue("update", kind="update", level=Level.ORANGE, replaces=first)
    second = desk.issue("cancelled")
    desk.issue("cancel", kind="cancel", replaces=second)
    desk.issue("short", lasts=timedelta(hours=1))
    desk.issue("drill", status="Exercise")
    desk.issue("alone", level=Level.BLUE)
    for hours, expected in ((0, {"update", "short", "alone"}), (2, {"update", "alone"}), (24, set())):
        now = clock.now + timedelta(hours=hours)
        with store.read() as connection:
            ours = {one.identifier for one in in_force(read_published(connection, now), now)}
            theirs = {one.alert.identifier for one in read.in_force(connection, now)}
        assert ours == theirs == expected
