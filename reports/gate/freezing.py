"""Freezes models of a finished study, and the songs or descriptors that they are asked about, into an archive."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import safetensors.numpy
import soundfile

from bench.audio import AudioSettings
from bench.corpora import place_of
from bench.corpus import Corpus
from bench.output import CELLS_FOLDER
from bench.progress import say
from bench.record import MODEL_FOLDER
from bench.run import SILENCE, Machine
from bench.splits import subset
from bench.store import prepare_store
from bench.study import Study
from bench.tagger import Context, TrainedOnTable
from bench.tags import with_tag_choices
from reports.gate.exact import freeze_exact
from reports.gate.expectation import Expectation
from reports.gate.found import FoundStudy
from reports.gate.frozen import INPUTS_FILE, SCORES_FILE, SONGS_FOLDER, FrozenModel, frozen_models, pack

N_SONGS = 3
SECONDS = 5.0  # of each song, or as many as the study wants at least
MEASURED_TRACKS = 120  # of each frozen model, in the matrix of committed scores


@dataclass(frozen=True)
class Source:
    """Where the tracks of a study come from."""

    study: Study
    root: Path | None
    machine: Machine

    def tracks(self, like: Corpus) -> Corpus:
        """Return these tracks of the data set with their files, in order."""
        choice = self.study.corpus
        place = place_of(choice.name, choice.settings, root=self.root, cache=self.machine.cache)
        corpus = with_tag_choices(place.load(workers=self.machine.workers), self.study.tags)
        row_of = {track: row for row, track in enumerate(corpus.ids.tolist())}
        return corpus.take(np.array([row_of[track] for track in like.ids.tolist()]))


def frozen_cells(found: FoundStudy) -> Iterator[tuple[str, str]]:
    """Yield label and digest of the cell of each model that is frozen: of the smallest size, with the first seed.

    A network that computes in bf16 is left out: its scores are not the same to 1e-5 on any two processors.
    """
    seen = set()
    for one in sorted(found.study.finished, key=lambda one: (one.cell.n_train, one.cell.seed)):
        if one.cell.label not in seen:
            seen.add(one.cell.label)
            if one.record.settings.get("precision") == "bf16":
                say(f"{one.cell.label} computes in bf16, which every processor rounds otherwise: it is not frozen")
            else:
                yield one.cell.label, one.cell.digest


def freeze(found: FoundStudy, expectation: Expectation, source: Source, archive: Path) -> None:
    """Write the archive beside an expectation, which names the frozen cells."""
    with TemporaryDirectory(prefix="tagbench-gate-") as made:
        content, cache = Path(made) / "frozen", Path(made) / "cache"
        (content / SONGS_FOLDER).mkdir(parents=True)
        tracks = source.tracks(subset(found.test, min(N_SONGS, len(found.test)), seed=0))
        records = {one.cell.digest: one.record for one in found.study.finished}
        heard = [records[digest].audio for digest in expectation.frozen.values()]
        audio = next((settings for settings in heard if settings is not None), None)
        if audio is not None:
            _freeze_songs(tracks, audio, source.machine, content / SONGS_FOLDER)
        for digest in expectation.frozen.values():
            shutil.copytree(found.folder / CELLS_FOLDER / digest / MODEL_FOLDER, content / digest / MODEL_FOLDER)
            _halve_weights(content / digest / MODEL_FOLDER)
        for frozen in frozen_models(expectation, content, cache):
            _freeze_scores(frozen, tracks, source.machine)
        _freeze_measures(found, content)
        pack(content, archive)


def _freeze_songs(tracks: Corpus, audio: AudioSettings, machine: Machine, folder: Path) -> None:
    """Write the middle of each track as FLAC, at the rate that it is heard at, if it can be heard alone."""
    store = prepare_store(tracks, audio, cache=machine.cache, workers=machine.workers)
    for number, track in enumerate(tracks.ids.tolist()):
        rate = store.tracks[track].rate
        length = min(store.length(track), round(max(SECONDS, audio.min_seconds) * rate))
        start = (store.length(track) - length) // 2
        samples = store.samples(track, start, start + length)
        if samples.any():
            soundfile.write(folder / f"{number}.flac", samples, rate, subtype="PCM_16")


def _halve_weights(model: Path) -> None:
    """Round a network's weights to 16 bits, which takes half the space: frozen, any weights do."""
    for file in model.rglob("*.safetensors"):
        tensors = safetensors.numpy.load_file(file)
        largest = np.finfo(np.float16).max
        halved = {
            name: values.astype(np.float16)
            if values.dtype == np.float32 and np.abs(values).max(initial=0) < largest
            else values
            for name, values in tensors.items()
        }
        safetensors.numpy.save_file(halved, file)


def _freeze_scores(frozen: FrozenModel, tracks: Corpus, machine: Machine) -> None:
    """Write what a frozen model reads, where that is a table, and what it gives.

    The table is of the frozen songs, or, where descriptors come with the data set, of the whole tracks.
    """
    trained = frozen.load()
    if isinstance(trained, TrainedOnTable):
        shipped = Context(SILENCE, 0, "cpu", machine.workers, machine.cache)
        inputs = trained.inputs(frozen.songs, frozen.context()) if frozen.hears else trained.inputs(tracks, shipped)
        inputs.T.to_parquet(frozen.folder / INPUTS_FILE)  # a line a column: Parquet spends most on columns
    np.save(frozen.folder / SCORES_FILE, frozen.score(trained), allow_pickle=False)


def _freeze_measures(found: FoundStudy, content: Path) -> None:
    """Freeze the measures of what each model of the smallest size predicted of test tracks, one below the other."""
    tracks, smallest = slice(0, MEASURED_TRACKS), min(n_train for _, n_train in found.scores)
    scores = [of_row[0, tracks] for (_, n_train), of_row in found.scores.items() if n_train == smallest]
    targets = np.tile(found.test.targets[tracks], (len(scores), 1))
    rounded = np.concatenate(scores).astype(np.float16).astype(np.float32)  # compresses, and ties count, too
    freeze_exact(found.test.tags, targets, rounded, content)
