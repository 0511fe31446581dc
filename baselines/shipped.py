"""The table of the descriptors that a data set ships: a file is read once, and again where it has changed.

What was read, and what was wrong with a file, is kept under `shipped/` in the cache, in shards by the hash of a file's
path, which never change; a larger training subset, or another subset of the same data set, adds rows to them. A row is
known by the path, size and time of change of its file; of one that is missing or cannot be read, nothing is kept.
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from baselines.acousticbrainz import NoDescriptorsError, read_descriptors
from bench.corpus import Corpus, Float32Array, StrArray
from bench.digest import content_digest, json_digest, unit_hashes
from bench.errors import InputError
from bench.locks import making
from bench.parallel import in_tasks
from bench.progress import progress_bar
from bench.sound_file import can_be_read
from bench.whole_file import none_left_aside, written_aside

ID, PROBLEM = "id", "problem"
SHARDS = 128  # 50,000 tracks of 3,000 descriptors are 5 MB a shard
NO_FILE = (-1, -1)
UNREADABLE = "the file is missing or cannot be read"
READER_SOURCES = ("acousticbrainz.py", "features/pool.py", "features/series.py")
SEAL_BYTES = hashlib.sha256().digest_size

Key = tuple[str, int, int]


@dataclass(frozen=True, eq=False)
class Rows:
    """What was read of some files: by name in `values`, shape (files, names), nan where absent; else the problem.

    `states` are size in bytes and time of change in ns, shape (files, 2).
    """

    files: StrArray
    states: NDArray[np.int64]
    problems: StrArray
    names: StrArray
    values: Float32Array

    @cached_property
    def row_of(self) -> dict[Key, int]:
        """The row of each file in its state."""
        states = zip(self.files.tolist(), self.states.tolist(), strict=True)
        return {(file, size, time): row for row, (file, (size, time)) in enumerate(states)}

    def take(self, rows: list[int]) -> "Rows":
        """Return these rows, under all names."""
        return Rows(self.files[rows], self.states[rows], self.problems[rows], self.names, self.values[rows])

    def under(self, names: StrArray) -> Float32Array:
        """Return the values under these names, nan where they have none."""
        if np.array_equal(names, self.names):
            return self.values
        return pd.DataFrame(self.values, columns=self.names).reindex(columns=names).to_numpy(np.float32)

    def joined(self, newer: "Rows") -> "Rows":
        """Return these rows and newer ones, which take the place of those of the same files."""
        older = self.take(np.flatnonzero(~np.isin(self.files, newer.files)).tolist())
        alike = np.array_equal(older.names, newer.names)
        names = newer.names if alike else np.union1d(older.names, newer.names)
        return Rows(
            np.concatenate([older.files, newer.files]),
            np.concatenate([older.states, newer.states]),
            np.concatenate([older.problems, newer.problems]),
            names,
            np.concatenate([older.under(names), newer.under(names)]),
        )


NO_TEXT = np.empty(0, np.str_)
NOTHING = Rows(NO_TEXT, np.empty((0, 2), np.int64), NO_TEXT, NO_TEXT, np.empty((0, 0), np.float32))


@dataclass(frozen=True)
class Shard:
    """Some tracks of a corpus, `ids` with their `files` as they are on disk; their rows are kept in the `archive`."""

    archive: Path
    root: Path
    ids: tuple[str, ...]
    files: tuple[Key, ...]

    def is_read(self) -> bool:
        """Say whether every file that can be read was."""
        return not self._lacking(self._kept())

    def rows(self) -> Rows:
        """Return the rows of the tracks, in their order; those that are not there are read and kept."""
        kept = self._kept()
        lacking = self._lacking(kept)
        if lacking:
            kept = kept.joined(_read(self.root, lacking))
            self._keep(kept)
        last = len(kept.files)
        return kept.joined(_not_read(kept.names)).take([kept.row_of.get(file, last) for file in self.files])

    def problems(self) -> dict[str, str]:
        """Return, by track id, why a track has no descriptors."""
        problems = zip(self.ids, self.rows().problems.tolist(), strict=True)
        return {track_id: problem for track_id, problem in problems if problem}

    def _lacking(self, kept: Rows) -> list[Key]:
        return [file for file in dict.fromkeys(self.files) if file not in kept.row_of and file[1:] != NO_FILE]

    def _kept(self) -> Rows:
        """Return what is kept; nothing where it is not what was written, of which NumPy might read some even so."""
        sealed = self.archive.read_bytes() if self.archive.is_file() else b""
        content = sealed[SEAL_BYTES:]
        if hashlib.sha256(content).digest() != sealed[:SEAL_BYTES]:
            return NOTHING
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return Rows(**arrays)

    def _keep(self, rows: Rows) -> None:
        self.archive.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        np.savez(content, **asdict(rows))
        with written_aside(self.archive) as aside:
            aside.write_bytes(hashlib.sha256(content.getvalue()).digest() + content.getvalue())


def check_ships_descriptors(corpus: Corpus) -> None:
    """Refuse, with `InputError`, a corpus that does not say where descriptors of its tracks lie."""
    if corpus.descriptor_files is None:
        raise InputError(
            f"corpus {corpus.name} ships no descriptors: jamendo has them as acousticbrainz/NN/ID.json under its root, "
            'a manifest names them in a column "descriptors"; without them, take descriptors that are made from audio'
        )


def shards_of(corpus: Corpus, cache: Path) -> list[Shard]:
    """Return the shards that hold a corpus's tracks; nothing is read yet. Raises as `check_ships_descriptors`."""
    check_ships_descriptors(corpus)
    files = np.asarray(corpus.descriptor_files).tolist()
    sources = [(Path(__file__).parent / source).read_bytes() for source in READER_SOURCES]
    root = corpus.root.absolute()
    made_by = [content_digest(*sources), str(root)]
    tracks: dict[int, list[tuple[str, Key]]] = {}
    numbers = (unit_hashes(files, "shipped") * SHARDS).astype(int).tolist()
    for number, track_id, file in zip(numbers, corpus.ids.tolist(), files, strict=True):
        tracks.setdefault(number, []).append((track_id, (file, *_state(root / file))))
    folder = cache.absolute() / "shipped"
    archives = {number: folder / f"{json_digest([*made_by, number])}.rows" for number in sorted(tracks)}
    return [Shard(archive, root, *zip(*tracks[number], strict=True)) for number, archive in archives.items()]


def read_shipped(shards: list[Shard], workers: int) -> dict[str, str]:
    """Read what is not yet kept, shards side by side; return, by track id, why a track has no descriptors."""
    if not all(shard.is_read() for shard in shards):
        first = shards[0]
        with making(first.archive.parents[1], ["shipped", str(first.root.absolute())]):
            _read_missing(shards, workers)
    return {track_id: problem for shard in shards for track_id, problem in shard.problems().items()}


def _read_missing(shards: list[Shard], workers: int) -> None:
    waiting = [shard for shard in shards if not shard.is_read()]
    if waiting:
        archives, tracks = [shard.archive for shard in waiting], sum(len(shard.ids) for shard in waiting)
        with none_left_aside(archives), progress_bar(tracks, "reading descriptors", "track") as bar:
            for shard, _ in in_tasks("reading descriptors", _read_all, waiting, workers=workers):
                bar.update(len(shard.ids))


def _read_all(shards: list[Shard]) -> list[None]:
    for shard in shards:
        shard.rows()
    return [None] * len(shards)


def present_names(shards: list[Shard]) -> list[str]:
    """Return the names of the descriptors that at least one track has, sorted."""
    names: set[str] = set()
    for shard in shards:
        rows = shard.rows()
        names.update(rows.names[np.isfinite(rows.values).any(axis=0)].tolist())
    return sorted(names)


def tables(shards: list[Shard], names: list[str]) -> Iterator[pd.DataFrame]:
    """Yield a table a shard: `id`, `problem`, and a column for each of these names, nan where a track lacks it."""
    for shard in shards:
        rows = shard.rows()
        table = pd.DataFrame(rows.under(np.array(names, np.str_)), columns=names)
        table.insert(0, ID, list(shard.ids))
        table.insert(1, PROBLEM, rows.problems.tolist())
        yield table


def _not_read(names: StrArray) -> Rows:
    """Return one row, that of a file which is not there."""
    nothing = np.full((1, len(names)), np.nan, np.float32)
    return Rows(np.array([""]), np.array([NO_FILE]), np.array([UNREADABLE]), names, nothing)


def _state(file: Path) -> tuple[int, int]:
    if not can_be_read(file):
        return NO_FILE
    state = file.stat()
    return state.st_size, state.st_mtime_ns


def _read(root: Path, files: list[Key]) -> Rows:
    """Return the rows of those of the files that can be read."""
    found: dict[Key, dict[str, float]] = {}
    problems: dict[Key, str] = {}
    for file in files:
        try:
            found[file] = read_descriptors(root / file[0])
        except NoDescriptorsError as problem:
            found[file], problems[file] = {}, str(problem)
        except OSError:  # a disk may fail, a file go; next time it may be there
            continue
    names = sorted(set().union(*found.values()))
    column_of = {name: column for column, name in enumerate(names)}
    values = np.full((len(found), len(names)), np.nan, np.float32)
    for row, track in enumerate(found.values()):
        values[row, [column_of[name] for name in track]] = list(track.values())
    return Rows(
        np.array([file for file, *_ in found], np.str_),
        np.array([state for _, *state in found], np.int64).reshape(-1, 2),
        np.array([problems.get(file, "") for file in found], np.str_),
        np.array(names, np.str_),
        values,
    )
