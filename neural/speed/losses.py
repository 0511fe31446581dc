"""Whether bf16 learns what float32 learns: the losses of a short training in both, beside those of other seeds."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench.audio import AudioSettings
from bench.corpora import place_of
from bench.prepare import Prepared, prepare
from bench.progress import progress_bar
from bench.speed import Findings, Row
from neural.allocation import freed_memory_kept
from neural.logmel import OnLogMel
from neural.patches import TrainingPatches, to_audio
from neural.precision import Precision
from neural.reading import OnDevice
from neural.speed.contest import FRONT_ENDS, RATE, Contest
from neural.training import seeded
from neural.update import updates_of

PRECISIONS: tuple[Precision, Precision] = ("float32", "bf16")
LAST = 4  # the loss is the mean over the last quarter of the steps


def compare_losses(
    tracks: int, seconds: float, *, steps: int, seeds: int, cache: Path, workers: int, device: torch.device
) -> Findings:
    """Return the mean loss in the last quarter of `steps` steps in each precision, and how far seeds are apart.

    The networks are a quarter as wide as the paper's; they hear patches of `seconds` of songs of twice that length.
    """
    heard = AudioSettings()
    settings = {"tracks": tracks, "seconds": 2 * seconds}
    corpus = place_of("embedded", settings, root=None, cache=cache).load(workers=workers)
    prepared = prepare(corpus, [heard], cache=cache, workers=workers)
    found = Findings()
    with progress_bar(len(FRONT_ENDS) * len(PRECISIONS) * seeds, "losses of bf16 and float32", "training") as bar:
        for frontend in FRONT_ENDS:
            ends: dict[Precision, list[float]] = {precision: [] for precision in PRECISIONS}
            contest = Contest(frontend, 16, seconds, narrower=4)
            for seed in range(seeds):
                for precision in PRECISIONS:
                    ends[precision].append(last_loss(contest, precision, prepared, seed, steps, device))
                    bar.update()
            found += _findings(contest, ends, f"MSE, end of {steps} steps, {seeds} seeds")
    return found


def _findings(contest: Contest, ends: dict[Precision, list[float]], what: str) -> Findings:
    name, means = contest.frontend, {precision: float(np.mean(losses)) for precision, losses in ends.items()}
    rows = [Row(f"loss_{name}_{precision}", mean, what) for precision, mean in means.items()]
    rows.append(Row(f"loss_{name}_between_seeds", float(np.std(ends["float32"], ddof=1)), "standard deviation"))
    return Findings(tuple(rows), {f"loss_{name}_bf16_minus_float32": means["bf16"] - means["float32"]})


def last_loss(
    contest: Contest, precision: Precision, prepared: Prepared, seed: int, steps: int, device: torch.device
) -> float:
    """Train for so many steps as `neural.training` does; return the mean loss in the last quarter of them."""
    corpus, (store,) = prepared.corpus, prepared.stores.values()
    patches = TrainingPatches(corpus, store, contest.samples, contest.batch_size, seed)
    with seeded(seed, device), freed_memory_kept():
        tagger = contest.tagger(precision)
        model = tagger.build(len(corpus.tags), RATE).to(device)
        if isinstance(model, OnLogMel):
            model.log_mel.fit_normalisation(to_audio(part, device) for part in patches.first_round(len(corpus)))
        updates, batches = updates_of(model, nn.MSELoss(), tagger, seed, device), OnDevice(patches.batch, device, steps)
        losses = [updates(patches.places(number), *batches[number])[0] for number in range(steps)]
    return float(np.mean(losses[-max(1, steps // LAST) :]))
