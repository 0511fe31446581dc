"""Songs of the embedded corpus to measure on, made and kept in the cache as a study's are."""

from pathlib import Path

import soundfile

from bench.audio import AudioSettings, decode
from bench.corpora import place_of
from bench.corpus import Corpus

RATE = 44100  # Hz; the embedded corpus is synthesised at 16 kHz and resampled


def songs(tracks: int, seconds: float, *, cache: Path, workers: int) -> Corpus:
    """Return the embedded corpus of so many tracks of so many seconds, made where it is not there."""
    settings = {"tracks": tracks, "seconds": seconds}
    return place_of("embedded", settings, root=None, cache=cache).load(workers=workers)


def write_mp3s(corpus: Corpus, folder: Path) -> list[Path]:
    """Write a corpus's audio as mono MP3 files at 44.1 kHz into a folder, and return them."""
    files = [folder / f"{track_id}.mp3" for track_id in corpus.ids.tolist()]
    for source, file in zip(corpus.files.tolist(), files, strict=True):
        samples = decode(corpus.root / source, AudioSettings(sample_rate=RATE)).samples
        soundfile.write(file, samples, RATE, format="MP3")
    return files
