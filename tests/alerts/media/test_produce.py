"""Media of issued warnings: made beside the dispatcher, whole or not at all, and again after a kill."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy.engine import Connection

from alerts.cap.build import build
from alerts.media import make as making
from alerts.media import video
from alerts.media.make import Order, make, resources
from alerts.media.poster import Signature
from alerts.media.produce import GRACE, LIMIT, TRIES, Producer, folder_of, state_of
from alerts.media.programs import ffmpeg, speaker
from alerts.media.video import SIZES, write_pictures
from data.model import Level
from data.regions import default_base_dir
from data.store.engine import Store
from data.store.tables import approval, warning
from data.text import translator
from tests.alerts.media.warnings import CHINESE, EXERCISE, NOW, SENT, WARNING, said
from tests.conftest import ROOT, tries

BASE = default_base_dir()
AT_ONCE = timedelta()
VIDEOS = [f"video-{size}-{language}.mp4" for size in SIZES for language in ("en-gb", "zh-cn")]


def issue(connection: Connection, id: int, alert: Any = WARNING, **more: Any) -> str:
    """An issued warning as the desk leaves it; the hash of its bytes."""
    body = build(replace(alert, identifier=f"urn:test:{id}"))
    digest = hashlib.sha256(body).hexdigest()
    row = {
        "id": id, "chain": id, "kind": "alert", "status": alert.status, "state": "issued", "hazard": "rainstorm",
        "level": int(Level.RED), "content": {"regions": ["CN-410100"]}, "content_sha256": "0" * 64, "edition": 1,
        "author": "anna@office.example", "created_at": SENT, "updated_at": SENT, "approval_id": id,
        "identifier": f"urn:test:{id}", "sender": alert.sender, "sent_at": SENT, "body": body, "body_sha256": digest,
        "signed": body, "signed_sha256": digest, "expires_at": SENT + timedelta(hours=12), "issued_at": SENT,
    }  # fmt: skip
    connection.execute(warning.insert().values(row | more))
    connection.execute(
        approval.insert().values(
            id=id, warning_id=id, edition=1, content_sha256="0" * 64, body_sha256=digest, at=SENT, method="totp",
            author="anna@office.example", approver="bo@office.example", proved_at=SENT, record={},
        )
    )  # fmt: skip
    return digest


def until_done(producer: Producer, store: Store, home: Path) -> None:
    deadline = time.monotonic() + 400
    while producer.work(store, home, NOW):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def child(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import sys, json, pathlib, time\nwork = pathlib.Path(sys.argv[1])\n{text}")


DONE = child(
    "folder = pathlib.Path(json.loads((work / 'request.json').read_text())['folder'])\n"
    "folder.mkdir()\n(folder / 'manifest.json').write_text('{\"files\": []}')"
)


def test_each_issued_warning_is_made_once_the_worst_first(store: Store, home: Path) -> None:
    with store.write() as connection:
        blue = issue(connection, 1, level=int(Level.BLUE))
        red = issue(connection, 2)
        issue(connection, 3, state="approved", signed=None, signed_sha256="")
        old = issue(connection, 4, expires_at=NOW - timedelta(hours=25))
    producer = Producer(BASE, command=DONE, grace=AT_ONCE)
    assert producer.work(store, home, NOW) == 1
    assert [path.name for path in (home / "media").glob(".making-*")] == [f".making-{red}"]
    until_done(producer, store, home)
    assert {path.name for path in (home / "media").iterdir()} == {blue, red}
    assert state_of(home, old).manifest is None
    assert producer.work(store, home, NOW) == 0


def test_sending_comes_first(store: Store, home: Path) -> None:
    with store.write() as connection:
        issue(connection, 1, issued_at=NOW)
    producer = Producer(BASE, command=DONE)
    assert producer.work(store, home, NOW) == 0
    assert producer.work(store, home, NOW + GRACE - timedelta(seconds=1)) == 0
    assert producer.work(store, home, NOW + GRACE) == 1
    producer.stop()


def test_failure_is_kept_told_and_tried_again_a_few_times(store: Store, home: Path) -> None:
    with store.write() as connection:
        digest = issue(connection, 1)
    producer = Producer(BASE, grace=AT_ONCE, command=child("sys.exit('no fonts here')"))
    now = NOW
    for number in range(TRIES):
        assert producer.work(store, home, now) == 1
        while producer.work(store, home, now):
            time.sleep(0.02)
        state = state_of(home, digest)
        assert (state.failures, state.reason) == (number + 1, "no fonts here")
        assert producer.work(store, home, now) == 0  # not at once
        now += timedelta(minutes=30)
    assert producer.work(store, home, now) == 0
    assert list((home / "media").glob(".making-*")) == []
    again = Producer(BASE, command=DONE, grace=AT_ONCE)
    assert again.work(store, home, now) == 0


def test_one_that_hangs_is_ended_with_what_it_started(store: Store, home: Path, tmp_path: Path) -> None:
    with store.write() as connection:
        digest = issue(connection, 1)
    pid = tmp_path / "pid"
    hang = (
        "import subprocess\np = subprocess.Popen(['sleep', '600'])\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(p.pid))\np.wait()"
    )
    producer = Producer(BASE, grace=AT_ONCE, command=child(hang))
    assert producer.work(store, home, NOW) == 1
    while not pid.is_file() or not pid.read_text():
        time.sleep(0.02)
    assert producer.work(store, home, NOW + LIMIT - timedelta(seconds=1)) == 1
    producer.work(store, home, NOW + LIMIT)
    assert "took longer than" in state_of(home, digest).reason
    stat = Path(f"/proc/{pid.read_text()}/stat")
    assert not stat.is_file() or stat.read_text().split()[2] == "Z"


def test_after_a_kill_it_begins_anew(store: Store, home: Path) -> None:
    with store.write() as connection:
        digest = issue(connection, 1)
    half = "(work / 'files').mkdir(); (work / 'files' / 'half').write_text('x'); time.sleep(600)"
    killed = Producer(BASE, grace=AT_ONCE, command=child(half))
    assert killed.work(store, home, NOW) == 1
    killed.stop()
    assert state_of(home, digest).manifest is None
    until_done(Producer(BASE, command=DONE, grace=AT_ONCE), store, home)
    assert state_of(home, digest).manifest == {"files": []}
    assert not (home / "media" / f".making-{digest}").exists()


def test_it_ends_with_the_process_that_started_it(store: Store, home: Path) -> None:
    with store.write() as connection:
        digest = issue(connection, 1)
    work = home / "media" / f".making-{digest}"
    script = (
        "import sys, datetime, time\nfrom pathlib import Path\nfrom alerts.media.produce import Producer\n"
        "from data.store.engine import open_store\n"
        f"child = (sys.executable, '-c', 'import sys, os, time; "
        'open(sys.argv[1] + "/pid", "w").write(str(os.getpid())); time.sleep(600)\')\n'
        f"store = open_store({store.engine.url.render_as_string(hide_password=False)!r})\n"
        f"Producer(Path('.'), command=child, grace=datetime.timedelta()).work(store, Path({str(home)!r}), "
        f"datetime.datetime.fromisoformat({NOW.isoformat()!r}))\ntime.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    while not (work / "pid").is_file() or not (work / "pid").read_text():
        assert parent.poll() is None
        time.sleep(0.05)
    pid = int((work / "pid").read_text())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}/stat").is_file() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_bytes_that_are_not_those_that_were_signed_are_refused(store: Store, home: Path) -> None:
    with store.write() as connection:
        issue(connection, 1, signed=b"<alert/>")
    producer = Producer(BASE, grace=AT_ONCE)
    until_done(producer, store, home)
    failed = json.loads(next((home / "media").glob("*.failed.json")).read_text())
    assert failed["reason"] == "the message is not the one that was signed"


# The real process; in `make test` with fewer pictures a second, which nothing below looks at.
CHILD_OF_TESTS = (
    sys.executable, "-c",
    f"import runpy; from alerts.media import video; video.FRAMES_A_SECOND = {tries(video.FRAMES_A_SECOND, 3)}; "
    "runpy.run_module('alerts.media.child', run_name='__main__')",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Path]:
    """Everything of one real warning, made by the real process."""
    import shutil

    from data.store.engine import open_store

    home = tmp_path_factory.mktemp("media")
    shutil.copy(sqlite_template, home / "tocsin.db")
    store = open_store(f"sqlite:///{home / 'tocsin.db'}")
    with store.write() as connection:
        digest = issue(connection, 1, EXERCISE)
    until_done(
        Producer(BASE, office="Office", public_url="https://warn.example", command=CHILD_OF_TESTS, grace=AT_ONCE),
        store, home,
    )  # fmt: skip
    store.close()
    assert state_of(home, digest).reason == ""
    yield folder_of(home, digest)


def facts(path: Path) -> str:
    return subprocess.run(
        [ffmpeg(), "-hide_banner", "-i", str(path)], capture_output=True, text=True, check=False
    ).stderr


def test_everything_is_there_with_its_digests(made: Path) -> None:
    manifest = json.loads((made / "manifest.json").read_text())
    names = {one["name"] for one in manifest["files"]}
    sounds = {f"radio-{language}.{suffix}" for language in ("en-gb", "zh-cn") for suffix in ("mp3", "m4a")}
    assert names == {"texts.json", "map.png", "poster.png", "poster.pdf", *VIDEOS, *sounds}
    assert {path.name for path in made.iterdir()} == names | {"manifest.json"}
    for one in manifest["files"]:
        body = (made / one["name"]).read_bytes()
        assert (one["size"], one["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
        assert one["sha1"] == hashlib.sha1(body).hexdigest()
    assert manifest["notes"] == []
    assert manifest["status"] == "Exercise"


def test_files_are_resources_of_cap(made: Path) -> None:
    manifest = json.loads((made / "manifest.json").read_text())
    found = resources(manifest, "https://warn.example/media/x", "zh-CN")
    message = replace(WARNING, info=(replace(CHINESE, resource=found),))
    assert b"<digest>" in build(message)
    assert {one.uri.rsplit("/", 1)[1] for one in found} >= {"poster.pdf", "radio-zh-cn.mp3", "video-9x16-zh-cn.mp4"}
    assert not any("en-gb" in one.uri for one in found)


@pytest.mark.parametrize("name", VIDEOS)
def test_video_is_what_every_telephone_plays(made: Path, name: str) -> None:
    path = made / name
    told = facts(path)
    size = "x".join(map(str, SIZES[name.split("-")[1]]))
    assert "Video: h264 (Main)" in told
    assert "yuv420p(tv, bt709" in told
    assert f", {size}" in told
    assert "Audio: aac" in told
    assert [told.count(f"({language}): Subtitle: mov_text") for language in ("eng", "zho")] == [1, 1]
    seconds = float(told.split("Duration: 00:00:")[1].split(",")[0])
    assert 20 <= seconds <= 40.2
    body = path.read_bytes()
    assert body.index(b"moov") < body.index(b"mdat")  # it plays while it loads
    checked = subprocess.run(
        [ffmpeg(), "-v", "error", "-i", str(path), "-f", "null", "-"], capture_output=True, text=True, check=True
    )
    assert checked.stderr == ""


def test_text_tracks_hold_the_approved_words(made: Path, tmp_path: Path) -> None:
    for number, info in enumerate(WARNING.info):
        track = tmp_path / f"{number}.srt"
        subprocess.run(
            [ffmpeg(), "-v", "error", "-i", str(made / VIDEOS[0]), "-map", f"0:s:{number}", str(track)], check=True
        )
        text = track.read_text(encoding="utf-8")
        for part in (info.headline, info.instruction):
            assert part in text


def test_speech_is_heard_and_differs_by_language(made: Path, tmp_path: Path) -> None:
    import wave

    sounds = []
    for name in (*VIDEOS[:2], "radio-en-gb.mp3", "radio-zh-cn.m4a"):
        path = tmp_path / "sound.wav"
        subprocess.run(
            [ffmpeg(), "-v", "error", "-y", "-i", str(made / name), "-ac", "1", "-ar", "8000", str(path)], check=True
        )
        with wave.open(str(path), "rb") as file:
            frames = file.readframes(file.getnframes())
        loud = sum(
            abs(int.from_bytes(frames[at : at + 2], "little", signed=True)) > 800 for at in range(0, len(frames), 200)
        )
        assert loud > 0.05 * len(frames) / 200
        sounds.append(frames)
    assert sounds[0] != sounds[1]


def test_frames_show_the_level_and_the_stamp(made: Path, tmp_path: Path) -> None:
    shot = tmp_path / "frame.png"
    subprocess.run(
        [ffmpeg(), "-v", "error", "-ss", "10", "-i", str(made / VIDEOS[0]), "-frames:v", "1", str(shot)], check=True
    )
    image = Image.open(shot).convert("RGB")
    assert image.size == SIZES["16x9"]
    red = image.getpixel((1200, 12))
    assert red[0] > 120 and red[1] < 60 and red[2] < 90
    words = image.crop((0, 500, 1280, 720))
    purple = sum(1 for r, g, b in words.get_flattened_data() if r > g + 20 and b > g + 12)
    assert purple > 2000  # the stamp lies over the words too


@pytest.fixture
def slow_film(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few pictures instead of hundreds, where it is not the pictures that are looked at."""
    monkeypatch.setattr(video, "FRAMES_A_SECOND", 2)


def test_video_is_the_same_bytes_each_time(tmp_path: Path, slow_film: None) -> None:
    from alerts.media.map_picture import area_map, area_of
    from alerts.media.scenes import course_of

    every = said()
    area = area_map(area_of(WARNING), Level.RED, BASE, chinese=True)
    paths = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for path in paths:
        write_pictures(path, every, course_of(every, None, tmp_path), area, BASE, "", (320, 180))
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_without_a_voice_there_are_captions_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow_film: None
) -> None:
    monkeypatch.setattr(making, "SIZES", {"1x1": (240, 240)})
    signature = Signature(
        author="A", approver="B", at=SENT, method="totp", body_sha256="1" * 64, signed_sha256="2" * 64
    )
    order = Order(alert=WARNING, level=Level.RED, office="Office", signed_sha256="2" * 64, signature=signature)
    manifest = make(order, tmp_path, BASE, None)
    names = [one["name"] for one in manifest["files"]]
    assert "video-1x1-captions.mp4" in names
    assert not any(name.startswith("radio") for name in names)
    assert manifest["notes"] == ["no voice program: sound is missing, videos have captions only"]
    assert "Audio" not in facts(tmp_path / "video-1x1-captions.mp4")


def test_what_the_desk_is_told_is_translated(made: Path) -> None:
    t, manifest = translator("zh"), json.loads((made / "manifest.json").read_text())
    told = {one["description"] for one in manifest["files"]} | {making.NO_PROGRAM, *making.NO_VOICE.values()}
    assert sorted(text for text in told if t(text) == text) == []


def test_only_one_language_with_a_voice_is_spoken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow_film: None
) -> None:
    program = speaker()
    assert program is not None
    monkeypatch.setattr(making, "SIZES", {"1x1": (240, 240)})
    order = Order(alert=WARNING, level=Level.RED, office="Office", signed_sha256="2" * 64)
    manifest = make(order, tmp_path, BASE, replace(program, voices=(("en", "en-gb"),)))
    names = [one["name"] for one in manifest["files"]]
    assert [name for name in names if name.startswith("video")] == ["video-1x1-en-gb.mp4"]
    assert manifest["notes"] == ["no voice for Chinese: nothing is spoken in it"]
