"""The caption tells what the records say, and only that."""

from pathlib import Path

from bench.audio import AudioSettings
from bench.record import RunRecord
from bench.tuning import Tuning
from reports.caption import headline, notes
from reports.published import published
from reports.study_folder import read_study_folder
from tests.factories import make_record, write_study

UNCERTAINTY = [("±", "is not known.")]


def notes_of(out: Path, records: list[RunRecord]) -> str:
    return notes(read_study_folder(write_study(out, records)), published().networks, UNCERTAINTY)


def test_the_corpus_its_note_and_its_parts_are_named(tmp_path: Path) -> None:
    note = "It is synthetic & foretells nothing."
    record = make_record(corpus="embedded", corpus_version="3", corpus_note=note, n_valid=60, n_test=1200)
    text = headline(read_study_folder(write_study(tmp_path, [record])))
    assert "**embedded 3**" in text
    assert "the same 60 validation tracks" in text
    assert "the same 1.2k test tracks" in text
    assert r"> It is synthetic \& foretells nothing." in text
    assert "Unfinished" not in text


def test_the_studys_own_note_is_printed(tmp_path: Path) -> None:
    study = read_study_folder(write_study(tmp_path, [make_record()], note='Networks of a "quarter" width.'))
    assert '\n\nNetworks of a "quarter" width.' in headline(study)


def test_missing_cells_are_counted_by_model(tmp_path: Path) -> None:
    unfinished = [make_record("gbt", 120), make_record("waveform", 40), make_record("waveform", 120)]
    study = read_study_folder(write_study(tmp_path, [make_record("gbt", 40)], unfinished=unfinished))
    assert "**Unfinished: 3 of 4 cells are missing** (gbt 1, waveform 2)." in headline(study)


def test_scored_and_unscored_tags_are_counted_with_the_rule(tmp_path: Path) -> None:
    text = notes_of(tmp_path, [make_record(min_positives=5, min_negatives=7)])
    assert "over 2 classification tags, √MSE (lower is better) is the mean over 1 regression tag." in text
    assert "**Tags not scored.** 1 of 4: fewer than 5 positives or 7 negatives" in text


def test_a_network_stands_beside_the_papers_for_as_many_tags(tmp_path: Path) -> None:
    settings = {"patch_seconds": 3.0, "filters": [16, 16, 32], "learning_rate": 0.001, "hop": 512}
    records = [
        make_record("waveform", n_parameters=342_611, settings=settings),
        make_record("spectrogram", n_parameters=5_897_200 + 4 * 501, settings={"patch_seconds": 15.0}),
        make_record("linear", 40, n_parameters=1200),
        make_record("linear", 320, n_parameters=1234),
        make_record("prior", n_parameters=None),
    ]
    text = notes_of(tmp_path, records)
    assert "waveform 342,611 (smaller than the paper's network, which has 5,354,036)" in text
    assert "spectrogram 5,899,204 (as in the paper)" in text
    assert "linear 1,200 to 1,234." in text
    assert (
        "**waveform** departs from the paper's settings: filters 16/16/32 (paper 64/64/64/128/128/128/256), "
        "patch_seconds 3 (paper 15).\n"
    ) in text
    assert "**spectrogram** departs" not in text


def test_audio_is_told_once_where_all_models_share_it_and_by_model_otherwise(tmp_path: Path) -> None:
    whole = AudioSettings(sample_rate=22050)
    records = [make_record("gbt"), make_record("waveform")]
    assert "**Audio.** 16,000 Hz mono, at most the first 30 s of a track." in notes_of(tmp_path / "same", records)
    records[1] = make_record("waveform", audio=whole)
    expected = "gbt: 16,000 Hz mono, at most the first 30 s of a track; waveform: 22,050 Hz mono, whole tracks."
    assert expected in notes_of(tmp_path / "other", records)
    records = [make_record("gbt", audio=AudioSettings(sample_rate="own"))]
    assert "**Audio.** each track's own rate, mono, whole tracks." in notes_of(tmp_path / "own", records)


def test_the_dagger_is_explained_only_where_it_stands(tmp_path: Path) -> None:
    assert "**†**" in notes_of(tmp_path / "capped", [make_record(hit_cap=True)])
    assert "†" not in notes_of(tmp_path / "converged", [make_record(hit_cap=False)])


def test_tags_not_trained_in_the_usual_way_are_counted_by_model_reason_and_size(tmp_path: Path) -> None:
    few = "fixed number of rounds"
    records = [
        make_record("gbt", 40, 0, special_tags={"rock": few, "jazz": few, "folk": "prevalence"}),
        make_record("gbt", 40, 1, special_tags={"rock": few, "jazz": few}),
        make_record("gbt", 320, 0, special_tags={"rock": few}),
    ]
    text = notes_of(tmp_path, records)
    assert f"**gbt**, tags not trained in the usual way: {few} (1 at 320, 2 at 40); prevalence (1 at 40)." in text


def test_odd_tracks_are_told_by_model_and_size(tmp_path: Path) -> None:
    records = [make_record("linear", 40, track_notes={"too short": 3}), make_record("linear", 320)]
    assert "**linear**, tracks not taken as they are: too short (3 at 40);" in notes_of(tmp_path, records)


def test_fixed_settings_are_said_to_be_fixed(tmp_path: Path) -> None:
    text = notes_of(tmp_path, [make_record("gbt")])
    assert "**Settings** are fixed; nothing was tuned." in text
    assert "Tuning" not in text


def test_trials_and_what_was_chosen_at_each_size_are_told_by_model(tmp_path: Path) -> None:
    tuning = Tuning(trials=8, seed=0, search={"max_depth": [2, 3], "subsample": [0.6, 1.0]})
    records = [
        make_record("prior", 40),
        make_record("gbt", 40, 0, tuning=tuning, chosen={"max_depth": 2, "subsample": 1.0}),
        make_record("gbt", 40, 1, tuning=tuning, chosen={"max_depth": 3, "subsample": 1.0}),
        make_record("gbt", 320, tuning=tuning, chosen={"max_depth": 3, "subsample": 0.6}),
    ]
    text = notes_of(tmp_path, records)
    assert "**Tuning.** Each model had 8 trials of its settings at each size and seed" in text
    assert "the least mean squared error on the validation tracks was kept (prior: nothing to try).\n" in text
    assert (
        "**gbt** chose with the first seed max_depth 3, subsample 0.6 at 320; max_depth 2, subsample 1 at 40.\n" in text
    )
    assert "fixed" not in text


def test_the_options_of_a_network_are_set_against_the_papers(tmp_path: Path) -> None:
    papers = {"residual": True, "loss": "mse", "aggregation": "mean_max"}
    records = [
        make_record("waveform", settings=papers),
        make_record("spectrogram", settings=papers | {"residual": False, "loss": "bce"}),
    ]
    text = notes_of(tmp_path, records)
    assert "departs from the paper's settings: residual off (paper on), loss bce (paper mse).\n" in text
    assert "**waveform** departs" not in text


def test_what_a_network_chose_is_set_against_the_paper_too(tmp_path: Path) -> None:
    tuning = Tuning(trials=2, seed=0, search={"learning_rate": [0.001, 0.003, 0.01]})
    own = {"learning_rate": 0.001, "num_units": 128}
    chosen = {40: 0.01, 120: 0.001, 320: 0.003}
    records = [
        make_record("waveform", size, settings=own, tuning=tuning, chosen={"learning_rate": rate})
        for size, rate in chosen.items()
    ]
    expected = "num_units 128 (paper 500), learning_rate 0.003 or 0.01 (paper 0.001)."
    assert f"**waveform** departs from the paper's settings: {expected}" in notes_of(tmp_path / "tuned", records)
    as_the_paper = make_record(
        "waveform", tuning=tuning, settings={"learning_rate": 0.01}, chosen={"learning_rate": 0.001}
    )
    assert "departs" not in notes_of(tmp_path / "paper", [as_the_paper])


def test_rows_of_fewer_seeds_are_named(tmp_path: Path) -> None:
    assert "One seed a row." in notes_of(tmp_path / "one", [make_record()])
    records = [make_record("gbt", 40, seed) for seed in range(3)] + [make_record("gbt", 320)]
    text = notes_of(tmp_path / "several", records)
    assert "the mean over 3 seeds of their own; fewer for gbt at 320: 1." in text


def test_what_is_known_of_the_intervals_stands_there(tmp_path: Path) -> None:
    assert "\n- **±** is not known.\n" in notes_of(tmp_path, [make_record()])
