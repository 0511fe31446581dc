"""A study's cost is told from figures: what is known beforehand exactly, what is not as an interval."""

import json
from pathlib import Path

import pytest

from bench.cli import exit_code
from bench.errors import InputError
from bench.plan.figures import Figures
from bench.plan.forecast import Forecast, Line, foretell
from bench.plan.page import _two_digits, sentences, table
from bench.plan.scope import Told, scope_of
from bench.study import Study, read_study
from bench.tuning import TuningSettings
from tests.conftest import StudyOnDisk
from tests.made_up_figures import PRICE, made_up, written

Captured = pytest.CaptureFixture[str]
PAPER = 1_200_000


def planned(tracks: int = PAPER, *, workers: int = 1, gpus: int = 1, device: str = "cpu") -> Forecast:
    scope = scope_of(read_study("paper"), Told(tracks), root=None, cache=Path())
    figures = made_up(scope.study, device="cuda" if device == "cuda" else "cpu")
    return foretell(scope.study, scope.extent, figures, workers=workers, gpus=gpus)


def line(forecast: Forecast, title: str) -> Line:
    return next(line for line in forecast.lines if line.title == title)


def cpu_of(forecast: Forecast) -> float:
    return line(forecast, "gbt: training").cpu.mid


def without(figures: Figures, label: str) -> Figures:
    return figures.model_copy(update={"stages": [figure for figure in figures.stages if figure.label != label]})


def test_the_updates_of_a_network_are_between_what_its_stopping_rule_and_its_cap_allow() -> None:
    cpu = line(planned(), "waveform: training").cpu
    valid = planned().extent.valid
    fewest = 3 * (PRICE["train"] * 16_000 + 16 * PRICE["validate"] * valid)
    most = 3 * (PRICE["train"] * 200_000 + 200 * PRICE["validate"] * valid)
    assert cpu.low == pytest.approx(fewest, rel=0.3)
    assert cpu.high == pytest.approx(most, rel=0.3)
    assert fewest < cpu.mid < most


def test_trees_cost_with_rounds_and_tracks_and_tags() -> None:
    forecast = planned()
    amounts = sum(size * 139 for size in (100_000, 500_000, 1_000_000))
    most = PRICE["train"] * 5000 * amounts
    assert line(forecast, "gbt: training").cpu.high == pytest.approx(most, rel=0.4)
    assert line(forecast, "gbt: training").cpu.low == pytest.approx(PRICE["train"] * 55 * amounts, rel=0.4)


def test_a_family_of_which_only_its_fit_is_known_grows_as_its_fit_did() -> None:
    assert line(planned(), "linear: training").cpu.mid == pytest.approx(PRICE["train"] * 1_600_000 * 139, rel=0.1)


def test_audio_on_disk_grows_with_the_tracks() -> None:
    assert line(planned(), "decode").disk.mid == pytest.approx(1e6 * PAPER, rel=0.01)
    assert line(planned(2 * PAPER), "decode").disk.mid == pytest.approx(2e6 * PAPER, rel=0.01)


def test_workers_share_what_can_be_shared_out_and_nothing_else() -> None:
    one, four = planned(), planned(workers=4)
    assert line(four, "gbt: training").wall.mid == pytest.approx(line(one, "gbt: training").wall.mid / 4)
    assert line(four, "report").wall == line(one, "report").wall
    assert line(four, "waveform: training").wall == line(one, "waveform: training").wall
    assert line(four, "gbt: training").cpu == line(one, "gbt: training").cpu


def test_no_more_workers_than_tags_and_shards_of_tracks_have_anything_to_do() -> None:
    one, many = planned(), planned(workers=10**6)
    for title, most in (("gbt: training", 139), ("gbt: scoring", 139), ("decode", 2**15), ("describe", 2**15)):
        assert line(many, title).wall.mid == pytest.approx(line(one, title).wall.mid / most)


def test_gpus_are_told_of_only_where_one_was_measured() -> None:
    assert planned().whole.gpu is None
    assert "GPU hours are not told" in " ".join(sentences(planned()))
    one, two = planned(device="cuda"), planned(device="cuda", gpus=2)
    assert line(one, "waveform: training").gpu == line(one, "waveform: training").wall
    assert line(two, "waveform: training").gpu == line(one, "waveform: training").gpu
    assert line(two, "waveform: training").wall.mid == pytest.approx(line(one, "waveform: training").wall.mid / 2)
    assert line(one, "gbt: training").gpu == line(two, "gbt: training").gpu == line(two, "gbt: training").wall
    assert line(one, "gbt: scoring").gpu is None
    assert line(one, "linear: training").gpu is None
    assert "GPU" in table(one).splitlines()[0]


def test_the_whole_is_all_lines_and_its_memory_that_of_the_hungriest() -> None:
    forecast = planned()
    assert forecast.whole.cpu.mid == pytest.approx(sum(line.cpu.mid for line in forecast.lines))
    assert forecast.whole.memory.mid == max(line.memory.mid for line in forecast.lines)


def test_what_a_corpus_and_its_parts_hold_is_there_in_all_that_comes_after() -> None:
    lines = planned()
    of_tracks = 1000 * PAPER
    assert line(lines, "load the tracks").memory.mid == pytest.approx(100e6 + of_tracks, rel=0.01)
    assert line(lines, "divide them").memory.mid == pytest.approx(100e6 + 2 * of_tracks, rel=0.01)
    assert line(lines, "decode").memory.mid == pytest.approx(100e6 + 2 * of_tracks, rel=0.01)


def test_a_speed_is_that_of_the_largest_run() -> None:
    told = {row.name: row for row in made_up(read_study("paper")).findings().rows}
    assert told["decode_cpu_seconds"].unit == "CPU s, 1 + 4,000"


def test_seeds_and_trials_are_counted() -> None:
    scope = scope_of(read_study("paper"), Told(PAPER), root=None, cache=Path())
    once, figures = planned(), made_up(scope.study)
    seeds = scope.study.model_copy(update={"seeds": [0, 1, 2]})
    trials = scope.study.model_copy(update={"tuning": TuningSettings(trials=4)})
    assert cpu_of(foretell(seeds, scope.extent, figures, workers=1, gpus=1)) == pytest.approx(3 * cpu_of(once))
    assert cpu_of(foretell(trials, scope.extent, figures, workers=1, gpus=1)) == pytest.approx(4 * cpu_of(once))


def test_the_table_fits_a_terminal_and_has_a_line_for_each_thing() -> None:
    for forecast in (planned(), planned(device="cuda")):
        lines = table(forecast).splitlines()
        assert max(map(len, lines)) <= 100
        assert len(lines) == 2 + len(forecast.lines) + 2


def test_figures_of_another_study_are_refused() -> None:
    scope = scope_of(read_study("paper"), Told(PAPER), root=None, cache=Path())
    with pytest.raises(InputError, match="tell nothing of"):
        foretell(scope.study, scope.extent, without(made_up(scope.study), "gbt"), workers=1, gpus=1)


def test_only_what_a_study_has_is_explained() -> None:
    scope = scope_of(read_study("paper"), Told(PAPER), root=None, cache=Path())
    prior = scope.study.model_copy(update={"families": scope.study.families[:1]})
    said = " ".join(sentences(foretell(prior, scope.extent, made_up(prior), workers=1, gpus=1)))
    assert "longest" not in said
    assert "GPU" not in said


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.04, "0"),
        (0.353, "0.4"),
        (9.97, "10"),
        (12.4, "12"),
        (994.0, "990"),
        (9949.0, "9,900"),
        (27e6, "27M"),
        (9.96e9, "10G"),
    ],
)
def test_numbers_have_two_digits(value: float, told: str) -> None:
    assert _two_digits(value) == told


def test_songs_that_a_study_makes_are_as_it_makes_them_however_many() -> None:
    smoke = read_study("smoke")
    scope = scope_of(smoke, Told(10**12), root=None, cache=Path())
    assert (scope.extent.tags, scope.seconds, scope.assumed) == (50, 6.0, ())
    for told in (Told(seconds=60.0), Told(tags=10)):
        with pytest.raises(InputError, match="study smoke makes its songs itself"):
            scope_of(smoke, told, root=None, cache=Path())


@pytest.fixture
def figures(small_study: StudyOnDisk, tmp_path: Path) -> Path:
    return written(small_study.study, tmp_path / "figures.json")


def ask(small_study: StudyOnDisk, *flags: str) -> int:
    return exit_code(["plan", str(small_study.file), "--root", str(small_study.root), *flags])


def test_a_plan_is_of_the_corpus_that_is_there(small_study: StudyOnDisk, figures: Path, capsys: Captured) -> None:
    assert ask(small_study, "--figures", str(figures)) == 0
    said = capsys.readouterr().out
    assert "48 tracks of 240 s with 3 tags: training on 6 / 12;" in said
    assert "Assumed: songs of 240 s (--seconds)." in said
    assert not small_study.out.exists()


def test_a_plan_looks_at_no_audio(small_study: StudyOnDisk, figures: Path) -> None:
    for file in (small_study.root / "audio").iterdir():
        file.unlink()
    assert ask(small_study, "--figures", str(figures)) == 0


def test_a_plan_as_json_has_bytes_and_seconds(small_study: StudyOnDisk, figures: Path, tmp_path: Path) -> None:
    assert ask(small_study, "--figures", str(figures), "--json", str(tmp_path / "plan.json")) == 0
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["extent"]["tracks"] == 48
    assert plan["whole"]["cpu"]["low"] <= plan["whole"]["cpu"]["mid"] <= plan["whole"]["cpu"]["high"]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--tracks", "10"], "asks for 12 training tracks; of 10 tracks, about 4 would be its training part"),
        (["--figures", "missing.json"], "missing.json cannot be read: No such file"),
        (["--json", "nowhere/plan.json"], "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_a_line(
    small_study: StudyOnDisk, flags: list[str], told: str, capsys: Captured
) -> None:
    assert ask(small_study, *flags) == 2
    assert told in capsys.readouterr().err


def test_songs_that_a_study_would_refuse_as_too_short_are_not_planned_with() -> None:
    with pytest.raises(InputError, match="would be; plan with longer ones"):
        scope_of(read_study("paper"), Told(PAPER, seconds=0.5), root=None, cache=Path())


def test_a_file_that_holds_no_figures_is_refused(small_study: StudyOnDisk, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "other.json").write_text('{"what": "metrics"}')
    assert ask(small_study, "--figures", str(tmp_path / "other.json")) == 2
    assert "holds no figures of stages" in capsys.readouterr().err


def test_figures_of_other_songs_or_other_settings_are_refused(tmp_path: Path, capsys: Captured) -> None:
    paper = read_study("paper")
    other = made_up(paper).model_copy(update={"entries": {"gbt": "another"}})
    (tmp_path / "other.json").write_text(other.as_json())
    asked = ["plan", "paper", "--tracks", str(PAPER), "--figures"]
    assert exit_code([*asked, str(tmp_path / "other.json")]) == 2
    assert "other.json tells of gbt with other settings; measure study paper by" in capsys.readouterr().err
    file = written(paper, tmp_path / "figures.json")
    assert exit_code([*asked, str(file), "--seconds", "30"]) == 2
    assert "tells of songs of 240 s, and here they have 30 s; measure" in capsys.readouterr().err
    assert exit_code([*asked, str(file), "--seconds", "230"]) == 0


def test_a_corpus_that_is_not_there_can_be_planned_by_its_number_of_tracks(tmp_path: Path, capsys: Captured) -> None:
    paper: Study = read_study("paper")
    figures = written(paper, tmp_path / "figures.json")
    assert exit_code(["plan", "paper", "--root", str(tmp_path), "--figures", str(figures)]) == 2
    assert "say with --tracks how many" in capsys.readouterr().err
    assert exit_code(["plan", "paper", "--tracks", str(PAPER), "--figures", str(figures)]) == 0
    assert "1,200,000 tracks of 240 s with 139 tags" in capsys.readouterr().out
