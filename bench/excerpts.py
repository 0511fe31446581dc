"""Short excerpts of tracks to listen to, as small MP3 files, of the audio as it was prepared for the models.

They are for a report that is opened by ear, too; nothing is ever trained on them or measured with them.
"""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from bench.audio import resample
from bench.corpus import Float32Array
from bench.digest import content_digest
from bench.store import FULL_SCALE, Store
from bench.whole_file import replace_file

EXCERPTS_FOLDER = "excerpts"
SECONDS = 15.0  # from the middle: songs begin and end unlike themselves
RATE = 16_000  # Hz
COMPRESSION = 0.75  # with a constant bit rate, LAME's 48 kbit/s: 91 kB at most


def excerpt_file(track_id: str) -> str:
    """Return where the excerpt of a track lies in a study's output folder; any id gives a safe name."""
    return f"{EXCERPTS_FOLDER}/{content_digest(track_id.encode())}.mp3"


def write_excerpts(store: Store | None, tracks: Iterable[str], out: Path) -> None:
    """Write an excerpt of each of the `tracks`, and remove those of all others from `out`; without a store, all."""
    files = {} if store is None else {out / excerpt_file(track): excerpt(store, track) for track in tracks}
    for left in (out / EXCERPTS_FOLDER).glob("*.mp3"):
        if left not in files:
            left.unlink()
    for file, samples in files.items():
        file.parent.mkdir(exist_ok=True)
        content = io.BytesIO()
        soundfile.write(content, samples, RATE, format="MP3", bitrate_mode="CONSTANT", compression_level=COMPRESSION)
        replace_file(file, content.getvalue())


def excerpt(store: Store, track: str) -> Float32Array:
    """Return the middle of a track, at most `SECONDS` at `RATE`, shape (samples,), in [-1, 1]."""
    rate, length = store.tracks[track].rate, store.length(track)
    wanted = min(length, round(SECONDS * rate))
    start = (length - wanted) // 2
    samples = store.samples(track, start, start + wanted).astype(np.float32) / np.float32(FULL_SCALE)
    return samples if rate == RATE else np.clip(resample(samples, rate, RATE), -1, 1)
