"""What MLflow is told of a study and its cells: descriptions, params, measures, and how the runs are shown at first."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from bench.record import RunRecord, describe_measures
from bench.study import Study

Point = tuple[str, float, int]  # a measure, its value, the step
NOTE_TAG = "mlflow.note.content"
TABLE_VIEW = "table1"
SHOWN_COLUMNS = [f"params.`{key}`" for key in ("family", "n_train", "seed")] + [
    f"metrics.`{key}`" for key in ("roc_auc", "pr_auc", "rmse", "train_seconds")
]
REPORT_SUFFIXES = {".csv", ".html", ".json", ".md", ".parquet", ".tex", ".toml"}
REPORT_FOLDERS = ("figures",)


def experiment_tags(study: Study) -> dict[str, str]:
    """Return the description of a study's experiment, and a saved view of its runs that resembles Table 1.

    MLflow's page takes the view from the tag: all cells in one list, the largest sizes first, with the columns of
    Table 1. Sorted by time, as at first, the page would hide the cells behind their parent.
    """
    state = {
        "selectedColumns": SHOWN_COLUMNS,
        "columnOrder": ["attributes.`Run Name`", *SHOWN_COLUMNS],
        "orderByKey": "metrics.`n_train`",
        "orderByAsc": False,
        "runsHiddenMode": "SHOW_ALL",  # in charts, too, where the page shows ten runs at first
    }
    view = {"name": "Table 1", "createdAt": 0, "updatedAt": 0, "state": json.dumps(state)}
    return {
        NOTE_TAG: (
            f"Study **{study.name}** of tagbench. {study.note} A run without a parent is one output folder, with Table "
            "1, the figures and the page among its artifacts; the runs below it are its cells. The view *Table 1* "
            "lists the cells by size; select some and press *Compare*."
        ),
        "mlflow.experimentKind": "custom_model_development",  # MLflow takes it for one of language models otherwise
        f"mlflow.sharedViewState.{TABLE_VIEW}": json.dumps(view),
    }


def study_tags(study: Study) -> dict[str, str]:
    """Return the parent's description as tags, which can change: a study may get another size or seed."""
    families = f"{len(study.families)} families at training sizes {study.told_sizes}"
    return {
        NOTE_TAG: (
            f"Study **{study.name}** of tagbench: {families}. The child runs are its cells; Table 1 is among the "
            f"artifacts. {study.note}"
        ).strip(),
        "corpus": study.corpus.name,
        "sizes": study.told_sizes,
        "seeds": ", ".join(map(str, study.seeds)),
        "families": ", ".join(entry.label for entry in study.entries()),
    }


def cell_note(record: RunRecord) -> str:
    """Return a cell's description."""
    tags = f"{record.n_classification_tags} classification and {record.n_regression_tags} regression tags"
    return (
        f"{record.family}, trained on {record.n_train} tracks with seed {record.seed} in {record.train_seconds:.0f} s "
        f"on {record.device}. On {record.n_test} test tracks, over {tags}: {describe_measures(record.metrics)}."
    )


def cell_params(record: RunRecord) -> dict[str, str]:
    """Return what a cell was made with."""
    described = {
        "label": record.label,
        "family": record.family,
        "n_train": record.n_train,
        "seed": record.seed,
        "subset_seed": record.subset_seed,
        "corpus": record.corpus,
        "corpus_version": record.corpus_version,
        "device": record.device,
        "threads": record.threads,
    }
    heard = {} if record.audio is None else record.audio.model_dump()
    audio = {f"audio.{key}": value for key, value in heard.items()} or {"audio": "none"}
    settings = {f"settings.{key}": value for key, value in record.settings.items()}
    tuning = {"tuning.trials": record.tuning.trials, "tuning.seed": record.tuning.seed} if record.tuning else {}
    chosen = {f"chosen.{key}": value for key, value in record.chosen.items()}
    return {key: str(value) for key, value in (described | audio | settings | tuning | chosen).items()}


def cell_points(record: RunRecord) -> list[Point]:
    """Return the measures of a cell, the same for every family, all at step 0."""
    values: dict[str, float | None] = {
        **record.metrics.model_dump(),
        "pooled_rmse": record.pooled_rmse,
        "n_train": record.n_train,  # a param cannot be compared with < and > in MLflow's search
        "n_parameters": record.n_parameters,
        "train_seconds": record.train_seconds,
        "predict_seconds": record.predict_seconds,
    }
    beside = {"truth": record.truth_metrics} | {way: other.metrics for way, other in record.otherwise.items()}
    for name, measures in beside.items():
        if measures:
            values |= {f"{name}_{key}": value for key, value in measures.model_dump().items()}
    return [(key, float(value), 0) for key, value in values.items() if value is not None]


def trial_points(record: RunRecord) -> list[Point]:
    """Return what each trial of a tuned cell reached on validation, a step a trial."""
    return [
        ("trial_valid_mse", trial.valid_mse, step)
        for step, trial in enumerate(record.trials)
        if trial.valid_mse is not None
    ]


def curve_points(curves: pd.DataFrame) -> list[Point]:
    """Return the rows of `FitSummary.curves`."""
    measured = [str(column) for column in curves.columns if column != "step"]
    return [
        (f"curve/{column}", float(value), int(step))
        for column in measured
        for step, value in zip(curves["step"], curves[column], strict=True)
        if pd.notna(value)
    ]


def per_tag_table(record: RunRecord) -> pd.DataFrame:
    """Return a cell's measures a tag, a row each; a measure of the other kind of tag is missing."""
    rows = [
        {"tag": tag, "roc_auc": None, "pr_auc": None, "rmse": None} | measures
        for tag, measures in record.per_tag.items()
    ]
    return pd.DataFrame(rows, columns=["tag", "roc_auc", "pr_auc", "rmse"])


def report_files(out: Path) -> Iterator[Path]:
    """Give the files of an output folder that tell of the study as a whole: tables, pages, lists, and its figures.

    Known by their form, not by name, so that what a report gains is logged as well; the database and the cells are
    none of them, nor are files of any other form that lie about there.
    """
    for folder in (out, *(out / name for name in REPORT_FOLDERS)):
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        yield from (file for file in found if file.is_file() and (folder != out or file.suffix in REPORT_SUFFIXES))
