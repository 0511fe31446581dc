"""A file or folder is whole or absent, whatever stops its writer, and what a killed writer left is known and goes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.whole_file import (
    folder_written_aside,
    is_partial,
    none_left_aside,
    remove_leftovers,
    replace_file,
    written_aside,
)

KILLED = """
import os, signal, sys
from pathlib import Path
from bench.whole_file import folder_written_aside, written_aside

folder = Path(sys.argv[1])
with written_aside(folder / "deep" / "file") as file, folder_written_aside(folder / "cells" / "cell") as cell:
    file.write_text("half")
    (cell / "record").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_in(folder: Path) -> tuple[Path, Path]:
    """Have a process killed that writes a file and a folder, and return what it left of each."""
    shutil.rmtree(folder / "cells", ignore_errors=True)
    (folder / "deep").mkdir(exist_ok=True)
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)
    assert done.returncode == -signal.SIGKILL
    (file,) = (path for path in (folder / "deep").glob("file.*") if is_partial(path))
    (cell,) = (folder / "cells").iterdir()
    assert is_partial(cell)
    return file, cell


def test_a_file_that_is_never_complete_leaves_nothing_behind_and_an_older_one_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "file"
    replace_file(file, b"old")

    def interrupted() -> None:
        with written_aside(file) as aside:
            aside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(left.name, left.read_text()) for left in tmp_path.iterdir()] == [("file", "old")]


def test_a_folder_takes_the_place_of_another_or_leaves_it_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "cell"

    def write(text: str) -> None:
        with folder_written_aside(folder) as aside:
            (aside / text).write_text(text)
            if text == "half":
                raise KeyboardInterrupt

    write("old")
    with pytest.raises(KeyboardInterrupt):
        write("half")
    assert [file.name for file in tmp_path.rglob("*")] == ["cell", "old"]
    write("new")
    assert [file.name for file in tmp_path.rglob("*")] == ["cell", "new"]


def test_an_error_on_the_way_names_the_file_that_was_to_be(tmp_path: Path) -> None:
    (tmp_path / "folder" / "file").mkdir(parents=True)
    with pytest.raises(IsADirectoryError) as caught:
        replace_file(tmp_path / "folder", b"content")
    assert caught.value.filename == str(tmp_path / "folder")


def test_what_a_killed_process_left_goes(tmp_path: Path) -> None:
    file, folder = killed_in(tmp_path)
    remove_leftovers(tmp_path)
    assert not file.exists()
    assert not folder.exists()


def test_who_writes_a_file_removes_what_killed_processes_left_of_it(tmp_path: Path) -> None:
    file, _ = killed_in(tmp_path)
    other = file.rename(file.with_name(file.name.replace("file", "other")))
    file, _ = killed_in(tmp_path)
    replace_file(tmp_path / "deep" / "file", b"whole")
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"file", other.name}


def test_what_another_process_or_machine_writes_stays_unless_untouched_for_a_day(tmp_path: Path) -> None:
    with written_aside(tmp_path / "mine") as mine:
        mine.write_text("half")
        machine = mine.name.split(".")[1]
        kept = [mine, *(tmp_path / f"x.{name}" for name in (f"{machine}.1.partial", "other-2.9.partial", "1.partial"))]
        old = [tmp_path / f"y.{name}" for name in ("i16.9.partial", "other-2.9.partial")]
        for file in [*kept, *old]:
            file.write_text("half")
        for file in [*kept[:2], *old]:
            os.utime(file, (time.time() - 90_000,) * 2)
        remove_leftovers(tmp_path)
        assert set(tmp_path.iterdir()) == set(kept)


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
