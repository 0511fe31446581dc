"""The paper's options: aggregation over time, residual connections and losses, each against its formula."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy

from bench.corpus import Corpus, Tag
from bench.errors import InputError
from neural.aggregation import Attention, AutoPool, LastState, build_aggregation
from neural.losses import MOST_WEIGHT, LossName, build_loss, class_weights
from neural.network import Network, build_network
from tests.pulses import write_corpus

STEPS = torch.randn(2, 5, 9, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def train(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Return ten tracks: a rare and a common tag, one that all have, one that none has, and a regression tag."""
    corpus = write_corpus(tmp_path_factory.mktemp("rare"), [0.1] * 10)
    targets = np.zeros((10, 5), np.float32)
    targets[:1, 0], targets[:5, 1], targets[:, 2], targets[:, 4] = 1, 1, 1, 0.1
    kinds = ["classification"] * 4 + ["regression"]
    tags = tuple(Tag(name, kind) for name, kind in zip("abcde", kinds, strict=True))  # type: ignore[arg-type]
    return replace(corpus, tags=tags, targets=targets)


def tiny(**options: object) -> Network:
    torch.manual_seed(0)
    small = {"filters": (2, 3), "backend_filters": 4, "num_units": 5} | options
    return build_network("waveform", 3, **small).eval()  # type: ignore[arg-type]


def test_the_default_aggregation_is_maximum_and_mean_interleaved_and_holds_nothing() -> None:
    aggregation = build_aggregation("mean_max", 5)
    summary = aggregation(STEPS).reshape(2, 5, 2)
    torch.testing.assert_close(summary[:, :, 0], STEPS.max(dim=2).values)
    torch.testing.assert_close(summary[:, :, 1], STEPS.mean(dim=2))
    assert not list(aggregation.parameters())


def test_autopool_goes_from_the_mean_to_the_maximum_with_alpha() -> None:
    pool = AutoPool(5)
    torch.testing.assert_close(pool(STEPS), STEPS.mean(dim=2))
    pool.alpha.data.fill_(1)
    weights = np.exp(STEPS.numpy())
    expected = (weights * STEPS.numpy()).sum(axis=2) / weights.sum(axis=2)
    np.testing.assert_allclose(pool(STEPS).detach().numpy(), expected, rtol=1e-5)
    pool.alpha.data = torch.tensor([[1e4], [-1e4], [1e4], [1e4], [1e4]])
    torch.testing.assert_close(pool(STEPS)[:, 0], STEPS[:, 0].amax(dim=1))
    torch.testing.assert_close(pool(STEPS)[:, 1], STEPS[:, 1].amin(dim=1))


def test_attention_is_a_mean_over_time_by_weights_that_are_alike_for_all_filters() -> None:
    attention = Attention(5)
    attention.query.weight.data.zero_()
    torch.testing.assert_close(attention(STEPS), STEPS.mean(dim=2))
    attention.keys.weight.data.zero_()[0, 0] = 1
    attention.keys.bias.data.zero_()  # type: ignore[union-attr]
    attention.query.weight.data[0, 0] = 50  # looks at the first filter alone
    weights = (50 * STEPS[:, :1].tanh()).softmax(dim=2)
    torch.testing.assert_close(attention(STEPS), (weights * STEPS).sum(dim=2))


def test_the_lstms_summary_knows_the_order_of_steps() -> None:
    torch.manual_seed(0)
    last = LastState(5)
    expected = last.lstm(STEPS.mT)[0][:, -1]
    torch.testing.assert_close(last(STEPS), expected)
    assert not torch.allclose(last(STEPS), last(STEPS.flip(2)), atol=1e-3)


@pytest.mark.parametrize("name", ["mean_max", "attention", "autopool", "lstm"])
@pytest.mark.parametrize("frontend", ["waveform", "spectrogram"])
def test_every_aggregation_takes_any_number_of_steps_and_is_trained(frontend: str, name: str) -> None:
    network = build_network(frontend, 2, num_filt=1, n_mels=20, filters=(2, 3), backend_filters=4, aggregation=name)  # type: ignore[arg-type]
    shape = (lambda n: (3, n)) if frontend == "waveform" else (lambda n: (3, n, 20))
    for length in (network.shortest_input, 4 * network.shortest_input + 1):
        assert network(torch.randn(shape(length))).shape == (3, 2)
    network(torch.randn(shape(300))).sum().backward()
    assert all(parameter.grad is not None for parameter in network.backend.aggregation.parameters())


def test_an_unknown_aggregation_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="'sum' is unknown; say one of mean_max, attention, autopool, lstm"):
        tiny(aggregation="sum")


def test_without_residual_connections_a_layer_passes_on_its_own_output_alone() -> None:
    plain, residual = tiny(residual=False), tiny()
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, residual.state_dict()[name])
    steps = torch.randn(2, 3, 40)
    back = plain.backend
    pooled = nn.functional.max_pool1d(back.conv2(back.conv1(steps)), 2)
    torch.testing.assert_close(back.summarise(steps), back.aggregation(back.conv3(pooled)))
    assert not torch.allclose(back.summarise(steps), residual.backend.summarise(steps), atol=1e-2)


def test_by_default_names_and_draws_are_those_of_the_papers_network() -> None:
    network = tiny()
    parts = {name.rsplit(".", 1)[0] for name in network.state_dict()}
    back = {f"conv{n}.{part}" for n in (1, 2, 3) for part in ("conv", "norm")} | {"hidden", "hidden_norm", "output"}
    front = {f"frontend.layers.{n}.{part}" for n in (0, 1) for part in ("conv", "norm")}
    assert parts == front | {f"backend.{part}" for part in back}
    drawn = [-0.950297, -0.304569, -0.038584, 0.861553, 0.234316]  # the last layer's, before there were any options
    assert network.backend.output.weight[0].tolist() == pytest.approx(drawn, abs=1e-6)


SCORES = torch.rand(10, 5, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("name", "expected"), [("mse", nn.functional.mse_loss), ("bce", binary_cross_entropy)])
def test_mse_and_bce_are_means_over_all_tags(name: LossName, expected: type[nn.Module], train: Corpus) -> None:
    targets = torch.from_numpy(train.targets)
    torch.testing.assert_close(build_loss(name, train)(SCORES, targets), expected(SCORES, targets))


def test_the_balanced_loss_lets_both_classes_of_a_tag_weigh_the_same(train: Corpus) -> None:
    positive, negative = (weights.numpy() for weights in class_weights(train))
    share = train.targets[:, :2].mean(axis=0)
    np.testing.assert_allclose(positive[:2] * share, 0.5)
    np.testing.assert_allclose(negative[:2] * (1 - share), 0.5)
    assert positive[0] == 5  # one positive in ten
    assert positive[2:].tolist() == negative[2:].tolist() == [1, 1, 1]  # one class alone, and a regression tag
    targets = torch.from_numpy(train.targets)
    each = torch.where(targets[:, 0] == 1, 5.0, 0.5 / 0.9) * binary_cross_entropy(
        SCORES[:, 0], targets[:, 0], reduction="none"
    )
    rest = binary_cross_entropy(SCORES[:, 1:], targets[:, 1:], reduction="sum")
    found = build_loss("balanced_bce", train)(SCORES, targets)
    torch.testing.assert_close(found, (each.sum() + rest) / targets.numel())


def test_no_class_weighs_more_than_the_most(train: Corpus) -> None:
    targets = np.zeros((10_000, 1), np.float32)
    targets[0] = 1
    ids = np.arange(10_000).astype(str)
    corpus = replace(train, tags=train.tags[:1], targets=targets, ids=ids, groups=ids, files=ids)
    assert class_weights(corpus)[0].tolist() == [MOST_WEIGHT]


@pytest.mark.parametrize("name", ["bce", "balanced_bce"])
def test_certain_scores_have_a_finite_loss(name: LossName, train: Corpus) -> None:
    wrong: Tensor = 1 - torch.from_numpy(train.targets).round()
    assert build_loss(name, train)(wrong, torch.from_numpy(train.targets)).isfinite()


def test_scores_are_in_single_precision_whatever_the_layers_before() -> None:
    network = tiny()
    with torch.autocast("cpu", torch.bfloat16):
        assert network(torch.randn(2, 200)).dtype == torch.float32
