"""The short video of a warning: H.264 in MP4, a map that closes in on the area, large words, speech.

The pictures are drawn here and piped to ffmpeg; the same warning on the same machine gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alerts.media.map_picture import AreaMap
from alerts.media.poster import draw_code
from alerts.media.programs import ffmpeg, run
from alerts.media.said import Said, long_time
from alerts.media.scenes import Course, Scene, subtitles
from alerts.media.sheet import (
    INK,
    PAPER,
    QUIET,
    TINT,
    Paragraph,
    draw_block,
    draw_head,
    lay_stamp,
    stamp_veil,
)
from alerts.media.texts import COLOURS
from alerts.media.voice import GAP_S, write_wav
from alerts.media.zoom import zoom_frames

FRAMES_A_SECOND = 12
ZOOM_S = 4.5
SIZES = {"16x9": (1280, 720), "9x16": (720, 1280), "1x1": (720, 720)}
HEAD_SIZES = (48, 44, 40, 36, 32, 28, 24, 20, 17)
WORD_SIZES = (56, 50, 46, 42, 38, 34, 30, 27, 24, 21, 18, 16, 14)
LIMIT_S = 90.0
LANGUAGES = {"en": "eng", "zh": "zho"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the band, the map and the words stand in a picture of a size."""

    size: tuple[int, int]
    head: int  # height of the band [pixels]
    words: int  # height of the words at the foot

    @property
    def map_size(self) -> tuple[int, int]:
        return self.size[0], self.size[1] - self.head - self.words


def layout_of(size: tuple[int, int]) -> Layout:
    width, height = size
    return Layout(size, round(height * (0.17 if width >= height else 0.12)), round(height * 0.33))


def write_pictures(
    path: Path, said: Sequence[Said], course: Course, area: AreaMap, base_dir: Path, link: str, size: tuple[int, int]
) -> None:
    """The video without sound, as one H.264 file."""
    width, height = size
    command = [
        ffmpeg(), "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}",
        "-r", str(FRAMES_A_SECOND), "-i", "pipe:0", "-vf", "scale=out_color_matrix=bt709:out_range=tv",
        "-c:v", "libx264", "-preset", "veryfast", "-crf", "22", "-threads", "1", "-pix_fmt", "yuv420p",
        "-profile:v", "main", "-g", str(FRAMES_A_SECOND * 5), "-colorspace", "bt709", "-color_primaries", "bt709",
        "-color_trc", "bt709", "-color_range", "tv", "-fflags", "+bitexact", "-flags:v", "+bitexact",
        "-movflags", "+faststart", "-f", "mp4", str(path),
    ]  # fmt: skip
    run(command, _frames(said, course, area, base_dir, link, layout_of(size)), limit_s=LIMIT_S)


def write_video(
    path: Path, pictures: Path, said: Sequence[Said], course: Course, folder: Path, *, voice: int | None
) -> None:
    """Pictures, the speech of one language and the text tracks of all, in one file that plays while it loads.

    Parameters
    ----------
    voice : int or None
        Which of the languages is heard; None for a silent video.
    """
    command = [ffmpeg(), "-nostdin", "-loglevel", "error", "-y", "-threads", "1", "-i", str(pictures)]
    maps = ["-map", "0:v"]
    if voice is not None:
        sound = folder / "voice.wav"
        heard = [(scene.start_s + GAP_S / 3, text) for scene in course.scenes if (text := scene.utterances[voice])]
        write_wav(sound, heard, course.seconds)
        command += ["-i", str(sound)]
        maps += ["-map", "1:a", "-c:a", "aac", "-b:a", "64k", "-ar", "44100",
                 "-metadata:s:a:0", f"language={LANGUAGES[said[voice].locale]}"]  # fmt: skip
    for number, one in enumerate(said):
        track = folder / f"track{number}.srt"
        track.write_text(subtitles(course, number), encoding="utf-8")
        command += ["-f", "srt", "-i", str(track)]
        maps += ["-map", f"{number + (2 if voice is not None else 1)}:s",
                 f"-metadata:s:s:{number}", f"language={LANGUAGES[one.locale]}"]  # fmt: skip
    command += [
        *maps, "-c:v", "copy", "-c:s", "mov_text", "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a",
        "+bitexact", "-movflags", "+faststart", "-f", "mp4", str(path),
    ]  # fmt: skip
    run(command, limit_s=LIMIT_S)


def _frames(
    said: Sequence[Said], course: Course, area: AreaMap, base_dir: Path, link: str, layout: Layout
) -> Iterator[bytes]:
    """Every picture of the video as bytes, in order."""
    total = round(course.seconds * FRAMES_A_SECOND)
    ends = [round((scene.start_s + scene.seconds) * FRAMES_A_SECOND) for scene in course.scenes]
    veil = stamp_veil(layout.size, [one.stamp for one in said if one.stamp])
    maps = zoom_frames(area, layout.map_size, base_dir, round(ZOOM_S * FRAMES_A_SECOND))
    first = next(maps)
    number, shown = 0, -1
    ground: Any = None
    body, map_now = b"", first
    while number < total:
        scene = next(at for at, end in enumerate(ends) if number < end)
        fresh = number == 0
        if number and (following := next(maps, None)) is not None:
            map_now, fresh = following, True
        if scene != shown:
            ground, shown, fresh = _ground(said, course, course.scenes[scene], layout, link), scene, True
        if fresh:
            body = _composed(ground, map_now, veil, layout, course.scenes[scene], link)
        yield body
        number += 1


def _composed(ground: Any, picture: Any, veil: Any, layout: Layout, scene: Scene, link: str) -> bytes:
    image = ground.copy()
    image.paste(picture, (0, layout.head))
    if scene.kind == "sender" and link:
        code = draw_code(link, min(layout.map_size) * 2 // 3)
        x, y = (layout.size[0] - code.width) // 2, layout.head + (layout.map_size[1] - code.height) // 2
        image.paste(code, (x, y))
    lay_stamp(image, veil)
    return bytes(image.tobytes())


def _ground(said: Sequence[Said], course: Course, scene: Scene, layout: Layout, link: str) -> Any:
    """What stands still while one sentence is said: the band above and the words below."""
    from PIL import Image, ImageDraw

    width, height = layout.size
    image = Image.new("RGB", layout.size, TINT if scene.kind == "todo" else PAPER)
    canvas = ImageDraw.Draw(image)
    level = said[0].shown_level
    draw_head(canvas, (0, 0, width, layout.head), level, [one.head for one in said], HEAD_SIZES)
    top = height - layout.words
    canvas.rectangle((0, top, width, top + 5), fill=COLOURS[level][0])
    rows = []
    for number, text in enumerate(scene.utterances):
        if text is not None:
            rows.append(Paragraph(text.text, bold=number == 0, colour=INK))
    if scene.kind == "sender":
        rows += [Paragraph(link, colour=INK, scale=0.8)] if link else []
        rows += [Paragraph(long_time(said[0].sent_at, said[0].locale), colour=QUIET, scale=0.7)]
        if course.cut:
            rows += [
                Paragraph(one.t("Shortened here; the whole text is on the public page."), colour=QUIET, scale=0.7)
                for one in said
            ]
    edge = round(width * 0.035)
    draw_block(canvas, (edge, top + 8, width - edge, height - 10), rows, WORD_SIZES)
    return image
