"""The page says in words and tables what the models do with exclusive tags, popular tags and some tracks."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.corpus import Corpus, Tag
from reports.exclusive_pairs import pair_findings
from reports.qualitative_page import (
    LIFTS_FILE,
    MOST_PAIRS,
    PAGE_FILE,
    PAIRS_FILE,
    PRECISION_FILE,
    RATIOS_FILE,
    look_closer,
    qualitative_files,
)
from reports.report import write_report
from reports.resampled import ResampledStudy, resample_study
from reports.study_folder import read_study_folder
from tests.factories import make_scores, make_test_part, write_scored_study

HOSTILE = "<script>alert(1)</script> | `x` *y* [z](http://w) \"q\" 'r' " + "long " * 60
FIGURE = "figures/popularity.svg"


def eight_tags(*, exclusive: bool = True) -> tuple[Tag, ...]:
    return (
        *(Tag(name, "classification", "era", "era" if exclusive else "") for name in ("baroque", "classical period")),
        *(Tag(f"tag {number}", "classification") for number in range(6)),
        Tag("energy", "regression"),
    )


def study_of(out: Path, test: Corpus, labels: tuple[str, ...] = ("gbt", "waveform", "spectrogram")) -> ResampledStudy:
    scores = {
        (label, size, 0): make_scores(test, skill=0.1 * (number + 1) + size / 5000, seed=number)
        for size in (40, 320)
        for number, label in enumerate(labels)
    }
    write_scored_study(out, test, scores)
    return resample_study(read_study_folder(out), out)


def lines_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_the_report_writes_page_tables_and_figure(tmp_path: Path) -> None:
    study = study_of(tmp_path, make_test_part(tags=eight_tags()))
    expected = qualitative_files(look_closer(study))
    assert set(expected) == {PAGE_FILE, PAIRS_FILE, LIFTS_FILE, RATIOS_FILE, PRECISION_FILE, FIGURE}
    write_report(tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in expected} == expected
    page = expected[PAGE_FILE].decode()
    for said in (
        "| spectrogram |",
        "baroque / classical period",
        "Popularity lift",
        "**spectrogram** with 320",
        FIGURE,
    ):
        assert said in page
    assert page.count("### ") == 12


def test_the_tables_hold_every_model_and_size_at_full_precision(tmp_path: Path) -> None:
    study = study_of(tmp_path, make_test_part(tags=eight_tags()))
    files = qualitative_files(look_closer(study))
    pairs = lines_of(files[PAIRS_FILE])
    assert {(line["model"], line["n_train"]) for line in pairs} == {
        (label, size) for label in ("gbt", "waveform", "spectrogram") for size in ("40", "320")
    }
    for line in pairs:
        (found,) = pair_findings(study, study.rows[line["model"], int(line["n_train"])])
        interval = found.excess.interval()
        assert float(line["joint_excess"]) == found.excess.value
        assert (float(line["joint_excess_low"]), float(line["joint_excess_high"])) == (interval.low, interval.high)
    assert len(lines_of(files[LIFTS_FILE])) == 6
    assert len(lines_of(files[RATIOS_FILE])) == 6 * 2  # eight tags: two bins
    tracks = lines_of(files[PRECISION_FILE])
    assert [line["id"] for line in tracks] == study.test.ids.tolist()
    assert set(tracks[0]) == {"id", "path", "n_tags", "network_average_precision", "baseline_average_precision"}


def test_hostile_names_are_neither_markup_nor_a_broken_table(tmp_path: Path) -> None:
    tags = tuple(replace(tag, name=f"{number} {HOSTILE}") for number, tag in enumerate(eight_tags()))
    test = make_test_part(tags=tags)
    test = replace(
        test,
        ids=np.array([f"{number}{HOSTILE}" for number in range(len(test))]),
        files=np.array([f"{number} | <b>.wav" for number in range(len(test))]),
    )
    labels = ("gbt", "waveform", f"spectrogram {HOSTILE}")
    files = qualitative_files(look_closer(study_of(tmp_path, test, labels)))
    page = files[PAGE_FILE].decode()
    assert re.search(r"(?<!\\)[<>]", page.replace("\n>", "")) is None
    tables = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    assert len(tables) > 12
    for table in tables:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1
    assert {line["first"] for line in lines_of(files[PAIRS_FILE])} == {tags[0].name}


def test_without_exclusive_or_classification_tags_the_page_says_so(tmp_path: Path) -> None:
    free = qualitative_files(look_closer(study_of(tmp_path / "free", make_test_part(tags=eight_tags(exclusive=False)))))
    assert "No two scored classification tags" in free[PAGE_FILE].decode()
    assert lines_of(free[PAIRS_FILE]) == []
    ratings = make_test_part(tags=(Tag("energy", "regression"), Tag("tempo", "regression")))
    files = qualitative_files(look_closer(study_of(tmp_path / "ratings", ratings)))
    assert "Too few classification tags" in files[PAGE_FILE].decode()
    assert FIGURE not in files
    assert files[RATIOS_FILE].startswith(b"model,n_train,n_tags")


def test_where_all_tracks_are_of_one_artist_there_are_values_and_no_intervals(tmp_path: Path) -> None:
    test = make_test_part(tags=eight_tags())
    one = replace(test, groups=np.full(len(test), "the only one"))
    files = qualitative_files(look_closer(study_of(tmp_path, one)))
    assert "Popularity lift" in files[PAGE_FILE].decode()
    assert all(line["popularity_lift"] and not line["popularity_lift_low"] for line in lines_of(files[LIFTS_FILE]))


@pytest.mark.parametrize("members", [4, 5])
def test_a_large_group_shows_the_pairs_that_most_tracks_have(tmp_path: Path, members: int) -> None:
    tags = tuple(Tag(f"key {number}", "classification", "", "key") for number in range(members))
    study = study_of(tmp_path, make_test_part(300, tags=tags))
    files = qualitative_files(look_closer(study))
    pairs = members * (members - 1) // 2
    page = files[PAGE_FILE].decode()
    assert len(lines_of(files[PAIRS_FILE])) == 6 * pairs
    assert page.count(" / key ") == 3 * min(pairs, MOST_PAIRS)
    assert ("The 8 of 10 pairs" in page) == (pairs > MOST_PAIRS)
