"""Lower precision, kept memory, and reading ahead: what makes training faster and leaves what it learns alone."""

import platform
from functools import partial
from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn

from bench.speed import call_apart
from neural.frontends import WaveformFrontEnd
from neural.gradients import Forward, Gradients, compiled, gradients_of
from neural.logmel import LogMel, OnLogMel
from neural.network import Network, build_network
from neural.precision import Precision, computing
from neural.reading import OnDevice
from neural.tagger import AudioNetwork
from tests.precision_calls import memory_after_freeing

CPU = torch.device("cpu")
FrontEnd = Literal["waveform", "spectrogram"]
both_frontends = pytest.mark.parametrize("frontend", ["waveform", "spectrogram"])


def small_network(frontend: FrontEnd) -> Network:
    torch.manual_seed(0)
    filters = (8, 8, 16)
    return build_network(frontend, 5, num_filt=2, filters=filters, backend_filters=16, num_units=16, dropout=0)


def small_model(frontend: FrontEnd) -> AudioNetwork:
    network = small_network(frontend)
    return (
        OnLogMel(LogMel(sample_rate=16_000, n_mels=90, window=512, hop=256), network)
        if frontend == "spectrogram"
        else network
    )


def drawn_input(frontend: FrontEnd) -> torch.Tensor:
    shape = (6, 2000) if frontend == "waveform" else (6, 60, 90)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@both_frontends
def test_bf16_gives_the_scores_of_float32_but_for_rounding(frontend: FrontEnd) -> None:
    network, inputs = small_network(frontend).eval(), drawn_input(frontend)
    with torch.no_grad():
        expected = network(inputs)
        with computing("bf16", CPU):
            scores = network(inputs)
    assert scores.dtype == torch.float32
    assert not torch.equal(scores, expected)
    torch.testing.assert_close(scores, expected, rtol=0, atol=0.03)


@pytest.mark.parametrize(("precision", "side_by_side"), [("bf16", True), ("float32", False)])
def test_the_filters_of_a_step_lie_side_by_side_in_bf16_alone(precision: Precision, side_by_side: bool) -> None:
    frontend = small_network("waveform").frontend
    assert isinstance(frontend, WaveformFrontEnd)
    strides: list[int] = []
    for layer in frontend.layers:
        layer.register_forward_hook(lambda _, __, output: strides.append(output.stride(1)))
    with computing(precision, CPU):
        frontend(drawn_input("waveform"))
    assert [stride == 1 for stride in strides] == [side_by_side] * 3


def test_a_log_mel_spectrogram_is_float32_whatever_the_networks_precision() -> None:
    log_mel, audio = LogMel(sample_rate=16_000, n_mels=90, window=512, hop=256), drawn_input("waveform")
    with computing("bf16", CPU):
        heard = log_mel(audio)
    assert torch.equal(heard, log_mel(audio))


@both_frontends
def test_gradients_are_float32_and_those_of_this_batch_alone(frontend: FrontEnd) -> None:
    model = small_model(frontend)
    patches = torch.randint(-3000, 3000, (4, 4000), dtype=torch.int16)
    targets = torch.rand(4, 5)
    exact, gradients = (gradients_of(model, nn.MSELoss(), which, CPU) for which in ("float32", "bf16"))
    expected = exact(patches, targets)
    wanted = torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None])
    for _ in range(2):
        loss = gradients(patches, targets)
    found = [parameter.grad for parameter in model.parameters()]
    assert all(grad is not None and grad.dtype == torch.float32 for grad in found)
    flat = torch.cat([grad.flatten() for grad in found if grad is not None])
    assert float(loss) == pytest.approx(float(expected), rel=0.02)
    assert float(nn.functional.cosine_similarity(flat, wanted, dim=0)) > 0.9
    assert 0.8 < float(flat.norm() / wanted.norm()) < 1.25


@both_frontends
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_the_compiled_network_is_one_graph_and_gives_the_gradients_of_the_network(
    frontend: FrontEnd, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs: list[torch.fx.GraphModule] = []

    def as_it_is(graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> Forward:
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=as_it_is))  # needs no C++ compiler
    model = small_model(frontend)
    batch = torch.randint(-3000, 3000, (4, 4000), dtype=torch.int16), torch.rand(4, 5)
    found = []
    for forward in (model, compiled(model)):
        loss = Gradients(model, forward, nn.MSELoss(), precision)(*batch)
        found.append([loss, *(parameter.grad for parameter in model.parameters() if parameter.grad is not None)])
    assert len(graphs) == 1
    torch.testing.assert_close(found[1], found[0])


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
def test_freed_memory_is_kept_inside_and_handed_back_at_the_end() -> None:
    before, kept, after = call_apart("worker", memory_after_freeing).result
    assert kept - before > 190
    assert after - before < 50


def test_batches_are_read_by_their_number_when_they_are_asked_for() -> None:
    asked: list[int] = []

    def read(number: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.int16]]]:
        asked.append(number)
        return (np.full(3, number, np.int16),)

    batches = OnDevice(read, CPU, 10)
    assert [batches[number][0].tolist() for number in (4, 2)] == [[4] * 3, [2] * 3]
    assert asked == [4, 2]
