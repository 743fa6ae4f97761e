"""Reading one file of a delivery into pieces on the disk, in a process of its own; what is done is not done again.

A folder of a file holds `LLLL-NNNNN.parquet`, piece N of its layer L, beside the records refused of it, and
`LLLL-NNNNN.json`, which is written last and says that the piece is complete. A layer that cannot be read to its
end is refused whole.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from data.errors import BadPayload, IngestError, Unreachable
from data.model import Parsed, Payload, Reject
from data.store.durable import sync
from ingest.source import SourceSpec
from ingest.survey_found import find
from ingest.survey_gdal import one_line
from ingest.survey_load.mapping import LoadMapping
from ingest.survey_load.shaping import LayerRefused, refusals, shape
from ingest.survey_load.sources import parts_of
from ingest.survey_load.streams import Stream, streams
from ingest.survey_table import Layer

if TYPE_CHECKING:
    from ingest.http import Http

DONE, UNPACKED, PROGRESS = "done.json", "unpacked", "progress.json"
STOPPED = "stopped: "
FULL = (errno.ENOSPC, errno.EDQUOT)
MAX_UNPACKED = 64 << 30  # bytes


@dataclass(frozen=True)
class FileReader:
    """A file, and where its pieces go; in the form of a source, so that `ingest.child` reads it as any other."""

    spec: SourceSpec
    mapping: LoadMapping
    path: Path
    name: str
    folder: Path

    def fetch(self, http: Http, since: datetime | None) -> Sequence[Payload]:
        """Nothing: the file is here."""
        return []

    def parse(self, payload: Payload) -> Parsed:
        """Read what is not read yet.

        Raises
        ------
        BadPayload
            If the work has to stop, as on a full disk: what is complete stays, and another try goes on from there.
        """
        try:
            self._read()
        except OSError as error:
            if error.errno in FULL:
                raise BadPayload(self.spec.key, f"{STOPPED}{error.strerror}") from error
            raise
        return Parsed()

    def _read(self) -> None:
        shutil.rmtree(self.folder / UNPACKED, ignore_errors=True)
        number = 0
        try:
            root, unpacked = self._root(), self.folder / UNPACKED
            for found in find(root, self.name, unpacked, self.spec.key, max_unpacked=MAX_UNPACKED):
                if isinstance(found, Reject):
                    refuse_layer(self.folder, number, found.id, found.reason)
                    number += 1
                    continue
                try:
                    for one in streams(found, self.mapping, self.spec.key):
                        if isinstance(one, Reject):
                            refuse_layer(self.folder, number, one.id, one.reason)
                        else:
                            write_layer(self.folder, number, one, self.mapping, self.path)
                        number += 1
                except BadPayload as error:
                    refuse_layer(self.folder, number, found.inside or self.name, error.reason)
                    number += 1
        except BadPayload as error:
            refuse_layer(self.folder, number, self.name, error.reason)
        shutil.rmtree(self.folder / UNPACKED, ignore_errors=True)
        write_json(self.folder / DONE, {"name": self.name})

    def _root(self) -> Path:
        """What is to be read: for a shapefile a folder with all of its parts."""
        files = parts_of(self.path)
        if self.path.is_dir() or files == [self.path]:
            return self.path
        folder = self.folder / "parts"
        folder.mkdir(exist_ok=True)
        for file in files:
            (folder / file.name).unlink(missing_ok=True)
            (folder / file.name).symlink_to(file.resolve())
        return folder


def write_layer(folder: Path, number: int, stream: Stream, mapping: LoadMapping, path: Path) -> None:
    """All of a layer, from the piece on that is not there yet; `path` is what messages do not show."""
    if (folder / f"{number:04d}.json").exists():
        return
    complete = sorted(folder.glob(f"{number:04d}-*.json"))
    row = sum(read_json(one)["read"] for one in complete)
    try:
        for piece, (layer, share) in enumerate(stream.read(row), len(complete)):
            _write_piece(folder / f"{number:04d}-{piece:05d}", stream, layer, mapping, row)
            row += len(layer.geometries)
            write_json(folder / PROGRESS, {"layer": stream.key, "rows": row, "share": share}, wait=False)
    except LayerRefused as error:
        refuse_layer(folder, number, stream.key, str(error))
    except Unreachable:
        raise
    except IngestError as error:
        refuse_layer(folder, number, stream.key, error.reason)
    except Exception as error:  # GDAL and Arrow raise a dozen unrelated classes; the next layer may be good
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        refuse_layer(folder, number, stream.key, f"cannot be read: {one_line(error, path)}")
    else:
        if row == 0:
            refuse_layer(folder, number, stream.key, "the layer is empty")
        write_json(folder / f"{number:04d}.json", {"key": stream.key})


def _write_piece(path: Path, stream: Stream, layer: Layer, mapping: LoadMapping, row: int) -> None:
    read = len(layer.geometries)
    shaped = shape(layer, mapping, row, sparse=stream.sparse)
    write_table(path.with_name(f"{path.name}.refused.parquet"), shaped.refused)
    write_table(path.with_name(f"{path.name}.parquet"), shaped.table)
    facts: dict[str, Any] = {"key": stream.key, "read": read, "rows": shaped.table.num_rows}
    facts |= {"refused": shaped.refused.num_rows, "told": dict(shaped.told), "notes": shaped.notes}
    write_json(
        path.with_name(f"{path.name}.json"),
        {**facts, "values": shaped.values, "kinds": shaped.kinds, "written": shaped.written},
    )


def refuse_layer(folder: Path, number: int, key: str, reason: str) -> None:
    """Take away what was read of a layer, and say why."""
    for path in folder.glob(f"{number:04d}-*"):
        path.unlink()
    name = f"{number:04d}-00000"
    write_table(folder / f"{name}.refused.parquet", refusals(key, [None], [reason]))
    nothing: Mapping[str, Any] = {"told": {}, "notes": [], "values": {}, "kinds": [], "written": {}}
    write_json(folder / f"{name}.json", {"key": key, "read": 0, "rows": 0, "refused": 1, **nothing})
    write_json(folder / f"{number:04d}.json", {"key": key})


def pieces_of(folder: Path) -> list[dict[str, Any]]:
    """The complete pieces of a file, in order, each with its `name`."""
    return [{**read_json(path), "name": path.stem} for path in sorted(folder.glob("????-?????.json"))]


def told_of(pieces: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """What was noticed in all of them."""
    told: Counter[str] = Counter()
    for piece in pieces:
        told.update(piece["told"])
    return told


def write_table(path: Path, table: Any) -> None:
    """A Parquet file that is there whole or not at all."""
    partial = path.with_suffix(".partial")
    pq.write_table(table, partial, compression="lz4")  # for a short time
    sync(partial)
    partial.replace(path)


def write_json(path: Path, value: Any, *, wait: bool = True) -> None:
    """A JSON file that is there whole or not at all."""
    partial = path.with_suffix(".partial-json")
    partial.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    if wait:
        sync(partial)
    partial.replace(path)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
