"""From a batch to the gradients of its loss: as written, or on a GPU compiled and replayed as one CUDA graph."""

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from bench.processes import count
from bench.progress import say
from neural.logmel import OnLogMel
from neural.patches import scaled
from neural.precision import Precision, computing

Forward = Callable[[Tensor], Tensor]
WARM_UPS = 3  # steps before a capture, in which libraries choose kernels and take their working memory


@dataclass
class Gradients:
    """Leaves the gradients of a batch's loss with the parameters of `model`, which `forward` calls."""

    model: nn.Module
    forward: Forward
    loss: nn.Module
    precision: Precision

    def __call__(self, patches: Tensor, targets: Tensor) -> Tensor:
        """Return the loss for patches of int16, (batch, samples), and targets, (batch, tags), on the model's device."""
        self.model.zero_grad()
        return self.add(patches, targets)

    def add(self, patches: Tensor, targets: Tensor) -> Tensor:
        """Do the same where there are no gradients yet."""
        with computing(self.precision, patches.device):
            scores = self.forward(scaled(patches))
        loss: Tensor = self.loss(scores.float(), targets)
        loss.backward()
        return loss.detach()


@dataclass
class CapturedGradients(Gradients):
    """The same on a GPU: the kernels of one step are recorded once and started by one call ever after.

    A step at batch 16 has hundreds of kernels of some microseconds each; Python cannot start them as fast as they end.
    What changes from step to step has to be an argument, and every batch is as large as the first.
    """

    graph: torch.cuda.CUDAGraph | None = None
    held: list[Tensor] = field(default_factory=list)  # the arguments, at the addresses that the graph reads
    last: Tensor = field(default_factory=lambda: torch.empty(0))

    def __call__(self, patches: Tensor, targets: Tensor) -> Tensor:
        """Return the loss, which the next call overwrites, as it does the gradients."""
        if self.graph is None:
            self.graph = self._captured(patches, targets)
        for held, given in zip(self.held, (patches, targets), strict=True):
            held.copy_(given)
        self.graph.replay()
        return self.last

    def _captured(self, patches: Tensor, targets: Tensor) -> torch.cuda.CUDAGraph:
        """Record a step; the model is as before but for its gradients."""
        self.held = [patches.clone(), targets.clone()]
        before = [buffer.clone() for buffer in self.model.buffers()]  # batch-norm statistics, which warming up moves
        side, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                super().__call__(*self.held)
        torch.cuda.current_stream().wait_stream(side)
        self.model.zero_grad()  # so that the graph's own memory holds the gradients
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads go on reading batches
            self.last = self.add(*self.held)
        for buffer, values in zip(self.model.buffers(), before, strict=True):
            buffer.copy_(values)
        return graph


def gradients_of(model: nn.Module, loss: nn.Module, precision: Precision, device: torch.device) -> Gradients:
    """Return what computes the gradients fastest on this device; several processes exchange numbers on the way."""
    if device.type != "cuda" or count() > 1:
        return Gradients(model, model, loss, precision)
    return CapturedGradients(model, compiled(model) if can_compile() else model, loss, precision)


def compiled(model: nn.Module) -> Forward:
    """Return the model as a function whose kernels torch.compile makes, with the same parameters.

    A log-mel spectrogram stays outside: torch makes no kernels for complex numbers. What was compiled before is
    forgotten, since torch stops compiling after some networks of different shapes.
    """
    torch.compiler.reset()
    if not isinstance(model, OnLogMel):
        return torch.compile(model, dynamic=False)
    log_mel, network = model.log_mel, torch.compile(model.network, dynamic=False)
    return lambda audio: network(log_mel(audio))


def can_compile() -> bool:
    """Tell whether Triton and a C compiler are there, which torch.compile needs for a GPU; say so where not."""
    compilers = filter(None, [os.environ.get("CC"), "cc", "gcc", "clang"])
    lacking = [] if importlib.util.find_spec("triton") else ["Triton"]
    lacking += [] if any(map(shutil.which, compilers)) else ["a C compiler"]
    if lacking:
        say(f"torch.compile needs {' and '.join(lacking)}, which this machine lacks: training is slower without")
    return not lacking
