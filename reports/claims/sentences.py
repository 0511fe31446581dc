"""The paper's nine sentences, each as what it says of three models: parts that are true where a number is above zero.

A function returns the claim that its sentence makes of the evidence, or raises `LackingError` with what is lacking.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from scipy.optimize import brentq

from bench.bootstrap import Draws, Interval
from reports.claims.evidence import (
    Evidence,
    LackingError,
    Model,
    Values,
    as_error,
    at_size,
    better,
    error_title,
    shared_measures,
    values_of,
)
from reports.claims.residuals import residual_parts
from reports.claims.verdicts import Claim, Part
from reports.exclusive_pairs import exclusive_pairs, joint_lift, within_pair_auc
from reports.popularity import popularity_bias
from reports.resampled import ResampledRow, ResampledStudy
from reports.rows import BASELINE, MEASURES, SPECTROGRAM, WAVEFORM, Measure
from reports.table import track_count

WHOLE_SONG = "whole_song"
HALF = 0.5
PR_AUC = MEASURES[1]


@dataclass(frozen=True)
class Sentence:
    """A sentence of the paper's prose, and the function that says what it comes to."""

    number: int
    text: str
    claim: Callable[[Evidence], Claim]


def _all_of(parts: Iterable[Part]) -> Claim:
    listed = tuple(parts)
    return Claim(listed, needed=len(listed))


def _several_sizes(model: Model) -> None:
    if len(model.sizes) == 1:
        raise LackingError("the study has one training size")


def spectrogram_beats_waveform(evidence: Evidence) -> Claim:
    """0: Δ is above zero for every measure at every size."""
    waveform, spectrogram = evidence.model(WAVEFORM), evidence.model(SPECTROGRAM)
    return _all_of(
        Part.by(f"Δ {measure.title} at {track_count(size)}", better(new, old, measure), measure)
        for size in spectrogram.sizes
        for new, old in [(spectrogram.at(size), waveform.at(size))]
        for measure in shared_measures(new, old)
    )


def _against_baseline(evidence: Evidence, family: str) -> tuple[Part, ...]:
    """Return for every measure by how much a network at its largest size is better than the baseline at its own."""
    network, baseline = evidence.model(family), evidence.model(BASELINE)
    new, old = network.at(network.largest), baseline.at(baseline.largest)
    which = f"{at_size(network.label, network.largest)} against {at_size(baseline.label, baseline.largest)}"
    return tuple(
        Part.by(f"{measure.title}, {which}", better(new, old, measure), measure)
        for measure in shared_measures(new, old)
    )


def spectrogram_beats_baseline(evidence: Evidence) -> Claim:
    """1: the spectrogram model at the largest size is better than the baseline by every measure."""
    return _all_of(_against_baseline(evidence, SPECTROGRAM))


def baseline_beats_small_networks(evidence: Evidence) -> Claim:
    """2: at the smallest size both networks are worse than the baseline by every measure.

    The paper's baseline had the largest size; where there is one of the networks' own size, it is that, too.
    """
    baseline = evidence.model(BASELINE)
    networks = [evidence.model(WAVEFORM), evidence.model(SPECTROGRAM)]
    for network in networks:
        _several_sizes(network)
    return _all_of(part for network in networks for part in _worse_when_small(network, baseline))


def _worse_when_small(network: Model, baseline: Model) -> Iterator[Part]:
    old = network.at(network.smallest)
    for size in sorted({network.smallest, baseline.largest} & set(baseline.sizes)):
        new = baseline.at(size)
        which = f"{at_size(baseline.label, size)} against {at_size(network.label, network.smallest)}"
        for measure in shared_measures(new, old):
            yield Part.by(f"{measure.title}, {which}", better(new, old, measure), measure)


def gain_is_halved(evidence: Evidence) -> Claim:
    """3: Δ is above zero at the smallest size, and at the largest smaller, by half.

    Halving is tested as ½ · Δ(smallest) - Δ(largest) above zero, which does not divide by a noisy number.
    """
    waveform, spectrogram = evidence.model(WAVEFORM), evidence.model(SPECTROGRAM)
    _several_sizes(spectrogram)
    small, large = spectrogram.smallest, spectrogram.largest
    pairs = [(spectrogram.at(size), waveform.at(size)) for size in (small, large)]
    parts: list[Part] = []
    for measure in shared_measures(*pairs[0]):
        first, last = (better(new, old, measure) for new, old in pairs)
        name = f"Δ {measure.title}"
        parts += [
            Part.by(f"{name} at {track_count(small)}", first, measure),
            Part.by(f"{name}, by how much it shrinks to {track_count(large)}", first - last, measure),
            Part.by(f"{name}, by how much it is less than half{_ratio(last, first)}", first * HALF - last, measure),
        ]
    return _all_of(parts)


def _ratio(numerator: Draws, denominator: Draws) -> str:
    """Return the ratio to be read, with its interval; nothing where its denominator may be zero."""
    if not len(denominator.resamples):
        return f" (ratio {numerator.value / denominator.value:.2f})" if denominator.value > 0 else ""
    interval = ratio_interval(numerator, denominator)
    if interval is None:
        return ""
    return f" (ratio {numerator.value / denominator.value:.2f}, {interval.low:.2f} to {interval.high:.2f})"


def ratio_interval(numerator: Draws, denominator: Draws) -> Interval | None:
    """Return the 95 % interval of a ratio: those r for which the interval of numerator - r · denominator holds zero.

    This is Fieller's way (Supplement to the Journal of the Royal Statistical Society, 1940), with the bootstrap's
    intervals. None where the denominator's own interval reaches zero: then no ratio can be excluded.
    """
    if denominator.interval().low <= 0:
        return None

    def rest(ratio: float) -> Interval:
        return (numerator - denominator * ratio).interval()

    reach = 1.0
    while rest(reach).high > 0 or rest(-reach).low < 0:
        reach *= 2
    low = brentq(lambda ratio: rest(ratio).low, -reach, reach)
    high = brentq(lambda ratio: rest(ratio).high, -reach, reach)
    return Interval(low, high)


def most_is_gained_in_pr_auc(evidence: Evidence) -> Claim:
    """4: of the baseline's 1 - ROC-AUC, 1 - PR-AUC and √MSE, both networks remove the largest share of 1 - PR-AUC."""
    baseline = evidence.model(BASELINE)
    networks = [evidence.model(WAVEFORM), evidence.model(SPECTROGRAM)]
    return _all_of(part for network in networks for part in _most_in_pr_auc(network, baseline))


def _most_in_pr_auc(network: Model, baseline: Model) -> Iterator[Part]:
    new, old = network.at(network.largest), baseline.at(baseline.largest)
    removed = {measure: _removed(new, old, measure) for measure in shared_measures(new, old)}
    if PR_AUC not in removed:
        raise LackingError("no classification tag is scored")
    name = f"removed by {at_size(network.label, network.largest)} of the baseline's 1 - PR-AUC"
    yield Part(name, removed[PR_AUC], "%")
    for other in [measure for measure in removed if measure != PR_AUC]:
        yield Part(f"{name}, less what it removes of {error_title(other)}", removed[PR_AUC] - removed[other], "points")


def _removed(new: Values, old: Values, measure: Measure) -> Draws:
    """Return the percentage of the old error that is not in the new."""
    before, after = as_error(old[measure.field], measure), as_error(new[measure.field], measure)
    if before.value == 0:
        raise LackingError(f"the baseline makes no error by {measure.title}")
    return (before - after) / before * 100.0


def moving_windows_beat_whole_songs(evidence: Evidence) -> Claim:
    """5: the mean over a moving window is better than the whole song at once: by every measure, for both networks."""
    networks = [evidence.model(WAVEFORM), evidence.model(SPECTROGRAM)]
    return _all_of(part for network in networks for part in _windows_beat_whole_songs(evidence.records, network))


def _windows_beat_whole_songs(study: ResampledStudy, network: Model) -> Iterator[Part]:
    key = network.label, network.largest
    windows = network.at(network.largest)
    if WHOLE_SONG not in study.rows[key].row.otherwise:
        raise LackingError(f"{network.label} was not tried on whole songs")
    whole = values_of(study.other_way(key, WHOLE_SONG))
    for measure in shared_measures(windows, whole):
        text = f"{measure.title}, {at_size(network.label, network.largest)}"
        yield Part.by(text, better(windows, whole, measure), measure)


def residuals_help(evidence: Evidence) -> Claim:
    """6: with residual connections a network's trainings differ less between seeds, and its measures are better.

    Both by every measure, for every network that a study has with and without. How slight the help is, is not tested.
    """
    return _all_of(residual_parts(evidence.records))


def networks_favour_popular_tags(evidence: Evidence) -> Claim:
    """7: the spectrogram model gives popular tags more than their share (`popularity_bias`).

    "At once" is judged by what does not depend on how high a model's scores are: the baseline scores two exclusive
    tags high on the same tracks, more than its own mean scores of them would by chance (`joint_lift`). "The network
    less so" is that it tells the two apart better (`within_pair_auc`), and not that its own lift is lower: that of
    scores which are nearly the same for all tracks is, too.
    """
    study = evidence.records
    network, baseline = _largest_row(evidence, SPECTROGRAM), _largest_row(evidence, BASELINE)
    bias = popularity_bias(study, network)
    at_once = joint_lift(study, baseline)
    apart, less_so = within_pair_auc(study, network), within_pair_auc(study, baseline)
    if bias is None:
        raise LackingError("too few classification tags are scored to tell popular ones from rare ones")
    if not exclusive_pairs(study):
        raise LackingError("the corpus has no mutually exclusive tags that are scored")
    if at_once is None:
        raise LackingError("the baseline gives no two exclusive tags any score")
    if apart is None or less_so is None:
        raise LackingError("no two exclusive tags are each alone on a test track")
    name, other = at_size(*network.row.key), at_size(*baseline.row.key)
    return _all_of(
        [
            Part(f"popularity lift, {name}", bias, decimals=3),
            Part(f"by how much higher than by chance {other} scores exclusive tags at once", at_once * 100.0, "%"),
            Part(f"ROC-AUC within exclusive pairs, {name} against {other}", (apart - less_so) * 100.0, "points"),
        ]
    )


def _largest_row(evidence: Evidence, family: str) -> ResampledRow:
    model = evidence.model(family)
    model.at(model.largest)
    return evidence.records.rows[model.label, model.largest]


def waveform_beats_baseline(evidence: Evidence) -> Claim:
    """8: the waveform model at the largest size is better than the baseline by more than half of the measures."""
    parts = _against_baseline(evidence, WAVEFORM)
    return Claim(parts, needed=len(parts) // 2 + 1)


SENTENCES = (
    Sentence(0, "Spectrogram beats waveform on every measure at every size.", spectrogram_beats_waveform),
    Sentence(
        1, "The spectrogram model at the largest size beats the baseline on every measure.", spectrogram_beats_baseline
    ),
    Sentence(2, "At the smallest size both networks are worse than the baseline.", baseline_beats_small_networks),
    Sentence(3, "Δ shrinks, it is halved, as training data grows.", gain_is_halved),
    Sentence(4, "The largest gain over the baseline is in PR-AUC.", most_is_gained_in_pr_auc),
    Sentence(
        5,
        "Averaging predictions over moving windows beats predicting the whole song at once.",
        moving_windows_beat_whole_songs,
    ),
    Sentence(6, "Residual connections stabilise training and help slightly.", residuals_help),
    Sentence(
        7,
        "The network favours popular tags; the baseline gives mutually exclusive tags high scores at once, the network "
        "less so.",
        networks_favour_popular_tags,
    ),
    Sentence(8, "The waveform model at the largest size beats the baseline on most measures.", waveform_beats_baseline),
)
