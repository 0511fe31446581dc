"""The paper's sentences on the page: each with its verdict, what decides it, and every part of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.claims.verdicts import Part, Verdict
from reports.claims.writing import Claims
from reports.page.cells import Cell, Column, Group, Table, words
from reports.page.prose import minus


@dataclass(frozen=True)
class Judged:
    """A sentence's verdict by the study, the same by each published table under its name, and the parts behind it."""

    verdict: Verdict
    published: dict[str, Verdict]
    parts: Table | None


def judged_sentences(claims: Claims) -> list[Judged]:
    """Return the sentences in their order."""
    return [
        Judged(
            verdict,
            {name: verdicts[number] for name, verdicts in claims.published.items()},
            _parts_table(verdict.parts) if verdict.parts else None,
        )
        for number, verdict in enumerate(claims.verdicts)
    ]


def _parts_table(parts: Sequence[Part]) -> Table:
    columns = (Column("What has to be above zero", numeric=False), Column("Value"), Column("95 % interval"))
    rows = tuple((words(part.text), _number(part.value, part), _interval(part)) for part in parts)
    return Table("Every part of the sentence", columns, (Group("", rows),))


def _number(value: float, part: Part) -> Cell:
    return Cell(f"{_printed(value, part)} {part.unit}".rstrip(), value)


def _interval(part: Part) -> Cell:
    if part.interval is None:
        return Cell("", None)
    return Cell(f"{_printed(part.interval.low, part)} to {_printed(part.interval.high, part)}")


def _printed(value: float, part: Part) -> str:
    return minus(f"{value:+.{part.decimals}f}")
