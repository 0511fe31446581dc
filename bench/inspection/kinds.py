"""Which of the paper's two kinds a tag's targets look like, by one rule that is told with its numbers.

The paper (Pons et al., 2017) makes classification tags of those whose annotations are bi-modal, with mostly zeros, and
regression tags of those that are pseudo-uniform. It gives no numbers; those here are this project's own.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.corpus import BoolArray, Float32Array

Kind = Literal["classification", "regression"]
Shape = Literal[
    "constant",
    "two values",
    "two values, mostly zero",
    "bi-modal",
    "bi-modal, mostly zero",
    "one-sided",
    "pseudo-uniform",
]

MIDDLE = 0.5
NEAR = 0.1  # a target this close to 0 or 1 lies at that end
AT_THE_ENDS = 0.8  # share of the targets at an end that makes a distribution bi-modal; of a uniform one it is 0.2
EACH_SIDE = 0.01  # and this share has to lie on each side of the middle, or there is no second mode
MOSTLY = 0.5

RULE = (
    "A tag looks like classification where every target is 0 or 1, or where its targets are bi-modal: at least "
    f"{100 * AT_THE_ENDS:g} % of them lie within {NEAR:g} of 0 or of 1, and at least {100 * EACH_SIDE:g} % on each "
    f"side of {MIDDLE:g}. Else it looks like regression: one-sided where they are at the ends but not on both sides, "
    f"pseudo-uniform otherwise. It is mostly zero where more than {100 * MOSTLY:g} % of the targets lie within "
    f"{NEAR:g} of 0. A tag whose targets are all the same looks like neither: there is nothing to learn."
)


@dataclass(frozen=True)
class Appearance:
    """What a tag's targets look like: a kind (None: neither), the shape of their distribution, and why."""

    kind: Kind | None
    shape: Shape
    why: str


def appearance(targets: Float32Array) -> Appearance:
    """Return what targets in [0, 1], shape (tracks,), look like by `RULE`."""
    if not len(targets):
        return Appearance(None, "constant", "there is no track")
    if targets.min() == targets.max():
        return Appearance(None, "constant", f"every target is {targets[0]:.4g}")
    at_zero, at_one = targets <= NEAR, targets >= 1 - NEAR
    low, high = _share(at_zero), _share(at_one)
    if bool(np.isin(targets, (0, 1)).all()):
        shape: Shape = "two values, mostly zero" if low > MOSTLY else "two values"
        return Appearance("classification", shape, f"every target is 0 or 1, {_percent(high)} are 1")
    ends = f"{_percent(low)} of the targets lie within {NEAR:g} of 0, {_percent(high)} within {NEAR:g} of 1"
    if _share(at_zero | at_one) < AT_THE_ENDS:
        return Appearance("regression", "pseudo-uniform", ends)
    above, below = _share(targets > MIDDLE), _share(targets < MIDDLE)
    if min(above, below) < EACH_SIDE:
        side = "above" if above < below else "below"
        return Appearance("regression", "one-sided", f"{ends}, but {_percent(min(above, below))} {side} {MIDDLE:g}")
    return Appearance("classification", "bi-modal, mostly zero" if low > MOSTLY else "bi-modal", ends)


def _share(chosen: BoolArray) -> float:
    return int(np.count_nonzero(chosen)) / len(chosen)


def _percent(share: float) -> str:
    """Return a share as a percentage that is never rounded to none or all."""
    if 0 < share < 0.001 or 0.999 < share < 1:
        return "less than 0.1 %" if share < MIDDLE else "more than 99.9 %"
    return f"{100 * share:.1f} %"
