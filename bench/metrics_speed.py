"""`tagbench speed metrics`: all measures on resamples of the test tracks, side by side with a loop over scikit-learn.

The loop repeats the tracks of a resample and measures them tag by tag. It would take hours for all resamples, so it
does the first few, and what it took is scaled up.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from bench.bootstrap import Resampled, draw_resamples, macro_means, resample_measures
from bench.corpus import Corpus, Float32Array, Tag
from bench.metrics import Float64Array, pr_auc, rmse, roc_auc
from bench.progress import say
from bench.speed import Findings, Row, median_seconds, take_turns

PACKAGES = ("tagbench", "numpy", "scipy", "scikit-learn")
TRACKS_PER_ARTIST = 5
PREVALENCE = (0.3, 0.003)  # of the most and of the least frequent tag
NOISE = 0.8  # standard deviation of scores, which are 1 higher for positives
DECIMALS = 1  # of every third tag's scores, so that they tie


@dataclass(frozen=True)
class Sizes:
    """How much is measured: test tracks, tags, resamples, how many of these scikit-learn does, and the laps of both."""

    tracks: int = 100_000
    tags: int = 139
    resamples: int = 1000
    looped: int = 4
    laps: int = 3


FULL = Sizes()
QUICK = Sizes(tracks=2000, tags=4, resamples=20, looped=2, laps=1)


def compare_metrics(sizes: Sizes) -> Findings:
    """Return the CPU seconds of both for all resamples, their largest difference, and the peak memory of ours."""
    say(f"{sizes.tracks:,} tracks × {sizes.tags} tags: {sizes.resamples:,} resamples, {sizes.looped} by scikit-learn")
    contestants = {"tagbench": measure_at_once, "scikit-learn": measure_one_by_one}
    warm_up = replace(sizes, resamples=1, looped=1)
    laps = take_turns(contestants, [sizes], laps=sizes.laps, warm_up=warm_up)
    ours, looped = (median_seconds(laps[name]) for name in contestants)
    scale = (1 + sizes.resamples) / (1 + sizes.looped)
    of_ours, of_loop = (laps[name][0].result for name in contestants)
    difference = np.nanmax(np.abs(of_ours[:, : 1 + sizes.looped] - of_loop))
    what = f"{sizes.resamples:,} resamples of {sizes.tracks:,} × {sizes.tags}"
    rows = (
        Row("metrics_cpu_seconds_tagbench", ours, f"CPU s, {what}"),
        Row("metrics_cpu_seconds_sklearn_looped", looped, f"CPU s, the tracks themselves and {sizes.looped} resamples"),
        Row("metrics_cpu_seconds_sklearn", looped * scale, f"CPU s, {what}, scaled by {scale:.1f}"),
        Row("metrics_largest_difference", float(difference) * 1e9, "billionths, on all that both measured"),
        Row("metrics_peak_memory_tagbench", max(lap.peak_memory for lap in laps["tagbench"]), "MB"),
    )
    return Findings(rows, {"bootstrap_vs_sklearn": looped * scale / ours})


def measure_at_once(sizes: Sizes) -> Float64Array:
    """Return the three measures of each tag, then their macro means, shape (values, 1 + resamples)."""
    test, scores = simulate(sizes.tracks, sizes.tags)
    resamples = draw_resamples(test.groups, resamples=sizes.resamples)
    return _with_macro_means(resample_measures(test, scores, np.ones(len(test.tags), dtype=bool), resamples))


def measure_one_by_one(sizes: Sizes) -> Float64Array:
    """Return the same for the first resamples, shape (values, 1 + looped), by scikit-learn."""
    test, scores = simulate(sizes.tracks, sizes.tags)
    resamples = draw_resamples(test.groups, resamples=sizes.looped)
    ranked, graded = test.tag_rows("classification"), test.tag_rows("regression")
    shape = (len(test.tags), 1 + sizes.looped)
    found = Resampled(*(np.full(shape, np.nan) for _ in range(3)))
    for column, counts in enumerate(resamples.counts.T):
        rows = np.repeat(np.arange(len(test)), counts[resamples.group_of])
        targets, predicted = test.targets[rows], scores[rows]
        found.roc_auc[ranked, column] = roc_auc(targets[:, ranked], predicted[:, ranked])
        found.pr_auc[ranked, column] = pr_auc(targets[:, ranked], predicted[:, ranked])
        found.rmse[graded, column] = rmse(targets[:, graded], predicted[:, graded])
    return _with_macro_means(found)


def _with_macro_means(found: Resampled) -> Float64Array:
    measures = (found.roc_auc, found.pr_auc, found.rmse)
    means = [of for of in map(macro_means, measures) if of is not None]
    return np.concatenate([*measures, means])


@cache
def simulate(tracks: int, tags: int) -> tuple[Corpus, Float32Array]:
    """Return a test part and scores of it; each of its tags, from frequent to rare, also has a graded twin."""
    draw = np.random.default_rng(0)
    graded = draw.random((tracks, tags), dtype=np.float32)
    positive = graded < np.geomspace(*PREVALENCE, tags)
    noise = NOISE * draw.standard_normal((tracks, tags), dtype=np.float32)
    ranked = positive + noise
    ranked[:, ::3] = ranked[:, ::3].round(DECIMALS)
    names = np.arange(tracks).astype(str)
    test = Corpus(
        name="simulated",
        version="1",
        root=Path(),
        tags=(
            *(Tag(f"{number}", "classification") for number in range(tags)),
            *(Tag(f"{number}, graded", "regression") for number in range(tags)),
        ),
        ids=names,
        groups=draw.integers(tracks // TRACKS_PER_ARTIST, size=tracks).astype(str),
        files=names,
        targets=np.hstack([positive.astype(np.float32), graded]),
    )
    return test, np.hstack([ranked, graded + noise]).astype(np.float32)
