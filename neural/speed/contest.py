"""What is measured: the training steps of a network as it is, and of its plain translation with the same weights."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

import torch
from torch import Tensor, nn

from bench.store import FULL_SCALE
from neural.gradients import Gradients
from neural.logmel import OnLogMel
from neural.network import Network
from neural.patches import scaled
from neural.precision import Precision
from neural.spectrogram import Spectrogram
from neural.speed.plain import PlainNetwork, PlainSpectrogram, PlainWaveform
from neural.tagger import AudioNetwork
from neural.update import updates_of
from neural.waveform import Waveform

FrontEnd = Literal["waveform", "spectrogram"]
FRONT_ENDS: tuple[FrontEnd, FrontEnd] = ("spectrogram", "waveform")
TAGS, RATE, SEED = 139, 16_000, 0  # the paper's tags and sample rate
LOUDNESS = 0.1  # of the noise that is trained on, full scale being 1


@dataclass(frozen=True)
class Contest:
    """A network of a front-end, by default of the paper's size, with `widths` divided, and the size of its batches."""

    frontend: FrontEnd
    batch_size: int = 16
    seconds: float = 15.0
    narrower: int = 1
    dropout: float = 0.5

    @property
    def samples(self) -> int:
        """The length of a patch."""
        return round(self.seconds * RATE)

    def tagger(self, precision: Precision = "float32") -> Waveform | Spectrogram:
        """Return the settings of the network."""
        back = {"backend_filters": 512 // self.narrower, "num_units": 500 // self.narrower}
        training = {"batch_size": self.batch_size, "patch_seconds": self.seconds, "dropout": self.dropout}
        common = {**back, **training, "precision": precision}
        if self.frontend == "waveform":
            filters = [width // self.narrower for width in Waveform().filters]
            return Waveform.model_validate({**common, "filters": filters})
        return Spectrogram.model_validate({**common, "num_filt": 16 // self.narrower})

    def model(self, tags: int = TAGS) -> AudioNetwork:
        """Return a fresh network, the same every time."""
        torch.manual_seed(SEED)
        return self.tagger().build(tags, RATE)

    def plain(self) -> nn.Module:
        """Return its plain translation, with the same weights."""
        model, tagger = self.model(), self.tagger()
        if isinstance(tagger, Spectrogram) and isinstance(model, OnLogMel):
            frontend = PlainSpectrogram(tagger.n_mels, tagger.num_filt, 1 - tagger.batch_norm_momentum)
            return nn.Sequential(model.log_mel, PlainNetwork(model.network, frontend))
        assert isinstance(tagger, Waveform) and isinstance(model, Network)  # noqa: PT018, S101
        return PlainNetwork(model, PlainWaveform(tagger.filters, 1 - tagger.batch_norm_momentum))

    def batch(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return patches of noise, and targets of which a tenth are positive."""
        draw = torch.Generator().manual_seed(SEED)
        noise = LOUDNESS * FULL_SCALE * torch.randn(self.batch_size, self.samples, generator=draw)
        targets = (torch.rand(self.batch_size, TAGS, generator=draw) < 0.1).float()
        return noise.clamp(-FULL_SCALE, FULL_SCALE - 1).short().to(device), targets.to(device)

    def difference(self) -> float:
        """Return the largest difference between the scores of both, in training mode, dropout aside."""
        patches, _ = self.batch(torch.device("cpu"))
        whole = replace(self, dropout=0.0)
        with torch.no_grad():
            ours, plain = (model(scaled(patches)) for model in (whole.model(), whole.plain()))
        return float((ours - plain).abs().max())


Step = Callable[[Tensor, Tensor], float]


def our_step(contest: Contest, precision: Precision, device: torch.device) -> Step:
    """Return a training step as `neural.training` makes it, from patches and targets to the loss."""
    updates = updates_of(contest.model().to(device), nn.MSELoss(), contest.tagger(precision), SEED, device)
    firsts = count(step=contest.batch_size)

    def step(patches: Tensor, targets: Tensor) -> float:
        first = next(firsts)
        loss, _ = updates(range(first, first + contest.batch_size), patches, targets)
        return loss

    return step


def plain_step(contest: Contest, device: torch.device) -> Step:
    """Return the step of a plain loop: eager, float32."""
    model = contest.plain().to(device)
    gradients = Gradients(model, model, nn.MSELoss(), "float32")
    optimiser = torch.optim.Adam(model.parameters(), lr=contest.tagger().learning_rate)

    def step(patches: Tensor, targets: Tensor) -> float:
        loss = gradients(patches, targets)
        optimiser.step()
        return float(loss)

    return step
