"""`python -m data.setup`: build what is missing or out of date, and say what is happening."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

from data.errors import ConfigError
from data.setup.paths import PACKS, Places
from data.setup.steps import STEPS, Step


def main(arguments: Sequence[str] | None = None) -> int:
    """Run set-up; 0 only when everything asked for is there."""
    options = read_options(arguments)
    try:
        places = Places(packs=packs_from(options.packs))
        if options.doctor:
            return report(places, as_json=options.json)
        with only_one(places):
            build(places, again=options.again)
        if options.for_tests:
            from data.setup.programs import provide_for_tests

            provide_for_tests(print)
    except ConfigError as error:
        for fault in error.faults:
            print(f"set-up: {fault}", file=sys.stderr)
        return 1
    return 0


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m data.setup", description=__doc__)
    parser.add_argument("--packs", default=os.environ.get("TOCSIN_PACKS", ",".join(PACKS)), help="of world,cn,us")
    parser.add_argument("--again", action="store_true", help="build even what is up to date")
    parser.add_argument("--for-tests", action="store_true", help="also see to Chromium and PostgreSQL")
    parser.add_argument("--doctor", action="store_true", help="only say what is there and what is not")
    parser.add_argument("--json", action="store_true", help="with --doctor: as JSON")
    return parser.parse_args(arguments)


def packs_from(written: str) -> tuple[str, ...]:
    """The packs of a comma-separated list, in our order; ConfigError for a word that is none."""
    words = {word.strip() for word in written.split(",") if word.strip()}
    wrong = sorted(words - set(PACKS))
    if wrong or not words:
        raise ConfigError([f"packs: any of {', '.join(PACKS)}, not {written!r}"])
    return tuple(pack for pack in PACKS if pack in words)


@contextmanager
def only_one(places: Places) -> Iterator[None]:
    """Wait for another set-up of the same tree to end."""
    places.stamps.mkdir(parents=True, exist_ok=True)
    with (places.stamps / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("set-up: another set-up is running here, waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def build(places: Places, *, again: bool) -> None:
    """Run the steps that are not up to date; a spinner on a terminal, plain lines elsewhere."""
    wanted = [step for step in STEPS if again or not step.is_current(places)]
    if not wanted:
        print("set-up: everything is up to date")
        return
    begun = monotonic()
    for number, step in enumerate(STEPS, start=1):
        # Looked at again: a step that was up to date may not be so after an earlier one ran.
        if again or not step.is_current(places):
            run_step(step, places, f"[{number}/{len(STEPS)}] {step.title}")
    print(f"set-up: done in {monotonic() - begun:.0f} s")


def run_step(step: Step, places: Places, label: str) -> None:
    """Run one step under its label."""
    if not sys.stdout.isatty():
        print(f"{label} ...", flush=True)
        said, seconds = step.run(places)
    else:
        from rich.console import Console

        with Console().status(label):
            said, seconds = step.run(places)
    print(f"{label}: {said} ({seconds:.1f} s)", flush=True)


def report(places: Places, *, as_json: bool) -> int:
    """Print every check of set-up; 0 when all pass."""
    from dataclasses import asdict

    from data.setup.checks import check_setup

    checks = check_setup(places.root, places.packs)
    if as_json:
        print(json.dumps([asdict(check) for check in checks], ensure_ascii=False))
    else:
        for check in checks:
            mend = "" if check.ok else f"\n      mend: {check.mend}"
            print(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.detail}{mend}")
    return 0 if all(check.ok for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
