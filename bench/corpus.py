"""A corpus is a table of tracks and their tags; any part of a corpus is itself a corpus."""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.digest import content_digest
from bench.errors import InputError

Float32Array = NDArray[np.float32]
StrArray = NDArray[np.str_]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Tag:
    """One column of the targets.

    `kind` is "classification" (targets 0 or 1) or "regression" (targets in [0, 1]). Tags that share a non-empty
    `exclusive_group` rule each other out in the corpus's own definition (baroque / classical period).
    """

    name: str
    kind: Literal["classification", "regression"]
    category: str = ""
    exclusive_group: str = ""


@dataclass(frozen=True, eq=False)
class Corpus:
    """Tracks as columns, in one order.

    `ids` are unique and stable, `groups` name what must not be divided by a split (the artist), `files` are relative
    to `root` and stay inside it. `targets` has shape (tracks, tags). `parts`, where the data set has an official split,
    says "train", "valid", "test" or "" (unused) for each track. `truth`, shape (tracks, tags), holds exact labels where
    they are known (synthetic corpora); nothing may be trained on it. `note` is a sentence that every table made from
    this corpus must carry.

    What a data set says of its files, against which they are checked: `durations` in seconds (nan: not known) and
    `checksums`, the SHA-256 of the audio file in hexadecimal ("": not known). `descriptor_files`, relative to `root`,
    are essentia's descriptors of each track as JSON, where the data set ships them.

    Raises `InputError` when columns disagree in length, ids repeat, a file lies outside `root`, or a target is not of
    its tag's kind.
    """

    name: str
    version: str
    root: Path
    tags: tuple[Tag, ...]
    ids: StrArray
    groups: StrArray
    files: StrArray
    targets: Float32Array
    parts: StrArray | None = None
    truth: Float32Array | None = None
    durations: Float32Array | None = None
    checksums: StrArray | None = None
    descriptor_files: StrArray | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for name, column in self._columns().items():
            if len(column) != len(self.ids):
                raise InputError(f"corpus {self.name}: {len(self.ids)} ids but {len(column)} {name}")
        for files in (self.files, self.descriptor_files):
            if files is not None:
                _refuse_outside(self.name, files)
        _refuse_repeated(self.name, "track id", self.ids)
        _refuse_repeated(self.name, "tag", np.array([tag.name for tag in self.tags], dtype=np.str_))
        for targets in (self.targets, self.truth):
            if targets is not None:
                _check_targets(self.name, self.tags, targets)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: IntArray | BoolArray) -> "Corpus":
        """Return the corpus of these rows (row numbers in the wanted order, or a mask)."""
        return replace(self, **{name: column[rows] for name, column in self._columns().items()})

    def _columns(self) -> dict[str, Any]:
        """Return what has a row for each track, by field."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    def tag_rows(self, kind: Literal["classification", "regression"]) -> IntArray:
        """Return the column numbers of the tags of one kind."""
        return np.flatnonzero([tag.kind == kind for tag in self.tags])

    @cached_property
    def digest(self) -> str:
        """A name for tracks, groups, tags and labels together, whatever the order of the tracks; audio excluded."""
        order = np.argsort(self.ids)
        tags = "\n".join(f"{tag.name}\t{tag.kind}" for tag in self.tags)
        tracks = "\n".join(f"{i}\t{g}" for i, g in zip(self.ids[order], self.groups[order], strict=True))
        labels = np.ascontiguousarray(self.targets[order], dtype="<f4").tobytes()
        return content_digest(self.name.encode(), self.version.encode(), tags.encode(), tracks.encode(), labels)


def leads_out(root: Path, file: Path) -> bool:
    """Tell whether a file, whatever links lead to it, lies outside `root`."""
    return not file.resolve().is_relative_to(root.resolve())


def _refuse_repeated(corpus: str, what: str, names: StrArray) -> None:
    values, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"corpus {corpus}: {what} '{values[counts > 1][0]}' stands more than once; ids must be unique")


def _refuse_outside(corpus: str, files: StrArray) -> None:
    suspicious = np.char.startswith(files, "/") | (np.char.find(files, "..") >= 0)
    for file in files[suspicious].tolist():
        path = PurePosixPath(file)
        if path.is_absolute() or ".." in path.parts:
            raise InputError(
                f"corpus {corpus}: path {file!r} leaves the root; paths must be relative and stay inside it"
            )


def _check_targets(corpus: str, tags: tuple[Tag, ...], targets: Float32Array) -> None:
    if targets.shape[1] != len(tags):
        raise InputError(f"corpus {corpus}: {len(tags)} tags but {targets.shape[1]} columns of targets")
    for column, tag in enumerate(tags):
        values = targets[:, column]
        if not np.isfinite(values).all() or ((values < 0) | (values > 1)).any():
            raise InputError(
                f"corpus {corpus}: tag {tag.name!r} has a target outside [0, 1] or missing; scale it first"
            )
        if tag.kind == "classification" and not np.isin(values, (0, 1)).all():
            raise InputError(f"corpus {corpus}: classification tag {tag.name!r} has a target other than 0 and 1")
