"""The embedded corpus: procedurally composed, synthesised music whose exact labels are known, made on the spot.

`create` writes audio and a manifest under a folder; `load` reads that manifest as any other corpus is read. The same
seed and `VERSION` give the same scores and labels exactly, and audio within 2 units of a 16-bit sample; a larger
corpus has the same first tracks.

Licence: Apache-2.0, as this project.
Citation: none; say "tagbench, embedded corpus" and its version.
Size: as many tracks as a study asks for, 1,000 by default; as long as it asks for, 30 s by default.
Audio: composed and synthesised on your machine when a study first asks for it.
"""

import csv
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import soundfile

from bench.corpora import manifest
from bench.corpora.embedded.annotators import annotate
from bench.corpora.embedded.artists import roster
from bench.corpora.embedded.composition import compose
from bench.corpora.embedded.labels import TAGS, saliences, scales
from bench.corpora.embedded.rendering import render
from bench.corpora.embedded.score import Score
from bench.corpora.embedded.synthesis import RATE
from bench.corpora.manifest import TRUTH_PREFIX
from bench.corpus import Corpus
from bench.errors import InputError
from bench.progress import progress_bar
from bench.whole_file import written_aside

VERSION = "1.0"
NOTE = (
    "The corpus is synthetic: music composed and synthesised by a program. "
    "Its numbers foretell nothing about real music, and no number on real music has been produced by this code yet."
)
TAGS_FILE = "tags.csv"
SHORTEST = 2.0  # seconds; less holds no two bars

Row = dict[str, str | float]


def load(root: Path, *, tracks: int = 1000, seconds: float = 30.0, seed: int = 0) -> Corpus:
    """Return the corpus that `create` has written under `root` with the same settings; no audio is looked at.

    Raises `InputError` when it is not there or the settings make no sense.
    """
    _check(tracks, seconds, seed)
    version = f"{VERSION}, seed {seed}, {seconds:g} s"
    return manifest.load(
        root, file=_manifest_name(tracks), tags=TAGS_FILE, title="embedded", version=version, note=NOTE
    )


def folder_name(*, tracks: int = 1000, seconds: float = 30.0, seed: int = 0) -> str:  # noqa: ARG001 - see below
    """Return a name that corpora share which differ in their number of tracks alone: their audio is the same."""
    return f"embedded-{VERSION}-seed{seed}-{seconds:g}s"


def outline(root: Path, *, tracks: int = 1000, seconds: float = 30.0, seed: int = 0) -> Corpus:
    """Return the tracks, artists and tags that `create` would make, all targets 0; nothing is composed.

    Raises `InputError` when the settings make no sense.
    """
    _check(tracks, seconds, seed)
    groups = [_group(artist) for artist in roster(seed, tracks)]
    return Corpus(
        name="embedded",
        version=VERSION,
        root=root,
        tags=TAGS,
        ids=np.array([_track_id(track) for track in range(tracks)]),
        groups=np.array(groups),
        files=np.array([_path(track) for track in range(tracks)]),
        targets=np.zeros((tracks, len(TAGS)), np.float32),
    )


def create(root: Path, *, tracks: int = 1000, seconds: float = 30.0, seed: int = 0, workers: int) -> None:
    """Write the corpus under `root`, going on from what is there: FLAC files of 16 kHz mono, then the manifest.

    Corpora of different numbers of tracks share their audio; a root holds one version, seed and length in seconds.
    Raises `InputError` when the settings make no sense.
    """
    _check(tracks, seconds, seed)
    written = [_manifest_name(tracks), TAGS_FILE, *(_path(track) for track in range(tracks))]
    if all((root / file).exists() for file in written):
        return
    (root / "audio").mkdir(parents=True, exist_ok=True)
    artists = roster(seed, tracks)
    tasks = (joblib.delayed(_make)(root, track, artist, seconds, seed) for track, artist in enumerate(artists))
    one_thread_each = joblib.parallel_config(backend="loky", inner_max_num_threads=1)
    rows: list[Row] = []
    with one_thread_each, progress_bar(tracks, "synthesising", "track") as bar:
        for row in joblib.Parallel(n_jobs=workers, return_as="generator")(tasks):
            rows.append(row)
            bar.update()
    _write_tags(root / TAGS_FILE)
    with written_aside(root / _manifest_name(tracks)) as aside:
        pd.DataFrame(rows).to_parquet(aside, index=False)


def describe(score: Score, seed: int) -> Row:
    """Return a track's row of the manifest: its file, id and artist, the annotator's answers and the exact truth."""
    heard, places = saliences(score), scales(score)
    truth = {name: float(salience > 0) for name, salience in heard.items()} | places
    row: Row = {
        "path": _path(score.track),
        "id": _track_id(score.track),
        "group": _group(score.artist),
    }
    row |= annotate(score, heard, places, seed)
    return row | {TRUTH_PREFIX + tag.name: truth[tag.name] for tag in TAGS}


def _check(tracks: int, seconds: float, seed: int) -> None:
    if tracks < 1:
        raise InputError(f"embedded corpus: tracks = {tracks}; ask for 1 or more")
    if not SHORTEST <= seconds <= 600:
        raise InputError(f"embedded corpus: seconds = {seconds:g}; give a length from {SHORTEST:g} to 600")
    if seed < 0:
        raise InputError(f"embedded corpus: seed = {seed}; give 0 or more")


def _path(track: int) -> str:
    return f"audio/{track:05}.flac"


def _track_id(track: int) -> str:
    return f"track-{track:05}"


def _group(artist: int) -> str:
    return f"artist-{artist:04}"


def _manifest_name(tracks: int) -> str:
    return f"manifest-{tracks}.parquet"


def _make(root: Path, track: int, artist: int, seconds: float, seed: int) -> Row:
    """Write one track's audio unless it is there, and return its row. The file appears whole or not at all."""
    score = compose(seed, track, artist, seconds)
    row = describe(score, seed)
    file = root / str(row["path"])
    if not file.exists():
        with written_aside(file) as aside:
            soundfile.write(aside, render(score, seed), RATE, format="FLAC", subtype="PCM_16")
    return row


def _write_tags(file: Path) -> None:
    with written_aside(file) as aside, aside.open("w", newline="", encoding="utf-8") as output:
        writer = csv.writer(output)
        writer.writerow(("name", "kind", "category", "exclusive_group"))
        writer.writerows((tag.name, tag.kind, tag.category, tag.exclusive_group) for tag in TAGS)
