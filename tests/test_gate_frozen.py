"""Frozen models: which are, when what they give is off, and the archive that they lie in."""

import math
from pathlib import Path

import pandas as pd
import pytest

from bench.errors import InputError
from reports.gate.checks import within
from reports.gate.found import read_found
from reports.gate.freezing import frozen_cells
from reports.gate.frozen import pack, relative_difference, unpack
from tests.factories import make_scores, make_test_part, write_scored_study


@pytest.mark.parametrize(("precision", "frozen"), [("float32", {"waveform"}), ("bf16", set())])
def test_a_network_whose_scores_no_two_processors_share_is_not_frozen(
    precision: str, frozen: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = make_test_part()
    scores = {("waveform", size, seed): make_scores(test, skill=0.3) for size in (40, 80) for seed in (0, 1)}
    write_scored_study(tmp_path / "out", test, scores, settings={"precision": precision})
    found = read_found(tmp_path / "out")
    chosen = dict(frozen_cells(found))
    assert set(chosen) == frozen
    if frozen:
        assert chosen["waveform"] == found.study.finished[0].cell.digest  # the smallest size, the first seed
    else:
        assert "it is not frozen" in capsys.readouterr().err


def test_a_descriptor_is_off_relative_to_its_size_in_any_song() -> None:
    table = pd.DataFrame({"a": [100.0, 1e-6, 0.0], "b": [math.nan, 0.0, 0.0]})
    assert relative_difference(table, table) == 0
    assert relative_difference(table, table.assign(a=[100.0, 2e-3, 0.0])) == pytest.approx(2e-5, rel=1e-3)
    assert relative_difference(table, table.assign(b=[math.nan, 0.5, 0.0])) == 0.5
    for other in (table.assign(b=0.0), table.rename(columns={"a": "c"}), table[:2]):
        assert math.isnan(relative_difference(table, other))


@pytest.mark.parametrize(("off", "verdict"), [(1e-6, "passed"), (1e-4, "failed"), (math.nan, "failed")])
def test_what_is_no_number_is_never_within_a_limit(off: float, verdict: str) -> None:
    assert within("frozen models", "scores", off, 1e-5).verdict == verdict


def test_an_archive_comes_back_and_is_the_same_to_the_byte(tmp_path: Path) -> None:
    (tmp_path / "in" / "model").mkdir(parents=True)
    (tmp_path / "in" / "model" / "a.json").write_text("{}")
    pack(tmp_path / "in", tmp_path / "one.zip")
    unpack(tmp_path / "one.zip", tmp_path / "out")
    assert (tmp_path / "out" / "model" / "a.json").read_text() == "{}"
    pack(tmp_path / "out", tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 and no more"])
def test_a_damaged_archive_is_refused(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "smoke.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"smoke.zip cannot be read"):
        unpack(tmp_path / "smoke.zip", tmp_path / "out")
