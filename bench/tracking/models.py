"""Trained cells as MLflow's models: written so that `mlflow.pyfunc` loads them, and fetched again to tag with."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd

from bench.errors import InputError
from bench.output import TAGS_FILE
from bench.record import MODEL_FOLDER, RECORD_FILE, RunRecord
from bench.test_part import read_tags
from bench.tracking.connection import DATABASE_FILE, URI_VARIABLE, connect, mlflow_faults, named_store, own_store

if TYPE_CHECKING:
    from mlflow.models import Model
    from mlflow.tracking import MlflowClient

MODEL_NAME = "model"  # which is found at runs:/<run>/model
DATA = "cell"  # which MLflow puts into the folder `data` of a model
TAGGING_FILES = (RECORD_FILE, TAGS_FILE, MODEL_FOLDER)  # what `bench.tagging` needs of a cell's folder


def can_tag(record: RunRecord, folder: Path) -> bool:
    """Tell whether the cell in `folder` can tag audio files; one on a data set's own descriptors cannot."""
    return record.audio is not None and all((folder / name).exists() for name in TAGGING_FILES)


def log_model(client: "MlflowClient", run: str, record: RunRecord, folder: Path, params: dict[str, str]) -> str:
    """Log the cell in `folder` as a model of its run that `bench.tracking.pyfunc` loads, and return the model's id."""
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    experiment = client.get_run(run).info.experiment_id
    model = client.create_logged_model(experiment, MODEL_NAME, run, params=params)
    client.log_outputs(run, [LoggedModelOutput(model.model_id, step=0)])
    described = Model(model.artifact_location, run, model_uuid=model.model_id, model_id=model.model_id)
    with TemporaryDirectory() as aside:
        _write_model(described, record, folder, Path(aside) / MODEL_NAME)
        client.log_model_artifacts(model.model_id, str(Path(aside) / MODEL_NAME))
    client.finalize_logged_model(model.model_id, "READY")
    return str(model.model_id)


def download_cell(run: str, folder: Path) -> Path:
    """Download into `folder` what tagging needs of the cell that a run logged, and return where it lies.

    The run is looked up at `MLFLOW_TRACKING_URI`, or where that is not set in `mlflow.db` in the working folder.
    Raises `InputError` where there is neither, no such run, or one that logged no model.
    """
    uri = named_store() or _store_here()
    with mlflow_faults(uri):
        from mlflow.artifacts import download_artifacts

        _check_model(connect(uri), uri, run)
        path = f"{MODEL_NAME}/data/{DATA}"
        return Path(download_artifacts(run_id=run, artifact_path=path, dst_path=str(folder), tracking_uri=uri))


def _store_here() -> str:
    if not Path(DATABASE_FILE).is_file():
        raise InputError(
            f"set {URI_VARIABLE} to the MLflow server that has the run, or to sqlite:///DIR/{DATABASE_FILE}"
        )
    return own_store(Path())


def _check_model(client: "MlflowClient", uri: str, run: str) -> None:
    """Refuse, with `InputError`, a run that is not there, or that logged no model."""
    from mlflow.exceptions import MlflowException

    try:
        outputs = client.get_run(run).outputs
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise InputError(f"MLflow at {uri} has no run {run}") from error
    if not outputs or not outputs.model_outputs:
        raise InputError(f"run {run} at {uri} has no model that tags audio; take the run of a cell that hears audio")


def _write_model(described: "Model", record: RunRecord, folder: Path, path: Path) -> None:
    """Write the cell in `folder` to `path` as an MLflow model, which loads without pickle."""
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import save_model
    from mlflow.types import ColSpec, DataType, Schema

    scores = Schema([ColSpec(DataType.float, tag.name) for tag in read_tags(folder)])
    with TemporaryDirectory() as aside:
        data = Path(aside) / DATA
        data.mkdir()
        for name in TAGGING_FILES:
            (data / name).symlink_to((folder / name).resolve())
        save_model(
            path,
            loader_module="bench.tracking.pyfunc",
            data_path=data,
            mlflow_model=described,
            signature=ModelSignature(Schema([ColSpec(DataType.string, "path")]), scores),
            input_example=pd.DataFrame({"path": ["songs/one.mp3"]}),
            pip_requirements=[f"{name}=={version.split('+')[0]}" for name, version in record.versions.items()],
        )
