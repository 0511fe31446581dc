"""The networks against the authors' own code, the paper's sizes, and hand-made batch norms."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.errors import InputError
from neural.frontends import TimbralConv
from neural.layers import ConvBlock, KeyedDropout, SameConv1d, ScalarBatchNorm, he_initialise, key_dropout
from neural.network import build_network, count_parameters
from tests.authors import AUTHORS, INPUTS, FrontEnd, drawn_input, transplanted


@pytest.mark.parametrize(("frontend", "length", "number"), INPUTS)
def test_outputs_equal_those_of_the_authors_code(frontend: FrontEnd, length: int, number: int) -> None:
    network = transplanted(frontend)
    with torch.no_grad():
        steps = network.frontend(drawn_input(frontend, length, number))
        summary = network.backend.summarise(steps)
        probabilities = network(drawn_input(frontend, length, number))
    found = {"frontend_mean": steps.mean(2), "frontend_max": steps.amax(2), "summary": summary, "prob": probabilities}
    if frontend == "spectrogram":  # where zeros were padded
        found["frontend_head"], found["frontend_tail"] = steps[:, :, :8].mT, steps[:, :, -8:].mT
    for name, values in found.items():
        expected = AUTHORS[f"{frontend}_{length}_{name}"]
        np.testing.assert_allclose(values.numpy(), expected, rtol=1e-5, atol=1e-4, err_msg=name)
    np.testing.assert_allclose(probabilities.numpy(), AUTHORS[f"{frontend}_{length}_prob"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("frontend", "n_tags", "n_parameters"),
    [
        ("waveform", 50, 5_377_082),
        ("waveform", 139, 5_421_671),
        ("spectrogram", 50, 5_922_250),
        ("spectrogram", 139, 5_966_839),
    ],
)
def test_default_sizes_are_the_papers(frontend: FrontEnd, n_tags: int, n_parameters: int) -> None:
    assert count_parameters(build_network(frontend, n_tags)) == n_parameters


def test_each_waveform_layer_leaves_the_papers_number_of_steps() -> None:
    network = build_network("waveform", 1, backend_filters=4, num_units=4).eval()
    lengths: list[int] = []
    for layer in network.frontend.get_submodule("layers").children():
        layer.register_forward_hook(lambda _, __, output: lengths.append(output.shape[-1]))
    with torch.no_grad():
        steps = network.frontend(torch.zeros(1, 240_000))
        assert network.frontend(torch.zeros(1, 59_049)).shape == (1, 256, 26)
    assert lengths[:7] == [80_000, 79_998, 26_664, 8_886, 2_960, 984, 326]
    assert steps.shape == (1, 256, 108)


def test_the_spectrogram_frontend_keeps_every_frame_at_any_number_of_mel_bins() -> None:
    for n_mels in (90, 96):
        network = build_network("spectrogram", 1, n_mels=n_mels, backend_filters=4, num_units=4).eval()
        kernels = [module.kernel_size for module in network.frontend.modules() if isinstance(module, nn.Conv2d)]
        assert [mels for _, mels in kernels] == [int(0.9 * n_mels)] * 3 + [int(0.4 * n_mels)] * 3
        assert network.frontend(torch.zeros(1, 21, n_mels)).shape == (1, 29 * 16, 21)


@pytest.mark.parametrize(("frontend", "shortest"), [("waveform", 19_680), ("spectrogram", 8)])
def test_the_shortest_input_passes_and_one_shorter_does_not(frontend: FrontEnd, shortest: int) -> None:
    network = build_network(frontend, 3, backend_filters=4, num_units=4).eval()
    shape = (lambda n: (1, n)) if frontend == "waveform" else (lambda n: (1, n, 90))
    assert network.shortest_input == shortest
    assert network(torch.zeros(shape(shortest))).shape == (1, 3)
    with pytest.raises(RuntimeError):
        network(torch.zeros(shape(shortest - 1)))


def test_fewer_waveform_layers_need_a_shorter_input() -> None:
    network = build_network("waveform", 2, filters=(2, 3), backend_filters=4, num_units=4).eval()
    assert network.shortest_input == (8 * 3 + 2) * 3
    assert network(torch.zeros(1, network.shortest_input)).shape == (1, 2)


def test_an_unknown_frontend_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="'cepstrum' is unknown"):
        build_network("cepstrum", 2)  # type: ignore[arg-type]


def test_the_order_is_convolution_then_relu_then_batch_norm() -> None:
    norm = nn.BatchNorm1d(1, eps=0).eval()
    norm.bias.data.fill_(-5)
    block = ConvBlock(nn.Identity(), norm)
    values = torch.tensor([[[-2.0, 0.0, 3.0]]])
    assert block(values).tolist() == [[[-5.0, -5.0, -2.0]]]


def test_a_timbral_convolution_gives_the_numbers_of_a_2d_convolution() -> None:
    torch.manual_seed(0)
    conv, spectrogram = TimbralConv(3, frames=5, mels=7), torch.randn(2, 12, 20)
    expected = nn.functional.conv2d(spectrogram[:, None], conv.weight, conv.bias, padding=(2, 0))
    torch.testing.assert_close(conv(spectrogram.mT), expected.mT)


def test_an_odd_number_of_zeros_has_the_odd_one_on_the_right() -> None:
    conv = SameConv1d(1, 1, 4, bias=False)
    conv.weight.data = torch.tensor([[[1.0, 10.0, 100.0, 1000.0]]])
    assert conv(torch.tensor([[[1.0, 2.0, 3.0]]])).tolist() == [[[3210.0, 321.0, 32.0]]]


def test_scalar_batch_norm_in_training_uses_one_mean_and_variance_for_all_channels() -> None:
    norm = ScalarBatchNorm(eps=1e-3, momentum=0.01)
    norm.weight.data.fill_(2)
    norm.bias.data.fill_(1)
    values = torch.tensor([[[0.0, 2.0], [4.0, 6.0]], [[8.0, 10.0], [12.0, 14.0]]])  # mean 7, variance 21
    expected = 1 + 2 * (values - 7) / np.sqrt(21.001)
    torch.testing.assert_close(norm(values), expected)
    assert norm.running_mean is not None
    assert norm.running_mean.tolist() == pytest.approx([0.07])


def test_scalar_batch_norm_in_inference_uses_its_running_statistics() -> None:
    norm = ScalarBatchNorm(eps=0, momentum=0.01).eval()
    norm.running_mean, norm.running_var = torch.tensor([1.0]), torch.tensor([4.0])
    assert norm(torch.tensor([[[3.0], [5.0]]])).tolist() == [[[1.0], [2.0]]]


def test_batch_norm_momentum_is_the_share_that_is_kept() -> None:
    network = build_network("spectrogram", 2, batch_norm_momentum=0.9, backend_filters=4, num_units=4)
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    assert len(norms) == 10 + 3 + 1
    assert all(norm.momentum == pytest.approx(0.1) and norm.eps == 1e-3 for norm in norms)


def test_weights_start_with_hes_variance_and_none_beyond_two_standard_deviations() -> None:
    torch.manual_seed(0)
    layer = nn.Conv1d(40, 50, 25)  # fan-in 1000: a standard deviation of sqrt(2 / 1000)
    he_initialise(layer)
    assert layer.bias is not None
    assert not layer.bias.any()
    assert layer.weight.std().item() == pytest.approx(np.sqrt(2 / 1000), rel=0.01)
    assert layer.weight.abs().max().item() <= 2 * np.sqrt(2 / 1000) / 0.8796


@pytest.mark.parametrize("frontend", ["waveform", "spectrogram"])
def test_a_built_network_starts_with_hes_variance_and_no_biases(frontend: FrontEnd) -> None:
    torch.manual_seed(0)
    layers = [m for m in build_network(frontend, 50).modules() if isinstance(m, nn.Conv1d | nn.Conv2d | nn.Linear)]
    assert len(layers) == {"waveform": 7, "spectrogram": 10}[frontend] + 3 + 2
    for layer in layers:
        weight = layer.weight
        hes_std = np.sqrt(2 / weight[0].numel())
        assert weight.square().mean().sqrt().item() == pytest.approx(hes_std, rel=4 / np.sqrt(2 * weight.numel()))
        assert weight.abs().max().item() <= 2 * hes_std / 0.8796
        assert layer.bias is not None
        assert not layer.bias.any()


def test_both_dense_layers_are_behind_dropout_in_training_alone() -> None:
    network = build_network("waveform", 3, filters=(2, 2), backend_filters=40, num_units=60, dropout=0.3)
    dropped: list[tuple[Tensor, Tensor]] = []
    for layer in network.modules():
        if isinstance(layer, nn.Dropout):
            assert layer.p == 0.3
            layer.register_forward_hook(lambda _, inputs, output: dropped.append((inputs[0], output)))
    audio = torch.randn(16, 400, generator=torch.Generator().manual_seed(0))
    network.train()(audio)
    assert [inputs.shape for inputs, _ in dropped] == [(16, 2 * 40), (16, 60)]
    for inputs, output in dropped:
        kept = output != 0
        assert kept.float().mean().item() == pytest.approx(0.7 * (inputs != 0).float().mean().item(), abs=0.07)
        torch.testing.assert_close(output[kept], inputs[kept] / 0.7)
    dropped.clear()
    network.eval()(audio)
    assert all(torch.equal(inputs, output) for inputs, output in dropped)


def masks(places: range, *, seed: int = 0, layers: int = 2, values: int = 512) -> list[Tensor]:
    """Return what each of some dropout layers keeps at these places of a training, shape (places, values)."""
    model = nn.ModuleList(KeyedDropout(0.3) for _ in range(layers)).train()
    key_dropout(model, seed, torch.tensor(places))
    return [layer(torch.ones(len(places), values)) != 0 for layer in model]


def test_the_dropout_of_a_batch_is_that_of_its_halves_whatever_was_drawn_before() -> None:
    whole = masks(range(160, 176))
    torch.rand(1)
    before = torch.get_rng_state()
    halves = [torch.cat(pair) for pair in zip(masks(range(160, 168)), masks(range(168, 176)), strict=True)]
    assert all(map(torch.equal, whole, halves))
    assert torch.equal(before, torch.get_rng_state())


def test_dropout_masks_are_independent_between_places_layers_values_and_seeds() -> None:
    n_places, values = 400, 512
    first, second = masks(range(n_places))
    other_seed = masks(range(n_places), seed=1)[0]
    later = masks(range(n_places, 2 * n_places))[0]
    for kept in (first, second, other_seed, later):
        assert kept.float().mean().item() == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / kept.numel()))
        assert kept.float().mean(dim=0).std().item() == pytest.approx(np.sqrt(0.21 / n_places), rel=0.15)
        assert kept.float().mean(dim=1).std().item() == pytest.approx(np.sqrt(0.21 / values), rel=0.15)
    for other in (second, other_seed, later, first.roll(1, 0), first.roll(1, 1)):
        together = np.corrcoef(first.flatten().numpy(), other.flatten().numpy())[0, 1]
        assert abs(together) < 4 / np.sqrt(n_places * values)


def test_outputs_do_not_depend_on_the_rest_of_the_batch_in_inference() -> None:
    network = build_network("spectrogram", 4, n_mels=20, num_filt=1, backend_filters=4, num_units=4).eval()
    batch = torch.randn(3, 30, 20, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(network(batch)[:1], network(batch[:1]))
