"""Says what the intervals of a study are, and what they do not hold."""

from collections.abc import Iterator

from bench.bootstrap import PR_AUC_CAUTION
from reports.resampled import LEAST_SEEDS, ResampledStudy

HALF_WIDTHS = ("±", "is half the width of a 95 % interval")
ENDS = ("a–b", "under a value are the ends of its 95 % interval; ± is half its width")
ENOUGH_GROUPS = 300  # from which on the coverage of the intervals is tested


def interval_notes(study: ResampledStudy, shown: tuple[str, str] = HALF_WIDTHS) -> Iterator[tuple[str, str]]:
    """Yield what is to be known of the intervals: a sign or a word, and what goes on after it, in plain text.

    `shown` is how the table has them: `HALF_WIDTHS` or `ENDS`.
    """
    yield from _resampling(study, shown)
    seeds = {len(row.row.seeds) for row in study.rows.values()}
    if 1 in seeds:
        yield (
            "One seed:",
            "training variance not included. Another training of the same model, with another seed, gives other "
            "numbers, and no interval says by how much.",
        )
    if any(1 < count < LEAST_SEEDS for count in seeds):
        yield (
            "(…)",
            "after an interval is the standard deviation between trainings that differ in their seed. It is not in ±: "
            f"fewer than {LEAST_SEEDS} seeds, drawn again and again, would understate it.",
        )
    if any(count >= LEAST_SEEDS for count in seeds):
        yield (
            f"{LEAST_SEEDS} seeds or more",
            "are drawn with replacement, too, each model's for itself: training variance is in ±.",
        )


def _resampling(study: ResampledStudy, shown: tuple[str, str]) -> Iterator[tuple[str, str]]:
    groups, tracks = study.n_groups, len(study.test)
    if groups == 1:
        yield "No intervals:", "all test tracks are of one group, so nothing says what another would give."
        yield "Bold", "is the best value of a measure in the whole table."
        return
    drawn = f"the {tracks:,} test tracks, each a group of its own"
    if groups < tracks:
        drawn = f"the {groups:,} groups (artists) of the test tracks"
    sign, meaning = shown
    yield (
        sign,
        f"{meaning}: 1.96 standard errors, from a paired bootstrap over {drawn}, with "
        f"{study.resamples.counts.shape[1] - 1:,} resamples, the same for all that is printed; the CSV files have both "
        "ends. A tag whose tracks in a resample are all positive or all negative is left out of it, for every model.",
    )
    yield (
        "Bold",
        "is the best value of a measure in the whole table, and each that is not told apart from it: the interval of "
        "their difference, which is paired, holds 0.",
    )
    if study.scored[study.test.tag_rows("classification")].any():
        yield "PR-AUC:", PR_AUC_CAUTION
    if groups < ENOUGH_GROUPS:
        yield (
            f"Only {groups:,} groups:",
            "expect the intervals to be too narrow; how often they hold the truth is tested from "
            f"{ENOUGH_GROUPS} groups on.",
        )
