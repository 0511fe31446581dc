"""A corpus's table of descriptors, made a shard of the audio store at a time and never twice.

The descriptors of a shard are a Parquet file named by the digest of the shard, the extractor and its limit, under
`descriptors/` in the cache: a larger training subset or a second family finds finished tracks there.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

import joblib
import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from baselines.isolation import Describer
from bench.corpus import Corpus, Float32Array
from bench.digest import content_digest, json_digest
from bench.progress import progress_bar
from bench.store import Store, StoredTrack
from bench.tagger import Context

ID, PROBLEM = "id", "problem"
FEATURE_SOURCES = Path(__file__).parent / "features"


class DescriptorSettings(BaseModel):
    """Which `groups` of descriptors a family sees, and the CPU seconds after which a track is given up."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    groups: tuple[Literal["timbre", "rhythm", "harmony"], ...] = Field(("timbre", "rhythm", "harmony"), min_length=1)
    track_cpu_seconds: float = Field(default=60.0, gt=0)


@dataclass(frozen=True)
class DescriptorTable:
    """`matrix`, shape (tracks, descriptors), nan where a descriptor has no meaning; `problems` by track id.

    A track with a problem has no descriptors at all.
    """

    names: tuple[str, ...]
    matrix: Float32Array
    problems: dict[str, str]


@dataclass(frozen=True)
class _Shard:
    tracks: dict[str, StoredTrack]
    file: Path


def descriptors(corpus: Corpus, context: Context, settings: DescriptorSettings) -> DescriptorTable:
    """Return the descriptors of a corpus, in the order of its tracks, extracting what is not cached.

    A file of descriptors that cannot be read is made again. Raises `StudyFailedError` when extraction itself fails.
    """
    shards = _shards_of(corpus, context, settings)
    _extract_missing([shard for shard in shards if not shard.file.exists()], context, settings)
    return _gather(corpus, (_read(shard, context, settings) for shard in shards), settings)


def _shards_of(corpus: Corpus, context: Context, settings: DescriptorSettings) -> list[_Shard]:
    """Return the store's shards that hold the corpus's tracks, each with all of its tracks."""
    wanted = {context.audio.tracks[track_id].shard for track_id in corpus.ids.tolist()}
    by_shard: dict[Path, dict[str, StoredTrack]] = {shard: {} for shard in sorted(wanted)}
    for track_id, track in context.audio.tracks.items():
        if track.shard in wanted:
            by_shard[track.shard][track_id] = track
    folder = context.cache / "descriptors"
    extractor = extractor_digest()
    digests = {shard: json_digest([shard.name, extractor, settings.track_cpu_seconds]) for shard in by_shard}
    return [_Shard(tracks, folder / f"{digests[shard]}.parquet") for shard, tracks in by_shard.items()]


def extractor_digest() -> str:
    """Return a name for what computes descriptors: the source of `baselines.features`, and essentia's version."""
    sources = [file.read_bytes() for file in sorted(FEATURE_SOURCES.glob("*.py"))]
    return content_digest(version("essentia").encode(), *sources)


def _extract_missing(missing: list[_Shard], context: Context, settings: DescriptorSettings) -> None:
    """Extract shards side by side: a thread a shard, which waits for one of as many child processes."""
    if not missing:
        return
    (context.cache / "descriptors").mkdir(parents=True, exist_ok=True)
    workers = min(context.workers, len(missing))
    tracks = sum(len(shard.tracks) for shard in missing)
    with progress_bar(tracks, "describing", "track") as bar, _describers(workers, context.audio, settings) as idle:
        tasks = (joblib.delayed(_write_shard)(shard, idle) for shard in missing)
        for done in joblib.Parallel(n_jobs=workers, backend="threading", return_as="generator_unordered")(tasks):
            bar.update(done)


@contextmanager
def _describers(count: int, audio: Store, settings: DescriptorSettings) -> Iterator["SimpleQueue[Describer]"]:
    idle: SimpleQueue[Describer] = SimpleQueue()
    with ExitStack() as children:
        for _ in range(count):
            describer = Describer(audio.settings.sample_rate, settings.track_cpu_seconds)
            idle.put(children.enter_context(describer))
        yield idle


def _write_shard(shard: _Shard, idle: "SimpleQueue[Describer]") -> int:
    describer = idle.get()
    try:
        rows = [describer.describe(track) for track in shard.tracks.values()]
        names = describer.names
    finally:
        idle.put(describer)
    absent = [float("nan")] * len(names)
    values = np.array([row.descriptors or absent for row in rows], np.float32)
    table = pd.DataFrame(values, columns=list(names))
    table.insert(0, ID, list(shard.tracks))
    table.insert(1, PROBLEM, [row.problem for row in rows])
    aside = shard.file.with_name(f"{shard.file.name}.{os.getpid()}.partial")
    table.to_parquet(aside, index=False, write_page_checksum=True)
    aside.replace(shard.file)
    return len(rows)


def _read(shard: _Shard, context: Context, settings: DescriptorSettings) -> pd.DataFrame:
    try:
        return _read_checked(shard.file)
    except (OSError, ValueError, LookupError):  # whatever pandas and Arrow raise on a damaged file
        _extract_missing([shard], context, settings)
        return _read_checked(shard.file)


def _read_checked(file: Path) -> pd.DataFrame:
    return pd.read_parquet(file, page_checksum_verification=True)


def _gather(corpus: Corpus, shards: Iterable[pd.DataFrame], settings: DescriptorSettings) -> DescriptorTable:
    """Collect the corpus's rows out of the shards' tables, one at a time, into one table."""
    row_of = {track_id: row for row, track_id in enumerate(corpus.ids.tolist())}
    names: list[str] = []
    matrix = np.empty((len(corpus), 0), np.float32)
    problems: dict[str, str] = {}
    for whole in shards:
        shard = whole[[track_id in row_of for track_id in whole[ID]]]
        if not names:
            names = [name for name in shard.columns if name.split(".")[0] in settings.groups]
            matrix = np.empty((len(corpus), len(names)), np.float32)
        matrix[[row_of[track_id] for track_id in shard[ID]]] = shard[names].to_numpy(np.float32)
        troubled = shard[shard[PROBLEM] != ""]
        problems.update(zip(troubled[ID], troubled[PROBLEM], strict=True))
    return DescriptorTable(tuple(names), matrix, problems)
