"""What a network family asks of its settings, its audio and its machine."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bench.audio import AudioSettings
from bench.corpora import manifest
from bench.corpus import Corpus
from bench.errors import InputError
from bench.store import prepare_store
from bench.tagger import Context
from neural.settings import NetworkSettings
from neural.spectrogram import Spectrogram
from neural.tagger import NetworkTagger
from neural.waveform import Waveform
from tests.small_corpus import write_small_corpus
from tests.small_training import FAMILIES, parts_of

Parts = tuple[Corpus, Corpus, Context]
both_families = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Return what to train on and to choose by, and where to work."""
    return parts_of(write_small_corpus(tmp_path_factory.mktemp("tones")), None)


def changed(family: str, **settings: object) -> NetworkTagger:
    return FAMILIES[family].model_copy(update=settings)


def test_a_model_of_the_other_family_is_refused(parts: Parts, tmp_path: Path) -> None:
    changed("waveform", max_updates=1).fit(*parts).save(tmp_path)
    with pytest.raises(InputError, match="holds a waveform model, not a spectrogram model"):
        Spectrogram.load(tmp_path)


@pytest.mark.parametrize(
    ("family", "shortest"), [("waveform", 726), ("spectrogram", 7 * 256)], ids=["waveform", "spectrogram"]
)
def test_a_patch_too_short_for_the_network_is_refused_by_name(family: str, shortest: int, parts: Parts) -> None:
    short = changed(family, patch_seconds=0.04)
    for attempt in (lambda: short.check(AudioSettings()), lambda: short.fit(*parts)):
        with pytest.raises(InputError, match=rf"{family}: patch_seconds = 0.04 is 640 samples .* at least {shortest} "):
            attempt()


def test_mel_bins_that_a_low_sample_rate_cannot_fill_are_refused_before_any_work() -> None:
    settings = changed("spectrogram", n_mels=120)
    settings.check(AudioSettings(sample_rate=16_000))
    with pytest.raises(InputError, match="n_mels = 120 is too many for window = 512 at 44100 Hz"):
        settings.check(AudioSettings(sample_rate=44_100))


@both_families
def test_a_network_hears_one_sample_rate(family: str) -> None:
    own = AudioSettings(sample_rate="own")
    expected = rf"^{family} needs one sample rate; give \[audio\] sample_rate a number$"
    with pytest.raises(InputError, match=expected):
        changed(family).check(own)


def test_a_patch_may_be_longer_than_what_is_heard_of_each_track() -> None:
    Waveform().check(AudioSettings(max_seconds=3.0))
    Spectrogram().check(AudioSettings(max_seconds=3.0))


@both_families
def test_tracks_that_are_repeated_to_fill_a_patch_are_noted(family: str, parts: Parts, tmp_path: Path) -> None:
    train, _, context = parts
    write_small_corpus(tmp_path, tracks=2, seconds=1.4)
    short = replace(manifest.load(tmp_path), ids=np.array(["short0", "short1"]))
    store = prepare_store(short, AudioSettings(), cache=tmp_path, workers=1)
    both = replace(context, audio=replace(store, tracks=store.tracks | context.audio.tracks))
    tagger = changed(family, patch_seconds=1.5)
    note = "shorter than a patch of 1.5 s: repeated to fill it"
    assert tagger.prepare(short, both) == {"short0": note, "short1": note}
    assert tagger.prepare(train, both) == {}


def test_an_empty_validation_part_and_audio_of_another_rate_are_refused(parts: Parts) -> None:
    train, valid, context = parts
    nothing = np.array([], dtype=np.intp)
    with pytest.raises(InputError, match="validation part of manifest has no tracks"):
        FAMILIES["waveform"].fit(train, valid.take(nothing), context)
    trained = changed("waveform", max_updates=1).fit(*parts)
    slower = replace(context, audio=replace(context.audio, settings=AudioSettings(sample_rate=8000)))
    with pytest.raises(InputError, match="audio is at 8000 Hz; this model hears 16000 Hz"):
        trained.predict(valid, slower)


@pytest.mark.parametrize(
    ("family", "settings", "complaint"),
    [
        (Waveform, {"n_mels": 90}, "n_mels"),
        (Waveform, {"filters": [64]}, "filters"),
        (Spectrogram, {"filters": [64, 64]}, "filters"),
        (Spectrogram, {"hop": 513}, "hop = 513 is above window = 512"),
        (Spectrogram, {"dropout": 1.0}, "dropout"),
        (Spectrogram, {"batch_size": 1}, "batch_size"),
        (Spectrogram, {"loss": "hinge"}, "loss"),
        (Waveform, {"aggregation": "sum"}, "aggregation"),
        (Waveform, {"patience": 9, "stop_after": 8}, "patience = 9 is above stop_after = 8"),
        (NetworkSettings, {"patch_seconds": float("inf")}, "patch_seconds"),
        (NetworkSettings, {"weight_decay": float("inf")}, "weight_decay"),
        (NetworkSettings, {"weight_decay": float("nan")}, "weight_decay"),
        (NetworkSettings, {"weight_decay": 1.5}, "weight_decay"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(
    family: type[NetworkSettings], settings: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        family(**settings)


def test_the_defaults_are_the_papers() -> None:
    for tagger in (Waveform(), Spectrogram()):
        assert (tagger.learning_rate, tagger.batch_size, tagger.patch_seconds) == (0.001, 16, 15)
        assert (tagger.dropout, tagger.weight_decay, tagger.batch_norm_momentum) == (0.5, 0, 0.99)


BARE_MACHINE = """
import sys
for name in ("mlflow", "essentia", "xgboost", "click", "matplotlib"):
    sys.modules[name] = None  # what is None here cannot be imported
from pathlib import Path
import numpy as np
from bench.audio import AudioSettings
from bench.corpus import Corpus, Tag
from bench.store import prepare_store
from bench.tagger import Context
from neural.spectrogram import Spectrogram
from neural.waveform import Waveform
root = Path(sys.argv[1])
ids = np.array([f"{n:03}" for n in range(8)])
files = np.char.add(np.char.add("audio/", ids), ".wav")
targets = (np.arange(8) % 2).astype(np.float32)[:, None]
tones = Corpus("tones", "1", root, (Tag("tone", "classification"),), ids, ids, files, targets)
context = Context(prepare_store(tones, AudioSettings(), cache=root / "cache", workers=1), 0, "cpu", 1, root)
for tagger in (
    Spectrogram(num_filt=1, n_mels=20, backend_filters=4, num_units=4, patch_seconds=0.5, max_updates=1),
    Waveform(filters=(2, 2, 2), backend_filters=4, num_units=4, patch_seconds=0.5, max_updates=1),
):
    assert tagger.fit(tones, tones, context).predict(tones, context).shape == (8, 1)
"""


def test_a_machine_with_torch_and_little_else_can_train(parts: Parts) -> None:
    command = [sys.executable, "-W", "error", "-c", BARE_MACHINE, str(parts[0].root)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[1]
    )
    assert done.returncode == 0, done.stderr
