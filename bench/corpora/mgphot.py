"""MGPHot with audio: songs of the Hot 100 charts, 1958 to 2022, each rated on 58 attributes by musicologists.

`genome_index_split.json` is the index that `reconstruct_index.py` of MTG/MGPHot-audio writes: for each song its artist,
title, YouTube id, official part and 58 values in [0, 1]. Each value is a regression tag; a value above 0.8 is also the
positive of a classification tag, "Piano (high)" beside "Piano". Of "Minor / Major Key Tonality" come two that exclude
each other: "Major" above 0.8, "Minor" below 0.2.

Where several songs of the index share one video, all are kept, since each has ratings of its own; from the second on,
their ids are the video's with "#2", "#3", and they are in the group of the first, so that no split by group divides
them. The official split may: their files are then duplicates.

Licence: ratings for non-commercial use (zenodo.org/records/15372063), not to be passed on, so the index is made on
    your machine; links to the videos CC BY-NC-SA 4.0.
Citation: Oramas, Gouyon, Hogan, Landau, Ehmann. MGPHot: A Dataset of Musicological Annotations for Popular Music
    (1958-2022). TISMIR 8(1), 2025. For links and split: Benchmarking Music Autotagging with MGPHot Expert Annotations
    vs. Generic Tag Datasets, arXiv:2509.06936.
Size: 21,320 songs rated; 58 regression and 59 classification tags.
Audio: YouTube, by the index's links, as MP3 in `genome_audio/abc/abcdefghijk.mp3` or without the first folder, named by
    the video; MTG/MGPHot-audio has a script. This project downloads none.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.corpus import Corpus, Float32Array, StrArray, Tag
from bench.errors import InputError
from bench.text_files import MOST_CHARACTERS

INDEX = "genome_index_split.json"
AUDIO_FOLDER = "genome_audio"
REMAKE = "make the index again with MTG/MGPHot-audio's reconstruct_index.py"
PARTS = {"train": "train", "val": "valid", "valid": "valid", "validation": "valid", "test": "test", "ignore": ""}
VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{4,64}")  # of 11 characters today; it names a folder and a file

# The attributes in the order of the values. The categories are ours, at the boundaries that MTG/MGPHot-audio's code
# draws between harmony, rhythm, lyrics, sonority and composition.
ATTRIBUTES = {
    "vocals": (
        "Vocal Register",
        "Vocal Timbre Thin to Full",
        "Vocal Breathiness",
        "Vocal Smoothness",
        "Vocal Grittiness",
        "Vocal Nasality",
        "Vocal Accompaniment",
    ),
    "harmony": ("Minor / Major Key Tonality", "Harmonic Sophistication"),
    "rhythm": (
        "Tempo",
        "Cut Time Feel",
        "Triple Meter",
        "Compound Meter",
        "Odd Meter",
        "Swing Feel",
        "Shuffle Feel",
        "Syncopation Low to High",
        "Backbeat",
        "Danceability",
    ),
    "instrumentation": (
        "Drum Set",
        "Drum Aggressiveness",
        "Synthetic Drums",
        "Percussion",
        "Electric Guitar",
        "Electric Guitar Distortion",
        "Acoustic Guitar",
        "String Ensemble",
        "Horn Ensemble",
        "Piano",
        "Organ",
        "Rhodes",
        "Synthesizer",
        "Synth Timbre",
        "Bass Guitar",
        "Reed Instrument",
    ),
    "lyrics": (
        "Angry Lyrics",
        "Sad Lyrics",
        "Happy/Joyful Lyrics",
        "Humorous Lyrics",
        "Love/Romance Lyrics",
        "Social/Political Lyrics",
        "Abstract Lyrics",
        "Explicit Lyrics",
    ),
    "sonority": (
        "Live Recording",
        "Audio Production",
        "Aural Intensity",
        "Acoustic Sonority",
        "Electric Sonority",
        "Synthetic Sonority",
    ),
    "composition": (
        "Focus on Lead Vocal",
        "Focus on Lyrics",
        "Focus on Melody",
        "Focus on Vocal Accompaniment",
        "Focus on Rhythmic Groove",
        "Focus on Musical Arrangements",
        "Focus on Form",
        "Focus on Riffs",
        "Focus on Performance",
    ),
}
RATED = tuple(Tag(name, "regression", category) for category, names in ATTRIBUTES.items() for name in names)
TONALITY = "Minor / Major Key Tonality"
HIGH, LOW = 0.8, 0.2
KINDS = {"both": "both kinds", "regression": "regression", "classification": "classification"}

NOTE = (
    "The classification tags are thresholds on the regression tags (above 0.8; Minor below 0.2): the two halves of "
    "the table are not independent evidence."
)


class _Song(NamedTuple):
    video: str
    artist: str
    part: str
    values: list[float]


def load(root: Path, *, tags: Literal["both", "regression", "classification"] = "both") -> Corpus:
    """Return the corpus of the reconstructed index under `root`, with its official split; no audio is looked at.

    Raises `InputError` when the index is missing or no JSON, or an entry has no video, part or 58 values in [0, 1].
    """
    songs = [_song(root / INDEX, name, entry) for name, entry in _entries(root / INDEX)]
    values = np.array([song.values for song in songs], dtype=np.float64)  # the thresholds are on these
    made = {"regression": (RATED, values.astype(np.float32)), "classification": _classes(values)}
    chosen = [made[kind] for kind in (made if tags == "both" else [tags])]
    videos = np.array([song.video for song in songs], dtype=np.str_)
    return Corpus(
        name="mgphot",
        version=f"MGPHot-audio index, {KINDS[tags]}",
        root=root,
        tags=tuple(tag for each, _ in chosen for tag in each),
        ids=_ids(videos),
        groups=_groups(songs),
        files=_files(root, videos),
        targets=np.hstack([targets for _, targets in chosen]),
        parts=np.array([song.part for song in songs], dtype=np.str_),
        note=_note(videos, tags),
    )


def _entries(file: Path) -> Iterable[tuple[str, Any]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{file} is not there; {REMAKE}, or give the folder that holds it with --root") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file} cannot be read: {str(error).splitlines()[0]}; {REMAKE}") from error
    if not isinstance(content, dict | list) or not content:
        raise InputError(f"{file} holds no songs; {REMAKE}")
    return content.items() if isinstance(content, dict) else ((str(n), entry) for n, entry in enumerate(content))


def _song(file: Path, name: str, entry: object) -> _Song:
    where = f"{file}: entry {name!r}"
    if not isinstance(entry, dict):
        raise InputError(f"{where} is no song; {REMAKE}")
    video = entry.get("youtube_id")
    if not isinstance(video, str) or not VIDEO_ID.fullmatch(video):
        raise InputError(f"{where} has the youtube_id {video!r}, which is none; {REMAKE}")
    artist = entry.get("main_artist") or entry.get("artist")
    if not isinstance(artist, str) or not 0 < len(artist) <= MOST_CHARACTERS:
        raise InputError(f"{where} has neither main_artist nor artist that could be a name; {REMAKE}")
    part = entry.get("split")
    if not isinstance(part, str) or part not in PARTS:
        raise InputError(f"{where} has the split {part!r}, which is none of {', '.join(PARTS)}; {REMAKE}")
    return _Song(video, artist, PARTS[part], _values(where, entry.get("gene_values")))


def _values(where: str, values: object) -> list[float]:
    if values is None:
        raise InputError(f"{where} has no gene_values: its ratings were not found on reconstruction; {REMAKE}")
    if not isinstance(values, list) or len(values) != len(RATED):
        count = len(values) if isinstance(values, list) else "no list of"
        raise InputError(f"{where} has {count} gene_values instead of {len(RATED)}; {REMAKE}")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise InputError(f"{where} has the gene value {value!r}, which is no number in [0, 1]; {REMAKE}")
    return values


def _classes(values: NDArray[np.float64]) -> tuple[tuple[Tag, ...], Float32Array]:
    """Return the classification tags and their targets, shape (tracks, 59), from values of shape (tracks, 58)."""
    tags, columns = [], []
    for tag, column in zip(RATED, values.T, strict=True):
        if tag.name == TONALITY:
            tags += [Tag(name, "classification", tag.category, "tonality") for name in ("Major", "Minor")]
            columns += [column > HIGH, column < LOW]
        else:
            tags.append(Tag(f"{tag.name} (high)", "classification", tag.category))
            columns.append(column > HIGH)
    return tuple(tags), np.stack(columns, axis=1).astype(np.float32)


def _ids(videos: StrArray) -> StrArray:
    seen: dict[str, int] = {}
    ids = []
    for video in videos.tolist():
        seen[video] = seen.get(video, 0) + 1
        ids.append(video if seen[video] == 1 else f"{video}#{seen[video]}")
    return np.array(ids, dtype=np.str_)


def _groups(songs: list[_Song]) -> StrArray:
    first: dict[str, str] = {}
    return np.array([first.setdefault(song.video, song.artist) for song in songs], dtype=np.str_)


def _files(root: Path, videos: StrArray) -> StrArray:
    folder = f"{AUDIO_FOLDER}/" if (root / AUDIO_FOLDER).is_dir() else ""
    return np.array([f"{folder}{video[:3]}/{video}.mp3" for video in videos.tolist()], dtype=np.str_)


def _note(videos: StrArray, tags: str) -> str:
    _, counts = np.unique(videos, return_counts=True)
    shared = int(counts[counts > 1].sum())
    sentences = [NOTE] if tags == "both" else []
    if shared:
        sentences.append(f"{shared:,} of {len(videos):,} songs share their video, and so their audio, with another.")
    return " ".join(sentences)
