"""The second process waits, or is refused by the owner's name, and a lock ends with its owner, however it ends."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.locks import LOCKS_FOLDER, attempt, lock_file, locked_output, making

OUTPUT = "locked_output(folder)"
SHARED = "locked_output(folder, shared=True)"
MAKING = "making(folder, ['songs'])"
HOLD = """
import os, signal, subprocess, sys
from pathlib import Path
from bench.locks import attempt, lock_file, locked_output, making
folder = Path(sys.argv[1])
with {lock}:
    {meanwhile}
    print("here", flush=True)
    sys.stdin.read()
"""
LEAVE_CHILDREN = """
    import joblib
    left = [subprocess.Popen(["sleep", "600"], close_fds=False).pid]
    if not (forked := os.fork()):
        signal.pause()
    left += [forked, *joblib.Parallel(n_jobs=2)(joblib.delayed(os.getpid)() for _ in range(4))]
    print(*sorted(set(left)), flush=True)
"""


@contextmanager
def holder(lock: str, folder: Path, meanwhile: str = "pass") -> Iterator[subprocess.Popen[str]]:
    """Start a process that holds a lock until its input ends; what it does before may print a line."""
    script = HOLD.format(lock=lock, meanwhile=meanwhile.strip())
    command = [sys.executable, "-c", script, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    """Return the next line that a process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_the_second_process_in_an_output_folder_is_refused_by_the_name_of_the_first(tmp_path: Path) -> None:
    with holder(OUTPUT, tmp_path) as first:
        assert line_of(first) == "here"
        named = (
            rf"{tmp_path} is in use by process {first.pid} on .* \(-c {tmp_path}, since 20\d\d-.*\); wait for its end"
        )
        with pytest.raises(InputError, match=named), locked_output(tmp_path):
            pass
        first.communicate("")
    with locked_output(tmp_path):
        pass


def test_a_lock_ends_with_its_owner_though_the_children_of_the_owner_live_on(tmp_path: Path) -> None:
    with holder(OUTPUT, tmp_path, LEAVE_CHILDREN) as owner:
        children = [int(pid) for pid in line_of(owner).split()]
        assert line_of(owner) == "here"
        try:
            with attempt(lock_file(tmp_path, "folder")) as name:
                assert f"process {owner.pid} " in name
            owner.kill()
            owner.wait()
            with locked_output(tmp_path):
                for child in children[:2]:
                    os.kill(child, 0)
        finally:
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)


def test_who_needs_what_another_makes_says_so_waits_and_goes_on(tmp_path: Path) -> None:
    with holder(MAKING, tmp_path) as first:
        assert line_of(first) == "here"
        with holder(MAKING, tmp_path) as second:
            assert second.stderr is not None
            assert second.stderr.readline().startswith(f"waiting for process {first.pid} on ")
            with making(tmp_path, ["other songs"]):  # nobody waits for what it does not need
                first.communicate("")
            assert line_of(second) == "here"


def test_any_number_may_share_a_folder_and_nobody_else_has_it_meanwhile(tmp_path: Path) -> None:
    with holder(SHARED, tmp_path) as first, holder(SHARED, tmp_path) as second:
        assert line_of(first) == line_of(second) == "here"
        first.communicate("")
        refusal = pytest.raises(InputError, match="in use by several processes that share it, the last to come being")
        with refusal, locked_output(tmp_path):
            pass
        second.communicate("")
    with locked_output(tmp_path), holder(SHARED, tmp_path) as third:
        assert f"is in use by process {os.getpid()} " in third.communicate("")[1]


def test_a_process_may_hold_a_lock_twice_and_lets_it_go_in_the_end(tmp_path: Path) -> None:
    with locked_output(tmp_path), locked_output(tmp_path / ".." / tmp_path.name):
        pass
    with making(tmp_path, ["songs"]), making(tmp_path, ["songs"]):
        pass
    with holder(OUTPUT, tmp_path) as other, holder(MAKING, tmp_path) as another:
        assert line_of(other) == line_of(another) == "here"


def test_a_folder_that_nothing_was_written_to_goes_again_with_those_above_it(tmp_path: Path) -> None:
    with locked_output(tmp_path / "runs" / "study"):
        assert (tmp_path / "runs" / "study").is_dir()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "runs").mkdir()
    with locked_output(tmp_path / "runs" / "study"):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / "runs"]
    with locked_output(tmp_path / "runs" / "study"):
        (tmp_path / "runs" / "study" / "table").touch()
    assert (tmp_path / "runs" / "study" / "table").is_file()


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    with locked_output(tmp_path):
        pass
    assert [file.name for file in tmp_path.iterdir()] == [LOCKS_FOLDER]


def test_an_owners_name_cannot_move_the_cursor(tmp_path: Path) -> None:
    with holder(OUTPUT, tmp_path) as owner:
        assert line_of(owner) == "here"
        lock_file(tmp_path, "folder").write_bytes(b"\x1b[2J\xff" + 500 * b"x")
        with attempt(lock_file(tmp_path, "folder")) as name:
            assert name.isprintable()
            assert len(name) == 300


def test_where_nothing_can_be_written_nobody_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with making(tmp_path / "file" / "cache", ["songs"]):
        pass


@pytest.mark.parametrize("answer", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_told_once_and_cannot_be_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: int
) -> None:
    def flock(*_: object) -> None:
        raise OSError(answer, os.strerror(answer))

    monkeypatch.setattr(fcntl, "flock", flock)  # no such file system is at hand
    with locked_output(tmp_path), making(tmp_path, ["songs"]):
        pass
    told = f"{tmp_path} is on a file system that cannot lock; make sure that no other tagbench works there\n"
    assert capsys.readouterr().err == told
    with (
        pytest.raises(InputError, match="cannot lock, so that no process can share it"),
        locked_output(tmp_path, shared=True),
    ):
        pass


@pytest.mark.parametrize("name", [LOCKS_FOLDER, f"{LOCKS_FOLDER}/folder"])
def test_a_lock_is_not_signed_through_a_link(tmp_path: Path, name: str) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "folder").write_text("mine")
    link = tmp_path / "out" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(mine if name == LOCKS_FOLDER else mine / "folder")
    with pytest.raises(InputError, match="is a link"), locked_output(tmp_path / "out"):
        pass
    assert (mine / "folder").read_text() == "mine"
