"""A small MGPHot as its reconstruction leaves it: the index, and MP3s by the first three letters of their videos."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from bench.corpora.mgphot import AUDIO_FOLDER, INDEX, RATED
from tests.mp3_tones import write_tone

NAMES = [tag.name for tag in RATED]
SPLITS = ["train"] * 6 + ["val"] * 2 + ["test"] * 2


def write_mgphot(root: Path, *, tracks: int = 48, folder: str = AUDIO_FOLDER, audio: bool = True) -> Path:
    """Write the index and audio of songs by artists of two each under `root`; return `root`.

    "Piano" is high for a tone, 0.95, and low for noise, 0.05; "Aural Intensity" is the level in tenths; the tonality
    is major, minor or between, in turn; all else is 0.5. Without `folder`, audio lies right in `root`.
    """
    draw = np.random.default_rng(0)
    (root / folder).mkdir(parents=True, exist_ok=True)
    index = {}
    for number in range(tracks):
        tone, loud = number % 2 == 0, number % 11 / 10
        index[str(100 + number)] = entry = song(number, tone=tone, loud=loud)
        if audio:
            name = entry["youtube_id"]
            write_tone(root / folder / name[:3] / f"{name}.mp3", draw, tone=tone, loud=loud)
    write_index(root, index)
    return root


def song(number: int, *, tone: bool = True, loud: float = 0.5) -> dict[str, Any]:
    """Return an entry of the index, with the fields and in the order of the published one."""
    values = dict.fromkeys(NAMES, 0.5)
    values |= {"Piano": 0.95 if tone else 0.05, "Aural Intensity": loud}
    values["Minor / Major Key Tonality"] = (1.0, 0.0, 0.5)[number % 3]
    video = f"v{number % 4}-_{number:07}"
    artist = f"Artist {number // 2}"
    return {
        "artist": f"{artist} feat. Someone",
        "title": f"Song {number}",
        "youtube_url": f"https://www.youtube.com/watch?v={video}",
        "youtube_id": video,
        "is_official": number % 3 > 0,
        "gene_values": list(values.values()),
        "year": 1958 + number,
        "period": str(1958 + number),
        "main_artist": artist.lower(),
        "split": SPLITS[number // 2 % len(SPLITS)],
    }


def write_index(root: Path, index: object) -> None:
    """Write an index as the published script does."""
    (root / INDEX).write_text(json.dumps(index, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
