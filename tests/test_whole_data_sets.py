"""A few hundred synthesised files laid out as each data set go through prepare, run and report by its shipped study."""

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import tomli_w

from bench.audio import resample
from bench.cli import exit_code
from bench.corpora import place_of
from bench.record import DataRecord
from bench.study import read_study
from reports.preparation import preparation_page
from tests.small_jamendo import write_jamendo
from tests.small_magnatagatune import write_magnatagatune
from tests.small_mgphot import write_mgphot
from tests.small_msd import write_msd

TRACKS = 240
NETWORK = {"backend_filters": 4, "num_units": 4, "patch_seconds": 0.5, "max_updates": 3, "validate_every": 3}
NETWORKS = [
    {"family": "waveform", "filters": [2, 2, 2], **NETWORK},
    {"family": "spectrogram", "num_filt": 1, "n_mels": 20, **NETWORK},
]


def write_own_corpus(root: Path) -> Path:
    """Write embedded songs as stereo MP3, Ogg and FLAC files with their labels as `manifest.csv`; return `root`."""
    settings = {"tracks": TRACKS, "seconds": 3.0}
    songs = place_of("embedded", settings, root=None, cache=root.parent / "made").load(workers=2)
    labels = pd.DataFrame(songs.targets, columns=[tag.name for tag in songs.tags])
    paths = [f"songs/{number:03}.{('mp3', 'ogg', 'flac')[number % 3]}" for number in range(TRACKS)]
    (root / "songs").mkdir(parents=True)
    for path, file in zip(paths, songs.files.tolist(), strict=True):
        mono, rate = soundfile.read(songs.root / file, dtype="float32")
        high = resample(mono, rate, 44100)
        soundfile.write(root / path, np.stack([high, 0.8 * np.roll(high, 20)], axis=1), 44100)
    described = pd.DataFrame({"path": paths, "group": songs.groups, "duration": 3.0})
    described.join(labels).to_csv(root / "manifest.csv", index=False)
    return root


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "magnatagatune": partial(write_magnatagatune, tracks=TRACKS),
    "jamendo_top50": partial(write_jamendo, tracks=TRACKS),
    "jamendo_moodtheme": partial(write_jamendo, tracks=TRACKS, subset="moodtheme"),
    "mgphot": partial(write_mgphot, tracks=TRACKS),
    "msd": partial(write_msd, tracks=TRACKS),
    "your_corpus": write_own_corpus,
}


def with_small_networks(name: str, folder: Path) -> Path:
    """Write a shipped study with networks that cost nothing, in place of the paper's; return its file."""
    study = read_study(name).model_dump(mode="json", exclude_none=True)
    kept = [entry for entry in study["families"] if entry["family"] not in ("waveform", "spectrogram")]
    file = folder / f"{name}.toml"
    file.write_text(tomli_w.dumps(study | {"families": kept + NETWORKS, "defaults": {}}), encoding="utf-8")
    return file


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_corpus_laid_out_as_a_data_set_goes_through_prepare_run_and_report(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    root, out = LAYOUTS[name](tmp_path / "data"), tmp_path / "out"
    study = with_small_networks(name, tmp_path)
    where = ["--root", str(root), "--out", str(out), "--cache", str(tmp_path / "cache"), "--workers", "2"]
    assert exit_code(["prepare", str(study), *where]) == 0
    prepared = capsys.readouterr().out
    assert exit_code(["run", str(study), *where, "--device", "cpu"]) == 0
    found = DataRecord.load(out)
    assert found is not None
    assert found.n_tracks == sum(found.parts.values()) == TRACKS
    assert preparation_page(found) in prepared
    with (out / "table1.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 5
    largest = {row["model"]: float(row["roc_auc"]) for row in rows if row["n_train"] == str(found.parts["train"])}
    assert largest["prior"] == 0.5
    assert largest["gbt"] > 0.6
    table = (out / "table1.md").read_bytes()
    (out / "table1.md").unlink()
    assert exit_code(["report", str(out)]) == 0
    assert (out / "table1.md").read_bytes() == table
