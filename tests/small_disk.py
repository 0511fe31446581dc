"""A disk that may be full or read-only: a real file system in memory, which only a process and its children see."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

AS_ROOT = [] if os.getuid() == 0 else ["--map-root-user"]
AS_USER = [] if os.getuid() == 0 else ["--user", "--preserve-credentials"]


class SmallDisk:
    """A file system of so many kB, mounted at a folder that must be there, for the commands that are run on it."""

    def __init__(self, folder: Path, kilobytes: int) -> None:
        script = f'mount -t tmpfs -o size={kilobytes}k tmpfs "{folder}" && echo mounted && cat'
        self.folder = folder
        self._holder = subprocess.Popen(
            ["unshare", "--mount", *AS_ROOT, "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "mounted\n":
            raise PermissionError(self._holder.communicate()[1])

    @property
    def seen(self) -> Path:
        """Where this process sees what is on it."""
        return Path(f"/proc/{self._holder.pid}/root{self.folder}")

    def run(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command that has the disk."""
        enter = ["nsenter", "--target", str(self._holder.pid), "--mount", f"--wd={Path.cwd()}", *AS_USER]
        return subprocess.run(
            [*enter, *command], capture_output=True, text=True, check=False, env={**os.environ, **environment}
        )

    def become(self, options: str) -> None:
        """Give it other options of mount: `size=500k`, `ro`, `rw`."""
        done = self.run("mount", "-o", f"remount,{options}", str(self.folder))
        assert done.returncode == 0, done.stderr

    def end(self) -> None:
        self._holder.communicate()


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[SmallDisk]:
    """Mount a disk at a folder, which is made, while the block lasts."""
    folder.mkdir()
    disk = SmallDisk(folder, kilobytes)
    try:
        yield disk
    finally:
        disk.end()
