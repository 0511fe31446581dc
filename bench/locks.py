"""Locks that die with their owner: no two processes write into one output folder, or make the same thing, at once.

The kernel holds a lock (flock) on a file under `.locks/` as long as its owner lives, however it ends; processes that
the owner has started have no part in it. The files stay, for someone on another machine may wait for one of them, and
say who had the lock last; they can be deleted whenever nobody is at work.
"""

import errno
import fcntl
import os
import platform
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

from bench.digest import json_digest
from bench.errors import InputError
from bench.one_line import printable
from bench.progress import say

LOCKS_FOLDER = ".locks"
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)  # what a file system answers that has none
MOST_CHARACTERS = 300  # of an owner's name: a command line may be long

_held: dict[Path, IO[str]] = {}


@contextmanager
def locked_output(out: Path, *, shared: bool = False) -> Iterator[None]:
    """Keep an output folder, which is made where it is missing, for this process, or for all that share it.

    A folder that was made here and is still empty in the end goes again. Raises `InputError`, which names the owner,
    where another process has it, and where its file system cannot lock what is to be `shared`.
    """
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    with attempt(lock_file(out, "folder"), shared=shared) as owner:
        if owner:
            raise InputError(f"{out} is in use by {owner}; wait for its end, or work in another output folder")
        try:
            yield
        finally:
            if made and not shared and [each.name for each in out.iterdir()] == [LOCKS_FOLDER]:
                shutil.rmtree(out)
                _remove_empty(made[1:])


@contextmanager
def making(folder: Path, what: Iterable[str]) -> Iterator[None]:
    """Let no other process make what these names stand for under a folder; wait for one that is at it.

    Whoever had to wait finds it made. Where a folder cannot be written to, nobody can be waited for.
    """
    try:
        file = lock_file(folder, json_digest(list(what)))
    except OSError:
        yield
        return
    with attempt(file) as owner:
        if not owner:
            yield
            return
    say(f"waiting for {owner}, which makes what this needs")
    with attempt(file, wait=True):
        yield


def lock_file(folder: Path, name: str) -> Path:
    """Return the file of a lock in a folder; both are made where they are missing.

    Raises `InputError` where either is a link: an owner signs its lock, and would overwrite what the link names.
    """
    file = folder.resolve() / LOCKS_FOLDER / name
    for place in (file.parent, file):
        if place.is_symlink():
            raise InputError(f"{place} is a link, through which a file elsewhere would be overwritten; remove it")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    return file


@contextmanager
def attempt(file: Path, *, shared: bool = False, wait: bool = False) -> Iterator[str]:
    """Hold a lock until the block is done, and give ""; where another process has it, wait or give who that is.

    What this process holds already, it may hold again.
    """
    if file in _held:
        yield ""
        return
    with file.open("a+", encoding="utf-8", errors="replace") as opened:
        if not _is_locked(opened, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, wait=wait):
            yield _owner(opened)
            return
        _sign(opened, shared=shared)
        _held[file] = opened
        try:
            yield ""
        finally:
            _held.pop(file, None)


def _is_locked(opened: IO[str], kind: int, *, wait: bool) -> bool:
    """Lock an open file, until it is closed; return whether nobody else has it."""
    try:
        fcntl.flock(opened, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        folder = Path(opened.name).parent.parent
        if kind == fcntl.LOCK_SH:
            raise InputError(
                f"{folder} is on a file system that cannot lock, so that no process can share it"
            ) from error
        _tell_unlocked(folder)
    return True


@cache
def _tell_unlocked(folder: Path) -> None:
    say(f"{folder} is on a file system that cannot lock; make sure that no other tagbench works there")


def _sign(opened: IO[str], *, shared: bool) -> None:
    program = Path(sys.argv[0])
    command = shlex.join([program.parent.name if program.stem == "__main__" else program.name, *sys.argv[1:]])
    since = time.strftime("%Y-%m-%d %H:%M")
    several = "several processes that share it, the last to come being " if shared else ""
    line = f"{several}process {os.getpid()} on {platform.node()} ({command}, since {since})\n"
    try:
        opened.truncate(0)
        os.write(opened.fileno(), line.encode(errors="replace"))  # no buffer, which closing would write again
    except OSError as error:  # a full disk
        raise OSError(error.errno, os.strerror(error.errno or 0), opened.name) from error


def _owner(opened: IO[str]) -> str:
    """Return what the owner of a lock says of itself, as a terminal may have it."""
    opened.seek(0)
    said = opened.read().strip().splitlines() or ["another process"]
    return printable(said[-1][:MOST_CHARACTERS])


def _remove_empty(folders: Iterable[Path]) -> None:
    with suppress(OSError):  # the first that is not empty
        for folder in folders:
            folder.rmdir()


def _let_go() -> None:
    """Close what a child got that was forked and runs on: its parent alone holds the locks."""
    for opened in _held.values():
        opened.close()
    _held.clear()


os.register_at_fork(after_in_child=_let_go)
