"""A real study of all five families that takes seconds, run at a size in a process of its own, its stages recorded."""

from dataclasses import dataclass
from pathlib import Path

from bench.corpora import place_of
from bench.costs import Spent, recorded
from bench.plan.figures import Figure, figures_of
from bench.plan.stages import Extent
from bench.progress import be_silent
from bench.run import Machine, run_study
from bench.study import Study, read_study
from reports.report import write_report

STUDY = """
name = "planned"
sizes = [{smaller}, {larger}]
threads = 1

[corpus]
name = "embedded"
tracks = {tracks}
seconds = 4.0

[split]
valid = 0.25
test = 0.35

[scoring]
min_positives = 1
min_negatives = 1

[[families]]
family = "prior"

[[families]]
family = "linear"

[[families]]
family = "gbt"
max_rounds = 30
patience = 30
fixed_rounds = 30

[[families]]
family = "waveform"
filters = [16, 16, 16, 32]
backend_filters = 32
num_units = 32
patch_seconds = 2.0
max_updates = 20
validate_every = 10

[[families]]
family = "spectrogram"
num_filt = 2
hop = 512
backend_filters = 32
num_units = 32
patch_seconds = 2.0
max_updates = 20
validate_every = 10
"""


@dataclass(frozen=True)
class Ran:
    """A study that was run, its extent, its figures, and what it spent."""

    study: Study
    extent: Extent
    figures: list[Figure]
    spent: list[Spent]


def run_for_real(tracks: int, folder: Path) -> Ran:
    """Run the study with a corpus of so many tracks, and report it, in `folder`."""
    be_silent()
    out, cache = folder / "out", folder / "cache"
    cache.mkdir(parents=True)
    file = folder / "planned.toml"
    file.write_text(STUDY.format(tracks=tracks, smaller=tracks // 6, larger=tracks // 3))
    study = read_study(str(file))
    with recorded([out, cache]) as spent:
        outcome = run_study(study, out=out, root=None, machine=Machine("cpu", 1, cache))
        write_report(out)
    assert outcome.faults == []
    parts = study.split.divide(place_of("embedded", study.corpus.settings, root=None, cache=cache).outline())
    extent = Extent(tracks, len(parts.test.tags), tuple(study.sizes), len(parts.valid), len(parts.test))
    return Ran(study, extent, figures_of(study, extent, spent, "cpu"), list(spent))
