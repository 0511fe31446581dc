"""Whether a sentence holds: one-sided tests of its parts, kept honest over all parts and over all sentences.

A sentence is true where at least `needed` of its parts are, each of which says that a quantity is above zero; a
conjunction needs all of them. Two tests are made of each sentence.

- **It holds** where "fewer than `needed` parts are true" is rejected. Of n parts this has the p-value (n - needed + 1)
  times the `needed`-th smallest of theirs, whatever their dependence (partial conjunction: Benjamini and Heller,
  Biometrics 2008). For a conjunction that is the largest of all, and nothing has to be corrected: "one of them is not
  true" is a union of null hypotheses, rejected where each is (intersection-union test: Berger, Technometrics 1982).
- **It fails** where the same test, of the opposite of each part, finds so many of them that not `needed` can be true.
  For a conjunction one is enough, and the p-value is n times the smallest (Bonferroni).

A part's p-value is that of its value in units of its standard error over the resamples, by the normal distribution, as
its interval is: it is below 2.5 % where the 95 % interval lies above zero. (A count of resamples below zero would never
be less than one in a thousand, too coarse for the clearest of many parts of many sentences.) What has no resamples
brings a distribution of its own (`residuals.SpreadPart`).

Over the sentences, the tests of "it holds" go through Holm's procedure (Holm, Scandinavian Journal of Statistics 1979)
at 2.5 %, and so do those of "it fails". Holm's is valid whatever the dependence, so with a chance of 95 % no verdict of
a study is wrong, in either direction. Sentences that a study cannot decide, by its design, count as untested.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Literal

import numpy as np

from bench.bootstrap import Draws, Interval
from reports.rows import Measure

LEVEL = 0.05  # the chance that any verdict of a study is wrong
LEAST_ERROR = 1e-12  # below this, resamples differ by rounding alone
LEAST_PRINTED_P = 0.001
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
    def p(self) -> tuple[float, float]:
        """The one-sided p-values of "this is not above zero" and of "this is not below zero"."""
        return p_above_zero(self.excess), p_above_zero(self.excess * -1)

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

    @property
    def printed_p(self) -> str:
        """The p-value to be read, as `0.012` or `< 0.001`; empty where nothing was tested."""
        if self.p is None:
            return ""
        return f"{self.p:.3f}" if self.p >= LEAST_PRINTED_P else f"< {LEAST_PRINTED_P}"


def p_above_zero(excess: Draws) -> float:
    """Return the one-sided p-value of "this is not above zero"."""
    return NormalDist().cdf(-excess.value / max(LEAST_ERROR, excess.standard_error))


def p_at_least(p: Sequence[float], needed: int) -> float:
    """Return the p-value of "fewer than `needed` of these parts are true", of which each has a p-value."""
    return (len(p) - needed + 1) * sorted(p)[needed - 1]


def p_values(claim: Claim) -> tuple[float, float]:
    """Return the p-values that speak for "it holds" and for "it fails"."""
    above, below = zip(*(part.p for part in claim.parts), strict=True)
    return p_at_least(above, claim.needed), p_at_least(below, len(below) - claim.needed + 1)


def holm(p: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for their number by Holm's step-down procedure, in the order given."""
    order = np.argsort(p, kind="stable")
    steps = np.asarray(p)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return [float(each) for each in adjusted]


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
    """Return the part on which the outcome hangs: with those that are clearer than it, the needed ones are complete."""
    clearest_first = sorted(claim.parts, key=lambda part: (part.p[0], -part.p[1]))
    decisive = clearest_first[claim.needed - 1]
    if outcome == "holds":
        return str(decisive) if len(claim.parts) == 1 else f"least clear: {decisive}"
    if outcome == "fails":
        return str(decisive)
    if min(alone) <= LEVEL / 2:
        return f"clear by itself, but not enough where several sentences are tested: {decisive}"
    return f"not clear: {decisive}"


def as_printed(number: int, sentence: str, claim: Claim) -> Verdict:
    """Return the verdict on values without resamples: what they say as they stand, without any uncertainty."""
    true = [part for part in claim.parts if part.value > ROUNDING]
    if len(true) >= claim.needed:
        return Verdict(number, sentence, "holds", f"{len(true)} of {len(claim.parts)} parts", claim.parts)
    against = "; ".join(str(part) for part in claim.parts if part not in true)
    return Verdict(number, sentence, "fails", against, claim.parts)
