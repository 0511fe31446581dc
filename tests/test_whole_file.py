"""A file is whole or absent, whatever stops its writer."""

from pathlib import Path

import pytest

from bench.whole_file import written_aside


def test_a_file_that_is_never_complete_leaves_nothing_behind_and_an_older_one_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with written_aside(file) as aside:
        aside.write_text("old")

    def interrupted() -> None:
        with written_aside(file) as aside:
            aside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(left.name, left.read_text()) for left in tmp_path.iterdir()] == [("file", "old")]
