"""Whatever lies in an audio folder ends as descriptors or as a refusal by name, by the way a study takes."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest

from baselines.extraction import DescriptorSettings, DescriptorTable, descriptors
from bench.audio import AudioSettings
from bench.corpus import Corpus, Float32Array, Tag
from bench.prepare import prepare
from bench.tagger import Context
from tests.audio_zoo import ZOO

SETTINGS = DescriptorSettings(track_cpu_seconds=20)


@dataclass(frozen=True)
class Heard:
    """What became of the zoo at one sample rate."""

    rejected: dict[str, str]
    ids: list[str]
    table: DescriptorTable

    def described(self, kind: str) -> Float32Array:
        """Return one track's descriptors, shape (descriptors,)."""
        row: Float32Array = self.table.matrix[self.ids.index(kind)]
        return row


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    root = tmp_path_factory.mktemp("zoo")
    for number, kind in enumerate(ZOO.values()):
        (root / str(number)).mkdir()
        kind.write(root / str(number) / kind.file)
    ids = np.array(list(ZOO))
    files = np.array([f"{number}/{kind.file}" for number, kind in enumerate(ZOO.values())])
    targets = np.zeros((len(ids), 1), np.float32)
    return Corpus("zoo", "1", root, (Tag("tag", "classification"),), ids, ids, files, targets)


@pytest.fixture(scope="module", params=[16000, "own"])
def sample_rate(request: pytest.FixtureRequest) -> int | Literal["own"]:
    rate: int | Literal["own"] = request.param
    return rate


@pytest.fixture(scope="module")
def heard(corpus: Corpus, sample_rate: int | Literal["own"], tmp_path_factory: pytest.TempPathFactory) -> Heard:
    cache, audio = tmp_path_factory.mktemp("cache"), AudioSettings(sample_rate=sample_rate)
    prepared = prepare(corpus, [audio], cache=cache, workers=1)
    context = Context(prepared.stores[audio], seed=0, device="cpu", workers=2, cache=cache)
    table = descriptors(prepared.corpus, context, SETTINGS)
    return Heard(prepared.rejected, prepared.corpus.ids.tolist(), table)


@pytest.mark.parametrize("kind", ZOO)
def test_each_kind_is_described_or_refused_as_expected(
    heard: Heard, sample_rate: int | Literal["own"], kind: str
) -> None:
    expected = ZOO[kind].outcome if sample_rate != "own" or ZOO[kind].own is None else ZOO[kind].own
    if expected:
        assert heard.rejected[kind].startswith(expected)
    else:
        assert kind not in heard.rejected
        assert not np.isinf(heard.described(kind)).any()
        assert np.isfinite(heard.described(kind)).any()


def test_no_kind_that_is_heard_is_a_problem_to_describe(heard: Heard) -> None:
    assert heard.table.problems == {}


def test_every_reason_is_one_short_line(heard: Heard) -> None:
    for reason in heard.rejected.values():
        assert reason.isprintable()
        assert len(reason) < 120
