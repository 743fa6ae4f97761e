"""Media of one warning: seconds of each step, at the low priority of production.

Run `python bench/bench_video.py`. There is no peer that makes a video of a warning; the limit is 30 s for a video.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alerts.media.map_picture import area_map, area_of
from alerts.media.poster import draw_poster, write_pdf, write_png
from alerts.media.produce import NICE
from alerts.media.programs import speaker
from alerts.media.scenes import course_of
from alerts.media.video import SIZES, write_pictures, write_video
from alerts.media.voice import write_radio
from data.model import Level
from data.regions import default_base_dir
from tests.alerts.media.warnings import WARNING, said


def main() -> None:
    os.nice(NICE)
    seconds: dict[str, float] = {}
    processor: dict[str, float] = {}

    def timed(name: str, step: Callable[[], Any]) -> Any:
        began, used = time.perf_counter(), sum(os.times()[:4])
        found = step()
        seconds[name] = round(time.perf_counter() - began, 2)
        processor[name] = round(
            sum(os.times()[:4]) - used, 2
        )  # with programs that were started: not a matter of load
        return found

    base, texts, program = default_base_dir(), said(), speaker()
    voice = 0 if program else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        area = timed("base data", lambda: area_map(area_of(WARNING), Level.RED, base, chinese=True))
        course = timed("speech", lambda: course_of(texts, program, folder))
        link = "https://warn.example/public/w/17"
        for size, pixels in SIZES.items():
            pictures, path = folder / f"{size}.mp4", folder / f"video-{size}.mp4"
            timed(
                f"pictures {size}", lambda p=pictures, s=pixels: write_pictures(p, texts, course, area, base, link, s)
            )
            timed(f"sound {size}", lambda p=path, q=pictures: write_video(p, q, texts, course, folder, voice=voice))
        page = timed("poster", lambda: draw_poster(texts, area, base, None, link))
        timed("poster files", lambda: (write_png(page, texts[0]), write_pdf(page, texts[0])))
        if program:
            timed("radio", lambda: write_radio(texts[0], program, folder, folder / "radio.mp3"))
    steps = ("base data", "speech", "pictures 16x9", "sound 16x9")
    one, one_processor = (sum(times[step] for step in steps) for times in (seconds, processor))
    load = os.getloadavg()[0]
    report = {
        "seconds": seconds, "processor": processor, "one video": round(one, 2), "limit": 30.0,
        "one video, processor": round(one_processor, 2), "length": round(course.seconds, 1),
        "everything, processor": round(sum(processor.values()), 2),
    }  # fmt: skip
    print(json.dumps({**report, "everything": round(sum(seconds.values()), 2), "load": round(load, 1)}, indent=1))


if __name__ == "__main__":
    main()
