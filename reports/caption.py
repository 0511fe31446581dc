"""The caption of Table 1: what a reader must know to read a number of it, each fact taken from the records."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from bench.corpus import PARTS
from bench.record import DataRecord, RunRecord
from bench.study import SplitSettings
from reports.preparation import NOT_HEARD, PART_NAMES, leaks, shared_groups
from reports.published import PublishedNetwork
from reports.study_folder import ADDED_MARK, HIT_CAP_MARK, StudyFolder
from reports.table import escape, track_count

MOST_NAMED = 8  # tags
Networks = Mapping[str, PublishedNetwork]


def headline(study: StudyFolder) -> str:
    """Return what stands above the table: what was done, the notes of study and corpus, and what is still missing."""
    record = study.finished[0].record
    corpus = escape(f"{record.corpus} {record.corpus_version}".strip())
    every = f"every model without {ADDED_MARK}" if study.added else "every model"
    parts = [
        f"Music audio tagging on **{corpus}**. At one size {every} was trained on the same tracks, with the same "
        f"{track_count(record.n_valid)} validation tracks; all are scored on the same {track_count(record.n_test)} "
        "test tracks."
    ]
    if study.said.note:
        parts.append(escape(study.said.note))
    if record.corpus_note:
        parts.append(f"> {escape(record.corpus_note)}")
    if study.missing:
        parts.append(_missing(study))
    return "\n\n".join(parts)


def notes(study: StudyFolder, networks: Networks, uncertainty: Iterable[tuple[str, str]]) -> str:
    """Return the list under the table, one fact a line; `networks` are the paper's, by family.

    `uncertainty` is what is to be known of the intervals (`interval_notes`).
    """
    records = [one.record for one in study.finished]
    lines = [
        f"**Measures.** {measures(records[0])}.",
        _seeds(study),
        *(f"**{sign}** {text}" for sign, text in uncertainty),
        "**Δ** is spectrogram against waveform at one size, positive where spectrogram is better, in percentage points "
        "for ROC-AUC and PR-AUC; it is taken before rounding and printed once for its pair.",
        f"**Audio.** {_by_label(records, _audio)}.",
        *_sizes(records, networks),
        *_tuning(records),
        *_departures(records, networks),
        *_unscored(records[0]),
        *_data(study.data, study.said.split),
        *_capped(records),
        *_added(study),
        *_special_tags(study),
        *_track_notes(study),
    ]
    return "\n".join(f"- {line}" for line in lines)


def _missing(study: StudyFolder) -> str:
    total = len(study.finished) + len(study.missing)
    counts = Counter(cell.label for cell in study.missing)
    named = ", ".join(f"{escape(label)} {count}" for label, count in counts.items())
    return f"**Unfinished: {len(study.missing)} of {total} cells are missing** ({named})."


def measures(record: RunRecord) -> str:
    """Return over how many tags the measures are means, in plain text; nothing of those that have none."""
    kinds = {
        _count(record.n_classification_tags, "classification tag"): "ROC-AUC and PR-AUC are means",
        _count(record.n_regression_tags, "regression tag"): "√MSE (lower is better) is the mean",
    }
    return ", ".join(f"{told} over {tags}" for tags, told in kinds.items() if not tags.startswith("0 "))


def _seeds(study: StudyFolder) -> str:
    seeds = {row.key: len(row.seeds) for row in study.rows}
    most = max(seeds.values())
    text = "**Seeds.** " + ("One seed a row" if most == 1 else f"Each value is the mean over {most} seeds of their own")
    fewer = [
        f"{escape(label)} at {track_count(n_train)}: {count}"
        for (label, n_train), count in seeds.items()
        if count < most
    ]
    return text + (f"; fewer for {', '.join(fewer)}." if fewer else ".")


def _audio(record: RunRecord) -> str:
    if record.audio is None:
        return "descriptors that the data set ships, no audio"
    length = record.audio.max_seconds
    part = "whole tracks" if length is None else f"at most the first {length:g} s of a track"
    rate = record.audio.sample_rate
    return f"each track's own rate, mono, {part}" if rate == "own" else f"{rate:,} Hz mono, {part}"


def _sizes(records: Sequence[RunRecord], networks: Networks) -> Iterator[str]:
    """Yield the numbers of parameters, each network's beside that of the paper's network for as many tags."""
    described = []
    for label, record in _first_by_label(records).items():
        counts = [one.n_parameters for one in records if one.label == label and one.n_parameters is not None]
        if counts:
            n_tags = len(record.per_tag) + len(record.unscored_tags)
            paper = networks.get(record.family)
            compared = "" if paper is None else _compared(counts[0], paper.n_parameters(n_tags))
            described.append(f"{escape(label)} {_span(counts)}{compared}")
    if described:
        yield f"**Parameters.** {'; '.join(described)}."


def _compared(n_parameters: int, paper: int) -> str:
    if n_parameters == paper:
        return " (as in the paper)"
    return f" ({'smaller' if n_parameters < paper else 'larger'} than the paper's network, which has {paper:,})"


def _tuning(records: Sequence[RunRecord]) -> Iterator[str]:
    """Yield how the settings came about and, for each tuned model, what it chose at each size (with the first seed)."""
    trials = {record.tuning.trials for record in records if record.tuning}
    if not trials:
        yield "**Settings** are fixed; nothing was tuned."
        return
    untuned = [escape(label) for label, record in _first_by_label(records).items() if not record.tuning]
    yield (
        f"**Tuning.** Each model had {_count(max(trials), 'trial')} of its settings at each size and seed; the one "
        "with the least mean squared error on the validation tracks was kept"
        + (f" ({', '.join(untuned)}: nothing to try)." if untuned else ".")
    )
    seed = " with the first seed" if len({record.seed for record in records}) > 1 else ""
    chosen: dict[str, dict[int, str]] = defaultdict(dict)
    for record in records:
        if record.chosen:
            chosen[record.label].setdefault(record.n_train, _settings(record.chosen))
    for label, by_size in chosen.items():
        named = "; ".join(f"{by_size[size]} at {track_count(size)}" for size in sorted(by_size, reverse=True))
        yield f"**{escape(label)}** chose{seed} {named}."


def _departures(records: Sequence[RunRecord], networks: Networks) -> Iterator[str]:
    """Yield, for each network, the settings that are not the paper's, with the values that its cells have."""
    used: dict[str, dict[tuple[str, str], set[str]]] = defaultdict(lambda: defaultdict(set))
    for record in records:
        paper = networks.get(record.family)
        departures = {} if paper is None else paper.departures(record.settings | record.chosen)
        for name, (own, its) in departures.items():
            used[record.label][name, _setting(its)].add(_setting(own))
    for label, values in used.items():
        named = ", ".join(f"{name} {' or '.join(sorted(own))} (paper {its})" for (name, its), own in values.items())
        yield f"**{escape(label)}** departs from the paper's settings: {named}."


def _settings(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {_setting(value)}" for name, value in values.items())


def _setting(value: object) -> str:
    if isinstance(value, list):
        return "/".join(map(str, value))
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _unscored(record: RunRecord) -> Iterator[str]:
    if record.unscored_tags:
        total = len(record.unscored_tags) + len(record.per_tag)
        yield (
            f"**Tags not scored.** {len(record.unscored_tags)} of {total}: fewer than {record.min_positives} positives "
            f"or {record.min_negatives} negatives among the test tracks ({_named(record.unscored_tags)})."
        )


def _named(unscored: Mapping[str, int]) -> str:
    """Return the first few tags with their numbers of positives."""
    named = [f"{escape(tag)} {count:,}" for tag, count in list(unscored.items())[:MOST_NAMED]]
    return ", ".join(named) + (" and others" if len(unscored) > MOST_NAMED else "")


def _data(found: DataRecord | None, said: SplitSettings) -> Iterator[str]:
    """Yield how tracks were divided, what was refused, and what the parts share though they should not."""
    if found is None:
        return
    yield _split(found, said)
    refused = sum(found.refused.values())
    if refused:
        yield f"**Refused.** {refused:,} of {found.n_tracks:,} tracks, for every model; rejected.csv lists them."
    if found.noted:
        odd = "; ".join(f"{escape(note)} ({count:,})" for note, count in found.noted.items())
        yield f"**Odd tracks**, kept: {odd}."
    if found.hours is None:
        yield NOT_HEARD
    elif found.leaking:
        yield leaks(found)
    yield from map(shared_groups, found.shared_groups)


def _split(found: DataRecord, said: SplitSettings) -> str:
    """Return how the corpus was divided, by whom, and into what."""
    how = f"By group (artist) and hash, seed {said.seed}" if said.kind == "hash" else "The data set's official parts"
    numbers = ", ".join(f"{PART_NAMES[part]} {found.parts[part]:,} of {found.groups[part]:,} groups" for part in PARTS)
    return f"**Split.** {how}; tracks: {numbers}."


def _capped(records: Iterable[RunRecord]) -> Iterator[str]:
    if any(record.hit_cap for record in records):
        yield f"**{HIT_CAP_MARK}** The cap on training, not the stopping rule, ended at least one seed's training."


def _added(study: StudyFolder) -> Iterator[str]:
    """Yield what is known of models that were trained elsewhere, and which are left out."""
    if study.added:
        yield (
            f"**{ADDED_MARK}** Trained elsewhere and added by its predictions of the same test tracks, which were "
            "checked. How many tracks it was trained on was told; which, whether test tracks are among them, and how "
            "it was chosen, is not known."
        )
    if study.outdated:
        named = ", ".join(dict.fromkeys(f"{escape(one.label)} at {track_count(one.n_train)}" for one in study.outdated))
        yield f"**Left out**: added with predictions of other test tracks than the study now has: {named}."


def _special_tags(study: StudyFolder) -> Iterator[str]:
    """Yield, for each model, how many tags were not trained in the usual way at each size, by reason."""
    reasons = {one.cell.digest: Counter(one.record.special_tags.values()) for one in study.finished}
    for label, text in _counted(study, reasons):
        yield f"**{label}**, tags not trained in the usual way: {text}."


def _track_notes(study: StudyFolder) -> Iterator[str]:
    """Yield, for each model, how many of the tracks at each size it could not take as they are, by reason."""
    reasons = {one.cell.digest: Counter(one.record.track_notes) for one in study.finished}
    for label, text in _counted(study, reasons):
        yield f"**{label}**, tracks not taken as they are: {text}; each is listed in its cell's track\\_notes.csv."


def _counted(study: StudyFolder, reasons: Mapping[str, Counter[str]]) -> Iterator[tuple[str, str]]:
    """Yield each label with its reasons and their counts at each size; a count is the largest over the seeds."""
    counts: dict[str, dict[str, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    for one in study.finished:
        for reason, count in reasons[one.cell.digest].items():
            by_size = counts[one.cell.label][reason]
            by_size[one.cell.n_train] = max(count, by_size.get(one.cell.n_train, 0))
    for label, by_reason in counts.items():
        yield escape(label), "; ".join(f"{escape(reason)} ({_at_sizes(n)})" for reason, n in by_reason.items())


def _at_sizes(values: Mapping[int, float]) -> str:
    return ", ".join(f"{values[size]:g} at {track_count(size)}" for size in sorted(values, reverse=True))


def _by_label(records: Sequence[RunRecord], describe: Callable[[RunRecord], str]) -> str:
    """Return a fact once where all models share it, otherwise once a model."""
    facts = {record.label: describe(record) for record in records}
    if len(set(facts.values())) == 1:
        return facts[records[0].label]
    return "; ".join(f"{escape(label)}: {fact}" for label, fact in facts.items())


def _first_by_label(records: Iterable[RunRecord]) -> dict[str, RunRecord]:
    first: dict[str, RunRecord] = {}
    for record in records:
        first.setdefault(record.label, record)
    return first


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
