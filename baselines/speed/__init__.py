"""`tagbench speed baseline`: the descriptors and the trees, side by side with what else one would use."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from baselines.speed.descriptors import compare_descriptors
from baselines.speed.memory import measure_extractor_memory
from baselines.speed.scaling import measure_scaling
from baselines.speed.songs import RATE, songs, write_mp3s
from baselines.speed.training import SEED, compare_training
from bench.audio import AudioSettings
from bench.prepare import prepare
from bench.progress import say
from bench.speed import Findings
from bench.splits import split
from bench.tagger import Context

PACKAGES = ("tagbench", "essentia", "librosa", "numpy", "scipy", "soundfile", "soxr", "xgboost")
VALID_SHARE = 0.25  # of the artists


@dataclass(frozen=True)
class Sizes:
    """How much is measured; seconds are of a song, laps are times each song is described by each contestant."""

    songs: int = 8
    song_seconds: float = 30.0
    laps: int = 3
    memory_tracks: int = 2000
    memory_settled: int = 100
    training_tracks: int = 3000
    training_seconds: float = 6.0
    training_tags: int = 20
    scaling_tracks: tuple[int, ...] = (25_000, 50_000, 100_000, 200_000)
    scaling_columns: int = 1000
    scaling_rounds: int = 21


FULL = Sizes()
QUICK = Sizes(
    songs=2,
    song_seconds=3.0,
    laps=1,
    memory_tracks=20,
    memory_settled=5,
    training_tracks=100,
    training_seconds=2.0,
    training_tags=2,
    scaling_tracks=(500, 1000, 1500, 2000),
    scaling_columns=50,
    scaling_rounds=3,
)


def compare_baseline(sizes: Sizes, *, cache: Path, workers: int) -> Findings:
    """Measure descriptors, the extractor's memory, and training, one after another; songs are kept in `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="speed-") as scratch:
        return (
            _describing(sizes, Path(scratch), cache, workers)
            + _training(sizes, Path(scratch), cache, workers)
            + _scaling(sizes, Path(scratch))
        )


def _describing(sizes: Sizes, scratch: Path, cache: Path, workers: int) -> Findings:
    corpus = songs(sizes.songs, sizes.song_seconds, cache=cache, workers=workers)
    say(f"describing {sizes.songs} MP3 files of {sizes.song_seconds:g} s, {sizes.laps} times each")
    files = write_mp3s(corpus, scratch)
    found = compare_descriptors(files, sizes.song_seconds, sizes.laps)
    heard = AudioSettings(sample_rate=RATE)
    store = prepare(corpus, [heard], cache=cache, workers=workers).stores[heard]
    say(f"the extractor's memory over {sizes.memory_tracks} excerpts")
    return found + measure_extractor_memory(store, sizes.memory_tracks, sizes.memory_settled)


def _training(sizes: Sizes, scratch: Path, cache: Path, workers: int) -> Findings:
    corpus = songs(sizes.training_tracks, sizes.training_seconds, cache=cache, workers=workers)
    heard = AudioSettings()
    prepared = prepare(corpus, [heard], cache=cache, workers=workers)
    parts = split(prepared.corpus, valid=VALID_SHARE, test=0.0, seed=SEED)
    say(f"training {sizes.training_tags} tags on {len(parts.train)} tracks, validated on {len(parts.valid)}")
    context = Context(prepared.stores[heard], SEED, "cpu", workers, cache)
    return compare_training(parts, context, tags=sizes.training_tags, folder=scratch)


def _scaling(sizes: Sizes, scratch: Path) -> Findings:
    say(f"training on up to {max(sizes.scaling_tracks)} synthetic tracks × {sizes.scaling_columns} descriptors")
    return measure_scaling(sizes.scaling_tracks, sizes.scaling_columns, sizes.scaling_rounds, scratch)
