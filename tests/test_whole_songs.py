"""A network that hears whole songs at once: every length, every track once, in bounded memory."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.corpus import Corpus, Float32Array
from bench.tagger import Context
from neural.patches import to_audio
from neural.prediction import mean_scores_of
from neural.spectrogram import Spectrogram
from neural.waveform import Waveform
from neural.whole_songs import WholeSongs
from tests.pulses import RATE, context_for, write_corpus

LENGTHS = [3.0, 1.0, 3.0, 8.0, 2.0, 1.0]  # seconds
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return write_corpus(tmp_path_factory.mktemp("songs"), LENGTHS)


@pytest.fixture(scope="module")
def context(corpus: Corpus) -> Context:
    return context_for(corpus, corpus.root / "cache")


class Loudness(nn.Module):
    """Scores an input by its mean absolute value, and remembers the shapes that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, audio: Tensor) -> Tensor:
        self.shapes.append(tuple(audio.shape))
        return audio.abs().mean(dim=1, keepdim=True)


def songs_of(corpus: Corpus, context: Context, *, shortest: float = 0.1, longest: float = 20.0) -> WholeSongs:
    """Return whole songs with patches of two seconds; all in seconds."""
    return WholeSongs(corpus, context.audio, round(shortest * RATE), 2 * RATE, round(longest * RATE))


def scores_of(songs: WholeSongs, model: nn.Module, *, batch_size: int) -> Float32Array:
    return mean_scores_of(model, songs.corpus, songs.batches(batch_size), device=CPU)


def loudness(context: Context, track: str, first: int = 0, last: int | None = None) -> float:
    return float(np.abs(context.audio.audio(track)[first:last]).mean())


def test_each_song_is_heard_once_from_end_to_end(corpus: Corpus, context: Context) -> None:
    model = Loudness()
    scores = scores_of(songs_of(corpus, context), model, batch_size=16)
    np.testing.assert_allclose(scores[:, 0], [loudness(context, track) for track in corpus.ids.tolist()], rtol=1e-5)
    assert sorted(model.shapes) == [(1, 2 * RATE), (1, 8 * RATE), (2, RATE), (2, 3 * RATE)]


def test_a_batch_holds_no_more_audio_than_a_batch_of_patches(corpus: Corpus, context: Context) -> None:
    model = Loudness()
    scores_of(songs_of(corpus, context), model, batch_size=2)
    assert sorted(model.shapes) == [(1, 2 * RATE), (1, 3 * RATE), (1, 3 * RATE), (1, 8 * RATE), (2, RATE)]


def test_a_song_beyond_the_longest_is_the_mean_of_equal_parts(corpus: Corpus, context: Context) -> None:
    model = Loudness()
    scores = scores_of(songs_of(corpus, context, longest=3.0), model, batch_size=1)
    third = -(-8 * RATE // 3)
    starts = [0, (8 * RATE - third) // 2, 8 * RATE - third]
    expected = np.mean([loudness(context, "003", start, start + third) for start in starts])
    assert scores[3, 0] == pytest.approx(expected, rel=1e-5)
    assert max(samples for _, samples in model.shapes) == 3 * RATE


def test_a_song_that_is_too_short_for_the_network_is_repeated_to_fill_a_patch(corpus: Corpus, context: Context) -> None:
    model = Loudness()
    scores = scores_of(songs_of(corpus, context, shortest=1.2), model, batch_size=1)
    assert sorted(model.shapes)[0] == (1, 2 * RATE)
    assert scores[1, 0] == pytest.approx(loudness(context, "001"), rel=1e-5)


@pytest.mark.parametrize("aggregation", ["mean_max", "lstm"])
@pytest.mark.parametrize("family", [Waveform, Spectrogram])
def test_a_trained_network_predicts_whole_songs_beside_windows(
    family: type[Waveform | Spectrogram], aggregation: str, corpus: Corpus, context: Context, tmp_path: Path
) -> None:
    small = {"backend_filters": 4, "num_units": 4, "patch_seconds": 2.0, "max_updates": 2, "aggregation": aggregation}
    own = {"filters": (2, 2, 2)} if family is Waveform else {"num_filt": 1, "n_mels": 20}
    trained = family.model_validate(small | own).fit(corpus, corpus, context)
    scores = trained.predict_otherwise(corpus, context)["whole_song"]
    model = trained.model.eval()
    with torch.no_grad():
        for row, track in enumerate(corpus.ids.tolist()):
            song = to_audio(np.array(context.audio.samples(track))[None], CPU)
            np.testing.assert_allclose(scores[row], model(song)[0].numpy(), rtol=1e-4)
    windows = trained.predict(corpus, context)
    assert windows[4] == pytest.approx(scores[4], rel=1e-4)  # as long as a window: both ways are one
    assert np.abs(windows - scores)[3].max() > 1e-6
    trained.save(tmp_path)
    np.testing.assert_allclose(
        family.load(tmp_path).predict_otherwise(corpus, context)["whole_song"], scores, rtol=1e-5
    )
