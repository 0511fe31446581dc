"""Whether a sentence holds: tests on the resamples, kept honest over all parts of a sentence and over all sentences.

A sentence is true where at least `needed` of its parts are, each of which says that a quantity is above zero; a
conjunction needs all of them. Two one-sided tests are made of each sentence.

- **It holds** where "fewer than `needed` parts are true" is rejected. That is a union of null hypotheses, one for each
  way to leave out `needed` - 1 parts: all the others are false. A union is rejected where each of its members is, at
  the same level (intersection-union test: Berger, Technometrics 1982). For a conjunction the p-value is the largest of
  the parts' own; otherwise this is a test of a partial conjunction (Benjamini and Heller, Biometrics 2008).
- **It fails** where the same test finds enough parts below zero that not `needed` can be true: for a conjunction, one.

Each member says of several quantities that none is above zero. It is tested by the largest of them in units of its
standard deviation over the resamples, against the same on the centred resamples, which keeps their correlation
(Westfall and Young, Resampling-Based Multiple Testing, 1993). The p-value is (1 + count) / (1 + resamples), never below
the smallest that resamples can show (Davison and Hinkley, 1997, section 4.2.3). Centred resamples are mirrored, as the
percentiles of an interval mirror them: a part alone is above zero at 2.5 % where its 95 % interval lies above zero.

Over the sentences, the tests of "it holds" go through Holm's procedure (Holm, Scandinavian Journal of Statistics 1979)
at 2.5 %, and so do those of "it fails". Holm's is valid whatever the dependence, so with a chance of 95 % no verdict of
a study is wrong, in either direction. Sentences that a study cannot decide, by its design, count as untested.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal

import numpy as np

from bench.bootstrap import Draws, Interval
from bench.metrics import Float64Array
from reports.rows import Measure

LEVEL = 0.05  # the chance that any verdict of a study is wrong
LEAST_SPREAD = 1e-12  # below this, resamples differ by rounding alone
ROUNDING = 1e-9  # what arithmetic adds to printed values

Outcome = Literal["holds", "fails", "undecided"]


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a sentence: true where `excess` is above zero. `excess` is in the `unit` that it is printed in."""

    text: str
    excess: Draws
    unit: str = ""
    decimals: int = 2

    @staticmethod
    def by(text: str, excess: Draws, measure: Measure) -> "Part":
        """Return a part that compares values of a measure, `excess` being in the unit that it is printed in."""
        return Part(text, excess, "points" if measure.unit else "", measure.decimals)

    @property
    def value(self) -> float:
        """The quantity on the test tracks as they are."""
        return self.excess.value

    @cached_property
    def interval(self) -> Interval | None:
        """The quantity's own 95 % interval; None where it was printed without any."""
        return self.excess.interval() if len(self.excess.resamples) else None

    @property
    def in_spreads(self) -> float:
        """The quantity in units of its standard deviation over the resamples."""
        return self.value / _spread(self.excess.resamples)

    def __str__(self) -> str:
        number = f"{self.value:+.{self.decimals}f} {self.unit}".strip()
        if self.interval is not None:
            number += f" ({self.interval.low:+.{self.decimals}f} to {self.interval.high:+.{self.decimals}f})"
        return f"{self.text}: {number}"


@dataclass(frozen=True, eq=False)
class Claim:
    """What a sentence says of a study: that at least `needed` of the parts are true."""

    parts: tuple[Part, ...]
    needed: int


@dataclass(frozen=True, eq=False)
class Verdict:
    """What became of a sentence, and why.

    `p` is the adjusted p-value of the outcome, two-sided: a verdict is given where it is at most `LEVEL`. It is None
    where nothing was tested.
    """

    number: int
    sentence: str
    outcome: Outcome
    reason: str
    parts: tuple[Part, ...] = ()
    p: float | None = None


def p_any(excess: Sequence[Draws]) -> float:
    """Return the p-value of "none of these is above zero"; resamples in which one has no value are left out."""
    resamples = np.stack([each.resamples for each in excess])
    resamples = resamples[:, np.isfinite(resamples).all(axis=0)]
    spread = np.array([_spread(each) for each in resamples])
    centred = (resamples - resamples.mean(axis=1, keepdims=True)) / spread[:, None]
    largest = np.max([each.value for each in excess] / spread)
    count = int(np.sum((-centred).max(axis=0) >= largest))
    return float((1 + count) / (1 + resamples.shape[1]))


def _spread(resamples: Float64Array) -> float:
    return max(LEAST_SPREAD, float(np.nanstd(resamples)))


def p_at_least(excess: Sequence[Draws], needed: int) -> float:
    """Return the p-value of "fewer than `needed` of these are above zero"."""
    return max(p_any(rest) for rest in combinations(excess, len(excess) - needed + 1))


def p_values(claim: Claim) -> tuple[float, float]:
    """Return the p-values that speak for "it holds" and for "it fails"."""
    excess = [part.excess for part in claim.parts]
    return p_at_least(excess, claim.needed), p_at_least([each * -1 for each in excess], len(excess) - claim.needed + 1)


def holm(p: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for their number by Holm's step-down procedure, in the order given."""
    order = np.argsort(p, kind="stable")
    steps = np.asarray(p)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted.tolist()


def judged(sentences: Mapping[int, str], claims: Mapping[int, Claim], reasons: Mapping[int, str]) -> list[Verdict]:
    """Return the verdict on each sentence, by number: tested where there is a claim, otherwise undecided, with why."""
    tests = [p_values(claim) for claim in claims.values()]
    adjusted = zip(holm([hold for hold, _ in tests]), holm([fail for _, fail in tests]), strict=True)
    tested = dict(zip(claims, zip(tests, adjusted, strict=True), strict=True))
    verdicts = []
    for number, sentence in sentences.items():
        if number in reasons:
            verdicts.append(Verdict(number, sentence, "undecided", reasons[number]))
        else:
            verdicts.append(_verdict(number, sentence, claims[number], *tested[number]))
    return verdicts


def _verdict(
    number: int, sentence: str, claim: Claim, alone: tuple[float, float], adjusted: tuple[float, float]
) -> Verdict:
    holds, fails = (min(1.0, 2 * p) for p in adjusted)
    outcome: Outcome = "undecided"
    if min(holds, fails) <= LEVEL:
        outcome = "holds" if holds < fails else "fails"
    return Verdict(number, sentence, outcome, _reason(claim, outcome, alone), claim.parts, min(holds, fails))


def _reason(claim: Claim, outcome: Outcome, alone: tuple[float, float]) -> str:
    """Return the part on which the outcome hangs: the least clear of those needed, or the clearest of those against."""
    clearest_first = sorted(claim.parts, key=lambda part: -part.in_spreads)
    needed, against = clearest_first[claim.needed - 1], clearest_first[claim.needed - 1 - len(claim.parts)]
    if outcome == "holds":
        return str(needed) if len(claim.parts) == 1 else f"least clear: {needed}"
    if outcome == "fails":
        return str(against)
    if min(alone) <= LEVEL / 2:
        clear = needed if alone[0] < alone[1] else against
        return f"clear by itself, but not enough where several sentences are tested: {clear}"
    return f"not clear: {needed}"


def as_printed(number: int, sentence: str, claim: Claim) -> Verdict:
    """Return the verdict on values without resamples: what they say as they stand, without any uncertainty."""
    true = [part for part in claim.parts if part.value > ROUNDING]
    if len(true) >= claim.needed:
        return Verdict(number, sentence, "holds", f"{len(true)} of {len(claim.parts)} parts", claim.parts)
    against = "; ".join(str(part) for part in claim.parts if part not in true)
    return Verdict(number, sentence, "fails", against, claim.parts)
