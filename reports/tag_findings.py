"""What strikes the eye in a study's tags, one sentence each, and the lines of a study that would change it."""

from collections.abc import Callable, Iterator, Sequence

import tomli_w

from bench.inspection import Inspection, TagFacts
from bench.inspection.pairs import NEVER_DESPITE, Pair

NAMED = 5  # tags or pairs of a sentence

Show = Callable[[str], str]  # how a tag's name is written: escaped for Markdown, shortened for a terminal


def findings(found: Inspection, show: Show) -> list[str]:
    """Return what a reader should look at before a training, the gravest first."""
    return [*_parts(found), *_kinds(found, show), *_rare(found, show), *_together(found, show)]


def _parts(found: Inspection) -> Iterator[str]:
    for name, part in found.parts.items():
        if not part.tracks:
            yield f"No track in the {name} part."
    available = found.parts["training"].tracks
    if found.largest > available:
        yield f"A training size of {found.largest:,}, and {count(available, 'track')} in the training part."
    for overlap in found.overlaps:
        if overlap.groups:
            yield (
                f"{count(overlap.groups, 'group')} (such as artists) both in the {overlap.first} and in the "
                f"{overlap.second} part, there with {count(overlap.second_tracks, 'track')}: what is learned of a "
                "group may pass for what is learned of a tag."
            )
    untagged = sum(part.untagged for part in found.parts.values())
    if untagged and found.together.names:
        yield f"{count(untagged, 'track')} without any classification tag."


def _kinds(found: Inspection, show: Show) -> Iterator[str]:
    for kind in ("classification", "regression"):
        tags = [facts for facts in looking_otherwise(found) if facts.given.looks_like.kind == kind]
        if tags:
            yield f"{_tags(tags)} declared otherwise, but looking like {kind}: {_named_tags(tags, show)}."
    if tags := constant(found):
        yield f"{_tags(tags)} with the same target on every track, nothing to learn: {_named_tags(tags, show)}."


def _rare(found: Inspection, show: Show) -> Iterator[str]:
    total = count(len(found.together.names), "classification tag")
    enough = f"{found.scoring.min_positives} positives and {found.scoring.min_negatives} negatives"
    if tags := too_rare(found, "test"):
        yield (f"{len(tags)} of {total} not scored, without {enough} among the test tracks: {_named_tags(tags, show)}.")
    if tags := too_rare(found, "validation"):
        yield (
            f"{len(tags)} of {total} without {enough} among the validation tracks, so that early stopping and tuning "
            f"have next to nothing to look at: {_named_tags(tags, show)}."
        )
    if tags := unseen(found):
        yield (
            f"{_tags(tags)} without a positive among the {found.smallest:,} tracks of the smallest training size: "
            f"{_named_tags(tags, show)}."
        )


def _together(found: Inspection, show: Show) -> Iterator[str]:
    contradictions = [
        f"{_pair(one.pair, ' / ', show)} on {count(one.pair.both, 'track')}" for one in found.exclusive.contradictions
    ]
    if contradictions:
        yield f"{count(len(contradictions), 'pair')} declared exclusive, and yet together: {named(contradictions)}."
    same = [" = ".join(map(show, names)) for names in found.identical]
    if same:
        yield f"{count(len(same), 'set')} of tags with the same targets on every track: {named(same)}."
    implied = [_pair(pair, " → ", show) for pair in found.together.implied()]
    if implied:
        yield f"{count(len(implied), 'pair')} of which the first never stands without the second: {named(implied)}."
    never = [_pair(pair, " / ", show) for pair in found.exclusive.never]
    if never:
        yield (
            f"{count(len(never), 'pair')} never together, though chance would give {NEVER_DESPITE:g} tracks or more, "
            f"and perhaps exclusive: {named(never)}."
        )


def _tags(tags: Sequence[TagFacts]) -> str:
    return count(len(tags), "tag")


def _named_tags(tags: Sequence[TagFacts], show: Show) -> str:
    return named([show(facts.tag.name) for facts in tags])


def _pair(pair: Pair, sign: str, show: Show) -> str:
    return f"{show(pair.first)}{sign}{show(pair.second)}"


def looking_otherwise(found: Inspection) -> list[TagFacts]:
    """Return the tags that look like the kind they are not, where the study does not say the kind itself."""
    return [facts for facts in found.tags if facts.looks_otherwise and not facts.kind_is_of_study]


def constant(found: Inspection) -> list[TagFacts]:
    """Return the tags whose targets are all the same."""
    return [facts for facts in found.tags if facts.given.looks_like.shape == "constant"]


def too_rare(found: Inspection, part: str) -> list[TagFacts]:
    """Return the classification tags that cannot be scored in a part, by the study's scoring."""
    return [facts for facts in found.tags if facts.tag.kind == "classification" and not facts.parts[part].scored]


def unseen(found: Inspection) -> list[TagFacts]:
    """Return the classification tags without a positive among the tracks of the smallest training size."""
    return [facts for facts in found.tags if facts.at_smallest == 0]


def kinds_toml(tags: Sequence[TagFacts]) -> str:
    """Return the lines of a study that give tags the kind they look like, or leave out those that look like neither."""
    return _toml({facts.tag.name: _as_it_looks(facts) for facts in tags})


def _as_it_looks(facts: TagFacts) -> dict[str, object]:
    kind = facts.given.looks_like.kind
    if kind is None:
        return {"leave_out": True}
    if kind == "classification" and facts.given.graded:
        return {"positive_above": 0.5}
    return {"kind": kind}


def exclusive_toml(sets: Sequence[Sequence[str]]) -> str:
    """Return the lines of a study that declare sets of tags as exclusive."""
    return _toml(
        {
            name: {"exclusive_group": f"suggested {number}"}
            for number, names in enumerate(sets, start=1)
            for name in names
        }
    )


def _toml(tags: dict[str, dict[str, object]]) -> str:
    """Return TOML that can be printed and copied: of what cannot, TOML knows the number."""
    lines = tomli_w.dumps({"tags": tags}).strip().split("\n")
    return "\n".join("".join(map(_printable, line)) for line in lines)


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else f"\\U{ord(letter):08X}"


def named(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = len(names) - NAMED
    return "; ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def count(number: int, noun: str) -> str:
    """Return a number of things."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
