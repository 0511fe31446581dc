"""What stands at the top of the page: by each measure, the best model of the largest size, and Δ there."""

from dataclasses import dataclass

from reports.page.cells import Cell, measured
from reports.page.main_table import gain_cell
from reports.resampled import ResampledStudy
from reports.rows import MEASURES, Measure, Row, best_rows, pairs
from reports.table import track_count


@dataclass(frozen=True)
class Tile:
    """The best value of a measure, whose it is, and Δ at the same size where there is one pair."""

    measure: Measure
    best: Cell
    who: str
    gain: Cell | None


def tiles(study: ResampledStudy) -> list[Tile]:
    """Return one tile a measure that has a value."""
    rows = [one.row for one in study.rows.values()]
    largest = max(row.n_train for row in rows)
    return [
        tile for measure in MEASURES if (tile := _tile(study, [row for row in rows if row.n_train == largest], measure))
    ]


def _tile(study: ResampledStudy, rows: list[Row], measure: Measure) -> Tile | None:
    best = [row for row in rows if row.key in best_rows(rows, measure)]
    if not best:
        return None
    compared = pairs(rows)
    gain = gain_cell(study, *compared[0], measure) if len(compared) == 1 else None
    who = f"{', '.join(row.label for row in best)}, {track_count(rows[0].n_train)} training tracks"
    return Tile(measure, measured(study.rows[best[0].key].macro(measure.field), measure), who, gain)
