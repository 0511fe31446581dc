"""A file is whole or absent, whatever stops its writer."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.whole_file import none_left_aside, written_aside


def test_a_file_that_is_never_complete_leaves_nothing_behind_and_an_older_one_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with written_aside(file) as aside:
        aside.write_text("old")

    def interrupted() -> None:
        with written_aside(file) as aside:
            aside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(left.name, left.read_text()) for left in tmp_path.iterdir()] == [("file", "old")]


KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from bench.whole_file import written_aside

with written_aside(Path(sys.argv[1])) as aside:
    aside.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_killed_writers_left_of_their_files_goes_where_the_work_fails_and_nothing_else(tmp_path: Path) -> None:
    named, other = tmp_path / "na[m]e", tmp_path / "other"
    for file in (named, other):
        file.write_text("old")
        subprocess.run([sys.executable, "-c", KILLED_WRITER, str(file)], check=False)
    assert len(list(tmp_path.iterdir())) == 4
    with none_left_aside([named]):
        pass
    assert len(list(tmp_path.iterdir())) == 4  # they may be others' who are at work
    with pytest.raises(KeyboardInterrupt), none_left_aside([named]):
        raise KeyboardInterrupt
    left = sorted(file.name for file in tmp_path.iterdir())
    assert left[:2] == ["na[m]e", "other"]
    assert [name.split(".")[0] for name in left[2:]] == ["other"]
