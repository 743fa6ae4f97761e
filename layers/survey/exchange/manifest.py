"""What a delivery consists of, as its sender promises it: the dataset, the files, and the pieces of each."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from data.canonical import canonical
from data.clock import parse_time
from data.store.catalogue import DataClass, Level, Mode
from layers.kernels.cut import GEAR, LONGEST, MASK, SHORTEST, end_of_piece
from layers.survey.exchange.refusal import Refusal

PURPOSE = "manifest"
MOST_FILES = 100_000
MOST_BYTES = 64 << 20  # of a manifest itself

Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# a plain name in one folder: no way up, no way elsewhere, no hidden file, nothing that a terminal would obey
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Size = Annotated[int, Field(ge=1, le=1 << 44)]
Piece = tuple[Sha, Annotated[int, Field(ge=1, le=LONGEST)]]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class File(_Part):
    """A file: its content as one digest, and as pieces one after another [bytes]."""

    name: Name
    sha256: Sha
    bytes: Size
    pieces: Annotated[tuple[Piece, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if sum(size for _, size in self.pieces) != self.bytes:
            raise ValueError("the pieces are not as long as the file")
        return self


class About(_Part):
    """What the sender's catalogue says of the dataset."""

    title: dict[str, str]
    level: Level
    sector: str
    kind: str
    data_class: DataClass
    unit: str
    licence: str
    provenance: str
    record_schema: dict[str, Any]
    mapping: dict[str, Any]


class Manifest(_Part):
    """One delivery for one receiver; `answers` names the content of the returned delivery that it puts right."""

    form: Literal["tocsin delivery 1"]
    sender: str
    receiver: str
    made_at: str
    dataset: Annotated[str, StringConstraints(pattern=r"^[\w-]{1,80}$")]
    about: About
    version: Annotated[int, Field(ge=1)]
    mode: Mode
    unit: Annotated[str, StringConstraints(max_length=40)]
    digest: Sha
    content: Sha
    rows: Annotated[int, Field(ge=0, le=1 << 40)]
    refused: Annotated[int, Field(ge=0, le=1 << 40)]
    sources: list[dict[str, Any]]
    notes: list[str]
    answers: Sha | Literal[""]
    agreement: Annotated[str, StringConstraints(max_length=200)]
    files: Annotated[tuple[File, ...], Field(min_length=1, max_length=MOST_FILES)]

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        names = [file.name.lower() for file in self.files]
        if len(set(names)) < len(names):
            raise ValueError("two files have one name")
        if self.content != content_of(self.files):
            raise ValueError("the digest of the content is not that of the files")
        parse_time(self.made_at)
        return self

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @cached_property
    def pieces(self) -> dict[str, int]:
        """Length of every piece, by its digest; one that occurs twice is there once."""
        return {sha: size for file in self.files for sha, size in file.pieces}

    @property
    def time(self) -> datetime:
        return parse_time(self.made_at)


def content_of(files: tuple[File, ...] | list[File]) -> str:
    """Digest of names, lengths and contents of files, in the order of their names."""
    return hashlib.sha256(canonical(sorted([file.name, file.bytes, file.sha256] for file in files))).hexdigest()


def read_manifest(body: Mapping[str, Any]) -> Manifest:
    """A manifest out of an opened document; Refusal with every fault otherwise."""
    try:
        return Manifest.model_validate(body)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False)]
        raise Refusal("; ".join(faults[:10])[:1000], status=400) from error


def describe_files(folder: Path) -> tuple[File, ...]:
    """The files of a delivery's folder with their pieces, in the order of their names.

    Raises
    ------
    Refusal
        If there is none, or one of them could not be named in a manifest.
    """
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []
    if not paths:
        raise Refusal("the delivery has no files any more", status=410)
    try:
        return tuple(_describe(path) for path in paths if path.stat().st_size)
    except (ValidationError, IsADirectoryError) as error:
        raise Refusal(f"{folder.name}: a file of the delivery cannot be sent: {error}") from error


def _describe(path: Path) -> File:
    pieces, whole = [], hashlib.sha256()
    for piece in cut(path):
        whole.update(piece)
        pieces.append((hashlib.sha256(piece).hexdigest(), len(piece)))
    size = sum(length for _, length in pieces)
    return File(name=path.name, sha256=whole.hexdigest(), bytes=size, pieces=tuple(pieces))


def cut(path: Path) -> Iterator[bytes]:
    """The pieces of a file, one after another."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        start, body = 0, np.frombuffer(whole, np.uint8)
        try:
            while start < len(body):
                end = int(end_of_piece(body, start, GEAR, MASK, SHORTEST, LONGEST))
                yield body[start:end].tobytes()
                start = end
        finally:
            del body  # a map with views on it cannot be closed
