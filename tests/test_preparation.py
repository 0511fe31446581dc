"""What was found in a study's data is told in plain sentences."""

from bench.record import DataRecord, SharedGroups
from reports.preparation import preparation_page

FOUND = DataRecord(
    corpus="tiny",
    corpus_version="v1",
    corpus_note="",
    n_tracks=1200,
    refused={},
    noted={},
    parts={"train": 1000, "valid": 100, "test": 100},
    groups={"train": 300, "valid": 30, "test": 31},
    hours=10.04,
    rates={44100: 1200},
    duplicates=0,
    leaking={},
    dropped=0,
    too_short=0,
    shared_groups=[],
)


def page(**changes: object) -> str:
    return preparation_page(DataRecord.model_validate(FOUND.model_dump() | changes))


def test_a_clean_corpus_takes_three_lines() -> None:
    assert page().splitlines() == [
        "# The data: tiny, v1",
        "",
        "**1,200 of 1,200 tracks are kept** (1,000 training, 100 validation, 100 test; of 300, 30, 31 groups), "
        "10.0 hours to be heard; 0 are refused.",
        "",
        "No two tracks were found to sound alike.",
    ]


def test_reasons_are_listed_with_their_numbers_and_nothing_in_them_is_markup() -> None:
    told = page(refused={"file is missing": 3, "is *odd*": 1}, noted={"is clipped: … %": 2}, rates={8000: 1, 44100: 9})
    assert "**1,196 of 1,200 tracks are kept**" in told
    assert "Refused, because a track:\n\n- file is missing: 3\n- is \\*odd\\*: 1" in told
    assert "Kept, though a track:\n\n- is clipped: … %: 2" in told
    assert "Sample rates of the files: 1 of 8,000 Hz, 9 of 44,100 Hz." in told


def test_a_long_list_of_reasons_is_cut_and_says_so() -> None:
    told = page(refused={f"reason {'x' * number}": 1 for number in range(30)})
    assert "- and 10 other reasons" in told


def test_leaks_are_told_with_what_can_be_done_or_was() -> None:
    leaking: dict[str, object] = {"duplicates": 2, "leaking": {"train": 3, "test": 2}}
    told = page(**leaking)
    assert "**A leak:** tracks that sound like one of another part: 3 training tracks, 2 test tracks" in told
    assert "`drop_leaks = true`" in told
    told = page(**leaking, dropped=3)
    assert "Those in training were left out of it." in told
    assert "drop_leaks" not in told


def test_copies_within_a_part_are_no_leak() -> None:
    assert "1 cluster, listed in duplicates.csv. None is in several parts." in page(duplicates=1)


def test_groups_in_two_parts_are_told() -> None:
    shared = SharedGroups(part="train", other="test", groups=45, tracks=3284, n_tracks=5329)
    told = page(shared_groups=[shared])
    assert "45 groups (artists) of the training part are in the test part, too: 3,284 of its 5,329 tracks." in told


def test_without_audio_nobody_knows_what_sounds_alike() -> None:
    assert "whether tracks sound alike was not looked at" in page(hours=None, rates={})


def test_a_leak_between_validation_and_test_is_for_the_user_to_mend() -> None:
    told = page(duplicates=1, leaking={"valid": 1, "test": 1})
    assert "1 validation track, 1 test track (duplicates.csv). Remove one of each, or mend the split." in told


def test_tracks_that_are_too_short_to_be_compared_are_told() -> None:
    assert "alike. (12 shorter than 6.1 s were compared by their samples alone.)" in page(too_short=12)
