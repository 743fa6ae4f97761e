"""Programs beside ours: ffmpeg makes audio and video, eSpeak NG speaks. Each runs as a process of its own.

eSpeak NG is under the GPL: it is started like any program of the machine, never linked or loaded. ffmpeg comes with
the package imageio-ffmpeg, or is the one that `IMAGEIO_FFMPEG_EXE` names.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from data.errors import WarningError

NICE = 15
MEMORY_BYTES = 3 * 1024**3
VOICES = {"en": ("en-gb", "en-us", "en"), "zh": ("cmn-latn-pinyin",)}  # the first that the program has
WORDS_A_MINUTE = {"en": 165, "zh": 190}
SPEAKS_BYTES = 200_000


@dataclass(frozen=True)
class Speaker:
    """The voice program, and the voice of each language that it has."""

    program: str
    voices: tuple[tuple[str, str], ...]

    def voice(self, locale: str) -> str:
        """The name of a voice; "" where there is none."""
        return dict(self.voices).get(locale, "")


def ffmpeg() -> str:
    """The path of ffmpeg; WarningError where there is none."""
    from imageio_ffmpeg import get_ffmpeg_exe

    try:
        return str(get_ffmpeg_exe())
    except RuntimeError as error:
        raise WarningError("there is no ffmpeg on this machine: no sound and no video can be made") from error


@lru_cache(maxsize=1)
def speaker() -> Speaker | None:
    """The voice program of this machine (`TOCSIN_ESPEAK`, or on the path); None where there is none."""
    found = shutil.which(os.environ.get("TOCSIN_ESPEAK") or "espeak-ng")
    if found is None:
        return None
    listed = subprocess.run([found, "--voices"], capture_output=True, text=True, timeout=20, check=False).stdout
    names = {row.split()[1].lower() for row in listed.splitlines()[1:] if len(row.split()) > 1}
    voices = ((locale, next((name for name in wanted if name in names), "")) for locale, wanted in VOICES.items())
    return Speaker(found, tuple((locale, name) for locale, name in voices if name))


def speak(program: Speaker, text: str, locale: str, path: Path, *, limit_s: float = 30.0) -> None:
    """Write a WAV of a text that is speakable; WarningError where the program fails or takes too long."""
    command = [
        program.program, "-v", program.voice(locale), "-s", str(WORDS_A_MINUTE[locale]), "-b", "1", "-w", str(path),
        "--stdin",
    ]  # fmt: skip
    run(command, text.encode()[:SPEAKS_BYTES], limit_s=limit_s)
    if not path.is_file() or path.stat().st_size <= 44:
        raise WarningError("the voice program wrote nothing")


def run(command: Sequence[str], given: bytes | Iterable[bytes] = b"", *, limit_s: float) -> None:
    """Run a program at low priority with limits of time and memory, and hand it bytes.

    Raises
    ------
    WarningError
        With the last line it wrote, if it fails; or if it takes longer than `limit_s`, when it is killed.
    """
    name, late = Path(command[0]).name, threading.Event()
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            _limited(command), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=words,
            env={"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(limit_s, end)
        timer.start()
        try:
            _feed(process, (given,) if isinstance(given, bytes) else given)
            process.wait()
        finally:
            timer.cancel()
            process.kill()
            process.wait()
        words.seek(0)
        said = words.read()
    if late.is_set():
        raise WarningError(f"{name} took longer than {limit_s:g} s")
    if process.returncode:
        lines = said.decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1][:200] if lines else "no reason given"
        raise WarningError(f"{name} ended with {process.returncode}: {reason}")


def _feed(process: subprocess.Popen[bytes], chunks: Iterable[bytes]) -> None:
    """Hand a program its input; one that ends early says why itself."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as file:
        for chunk in chunks:
            file.write(chunk)


def _limited(command: Sequence[str]) -> list[str]:
    """The command behind `nice` and `prlimit`, where the machine has them."""
    nice, limit = shutil.which("nice"), shutil.which("prlimit")
    before = [nice, "-n", str(NICE)] if nice else []
    before += [limit, f"--as={MEMORY_BYTES}", "--"] if limit else []
    return [*before, *command]
