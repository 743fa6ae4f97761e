"""What `python app.py doctor` says about set-up."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from data.setup.paths import PACKS, Places
from data.setup.stamp import installed, read_stamp
from data.setup.steps import STEPS, Step


@dataclass(frozen=True)
class Check:
    """One thing looked at: whether it is well, what was seen, and what to do where it is not."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


def check_setup(root: Path, packs: tuple[str, ...] = PACKS) -> list[Check]:
    """Python, the pinned packages, and every step of set-up."""
    places = Places(root=root, packs=packs)
    return [_python(), _packages(root / "requirements.txt"), *(_step(step, places) for step in STEPS)]


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    return Check("Python", sys.version_info >= (3, 11), found, "install Python 3.11 or newer and run `make setup`")


def _packages(path: Path) -> Check:
    mend = "run `make setup`"
    if not path.is_file():
        return Check("Python packages", False, f"{path.name} is missing", "get a complete copy of Tocsin")
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    pinned = dict(line.split("==") for line in lines if "==" in line)
    wrong = [
        f"{name} {installed(name)} instead of {version}"
        for name, version in pinned.items()
        if installed(name) != version
    ]
    if not wrong:
        return Check("Python packages", True, f"all {len(pinned)} as pinned")
    more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
    return Check("Python packages", False, ", ".join(wrong[:5]) + more, mend)


def _step(step: Step, places: Places) -> Check:
    missing = [path.name for path in step.outputs(places) if not path.exists()]
    stamp = read_stamp(step.stamp(places))
    mend = "run `make setup`"
    if missing:
        return Check(step.title, False, f"missing: {', '.join(missing)}", mend)
    if not step.is_current(places):
        return Check(step.title, False, "built from other inputs than the present ones", mend)
    return Check(step.title, True, str(stamp.get("built", "")))
