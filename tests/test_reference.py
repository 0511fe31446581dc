"""The networks against a second writing of them in NumPy, in inference and in training, at several sizes of input.

The reference itself is held to what the authors' code gave.
"""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from neural.network import Network
from tests.authors import AUTHORS, INPUTS, FrontEnd, drawn_input, transplanted
from tests.reference_network import Array, Reference

CASES: list[tuple[FrontEnd, int, int]] = [  # front-end, length, mel bins
    ("waveform", 59_049, 90),
    ("waveform", 240_000, 90),
    ("spectrogram", 187, 90),
    ("spectrogram", 187, 96),
    ("spectrogram", 938, 96),
]
every_case = pytest.mark.parametrize(("frontend", "length", "n_mels"), CASES)


def in_double(tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    return {name: tensor.double().numpy().copy() for name, tensor in tensors.items()}


def let_scores_differ(network: Network) -> None:
    """Let the last layer tell inputs apart: the authors' case keeps it small, so that all scores are near a half."""
    network.backend.output.weight.data *= 5


@pytest.mark.parametrize(("frontend", "length", "number"), INPUTS)
def test_the_reference_gives_what_the_authors_code_gave(frontend: FrontEnd, length: int, number: int) -> None:
    weights = in_double(transplanted(frontend).state_dict())
    inputs = drawn_input(frontend, length, number).double().numpy()
    found = Reference(weights).probabilities(inputs)
    np.testing.assert_allclose(found, AUTHORS[f"{frontend}_{length}_prob"], rtol=0, atol=1e-5)


@every_case
def test_inference_is_the_references(frontend: FrontEnd, length: int, n_mels: int) -> None:
    network, inputs = transplanted(frontend, n_mels=n_mels), drawn_input(frontend, length, 7, n_mels=n_mels)
    let_scores_differ(network)
    with torch.no_grad():
        found = network(inputs).numpy()
    expected = Reference(in_double(network.state_dict())).probabilities(inputs.double().numpy())
    assert np.ptp(expected) > 0.2
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@every_case
def test_training_normalises_by_the_batch_and_keeps_the_references_statistics(
    frontend: FrontEnd, length: int, n_mels: int
) -> None:
    network = transplanted(frontend, n_mels=n_mels, dropout=0.0).train()
    inputs = drawn_input(frontend, length, 8, items=3, n_mels=n_mels)
    let_scores_differ(network)
    before = in_double(network.state_dict())
    with torch.no_grad():
        found = network(inputs).numpy()
    reference, after = Reference(before, training=True), in_double(network.state_dict())
    np.testing.assert_allclose(found, reference.probabilities(inputs.double().numpy()), rtol=0, atol=1e-4)
    assert len(reference.statistics) == {"waveform": 7, "spectrogram": 10}[frontend] + 3 + 1
    for name, (mean, variance, count) in reference.statistics.items():
        kept = {what: 0.99 * before[f"{name}.{what}"] for what in ("running_mean", "running_var")}
        unbiased = variance * count / (count - 1)
        np.testing.assert_allclose(after[f"{name}.running_mean"], kept["running_mean"] + 0.01 * mean, atol=1e-5)
        np.testing.assert_allclose(after[f"{name}.running_var"], kept["running_var"] + 0.01 * unbiased, atol=1e-5)
