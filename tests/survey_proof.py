"""Every recorded survey file through `survey load`, `inspect`, `build`, `stats` and `export`: docs/survey-proof.md.

Run with: python -m tests.survey_proof
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

import app
from data.errors import TocsinError
from data.settings import Settings
from ingest.survey_load.shaping import AT_ZERO
from tests.conftest import RECORDED, ROOT

FOLDERS = ("landslide", "vector", "vector_broken")
STEPS = ("inspect", "build", "stats", "export")
PURPOSE = "to prove that every record comes out again"
ZERO = "at_zero: keep"
NESTED, NO_GEOMETRY, NOT_JSON = "not nested as its type needs", "no geometry", "not JSON"
TABLE, RASTER, FAR = "without its geometry", "a raster or grid", "outside longitude +-180"
NO_CRS, MENDED = "names no coordinate reference system", "mended: a ring touched or crossed itself"

# What is wrong with a file, by what its publisher says of it: a refused one must name this, a loaded one notice it.
# Files that are not listed load whole, and what was odd about them does no harm (an old member, a turned ring).
WRONG: Mapping[str, str] = {
    "jakarta_flood_design.tif": RASTER, "tsunami_wgs84.tif": RASTER, "big5.dbf": TABLE, "euckr.dbf": TABLE,
    "gbk.dbf": TABLE, "utf8.dbf": TABLE, "chinese_ldid.zip": FAR, "invalid_coordinates.zip": FAR,
    "curvepolygon.gpkg": "kept as straight pieces", "data-multipolygon-encoding_wkb.parquet": "an empty geometry",
    "district_osm_jakarta.geojson": MENDED, "volcano_krb.zip": MENDED, "ex1_invalid_rings.json": MENDED,
    "testopenfilegdb.gdb.zip": "a table without geometry", "test_gpkg_nulls.gpkg": "", "floods_no_prj.zip": NO_CRS,
    "null_crs_gdal.gpkg": NO_CRS, "six_counties_three_null.json": NO_GEOMETRY, "sample.json": NOT_JSON,
    "hint_bad-featurelist.geojson": NESTED, "hint_bad-json.geojson": NOT_JSON,
    "hint_bad-polygonloop.geojson": NESTED, "hint_badcoord.geojson": "a coordinate is not a number",
    "hint_badcoordtype.geojson": NESTED, "hint_different-first-last.geojson": "do not form a closed linestring",
    "hint_expected_object.geojson": NO_GEOMETRY, "hint_featurecollection-obj.geojson": "without a list of features",
    "hint_featurecollection.geojson": "without a list of features",
    "hint_multipoint-multidimension.geojson": NESTED, "hint_multipoint-nondimension.geojson": NESTED,
    "hint_notype.geojson": "JSON that is not GeoJSON", "hint_rootstring.geojson": "JSON that is not GeoJSON",
    "hint_point-labeled-as-a-multipolygon.geojson": NESTED, "hint_point-toofew.geojson": "needs two numbers",
    "hint_point-toomany.geojson": "more than three numbers",
    "hint_short-linearring.geojson": "do not form a closed linestring",
    "hint_short-multilinestring.geojson": "point array must contain 0 or >1 elements",
    "hint_unknowntype.geojson": "JSON that is not GeoJSON",
}  # fmt: skip
HEAD = """# Every recorded survey file, from loading to export

Written by `python -m tests.survey_proof` over recorded survey files that are no part of this repository: vector files
as offices and projects exchange them, a landslide catalogue, and files that are broken on purpose. Each goes through
the commands as an operator gives them:

```
survey load FILE --mapping plain.yaml --dataset NAME --new --no-build    # a mapping that names no columns
survey inspect NUMBER                                                    # every rule for every kind of record
survey suggest PART > schema.yaml; survey build PART --schema schema.yaml --store STORE
survey stats --store STORE
survey export --store STORE --purpose SENTENCE --out copy.parquet
```

*In the file* is what another reader counts, where it can read the file at all, and *records* and *refused* must add
up to it, layer by layer where the layers are told. *Inspected*, *built*, *counted* and *exported* are what each
command says for itself, and must be the number of records; what cannot be in a store (a collection of different
kinds of shapes) is named, and counted off. *Exported* is read from the written copy too. Where a
person has to say something for a file to load whole, the mapping's line stands in the third column. The command ends
with an error where any count differs, or a broken file is not refused or mended for what is wrong with it.

"""


class Commands:
    """`survey …` as on the command line, in this process; what it printed, read from JSON."""

    def __init__(self, home: Path, url: str) -> None:
        self.home, self.settings, self.parser = home, Settings(home=home, database_url=url), app.parser()

    def __call__(self, *words: Any) -> Any:
        options = self.parser.parse_args(["survey", *map(str, words)])
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            assert app.run_command(options, self.settings) == 0
        return json.loads(said.getvalue())


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One file of the proof.

    Parameters
    ----------
    counted : int or None
        How many features the index of the recorded files tells.
    steps : mapping
        How many records each command after the load speaks of.
    why : sequence of str
        Why nothing of it is used, or why what was refused was.
    left : sequence of str
        Why records that were loaded cannot be in a store, each with their number.
    stopped : str
        The step that could not be taken, and why.
    told : sequence of str
        Layers with another number of records than the index tells.
    """

    name: str
    counted: int | None = None
    option: str = ""
    rows: int = 0
    refused: int = 0
    steps: Mapping[str, int] = field(default_factory=dict)
    why: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    stopped: str = ""
    told: tuple[str, ...] = ()

    @property
    def faults(self) -> list[str]:
        """What does not agree."""
        built = self.rows - sum(int(one.rpartition("(")[2].rstrip(")")) for one in self.left)
        found = [
            f"{step}: {count}"
            for step, count in self.steps.items()
            if count != (self.rows if step == "inspect" else built)
        ]
        if self.rows and self.counted not in (None, self.rows + self.refused):
            found.append(f"{self.counted} in the file")
        if (self.refused or not self.rows) and not self.why:
            found.append("refused without a reason")
        if self.rows and set(self.steps) != set(STEPS) and not (self.stopped and not built):
            found.append(self.stopped or "not every step was taken")
        wrong = WRONG.get(self.name.rpartition("/")[2])
        if wrong is None and (self.refused or not self.rows):
            found.append("refused although nothing is wrong with it")
        if wrong and not any(wrong in said for said in (*self.why, *self.notes)):
            found.append(f"what is wrong with it is not told: {wrong}")
        if any("the decoder" in said for said in self.why):
            found.append("the reader broke, which proves nothing")
        return [*found, *self.told]


def files_of(recorded: Path) -> list[Path]:
    """Every recorded survey file."""
    return [path for folder in FOLDERS for path in sorted((recorded / folder).iterdir())]


def facts_of(recorded: Path) -> dict[str, str]:
    """What the index of the recorded files says of each."""
    rows = ([cell.strip() for cell in line.split("|")]
            for line in (recorded / "INDEX.md").read_text(encoding="utf-8").splitlines())  # fmt: skip
    return {cells[1]: cells[6] for cells in rows if len(cells) > 6}


def count_of(fact: str) -> int | None:
    """How many features it tells of a file, where it could read all of its layers."""
    if "Error" in fact:
        return None
    counts = [int(one) for one in re.findall(r"\b(\d+) feats\b|^(\d+) rows\b", fact) for one in one if one]
    told = re.match(r"(\d+) layers", fact)
    return sum(counts) if counts and (not told or int(told[1]) == len(counts)) else None


def layers_of(fact: str) -> dict[str, int]:
    """How many features it tells of single layers."""
    return {name: int(count) for name, count in re.findall(r"([^\s;]+): (\d+) feats\b", fact)}


def judge(commands: Commands, path: Path, fact: str, number: int) -> Verdict:
    """Take a file through every step; where only 0, 0 is in the way, once more with what a person would say."""
    told = _judge(commands, path, fact, f"file{number}", {})
    if any(why.startswith(AT_ZERO) for why in told.why):
        told = _judge(commands, path, fact, f"file{number}z", {"position": {"at_zero": "keep"}}, ZERO)
    return told


def _judge(
    commands: Commands, path: Path, fact: str, dataset: str, parts: Mapping[str, Any], option: str = ""
) -> Verdict:
    mapping = commands.home / f"{dataset}.yaml"
    mapping.write_text(yaml.safe_dump({"confirmed": "the proof", **parts}), encoding="utf-8")
    known: dict[str, Any] = {"name": f"{path.parent.name}/{path.name}", "counted": count_of(fact), "option": option}
    try:
        loaded = commands("load", path, "--mapping", mapping, "--dataset", dataset, "--new", "--no-build", "--json")
    except TocsinError as error:
        said = str(error).removeprefix("survey load: nothing of it can be used: ")
        return Verdict(**known, why=(said.removeprefix(f"{path.name}: "),))
    known |= {"rows": loaded["rows"], "refused": loaded["refused"], "notes": tuple(loaded["notes"])}
    known["why"] = tuple(f"{reason} ({count})" for reason, count in loaded["reasons"].items())
    known["told"] = tuple(_differ(commands.home / "deliveries" / dataset / "1", layers_of(fact)))
    steps: dict[str, int] = {}
    left: tuple[str, ...] = ()
    try:
        for step, count, without in _walk(commands, loaded["delivery"], dataset):
            steps[step], left = count, (*left, *without)
    except TocsinError as error:
        following = next(step for step in STEPS if step not in steps)
        known["stopped"] = f"{following}: {error}"
    return Verdict(**known, steps=steps, left=left)


def _walk(commands: Commands, delivery: int, dataset: str) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """The steps after the load, each with the number of records that it speaks of, and why others were left out."""
    told = commands("inspect", delivery, "--json")
    looked = {rule["checked"] for rule in told["rules"] if not rule["reason"]}
    yield "inspect", told["records"] if looked <= {told["records"]} else min(looked), ()
    home = commands.home
    (part,) = sorted((home / "deliveries" / dataset / "1").glob("part-*.parquet"))
    schema, store, copy = home / f"{dataset}.json", home / "records" / dataset, home / f"{dataset}.parquet"
    schema.write_text(json.dumps(commands("suggest", part, "--json")), encoding="utf-8")
    built = commands(
        "build", part, "--schema", schema, "--store", store, "--delivery", delivery, "--workers", 1, "--json"
    )
    yield "build", built["rows"], tuple(f"{reason} ({count})" for reason, count in built["refused"].items())
    counted = commands("stats", "--store", store, "--json")
    sums = {sum(words.values()) for words in counted["facets"].values()}
    yield "stats", counted["records"] if sums <= {counted["records"]} else min(sums), ()
    written = commands("export", "--store", store, "--purpose", PURPOSE, "--out", copy, "--json")["written"]
    yield "export", min(written, pq.read_metadata(copy).num_rows), ()


def _differ(folder: Path, layers: Mapping[str, int]) -> list[str]:
    """Layers of which another number came: records are called by their layer and row, without an identity."""
    keys: list[str] = []
    for path in folder.glob("part-*.parquet"):
        keys += [one.rpartition("/")[0] for one in pq.read_table(path, columns=["id"])["id"].to_pylist()]
    refused = pq.read_table(folder / "refused.parquet", columns=["source", "row"]).to_pylist()
    keys += [one["source"] for one in refused if one["row"] is not None]
    came = Counter(key.rpartition("/")[2] for key in keys)
    return [
        f"{name}: {came[name]} of {count}" for name, count in layers.items() if name in came and came[name] != count
    ]


def line(one: Verdict) -> str:
    """A row of the table."""
    said = "; ".join([*one.why[:6], *([f"and {len(one.why) - 6} more"] if len(one.why) > 6 else [])])
    notes = "; ".join(note for note in one.notes if not note.startswith("geometry:"))
    left = [f"not in a store: {why}" for why in one.left]
    said = "; ".join(filter(None, [said, *left, one.stopped]))
    counted = "–" if one.counted is None else str(one.counted)
    steps = [str(one.steps.get(step, "–")) for step in STEPS]
    cells = (f"`{one.name}`", counted, one.option, str(one.rows), str(one.refused), *steps, said, notes)
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"


COLUMNS = ("file", "in the file", "said by a person", "records", "refused", "inspected", "built", "counted",
           "exported", "why", "what was noticed")  # fmt: skip


def main(recorded: Path, out: Path) -> int:
    """Write the table; 1 where something does not agree."""
    facts, lines, faults = facts_of(recorded), [], []
    with tempfile.TemporaryDirectory(prefix="tocsin-proof-") as folder:
        home = Path(folder)
        commands = Commands(home, f"sqlite:///{home / 'proof.db'}")
        for number, path in enumerate(files_of(recorded)):
            verdict = judge(commands, path, facts.get(path.name, ""), number)
            lines.append(line(verdict))
            faults += [f"{verdict.name}: {fault}" for fault in verdict.faults]
            print(lines[-1], flush=True)
    head = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
    out.write_text(HEAD + head + "\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(faults) or f"{len(lines)} files, every count agrees", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--out", type=Path, default=ROOT / "docs" / "survey-proof.md")
    sys.exit(main(RECORDED, words.parse_args().out))
