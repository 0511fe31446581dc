"""`tagbench speed stages` measures small runs of a study once, and `tagbench plan` tells of the study from them."""

import json
from pathlib import Path

import pytest

from bench.checksums import write_checksums
from bench.cli import exit_code
from bench.plan.figures import read_figures
from bench.plan.measuring import MOST_SONGS
from tests.conftest import STUDY, StudyOnDisk

Captured = pytest.CaptureFixture[str]

NETWORK_AND_TREES = """
[[families]]
family = "gbt"
max_rounds = 40

[[families]]
family = "waveform"
filters = [4, 4, 4, 8]
backend_filters = 8
num_units = 8
patch_seconds = 0.5
max_updates = 40
validate_every = 20
"""


def write_no_songs(folder: Path) -> None:
    """Write a cache's songs as if they had been made like that."""
    folder.mkdir(parents=True)
    names = [f"{number:03}.mp3" for number in range(MOST_SONGS)]
    for name in names:
        (folder / name).write_bytes(b"no music")
    write_checksums(folder / "songs.sha256", names)


@pytest.mark.slow
def test_what_was_measured_is_planned_with_and_not_measured_again(tmp_path: Path, capsys: Captured) -> None:
    small = StudyOnDisk(tmp_path, STUDY + NETWORK_AND_TREES)
    songs = small.cache / "speed" / "songs-2s"
    write_no_songs(songs)
    (songs / "000.mp3").write_bytes(b"not what it was")  # so that they are made again
    flags = [str(small.file), "--root", str(small.root), "--cache", str(small.cache), "--seconds", "2"]
    file = tmp_path / "figures.json"
    assert exit_code(["speed", "stages", *flags, "--json", str(file)]) == 0
    assert "train_waveform_cpu_seconds" in capsys.readouterr().out
    content = json.loads(file.read_text())
    assert content["what"] == "stages"
    assert {"name", "value", "unit"} == set(content["rows"][0])
    measured = {(figure.stage, figure.label) for figure in read_figures(file).stages}
    assert {("validate", "waveform"), ("train", "gbt"), ("train", "linear"), ("decode", ""), ("report", "")} <= measured
    assert [folder.name for folder in small.cache.glob("speed-*")] == []
    assert exit_code(["plan", *flags, "--workers", "1"]) == 0
    planned = capsys.readouterr()
    assert "measuring" not in planned.err
    assert "waveform 40 updates" in planned.out
    assert exit_code(["plan", *flags, "--workers", "1", "--figures", str(file)]) == 0
    assert capsys.readouterr().out == planned.out


def test_a_study_of_which_nothing_can_be_made_up_is_refused(tmp_path: Path, capsys: Captured) -> None:
    shipped = STUDY + '\n[[families]]\nfamily = "gbt"\ndescriptors = "acousticbrainz"\n'
    small = StudyOnDisk(tmp_path, shipped)
    assert exit_code(["plan", str(small.file), "--tracks", "1000", "--cache", str(small.cache)]) == 2
    assert "gbt reads what the data set ships" in capsys.readouterr().err


def test_a_small_run_that_fails_is_told_in_a_line(tmp_path: Path, capsys: Captured) -> None:
    small = StudyOnDisk(tmp_path, STUDY + NETWORK_AND_TREES)
    songs = small.cache / "speed" / "songs-2s"
    write_no_songs(songs)
    flags = [str(small.file), "--root", str(small.root), "--cache", str(small.cache), "--seconds", "2"]
    assert exit_code(["plan", *flags]) == 1
    told = capsys.readouterr().err
    assert "a small run of the study failed, so that nothing can be foretold" in told
    assert "are refused" in told
    assert "Traceback" not in told
    assert [folder.name for folder in small.cache.glob("speed-*")] == []
