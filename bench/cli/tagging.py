"""The commands that use what was trained, and set what others trained beside it: tag and add."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from bench.cli.options import cache_option, device_option, works_side_by_side
from bench.errors import InputError, StudyFailedError
from bench.locks import locked_output
from bench.one_line import printable
from bench.progress import say

if TYPE_CHECKING:
    from bench.tagging import Tagged, TrainedCell
    from reports.study_folder import FinishedCell

MOST_TRACKS = 10**12  # more than there is music: a slip of the hand
RUN = re.compile(r"(?:runs:/)?([0-9a-f]{32})")


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--model", required=True, metavar="DIR|RUN", help="A cell's folder, a study's, or an MLflow run of a cell."
)
@click.option("--label", help="Of a study's cells, those of this model.")
@click.option("--n-train", type=int, help="Those trained on so many tracks.  [default: the most]")
@click.option("--seed", type=int, help="Those with this seed.  [default: the first]")
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="Tags of each kind to print.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores of all tags, one JSON object a line and file.")
@cache_option
@device_option
@works_side_by_side
def tag(
    files: tuple[Path, ...],
    model: str,
    label: str | None,
    n_train: int | None,
    seed: int | None,
    top: int,
    cache: Path,
    device: str,
    workers: int,
    *,
    as_json: bool,
) -> None:
    """Tag audio FILES with a trained model of any family.

    The model is a cell: its folder (DIR/cells/<digest>), or the output folder of a study, of whose cells --label,
    --n-train and --seed choose one, or the id of its MLflow run, which is looked up at MLFLOW_TRACKING_URI, or in the
    working folder's mlflow.db. Scores are in [0, 1]; regression tags are listed apart.
    """
    from bench.device import choose_device
    from bench.tagging import TrainedCell

    with _cell_folder(model, {"label": label, "n_train": n_train, "seed": seed}) as folder:
        cell = TrainedCell.load(folder)
    tagged = cell.tag(files, device=choose_device(device), workers=workers, cache=cache)
    for file, note in tagged.notes.items():
        say(f"{file}: {note}")
    for line in _json_lines(tagged) if as_json else _blocks(cell, tagged, top):
        click.echo(line)
    _tell_refused(tagged)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What the table calls the model.")
@click.option(
    "--n-train", type=click.IntRange(1, MOST_TRACKS), required=True, help="How many tracks it was trained on."
)
@click.option("--predictions", type=click.Path(path_type=Path), required=True, help="Its scores: Parquet, CSV or TSV.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which of several trainings it is.")
@click.option("--n-parameters", type=click.IntRange(0), help="How many parameters it has.")
@click.option("--replace", is_flag=True, help="Replace what was added with this name, size and seed before.")
def add(
    folder: Path, name: str, n_train: int, predictions: Path, seed: int, n_parameters: int | None, *, replace: bool
) -> None:
    """Set somebody else's model beside those of the study in DIR, and write its table again.

    The predictions are a table with a column `id` and one a tag, named as in DIR/targets.parquet: each of the study's
    test tracks once, in any order, with scores in [0, 1]. The model is measured as the study's own are, with intervals
    and differences from each of them. It stays when the study is run again; delete its folder to take it out.
    """
    from bench.added import add_model
    from bench.output import begin_report
    from reports.report import TABLE_FILE, write_report
    from reports.study_folder import read_study_folder, refuse_taken

    with locked_output(folder):
        study = read_study_folder(folder)
        refuse_taken(name, [*(one.cell for one in study.finished), *study.missing], folder)
        begin_report(folder)
        added = add_model(
            folder,
            study.finished[0].record,
            predictions,
            label=name,
            n_train=n_train,
            seed=seed,
            n_parameters=n_parameters,
            replace=replace,
        )
        write_report(folder)
    click.echo((folder / TABLE_FILE).read_text(encoding="utf-8"))
    click.echo(f"The model is kept in {added}; delete that folder to take it out, and run: tagbench report {folder}")


@contextmanager
def _cell_folder(model: str, wanted: dict[str, str | int | None]) -> Iterator[Path]:
    """Give the folder of the cell that is meant."""
    folder = Path(model)
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if (folder / "cells.csv").is_file():
        yield _chosen(folder, wanted)
        return
    if wanted:
        raise InputError(f"--label, --n-train and --seed choose among the cells of a study, which {model} is not")
    if folder.is_dir():
        yield folder
        return
    if not (run := RUN.fullmatch(model)):
        raise InputError(
            f"--model {model}: there is no such folder; give a cell's, a study's, or the id of an MLflow run"
        )
    from bench.tracking.models import download_cell

    with TemporaryDirectory() as download:
        yield download_cell(run.group(1), Path(download))


def _chosen(out: Path, wanted: dict[str, str | int | None]) -> Path:
    """Return the folder of a study's cell: of those that are as wanted, the first seed at the largest size."""
    from bench.output import CELLS_FOLDER
    from reports.study_folder import read_study_folder

    finished = read_study_folder(out).finished
    cells = [one.cell for one in finished if all(getattr(one.cell, name) == value for name, value in wanted.items())]
    if not cells:
        told = ", ".join(f"--{name.replace('_', '-')} {value}" for name, value in wanted.items())
        raise InputError(f"{out} has no finished cell of {told}; it has {_listed(finished)}")
    if len({cell.label for cell in cells}) > 1:
        raise InputError(f"{out} has several models; choose one with --label: {_listed(finished)}")
    cell = min(cells, key=lambda cell: (-cell.n_train, cell.seed))
    return out / CELLS_FOLDER / cell.digest


def _listed(finished: "Sequence[FinishedCell]") -> str:
    sizes: dict[str, list[int]] = {}
    for one in finished:
        sizes.setdefault(one.cell.label, []).append(one.cell.n_train)
    return "; ".join(f"{label!r} ({', '.join(map(str, sorted(set(at))))})" for label, at in sizes.items())


def _json_lines(tagged: "Tagged") -> Iterator[str]:
    for file, scores in tagged.scores.to_dict(orient="index").items():
        rounded = {name: round(float(score), 6) for name, score in scores.items()}
        line = json.dumps({"file": file, "scores": rounded}, ensure_ascii=False)
        yield "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in line)


def _blocks(cell: "TrainedCell", tagged: "Tagged", top: int) -> Iterator[str]:
    """Yield for each file its name and its highest tags, classification tags first."""
    kinds = {kind: [tag.name for tag in cell.tags if tag.kind == kind] for kind in ("classification", "regression")}
    for file, scores in tagged.scores.iterrows():
        yield printable(str(file))
        for kind, names in kinds.items():
            best = scores[names].sort_values(ascending=False, kind="stable").head(top)
            if kind == "regression" and names:
                yield "  regression tags:"
            for name, score in best.items():
                yield f"  {score:.3f}  {printable(str(name))}"


def _tell_refused(tagged: "Tagged") -> None:
    """Name the files that could not be tagged, each with the reason; raises `StudyFailedError` where there are any."""
    for file, reason in tagged.refused.items():
        say(f"{file}: {reason}")
    if tagged.refused:
        total = len(tagged.refused) + len(tagged.scores)
        raise StudyFailedError(f"{len(tagged.refused)} of {total} files could not be tagged")
