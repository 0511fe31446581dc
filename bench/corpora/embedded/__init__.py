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
import io
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from bench.checksums import first_damaged, is_as_written, read_checksums, write_checksums
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
from bench.locks import making
from bench.parallel import in_tasks
from bench.progress import progress_bar, say
from bench.whole_file import none_left_aside, remove_leftovers, written_aside

VERSION = "1.0"
NOTE = (
    "The corpus is synthetic: music composed and synthesised by a program. "
    "Its numbers foretell nothing about real music, and no number on real music has been produced by this code yet."
)
TAGS_FILE = "tags.csv"
CHECKSUMS_FILE = "files.sha256"
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
    (root / "audio").mkdir(parents=True, exist_ok=True)
    remove_leftovers(root)
    _remove_damaged(root, workers)
    _remove_damaged_manifest(root / _manifest_name(tracks))
    written = [_manifest_name(tracks), TAGS_FILE, *(_path(track) for track in range(tracks))]
    if all((root / file).exists() for file in written):
        return
    with making(root, ["embedded"]):
        _make_missing(root, tracks, seconds, seed, workers)


def _make_missing(root: Path, tracks: int, seconds: float, seed: int, workers: int) -> None:
    artists = roster(seed, tracks)
    work = partial(_make, root.absolute(), seconds, seed)
    files = [root / _path(track) for track in range(tracks)]
    rows: dict[int, Row] = {}
    with none_left_aside(files), progress_bar(tracks, "synthesising", "track") as bar:
        for (track, _), row in in_tasks("synthesising", work, list(enumerate(artists)), workers=workers, most=4):
            rows[track] = row
            bar.update()
    _write_tags(root / TAGS_FILE)
    songs = sorted(f"audio/{file.name}" for file in (root / "audio").glob("*.flac"))
    write_checksums(root / CHECKSUMS_FILE, [*songs, TAGS_FILE])
    manifest_file = root / _manifest_name(tracks)
    with written_aside(manifest_file) as aside:
        pd.DataFrame([rows[track] for track in range(tracks)]).to_parquet(aside, index=False)
    write_checksums(manifest_file.with_suffix(".sha256"), [manifest_file.name])


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


def _make(root: Path, seconds: float, seed: int, tracks: list[tuple[int, int]]) -> list[Row]:
    """Write the audio of tracks, each by its artist, unless it is there, and return a row for each."""
    rows = []
    for track, artist in tracks:
        score = compose(seed, track, artist, seconds)
        row = describe(score, seed)
        file = root / str(row["path"])
        if not file.exists():
            content = io.BytesIO()  # libsndfile does not say why it could not write
            soundfile.write(content, render(score, seed), RATE, format="FLAC", subtype="PCM_16")
            with written_aside(file) as aside:
                aside.write_bytes(content.getvalue())
        rows.append(row)
    return rows


def _remove_damaged(root: Path, workers: int) -> None:
    """Remove the songs that are no longer as they were written, so that they are written again."""
    try:
        checksums = read_checksums(root / CHECKSUMS_FILE)
    except (FileNotFoundError, ValueError):  # of an earlier version, or damaged itself: it is written again
        return
    written = [(root.absolute() / name, sha256) for name, sha256 in checksums.items()]
    for (file, _), whole in in_tasks("checking", _are_as_written, written, workers=workers, in_threads=True):
        if not whole and file.exists():
            say(f"{file} is damaged; it is made again")
            file.unlink()


def _remove_damaged_manifest(file: Path) -> None:
    """Remove a manifest that is no longer as it was written; it has a list of its own, as corpora share the songs."""
    if file.exists() and first_damaged(file.with_suffix(".sha256"), [file.name]):
        say(f"{file} is damaged; it is made again")
        file.unlink()


def _are_as_written(written: list[tuple[Path, str]]) -> list[bool]:
    return [is_as_written(file, sha256) for file, sha256 in written]


def _write_tags(file: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("name", "kind", "category", "exclusive_group"))
    writer.writerows((tag.name, tag.kind, tag.category, tag.exclusive_group) for tag in TAGS)
    with written_aside(file) as aside:
        aside.write_bytes(text.getvalue().encode())
