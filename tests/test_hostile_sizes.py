"""What is far too large or deep is refused in one line, before it fills the memory or overflows a stack."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.audio import AudioSettings, decode
from bench.corpora import jamendo, manifest, mgphot
from bench.corpus import Corpus, Tag
from bench.errors import InputError
from bench.facts import RejectedTrackError
from bench.study import read_study
from tests.small_jamendo import write_jamendo

TEN_MILLION = 10_000_000
MOST_BYTES = 400 << 20  # a cell of ten million characters would take 40 MB in each of 1,000 rows


def table(rows: int = 1000) -> pd.DataFrame:
    return pd.DataFrame({"path": [f"{row}.wav" for row in range(rows)], "rock": [row % 2 for row in range(rows)]})


def refused(root: Path) -> str:
    """Return why a manifest is refused; that takes no more memory than the file a few times over."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as refusal:
            manifest.load(root)
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
    (line,) = str(refusal.value).splitlines()
    assert len(line) < 300 + len(str(root))
    return line


@pytest.mark.parametrize("column", ["path", "id", "group", "split", "sha256", "descriptors"])
def test_a_name_of_ten_million_characters_is_refused(tmp_path: Path, column: str) -> None:
    long = table()
    long[column] = [*long["path"][:-1], "x" * TEN_MILLION]
    long.to_parquet(tmp_path / "manifest.parquet")
    assert f"track 1000: its {column} has 10,000,000 characters" in refused(tmp_path)


def test_a_path_of_ten_million_characters_in_a_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(f"path,rock\na.wav,1\n{'x' * TEN_MILLION},0\n")
    assert "row 3: its path has 10,000,000 characters" in refused(tmp_path)


def test_a_tag_whose_name_has_a_million_characters_is_refused(tmp_path: Path) -> None:
    table().rename(columns={"rock": "x" * 1_000_000}).to_parquet(tmp_path / "manifest.parquet")
    assert "the name of a column has 1,000,000 characters" in refused(tmp_path)


def test_a_column_of_long_texts_is_none_of_the_tags_and_costs_its_own_size_alone(tmp_path: Path) -> None:
    table().assign(lyrics=["x" * (TEN_MILLION if row == 0 else 1) for row in range(1000)]).to_parquet(
        tmp_path / "manifest.parquet"
    )
    tracemalloc.start()
    corpus = manifest.load(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    tracemalloc.stop()
    assert [tag.name for tag in corpus.tags] == ["rock"]


def test_a_hundred_thousand_declared_tags_of_which_none_is_there_are_refused(tmp_path: Path) -> None:
    table().to_parquet(tmp_path / "manifest.parquet")
    rows = "".join(f"tag {number},classification\n" for number in range(100_000))
    (tmp_path / "tags.csv").write_text(f"name,kind\n{rows}")
    with pytest.raises(InputError, match="has no column 'tag 0'"):
        manifest.load(tmp_path)


def test_a_field_of_a_data_set_that_no_name_could_be_is_refused(tmp_path: Path) -> None:
    write_jamendo(tmp_path)
    file = next(tmp_path.rglob("autotagging_top50tags-train.tsv"))
    lines = file.read_text().splitlines()
    fields = lines[1].split("\t")
    fields[1] = "x" * 2000
    file.write_text("\n".join([lines[0], "\t".join(fields), *lines[2:]]) + "\n")
    with pytest.raises(InputError, match="row 2: has a field of 2,000 characters"):
        jamendo.load(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        f"x = {'[' * 100_000}{']' * 100_000}",
        f"x = {'{a=' * 100_000}1{'}' * 100_000}",
        f"x{'.x' * 100_000} = 1",
        f"['x'{' . x' * 100_000}]",
        f"note = '{'x' * TEN_MILLION}'",
    ],
    ids=["arrays", "tables", "a key", "a heading", "text"],
)
def test_a_study_that_no_person_wrote_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(InputError, match=r"study.toml is not valid TOML: .*deeply nested"):
        read_study(str(tmp_path / "study.toml"))


def test_an_index_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    (tmp_path / mgphot.INDEX).write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(InputError, match="cannot be read"):
        mgphot.load(tmp_path)


def test_a_sound_file_that_claims_two_billion_frames_is_refused(tmp_path: Path) -> None:
    size = (1 << 32) - 100
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", size, b"WAVE", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16, b"data", size
    )
    (tmp_path / "long.wav").write_bytes(header + bytes(100))
    tracemalloc.start()
    with pytest.raises(RejectedTrackError):
        decode(tmp_path / "long.wav", AudioSettings())
    assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["", " ", "\n"])
def test_a_tag_without_a_name_is_refused(tmp_path: Path, name: str) -> None:
    names = np.array(["a"])
    with pytest.raises(InputError, match="a tag has no name"):
        Corpus("c", "", tmp_path, (Tag(name, "classification"),), names, names, names, np.zeros((1, 1), np.float32))


@pytest.mark.parametrize("setting", ["file", "tags"])
@pytest.mark.parametrize("place", ["/etc/passwd", "../elsewhere.csv", "a/../../elsewhere.csv"])
def test_a_study_names_no_table_outside_the_root(tmp_path: Path, setting: str, place: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    table().to_parquet(root / "manifest.parquet")
    (tmp_path / "elsewhere.csv").write_text("path,name,kind,rock\na.wav,rock,classification,1\n")
    with pytest.raises(InputError, match="leaves the root"):
        manifest.load(root, **{setting: place})
