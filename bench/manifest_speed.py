"""`tagbench speed manifest`: a table of a million tracks without audio, loaded, divided and taken subsets of."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from bench.corpora import manifest
from bench.progress import say
from bench.speed import Findings, Row, call_apart
from bench.splits import split, subset

PACKAGES = ("tagbench", "numpy", "pandas", "pyarrow")
FORMS = ("csv", "parquet")
TRACKS_AN_ARTIST = 10
PREVALENCE = 0.1
VALID = TEST = 0.08  # as in the study `paper`


@dataclass(frozen=True)
class Sizes:
    """How much is measured: tracks and tags."""

    tracks: int = 1_000_000
    tags: int = 139


FULL = Sizes()
QUICK = Sizes(tracks=1000, tags=3)


def measure_manifest(sizes: Sizes, *, cache: Path) -> Findings:
    """Return the CPU seconds and the peak memory of a process that loads such a table and divides it."""
    found = Findings()
    cache.mkdir(parents=True, exist_ok=True)
    for form in FORMS:
        with tempfile.TemporaryDirectory(dir=cache, prefix="speed-") as folder:
            say(f"{form}: {sizes.tracks:,} tracks × {sizes.tags} tags")
            call_apart("the manifest", write_manifest, Path(folder), form, sizes)
            lap = call_apart("loading", load_and_divide, Path(folder))
        what = f"{sizes.tracks:,} × {sizes.tags}"
        rows = (
            Row(f"manifest_{form}_cpu_seconds", lap.cpu_seconds, f"CPU s, {what} loaded, split, subset"),
            Row(f"manifest_{form}_peak_memory", lap.peak_memory, "MB"),
        )
        found += Findings(rows)
    return found


def write_manifest(folder: Path, form: str, sizes: Sizes) -> None:
    """Write the table of tracks whose files are not there, with long ids and tags of 0 and 1."""
    draw = np.random.default_rng(0)
    numbers = range(sizes.tracks)
    columns: dict[str, object] = {
        "path": [f"audio/{number % 1000:03}/{number:07}.mp3" for number in numbers],
        "id": [f"a-track-with-an-id-of-some-forty-characters-{number:07}" for number in numbers],
        "group": [f"artist {artist}" for artist in draw.integers(sizes.tracks // TRACKS_AN_ARTIST, size=sizes.tracks)],
    }
    for tag in range(sizes.tags):
        columns[f"tag {tag}"] = (draw.random(sizes.tracks, dtype=np.float32) < PREVALENCE).astype(np.int64)
    if form == "csv":
        pyarrow.csv.write_csv(pa.table(columns), folder / "manifest.csv")
    else:
        pq.write_table(pa.table(columns), folder / "manifest.parquet")


def load_and_divide(root: Path) -> list[int]:
    """Load the manifest of a folder and divide it; return the sizes of nested subsets of its training part.

    Of what is divided, the targets are left out: they are looked at, and go on to their parts, once audio is prepared.
    """
    parts = split(manifest.load(root).without_tags(), valid=VALID, test=TEST, seed=0)
    shares = (0.1, 0.5, 0.9)
    return [len(subset(parts.train, round(share * len(parts.train)), seed=0)) for share in shares]
