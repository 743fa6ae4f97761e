"""Programs that the tests need: Chromium for pages, PostgreSQL as second store, Mosquitto as broker, a voice."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from data.errors import ConfigError

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
POSTGRES_HOME = Path("/usr/lib/postgresql")


def chromium() -> Path | None:
    """The browser the tests drive: `$TOCSIN_CHROMIUM`, or the first one on the path."""
    named = os.environ.get("TOCSIN_CHROMIUM")
    if named:
        return Path(named) if Path(named).is_file() else None
    return next((Path(found) for name in BROWSERS if (found := shutil.which(name))), None)


def postgres_programs() -> Path | None:
    """The folder with `initdb` and `postgres`, the newest version first; None where there is none."""
    folders = sorted(POSTGRES_HOME.glob("*/bin"), key=lambda folder: _number(folder.parent.name), reverse=True)
    found = next((folder for folder in folders if (folder / "initdb").is_file()), None)
    on_path = shutil.which("initdb")
    return found or (Path(on_path).resolve().parent if on_path else None)


def mosquitto() -> Path | None:
    """The MQTT broker; Debian keeps it where only administrators have their path."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


def voice() -> Path | None:
    """The program that speaks warnings."""
    found = shutil.which("espeak-ng")
    return Path(found) if found else None


def provide_for_tests(say: Callable[[str], None]) -> None:
    """Install with apt what is missing, where we may.

    Raises
    ------
    ConfigError
        Where something is missing and cannot be installed, with what to install by hand.
    """
    wanted = {"chromium": chromium, "postgresql": postgres_programs, "mosquitto": mosquitto, "espeak-ng": voice}
    missing = [package for package, find in wanted.items() if find() is None]
    if missing and _may_install():
        for package in missing:
            say(f"set-up: installing {package} with apt")
        _apt(["update"])
        _apt(["install", "--yes", "--no-install-recommends", *missing])
        missing = [package for package, find in wanted.items() if find() is None]
    if "mosquitto" in missing:
        missing.remove("mosquitto")
        say("set-up: no mosquitto here: the tests over MQTT are skipped (sudo apt-get install mosquitto)")
    if missing:
        names = " ".join(missing)
        raise ConfigError([f"the tests need {' and '.join(missing)}: install with `sudo apt-get install {names}`"])
    broker = mosquitto() or "no broker"
    say(f"set-up: tests use {chromium()}, PostgreSQL in {postgres_programs()}, {broker} and {voice()}")


def _number(name: str) -> float:
    return float(name) if name.replace(".", "", 1).isdigit() else 0.0


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _apt(arguments: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-q", "-y", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=1200)
    if done.returncode != 0:
        raise ConfigError([f"apt-get {arguments[0]} failed: {done.stderr.strip()[-400:]}"])
