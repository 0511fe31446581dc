"""A series over time becomes four numbers: its mean and deviation, and those of its change from frame to frame."""

import numpy as np
from numpy.typing import NDArray

STATISTICS = ("mean", "std", "change_mean", "change_std")


def series_statistics(
    columns: list[str], series: NDArray[np.floating], sounding: NDArray[np.bool_]
) -> dict[str, float]:
    """Return `column.statistic` for each column of a series, shape (frames, columns), over its sounding frames.

    The change is the absolute difference of adjacent frames that both sound. Where there is nothing to average, the
    value is nan.
    """
    changes = np.abs(np.diff(series, axis=0))[sounding[1:] & sounding[:-1]]
    heard = series[sounding]
    values = (_mean(heard), _std(heard), _mean(changes), _std(changes))
    return {
        f"{column}.{statistic}": float(row[position])
        for statistic, row in zip(STATISTICS, values, strict=True)
        for position, column in enumerate(columns)
    }


def numbered(name: str, count: int) -> list[str]:
    """Return `name.00`, `name.01` and so on."""
    return [f"{name}.{index:02d}" for index in range(count)]


def _mean(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    if not len(rows):
        return np.full(rows.shape[1], np.nan)
    return np.asarray(rows.mean(axis=0, dtype=np.float64))


def _std(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    if not len(rows):
        return np.full(rows.shape[1], np.nan)
    return np.asarray(rows.std(axis=0, dtype=np.float64))
