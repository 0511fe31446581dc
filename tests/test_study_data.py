"""Preparing a study's data: every track is checked, what is found is written down, too much of it stops the study."""

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from bench.cli import exit_code
from bench.errors import InputError
from bench.study_data import StudyData, begin_study, checked, prepare_data
from reports.report import write_report
from tests.conftest import STUDY, StudyOnDisk

OFFICIAL = STUDY.replace("valid = 0.25\ntest = 0.35", 'kind = "official"')


@dataclass(frozen=True)
class Data:
    """The small study's data on disk, with its manifest as a table that a test may change."""

    study: StudyOnDisk
    manifest: pd.DataFrame

    def file(self, row: int) -> Path:
        return self.study.root / str(self.manifest["path"][row])

    def prepared(self, **columns: Any) -> StudyData:  # noqa: ANN401 - as pandas takes them
        """Write the manifest with these columns and prepare the study."""
        self.manifest.assign(**columns).to_parquet(self.study.root / "manifest.parquet", index=False)
        study, out, cache = self.study.study, self.study.out, self.study.cache
        place = begin_study(study, out=out, root=self.study.root, cache=cache)
        return prepare_data(study, place, out=out, cache=cache, workers=1)

    def tracks(self) -> dict[str, dict[str, str]]:
        """Return the rows of `tracks.csv` by id."""
        with (self.study.out / "tracks.csv").open(encoding="utf-8", newline="") as file:
            return {row.pop("id"): row for row in csv.DictReader(file)}


@pytest.fixture
def data(tmp_path: Path) -> Data:
    """Two parts in four train, one validates, one tests."""
    study = StudyOnDisk(tmp_path, OFFICIAL)
    manifest = pd.read_parquet(study.root / "manifest.parquet")
    artist = np.arange(len(manifest)) // 3
    return Data(study, manifest.assign(split=np.array(["train", "train", "valid", "test"])[artist % 4]))


def test_every_track_stands_in_one_table_with_what_was_found(data: Data) -> None:
    data.file(0).unlink()
    data.prepared(duration=1.5)
    tracks = data.tracks()
    assert list(tracks) == data.manifest["id"].tolist()
    assert list(tracks["t000"].values()) == [
        "audio/000.wav",
        "artist0",
        "",
        "refused",
        "file is missing",
        "",
        "1.5",
        "",
        "",
        "",
    ]
    assert list(tracks["t006"].values())[:9] == [
        "audio/006.wav",
        "artist2",
        "valid",
        "kept",
        "",
        "1.5",
        "1.5",
        "16000",
        "1",
    ]
    assert (data.study.out / "rejected.csv").read_text() == "path,reason\naudio/000.wav,file is missing\n"


def test_a_file_of_another_length_than_the_data_set_says_is_refused(data: Data) -> None:
    told = np.full(len(data.manifest), np.nan)
    told[:3] = [1.5, 2.4, 30.0]  # right, within a second, wrong
    found = data.prepared(duration=told)
    assert found.prepared.rejected == {"t002": "lasts 1.5 s, but the data set says 30.0 s"}


def test_the_tolerance_of_lengths_is_the_studys(tmp_path: Path) -> None:
    study = StudyOnDisk(tmp_path, OFFICIAL + "\n[prepare]\nduration_tolerance = 0.96\n")
    manifest = pd.read_parquet(study.root / "manifest.parquet").assign(split=["train", "valid", "test"] * 16)
    assert Data(study, manifest).prepared(duration=30.0).prepared.rejected == {}


def test_a_clipped_track_is_kept_and_noted(data: Data) -> None:
    loud = np.clip(3 * np.sin(np.arange(24000) / 5), -1, 1)
    soundfile.write(data.file(1), loud, 16000)
    found = data.prepared()
    assert found.prepared.rejected == {}
    assert found.prepared.notes["t001"].startswith("is clipped: ")
    assert data.tracks()["t001"]["verdict"] == "kept"
    assert [reason[:10] for reason in found.found.noted] == ["is clipped"]


def test_a_file_of_a_lower_rate_than_the_studys_is_kept_and_noted(data: Data) -> None:
    soundfile.write(data.file(1), np.random.default_rng(0).uniform(-0.5, 0.5, 12000), 8000)
    found = data.prepared()
    assert found.prepared.notes["t001"] == "has a sample rate of 8000 Hz: nothing above 4000 Hz is in it"
    assert found.found.rates == {8000: 1, 16000: 47}


def test_more_refused_tracks_than_the_study_allows_stop_it_by_name(data: Data) -> None:
    for row in range(5):
        data.file(row).unlink()
    found = data.prepared()
    with pytest.raises(InputError, match=r"5 of 48 tracks \(10.4 %\) are refused, more than the 10 % .* t000: file"):
        checked(found, data.study.out)
    assert len(pd.read_csv(data.study.out / "rejected.csv")) == 5


def test_as_many_refused_tracks_as_the_study_allows_stop_nothing(data: Data) -> None:
    for row in range(4):
        data.file(row).unlink()
    assert checked(data.prepared(), data.study.out).study.sizes == [6, 12]


def test_a_copy_in_another_part_is_listed_and_stays_unless_the_study_drops_it(data: Data) -> None:
    shutil.copy(data.file(9), data.file(0))  # a test track's audio in training
    found = data.prepared()
    assert found.found.leaking == {"train": 1, "test": 1}
    assert "t000" in found.parts.train.ids
    copies = pd.read_csv(data.study.out / "duplicates.csv")
    assert copies[["id", "part"]].values.tolist() == [["t000", "train"], ["t009", "test"]]
    assert copies[["copy_of", "kind"]].values.tolist()[1] == ["t000", "exact"]


def test_leaks_are_dropped_from_training_where_the_study_says_so(tmp_path: Path, data: Data) -> None:
    shutil.copy(data.file(9), data.file(0))
    dropping = StudyOnDisk(tmp_path, OFFICIAL + "\n[prepare]\ndrop_leaks = true\n")
    found = Data(dropping, data.manifest).prepared()
    assert "t000" not in found.parts.train.ids
    assert "t009" in found.parts.test.ids
    assert found.found.dropped == 1
    assert found.found.parts["train"] == 23
    told = Data(dropping, data.manifest).tracks()["t000"]
    assert [told["verdict"], told["reason"], told["part"]] == ["left out", "sounds like t009 (test)", ""]


def test_leaks_cannot_be_dropped_where_nothing_is_heard(tmp_path: Path) -> None:
    shipped = OFFICIAL.split("[[families]]")[0] + '[[families]]\nfamily = "linear"\ndescriptors = "acousticbrainz"\n'
    study = StudyOnDisk(tmp_path, shipped + "\n[prepare]\ndrop_leaks = true\n")
    manifest = pd.read_parquet(study.root / "manifest.parquet").assign(split=["train", "valid", "test"] * 16)
    with pytest.raises(InputError, match="drop_leaks = true needs an entry that hears audio"):
        Data(study, manifest).prepared(descriptors="none.json")


@pytest.mark.parametrize(("part", "called"), [("train", "training"), ("valid", "validation"), ("test", "test")])
def test_an_empty_part_is_refused_with_what_to_do(data: Data, part: str, called: str) -> None:
    split = data.manifest["split"].replace(part, "")
    with pytest.raises(InputError, match=f"the {called} part of the corpus has no track; its official split gives"):
        data.prepared(split=split)


def test_reasons_that_differ_in_what_was_measured_are_counted_together(data: Data) -> None:
    for row, samples in ((0, 8000), (1, 9000)):
        soundfile.write(data.file(row), np.random.default_rng(0).uniform(-0.5, 0.5, samples), 16000)
    data.file(2).write_bytes(b"no audio, but text")
    refused = data.prepared().found.refused
    assert refused["lasts … s, less than … s"] == 2
    assert [count for reason, count in refused.items() if reason.endswith("convert it to WAV, FLAC, Ogg, MP3 or M4A")]


def test_artists_in_several_parts_of_an_official_split_are_told(data: Data) -> None:
    found = data.prepared(group=["same", *data.manifest["group"][1:-1], "same"]).found
    assert [each.model_dump() for each in found.shared_groups] == [
        {"part": "train", "other": "test", "groups": 1, "tracks": 1, "n_tracks": 12}
    ]


def test_tracks_of_no_part_are_not_even_decoded(data: Data) -> None:
    data.file(0).unlink()
    found = data.prepared(split=["", *data.manifest["split"][1:]])
    assert found.prepared.rejected == {}
    assert len(found.prepared.whole) == 47


def test_preparing_again_decodes_only_what_is_new(data: Data) -> None:
    data.prepared()
    stores = data.study.cache / "stores"
    before = {file.name: file.stat().st_mtime_ns for file in stores.iterdir()}
    data.prepared()
    assert {file.name: file.stat().st_mtime_ns for file in stores.iterdir()} == before


def test_the_command_prints_what_was_found_and_what_to_do_next(data: Data, capsys: pytest.CaptureFixture[str]) -> None:
    data.manifest.to_parquet(data.study.root / "manifest.parquet", index=False)
    where = ["--root", str(data.study.root), "--out", str(data.study.out), "--cache", str(data.study.cache)]
    assert exit_code(["prepare", str(data.study.file), *where, "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "**48 of 48 tracks are kept** (24 training, 12 validation, 12 test; of 8, 4, 4 groups)" in said
    assert "Models will be trained on 6, 12 tracks." in said
    assert f"Next: tagbench run {data.study.file} {' '.join(where)}" in said


def test_the_table_tells_of_the_data_that_its_cells_were_trained_on(data: Data) -> None:
    data.manifest.to_parquet(data.study.root / "manifest.parquet", index=False)
    assert data.study.run() == []
    page = data.study.out / "table1.md"
    split = "**Split.** The data set's official parts; tracks: training 24 of 8 groups, validation 12 of 4 groups"
    assert split in page.read_text(encoding="utf-8")
    data.file(0).unlink()
    data.prepared()
    write_report(data.study.out)
    assert "**Refused.**" not in page.read_text(encoding="utf-8")
    assert data.study.run() == []
    assert "**Refused.** 1 of 48 tracks" in page.read_text(encoding="utf-8")


def test_the_command_tells_what_was_found_before_it_stops(data: Data, capsys: pytest.CaptureFixture[str]) -> None:
    for row in range(12):
        data.file(row).unlink()
    data.manifest.to_parquet(data.study.root / "manifest.parquet", index=False)
    where = ["--root", str(data.study.root), "--out", str(data.study.out), "--cache", str(data.study.cache)]
    assert exit_code(["prepare", str(data.study.file), *where, "--workers", "1"]) == 2
    said = capsys.readouterr()
    assert "- file is missing: 12" in said.out
    assert said.err.splitlines()[-1].startswith("tagbench: 12 of 48 tracks (25.0 %) are refused")


def test_a_track_whose_shipped_descriptors_are_not_there_or_elsewhere_is_out_for_all(tmp_path: Path) -> None:
    shipped = OFFICIAL.replace('family = "linear"', 'family = "linear"\ndescriptors = "acousticbrainz"')
    study = StudyOnDisk(tmp_path, shipped)
    manifest = pd.read_parquet(study.root / "manifest.parquet").assign(split=["train", "valid", "test"] * 16)
    (study.root / "described").mkdir()
    files = [f"described/{track}.json" for track in manifest["id"]]
    for file in files[2:]:
        (study.root / file).write_text('{"lowlevel": {"average_loudness": 0.5}}')
    (tmp_path / "elsewhere.json").write_text("{}")
    (study.root / files[1]).symlink_to(tmp_path / "elsewhere.json")
    assert Data(study, manifest).prepared(descriptors=files).prepared.rejected == {
        "t000": "has no descriptors: their file is missing",
        "t001": "has no descriptors: their file is a link that leads out of the data set's folder",
    }
