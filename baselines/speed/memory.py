"""The memory of a process that describes one track after another, as `baselines.extraction` employs it."""

from dataclasses import replace

import numpy as np
import psutil

from baselines.extraction import DescriptorSettings
from baselines.isolation import Describer
from bench.errors import StudyFailedError
from bench.progress import progress_bar
from bench.speed import MB, Findings, Row
from bench.store import Store, StoredTrack

SHORTEST, LONGEST = 2.0, 12.0  # seconds


def measure_extractor_memory(store: Store, tracks: int, settled: int) -> Findings:
    """Return how much a describer's resident memory grows from the first `settled` of `tracks` tracks to the end.

    The tracks are excerpts of 2 to 12 s of the store's. Raises `StudyFailedError` when one cannot be described or
    the process was started again on the way: the memory then says nothing.
    """
    settings = DescriptorSettings()
    with Describer(settings.descriptor_set, settings.track_cpu_seconds) as describer:
        process = psutil.Process(describer.process_id)
        early = 0.0
        with progress_bar(tracks, "memory of the extractor", "track") as bar:
            for number, track in enumerate(_excerpts(store, tracks), start=1):
                problem = describer.describe(track).problem
                if problem:
                    raise StudyFailedError(f"an excerpt of an embedded song {problem}; its memory says nothing")
                bar.update()
                if number == settled:
                    early = process.memory_info().rss / MB
        if describer.process_id != process.pid:
            raise StudyFailedError("the process whose memory is measured was killed on the way")
        late = process.memory_info().rss / MB
    return Findings(
        (
            Row("extractor_memory", late, f"MB after {tracks:,} tracks"),
            Row("extractor_memory_growth", late - early, f"MB after the first {settled:,} of {tracks:,} tracks"),
        )
    )


def _excerpts(store: Store, count: int) -> list[StoredTrack]:
    """Return excerpts of random tracks, at random places and of random lengths, the same every time."""
    draw = np.random.default_rng(0)
    wholes = list(store.tracks.values())
    excerpts = []
    for _ in range(count):
        whole = wholes[draw.integers(len(wholes))]
        length = min(round(draw.uniform(SHORTEST, LONGEST) * whole.rate), whole.length)
        start = whole.start + int(draw.integers(whole.length - length + 1))
        excerpts.append(replace(whole, start=start, length=length))
    return excerpts
