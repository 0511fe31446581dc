"""A small split of the Million Song Dataset as published: pickles of Python 2, tags, and MP3s by 7digital's paths."""

from pathlib import Path

import numpy as np

from bench.corpora.msd import ARTISTS, PATHS, SEVEN_DIGITAL_IDS, TAG_NAMES, TEST_LIST, TRAIN_LIST, VECTORS
from tests.mp3_tones import write_tone
from tests.python2_pickle import python2_pickle

TAGS = ["tone", "quiet", "rare", *(f"made up {number}" for number in range(47))]


def train_tracks(tracks: int = 48) -> int:
    """Return how many of the first list train: the setting `train` of a corpus of so many tracks."""
    return tracks * 6 // 10


def write_msd(root: Path, *, tracks: int = 48, folder: str = "songs", audio: bool = True, artists: bool = True) -> Path:
    """Write the published files and audio of a corpus under `root`, three tracks an artist; return `root`.

    Of the first eight tenths of the tracks some train and the others validate, the last two test. Tag `tone` is 1 for
    a sine and 0 for noise, `quiet` for the lower half of the levels, `rare` for the first track, any other for none.
    Without `folder`, audio lies right in `root`.
    """
    draw = np.random.default_rng(0)
    (root / folder).mkdir(parents=True, exist_ok=True)
    ids = [track_id(number) for number in range(tracks)]
    seven_digital = {name: str(700000 + number) for number, name in enumerate(ids)}
    paths = {each: f"{each[0]}/{each[1]}/{each}.clip.mp3" for each in seven_digital.values()}
    vectors = {}
    for number, name in enumerate(ids):
        tone, loud = number % 2 == 0, number // 2 % 4 / 3
        vectors[name] = np.zeros((len(TAGS), 1))
        vectors[name][:3, 0] = tone, loud < 0.5, number == 0
        if audio:
            write_tone(root / folder / paths[seven_digital[name]], draw, tone=tone, loud=loud)
    write_lists(root, ids, tested=tracks * 2 // 10)
    for file, content in ((VECTORS, vectors), (SEVEN_DIGITAL_IDS, seven_digital), (PATHS, paths)):
        (root / file).write_bytes(python2_pickle(content))
    (root / TAG_NAMES).write_text("\n".join(TAGS) + "\n", encoding="utf-8")
    if artists:
        lines = (f"{name}<SEP>SO{number}<SEP>Artist {number // 3}<SEP>Song" for number, name in enumerate(ids))
        (root / ARTISTS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def track_id(number: int) -> str:
    """Return an id in the form of the Million Song Dataset's."""
    return f"TRAAAAA128F{number:07X}"


def write_lists(root: Path, ids: list[str], *, tested: int) -> None:
    """Write the two lists of tracks; the last `tested` are tested."""
    (root / TRAIN_LIST).write_bytes(python2_pickle(ids[: len(ids) - tested]))
    (root / TEST_LIST).write_bytes(python2_pickle(ids[len(ids) - tested :]))
