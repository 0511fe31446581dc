"""A corpus's table of descriptors, made a shard of the audio store at a time and never twice, or of what it ships.

The descriptors of a shard of audio are a Parquet file named by the digest of the shard, the extractor and its limit,
under `descriptors/` in the cache: a larger training subset or a second family finds finished tracks there. (Those that
a data set ships come from `baselines/shipped.py`.) What a family sees of a corpus is gathered into one NumPy file under
`matrices/`, which is mapped: workers share its pages, and it may be larger than the memory.
"""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from baselines.isolation import Describer
from baselines.matrices import mapped_matrix, written_matrix
from baselines.shipped import ID, PROBLEM, present_names, read_shipped, shards_of, tables
from bench.checksums import first_damaged, write_checksums
from bench.corpus import Corpus, Float32Array
from bench.digest import content_digest, json_digest
from bench.errors import InputError
from bench.locks import making
from bench.parallel import in_tasks
from bench.progress import progress_bar
from bench.store import StoredTrack
from bench.tagger import Context
from bench.whole_file import none_left_aside, written_aside

FEATURE_SOURCES = Path(__file__).parent / "features"
MUSIC_EXTRACTOR = "music_extractor"
ACOUSTICBRAINZ = "acousticbrainz"
SETS = (MUSIC_EXTRACTOR, ACOUSTICBRAINZ)  # each a set of its own
UNREADABLE = (OSError, ValueError, LookupError)  # whatever pandas and Arrow raise on a damaged file

Group = Literal["timbre", "rhythm", "harmony", "music_extractor", "acousticbrainz"]


class DescriptorSettings(BaseModel):
    """Which `groups` of descriptors a family sees, and the CPU seconds after which a track is given up.

    `music_extractor` stands for essentia's own set, `acousticbrainz` for what the data set ships, which needs no audio
    and takes no such time; neither can be joined with other groups. Where nothing but groups is to be said, a study may
    say `descriptors = "music_extractor"` or `descriptors = ["timbre", "rhythm"]`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    groups: tuple[Group, ...] = Field(("timbre", "rhythm", "harmony"), min_length=1)
    track_cpu_seconds: float = Field(default=60.0, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _groups_may_stand_alone(cls, given: object) -> object:
        if isinstance(given, str):
            return {"groups": [given]}
        return {"groups": given} if isinstance(given, list | tuple) else given

    @field_validator("groups")
    @classmethod
    def _one_set(cls, groups: tuple[Group, ...]) -> tuple[Group, ...]:
        if len(set(groups)) < len(groups):
            raise ValueError("a group stands in it twice")
        for own in SETS:
            if own in groups and len(groups) > 1:
                raise ValueError(f'"{own}" is a set of its own; give it alone, or without it the other groups')
        return groups

    @property
    def are_shipped(self) -> bool:
        """Whether the data set ships the descriptors, so that they need no audio."""
        return ACOUSTICBRAINZ in self.groups

    @property
    def descriptor_set(self) -> str:
        """The name of the set in `baselines.features` that the groups belong to."""
        return MUSIC_EXTRACTOR if MUSIC_EXTRACTOR in self.groups else "groups"

    @property
    def most_tracks(self) -> float:
        """The number of tracks that one process describes: MusicExtractor never frees about 0.2 MB a track."""
        return 500 if self.descriptor_set == MUSIC_EXTRACTOR else math.inf

    def choose(self, names: list[str]) -> list[str]:
        """Return those of a set's descriptors that belong to the groups."""
        if set(self.groups) & set(SETS):
            return names
        return [name for name in names if name.split(".")[0] in self.groups]


@dataclass(frozen=True)
class DescriptorTable:
    """`matrix`, shape (tracks, descriptors), nan where a descriptor has no meaning; `problems` by track id.

    The matrix is mapped, not loaded, and cannot be written to. A track with a problem has no descriptors at all.
    """

    names: tuple[str, ...]
    matrix: Float32Array
    problems: dict[str, str]

    @property
    def file(self) -> Path:
        """The NumPy file that the matrix of some tracks is mapped from."""
        return Path(cast("np.memmap[Any, Any]", self.matrix).filename or "")


@dataclass(frozen=True)
class _Pieces:
    """The descriptors of a corpus a shard at a time, as `read` yields them, and the `key` that they are known by."""

    key: list[object]
    read: Callable[[], Iterator[pd.DataFrame]]


@dataclass(frozen=True)
class _Shard:
    tracks: dict[str, StoredTrack]
    file: Path


def descriptors(
    corpus: Corpus, context: Context, settings: DescriptorSettings, names: tuple[str, ...] | None = None
) -> DescriptorTable:
    """Return the descriptors of a corpus, in the order of its tracks, extracting or reading what is not cached.

    `names` are those that a model knows. What a data set ships has other names with every version of essentia: it is
    brought under the model's, nan where a track lacks one; without them, the table has what any of the tracks has. A
    set of ours always has the same names. A file in the cache that cannot be read is made again.

    Raises `InputError` where the corpus has no descriptors or a set of ours is no longer the model's, and
    `StudyFailedError` when extraction itself fails.
    """
    if not len(corpus):
        return DescriptorTable(names or (), np.empty((0, len(names or ())), np.float32), {})
    pieces = _shipped(corpus, context, names) if settings.are_shipped else _extracted(corpus, context, settings)
    folder = context.cache / "matrices"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{json_digest([corpus.ids.tolist(), list(settings.groups), pieces.key])}.json"
    if not _is_table(file):
        with making(context.cache, ["matrices", file.name]):
            if not _is_table(file):
                _gather(corpus, pieces.read(), settings, file)
    table = _open_table(file)
    if names is not None and table.names != names:
        raise InputError("the model was trained on other descriptors than this version's; train it again")
    return table


def describe_tracks(corpus: Corpus, context: Context, settings: DescriptorSettings) -> dict[str, str]:
    """Extract or read what is not cached of the descriptors of a corpus; return, by track id, why a track has none."""
    if settings.are_shipped:
        return read_shipped(shards_of(corpus, context.cache), context.workers)
    problems: dict[str, str] = {}
    for shard in _described_shards(corpus, context, settings):
        table = _read(shard, context, settings, [ID, PROBLEM])
        problems.update(_problems(table[table[ID].isin(corpus.ids)]))
    return problems


def _extracted(corpus: Corpus, context: Context, settings: DescriptorSettings) -> _Pieces:
    shards = _described_shards(corpus, context, settings)
    return _Pieces([shard.file.name for shard in shards], lambda: (_read(shard, context, settings) for shard in shards))


def _shipped(corpus: Corpus, context: Context, names: tuple[str, ...] | None) -> _Pieces:
    shards = shards_of(corpus, context.cache)

    def read() -> Iterator[pd.DataFrame]:
        read_shipped(shards, context.workers)
        known = present_names(shards) if names is None else list(names)
        if not known:
            raise InputError(f"no track of this part of {corpus.name} has a descriptor that can be read")
        return tables(shards, known)

    return _Pieces([names, *((shard.archive.name, shard.files) for shard in shards)], read)


def extractor_digest() -> str:
    """Return a name for what computes descriptors: the source of `baselines.features`, and essentia's version."""
    sources = [file.read_bytes() for file in sorted(FEATURE_SOURCES.glob("*.py"))]
    return content_digest(version("essentia").encode(), *sources)


def _described_shards(corpus: Corpus, context: Context, settings: DescriptorSettings) -> list[_Shard]:
    """Return the store's shards that hold a corpus's tracks, each with all of its tracks, once they are described."""
    wanted = {context.audio.tracks[track_id].shard for track_id in corpus.ids.tolist()}
    by_shard: dict[Path, dict[str, StoredTrack]] = {shard: {} for shard in sorted(wanted)}
    for track_id, track in context.audio.tracks.items():
        if track.shard in wanted:
            by_shard[track.shard][track_id] = track
    folder = context.cache.absolute() / "descriptors"
    made_by = [extractor_digest(), settings.descriptor_set, settings.track_cpu_seconds]
    digests = {shard: json_digest([shard.name, *made_by]) for shard in by_shard}
    shards = [_Shard(tracks, folder / f"{digests[shard]}.parquet") for shard, tracks in by_shard.items()]
    if not all(shard.file.exists() for shard in shards):
        with making(context.cache, ["descriptors", *(shard.file.name for shard in shards)]):
            _extract([shard for shard in shards if not shard.file.exists()], context, settings)
    return shards


def _read(
    shard: _Shard, context: Context, settings: DescriptorSettings, columns: list[str] | None = None
) -> pd.DataFrame:
    """Return the `columns` (none: all) of a shard's table; a file that cannot be read is made again."""
    try:
        return _read_checked(shard.file, columns)
    except UNREADABLE:
        with making(context.cache, ["descriptors", shard.file.name]):
            with suppress(*UNREADABLE):  # where another process was at it
                return _read_checked(shard.file, columns)
            shard.file.unlink(missing_ok=True)
            _extract([shard], context, settings)
        return _read_checked(shard.file, columns)


def _read_checked(file: Path, columns: list[str] | None) -> pd.DataFrame:
    if first_damaged(file.with_suffix(".sha256"), [file.name]):
        raise ValueError(f"{file} is damaged")
    return pd.read_parquet(file, columns=columns, page_checksum_verification=True)


def _extract(missing: list[_Shard], context: Context, settings: DescriptorSettings) -> None:
    """Extract shards side by side."""
    if not missing:
        return
    (context.cache / "descriptors").mkdir(parents=True, exist_ok=True)
    work, files = partial(_write_shards, settings), [shard.file for shard in missing]
    tracks = sum(len(shard.tracks) for shard in missing)
    with none_left_aside(files), progress_bar(tracks, "describing", "track") as bar:
        for shard, _ in in_tasks("describing", work, missing, workers=context.workers):
            bar.update(len(shard.tracks))


def _write_shards(settings: DescriptorSettings, shards: list[_Shard]) -> list[None]:
    """Extract shards that are not there one after another, with a child process that describes their tracks."""
    with Describer(settings.descriptor_set, settings.track_cpu_seconds, settings.most_tracks) as describer:
        for shard in shards:
            if not shard.file.exists():
                _write_shard(shard, describer)
    return [None] * len(shards)


def _write_shard(shard: _Shard, describer: Describer) -> None:
    rows = [describer.describe(track, track_id) for track_id, track in shard.tracks.items()]
    absent = [float("nan")] * len(describer.names)
    values = np.array([row.descriptors or absent for row in rows], np.float32)
    table = pd.DataFrame(values, columns=list(describer.names))
    table.insert(0, ID, list(shard.tracks))
    table.insert(1, PROBLEM, [row.problem for row in rows])
    with written_aside(shard.file) as aside:
        table.to_parquet(aside, index=False, write_page_checksum=True)
    write_checksums(shard.file.with_suffix(".sha256"), [shard.file.name])


def _gather(corpus: Corpus, shards: Iterator[pd.DataFrame], settings: DescriptorSettings, file: Path) -> None:
    """Write the corpus's rows of the shards' tables as one matrix, a shard at a time, and last what belongs to it."""
    row_of = {track_id: row for row, track_id in enumerate(corpus.ids.tolist())}
    first = next(shards)
    names = settings.choose([name for name in first.columns if name not in (ID, PROBLEM)])
    problems: dict[str, str] = {}
    matrix_file = file.with_suffix(".npy")
    with written_matrix(matrix_file, np.float32, (len(corpus), len(names))) as matrix:
        for whole in chain([first], shards):
            shard = whole[[track_id in row_of for track_id in whole[ID]]]
            matrix[[row_of[track_id] for track_id in shard[ID]]] = shard[names].to_numpy(np.float32)
            problems |= _problems(shard)
    with written_aside(file) as aside:
        aside.write_text(json.dumps({"names": names, "problems": problems}), encoding="utf-8")
    write_checksums(file.with_suffix(".sha256"), [matrix_file.name, file.name])


def _problems(table: pd.DataFrame) -> dict[str, str]:
    troubled = table[table[PROBLEM] != ""]
    return dict(zip(troubled[ID], troubled[PROBLEM], strict=True))


def _is_table(file: Path) -> bool:
    if first_damaged(file.with_suffix(".sha256"), [file.with_suffix(".npy").name, file.name]):
        return False
    try:
        _open_table(file)
    except (OSError, ValueError):  # missing, cut off or no longer what it was
        return False
    return True


def _open_table(file: Path) -> DescriptorTable:
    content = json.loads(file.read_bytes())
    return DescriptorTable(tuple(content["names"]), mapped_matrix(file.with_suffix(".npy")), content["problems"])
