"""Files and folders that are whole or absent at any moment: what is written takes its name in one step.

Until then it has another, `<name>.<machine>.<process>.partial`, by which what a killed process left is known. It is
brought to the disk first, so that after a power failure, too, a name stands for all of its content.
"""

import glob
import os
import platform
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PARTIAL = re.compile(r".+\.(?P<machine>[\w-]+)\.(?P<process>\d+)\.partial")
LEFT_SECONDS = 86_400.0  # what is written on another machine is never untouched for so long: a track takes minutes


@contextmanager
def written_aside(file: Path) -> Iterator[Path]:
    """Name a file to write, which takes the name of `file` once it is complete, and is removed if it never is.

    An `OSError` on the way names `file`.
    """
    aside = _aside(file)
    try:
        yield aside
        _to_disk(aside)
        aside.replace(file)
    except OSError as error:
        if error.filename in (None, str(aside)):
            error.filename = str(file)
        raise
    finally:
        with suppress(OSError):  # where nothing can be removed, nothing was written
            aside.unlink()


def replace_file(file: Path, content: bytes) -> None:
    """Write a file that takes the place of an older one at once; what killed processes left of it is removed."""
    for left in file.parent.iterdir():
        if left.name.startswith(f"{file.name}.") and _is_left(left):
            _remove(left)
    with written_aside(file) as aside:
        aside.write_bytes(content)


@contextmanager
def folder_written_aside(folder: Path) -> Iterator[Path]:
    """Give an empty folder to write into, which takes the name and the place of `folder` when the block ends well."""
    aside, replaced = _aside(folder), _aside(folder.with_name(f"{folder.name}.replaced"))
    _remove(aside)
    aside.mkdir(parents=True)
    try:
        yield aside
        for written in filter(Path.is_file, aside.rglob("*")):
            _to_disk(written)
        with suppress(FileNotFoundError):
            folder.rename(replaced)
        aside.rename(folder)
        _remove(replaced)
    finally:
        _remove(aside)


def check_writable(folder: Path) -> None:
    """Raise the `OSError` that writing into a folder would: before hours of work, not after."""
    tried = _aside(folder / "written")
    tried.touch()
    tried.unlink()


def is_partial(path: Path) -> bool:
    """Tell whether a file or folder has a name as what is still being written."""
    return PARTIAL.fullmatch(path.name) is not None


@contextmanager
def none_left_aside(files: Iterable[Path]) -> Iterator[None]:
    """Remove, where the block fails, what processes that were killed with it have left of `files` that they wrote."""
    try:
        yield
    except BaseException:
        for file in files:
            for left in file.parent.glob(f"{glob.escape(file.name)}.*.partial"):
                _remove(left)
        raise


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left half-written, in a folder and all below it.

    Of a process on another machine nobody here knows whether it was killed: what it writes is not untouched for a day.
    """
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if _is_left(left := Path(parent) / name):
                _remove(left)


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.{_machine()}.{os.getpid()}.partial")


def _machine() -> str:
    """Name what gives this process its number: the machine and, as Linux numbers them, the container."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", platform.node())[:40]
    with suppress(OSError):
        return f"{name}-{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116 - it is no file
    return f"{name}-0"


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_left(path: Path) -> bool:
    parts = PARTIAL.fullmatch(path.name)
    if parts is None:
        return False
    if parts["machine"] == _machine():
        return not _is_running(int(parts["process"]))
    with suppress(OSError):  # finished meanwhile
        return time.time() - path.stat().st_mtime > LEFT_SECONDS
    return False


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True


def _remove(path: Path) -> None:
    """Remove a file or a folder, as far as this user may."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
