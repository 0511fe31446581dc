"""What the two network families share: settings, `fit`, and a trained network on disk."""

import json
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Self

import safetensors.torch
import torch

from bench.audio import AudioSettings
from bench.corpus import Corpus, Float32Array
from bench.digest import json_digest
from bench.errors import InputError
from bench.processes import count, is_first, own_device
from bench.progress import progress_bar
from bench.tagger import Context, FitSummary, Steps, Tagger, Trained, check_parts, check_tags
from neural.allocation import freed_memory_kept
from neural.checkpoint import Checkpoints
from neural.distributed import gathered, own_part, synchronise
from neural.logmel import OnLogMel
from neural.network import Network, count_parameters
from neural.patches import TrainingPatches, moving_windows, spread_windows, to_audio
from neural.prediction import mean_scores, mean_scores_of, windows_at_once
from neural.settings import NetworkSettings
from neural.training import TRAINING_VERSION, Training, seeded
from neural.whole_songs import LONGEST_SECONDS, WholeSongs

WEIGHTS_FILE = "weights.safetensors"
MODEL_FILE = "model.json"
NORMALISATION_TRACKS = 2000  # a patch of each is 8 hours of audio at the paper's settings: plenty for two numbers

AudioNetwork = Network | OnLogMel


class NetworkTagger(NetworkSettings, Tagger):
    """A family of networks that take audio; a subclass says which."""

    family: ClassVar[str]
    shares_work: ClassVar[bool] = True
    trains_on_gpu: ClassVar[bool] = True

    @abstractmethod
    def build(self, n_tags: int, sample_rate: int) -> AudioNetwork:
        """Return a fresh model from audio, (batch, samples), to probabilities, (batch, tags)."""

    def check(self, audio: AudioSettings) -> None:
        """Refuse settings that the sample rate or the number of processes rules out.

        A mel band may be empty, a patch too short, or a batch not to be divided.
        """
        if self.batch_size % count():
            raise InputError(
                f"{self.family}: batch_size = {self.batch_size} cannot be divided among {count()} processes;"
                f" start as many as divide it"
            )
        sample_rate = self.one_rate(audio)
        with torch.device("meta"):  # sizes alone; nothing is drawn
            shortest = self.build(1, sample_rate).shortest_input
        samples = self.patch_samples(sample_rate)
        if samples < shortest:
            raise InputError(
                f"{self.family}: patch_seconds = {self.patch_seconds:g} is {samples} samples at {sample_rate} Hz;"
                f" this network needs at least {shortest} ({shortest / sample_rate:.2f} s)"
            )

    def steps(self) -> Steps:
        """Return updates: at least so many as end with `stop_after` validations that are worse than the first."""
        least = min(self.max_updates, (1 + self.stop_after) * self.validate_every)
        return Steps(least, self.max_updates, self.validate_every, reads_all=False)

    def with_steps(self, steps: int) -> Self:
        """Return a network that is validated once, after so many updates."""
        return self.model_copy(update={"max_updates": steps, "validate_every": steps})

    def prepare(self, corpus: Corpus, context: Context) -> dict[str, str]:
        """Note the tracks that are shorter than a patch."""
        samples = self.patch_samples(self.one_rate(context.audio.settings))
        note = f"shorter than a patch of {self.patch_seconds:g} s: repeated to fill it"
        return {track: note for track in corpus.ids.tolist() if context.audio.length(track) < samples}

    def fit(self, train: Corpus, valid: Corpus, context: Context) -> "TrainedNetwork":
        """Train on random patches of `train`; `valid` alone decides the learning rate and the end.

        Spectrograms are normalised by one random patch a training track, so by numbers that depend on the seed.
        Goes on from the checkpoint in `context.training`, where an interruption left one of the same training.
        Raises `InputError` when either is empty or the network cannot take a patch so short, and `StudyFailedError`
        when the loss is no longer a number.
        """
        check_parts(train, valid)
        self.check(context.audio.settings)
        device, sample_rate = own_device(context.device), self.one_rate(context.audio.settings)
        samples = self.patch_samples(sample_rate)
        with seeded(context.seed, device):
            model = self.build(len(train.tags), sample_rate).to(device)
            patches = TrainingPatches(train, context.audio, samples, self.batch_size, context.seed)
            validation = spread_windows(own_part(valid), context.audio, samples, self.validation_windows)
            kept = context.training if is_first() else None
            checkpoints = Checkpoints(kept, self.identity(train, valid, context))
            training = Training(model, patches, valid, validation, self, device, checkpoints, context.on_validation)
            if not training.resume() and isinstance(model, OnLogMel) and is_first():
                model.log_mel.fit_normalisation(to_audio(p, device) for p in patches.first_round(NORMALISATION_TRACKS))
            synchronise(model)
            total, done = self.max_updates * self.batch_size, training.step * self.batch_size
            with (
                freed_memory_kept(),
                progress_bar(total, f"{self.family}, {len(train)} tracks", "patch", done=done) as bar,
            ):
                training.run(bar)
        summary = FitSummary(
            n_parameters=count_parameters(model),
            curves=training.curve_frame,
            hit_cap=training.hit_cap,
            earlier_seconds=training.earlier_seconds,
        )
        return TrainedNetwork(self, model, sample_rate, tuple(tag.name for tag in train.tags), summary)

    def identity(self, train: Corpus, valid: Corpus, context: Context) -> str:
        """Return a name for all that decides a training, but for the device and its number of threads."""
        heard = context.audio.settings.model_dump(mode="json")
        settings = self.model_dump(mode="json")
        return json_digest([TRAINING_VERSION, self.family, settings, train.digest, valid.digest, context.seed, heard])

    def patch_samples(self, sample_rate: int) -> int:
        """Return the length of a patch in samples."""
        return round(self.patch_seconds * sample_rate)

    def one_rate(self, audio: AudioSettings) -> int:
        """Return the sample rate of all audio in Hz; raises `InputError` where each track keeps its own."""
        if audio.sample_rate == "own":
            raise InputError(f"{self.family} needs one sample rate; give [audio] sample_rate a number")
        return audio.sample_rate


class TrainedNetwork(Trained):
    """A network with the settings it was made by, the sample rate it hears and the tags it gives."""

    def __init__(
        self,
        settings: NetworkTagger,
        model: AudioNetwork,
        sample_rate: int,
        tags: tuple[str, ...],
        summary: FitSummary | None = None,
    ) -> None:
        self.settings = settings
        self.model = model
        self.sample_rate = sample_rate
        self.tags = tags
        self.summary = summary or FitSummary(count_parameters(model))

    def predict(self, corpus: Corpus, context: Context) -> Float32Array:
        """Return each track's mean over a window moved by half its length, shape (tracks, tags).

        Raises `InputError` when the corpus has other tags, or its audio another sample rate, than the training had.
        """
        self._check(corpus, context)
        device = own_device(context.device)
        part, model = own_part(corpus), self.model.to(device)
        windows = moving_windows(part, context.audio, self.settings.patch_samples(self.sample_rate))
        size, precision = windows_at_once(self.settings.batch_size, device), self.settings.precision
        with (
            freed_memory_kept(),
            progress_bar(len(windows), f"{self.settings.family}, {len(corpus)} tracks", "window") as bar,
        ):
            scores = mean_scores(model, windows, batch_size=size, device=device, precision=precision, bar=bar)
        return gathered(scores, corpus)

    def predict_otherwise(self, corpus: Corpus, context: Context) -> dict[str, Float32Array]:
        """Return what the same network gives when it hears each whole song at once; raises as `predict`."""
        self._check(corpus, context)
        device = own_device(context.device)
        part, model = own_part(corpus), self.model.to(device)
        patch, longest = self.settings.patch_samples(self.sample_rate), LONGEST_SECONDS * self.sample_rate
        songs = WholeSongs(part, context.audio, model.shortest_input, patch, max(patch, longest))
        batches, precision = songs.batches(self.settings.batch_size), self.settings.precision
        with progress_bar(sum(map(len, batches)), f"{self.settings.family}, whole songs", "part") as bar:
            scores = mean_scores_of(model, part, batches, device=device, precision=precision, bar=bar)
        return {"whole_song": gathered(scores, corpus)}

    def _check(self, corpus: Corpus, context: Context) -> None:
        check_tags(corpus, self.tags)
        if (heard := self.settings.one_rate(context.audio.settings)) != self.sample_rate:
            raise InputError(f"audio is at {heard} Hz; this model hears {self.sample_rate} Hz")

    def save(self, folder: Path) -> None:
        """Write weights and batch-norm statistics as safetensors, and the rest as JSON."""
        weights = {name: tensor.contiguous() for name, tensor in self.model.state_dict().items()}
        (folder / WEIGHTS_FILE).write_bytes(safetensors.torch.save(weights))
        description = {
            "family": self.settings.family,
            "settings": self.settings.model_dump(),
            "sample_rate": self.sample_rate,
            "tags": self.tags,
        }
        (folder / MODEL_FILE).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def load_network(folder: Path, family: type[NetworkTagger]) -> TrainedNetwork:
    """Read what `TrainedNetwork.save` wrote; nothing is unpickled.

    Raises `InputError` when it is a model of another family.
    """
    description = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
    if description["family"] != family.family:
        raise InputError(f"{folder} holds a {description['family']} model, not a {family.family} model")
    settings, tags = family.model_validate(description["settings"]), tuple(description["tags"])
    model = settings.build(len(tags), description["sample_rate"])
    model.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS_FILE))
    return TrainedNetwork(settings, model, description["sample_rate"], tags)
