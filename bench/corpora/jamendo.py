"""MTG-Jamendo: full tracks under Creative Commons licences, tagged with genre, instrument and mood by who made them.

Reads the official splits, `autotagging_SUBSET-{train,validation,test}.tsv`, under `data/splits/split-N/` of the root or
in the root itself, where nothing but the number of test tracks tells which split they are. Beside them lie
the tracks as `NN/ID.mp3` or, of the smaller copy, `NN/ID.low.mp3`; where they are found too, the published checksums
(`data/download/*_sha256_tracks.txt`, or in the root) and AcousticBrainz's descriptors (`acousticbrainz/NN/ID.json`, or
beside the tracks) are part of the corpus. Groups are artists, which the official splits do not divide.

Licence: metadata CC BY-NC-SA 4.0; audio under Creative Commons, each track its own (`audio_licenses.txt`).
Citation: D. Bogdanov, M. Won, P. Tovstogan, A. Porter, X. Serra: The MTG-Jamendo Dataset for Automatic Music Tagging.
    Machine Learning for Music Discovery Workshop, ICML 2019.
Size: 55,701 tracks, 508 GB; the tracks of moodtheme, 152 GB. In split 0, 54,380 tracks have one of the top 50 tags.
Audio: `scripts/download/download.py` of github.com/MTG/mtg-jamendo-dataset, which also has the metadata; this project
    downloads none.
"""

import math
import re
from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np

from bench.corpus import Corpus, Float32Array, StrArray, Tag
from bench.errors import InputError
from bench.text_files import Row, read_rows, refuse_repeated

PARTS = {"train": "train", "validation": "valid", "test": "test"}  # the files' name of each part, and ours
COLUMNS = ["TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION"]  # of a row; its tags follow
OFFICIAL_TEST = {("top50tags", 0): (11356, 50), ("moodtheme", 0): (4231, 56)}  # tracks and tags that scores are of
CHECKSUM_LISTS = [
    f"{archive}_{audio}_sha256_tracks.txt"
    for archive in ("raw_30s", "autotagging_moodtheme")
    for audio in ("audio", "audio-low")
]
WHERE = "get it from github.com/MTG/mtg-jamendo-dataset, and give the folder that holds data/ or the files with --root"

Subset = Literal["top50tags", "genre", "instrument", "moodtheme"]
Quality = Literal["auto", "full", "low"]


def load(
    root: Path, *, subset: Subset = "top50tags", split: Literal[0, 1, 2, 3, 4] = 0, quality: Quality = "auto"
) -> Corpus:
    """Return one subset of the tags with one official split; no audio is decoded.

    `quality` is which copy of the tracks is heard; "auto" takes of each track the full one if it lies in the root, else
    the low one. A version that ends in "changed" has another test part than the official one.

    Raises `InputError` when a file of the split is missing or a row of it is wrong.
    """
    rows = _rows(root, subset, split)
    tags, targets = _tags_and_targets(rows)
    paths = [row.fields[3] for row in rows]
    files = _audio_files(root, paths, quality)
    parts = np.array([_part(row) for row in rows])
    tests = int((parts == "test").sum())
    official = OFFICIAL_TEST.get((subset, split), (tests, len(tags)))
    changed = official != (tests, len(tags))
    notes = [_changed(tests, len(tags), *official)] if changed else []
    notes += _heard_low(files)
    return Corpus(
        name="jamendo",
        version=f"{subset}, split {split}{', changed' if changed else ''}",
        root=root,
        tags=tags,
        ids=np.array([row.fields[0] for row in rows]),
        groups=np.array([row.fields[1] for row in rows]),
        files=files,
        targets=targets,
        parts=parts,
        durations=np.array([_duration(row) for row in rows], np.float32),
        checksums=_checksums(root, files),
        descriptor_files=_descriptor_files(root, paths),
        note=" ".join(notes),
    )


def _heard_low(files: StrArray) -> list[str]:
    low = int(np.char.endswith(files, ".low.mp3").sum())
    return [f"{low:,} of {len(files):,} tracks are heard in the data set's copy of lower quality."] if low else []


def _changed(tests: int, tags: int, official_tests: int, official_tags: int) -> str:
    return (
        f"The test part has {tests:,} tracks and {tags} tags, not the {official_tests:,} and {official_tags} of the "
        "official split, so published numbers are of other tracks or tags."
    )


def _rows(root: Path, subset: Subset, split: int) -> list[Row]:
    """Return the rows of all three parts, each with a track of its own and at least one tag."""
    names = [f"autotagging_{subset}-{part}.tsv" for part in PARTS]
    official = root / "data" / "splits" / f"split-{split}"
    folder = official if any((official / name).exists() for name in names) else root
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        sought = f"{official} or {root}" if len(missing) == len(names) else f"{folder}"
        raise InputError(f"{missing[0]} is not in {sought}; {WHERE}")
    rows = [row for name in names for row in _checked(read_rows(folder / name))]
    refuse_repeated(rows, 0, "track")
    return rows


def _checked(rows: list[Row]) -> list[Row]:
    header, *tracks = rows
    if not tracks:
        raise header.refusal("no track follows it")
    if header.fields[: len(COLUMNS)] != COLUMNS:
        raise header.refusal(f"the columns are not {', '.join(COLUMNS)} and TAGS")
    for row in tracks:
        if len(row.fields) <= len(COLUMNS):
            raise row.refusal(f"has {len(row.fields)} columns; {', '.join(COLUMNS)} and a tag or more are needed")
        if not (row.fields[0] and row.fields[1]):
            raise row.refusal("names no track or no artist")
        if not re.fullmatch(r"[0-9]+/[0-9]+\.mp3", row.fields[3]):
            raise row.refusal(f"path {row.fields[3]!r} is not of the form NN/ID.mp3")
    return tracks


def _part(row: Row) -> str:
    return PARTS[row.file.stem.rpartition("-")[2]]


def _duration(row: Row) -> float:
    """Return the seconds that a track lasts."""
    try:
        seconds = float(row.fields[4])
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise row.refusal(f"duration {row.fields[4]!r} is no number of seconds")
    return seconds


def _tags_and_targets(rows: list[Row]) -> tuple[tuple[Tag, ...], Float32Array]:
    """Return the tags by category and name, and which track has which."""
    written = [row.fields[len(COLUMNS) :] for row in rows]
    for row, tags in zip(rows, written, strict=True):
        for tag in tags:
            if not all(tag.partition("---")):
                raise row.refusal(f"tag {tag!r} is not of the form category---tag")
    columns = {tag: column for column, tag in enumerate(sorted({tag for tags in written for tag in tags}))}
    targets = np.zeros((len(rows), len(columns)), np.float32)
    for number, tags in enumerate(written):
        targets[number, [columns[tag] for tag in tags]] = 1
    return _named(list(columns)), targets


def _named(written: list[str]) -> tuple[Tag, ...]:
    """Return the tags under their names, or as they are written where two categories have one of a name."""
    halves = [tag.split("---", 1) for tag in written]
    uses = Counter(name for _, name in halves)
    return tuple(
        Tag(name if uses[name] == 1 else tag, "classification", category)
        for tag, (category, name) in zip(written, halves, strict=True)
    )


def _audio_files(root: Path, paths: list[str], quality: Quality) -> StrArray:
    low = [path.removesuffix(".mp3") + ".low.mp3" for path in paths]
    if quality == "auto":
        there = _files_beside(root, paths)
        chosen = [
            small if path not in there and small in there else path for path, small in zip(paths, low, strict=True)
        ]
    else:
        chosen = low if quality == "low" else paths
    return np.array(chosen, dtype=np.str_)


def _files_beside(root: Path, paths: list[str]) -> set[str]:
    """Return what lies in the folders of these paths; one list a folder is far quicker than one question a track."""
    found: set[str] = set()
    for folder in {path.rpartition("/")[0] for path in paths}:
        try:
            found.update(f"{folder}/{file.name}" for file in (root / folder).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise InputError(f"{root / folder} cannot be read: {error.strerror}") from error
    return found


def _checksums(root: Path, files: StrArray) -> StrArray | None:
    """Return what the published lists say of these files; None where there is no list."""
    places = [folder / name for name in CHECKSUM_LISTS for folder in (root / "data" / "download", root)]
    lists = [file for file in places if file.is_file()]
    if not lists:
        return None
    published: dict[str, str] = {}
    for row in (row for file in lists for row in read_rows(file)):
        checksum, path = _checksum_and_path(row)
        if published.setdefault(path, checksum) != checksum:
            raise row.refusal(
                f"another checksum of {path} than before; take away the list that is not of your download"
            )
    return np.array([published.get(file, "") for file in files.tolist()])


def _checksum_and_path(row: Row) -> tuple[str, str]:
    words = " ".join(row.fields).split()
    if len(words) != 2 or not re.fullmatch("[0-9a-fA-F]{64}", words[0]):
        raise row.refusal("is not a SHA-256 and a path")
    return words[0].lower(), words[1]


def _descriptor_files(root: Path, paths: list[str]) -> StrArray | None:
    """Return where the tracks' descriptors lie, of which some may be missing; None where none is there."""
    for folder in ("acousticbrainz/", ""):
        described = [folder + path.removesuffix(".mp3") + ".json" for path in paths]
        if not _files_beside(root, described).isdisjoint(described):
            return np.array(described, dtype=np.str_)
    return None
