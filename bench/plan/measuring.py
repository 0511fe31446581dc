"""`tagbench speed stages`: what the stages of a study cost on this machine, measured on small runs of it.

Three kinds of runs, each in processes of their own and at three sizes: a few whole songs, heard and described, on which
families that share work (networks) are trained for a few steps; many short excerpts, on which the others are, since
their cost grows with tracks; and tables without audio, which are loaded, divided, measured and reported.
"""

import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from bench.audio import AudioSettings, decode
from bench.checksums import first_damaged, write_checksums
from bench.corpus import Float32Array
from bench.costs import Spent
from bench.decoding_speed import Sizes as SongSizes
from bench.decoding_speed import stereo_songs, write_sound
from bench.errors import InputError, StudyFailedError
from bench.plan.figures import Figure, figures_of, relabelled
from bench.plan.small_runs import Report, SmallRun, as_long_as, run_small, run_tables, small_study, write_corpus
from bench.plan.stages import Extent, is_made
from bench.progress import progress_bar, say
from bench.speed import call_apart
from bench.study import Entry, Study
from bench.whole_file import written_aside

SONGS_SECONDS = 5760.0  # of audio in the largest run on songs
FEWEST_SONGS, MOST_SONGS = 16, 96
SONG_TAGS, EXCERPT_TAGS = 4, 20  # at most; networks do not feel them, the cost of others is proportional
EXCERPT_SECONDS = 2.0
MOST_EXCERPTS, MOST_ROWS = 3000, 100_000
STEPS = (2, 8)  # of the first two trainings of a network
MOST_STEPS = 400
STEP_SECONDS = 16.0  # of CPU time that its longest takes
WARM_UP = 8  # tracks of a first training, which is not counted: what is imported then is no part of any other
ROUNDS = (10, 30)  # of families whose every step reads all tracks
SIZES = (0.25, 0.5, 1.0)  # of the largest run

OF_SONGS = ("decode", "compare", "prepare")
OF_TABLES = ("divide", "keep", "log", "report")
OF_A_MODEL = ("train", "validate", "predict", "predict otherwise", "save")


@dataclass(frozen=True)
class Measuring:
    """What is measured: a study of that extent, with songs of so many seconds, and where."""

    study: Study
    extent: Extent
    seconds: float
    device: str
    cache: Path
    workers: int
    scratch: Path

    def entries(self, *, sharing: bool) -> list[Entry]:
        """Return the entries that share their work, or those that do not."""
        return [entry for entry in self.study.entries() if entry.tagger.shares_work == sharing]

    def figures(self, small: SmallRun, spent: Sequence[Spent]) -> list[Figure]:
        """Return what a run spent; songs are made where the study's own are."""
        as_ours = small.study.model_copy(update={"corpus": self.study.corpus})
        return figures_of(as_ours, small.extent, spent, "cuda" if self.device == "cuda" else "cpu")


def measure_stages(
    study: Study, extent: Extent, *, seconds: float, device: str, cache: Path, workers: int, report: Report
) -> list[Figure]:
    """Return the figures of a study's stages; songs are made by `workers` processes and kept in `cache`.

    Raises `InputError` for an entry that does not hear its tracks: what it reads instead cannot be made up.
    """
    for entry in study.entries():
        if entry.audio is None:
            raise InputError(f"{entry.label} reads what the data set ships; such a study cannot be measured in small")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="speed-") as folder:
        what = Measuring(study, extent, seconds, device, cache, workers, Path(folder))
        files = _songs(what)
        with progress_bar(7, "small runs", "run") as bar:
            found = []
            for part in (_on_songs(what, files), _on_excerpts(what, files), _on_tables(what, report)):
                for figures in part:
                    found += figures
                    bar.update()
    return found


def _songs(what: Measuring) -> list[Path]:
    """Return songs as studies have them, MP3s of 44.1 kHz in stereo, kept in the cache; damaged ones are made again."""
    count = int(np.clip(SONGS_SECONDS / what.seconds, FEWEST_SONGS, MOST_SONGS))
    folder = what.cache / "speed" / f"songs-{what.seconds:g}s"
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:03}.mp3" for number in range(count)]
    checksums = folder / "songs.sha256"
    if not checksums.exists() or first_damaged(checksums, [file.name for file in files]):
        say(f"making {count} songs of {what.seconds:g} s to measure on")
        songs = stereo_songs(SongSizes(songs=count, seconds=what.seconds), cache=what.cache, workers=what.workers)
        for file, song in zip(files, songs, strict=True):
            with written_aside(file) as aside:
                write_sound(aside, song, "MP3")
        write_checksums(checksums, [file.name for file in files])
    return files


def _on_songs(what: Measuring, files: Sequence[Path]) -> Iterator[list[Figure]]:
    """Yield the figures of runs on ever more songs, with trainings as long as the run before tells."""
    networks = {entry.label for entry in what.entries(sharing=True)}
    stages = (*OF_SONGS, "corpus") if is_made(what.study) else OF_SONGS
    trained: dict[str, list[Figure]] = {label: [] for label in networks}
    for number, share in enumerate(SIZES):
        steps = {label: STEPS[number] if number < len(STEPS) else _last_steps(*of) for label, of in trained.items()}
        found = _run_on_songs(what, files, round(share * len(files)), steps)
        for figure in found:
            if figure.stage == "train" and figure.label in networks:
                trained[figure.label].append(figure)
        yield [of for of in found if of.stage in stages or (of.stage in OF_A_MODEL and of.label in networks)]


def _run_on_songs(what: Measuring, files: Sequence[Path], count: int, steps: Mapping[str, int]) -> list[Figure]:
    """Return the figures of a run on so many songs, with trainings of so many steps."""
    extent = _extent(count, SONG_TAGS)
    folder = what.scratch / f"songs-{count}"
    made = is_made(what.study)
    making = what.study.corpus.model_copy(update={"tracks": count}) if made else None
    entries = [
        as_long_as(entry, _at_most(entry, steps.get(entry.label, STEPS[0])), entry.label)
        for entry in what.study.entries()
    ]
    data = folder / "data"
    small = SmallRun(small_study(what.study, entries, extent.sizes), extent, data, folder, what.device, making)
    if not made:
        write_corpus(extent, [file.name for file in files], data)
        for file in files[:count]:
            shutil.copy(file, data)
    found = what.figures(small, _spent(small))
    shutil.rmtree(folder)
    return found


def _spent(small: SmallRun) -> list[Spent]:
    """Run it in a process of its own; raises `StudyFailedError` where a part of it failed."""
    try:
        return call_apart("a small run", run_small, small).result
    except (InputError, StudyFailedError) as fault:
        raise StudyFailedError(f"a small run of the study failed, so that nothing can be foretold: {fault}") from fault


def _last_steps(first: Figure, second: Figure) -> int:
    """Return how many steps the last training takes, to be measured well and soon."""
    between = second.amounts[1] - first.amounts[1]
    a_step = (second.cpu_seconds - first.cpu_seconds) / between if between else math.inf
    return int(np.clip(STEP_SECONDS / max(a_step, STEP_SECONDS / MOST_STEPS), STEPS[1], MOST_STEPS))


def _at_most(entry: Entry, wanted: int) -> int:
    steps = entry.tagger.steps()
    return wanted if steps is None else min(wanted, steps.most)


def _on_excerpts(what: Measuring, files: Sequence[Path]) -> Iterator[list[Figure]]:
    """Yield the figures of one run at three training sizes, and of a longer training at the largest."""
    entries = what.entries(sharing=False)
    if not entries:
        return
    largest = max(what.extent.sizes)
    n_train = min(MOST_EXCERPTS, largest)
    valid, test = (max(8, round(n_train * part / largest)) for part in (what.extent.valid, what.extent.test))
    sizes = (WARM_UP, *(round(share * n_train) for share in SIZES if share * n_train > WARM_UP))
    extent = Extent(n_train + valid + test, min(what.extent.tags, EXCERPT_TAGS), sizes, valid, test)
    folder = what.scratch / "excerpts"
    seconds = max(EXCERPT_SECONDS, *(entry.audio.min_seconds for entry in entries if entry.audio))
    _write_excerpts(files, extent.tracks, seconds, folder / "data")
    write_corpus(extent, [f"{number:05}.wav" for number in range(extent.tracks)], folder / "data")
    choices = [as_long_as(entry, _at_most(entry, ROUNDS[0]), entry.label) for entry in entries]
    longer = {f"{entry.label}, longer": entry for entry in entries if (of := entry.tagger.steps()) and of.reads_all}
    choices += [as_long_as(entry, _at_most(entry, ROUNDS[1]), label) for label, entry in longer.items()]
    small = SmallRun(small_study(what.study, choices, sizes), extent, folder / "data", folder, what.device)
    spent = [of for of in _spent(small) if of.n_train != WARM_UP]
    found = what.figures(small, spent)
    found = relabelled(found, {label: entry.label for label, entry in longer.items()})
    shutil.rmtree(folder)
    yield [of for of in found if of.stage in OF_A_MODEL]


def _write_excerpts(files: Sequence[Path], count: int, seconds: float, folder: Path) -> None:
    """Write excerpts of songs, 16 kHz mono: none is like another, as each song gives some from places of its own."""
    folder.mkdir(parents=True)
    rate = 16_000
    length = round(seconds * rate)
    songs: list[Float32Array] = [decode(file, AudioSettings(sample_rate=rate)).samples for file in files]
    draw = np.random.default_rng(0)
    for number in range(count):
        song = songs[number % len(songs)]
        start = int(draw.integers(max(1, len(song) - length)))
        excerpt = np.resize(song[start : start + length], length)
        soundfile.write(folder / f"{number:05}.wav", excerpt, rate, subtype="PCM_16")


def _on_tables(what: Measuring, report: Report) -> Iterator[list[Figure]]:
    """Yield the figures of runs without audio on ever more rows."""
    stages = OF_TABLES if is_made(what.study) else (*OF_TABLES, "corpus")
    entries = [as_long_as(entry, 1, entry.label) for entry in what.study.entries()]
    for share in SIZES:
        rows = max(100, round(share * min(MOST_ROWS, what.extent.tracks)))
        extent = _extent(rows, what.extent.tags, what.extent)
        folder = what.scratch / f"tables-{rows}"
        write_corpus(extent, [f"{number:07}.mp3" for number in range(rows)], folder / "data")
        small = SmallRun(small_study(what.study, entries, extent.sizes), extent, folder / "data", folder)
        found = what.figures(small, call_apart("a small run", run_tables, small, report).result)
        shutil.rmtree(folder)
        yield [of for of in found if of.stage in stages]


def _extent(tracks: int, tags: int, like: Extent | None = None) -> Extent:
    """Return an extent of so many tracks, a quarter for validation and test each, or divided `like` another."""
    whole = 4 if like is None else like.tracks
    valid, test = (1, 1) if like is None else (like.valid, like.test)
    parts = [max(2, math.floor(tracks * part / whole)) for part in (valid, test)]
    return Extent(tracks, tags, (tracks - sum(parts),), *parts)
