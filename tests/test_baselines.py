"""The families prior, linear and gbt: they learn what is there, admit what is not, and come back from disk the same."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pydantic import ValidationError

from baselines.extraction import DescriptorSettings, descriptors
from baselines.gbt import GBT, TrainedGBT
from baselines.linear import Linear, TrainedLinear, Weights, standardise, training_statistics
from baselines.prior import Prior
from baselines.tagger import DescriptorTagger, TrainedOnDescriptors
from bench.audio import AudioSettings
from bench.corpora import manifest
from bench.corpus import Corpus, Float32Array, StrArray, Tag
from bench.errors import InputError
from bench.metrics import rmse, roc_auc
from bench.store import prepare_store
from bench.tagger import Context, Tagger, Trained
from tests.small_corpus import write_small_corpus

TAGS = (
    Tag("tone", "classification"),
    Tag("never", "classification"),
    Tag("always", "classification"),
    Tag("scarce", "classification"),
    Tag("loud", "regression"),
)
Fitted = dict[type[Tagger], Trained]
TONE, NEVER, ALWAYS, SCARCE, LOUD = range(len(TAGS))
FAMILIES: list[Tagger] = [Prior(), Linear(ridge_penalty=10.0), GBT()]
LEARNERS = [Linear, GBT]
FASTER = GBT(max_rounds=40, fixed_rounds=7, patience=5, learning_rate=0.1)


@dataclass(frozen=True)
class Parts:
    """A small corpus of tones and noise, its tags replaced by `TAGS`, divided by position."""

    train: Corpus
    valid: Corpus
    test: Corpus
    context: Context


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    folder = tmp_path_factory.mktemp("baselines")
    root = write_small_corpus(folder / "data", tracks=112, seconds=1.0)
    written = manifest.load(root)
    audio = prepare_store(written, AudioSettings(), cache=folder / "cache", workers=1)
    by_name = dict(zip([tag.name for tag in written.tags], written.targets.T, strict=True))
    position = np.arange(len(written))
    scarce = (position % 16 == 1).astype(np.float32)  # 3 of 32 validation tracks
    columns = [by_name["tone"], np.zeros(len(written)), np.ones(len(written)), scarce, by_name["loud"]]
    corpus = replace(written, tags=TAGS, targets=np.column_stack(columns).astype(np.float32), parts=None, truth=None)
    train, valid, test = (corpus.take(part) for part in np.split(position, (48, 80)))
    return Parts(train, valid, test, Context(audio, 0, "cpu", 1, folder / "cache"))


@pytest.fixture(scope="module")
def fitted(parts: Parts) -> Fitted:
    return {type(family): family.fit(parts.train, parts.valid, parts.context) for family in FAMILIES}


def test_the_prior_is_the_mean_of_the_training_targets(parts: Parts, fitted: Fitted) -> None:
    trained = fitted[Prior]
    scores = trained.predict(parts.test, parts.context)
    assert scores.shape == (32, 5)
    assert_allclose(scores[0], [0.5, 0, 1, 3 / 48, parts.train.targets[:, LOUD].mean()], rtol=1e-6)
    assert (scores == scores[0]).all()
    assert trained.summary.n_parameters == 5


@pytest.mark.parametrize("family", LEARNERS)
def test_a_planted_signal_is_learnt(family: type[Tagger], parts: Parts, fitted: Fitted) -> None:
    scores, floor = (fitted[each].predict(parts.test, parts.context) for each in (family, Prior))
    targets = parts.test.targets
    assert roc_auc(targets[:, [TONE]], scores[:, [TONE]])[0] > 0.95
    errors = [rmse(targets[:, [LOUD]], each[:, [LOUD]])[0] for each in (scores, floor)]
    assert errors[0] < errors[1] / 2


@pytest.mark.parametrize("family", LEARNERS)
def test_a_tag_of_one_class_is_predicted_by_its_prevalence_and_counted(
    family: type[Tagger], parts: Parts, fitted: Fitted
) -> None:
    trained = fitted[family]
    scores = trained.predict(parts.test, parts.context)
    assert (scores[:, NEVER] == 0).all()
    assert (scores[:, ALWAYS] == 1).all()
    assert trained.summary.special_tags["never"] == "no positive in training: predicts the prevalence, 0"
    assert trained.summary.special_tags["always"] == "no negative in training: predicts the prevalence, 1"


def test_trees_with_few_positives_in_validation_grow_for_a_fixed_number_of_rounds(parts: Parts) -> None:
    trained = FASTER.fit(parts.train, parts.valid, parts.context)
    assert list(trained.summary.special_tags) == ["never", "always", "scarce"]
    assert trained.summary.special_tags["scarce"] == (
        "fewer than 5 positives in validation: 7 rounds, no early stopping"
    )
    assert n_trees(trained, SCARCE) == 7


def test_trees_stop_at_the_best_round_on_the_validation_part(parts: Parts) -> None:
    draw = np.random.default_rng(0)
    noise = replace(parts.valid, targets=parts.valid.targets.copy())
    noise.targets[:, TONE] = draw.permutation(noise.targets[:, TONE])
    assert n_trees(FASTER.fit(parts.train, parts.valid, parts.context), TONE) > 20
    assert n_trees(FASTER.fit(parts.train, noise, parts.context), TONE) < 10


def n_trees(trained: TrainedGBT, column: int) -> int:
    return trained.booster(column).num_boosted_rounds()


def test_the_size_of_the_trees_is_their_number_of_leaves(parts: Parts) -> None:
    stumps = GBT(max_rounds=10, fixed_rounds=10, patience=10, max_depth=1, subsample=1.0)
    trained = stumps.fit(parts.train, parts.valid, parts.context)
    rounds = sum(n_trees(trained, column) for column in (TONE, SCARCE, LOUD))
    assert trained.summary.n_parameters == 2 * rounds


def test_the_size_of_the_linear_model_is_its_number_of_weights(fitted: Fitted) -> None:
    trained = fitted[Linear]
    assert isinstance(trained, TrainedLinear)
    assert trained.summary.n_parameters == (len(trained.names) + 1) * len(TAGS)


@pytest.mark.parametrize("family", [Prior, *LEARNERS])
def test_scores_follow_the_tracks_whatever_their_order(family: type[Tagger], parts: Parts, fitted: Fitted) -> None:
    trained = fitted[family]
    scores = trained.predict(parts.test, parts.context)
    order = np.random.default_rng(0).permutation(len(parts.test))
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()
    assert_allclose(trained.predict(parts.test.take(order), parts.context), scores[order], rtol=1e-6)
    assert trained.predict(parts.test.take(order[:0]), parts.context).shape == (0, len(TAGS))


def predict_from_disk(family: type[Tagger], folder: Path, corpus: Corpus, context: Context) -> Float32Array:
    return family.load(folder).predict(corpus, context)


@pytest.fixture(scope="module")
def other_process() -> Iterator[Executor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("family", [Prior, *LEARNERS])
def test_a_saved_model_predicts_the_same_in_another_process(
    family: type[Tagger], parts: Parts, fitted: Fitted, tmp_path: Path, other_process: Executor
) -> None:
    trained = fitted[family]
    trained.save(tmp_path)
    assert {file.suffix for file in tmp_path.rglob("*") if file.is_file()} <= {".json", ".ubj", ".npy", ".npz"}
    there = other_process.submit(predict_from_disk, family, tmp_path, parts.test, parts.context).result()
    assert_allclose(there, trained.predict(parts.test, parts.context), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("family", [Prior, *LEARNERS])
def test_a_model_refuses_a_corpus_of_other_tags(family: type[Tagger], parts: Parts, fitted: Fitted) -> None:
    trained = fitted[family]
    other = replace(parts.test, tags=(Tag("jazz", "classification"), *TAGS[1:]))
    with pytest.raises(InputError, match="jazz"):
        trained.predict(other, parts.context)


@pytest.mark.parametrize("family", LEARNERS)
def test_a_model_refuses_descriptors_of_other_names(
    family: type[Tagger], parts: Parts, fitted: Fitted, tmp_path: Path
) -> None:
    fitted[family].save(tmp_path)
    trained = family.load(tmp_path)
    assert isinstance(trained, TrainedOnDescriptors)
    trained.names = trained.names[::-1]
    with pytest.raises(InputError, match="other descriptors"):
        trained.predict(parts.test, parts.context)


@pytest.mark.parametrize("family", [Prior, *LEARNERS])
def test_no_family_trains_on_nothing(family: type[Tagger], parts: Parts) -> None:
    with pytest.raises(InputError, match="training part of manifest has no tracks"):
        family().fit(parts.train.take(np.array([], np.intp)), parts.valid, parts.context)


@pytest.mark.parametrize("family", LEARNERS)
def test_after_preparation_nothing_is_heard(family: type[DescriptorTagger], parts: Parts) -> None:
    family().prepare(parts.train, parts.context)
    family().prepare(parts.valid, parts.context)
    gone = {
        i: replace(track, shard=Path("/nowhere") / track.shard.name) for i, track in parts.context.audio.tracks.items()
    }
    deaf = replace(parts.context, audio=replace(parts.context.audio, tracks=gone))
    family().fit(parts.train, parts.valid, deaf).predict(parts.train, deaf)


def lose_descriptors(parts: Parts, cache: Path, ids: StrArray) -> Context:
    """Return a context whose cache holds the descriptors of all tracks but these, as if they had taken too long."""
    (cache / "descriptors").mkdir()
    for file in (parts.context.cache / "descriptors").glob("*.parquet"):
        table = pd.read_parquet(file)
        lost = table["id"].isin(ids)
        table.loc[lost, "problem"] = "took more than 60 s of CPU time"
        table.loc[lost, table.columns[2:]] = np.float32(np.nan)
        table.to_parquet(cache / "descriptors" / file.name, index=False)
    return replace(parts.context, cache=cache)


@pytest.mark.parametrize("family", LEARNERS)
def test_tracks_without_descriptors_are_trained_on_and_predicted_all_the_same(
    family: type[Tagger], parts: Parts, fitted: Fitted, tmp_path: Path
) -> None:
    fitted[family].predict(parts.test, parts.context)
    lost, found = np.arange(32) % 4 == 0, np.arange(32) % 4 != 0
    context = lose_descriptors(parts, tmp_path, np.concatenate([parts.test.ids[lost], parts.train.ids[:8]]))
    scores = family().fit(parts.train, parts.valid, context).predict(parts.test, context)
    assert roc_auc(parts.test.targets[found][:, [TONE]], scores[found][:, [TONE]])[0] > 0.95
    assert len(np.unique(scores[lost], axis=0)) == 1  # nothing tells them apart


@pytest.mark.parametrize("family", LEARNERS)
def test_a_missing_descriptor_is_not_an_extreme_one(family: type[Tagger], parts: Parts, fitted: Fitted) -> None:
    trained = fitted[family]
    assert isinstance(trained, TrainedOnDescriptors)
    matrix = descriptors(parts.test, parts.context, DescriptorSettings()).matrix.copy()
    matrix[:, ::9] = np.nan
    scores = trained.scores(matrix)
    assert np.isfinite(scores).all()
    assert roc_auc(parts.test.targets[:, [TONE]], scores[:, [TONE]])[0] > 0.9


def test_trees_depend_on_the_seed(parts: Parts) -> None:
    first, again, other = (
        FASTER.fit(parts.train, parts.valid, replace(parts.context, seed=seed)).predict(parts.test, parts.context)
        for seed in (0, 0, 1)
    )
    assert_array_equal(again, first)
    assert not np.array_equal(other, first)


@pytest.mark.parametrize("tagger", [FASTER, Linear()], ids=["gbt", "linear"])
def test_the_number_of_workers_changes_no_score(tagger: Tagger, parts: Parts) -> None:
    one, two = (
        tagger.fit(parts.train, parts.valid, replace(parts.context, workers=workers)).predict(parts.test, parts.context)
        for workers in (1, 2)
    )
    assert_array_equal(one, two)


def test_trees_say_when_the_cap_on_rounds_ended_them(parts: Parts) -> None:
    capped = GBT(max_rounds=2, fixed_rounds=1).fit(parts.train, parts.valid, parts.context)
    stopped = GBT(max_rounds=200, patience=1, fixed_rounds=1, learning_rate=1.0).fit(
        parts.train, parts.valid, parts.context
    )
    assert capped.summary.hit_cap
    assert not stopped.summary.hit_cap


@pytest.mark.parametrize(("setting", "column"), [("penalty", TONE), ("ridge_penalty", LOUD)])
def test_a_strong_penalty_leaves_a_tag_its_training_mean(setting: str, column: int, parts: Parts) -> None:
    strong = Linear.model_validate({setting: 1e12}).fit(parts.train, parts.valid, parts.context)
    assert_allclose(
        strong.predict(parts.test, parts.context)[:, column], parts.train.targets[:, column].mean(), atol=1e-4
    )


def test_the_linear_family_learns_nothing_from_the_validation_part(parts: Parts, fitted: Fitted) -> None:
    others = replace(parts.valid, targets=1 - parts.valid.targets)
    again = Linear(ridge_penalty=10.0).fit(parts.train, others, parts.context).predict(parts.test, parts.context)
    assert_array_equal(again, fitted[Linear].predict(parts.test, parts.context))


@pytest.mark.parametrize(
    ("plain", "family"), [(Linear(penalty=10_000.0), Linear), (FASTER, GBT)], ids=["linear", "gbt"]
)
def test_balanced_classes_raise_the_scores_of_a_rare_tag_and_leave_regression_alone(
    plain: Tagger, family: type[Tagger], parts: Parts
) -> None:
    balanced = family.model_validate(plain.model_dump() | {"class_weights": "balanced"})
    usual, raised = (each.fit(parts.train, parts.valid, parts.context) for each in (plain, balanced))
    before, after = (each.predict(parts.train, parts.context) for each in (usual, raised))
    prevalence = float(parts.train.targets[:, SCARCE].mean())
    assert before[:, SCARCE].mean() == pytest.approx(prevalence, rel=0.3)
    assert after[:, SCARCE].mean() > 2.5 * prevalence
    assert_array_equal(after[:, LOUD], before[:, LOUD])


def test_descriptors_are_standardised_by_what_training_has() -> None:
    train = np.array([[1, np.nan, 5, np.nan], [3, 4, 5, np.nan], [5, 8, 5, np.nan]], np.float32)
    means, scales = training_statistics(train)
    assert_allclose(means, [3, 6, 5, 0])
    assert_allclose(scales, [np.sqrt(8 / 3), 2, 1, 1])
    unseen = np.array([[3 + np.sqrt(8 / 3), np.nan, 7, 2]], np.float32)
    assert_allclose(standardise(unseen, means, scales), [[1, 0, 2, 2]], rtol=1e-6)


def test_linear_scores_are_those_of_the_formula_clipped_to_one(parts: Parts) -> None:
    names = descriptors(parts.test, parts.context, DescriptorSettings()).names
    weights = Weights(
        means=np.full(len(names), 1.0),
        scales=np.full(len(names), 2.0),
        coefficients=np.zeros((len(names), len(TAGS))),
        intercepts=np.array([0.0, -np.inf, np.inf, np.log(3), 1.5]),
    )
    weights.coefficients[0, TONE] = 2.0
    trained = TrainedLinear(DescriptorSettings(), names, TAGS, weights)
    matrix = np.full((1, len(names)), np.nan, np.float32)
    matrix[0, 0] = 1 + np.log(4)  # (x − 1) / 2 · 2 = ln 4: odds of 4 to 1
    assert_allclose(trained.scores(matrix), [[0.8, 0, 1, 0.75, 1.5]], rtol=1e-6)
    assert (trained.predict(parts.test, parts.context)[:, LOUD] == 1).all()


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        (Prior, {"mean": 0.5}),
        (Linear, {"penalty": 0.0}),
        (Linear, {"ridge_penalty": float("inf")}),
        (Linear, {"class_weights": "heavy"}),
        (GBT, {"learning_rate": 0.0}),
        (GBT, {"reg_lambda": float("inf")}),
        (GBT, {"max_bin": 1}),
        (GBT, {"colsample_bynode": 0.0}),
        (GBT, {"class_weights": {"rock": 2.0}}),
        (GBT, {"trees": 5}),
        (GBT, {"descriptors": {"groups": ["melody"]}}),
        (GBT, {"descriptors": {"track_cpu_seconds": 0}}),
        (GBT, {"descriptors": {"track_cpu_seconds": float("inf")}}),
        (GBT, {"descriptors": {"track_cpu_seconds": float("nan")}}),
    ],
)
def test_settings_that_make_no_sense_are_refused(family: type[Tagger], settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(settings))):
        family.model_validate(settings)


@pytest.mark.parametrize("harm", [Path.unlink, lambda file: file.write_bytes(file.read_bytes()[:-8] + b"otherwis")])
def test_standardised_descriptors_that_are_damaged_are_made_again(
    harm: Callable[[Path], object], parts: Parts, fitted: Fitted
) -> None:
    expected = fitted[Linear].predict(parts.test, parts.context)
    file = descriptors(parts.train, parts.context, DescriptorSettings()).file.with_suffix(".standardised.npy")
    harm(file)
    again = Linear(ridge_penalty=10.0).fit(parts.train, parts.valid, parts.context)
    assert_array_equal(again.predict(parts.test, parts.context), expected)
