"""What was found in a study's data, to be read: by whoever prepares them, and under Table 1."""

from collections.abc import Iterator, Mapping

from bench.corpus import PARTS
from bench.record import DataRecord, SharedGroups
from reports.table import escape

MOST_REASONS = 20  # lines; tracks.csv has all
NOT_HEARD = "No audio is heard: whether tracks sound alike was not looked at."
PART_NAMES = {"train": "training", "valid": "validation", "test": "test"}


def preparation_page(found: DataRecord) -> str:
    """Return what was found as Markdown that reads as plain text."""
    return "\n\n".join(_paragraphs(found))


def _paragraphs(found: DataRecord) -> Iterator[str]:
    refused = sum(found.refused.values())
    kept = found.n_tracks - refused
    corpus = escape(", ".join(filter(None, (found.corpus, found.corpus_version))))
    yield f"# The data: {corpus}"
    if found.corpus_note:
        yield f"> {escape(found.corpus_note)}"
    heard = "" if found.hours is None else f", {found.hours:,.1f} hours to be heard"
    parts = ", ".join(f"{found.parts[part]:,} {PART_NAMES[part]}" for part in PARTS)
    groups = ", ".join(f"{found.groups[part]:,}" for part in PARTS)
    yield (
        f"**{kept:,} of {found.n_tracks:,} tracks are kept** ({parts}; of {groups} groups){heard}; "
        f"{refused:,} {'is' if refused == 1 else 'are'} refused."
    )
    if found.refused:
        yield "Refused, because a track:\n\n" + _reasons(found.refused)
    if found.noted:
        yield "Kept, though a track:\n\n" + _reasons(found.noted)
    if len(found.rates) > 1:
        rates = ", ".join(f"{count:,} of {rate:,} Hz" for rate, count in found.rates.items())
        yield f"Sample rates of the files: {rates}."
    yield _duplicates(found)
    yield from map(shared_groups, found.shared_groups)


def _reasons(counts: Mapping[str, int]) -> str:
    lines = [f"- {escape(reason)}: {count:,}" for reason, count in list(counts.items())[:MOST_REASONS]]
    if len(counts) > MOST_REASONS:
        lines.append(f"- and {len(counts) - MOST_REASONS:,} other reasons")
    return "\n".join(lines)


def _duplicates(found: DataRecord) -> str:
    if found.hours is None:
        return NOT_HEARD
    too_short = f" ({found.too_short:,} shorter than 6.1 s were compared by their samples alone.)"
    short = too_short if found.too_short else ""
    if not found.duplicates:
        return f"No two tracks were found to sound alike.{short}"
    told = f"Tracks that sound alike: {_count(found.duplicates, 'cluster')}, listed in duplicates.csv.{short}"
    return f"{told} {leaks(found)}" if found.leaking else f"{told} None is in several parts."


def leaks(found: DataRecord) -> str:
    """Return a sentence on tracks that sound like a track of another part; empty where there are none."""
    if not found.leaking:
        return ""
    by_part = ", ".join(
        _count(found.leaking[part], f"{PART_NAMES[part]} track") for part in PARTS if found.leaking.get(part)
    )
    text = f"**A leak:** tracks that sound like one of another part: {by_part} (duplicates.csv)."
    if found.dropped:
        return f"{text} Those in training were left out of it."
    if found.leaking.get("train"):
        return f"{text} `drop_leaks = true` under `[prepare]` leaves those in training out of it."
    return f"{text} Remove one of each, or mend the split."


def shared_groups(shared: SharedGroups) -> str:
    """Return a sentence on the groups that are in two parts of an official split."""
    part, other = PART_NAMES[shared.part], PART_NAMES[shared.other]
    return (
        f"**A leak:** {_count(shared.groups, 'group')} (artists) of the {part} part are in the {other} part, too: "
        f"{shared.tracks:,} of its {shared.n_tracks:,} tracks."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
