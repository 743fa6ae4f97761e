"""All media of one warning in one folder, with a manifest of what each file is and its digests."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alerts.cap.model import Alert, Resource
from alerts.media.map_picture import AreaMap, area_map, area_of, draw_map
from alerts.media.poster import Signature, draw_poster, write_pdf, write_png
from alerts.media.programs import Speaker
from alerts.media.said import Said, by_language, said_of
from alerts.media.scenes import course_of
from alerts.media.texts import LONG, SHORT, chat, email, page, sms
from alerts.media.video import SIZES, write_pictures, write_video
from alerts.media.voice import write_radio
from data.model import Level
from data.store.archive import write_durable

MANIFEST = "manifest.json"
MAP_SIZE = (1280, 800)
NO_PROGRAM = "no voice program: sound is missing, videos have captions only"
NO_VOICE = {
    "en": "no voice for English: nothing is spoken in it",
    "zh": "no voice for Chinese: nothing is spoken in it",
}


@dataclass(frozen=True, kw_only=True)
class Order:
    """What media are made from: an approved message, and the little that stands around it."""

    alert: Alert
    level: Level
    office: str
    signed_sha256: str
    link: str = ""  # the public page
    signature: Signature | None = None
    regions: Any = None  # shapely; only looked at where the message draws nothing


@dataclass(frozen=True, slots=True)
class Made:
    """One file."""

    name: str
    media_type: str
    description: str
    language: str = ""


def make(order: Order, folder: Path, base_dir: Path, program: Speaker | None) -> Mapping[str, Any]:
    """Write every file into a folder that is there and empty; the manifest comes last.

    Raises
    ------
    WarningError
        If the message says nothing, draws no area, or a program fails.
    """
    said = by_language(said_of(order.alert, order.level, order.office))
    every = said_of(order.alert, order.level, order.office)
    shown = area_of(order.alert, order.regions)
    chinese = any(one.locale == "zh" for one in said)
    area = area_map(shown, said[0].shown_level, base_dir, chinese=chinese)
    files = [
        _texts(every, folder),
        *_pictures(order, said, area, folder, base_dir),
        *_radio(said, folder, program),
        *_videos(order, said, area, folder, base_dir, program),
    ]
    manifest = {
        "form": 1,
        "identifier": order.alert.identifier,
        "status": order.alert.status,
        "signed_sha256": order.signed_sha256,
        "notes": _notes(said, program),
        "files": [_entry(folder, one) for one in files],
    }
    body = json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True).encode()
    write_durable(folder / MANIFEST, body + b"\n")
    return manifest


def resources(manifest: Mapping[str, Any], address: str, language: str) -> tuple[Resource, ...]:
    """The files of a language as CAP resources: SHA-1 is what CAP 1.2 asks for.

    Parameters
    ----------
    manifest : mapping
    address : str
        Where the folder is served, without a slash at its end.
    language : str
        Of the info; files without a language belong to every one.
    """
    return tuple(
        Resource(
            description=one["description"], mime_type=one["media_type"], size_bytes=one["size"],
            uri=f"{address}/{one['name']}", digest=one["sha1"],
        )
        for one in manifest["files"]
        if one["language"] in ("", language)
    )  # fmt: skip


def _notes(said: Sequence[Said], program: Speaker | None) -> list[str]:
    """What is missing, for the desk."""
    if program is None:
        return [NO_PROGRAM]
    return [NO_VOICE[one.locale] for one in said if not program.voice(one.locale)]


def _texts(said: Sequence[Said], folder: Path) -> Made:
    letter = email(said)
    short = [sms(one, most) for one in by_language(tuple(said)) for most in (SHORT, LONG)]
    document = {
        "sms": [
            {"language": one.language, "text": one.text, "encoding": one.encoding, "parts": one.parts, "cut": one.cut}
            for one in short
        ],
        "email": {"subject": letter.subject, "plain": letter.plain, "html": letter.html},
        "page": [
            {"language": one.language, "title": found.title, "body": found.body, "cut": found.cut}
            for one in said
            for found in [page(one)]
        ],
        "chat": chat(said),
    }
    body = json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True).encode()
    (folder / "texts.json").write_bytes(body + b"\n")
    return Made("texts.json", "application/json", "Texts for channels")


def _pictures(order: Order, said: Sequence[Said], area: AreaMap, folder: Path, base_dir: Path) -> Iterator[Made]:
    picture = draw_map(area, MAP_SIZE, base_dir)
    picture.save(folder / "map.png", "PNG")
    yield Made("map.png", "image/png", "Map of the area")
    poster = draw_poster(said, area, base_dir, order.signature, order.link)
    (folder / "poster.png").write_bytes(write_png(poster, said[0]))
    yield Made("poster.png", "image/png", "Poster")
    (folder / "poster.pdf").write_bytes(write_pdf(poster, said[0]))
    yield Made("poster.pdf", "application/pdf", "Poster for printing, A4")


def _radio(said: Sequence[Said], folder: Path, program: Speaker | None) -> Iterator[Made]:
    for one in said if program is not None else ():
        for suffix, media_type in (("mp3", "audio/mpeg"), ("m4a", "audio/mp4")):
            path = folder / f"radio-{_tag(one)}.{suffix}"
            if program is not None and write_radio(one, program, folder, path):
                yield Made(path.name, media_type, "Audio for radio", one.language)


def _videos(
    order: Order, said: Sequence[Said], area: AreaMap, folder: Path, base_dir: Path, program: Speaker | None
) -> Iterator[Made]:
    course = course_of(said, program, folder)
    heard = [number for number, one in enumerate(said) if program is not None and program.voice(one.locale)]
    voices: list[int | None] = [*heard] or [None]
    for name, size in SIZES.items():
        pictures = folder / "pictures.mp4"
        write_pictures(pictures, said, course, area, base_dir, order.link, size)
        for voice in voices:
            spoken = _tag(said[voice]) if voice is not None else "captions"
            path = folder / f"video-{name}-{spoken}.mp4"
            write_video(path, pictures, said, course, folder, voice=voice)
            language = said[voice].language if voice is not None else ""
            yield Made(path.name, "video/mp4", f"Video, {name.replace('x', ':')}", language)
        pictures.unlink()
    for track in folder.glob("*.srt"):
        track.unlink()
    (folder / "voice.wav").unlink(missing_ok=True)


def _tag(said: Said) -> str:
    """A language as part of a file name."""
    return re.sub("[^a-z0-9-]", "", said.language.lower()) or said.locale


def _entry(folder: Path, made: Made) -> dict[str, Any]:
    body = (folder / made.name).read_bytes()
    return {
        "name": made.name, "media_type": made.media_type, "description": made.description, "language": made.language,
        "size": len(body), "sha256": hashlib.sha256(body).hexdigest(),
        "sha1": hashlib.sha1(body, usedforsecurity=False).hexdigest(),
    }  # fmt: skip
