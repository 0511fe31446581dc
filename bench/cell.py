"""One cell of a study: train, predict, measure, keep, in that order."""

import time
from collections import Counter
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from bench.corpus import Corpus, Float32Array
from bench.costs import stage
from bench.device import use_threads
from bench.measure import measure
from bench.output import unfinished, write_gains, write_scores, write_tags, write_track_notes
from bench.record import (
    CURVES_FILE,
    MODEL_FOLDER,
    OTHER_PREDICTIONS_FILE,
    PREDICTIONS_FILE,
    OtherPrediction,
    RunRecord,
    RunSpec,
    describe,
)
from bench.splits import Split
from bench.study import Entry
from bench.tagger import Context, checked_other_scores, checked_scores
from bench.tuning import Tuned, fit_tuned
from bench.versions import installed_versions


@dataclass(frozen=True)
class Done:
    """What the training of a cell gave: the model, its scores of the test part, those by other ways, the seconds."""

    tuned: Tuned
    scores: Float32Array
    other_scores: dict[str, Float32Array]
    predict_seconds: float  # the way of `scores` alone
    seconds: float  # the training's, since it was started last, and these


def train_and_score(entry: Entry, spec: RunSpec, parts: Split, context: Context) -> Done:
    """Fit or tune, and predict: what all processes do of a cell whose family shares work."""
    use_threads(spec.threads)
    started = time.perf_counter()
    with stage("train", spec.label, spec.n_train):
        tuned = fit_tuned(entry.tagger, spec.tuning, parts.train, parts.valid, context, cell=describe(spec))
    fitted = time.perf_counter()
    with stage("predict", spec.label, spec.n_train):
        scores = checked_scores(tuned.trained, parts.test, context)
    predicted = time.perf_counter()
    with stage("predict otherwise", spec.label, spec.n_train):
        other_scores = checked_other_scores(tuned.trained, parts.test, context)
    return Done(tuned, scores, other_scores, predicted - fitted, predicted - started)


@stage("keep")
def keep(done: Done, spec: RunSpec, parts: Split, notes: dict[str, str], folder: Path, *, device: str) -> RunRecord:
    """Measure a cell and write its folder, which appears whole or not at all; `notes` are by track id."""
    used = notes_on(notes, parts.train, parts.valid, parts.test)
    record = record_of(done, spec, parts, used, device)
    summary = done.tuned.trained.summary
    with unfinished(folder) as aside:
        (aside / MODEL_FOLDER).mkdir()
        with stage("save", spec.label, spec.n_train):
            done.tuned.trained.save(aside / MODEL_FOLDER)
        write_scores(parts.test, done.scores, aside / PREDICTIONS_FILE)
        for way, given in done.other_scores.items():
            write_scores(parts.test, given, aside / OTHER_PREDICTIONS_FILE.format(way=way))
        write_tags(parts.test, aside)
        write_track_notes(used, aside)
        write_gains(summary.gains, aside)
        summary.curves.to_parquet(aside / CURVES_FILE, index=False)
        record.save(aside)
    return record


def record_of(done: Done, spec: RunSpec, parts: Split, notes: dict[str, str], device: str) -> RunRecord:
    """Return a cell's record: its identity and its measures."""
    summary = done.tuned.trained.summary
    measured = partial(measure, parts.test, min_positives=spec.min_positives, min_negatives=spec.min_negatives)
    return RunRecord(
        **dict(spec),
        **asdict(measured(done.scores)),
        corpus=parts.train.name,
        corpus_version=parts.train.version,
        corpus_note=parts.train.note,
        n_valid=len(parts.valid),
        n_test=len(parts.test),
        n_parameters=summary.n_parameters,
        hit_cap=summary.hit_cap,
        special_tags=summary.special_tags,
        chosen=done.tuned.chosen,
        trials=done.tuned.trials,
        track_notes=dict(Counter(notes.values())),
        otherwise={way: OtherPrediction.model_validate(measured(given)) for way, given in done.other_scores.items()},
        train_seconds=done.tuned.seconds,
        predict_seconds=done.predict_seconds,
        device=device,
        versions=installed_versions(),
    )


def notes_on(notes: dict[str, str], *parts: Corpus) -> dict[str, str]:
    """Return the notes on the tracks of these parts, by track id."""
    return {track: notes[track] for part in parts for track in part.ids.tolist() if track in notes}
