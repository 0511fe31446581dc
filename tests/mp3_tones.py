"""Short MP3 files that hold a signal: pure tones against noise, at a level."""

from pathlib import Path

import numpy as np
import soundfile

SAMPLE_RATE = 16000


def write_tone(file: Path, draw: np.random.Generator, *, tone: bool, loud: float, seconds: float = 1.5) -> None:
    """Write a sine in a little noise, or noise alone; `loud` is the level in [0, 1]. Folders are made."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    sine = np.sin(2 * np.pi * draw.uniform(200, 2000) * time)
    noise = draw.standard_normal(len(time))
    samples = (0.05 + 0.3 * loud) * (sine + 0.1 * noise if tone else 0.5 * noise) / 2
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, samples, SAMPLE_RATE, format="MP3")
