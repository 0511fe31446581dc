"""Sets a study's models beside those that others tested on the same corpus, split and tags."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.output import REJECTED_FILE
from bench.record import RunRecord
from reports.estimates import Line
from reports.published import ComparedModel, Comparison
from reports.rows import MEASURES
from reports.study_folder import StudyFolder
from reports.table import aligned, escape, model_name, printed_estimate

HEADING = "## Published on this corpus and split"
STATUSES = {
    "checked": "computed again by us from the scores that the source gives",
    "quoted": "read from a transcription of the source and not confirmed",
    "measured": "by this study",
}
COMPARED = MEASURES[:2]  # the published models were tested on classification tags alone
TEXT_COLUMNS = (0, 3, 4)


@dataclass(frozen=True)
class _Fact:
    """A sentence on `what` the rows may differ in, and whether they do."""

    what: str
    differs: bool
    told: str


def comparison_sections(study: StudyFolder, lines: Sequence[Line], comparison: Comparison | None) -> Iterator[str]:
    """Yield the section that compares a study's lines of its largest size; nothing where its split is another.

    `comparison` is what is published on the study's corpus, None where nothing is.
    """
    if comparison is None or study.said.split.kind != "official":
        return
    ours = [line for line in lines if line.row.n_train == study.largest_size]
    record = next(one.record for one in study.finished if one.cell.n_train == study.largest_size)
    corpus = escape(f"{comparison.corpus} {comparison.version}")
    yield HEADING
    yield (
        f"What others report for **{corpus}** with its official split, beside this study's models at the largest "
        "training size. Both measures are means over the tags."
    )
    yield _table(comparison.rows, ours)
    yield "\n".join(f"- {line}" for line in _comparability(comparison, record))


def _table(published: Sequence[ComparedModel], ours: Sequence[Line]) -> str:
    theirs = [
        [
            escape(one.model),
            *(f"{getattr(one, measure.field):.{measure.decimals}f}" for measure in COMPARED),
            one.status,
            escape(one.source),
        ]
        for one in published
    ]
    measured = [
        [
            model_name(line),
            *(printed_estimate(line.values.get(measure.field), measure) for measure in COMPARED),
            "measured",
            "this study",
        ]
        for line in ours
    ]
    header = ["Model", *(measure.heading for measure in COMPARED), "Status", "Source"]
    return aligned(header, [*theirs, *measured], text=TEXT_COLUMNS)


def _comparability(comparison: Comparison, record: RunRecord) -> Iterator[str]:
    """Yield, a line each, what the statuses mean and in what the rows differ."""
    statuses = [*dict.fromkeys(one.status for one in comparison.rows), "measured"]
    facts = (_test_tracks(comparison, record), _training_tracks(comparison, record), _tags(comparison, record))
    yield f"**Status.** {'; '.join(f'*{status}*: {STATUSES[status]}' for status in statuses)}."
    yield from (fact.told for fact in facts)
    if any(fact.differs for fact in facts):
        what = ", ".join(fact.what for fact in facts if fact.differs)
        yield f"**Ours and the published rows are not strictly comparable**: they differ in {what}."
    yield from map(escape, comparison.notes)
    yield (
        "The published models are others' work, with settings, audio and stopping rules of their own: a difference "
        "between two rows is not one between two kinds of network alone."
    )


def _test_tracks(comparison: Comparison, record: RunRecord) -> _Fact:
    ours, official = record.n_test, comparison.n_test
    told = f"all {official:,} of the official split."
    if ours < official:
        told = f"{ours:,}, {official - ours:,} fewer than the official split's {official:,}; "
        told += f"{escape(REJECTED_FILE)} names those that were refused."
    elif ours > official:
        told = f"{ours:,}, {ours - official:,} more than the official split's {official:,}."
    return _Fact("test tracks", ours != official, f"**Test tracks.** Ours are {told}")


def _training_tracks(comparison: Comparison, record: RunRecord) -> _Fact:
    own, official = (record.n_train, record.n_valid), (comparison.n_train, comparison.n_valid)
    told = f"all {own[0]:,} of the official split, with all {own[1]:,} for validation."
    if own != official:
        told = (
            f"{own[0]:,}, with {own[1]:,} for validation; the official split has {official[0]:,} and {official[1]:,}."
        )
    return _Fact("training tracks", own != official, f"**Training tracks.** Our models learned from {told}")


def _tags(comparison: Comparison, record: RunRecord) -> _Fact:
    scored, published = record.n_classification_tags, comparison.n_tags
    told = f"all {published}" if scored == published else f"{scored} of the {published}"
    return _Fact("tags", scored != published, f"**Tags.** Ours are means over {told} tags.")
