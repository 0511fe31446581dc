"""Tags any audio file with what a study trained, from the folder of a cell alone.

A file goes the way that the study's tracks went: it is decoded and heard, described or cut into windows, and predicted
by the same code, so that a test track gets the scores that the study recorded for it.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from bench.audio import AudioSettings
from bench.corpus import Corpus, Tag
from bench.device import use_threads
from bench.errors import InputError
from bench.families import load_trained, tagger_class
from bench.output import check_whole, is_finished, refuse_links_out
from bench.prepare import prepare
from bench.record import MODEL_FOLDER, RECORD_FILE, RunRecord
from bench.tagger import Context, Tagger, Trained, checked_scores
from bench.test_part import read_tags


@dataclass(frozen=True)
class Tagged:
    """What became of the files that were to be tagged, each under the name that it was given by.

    `scores` has a row for each file that could be heard and a column for each tag, with values in [0, 1]; `refused`
    says why another could not be heard, `notes` what is odd about one that could (it is shorter than a patch).
    """

    scores: pd.DataFrame
    refused: dict[str, str]
    notes: dict[str, str]


@dataclass(frozen=True)
class TrainedCell:
    """A trained cell: its record, its model with the settings it was made by, the tags it gives, how it hears."""

    record: RunRecord
    tagger: Tagger
    trained: Trained
    tags: tuple[Tag, ...]
    audio: AudioSettings

    @staticmethod
    def load(folder: Path) -> "TrainedCell":
        """Read a cell's folder; of it, `record.json`, `tags.csv` and `model` must be there.

        Raises `InputError` where one of them is missing or damaged, or the cell does not hear audio.
        """
        if not is_finished(folder):
            raise InputError(f"{folder} holds no trained cell: it has no {RECORD_FILE}")
        refuse_links_out(folder)
        check_whole(folder, "run the study again, which makes the cell anew")
        record = RunRecord.load(folder)
        if record.audio is None:
            raise InputError(
                f"{folder}: {record.label} takes the descriptors that its data set ships, and cannot tag audio files"
            )
        tagger = _tagger(record, folder)
        trained = load_trained(type(tagger), folder / MODEL_FOLDER)
        return TrainedCell(record, tagger, trained, read_tags(folder), record.audio)

    def tag(self, files: Iterable[Path], *, device: str, workers: int, cache: Path) -> Tagged:
        """Return the scores of audio files, wherever they lie; decoded audio and descriptors are kept in `cache`.

        Raises `InputError` where the model does not give the cell's tags, and `StudyFailedError` where its scores are
        no numbers in [0, 1].
        """
        use_threads(self.record.threads)
        paths = {str(file): os.path.realpath(file) for file in files}
        nameless = {
            file: "has a name that is not in UTF-8; rename it" for file, path in paths.items() if _no_text(path)
        }
        corpus = self._corpus({file: path for file, path in paths.items() if file not in nameless})
        prepared = prepare(corpus, [self.audio], cache=cache, workers=workers)
        context = Context(prepared.stores[self.audio], self.record.seed, device, workers, cache)
        notes = prepared.notes | self.tagger.prepare(prepared.corpus, context)
        scores = checked_scores(self.trained, prepared.corpus, context)
        index, columns = prepared.corpus.ids.tolist(), [tag.name for tag in self.tags]
        return Tagged(pd.DataFrame(scores, index=index, columns=columns), nameless | prepared.rejected, notes)

    def _corpus(self, paths: Mapping[str, str]) -> Corpus:
        """Return files, by the names that they were given by, as tracks without targets."""
        names = np.array(list(paths), dtype=np.str_)
        root = Path(Path.cwd().anchor)
        return Corpus(
            name="files",
            version="",
            root=root,
            tags=self.tags,
            ids=names,
            groups=names,
            files=np.array([str(Path(path).relative_to(root)) for path in paths.values()], dtype=np.str_),
            targets=np.zeros((len(names), len(self.tags)), np.float32),
        )


def _no_text(path: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in path)


def _tagger(record: RunRecord, folder: Path) -> Tagger:
    """Return the settings that a cell's model was trained with."""
    try:
        return tagger_class(record.family).model_validate(record.settings | record.chosen)
    except ValidationError as error:
        raise InputError(f"{folder}: its settings are not those of the family {record.family}") from error
    except InputError as error:
        raise InputError(f"{folder}: {error}") from error
