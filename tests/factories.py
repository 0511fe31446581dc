"""Makes records and study folders for tests: complete, valid, and different from the default only where told."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.audio import AudioSettings
from bench.record import Measures, RunRecord


def make_record(label: str = "gbt", n_train: int = 320, seed: int = 0, **changes: object) -> RunRecord:
    """Return the record of a finished cell: two classification tags and one regression tag scored, one not."""
    values: dict[str, Any] = {
        "label": label,
        "family": label,
        "settings": {},
        "n_train": n_train,
        "seed": seed,
        "subset_seed": 0,
        "train_digest": f"train{n_train}",
        "valid_digest": "valid",
        "test_digest": "test",
        "audio": AudioSettings(sample_rate=16000, max_seconds=30.0),
        "min_positives": 10,
        "min_negatives": 10,
        "threads": 1,
        "corpus": "tiny",
        "corpus_version": "1",
        "corpus_note": "",
        "n_valid": 60,
        "n_test": 120,
        "metrics": Measures(roc_auc=0.75, pr_auc=0.5, rmse=0.25),
        "pooled_rmse": 0.26,
        "truth_metrics": None,
        "per_tag": {
            "rock": {"roc_auc": 0.7, "pr_auc": 0.4},
            "jazz": {"roc_auc": 0.8, "pr_auc": 0.6},
            "tempo": {"rmse": 0.25},
        },
        "unscored_tags": {"ragtime": 3},
        "n_classification_tags": 2,
        "n_regression_tags": 1,
        "n_parameters": None,
        "hit_cap": False,
        "special_tags": {},
        "train_seconds": 12.0,
        "predict_seconds": 6.0,
        "device": "cpu",
        "versions": {},
    }
    return RunRecord.model_validate(values | changes)


def write_study(
    out: Path,
    records: Iterable[RunRecord],
    *,
    pairs: dict[str, str] | None = None,
    unfinished: Iterable[RunRecord] = (),
    note: str = "",
    split: str = "hash",
) -> Path:
    """Write a study's output folder: what it says, `cells.csv` and the records; folders without one for the unfinished.

    `pairs` gives the pair of a label; without it, waveform and spectrogram form one.
    """
    named = {"waveform": "networks", "spectrogram": "networks"} if pairs is None else pairs
    finished, missing = list(records), list(unfinished)
    lines = [["label", "family", "pair", "n_train", "seed", "digest"]]
    for record in [*finished, *missing]:
        pair = named.get(record.label, "")
        lines.append([record.label, record.family, pair, str(record.n_train), str(record.seed), record.digest])
        folder = out / "cells" / record.digest
        folder.mkdir(parents=True)
        if record in finished:
            record.save(folder)
    said = f'note = {json.dumps(note)}\n[split]\nkind = "{split}"\n'
    (out / "study.toml").write_text(said, encoding="utf-8")
    with (out / "cells.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)
    return out
