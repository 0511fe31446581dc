"""Figures are measured once: what is kept is taken, what is damaged made again, who is at it waited for."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.plan.figures import Figure, Figures
from bench.plan.kept import known_figures
from bench.plan.scope import Told, scope_of
from bench.study import read_study
from tests.made_up_figures import made_up
from tests.test_locks import holder, line_of

SCOPE = scope_of(read_study("smoke"), Told(), root=None, cache=Path())


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often something is measured, which takes minutes and is made up here."""
    count = [0]

    def measure_stages(*_: object, **__: object) -> list[Figure]:
        count[0] += 1
        return made_up(SCOPE.study).stages

    monkeypatch.setattr("bench.plan.kept.measure_stages", measure_stages)
    return count


def ask(cache: Path, *, again: bool = False) -> Figures:
    return known_figures(SCOPE, device="cpu", cache=cache, report=lambda _: None, again=again)


def test_what_is_kept_is_not_measured_again_unless_it_is_damaged_or_that_is_wanted(
    tmp_path: Path, measured: list[int]
) -> None:
    found = ask(tmp_path)
    assert ask(tmp_path) == found
    assert measured == [1]
    (kept,) = (tmp_path / "speed").glob("*.json")
    kept.write_bytes(kept.read_bytes()[:-100])
    assert ask(tmp_path) == found
    assert measured == [2]
    ask(tmp_path, again=True)
    assert measured == [3]


@pytest.mark.parametrize("again", [False, True])
def test_who_finds_another_measuring_waits_and_takes_what_that_has_found(
    tmp_path: Path, measured: list[int], *, again: bool
) -> None:
    found = ask(tmp_path)
    (kept,) = (tmp_path / "speed").glob("*.json")
    content = kept.read_bytes()
    kept.unlink()
    with holder("making(folder, ['speed'])", tmp_path) as other, ThreadPoolExecutor(1) as thread:
        assert line_of(other) == "here"
        asked = thread.submit(ask, tmp_path, again=again)
        with pytest.raises(TimeoutError):
            asked.result(timeout=1)
        kept.write_bytes(content)
        other.communicate("")
        assert asked.result(timeout=20) == found
    assert measured == [1]
