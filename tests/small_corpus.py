"""A small corpus of real audio files that the tests write: pure tones against noise, by artists of three tracks."""

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

SAMPLE_RATE = 16000


def write_small_corpus(root: Path, *, tracks: int = 48, seconds: float = 1.5, seed: int = 0) -> Path:
    """Write WAV files and `manifest.parquet` under `root`; return `root`.

    Tag `tone` is 1 for a sine in a little noise and 0 for noise alone, `rare` is 1 for the first track only, and
    `loud` is the level in [0, 1].
    """
    draw = np.random.default_rng(seed)
    (root / "audio").mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(tracks):
        tone, loud = number % 2, (number // 2 % 8) / 7
        path = f"audio/{number:03}.wav"
        soundfile.write(root / path, _samples(draw, tone, loud, seconds), SAMPLE_RATE, subtype="PCM_16")
        artist = f"artist{number // 3}"
        rows.append({"path": path, "id": f"t{number:03}", "group": artist, "tone": tone, "rare": 0, "loud": loud})
    rows[0]["rare"] = 1
    pd.DataFrame(rows).to_parquet(root / "manifest.parquet", index=False)
    return root


def _samples(draw: np.random.Generator, tone: int, loud: float, seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    sine = np.sin(2 * np.pi * draw.uniform(200, 2000) * time)
    noise = draw.standard_normal(len(time))
    return (0.05 + 0.4 * loud) * (tone * sine + (0.1 if tone else 0.5) * noise) / 2
