"""Descriptors as data sets ship them: JSON in the structure of essentia's extractor, and the small corpus with them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

STATISTICS = ("dmean", "dmean2", "dvar", "dvar2", "max", "mean", "median", "min", "var")


def document(tone: float = 0.5, loud: float = 0.5, *, seed: int = 0, release: str = "2.1-beta2") -> dict[str, Any]:
    """Return what essentia's extractor says of a track, with fewer numbers; releases after 2.1-beta2 say it otherwise.

    The louder a track, the larger `lowlevel.average_loudness`; of a tone, `lowlevel.mfcc` and `tonal.key…` tell.
    """
    draw = np.random.default_rng(seed)
    old = release == "2.1-beta2"

    def numbers(*shape: int) -> Any:  # noqa: ANN401 - one number or lists of them
        return draw.normal(tone, 0.2, shape).round(6).tolist()

    def statistics(*shape: int) -> dict[str, Any]:
        return {name: numbers(*shape) for name in (*STATISTICS, *(() if old else ("stdev",)))}

    mixed = draw.normal(size=(3, 3))
    mfcc = {"mean": numbers(3), "cov": (mixed @ mixed.T).tolist(), "icov": np.linalg.inv(mixed @ mixed.T).tolist()}
    key = {"strength": numbers(), "key": "A#" if old else "Bb", "scale": "major" if tone > 0.5 else "minor"}
    beats = np.cumsum(draw.uniform(0.4, 0.6, 3 + seed % 5)).tolist()
    return {
        "metadata": {
            "version": {"essentia": release, "extractor": "music 1.0"},
            "audio_properties": {
                "bit_rate": 320000 * tone,
                "length": 200 * loud,
                "md5_encoded": "0f1f",
                "lossless": False,
            },
            "tags": {"artist": ["Nobody"], "album": ["Nothing"], "genre": ["tone"] if tone > 0.5 else ["noise"]},
        },
        "lowlevel": {
            "average_loudness": loud + draw.normal(0, 0.02),
            "barkbands": statistics(4),
            "mfcc": mfcc,
            "spectral_centroid": statistics(),
        },
        "rhythm": {
            "beats_count": len(beats),
            "beats_loudness": statistics(),
            "beats_position": beats,
            "bpm": 100 + draw.normal(),
            "bpm_histogram_first_peak_bpm": {"mean": 100} if old else 100,
        },
        "tonal": {
            "chords_histogram": numbers(24),
            "chords_key": "A",
            "chords_scale": "minor",
            **({f"key_{name}": value for name, value in key.items()} if old else {"key_edma": key}),
        },
    }


def write_document(file: Path, content: object) -> Path:
    """Write a document; a text or bytes as they are."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, bytes | str) else json.dumps(content, indent=4)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def write_small_descriptors(root: Path) -> None:
    """Write a document for each track of the small corpus under `root`, and name it in the manifest."""
    manifest = pd.read_parquet(root / "manifest.parquet")
    files = [f"acousticbrainz/{track[-2:]}/{track}.json" for track in manifest["id"]]
    for seed, (file, tone, loud) in enumerate(zip(files, manifest["tone"], manifest["loud"], strict=True)):
        write_document(root / file, document(float(tone), float(loud), seed=seed))
    manifest.assign(descriptors=files).to_parquet(root / "manifest.parquet", index=False)
