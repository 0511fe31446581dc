"""What stands at the top of the page: by each measure, the best model of the largest size, and Δ there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from reports.claims.verdicts import Outcome
from reports.claims.writing import Claims
from reports.estimates import Line
from reports.page.cells import Cell, difference, measured
from reports.rows import MEASURES, Measure, best_rows
from reports.table import track_count


@dataclass(frozen=True)
class Tile:
    """The best value of a measure, whose it is, and Δ at the same size where there is one."""

    measure: Measure
    best: Cell
    who: str
    gain: Cell | None


def tiles(lines: Sequence[Line]) -> list[Tile]:
    """Return one tile a measure that has a value."""
    largest = max(line.row.n_train for line in lines)
    found = [_tile([line for line in lines if line.row.n_train == largest], measure) for measure in MEASURES]
    return [tile for tile in found if tile is not None]


def _tile(lines: Sequence[Line], measure: Measure) -> Tile | None:
    keys = best_rows((line.row for line in lines), measure)
    best = [line for line in lines if line.row.key in keys]
    if not best:
        return None
    gains = [line.gains[measure.field] for line in lines if line.gains and measure.field in line.gains]
    who = f"{', '.join(line.row.label for line in best)}, {track_count(best[0].row.n_train)} training tracks"
    gain = difference(gains[0], measure) if len(gains) == 1 else None
    return Tile(measure, measured(best[0].values.get(measure.field), measure), who, gain)


def outcomes(claims: Claims) -> dict[Outcome, int]:
    """Return how many of the paper's sentences came out which way."""
    return {outcome: sum(one.outcome == outcome for one in claims.verdicts) for outcome in get_args(Outcome)}
