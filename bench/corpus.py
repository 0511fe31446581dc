"""A corpus is a table of tracks and their tags; any part of a corpus is itself a corpus."""

import os
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
                refuse_outside(self.name, files)
        if any(not tag.name.strip() for tag in self.tags):
            raise InputError(f"corpus {self.name}: a tag has no name; give each one")
        _refuse_repeated(self.name, "track id", self.ids)
        _refuse_repeated(self.name, "tag", np.array([tag.name for tag in self.tags], dtype=np.str_))
        for targets in (self.targets, self.truth):
            if targets is not None:
                _check_targets(self.name, self.tags, self.ids, targets)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: IntArray | BoolArray) -> "Corpus":
        """Return the corpus of these rows (row numbers in the wanted order, or a mask).

        Only ids are checked again, as a row may be named twice: to check a million tracks takes seconds.
        """
        part = object.__new__(Corpus)
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        part.__dict__.update(values | {name: column[rows] for name, column in self._columns().items()})
        _refuse_repeated(self.name, "track id", part.ids)
        return part

    def without_tags(self) -> "Corpus":
        """Return the tracks and their groups alone, of which a part takes little memory."""
        return replace(self, tags=(), targets=np.empty((len(self), 0), np.float32), truth=None)

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
    return not Path(os.path.realpath(file)).is_relative_to(os.path.realpath(root))


def _refuse_repeated(corpus: str, what: str, names: StrArray) -> None:
    if len(set(names.tolist())) < len(names):
        values, counts = np.unique(names, return_counts=True)
        raise InputError(
            f"corpus {corpus}: {what} {str(values[counts > 1][0])!r} stands more than once; each must be unique"
        )


def refuse_outside(corpus: str, files: StrArray) -> None:
    """Refuse, with `InputError`, paths that are not relative to a corpus's root, or leave it."""
    suspicious = np.char.startswith(files, "/") | (np.char.find(files, "..") >= 0)
    for file in files[suspicious].tolist():
        path = PurePosixPath(file)
        if path.is_absolute() or ".." in path.parts:
            raise InputError(
                f"corpus {corpus}: path {file!r} leaves the root; paths must be relative and stay inside it"
            )


def _check_targets(corpus: str, tags: tuple[Tag, ...], ids: StrArray, targets: Float32Array) -> None:
    if targets.shape[1] != len(tags):
        raise InputError(f"corpus {corpus}: {len(tags)} tags but {targets.shape[1]} columns of targets")
    for column, tag in enumerate(tags):
        values = targets[:, column]
        allowed = (values == 0) | (values == 1) if tag.kind == "classification" else (values >= 0) & (values <= 1)
        if not allowed.all():
            row = int(np.argmin(allowed))
            raise InputError(f"corpus {corpus}: {_fault(tag, float(values[row]), str(ids[row]))}")


def _fault(tag: Tag, value: float, track: str) -> str:
    """Return what is wrong with a tag's target for a track, and what to do."""
    no_tag = "if it is no tag, remove the column or declare the tags in tags.csv"
    if np.isnan(value):
        return f"tag {tag.name!r} has no target for track {track!r}; give one, or {no_tag}"
    if not 0 <= value <= 1:
        return f"tag {tag.name!r} is {value:g} for track {track!r}, outside [0, 1]; scale it to [0, 1], or {no_tag}"
    return (
        f"classification tag {tag.name!r} is {value:g} for track {track!r}, neither 0 nor 1; declare it as regression, "
        f'of which `positive_above` under [tags."{tag.name}"] in the study makes 0 and 1'
    )
