"""The published lists of the Million Song Dataset become a corpus, read once from pickles that run nothing."""

import pickle
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from bench.corpora import msd
from bench.errors import InputError
from bench.whole_file import written_aside
from tests.python2_pickle import python2_pickle
from tests.small_msd import TAGS, track_id, train_tracks, write_lists, write_msd

TRACKS = 20
TRAIN = train_tracks(TRACKS)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The published files of a small split, without audio."""
    return write_msd(tmp_path, tracks=TRACKS, audio=False)


def test_the_lists_give_the_official_parts_artists_and_files_that_are_there(tmp_path: Path) -> None:
    corpus = msd.load(write_msd(tmp_path, tracks=TRACKS), train=TRAIN)
    assert corpus.ids.tolist() == [track_id(number) for number in range(TRACKS)]
    assert corpus.parts is not None
    assert corpus.parts.tolist() == ["train"] * 12 + ["valid"] * 4 + ["test"] * 4
    assert corpus.files[3] == "songs/7/0/700003.clip.mp3"
    assert all((tmp_path / file).is_file() for file in corpus.files)
    assert corpus.groups[:4].tolist() == ["Artist 0", "Artist 0", "Artist 0", "Artist 1"]
    assert corpus.note == ""


def test_audio_may_lie_right_in_the_root(tmp_path: Path) -> None:
    corpus = msd.load(write_msd(tmp_path, tracks=TRACKS, folder="", audio=False), train=TRAIN)
    assert corpus.files[3] == "7/0/700003.clip.mp3"


def test_the_vectors_are_the_targets_in_the_order_of_the_tags(root: Path) -> None:
    corpus = msd.load(root, train=TRAIN)
    assert [tag.name for tag in corpus.tags] == TAGS
    assert {tag.kind for tag in corpus.tags} == {"classification"}
    assert corpus.targets[:, 0].tolist() == [1, 0] * (TRACKS // 2)
    assert corpus.targets[:8, 1].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    assert corpus.targets[:, 2].tolist() == [1] + [0] * (TRACKS - 1)
    assert not corpus.targets[:, 3:].any()


def test_the_version_is_the_published_one_only_with_the_official_counts(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert msd.load(root, train=TRAIN).version == "Last.fm top 50, changed"
    monkeypatch.setattr(msd, "OFFICIAL", {"train": 12, "valid": 4, "test": 4})
    assert msd.load(root, train=TRAIN).version == "Last.fm top 50"
    assert msd.load(root, train=TRAIN - 1).version == "Last.fm top 50, changed"
    (root / msd.TAG_NAMES).write_text("one\n")
    (root / msd.VECTORS).write_bytes(python2_pickle({track_id(n): np.ones((1, 1)) for n in range(TRACKS)}))
    assert msd.load(root, train=TRAIN).version == "Last.fm top 50, changed"


def test_the_official_counts_are_those_of_the_papers() -> None:
    assert list(msd.OFFICIAL.values()) == [201_680, 11_774, 28_435]


def test_a_list_of_another_length_is_divided_as_the_official_one(root: Path) -> None:
    corpus = msd.load(root)
    assert corpus.parts is not None
    assert corpus.parts.tolist() == ["train"] * 15 + ["valid"] + ["test"] * 4
    whole = sum(count for part, count in msd.OFFICIAL.items() if part != "test")
    parts = msd._parts(root, np.full(whole, "train"), None)
    assert [int((parts == part).sum()) for part in ("train", "valid")] == [201_680, 11_774]


def test_fewer_tracks_than_train_are_refused_with_what_to_set(root: Path) -> None:
    for train in (16, 201_680):
        with pytest.raises(
            InputError, match=rf"lists 16 tracks, which cannot give {train:,} .* set `train` to another"
        ):
            msd.load(root, train=train)


def test_the_pickles_are_read_once_and_again_when_one_has_changed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = msd.load(root, train=TRAIN)
    read: list[str] = []

    def counted(file: Path) -> object:
        read.append(file.name)
        return pickle.loads(file.read_bytes(), encoding="bytes")  # noqa: S301 - our own

    monkeypatch.setattr(msd, "read_pickle", counted)
    assert msd.load(root, train=TRAIN).digest == first.digest
    assert read == []
    write_lists(root, first.ids[:-1].tolist(), tested=3)
    assert len(msd.load(root, train=TRAIN)) == TRACKS - 1
    assert msd.VECTORS in read
    read.clear()
    assert len(msd.load(root, train=TRAIN)) == TRACKS - 1
    assert read == []


def test_a_damaged_table_of_what_was_read_is_made_again(root: Path) -> None:
    first = msd.load(root, train=TRAIN)
    whole = (root / msd.CONVERTED).read_bytes()
    renamed = whole.replace(b"tag/tone", b"tag/bone")
    for content in (b"no parquet", whole[:-100], renamed):
        assert content != whole
        (root / msd.CONVERTED).write_bytes(content)
        assert msd.load(root, train=TRAIN).digest == first.digest
        assert (root / msd.CONVERTED).read_bytes() == whole


@pytest.fixture
def unwritable(root: Path) -> Path:
    """The same, where no file can be made beside the lists, whoever runs the tests."""
    with suppress(InterruptedError), written_aside(root / msd.CONVERTED) as aside:
        raise InterruptedError
    aside.mkdir()
    return root


def test_where_the_folder_cannot_be_written_it_says_so_and_the_corpus_is_the_same(
    unwritable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = msd.load(unwritable, train=TRAIN), msd.load(unwritable, train=TRAIN)
    assert first.digest == second.digest
    assert not (unwritable / msd.CONVERTED).exists()
    assert capsys.readouterr().err.count("the pickles will be read again next time") == 2


def test_without_artists_every_track_is_its_own_group_and_the_note_says_so(tmp_path: Path) -> None:
    corpus = msd.load(write_msd(tmp_path, tracks=TRACKS, audio=False, artists=False), train=TRAIN)
    assert corpus.groups.tolist() == corpus.ids.tolist()
    assert "the parts may share artists unnoticed" in corpus.note


def test_tracks_whose_artist_is_not_told_are_counted(root: Path) -> None:
    lines = (root / msd.ARTISTS).read_text().splitlines()
    (root / msd.ARTISTS).write_text("\n".join([*lines[2:], f"{track_id(1)}<SEP>SO1<SEP><SEP>Song"]))
    corpus = msd.load(root, train=TRAIN)
    assert corpus.groups[:3].tolist() == [track_id(0), track_id(1), "Artist 0"]
    assert corpus.note == "Of 2 tracks no artist is known."


def test_a_line_of_artists_that_is_none_is_refused_by_its_number(root: Path) -> None:
    (root / msd.ARTISTS).write_text("a<SEP>b<SEP>c<SEP>d\na,b,c,d\n")
    with pytest.raises(InputError, match=r"unique_tracks\.txt, line 2 has not the four fields"):
        msd.load(root, train=TRAIN)


def test_tracks_without_a_preview_are_kept_under_a_name_that_is_not_there(root: Path) -> None:
    known = {track_id(number): str(700000 + number) for number in range(1, TRACKS)}
    (root / msd.SEVEN_DIGITAL_IDS).write_bytes(python2_pickle(known))
    corpus = msd.load(root, train=TRAIN)
    assert len(corpus) == TRACKS
    assert corpus.files[0] == f"songs/unknown/{track_id(0)}.clip.mp3"
    assert corpus.files[1] == "songs/7/0/700001.clip.mp3"
    assert corpus.note == "Of 1 tracks no preview is known."


def test_vectors_of_any_shape_and_numeric_kind_and_ids_as_numbers_are_taken(root: Path) -> None:
    first = msd.load(root, train=TRAIN)
    rows = zip(first.ids.tolist(), first.targets, strict=True)
    (root / msd.VECTORS).write_bytes(pickle.dumps({name: row.astype(bool) for name, row in rows}))
    numbers = {name: 700000 + number for number, name in enumerate(first.ids.tolist())}
    (root / msd.SEVEN_DIGITAL_IDS).write_bytes(python2_pickle(numbers))
    again = msd.load(root, train=TRAIN)
    assert again.digest == first.digest
    assert again.files.tolist() == first.files.tolist()


@pytest.mark.parametrize("missing", msd.PUBLISHED)
def test_a_missing_file_is_refused_by_name(root: Path, missing: str) -> None:
    (root / missing).unlink()
    with pytest.raises(InputError, match=f"{missing} is not there; put the files of the split there"):
        msd.load(root, train=TRAIN)


GOOD, ZEROS = track_id(0), np.zeros((50, 1))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (msd.TRAIN_LIST, {}, "holds no list of tracks"),
        (msd.TRAIN_LIST, [["a"]], "where an id or a path belongs"),
        (msd.TRAIN_LIST, [GOOD] * 16, "stands more than once"),
        (msd.TEST_LIST, [GOOD], "stands more than once"),
        (msd.TEST_LIST, ["TRZ"], "has no vector of 50 zeros and ones for track 'TRZ'"),
        (msd.VECTORS, [], "holds no dictionary"),
        (msd.VECTORS, {GOOD: ZEROS[:49]}, f"has no vector of 50 zeros and ones for track '{GOOD}'"),
        (msd.VECTORS, {GOOD: ZEROS + 0.5}, f"has no vector of 50 zeros and ones for track '{GOOD}'"),
        (msd.VECTORS, {GOOD: "1"}, f"has no vector of 50 zeros and ones for track '{GOOD}'"),
        (msd.SEVEN_DIGITAL_IDS, ["a"], "holds no dictionary"),
        (msd.PATHS, {"700000": "../../x.mp3"}, "leaves the root"),
        (msd.PATHS, {"700000": "a\n.mp3"}, "where an id or a path belongs"),
        (msd.PATHS, {"700000": ["a"]}, "where an id or a path belongs"),
    ],
)
def test_wrong_contents_are_refused_in_one_line(root: Path, file: str, content: object, message: str) -> None:
    (root / file).write_bytes(python2_pickle(content))
    (root / "songs").rmdir()
    with pytest.raises(InputError, match=message) as refused:
        msd.load(root, train=TRAIN)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("names", [b"", b"a\na\n", b"\xff\n"])
def test_a_list_of_tags_that_is_none_is_refused(root: Path, names: bytes) -> None:
    (root / msd.TAG_NAMES).write_bytes(names)
    with pytest.raises(InputError, match=r"50tagList\.txt (names no tag|cannot be read)"):
        msd.load(root, train=TRAIN)


def test_a_pickle_that_names_a_command_is_refused_and_leaves_no_table(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    (root / msd.PATHS).write_bytes(b"cposix\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(InputError, match=r"7D_id_to_path\.pkl is refused: it names posix\.system"):
        msd.load(root, train=TRAIN)
    assert not (root / "ran").exists()
    assert not (root / msd.CONVERTED).exists()
