"""What was given to a load: files, folders and tables of a database, and what their content is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from data.errors import ConfigError

DATABASES = ("postgresql", "postgres", "postgis")
SHAPEFILE = (".shp", ".shx", ".dbf", ".prj", ".cpg")


@dataclass(frozen=True)
class Came:
    """A file or folder, or with `table` the address of one in a database."""

    path: Path
    name: str
    table: str = ""

    @property
    def folder_name(self) -> str:
        """What tells it from another of the same name."""
        return self.path.resolve().parent.name


def read_given(given: Sequence[str]) -> list[Came]:
    """What the command line names.

    Raises
    ------
    ConfigError
        With everything that is not there.
    """
    found, faults = [], []
    for one in given:
        if urlsplit(one).scheme in DATABASES:
            address, _, table = one.partition("#")
            if not table:
                faults.append("an address of a database ends with #table or #schema.table")
            found.append(Came(Path(table), table, address.replace("postgis:", "postgresql:", 1)))
            continue
        path = Path(one)
        if not path.exists():
            faults.append(f"{one} is not there")
        found.append(Came(path, path.name))
    if faults:
        raise ConfigError(faults)
    return found


def content_of(one: Came) -> dict[str, Any]:
    """Size and SHA-256 of a file, or of all of a folder or shapefile by the names in it.

    A table of a database is told by its name: what it holds is known when it has been read.
    """
    if one.table:
        return {
            "name": one.name,
            "bytes": 0,
            "sha256": hashlib.sha256(f"{one.table}#{one.name}".encode()).hexdigest(),
        }
    files = parts_of(one.path)
    if files == [one.path]:
        return {"name": one.name, "bytes": one.path.stat().st_size, "sha256": _digest(one.path)}
    whole = hashlib.sha256()
    for path in files:
        whole.update(f"{path.relative_to(one.path.parent).as_posix()} {_digest(path)}\n".encode())
    return {"name": one.name, "bytes": sum(path.stat().st_size for path in files), "sha256": whole.hexdigest()}


def parts_of(path: Path) -> list[Path]:
    """The files that a name stands for: those of a folder, and all parts of a shapefile."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    if path.suffix.lower() == ".shp":
        beside = sorted(path.parent.iterdir())
        return [file for file in beside if file.stem == path.stem and file.suffix.lower() in SHAPEFILE]
    return [path]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
