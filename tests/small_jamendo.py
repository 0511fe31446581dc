"""MTG-Jamendo, written small by the tests: its split files, checksums and descriptors, with tones and noise as MP3."""

import hashlib
import json
from pathlib import Path

import numpy as np

from tests.small_sounds import write_mp3

HEADER = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"
PARTS = ["train", "train", "train", "validation", "test"]  # of five artists, one after the other
TAGS = {
    "top50tags": ["genre---classical", "genre---rock", "instrument---piano", "mood/theme---calm"],
    "genre": ["genre---classical", "genre---rock", "genre---ambient", "genre---pop"],
    "instrument": ["instrument---flute", "instrument---drums", "instrument---organ", "instrument---piano"],
    "moodtheme": ["mood/theme---happy", "mood/theme---dark", "mood/theme---deep", "mood/theme---calm"],
}


def write_jamendo(
    root: Path,
    *,
    tracks: int = 20,
    seconds: float = 1.5,
    seed: int = 0,
    subset: str = "top50tags",
    split: int | None = 0,
    low: bool = False,
    checksums: bool = True,
    descriptors: bool = True,
) -> Path:
    """Write tracks by artists of four, who train, train, train, validate and test in turn; return `root`.

    Of the subset's tags the first is a tone, the second noise, the third high and the fourth quiet. `split` None puts
    the split's files into `root`; `low` writes the smaller copy of the audio alone.
    """
    draw = np.random.default_rng(seed)
    lines = {part: [HEADER] for part in PARTS}
    sums = []
    for number in range(tracks):
        noise, high, quiet = number % 2, number // 2 % 2, number // 4 % 2
        path = f"{number % 100:02}/{1000 + number}.mp3"
        heard = path.replace(".mp3", ".low.mp3") if low else path
        write_mp3(root / heard, draw, noise=noise, high=high, quiet=quiet, seconds=seconds)
        sums.append(f"{hashlib.sha256((root / heard).read_bytes()).hexdigest()} {heard}")
        if descriptors:
            _write_descriptors(root / "acousticbrainz" / path, noise, high, quiet)
        artist = number // 4
        given = [TAGS[subset][noise], *TAGS[subset][2 : 2 + high], *TAGS[subset][3 : 3 + quiet]]
        fields = [f"track_{1000 + number:07}", f"artist_{artist:06}", f"album_{artist:06}", path, f"{seconds:.1f}"]
        lines[PARTS[artist % 5]].append("\t".join([*fields, *given]))
    folder = root if split is None else root / "data" / "splits" / f"split-{split}"
    for part, rows in lines.items():
        _write_lines(folder / f"autotagging_{subset}-{part}.tsv", rows)
    if checksums:
        _write_lines(root / "data" / "download" / f"raw_30s_audio{'-low' if low else ''}_sha256_tracks.txt", sums)
    return root


def _write_lines(file: Path, lines: list[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")


def _write_descriptors(file: Path, noise: int, high: int, quiet: int) -> None:
    """Write what AcousticBrainz's JSON has, a little of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    mean = [float(noise), float(high), float(quiet)]
    content = {
        "lowlevel": {"average_loudness": 1.0 - quiet, "mfcc": {"mean": mean, "cov": np.eye(3).tolist()}},
        "rhythm": {"bpm": 120.0, "beats_count": 3},
        "tonal": {"key_key": "A", "key_scale": "minor", "key_strength": 1.0 - noise},
        "metadata": {"version": {"essentia": "2.1-beta1"}},
    }
    file.with_suffix(".json").write_text(json.dumps(content))
