"""What is frozen beside an expectation: trained models with what they gave, and what must be exact.

Training noise hides a fault that moves every score a little. A frozen model shows it: it is given what it was given
when it was frozen, descriptors to those that read a table and songs as FLAC to those that hear, and has to give the
same scores. In the archive, `songs/` are a few seconds of test tracks; of each model, in a folder named by its cell's
digest, `model/`, `scores.npy` and, where it reads a table, `inputs.parquet`; the rest is of `reports/gate/exact.py`.
"""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from bench.audio import AudioSettings
from bench.corpus import Corpus, Float32Array, Tag
from bench.device import use_threads
from bench.errors import InputError, StudyFailedError
from bench.families import load_trained, tagger_class
from bench.record import MODEL_FOLDER
from bench.run import SILENCE
from bench.store import Store, prepare_store
from bench.tagger import Context, Trained, TrainedOnTable
from bench.whole_file import written_aside
from reports.gate.checks import Check, within
from reports.gate.expectation import UPDATE, Expectation

SONGS_FOLDER = "songs"
SCORES_FILE = "scores.npy"
INPUTS_FILE = "inputs.parquet"
MODELS, DESCRIPTORS = "frozen models", "descriptors"
SCORES_WITHIN = 1e-5  # processors round differently; dropout or a missing normalisation moves scores by far more
INPUTS_WITHIN = 1e-4  # relative: BLAS on other processors sums in another order
MOST_BYTES = 1 << 30  # of all that is frozen: weights take a hundredth of it
DAMAGED = (zipfile.BadZipFile, lzma.LZMAError, zlib.error, struct.error, EOFError, RuntimeError, ValueError)
ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes


@dataclass(frozen=True)
class FrozenModel:
    """A frozen cell in its `folder`, and how it hears the `songs`; `identity` as in `Expectation.models`."""

    label: str
    folder: Path
    identity: dict[str, Any]
    songs: Corpus
    cache: Path

    def load(self) -> Trained:
        """Return the model."""
        return load_trained(tagger_class(self.identity["family"]), self.folder / MODEL_FOLDER)

    @property
    def hears(self) -> bool:
        """Whether it, or what describes tracks for it, hears audio."""
        return "audio" in self.identity

    def context(self) -> Context:
        """Return where it works: on the CPU, with the study's number of threads, describing songs into `cache`."""
        use_threads(self.identity["threads"])
        return Context(self._store() if self.hears else SILENCE, 0, "cpu", 1, self.cache)

    def _store(self) -> Store:
        heard = AudioSettings.model_validate(self.identity["audio"])
        store = prepare_store(self.songs, heard, cache=self.cache, workers=1)
        if store.rejected:
            track, reason = next(iter(store.rejected.items()))
            raise InputError(f"the frozen song {track} {reason}")
        return store

    def inputs(self) -> pd.DataFrame:
        """Return what it reads of each track, where that is a table."""
        with _reading(self.folder / INPUTS_FILE) as file:
            return pd.read_parquet(file).T

    def score(self, trained: Trained) -> Float32Array:
        """Return its scores, shape (tracks, tags): from `inputs` where it reads a table, else of the songs."""
        if isinstance(trained, TrainedOnTable):
            return trained.predict_inputs(self.inputs())
        return trained.predict(self.songs, self.context())


def frozen_models(expectation: Expectation, folder: Path, cache: Path) -> list[FrozenModel]:
    """Return what is frozen in an unpacked archive."""
    songs = frozen_songs(folder, tuple(Tag(name, kind) for name, kind in expectation.tags.items()))
    return [
        FrozenModel(label, folder / digest, expectation.models[label], songs, cache)
        for label, digest in expectation.frozen.items()
    ]


def frozen_songs(folder: Path, tags: tuple[Tag, ...]) -> Corpus:
    """Return the songs in an unpacked archive as a corpus with these tags, of which none is told."""
    files = sorted(file.name for file in (folder / SONGS_FOLDER).glob("*.flac"))
    names = np.array(files, dtype=np.str_)
    targets = np.zeros((len(files), len(tags)), np.float32)
    return Corpus("frozen songs", "", folder / SONGS_FOLDER, tags, names, names, names, targets)


def check_frozen(expectation: Expectation, folder: Path, cache: Path) -> Iterator[Check]:
    """Yield the checks of what is frozen in an unpacked archive: each model's scores, and first its descriptors."""
    for frozen in frozen_models(expectation, folder, cache):
        try:
            yield from _checks(frozen)
        except (InputError, StudyFailedError) as fault:
            yield Check(MODELS, f"frozen {frozen.label}", "failed", "scores as before", str(fault))


def _checks(frozen: FrozenModel) -> Iterator[Check]:
    trained = frozen.load()
    if isinstance(trained, TrainedOnTable) and frozen.hears:
        off = relative_difference(frozen.inputs(), trained.inputs(frozen.songs, frozen.context()))
        yield within(DESCRIPTORS, f"descriptors of {frozen.label}, relative", off, INPUTS_WITHIN)
    with _reading(frozen.folder / SCORES_FILE) as file:
        committed: Float32Array = np.load(file, allow_pickle=False)
    scores = frozen.score(trained)
    off = float(np.abs(scores - committed).max(initial=0)) if scores.shape == committed.shape else float("nan")
    yield within(MODELS, f"scores of frozen {frozen.label}", off, SCORES_WITHIN)


@contextmanager
def _reading(file: Path) -> Iterator[Path]:
    """Refuse, with `InputError`, what is frozen but is not what was written."""
    try:
        yield file
    except (OSError, ValueError, EOFError, pa.ArrowException) as error:
        raise InputError(f"the frozen {file.name} cannot be read ({error}); {UPDATE}") from error


def relative_difference(expected: pd.DataFrame, found: pd.DataFrame) -> float:
    """Return the largest difference of a descriptor, relative to its largest size in any of the songs.

    To its size in the same song it would tell of rounding where a covariance is next to zero. It is nan where names or
    gaps are others.
    """
    if list(expected.columns) != list(found.columns) or expected.shape != found.shape:
        return float("nan")
    before, after = expected.to_numpy(np.float64), found.to_numpy(np.float64)
    known = np.isfinite(before)
    if (known != np.isfinite(after)).any():
        return float("nan")
    off = np.abs(np.where(known, before, 0) - np.where(known, after, 0))
    size = np.abs(np.where(known, before, 0)).max(axis=0)
    return float((off / np.where(size > 0, size, 1)).max(initial=0.0))


def pack(folder: Path, archive: Path) -> None:
    """Write all files of a folder as an archive; the same files give the same bytes."""
    with written_aside(archive) as aside, zipfile.ZipFile(aside, "w") as output:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            member = zipfile.ZipInfo(file.relative_to(folder).as_posix(), ZIP_TIME)
            output.writestr(member, file.read_bytes(), zipfile.ZIP_LZMA)


def unpack(archive: Path, folder: Path) -> None:
    """Read an archive into a folder, which nothing in it leaves; raises `InputError` where it is missing or damaged."""
    try:
        with zipfile.ZipFile(archive) as content:
            if sum(member.file_size for member in content.infolist()) > MOST_BYTES:
                raise InputError(f"{archive} would take more than {MOST_BYTES >> 30} GiB; {UPDATE}")
            content.extractall(folder)
    except (*DAMAGED, OSError) as error:
        raise InputError(f"{archive} cannot be read ({error}); {UPDATE}") from error
