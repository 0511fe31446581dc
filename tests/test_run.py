"""A study leaves what its contract says, gives every family the same tracks, and never runs a finished cell again."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from bench.corpora import manifest
from bench.errors import InputError
from bench.record import RunRecord
from bench.splits import split, subset
from tests.conftest import STUDY, TAGBENCH, StudyOnDisk
from tests.installed_family import install_family

WAVEFORM = """
[[families]]
family = "waveform"
filters = [4, 4, 4, 4, 4, 4]
backend_filters = 8
num_units = 8
patch_seconds = 0.5
batch_size = 4
max_updates = 40
validate_every = 20
"""


def records(out: Path) -> list[RunRecord]:
    return [RunRecord.load(folder) for folder in sorted((out / "cells").iterdir())]


def test_a_study_leaves_what_the_contract_says(finished_study: StudyOnDisk) -> None:
    left = {str(file.relative_to(finished_study.out)) for file in finished_study.out.iterdir()}
    assert left >= {"study.toml", "table1.md", "table1.csv", "timings.csv", "figures", "rejected.csv", "mlflow.db"}
    assert left >= {"targets.parquet", "cells.csv", "cells"}
    for record in records(finished_study.out):
        folder = finished_study.out / "cells" / record.digest
        assert {file.name for file in folder.iterdir()} >= {"record.json", "predictions.parquet", "model"}
        content = json.loads((folder / "record.json").read_text())
        assert set(content) >= {"family", "n_train", "seed", "subset_seed", "train_digest", "test_digest", "metrics"}
        assert set(content) >= {"per_tag", "n_parameters", "train_seconds", "predict_seconds", "settings", "versions"}
        assert set(content["metrics"]) == {"roc_auc", "pr_auc", "rmse"}


def test_targets_and_predictions_are_the_test_tracks_in_one_order(finished_study: StudyOnDisk) -> None:
    corpus = manifest.load(finished_study.root)
    test = split(corpus, valid=0.25, test=0.35, seed=0).test
    targets = pd.read_parquet(finished_study.out / "targets.parquet")
    assert targets.columns.tolist() == ["id", "tone", "rare", "loud"]
    assert targets["id"].tolist() == test.ids.tolist()
    for record in records(finished_study.out):
        scores = pd.read_parquet(finished_study.out / "cells" / record.digest / "predictions.parquet")
        assert scores.columns.tolist() == targets.columns.tolist()
        assert scores["id"].tolist() == targets["id"].tolist()


def test_every_family_is_trained_on_the_same_nested_tracks(finished_study: StudyOnDisk) -> None:
    corpus = manifest.load(finished_study.root)
    train = split(corpus, valid=0.25, test=0.35, seed=0).train
    expected = {size: subset(train, size, seed=0).digest for size in (6, 12)}
    found = [(record.n_train, record.train_digest) for record in records(finished_study.out)]
    assert len(found) == 4
    assert all(digest == expected[size] for size, digest in found)
    assert len({record.test_digest for record in records(finished_study.out)}) == 1


def test_a_tag_with_too_few_positives_is_not_scored(finished_study: StudyOnDisk) -> None:
    for record in records(finished_study.out):
        assert set(record.per_tag) == {"tone", "loud"}
        assert set(record.unscored_tags) == {"rare"}
        assert (record.n_classification_tags, record.n_regression_tags) == (1, 1)


def test_the_recorded_measures_are_those_of_the_predictions(finished_study: StudyOnDisk) -> None:
    targets = pd.read_parquet(finished_study.out / "targets.parquet")
    for record in records(finished_study.out):
        scores = pd.read_parquet(finished_study.out / "cells" / record.digest / "predictions.parquet")
        expected = np.sqrt(np.mean((targets["loud"].astype(float) - scores["loud"]) ** 2))
        assert record.metrics.rmse == pytest.approx(expected, abs=1e-7)
        positive, negative = scores["tone"][targets["tone"] == 1], scores["tone"][targets["tone"] == 0]
        wins = (positive.to_numpy()[:, None] > negative.to_numpy()).mean()
        ties = (positive.to_numpy()[:, None] == negative.to_numpy()).mean()
        assert record.metrics.roc_auc == pytest.approx(wins + ties / 2, abs=1e-9)


def test_a_finished_cell_is_never_run_again_and_a_lost_one_is(small_study: StudyOnDisk) -> None:
    small_study.run()
    table = (small_study.out / "table1.csv").read_bytes()
    times = {f: (f / "record.json").stat().st_mtime_ns for f in (small_study.out / "cells").iterdir()}
    lost = sorted(times)[0]
    shutil.rmtree(lost)
    small_study.run()
    again = {f: (f / "record.json").stat().st_mtime_ns for f in (small_study.out / "cells").iterdir()}
    assert set(again) == set(times)
    assert {folder for folder in times if again[folder] != times[folder]} == {lost}
    assert (small_study.out / "table1.csv").read_bytes() == table


def test_a_size_more_keeps_the_finished_cells(small_study: StudyOnDisk) -> None:
    small_study.run()
    before = {f.name: (f / "record.json").stat().st_mtime_ns for f in (small_study.out / "cells").iterdir()}
    StudyOnDisk(small_study.file.parent, STUDY.replace("[6, 12]", "[6, 9, 12]")).run()
    after = {f.name: (f / "record.json").stat().st_mtime_ns for f in (small_study.out / "cells").iterdir()}
    assert len(after) == len(before) + 2
    assert all(after[name] == before[name] for name in before)


def test_more_tracks_than_there_are_is_refused_before_any_work(tmp_path: Path) -> None:
    study = StudyOnDisk(tmp_path, STUDY.replace("[6, 12]", "[6, 1000]"))
    with pytest.raises(InputError, match=r"asks for 1000 training tracks; .* has \d+$"):
        study.run()
    assert not study.cache.exists()
    assert not study.out.exists()


def test_a_corpus_that_we_make_is_not_made_for_a_study_it_cannot_serve(tmp_path: Path) -> None:
    embedded = 'name = "embedded"\ntracks = 100\nseconds = 3.0'
    study = StudyOnDisk(tmp_path, STUDY.replace('name = "manifest"', embedded).replace("[6, 12]", "[6, 101]"))
    with pytest.raises(InputError, match="asks for 101 training tracks"):
        study.run()
    assert not study.cache.exists()


def test_broken_and_odd_tracks_are_refused_by_name_or_read_and_the_rest_goes_on(tmp_path: Path) -> None:
    small_study = StudyOnDisk(tmp_path, STUDY + "\n[prepare]\nmax_refused = 0.2\n")
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 24000)
    whole = (small_study.root / "audio" / "000.wav").read_bytes()
    broken = {
        "000": b"",
        "001": whole[: len(whole) // 2],
        "002": bytes(range(256)) * 100,
        "003": np.zeros(24000),
        "004": np.where(np.arange(24000) == 7, np.nan, noise),
        "005": noise[:320],
    }
    odd = {"006": (noise, 8000), "007": (np.tile(noise[:, None], 6), 16000)}
    for name, content in broken.items():
        file = small_study.root / "audio" / f"{name}.wav"
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            soundfile.write(file, content, 16000, subtype="FLOAT")
    for name, (samples, rate) in odd.items():
        soundfile.write(small_study.root / "audio" / f"{name}.wav", samples, rate)
    (small_study.root / "audio" / "008.wav").unlink()
    assert small_study.run() == []
    rejected = pd.read_csv(small_study.out / "rejected.csv", index_col="path")["reason"]
    assert set(rejected.index) == {f"audio/{name}.wav" for name in [*broken, "008"]}
    assert rejected["audio/001.wav"].startswith("is truncated")
    assert rejected["audio/003.wav"].startswith("is silent")
    assert rejected["audio/004.wav"] == "has NaN or infinite samples"
    assert rejected["audio/005.wav"] == "lasts 0.02 s, less than 1 s"
    assert rejected["audio/008.wav"] == "file is missing"


def test_a_family_is_fitted_with_the_training_and_validation_parts_and_no_test_track(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_family(tmp_path, monkeypatch)
    study = StudyOnDisk(tmp_path, STUDY + '[[families]]\nfamily = "constant"\n')
    assert study.run() == []
    parts = split(manifest.load(study.root), valid=0.25, test=0.35, seed=0)
    for record in (record for record in records(study.out) if record.family == "constant"):
        seen = json.loads((study.out / "cells" / record.digest / "model" / "seen.json").read_text())
        assert seen["train"] == subset(parts.train, record.n_train, seed=0).ids.tolist()
        assert seen["valid"] == parts.valid.ids.tolist()


@pytest.mark.parametrize("value", ["nan", "1.5"])
def test_scores_that_are_no_numbers_between_0_and_1_are_a_failed_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    install_family(tmp_path, monkeypatch)
    monkeypatch.setenv("CONSTANT_SCORE", value)
    study = StudyOnDisk(tmp_path, STUDY.replace("[6, 12]", "[6]") + '[[families]]\nfamily = "constant"\n')
    assert study.run() == ["constant · 6 · seed 0: predictions are not all numbers in [0, 1]"]
    assert len(records(study.out)) == 2


def test_what_a_family_notes_on_tracks_is_counted_in_the_record_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_family(tmp_path, monkeypatch)
    study = StudyOnDisk(tmp_path, STUDY.replace("[6, 12]", "[6]") + '[[families]]\nfamily = "constant"\n')
    study.run()
    (record,) = (record for record in records(study.out) if record.family == "constant")
    listed = pd.read_csv(study.out / "cells" / record.digest / "track_notes.csv", dtype=str)
    assert record.track_notes == {"an even number": len(listed)}
    assert 0 < len(listed) < record.n_train + record.n_valid + record.n_test
    assert all(int(track[1:]) % 2 == 0 for track in listed["id"])


def test_an_entry_whose_preparation_fails_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_family(tmp_path, monkeypatch)
    study = StudyOnDisk(
        tmp_path, STUDY.replace("[6, 12]", "[6]") + '[[families]]\nfamily = "constant"\nfails_at = -1\n'
    )
    assert study.run() == ["constant · 6 · seed 0: nothing can be prepared"]
    assert len(records(study.out)) == 2


def test_a_cell_that_fails_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_family(tmp_path, monkeypatch)
    study = StudyOnDisk(tmp_path, STUDY + '[[families]]\nfamily = "constant"\nfails_at = 6\n')
    assert study.run() == ["constant · 6 · seed 0: the loss is no number"]
    assert len(records(study.out)) == 5
    assert "1 of 6 cells are missing" in (study.out / "table1.md").read_text()


def test_a_network_that_cannot_hear_so_short_a_patch_is_refused_before_training(tmp_path: Path) -> None:
    study = StudyOnDisk(tmp_path, STUDY + WAVEFORM.replace("patch_seconds = 0.5", "patch_seconds = 0.1"))
    with pytest.raises(InputError, match=r"small.toml: families.waveform: .*patch_seconds = 0.1 .* needs at least"):
        study.run()
    assert not study.cache.exists()
    assert not study.out.exists()


def test_an_interrupted_run_continues_where_it_was(tmp_path: Path) -> None:
    study = StudyOnDisk(tmp_path, STUDY + WAVEFORM.replace("max_updates = 40", "max_updates = 200"))  # time to be hit
    command = [TAGBENCH, *study.arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "linear · 6" in line:
                break
        assert "linear · 6" in said, said
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert rest.strip().splitlines()[-1] == "tagbench: interrupted; run the same command again to continue"
    assert "Traceback" not in rest
    finished = {f: (f / "record.json").stat().st_mtime_ns for f in (study.out / "cells").iterdir() if f.suffix == ""}
    assert 2 <= len(finished) < 6
    again = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("finished before") == len(finished)
    assert all((f / "record.json").stat().st_mtime_ns == time for f, time in finished.items())
    assert len(records(study.out)) == 6
