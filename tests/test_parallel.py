"""Work that is handed out comes back with its items, and the first error ends all of it."""

import os
import signal
from functools import partial
from pathlib import Path

import psutil
import pytest

from baselines.isolation import Describer
from bench.errors import StudyFailedError
from bench.parallel import in_tasks
from bench.store import StoredTrack


def squares(numbers: list[int]) -> list[int]:
    return [number**2 for number in numbers]


def describe_or_fail(begun: Path, tracks: list[StoredTrack | None]) -> list[None]:
    """Describe a track, which never ends; or wait until that has begun, and fail."""
    for track in tracks:
        if track is None:
            begun.read_text()  # a pipe: until somebody opens it to write
            raise ValueError("no track")
        with Describer("groups", 60) as describer:
            assert describer.names
            begun.write_text("begun")
            describer.describe(track)
    return [None] * len(tracks)


def killed(numbers: list[int]) -> list[int]:
    os.kill(os.getpid(), signal.SIGKILL)
    return numbers


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_each_item_comes_back_with_what_became_of_it(count: int, workers: int) -> None:
    found = dict(in_tasks("squaring", squares, range(count), workers=workers))
    assert found == {number: number**2 for number in range(count)}


def test_the_first_error_ends_all_work_before_it_is_raised(tmp_path: Path) -> None:
    endless, begun = tmp_path / "pipe", tmp_path / "begun"
    os.mkfifo(endless)  # nobody will ever write to it
    os.mkfifo(begun)
    before = set(psutil.Process().children(recursive=True))
    items = [StoredTrack(endless, 0, 100, 16000), None]
    with pytest.raises(ValueError, match="no track"):
        list(in_tasks("describing", partial(describe_or_fail, begun), items, workers=2))
    left = set(psutil.Process().children(recursive=True)) - before
    assert not [process for process in left if "baselines.features" in process.cmdline()]


def test_a_worker_that_is_killed_is_told_in_a_line_that_says_what_to_do() -> None:
    with pytest.raises(StudyFailedError, match=r"squaring: a worker process died, perhaps .* fewer --workers; run the"):
        list(in_tasks("squaring", killed, range(8), workers=2))
