"""What became of every recorded survey file: docs/survey-proof.md.

Run with: python -m tests.survey_proof
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import TocsinError
from data.store.engine import Store, open_store
from data.store.migrate import migrate
from ingest.survey_load.shaping import AT_ZERO
from tests.conftest import RECORDED, ROOT
from tests.survey_loading import SITES, load_files, mapping

FOLDERS = ("landslide", "vector", "vector_broken")
ZERO = "at_zero: keep"
HEAD = """# Every recorded survey file, loaded or refused

Written by `python -m tests.survey_proof` over recorded survey files that are no part of this repository: vector files
as offices and projects exchange them, a landslide catalogue, and files that are broken on purpose. Each is loaded as
`survey load` does, with a mapping that names no columns. *In the file* is what another reader counts, where it can
read the file at all; *records* and *refused* are what the load made of it, and must add up to that. Where a person
has to say something for a file to load whole, the mapping's line stands in the third column.

"""


@dataclass(frozen=True)
class Verdict:
    """One file of the proof; `why` says why nothing of it is used, or why what was refused was."""

    name: str
    counted: int | None
    rows: int
    refused: int
    why: tuple[str, ...]
    notes: tuple[str, ...] = ()
    option: str = ""


def files_of(recorded: Path) -> list[Path]:
    """Every recorded survey file."""
    return [path for folder in FOLDERS for path in sorted((recorded / folder).iterdir())]


def counts_of(recorded: Path) -> Mapping[str, int]:
    """How many features the index of the recorded files tells of each, for files whose layers it could all read."""
    found = {}
    for line in (recorded / "INDEX.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 7 or "Error" in cells[6]:
            continue
        counts = [int(one) for one in re.findall(r"\b(\d+) feats\b|^(\d+) rows\b", cells[6]) for one in one if one]
        if counts and (not (told := re.match(r"(\d+) layers", cells[6])) or int(told[1]) == len(counts)):
            found[cells[1]] = sum(counts)
    return found


def judge(store: Store, home: Path, path: Path, counts: Mapping[str, int], number: int) -> Verdict:
    """Load a file; where only 0, 0 is in the way, once more with what a person would say."""
    told = _load(store, home, path, counts, f"file{number}", {})
    if any(why.startswith(AT_ZERO) for why in told.why):
        told = _load(store, home, path, counts, f"file{number}z", {"position": {"at_zero": "keep"}}, ZERO)
    return told


def _load(
    store: Store, home: Path, path: Path, counts: Mapping[str, int], dataset: str, parts: Mapping[str, Any],
    option: str = "",
) -> Verdict:  # fmt: skip
    new = type(SITES)(**{**vars(SITES), "name": dataset})
    name, counted = f"{path.parent.name}/{path.name}", counts.get(path.name)
    try:
        loaded = load_files(store, home, [path], mapping(**parts), dataset=dataset, new=new)
    except TocsinError as error:
        said = str(error).removeprefix("survey load: nothing of it can be used: ")
        return Verdict(name, counted, 0, 0, (said.removeprefix(f"{path.name}: "),), option=option)
    why = tuple(f"{reason} ({count})" for reason, count in loaded.reasons.items())
    return Verdict(name, counted, loaded.rows, loaded.refused, why, loaded.notes, option)


def line(one: Verdict) -> str:
    """A row of the table."""
    said = "; ".join([*one.why[:6], *([f"and {len(one.why) - 6} more"] if len(one.why) > 6 else [])])
    notes = "; ".join(note for note in one.notes if not note.startswith("geometry:"))
    result = "loaded" if one.rows else "refused"
    counted = "–" if one.counted is None else str(one.counted)
    cells = (f"`{one.name}`", counted, one.option, result, str(one.rows), str(one.refused), said, notes)
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"


def main() -> None:
    """Write the table."""
    counts, lines = counts_of(RECORDED), []
    with tempfile.TemporaryDirectory(prefix="tocsin-proof-") as folder:
        home = Path(folder)
        store = open_store(f"sqlite:///{home / 'proof.db'}")
        migrate(store)
        for number, path in enumerate(files_of(RECORDED)):
            verdict = judge(store, home, path, counts, number)
            if any("the decoder" in why for why in verdict.why):
                raise SystemExit(f"{path.name}: {'; '.join(verdict.why)}")  # a fault of ours, which proves nothing
            lines.append(line(verdict))
            print(lines[-1], flush=True)
        store.close()
    head = "| file | in the file | said by a person | result | records | refused | why | what was noticed |\n"
    table = head + "|---|---|---|---|---|---|---|---|\n" + "\n".join(lines) + "\n"
    (ROOT / "docs" / "survey-proof.md").write_text(HEAD + table, encoding="utf-8")


if __name__ == "__main__":
    main()
