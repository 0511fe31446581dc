"""The data of a study: its corpus loaded, prepared and divided, and what was found on the way written down."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from bench.corpora import Place, place_of
from bench.corpus import PARTS
from bench.costs import stage
from bench.duplicates import LEAST_SECONDS, Duplicate, find_duplicates
from bench.errors import InputError
from bench.leaks import Leaks, find_leaks, leaking_from_training, without
from bench.output import DUPLICATES_FILE, GROUPS_FILE, REJECTED_FILE, refuse_links_out, write_leaks, write_tracks
from bench.prepare import Prepared, prepare
from bench.progress import say
from bench.record import DataRecord, SharedGroups
from bench.splits import Split
from bench.study import Study
from bench.tags import with_tag_choices
from bench.test_part import refuse_no_test_track
from bench.whole_file import check_writable, remove_leftovers

EMPTY_PART = {
    "hash": "give [split] larger shares or another seed, or the corpus more groups",
    "official": "its official split gives it none that can be used; mend that, or set [split] kind = 'hash'",
}
_MEASURED = re.compile(r"(?<![\w-])\d+(?:[.,]\d+)*(?= (?:(?:s|h|Hz)\b|%)| to \d)")


@dataclass(frozen=True)
class StudyData:
    """How a study's corpus was `prepared`, its `parts`, perhaps without leaks in training, and what was `found`."""

    study: Study
    prepared: Prepared
    parts: Split
    found: DataRecord


@stage("divide")
def begin_study(study: Study, *, out: Path, root: Path | None, cache: Path, chosen: Iterable[str] = ()) -> Place:
    """Find the corpus, refuse what can be seen to fail before any work, and make the output folder.

    What killed processes left there half-written is removed.

    `chosen` are ids of tracks that must be in the test part.
    """
    place = place_of(study.corpus.name, study.corpus.settings, root=root, cache=cache)
    outline = place.outline()
    for entry in study.entries():
        entry.tagger.check_corpus(outline)
    if study.prepare.drop_leaks and all(entry.audio is None for entry in study.entries()):
        raise InputError("[prepare] drop_leaks = true needs an entry that hears audio, to tell what sounds alike")
    parts = study.split.divide(outline.without_tags())
    sized = sized_to(study, parts, "")
    refuse_no_test_track(chosen, parts.test)
    shape = f"{len(study.families)} families, {len(sized.sizes)} sizes, {len(study.seeds)} seeds"
    say(f"study {study.name}: {shape}, {len(list(sized.cells()))} cells; output goes to {out}")
    refuse_links_out(out)
    out.mkdir(parents=True, exist_ok=True)
    check_writable(out)
    remove_leftovers(out)
    return place


def prepare_data(study: Study, place: Place, *, out: Path, cache: Path, workers: int) -> StudyData:
    """Load, decode, check and divide the corpus, and write to `out` what was found in it."""
    corpus = study.split.used(with_tag_choices(place.load(workers=workers), study.tags))
    heard = [entry.audio for entry in study.entries()]
    tolerance = study.prepare.duration_tolerance
    with stage("decode"):
        prepared = prepare(corpus, heard, cache=cache, workers=workers, duration_tolerance=tolerance)
    return divided(study, prepared, _duplicates(prepared, cache=cache, workers=workers), out)


def divided(study: Study, prepared: Prepared, duplicates: Sequence[Duplicate], out: Path) -> StudyData:
    """Divide the usable tracks, and write to `out` what was found in them, `duplicates` among it."""
    whole = study.split.divide(prepared.corpus)
    leaks = find_leaks(whole, duplicates)
    left_out = leaking_from_training(leaks) if study.prepare.drop_leaks else {}
    parts = without(whole, left_out)
    write_tracks(prepared.table(_part_of(parts), left_out), out)
    write_leaks(leaks, out)
    return StudyData(study, prepared, parts, _record(prepared, parts, leaks, dropped=len(left_out)))


def tell(data: StudyData, out: Path) -> None:
    """Say in a line each what a reader of the table must know of its data."""
    found = data.found
    refused = sum(found.refused.values())
    if refused:
        say(f"{refused} of {found.n_tracks} tracks are refused; {out / REJECTED_FILE} says why")
    leaking = found.leaking.get("train", 0)
    if leaking:
        done = "they are left out" if found.dropped else "[prepare] drop_leaks = true leaves them out"
        say(f"{leaking} training tracks sound like a validation or test track ({out / DUPLICATES_FILE}); {done}")
    for shared in found.shared_groups:
        say(f"{shared.groups} groups are in {shared.part} and in {shared.other} ({out / GROUPS_FILE})")


def checked(data: StudyData, out: Path) -> StudyData:
    """Return the data with the study's training sizes as numbers of tracks.

    Raises `InputError` when more is refused than the study allows, or what is left does not suffice.
    """
    refused, total = len(data.prepared.rejected), len(data.prepared.whole)
    if refused > data.study.prepare.max_refused * total:
        raise InputError(_too_many(data, out))
    gone = {"refused": refused, "left out as leaks": data.found.dropped}
    told = " and ".join(f"{count} tracks are {how}" for how, count in gone.items() if count)
    return replace(data, study=sized_to(data.study, data.parts, f" once {told}" if told else ""))


def _too_many(data: StudyData, out: Path) -> str:
    rejected, total = data.prepared.rejected, len(data.prepared.whole)
    first = next(track for track in data.prepared.whole.ids.tolist() if track in rejected)
    return (
        f"{len(rejected)} of {total} tracks ({100 * len(rejected) / total:.1f} %) are refused, more than the "
        f"{100 * data.study.prepare.max_refused:g} % that [prepare] max_refused allows; {out / REJECTED_FILE} lists "
        f"them all; the first, {first}: {rejected[first]}"
    )


def sized_to(study: Study, parts: Split, when: str) -> Study:
    """Return the study with its training sizes as numbers of tracks; refuse, with `InputError`, too small parts."""
    for name, part in zip(("training", "validation", "test"), parts.named().values(), strict=True):
        if not len(part):
            advice = EMPTY_PART[study.split.kind]
            said = f" ({part.note})" if part.note else ""
            raise InputError(f"study {study.name}: the {name} part of the corpus has no track{when}; {advice}{said}")
    sized = study.sized(len(parts.train))
    largest = max(sized.sizes)
    if largest > len(parts.train):
        raise InputError(
            f"study {study.name} asks for {largest} training tracks; the training part of the corpus has "
            f"{len(parts.train)}{when}"
        )
    return sized


@stage("compare")
def _duplicates(prepared: Prepared, *, cache: Path, workers: int) -> list[Duplicate]:
    """Return the pairs of tracks that sound alike, as they are heard in the first way; none where none is heard."""
    if not prepared.stores:
        return []
    return find_duplicates(prepared.corpus, next(iter(prepared.stores.values())), cache=cache, workers=workers)


def _part_of(parts: Split) -> dict[str, str]:
    return {track: name for name, part in parts.named().items() for track in part.ids.tolist()}


def _record(prepared: Prepared, parts: Split, leaks: Leaks, *, dropped: int) -> DataRecord:
    corpus = prepared.whole
    kept = [prepared.facts[track] for track in prepared.corpus.ids.tolist() if track in prepared.facts]
    noted = {track: note for track, note in prepared.notes.items() if track not in prepared.rejected}
    return DataRecord(
        corpus=corpus.name,
        corpus_version=corpus.version,
        corpus_note=corpus.note,
        n_tracks=len(corpus),
        refused=_counted(prepared.rejected.values()),
        noted=_counted(noted.values()),
        parts={name: len(part) for name, part in parts.named().items()},
        groups={name: len(np.unique(part.groups)) for name, part in parts.named().items()},
        hours=round(sum(_seconds_heard(prepared)) / 3600, 4) if prepared.stores else None,
        rates=dict(sorted(Counter(facts.rate for facts in kept).items())),
        duplicates=int(leaks.duplicates["cluster"].nunique()),
        leaking=leaks.leaking_duplicates["part"].value_counts().to_dict(),
        dropped=dropped,
        too_short=sum(seconds < LEAST_SECONDS for seconds in _seconds_heard(prepared)),
        shared_groups=_shared_groups(parts, leaks),
    )


def _counted(reasons: Iterable[str]) -> dict[str, int]:
    """Count reasons that differ in what was measured alone as one, the most frequent first."""
    given: dict[str, list[str]] = {}
    for reason in reasons:
        given.setdefault(_MEASURED.sub("…", reason), []).append(reason)
    counts = {alike[0] if len(set(alike)) == 1 else general: len(alike) for general, alike in given.items()}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _seconds_heard(prepared: Prepared) -> list[float]:
    """Return how much families hear of each track: in the first way to hear it, so up to its `max_seconds`."""
    if not prepared.stores:
        return []
    store = next(iter(prepared.stores.values()))
    tracks = [store.tracks[track] for track in prepared.corpus.ids.tolist()]
    return [track.length / track.rate for track in tracks]


def _shared_groups(parts: Split, leaks: Leaks) -> list[SharedGroups]:
    sizes = {name: len(part) for name, part in parts.named().items()}
    shared = []
    for part, other in combinations(PARTS, 2):
        groups, tracks = leaks.shared_groups(part, other)
        if groups:
            shared.append(SharedGroups(part=part, other=other, groups=groups, tracks=tracks, n_tracks=sizes[other]))
    return shared
