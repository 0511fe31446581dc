"""What two real runs of a study cost foretells a third that is twice as large."""

import pytest

from bench.plan.figures import Figures
from bench.plan.forecast import Line, foretell
from bench.speed import call_apart
from tests.planned import Ran, run_for_real

WITHIN = 0.3
SUBSTANTIAL = 0.1  # of the whole's CPU seconds: with less, a few seconds on a busy machine are lost in its noise


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Ran]:
    folder = tmp_path_factory.mktemp("planned")
    return [call_apart("a study", run_for_real, n, folder / str(n)).result for n in (72, 144, 288)]


@pytest.fixture(scope="module")
def foretold(runs: list[Ran]) -> dict[str, Line]:
    first, second, third = runs
    figures = Figures(machine={}, seconds=4.0, entries={}, stages=[*first.figures, *second.figures])
    forecast = foretell(third.study, third.extent, figures, workers=1, gpus=1)
    return {line.title: line for line in (*forecast.lines, forecast.whole)}


@pytest.fixture(scope="module")
def real(runs: list[Ran]) -> dict[str, Line]:
    """What the third run cost: its own figures foretell it."""
    third = runs[2]
    figures = Figures(machine={}, seconds=4.0, entries={}, stages=third.figures)
    forecast = foretell(third.study, third.extent, figures, workers=1, gpus=1)
    return {line.title: line for line in (*forecast.lines, forecast.whole)}


@pytest.mark.slow
def test_the_figures_of_a_run_are_all_that_it_spent(runs: list[Ran], real: dict[str, Line]) -> None:
    spent = sum(of.cost.cpu_seconds for of in runs[2].spent)
    assert real["the whole"].cpu.mid == pytest.approx(spent, rel=0.1)


@pytest.mark.slow
def test_the_whole_of_a_larger_run_is_foretold_within_30_percent(
    foretold: dict[str, Line], real: dict[str, Line]
) -> None:
    ours, theirs = foretold["the whole"], real["the whole"]
    assert ours.cpu.mid == pytest.approx(theirs.cpu.mid, rel=WITHIN)
    assert ours.disk.mid == pytest.approx(theirs.disk.mid, rel=WITHIN)
    assert ours.memory.mid == pytest.approx(theirs.memory.mid, rel=WITHIN)


@pytest.mark.slow
def test_each_substantial_stage_of_a_larger_run_is_foretold_within_30_percent_or_its_interval(
    foretold: dict[str, Line], real: dict[str, Line]
) -> None:
    whole = real["the whole"].cpu.mid
    substantial = [title for title, line in real.items() if line.cpu.mid > SUBSTANTIAL * whole]
    assert len(substantial) > 3
    for title in substantial:
        ours, theirs = foretold[title], real[title].cpu.mid
        within = abs(ours.cpu.mid - theirs) <= WITHIN * theirs
        assert within or ours.cpu.low <= theirs <= ours.cpu.high, f"{title}: {ours.cpu} foretold, {theirs} CPU s spent"
