"""Training and prediction of the networks, on tones against noise read from real files."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tqdm import tqdm

from bench.audio import AudioSettings
from bench.corpora import manifest
from bench.corpus import Corpus
from bench.errors import StudyFailedError
from bench.store import prepare_store
from bench.tagger import Context
from neural.logmel import OnLogMel
from neural.losses import build_loss
from neural.patches import TrainingPatches, moving_windows, spread_windows, to_audio
from neural.prediction import mean_scores
from neural.spectrogram import Spectrogram
from neural.tagger import NetworkTagger
from neural.training import StoppingRule, seeded
from neural.waveform import Waveform
from tests.small_corpus import write_small_corpus

TINY: dict[str, Any] = {
    "backend_filters": 8,
    "num_units": 8,
    "dropout": 0.2,
    "batch_norm_momentum": 0.9,
    "patch_seconds": 0.5,
    "learning_rate": 0.01,
    "max_updates": 100,
    "validate_every": 25,
}
FAMILIES: dict[str, NetworkTagger] = {
    "waveform": Waveform(filters=(4, 4, 4, 8), **TINY),
    "spectrogram": Spectrogram(num_filt=1, n_mels=20, **TINY),
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small are slower on two threads, far slower beside another busy process."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


both_families = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Return 48 tracks with the tags `tone`, `rare` (one positive) and `loud`."""
    return manifest.load(write_small_corpus(tmp_path_factory.mktemp("tones")))


@pytest.fixture(scope="module")
def context(corpus: Corpus) -> Context:
    cache = corpus.root / "cache"
    store = prepare_store(corpus, AudioSettings(), cache=cache, workers=1)
    return Context(audio=store, seed=0, device="cpu", workers=1, cache=cache)


@pytest.fixture(scope="module")
def train(corpus: Corpus) -> Corpus:
    return corpus.take(np.arange(24))


@pytest.fixture(scope="module")
def valid(corpus: Corpus) -> Corpus:
    return corpus.take(np.arange(24, 36))


@pytest.fixture(scope="module")
def test(corpus: Corpus) -> Corpus:
    return corpus.take(np.arange(36, 48))


def changed(family: str, **settings: object) -> NetworkTagger:
    return FAMILIES[family].model_copy(update=settings)


@both_families
def test_a_tiny_network_learns_a_planted_tag(
    family: str, train: Corpus, valid: Corpus, test: Corpus, context: Context
) -> None:
    trained = FAMILIES[family].fit(train, valid, context)
    scores = trained.predict(test, context)
    tone = test.targets[:, 0] == 1
    assert scores.shape == test.targets.shape
    assert scores[tone, 0].min() > scores[~tone, 0].max() + 0.2
    curves = trained.summary.curves
    assert curves["step"].tolist() == [25, 50, 75, 100]
    assert curves["valid_loss"].iloc[-1] < curves["valid_loss"].iloc[0]
    assert curves["valid_roc_auc"].iloc[-1] == 1
    assert trained.summary.n_parameters == sum(p.numel() for p in trained.model.parameters())


@both_families
def test_bf16_learns_the_planted_tag_too_and_other_numbers(
    family: str, train: Corpus, valid: Corpus, test: Corpus, context: Context, tmp_path: Path
) -> None:
    trained = changed(family, precision="bf16").fit(train, valid, context)
    scores = trained.predict(test, context)
    tone = test.targets[:, 0] == 1
    assert scores[tone, 0].min() > scores[~tone, 0].max()
    trained.save(tmp_path)
    assert np.array_equal(type(FAMILIES[family]).load(tmp_path).predict(test, context), scores)
    in_float32 = changed(family, max_updates=25).fit(train, valid, context).summary.curves
    assert trained.summary.curves["train_loss"][0] != in_float32["train_loss"][0]
    assert trained.summary.curves["train_loss"][0] == pytest.approx(in_float32["train_loss"][0], rel=0.1)


@both_families
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    family: str, train: Corpus, valid: Corpus, context: Context
) -> None:
    tagger = changed(family, max_updates=3)
    first = tagger.fit(train, valid, context).model.state_dict()
    torch.rand(1)  # whatever was drawn before must not matter
    before = torch.get_rng_state()
    second = tagger.fit(train, valid, context).model.state_dict()
    other = tagger.fit(train, valid, replace(context, seed=1)).model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)
    assert torch.equal(before, torch.get_rng_state())


def test_the_losses_are_mean_squared_errors_over_all_tags(train: Corpus, valid: Corpus, context: Context) -> None:
    tagger = changed("waveform", dropout=0.0, max_updates=1)
    cpu = torch.device("cpu")
    with seeded(context.seed, cpu):
        untrained = tagger.build(3, 16_000)
    audio, targets = TrainingPatches(train, context.audio, 8000, tagger.batch_size, context.seed).batch(0)
    before = untrained(to_audio(audio, cpu)).detach().numpy()  # in training mode: by the batch's own statistics
    trained = tagger.fit(train, valid, context)
    windows = spread_windows(valid, context.audio, 8000, tagger.validation_windows)
    after = mean_scores(trained.model, windows, batch_size=7, device=cpu)
    curves = trained.summary.curves
    assert curves["train_loss"].tolist() == pytest.approx([((before - targets) ** 2).sum() / (16 * 3)], rel=1e-5)
    assert curves["valid_loss"].tolist() == pytest.approx([((after - valid.targets) ** 2).sum() / (12 * 3)], rel=1e-5)


def test_spectrograms_are_normalised_by_one_patch_of_each_training_track(
    train: Corpus, valid: Corpus, context: Context
) -> None:
    few, tagger = train.take(np.arange(20)), changed("spectrogram", max_updates=1)
    model = tagger.fit(few, valid, context).model
    assert isinstance(model, OnLogMel)
    patches = TrainingPatches(few, context.audio, 8000, 1, context.seed)
    audio = np.concatenate([patches.batch(update)[0] for update in range(20)])  # a round
    values = model.log_mel.unnormalised(to_audio(audio, torch.device("cpu"))).numpy()
    assert model.log_mel.mean.item() == pytest.approx(values.mean(), rel=1e-5)
    assert model.log_mel.variance.item() == pytest.approx(values.var(), rel=1e-5)


def test_the_log_mel_and_its_normalisation_come_back_with_the_model_and_are_what_predicts(
    train: Corpus, valid: Corpus, test: Corpus, context: Context, tmp_path: Path
) -> None:
    trained = changed("spectrogram", max_updates=1, n_mels=24, window=640, hop=200).fit(train, valid, context)
    trained.save(tmp_path)
    loaded = Spectrogram.load(tmp_path)
    assert isinstance(loaded.model, OnLogMel)
    assert isinstance(trained.model, OnLogMel)
    ours, theirs = trained.model.log_mel, loaded.model.log_mel
    assert (theirs.hop, theirs.bank.shape, theirs.hann.shape) == (200, (24, 321), (640,))
    assert torch.equal(ours.bank, theirs.bank)
    assert (ours.mean, ours.variance) == (theirs.mean, theirs.variance)
    assert theirs.mean != 0
    scores = loaded.predict(test, context)
    np.testing.assert_allclose(scores, trained.predict(test, context), rtol=1e-5)
    theirs.mean += 1  # what a model hears goes through these numbers and no others
    assert not np.allclose(scores, loaded.predict(test, context), rtol=1e-3)


@pytest.mark.parametrize("loss", ["bce", "balanced_bce"])
@both_families
def test_the_stopping_rule_follows_the_loss_that_is_trained(
    family: str, loss: str, train: Corpus, valid: Corpus, context: Context
) -> None:
    tagger = changed(family, loss=loss, max_updates=2, validate_every=1)
    curves = tagger.fit(train, valid, context).summary.curves
    windows = spread_windows(valid, context.audio, 8000, tagger.validation_windows)
    best = int(curves["valid_loss"].to_numpy().argmin())
    trained = changed(family, loss=loss, max_updates=best + 1, validate_every=1).fit(train, valid, context)
    scores = mean_scores(trained.model, windows, batch_size=16, device=torch.device("cpu"))
    expected = build_loss(tagger.loss, train)(torch.from_numpy(scores), torch.from_numpy(valid.targets))
    assert curves["valid_loss"][best] == pytest.approx(float(expected), rel=1e-4)


class Loudness(torch.nn.Module):
    """Scores an input by its mean absolute value, whatever the batch."""

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        return audio.abs().mean(dim=1, keepdim=True).expand(-1, 3)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_a_tracks_score_is_the_mean_over_its_windows_in_the_corpus_order(
    test: Corpus, context: Context, batch_size: int
) -> None:
    shuffled = test.take(np.array([5, 0, 11, 2]))
    windows = moving_windows(shuffled, context.audio, 16_000)
    model = Loudness().train()
    scores = mean_scores(model, windows, batch_size=batch_size, device=torch.device("cpu"))
    expected = []
    for track_id in shuffled.ids.tolist():
        audio = context.audio.audio(track_id)  # 24000 samples: windows at 0 and 8000
        expected.append((np.abs(audio[:16_000]).mean() + np.abs(audio[8_000:]).mean()) / 2)
    np.testing.assert_allclose(scores, np.tile(np.array(expected)[:, None], 3), rtol=1e-5)
    assert model.training


@both_families
def test_tracks_shorter_than_a_patch_are_trained_on_and_scored(
    family: str, train: Corpus, valid: Corpus, test: Corpus, context: Context
) -> None:
    trained = changed(family, max_updates=1, patch_seconds=2.0).fit(train, valid, context)
    assert np.isfinite(trained.predict(test, context)).all()


def test_the_rule_halves_on_a_plateau_and_stops_on_a_longer_one() -> None:
    rule = StoppingRule(patience=2, stop_after=5)
    losses = [5.0, 4.0, 4.0, 4.5, 3.0, 3.1, 3.1, 3.1, 3.1, 3.1]
    told = [(rule.improved_by(loss), rule.halves, rule.stops) for loss in losses]
    assert [number for number, (improved, _, _) in enumerate(told) if improved] == [0, 1, 4]
    assert [number for number, (_, halves, _) in enumerate(told) if halves] == [3, 6, 8]
    assert [number for number, (_, _, stops) in enumerate(told) if stops] == [9]
    assert rule.best == 3.0


def test_the_cap_is_told_from_the_rule(train: Corpus, valid: Corpus, context: Context) -> None:
    capped = changed("spectrogram", max_updates=5).fit(train, valid, context).summary
    assert capped.hit_cap
    assert capped.curves["step"].tolist() == [5]
    eager = changed("spectrogram", learning_rate=1e-12, validate_every=1, patience=1, stop_after=2, dropout=0.0)
    stopped = eager.fit(train, valid, context).summary
    assert not stopped.hit_cap
    assert len(stopped.curves) < eager.max_updates
    just_in_time = eager.model_copy(update={"max_updates": len(stopped.curves)})
    assert not just_in_time.fit(train, valid, context).summary.hit_cap


def test_the_learning_rate_is_halved_and_the_best_weights_come_back(
    train: Corpus, valid: Corpus, context: Context
) -> None:
    tagger = changed("spectrogram", learning_rate=0.1, validate_every=2, patience=2, stop_after=6, max_updates=200)
    trained = tagger.fit(train, valid, context)
    curves = trained.summary.curves
    best = int(curves["valid_loss"].to_numpy().argmin())
    assert not trained.summary.hit_cap
    assert len(curves) == best + 1 + 6
    assert (curves["learning_rate"].iloc[best + 3 :] < curves["learning_rate"].iloc[best]).all()
    assert (np.log2(0.1 / curves["learning_rate"]) % 1 == 0).all()
    shorter = tagger.model_copy(update={"max_updates": int(curves["step"][best])}).fit(train, valid, context)
    weights, expected = trained.model.state_dict(), shorter.model.state_dict()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_a_loss_that_is_no_number_ends_training_with_step_and_learning_rate(
    train: Corpus, valid: Corpus, context: Context
) -> None:
    with pytest.raises(StudyFailedError, match=r"loss is nan at step \d+ of 100 \(learning rate 1e\+30\)"):
        changed("waveform", learning_rate=1e30).fit(train, valid, context)


def test_the_progress_line_has_rounds_loss_measures_rate_and_time_left(
    train: Corpus, valid: Corpus, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()

    def bar_on_screen(total: int, describe: str, unit: str, *, done: int) -> "tqdm[Any]":
        return tqdm(total=total, desc=describe, unit=unit, initial=done, file=screen, mininterval=0, ncols=250)

    monkeypatch.setattr("neural.tagger.progress_bar", bar_on_screen)
    changed("waveform", max_updates=6, validate_every=3).fit(train, valid, context)
    last = screen.getvalue().strip().split("\r")[-1]
    number = r"\d\.\d{4}"
    measures = ", ".join(f"valid {name} {number}" for name in ("loss", "roc_auc", "pr_auc", "rmse"))
    assert last.startswith("waveform, 24 tracks: 100%")
    assert re.search(rf"96/96 \[\d\d:\d\d<00:00, .*patch.*, epoch 4\.0, loss {number}, {measures}\]$", last), last
