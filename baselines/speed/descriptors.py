"""Decoding and describing the same mono MP3 files: this project, essentia's stock MusicExtractor, and librosa.

Each contestant decodes by its own means, at the file's own 44.1 kHz, and describes the whole song. librosa computes
what comes nearest to our groups (`librosa_set`), as its documentation advises: one transform that is shared, the
cheaper of its two chromagrams, and only mean and standard deviation of each series. Each library is imported where it
is used: no contestant carries another's.
"""

from pathlib import Path

import numpy as np

from bench.audio import AudioSettings, decode
from bench.speed import Findings, Row, median_seconds, take_turns

FRAME, HOP = 2048, 512  # samples: librosa's defaults, and about our own


def compare_descriptors(files: list[Path], seconds: float, laps: int) -> Findings:
    """Return the median CPU seconds a song of `seconds`, and how many times less ours are."""
    contestants = {"tagbench": tagbench_set, "musicextractor": musicextractor_set, "librosa": librosa_set}
    taken = take_turns(contestants, files, laps=laps, warm_up=files[0])
    cost = {name: median_seconds(of) for name, of in taken.items()}
    rows = [Row(f"descriptors_cpu_seconds_{name}", cost[name], f"CPU s a song of {seconds:g} s") for name in cost]
    rows += [Row(f"descriptors_speed_{name}", seconds / cost[name], "audio s a CPU s") for name in cost]
    rows += [Row(f"descriptors_number_{name}", float(of[0].result), "numbers a song") for name, of in taken.items()]
    ratios = {f"descriptors_vs_{name}": cost[name] / cost["tagbench"] for name in ("musicextractor", "librosa")}
    return Findings(tuple(rows), ratios)


def tagbench_set(file: Path) -> int:
    """Describe a song by the project's own decoder and descriptors; return how many numbers that gives."""
    from baselines.features import extractor

    heard = decode(file, AudioSettings(sample_rate="own"))
    return len(extractor.describe(heard.samples, heard.rate))


def musicextractor_set(file: Path) -> int:
    """Describe a song by essentia's MusicExtractor with its stock settings; return how many numbers that gives."""
    import baselines.features  # noqa: F401 - it keeps essentia quiet, which is imported after it
    from essentia.standard import MusicExtractor  # isort: skip

    statistics, _ = MusicExtractor()(str(file))
    values = [statistics[name] for name in statistics.descriptorNames()]
    return sum(np.size(value) for value in values if not isinstance(value, str | list))


def librosa_set(file: Path) -> int:
    """Describe a song's timbre, rhythm and harmony by librosa; return how many numbers that gives."""
    import librosa

    samples, rate = librosa.load(file, sr=None)
    magnitude = np.abs(librosa.stft(samples, n_fft=FRAME, hop_length=HOP))
    mel = librosa.power_to_db(librosa.feature.melspectrogram(S=magnitude**2, sr=rate))
    onsets = librosa.onset.onset_strength(S=mel, sr=rate, hop_length=HOP)
    chroma = librosa.feature.chroma_stft(S=magnitude**2, sr=rate)
    series = [
        librosa.feature.mfcc(S=mel, n_mfcc=20),
        librosa.feature.spectral_centroid(S=magnitude, sr=rate),
        librosa.feature.spectral_bandwidth(S=magnitude, sr=rate),
        librosa.feature.spectral_contrast(S=magnitude, sr=rate),
        librosa.feature.spectral_flatness(S=magnitude),
        librosa.feature.spectral_rolloff(S=magnitude, sr=rate),
        librosa.feature.zero_crossing_rate(samples, frame_length=FRAME, hop_length=HOP),
        librosa.feature.rms(S=magnitude, frame_length=FRAME),
        chroma,
        librosa.feature.tonnetz(chroma=chroma, sr=rate),
        onsets[np.newaxis],
        librosa.feature.tempogram(onset_envelope=onsets, sr=rate, hop_length=HOP),
    ]
    tempo, beats = librosa.beat.beat_track(onset_envelope=onsets, sr=rate, hop_length=HOP)
    summary = np.concatenate([statistic(each, axis=1) for each in series for statistic in (np.mean, np.std)])
    return len(summary) + np.size(tempo) + bool(len(beats))
