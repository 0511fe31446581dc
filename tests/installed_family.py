"""A model family from outside the project: a module and an entry point on the path, as pip would leave them.

It predicts one value for everything, and notes in the cache which tracks it is asked for.
"""

from pathlib import Path

import pytest

MODULE = """
import json, os
import numpy as np
from bench.errors import StudyFailedError
from bench.tagger import FitSummary, Tagger, Trained


class Constant(Tagger):
    value: float = 0.5
    fails_at: int = 0

    def prepare(self, corpus, context):
        if self.fails_at < 0:
            raise StudyFailedError("nothing can be prepared")
        return {track: "an even number" for track in corpus.ids.tolist() if int(track[1:]) % 2 == 0}

    def fit(self, train, valid, context):
        if len(train) == self.fails_at:
            raise StudyFailedError("the loss is no number")
        seen = {"train": train.ids.tolist(), "valid": valid.ids.tolist()}
        return Fitted(float(os.environ.get("CONSTANT_SCORE", self.value)), seen)

    @staticmethod
    def load(folder):
        return Fitted(0.5, json.loads((folder / "seen.json").read_text()))


class Fitted(Trained):
    def __init__(self, value, seen):
        self.value, self.seen, self.summary = value, seen, FitSummary()

    def predict(self, corpus, context):
        with (context.cache / "asked.jsonl").open("a") as asked:
            print(json.dumps([self.value, corpus.ids.tolist()]), file=asked)
        return np.full(corpus.targets.shape, self.value, np.float32)

    def save(self, folder):
        (folder / "seen.json").write_text(json.dumps(self.seen))
"""


def install_family(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the family `constant` known to this process."""
    (site / "tagbench_constant.py").write_text(MODULE)
    distribution = site / "tagbench_constant-1.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: tagbench-constant\nVersion: 1\n")
    (distribution / "entry_points.txt").write_text("[tagbench.families]\nconstant = tagbench_constant\n")
    monkeypatch.syspath_prepend(str(site))
