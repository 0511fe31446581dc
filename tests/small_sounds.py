"""Sounds that a tagger can tell apart, as MP3: low and high, tones and noise, loud and quiet."""

from pathlib import Path

import numpy as np
import soundfile

SAMPLE_RATE = 16000


def write_mp3(file: Path, draw: np.random.Generator, *, noise: int, high: int, quiet: int, seconds: float) -> None:
    """Write a tone, or noise, that is high or low and quiet or loud, and the folder that it lies in."""
    file.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * draw.uniform(*((1500, 3000) if high else (150, 400))) * time)
    hiss = np.diff(draw.standard_normal(len(time) + 1)) if high else draw.standard_normal(len(time))
    sound = 0.2 * hiss if noise else 0.9 * tone + 0.01 * hiss
    soundfile.write(file, (0.05 if quiet else 0.5) * sound, SAMPLE_RATE, format="MP3")
