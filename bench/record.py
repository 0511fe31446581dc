"""What is kept of a cell: its identity, and its measures; and what was found in a study's data. JSON there and back."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from bench.audio import AudioSettings
from bench.digest import json_digest
from bench.errors import InputError
from bench.tuning import Settings, Trial, Tuning
from bench.whole_file import replace_file

RECORD_FILE = "record.json"
PREDICTIONS_FILE = "predictions.parquet"
OTHER_PREDICTIONS_FILE = "predictions_{way}.parquet"
CURVES_FILE = "curves.parquet"
MODEL_FOLDER = "model"
DATA_FILE = "data.json"

Way = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]  # it is part of a file's name


class RunSpec(BaseModel):
    """The identity of a cell: its label, and everything that changes a number, but for the bytes of the audio.

    Audio is known by its corpus's version and the ids of its tracks, and code is not in it: after replacing files, or
    with another version of tagbench, use another output folder. `audio` says how it is heard, None where it is not.
    `train_digest` and its siblings are corpus digests; `settings` are the family's, complete with their defaults;
    `tuning` says what was tried beside them, None where nothing was;
    a tag is scored with at least `min_positives` positives and `min_negatives` negatives among the test tracks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    family: str
    settings: dict[str, Any]
    n_train: int
    seed: int
    subset_seed: int
    train_digest: str
    valid_digest: str
    test_digest: str
    audio: AudioSettings | None
    min_positives: int
    min_negatives: int
    threads: int
    tuning: Tuning | None = None

    @property
    def digest(self) -> str:
        """The name of the cell."""
        return json_digest(self.model_dump(mode="json", include=set(RunSpec.model_fields)))


class Measures(BaseModel):
    """Macro means over the scored tags; None where no tag of that kind was scored.

    `roc_auc` and `pr_auc` are fractions over classification tags, `rmse` is over regression tags.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    roc_auc: float | None
    pr_auc: float | None
    rmse: float | None


class OtherPrediction(BaseModel):
    """What another way to predict with the same model gave, its measures named as in `RunRecord`."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)

    metrics: Measures
    pooled_rmse: float | None
    truth_metrics: Measures | None
    per_tag: dict[str, dict[str, float]]


class RunRecord(RunSpec):
    """A finished cell.

    `metrics` are against the annotators' labels, `truth_metrics` against exact labels where a corpus has them.
    `per_tag` has a scored tag's `roc_auc` and `pr_auc`, or its `rmse`; `unscored_tags` the others, each with its
    number of positives among the test tracks. `hit_cap`, `special_tags` and `n_parameters` are those of `FitSummary`.
    `chosen` gives the values of the searched settings that the best of the `trials` had; `train_seconds` is the time of
    all of them. `track_notes` counts the cell's tracks by what `Tagger.prepare` noted on them. `otherwise` has what the
    model gave by its other ways to predict, by name; `predict_seconds` is the time of the first way alone.
    """

    corpus: str
    corpus_version: str
    corpus_note: str
    n_valid: int
    n_test: int
    metrics: Measures
    pooled_rmse: float | None
    truth_metrics: Measures | None
    per_tag: dict[str, dict[str, float]]
    unscored_tags: dict[str, int]
    n_classification_tags: int
    n_regression_tags: int
    n_parameters: int | None
    hit_cap: bool
    special_tags: dict[str, str]
    chosen: Settings = {}
    trials: list[Trial] = []
    track_notes: dict[str, int] = {}
    otherwise: dict[Way, OtherPrediction] = {}
    train_seconds: float
    predict_seconds: float
    device: str
    versions: dict[str, str]

    def save(self, folder: Path) -> None:
        """Write `record.json` into the cell's folder."""
        replace_file(folder / RECORD_FILE, (self.model_dump_json(indent=2) + "\n").encode())

    @staticmethod
    def load(folder: Path) -> "RunRecord":
        """Read `record.json` from a cell's folder; raises `InputError` when it cannot be read."""
        try:
            return RunRecord.model_validate_json((folder / RECORD_FILE).read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            advice = f"delete the folder {folder} and run the study again"
            raise InputError(f"{folder / RECORD_FILE} is damaged or of another version; {advice}") from error


class SharedGroups(BaseModel):
    """How many `groups` (artists) are in both of two parts, and how many of the `n_tracks` of the other are theirs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: str
    other: str
    groups: int
    tracks: int
    n_tracks: int


class DataRecord(BaseModel):
    """What was found when the tracks of a study were prepared.

    `refused` and `noted` count tracks by reason, of all `n_tracks` and of those kept; `parts` and `groups` have the
    numbers of tracks and of groups of each part, `hours` those of audio that were kept (None: none was heard), `rates`
    counts the kept files by sample rate in Hz. `duplicates` counts the clusters of tracks that sound alike, `leaking`
    the tracks by part that sound like one of another part; `dropped` of them were taken out of training. `too_short`
    tracks were compared by their samples alone. `shared_groups` are those of an official split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    corpus: str
    corpus_version: str
    corpus_note: str
    n_tracks: int
    refused: dict[str, int]
    noted: dict[str, int]
    parts: dict[str, int]
    groups: dict[str, int]
    hours: float | None
    rates: dict[int, int]
    duplicates: int
    leaking: dict[str, int]
    dropped: int
    too_short: int
    shared_groups: list[SharedGroups]

    def save(self, out: Path) -> None:
        """Write `data.json` into a study's output folder."""
        replace_file(out / DATA_FILE, (self.model_dump_json(indent=2) + "\n").encode())

    @staticmethod
    def load(out: Path) -> "DataRecord | None":
        """Read `data.json` from a study's output folder, if it has one; raises `InputError` when it cannot be read."""
        file = out / DATA_FILE
        if not file.exists():
            return None
        try:
            return DataRecord.model_validate_json(file.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            raise InputError(f"{file} is damaged or of another version; run the study again to rewrite it") from error


def describe(spec: RunSpec) -> str:
    """Return the short name of a cell: label, size, seed."""
    return f"{spec.label} · {spec.n_train} · seed {spec.seed}"


def describe_measures(measures: Measures) -> str:
    """Return the three measures as Table 1 prints them; a dash where no tag was scored."""

    def shown(value: float | None, scale: float, digits: int) -> str:
        return "–" if value is None else f"{scale * value:.{digits}f}"

    return (
        f"ROC-AUC {shown(measures.roc_auc, 100, 2)} %, PR-AUC {shown(measures.pr_auc, 100, 2)} %, "
        f"√MSE {shown(measures.rmse, 1, 4)}"
    )
