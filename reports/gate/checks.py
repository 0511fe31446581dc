"""What a gate found: single checks, each with a verdict, and the verdict of all of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from bench.errors import BetterThanExpectedError, InputError, StudyFailedError

Verdict = Literal["not comparable", "failed", "worse", "better", "passed"]
GRAVEST_FIRST: tuple[Verdict, ...] = ("not comparable", "failed", "worse", "better", "passed")


@dataclass(frozen=True)
class Check:
    """One thing that was compared, as it is told.

    `part` groups checks of one kind. `order` sorts those of one verdict: the larger, the closer to its limit.
    """

    part: str
    name: str
    verdict: Verdict
    expected: str
    found: str
    difference: str = ""
    margin: str = ""
    order: float = 0.0


@dataclass(frozen=True)
class Gated:
    """All checks of a study of this name."""

    study: str
    checks: tuple[Check, ...]

    @cached_property
    def worst_first(self) -> list[Check]:
        """The checks by how grave their verdicts are, then by how close they are to their limits."""
        return sorted(self.checks, key=lambda check: (GRAVEST_FIRST.index(check.verdict), -check.order))

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of all."""
        return self.worst_first[0].verdict

    @property
    def summary(self) -> str:
        """One sentence: what the verdict is, and what it rests on."""
        grave = [check for check in self.worst_first if check.verdict == self.verdict]
        if self.verdict == "passed":
            return f"study {self.study} passed: all {len(self.checks)} checks hold"
        first = grave[0]
        count = f"{len(grave)} of {len(self.checks)} checks: "
        return f"study {self.study}: {count}{_WHAT_IT_MEANS[self.verdict]}; {told(first)}"

    def end(self) -> None:
        """Raise what ends the command with the gate's exit code, unless all checks passed."""
        if self.verdict == "not comparable":
            raise InputError(self.summary)
        if self.verdict in ("failed", "worse"):
            raise StudyFailedError(self.summary)
        if self.verdict == "better":
            raise BetterThanExpectedError(self.summary)


_WHAT_IT_MEANS: dict[Verdict, str] = {
    "not comparable": "the study is not the one that the expectation tells of; run that, or update it (--update)",
    "failed": "what must be exact is not",
    "worse": "worse than expected beyond the margin",
    "better": "better than expected beyond the margin; update the expectation (--update), or look for a leak",
}


def told(check: Check) -> str:
    """Return a check in a few words."""
    beyond = f", margin {check.margin}" if check.margin else ""
    difference = f", difference {check.difference}" if check.difference else ""
    return " ".join(f"{check.name}: expected {check.expected}, found {check.found}{difference}{beyond}".split())


def same(part: str, name: str, expected: str, found: str, otherwise: Verdict) -> Check:
    """Compare two texts; where they differ, the verdict is `otherwise`."""
    return Check(part, name, "passed" if expected == found else otherwise, expected, found)


def within(part: str, name: str, off: float, limit: float) -> Check:
    """Check that what must be exact but for rounding is off by no more than a limit."""
    holds = off <= limit  # nan does not
    return Check(part, name, "passed" if holds else "failed", f"off by at most {limit:g}", f"off by {off:.2g}")


def in_one(part: str, name: str, checks: Iterable[Check]) -> Check:
    """Return the first of several checks of one kind that did not pass, or one that says that all did."""
    every = list(checks)
    failed = [check for check in every if check.verdict != "passed"]
    if failed:
        return failed[0]
    return Check(part, name, "passed", f"{len(every)} alike", f"{len(every)} alike")
