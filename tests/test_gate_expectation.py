"""What the gate expects, as files: it comes back from them, and what does not belong there is refused."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bench.corpus import Tag
from bench.errors import InputError
from reports.gate.expectation import (
    predictions_file,
    read_expectation,
    read_predictions,
    write_expectation,
    write_predictions,
)
from reports.gate.found import FoundStudy
from reports.gate.trained import trained_checks
from reports.gate.update import expectation_of
from tests.gated_study import HOSTILE, seeds_of, study


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> FoundStudy:
    return study(tmp_path_factory.mktemp("expected") / "out", seeds_of(0.3))


def test_an_expectation_comes_back_from_its_files(tmp_path: Path) -> None:
    tags = (Tag("seed", "classification"), Tag("label", "classification"), Tag(HOSTILE, "regression"))
    found = study(tmp_path / "out", seeds_of(0.3, range(3), label='we "gbt"'), tags)
    expectation, file = expectation_of(found, "smoke"), tmp_path / "smoke.toml"
    write_expectation(expectation, file)
    write_predictions(found.test, found.scores, file)
    assert read_expectation(file) == expectation
    back = read_predictions(expectation, found.test, file)
    assert {key: scores.tolist() for key, scores in back.items()} == {
        key: scores.tolist() for key, scores in found.scores.items()
    }


def test_the_same_study_gives_the_same_expectation_to_the_byte(tmp_path: Path, expected: FoundStudy) -> None:
    written = []
    for name in ("one", "two"):
        file = tmp_path / name / "smoke.toml"
        file.parent.mkdir()
        write_expectation(expectation_of(expected, "smoke"), file)
        write_predictions(expected.test, expected.scores, file)
        written.append([file.read_bytes(), predictions_file(file).read_bytes()])
    assert written[0] == written[1]


def damaged(file: Path) -> None:
    predictions_file(file).write_bytes(b"PAR1")


def of_other_tracks(file: Path) -> None:
    table = pd.read_parquet(predictions_file(file))
    table.assign(id="x" + table["id"]).to_parquet(predictions_file(file))


def of_other_seeds(file: Path) -> None:
    table = pd.read_parquet(predictions_file(file))
    table[table["seed"] == 0].to_parquet(predictions_file(file))


@pytest.mark.parametrize("fault", [damaged, of_other_tracks, of_other_seeds])
def test_predictions_that_do_not_belong_to_an_expectation_are_refused(
    fault: Callable[[Path], None], tmp_path: Path, expected: FoundStudy
) -> None:
    file = tmp_path / "smoke.toml"
    write_predictions(expected.test, expected.scores, file)
    fault(file)
    with pytest.raises(InputError, match=r"smoke.parquet (cannot be read|is not of).*--update"):
        read_predictions(expectation_of(expected, "smoke"), expected.test, file)


def test_a_mean_that_is_not_that_of_the_expected_predictions_is_refused(expected: FoundStudy) -> None:
    expectation = expectation_of(expected, "smoke")
    changed = [expectation.numbers[0].model_copy(update={"mean": 0.9}), *expectation.numbers[1:]]
    with pytest.raises(InputError, match="mean gbt · 40 · ROC-AUC % is not that of the expected predictions"):
        list(trained_checks(expected, expectation.model_copy(update={"numbers": changed}), expected.scores))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("margin = ", "margin = -", "numbers.0.margin: input should be greater than 0"),
        ("mean = ", "meen = ", "numbers.0.mean: is missing"),
        ("[tracks]", "[tracks", "cannot be read"),
    ],
)
def test_a_mistake_in_an_expectation_is_named(
    old: str, new: str, said: str, tmp_path: Path, expected: FoundStudy
) -> None:
    file = tmp_path / "smoke.toml"
    write_expectation(expectation_of(expected, "smoke"), file)
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(InputError, match=f"smoke.toml:? {said}"):
        read_expectation(file)
