"""Tags that rule each other out: where tracks contradict what is declared, and what could be declared besides."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.corpus import Corpus
from bench.inspection.pairs import CoOccurrence, Pair

EXAMPLES = 3


@dataclass(frozen=True)
class Contradiction:
    """Two tags of one exclusive group that stand on the same tracks, and the ids of the first few of these."""

    group: str
    pair: Pair
    tracks: tuple[str, ...]


@dataclass(frozen=True)
class Exclusive:
    """What is known of tags that rule each other out.

    `groups` has the classification tags of each exclusive group that is declared, `contradictions` the pairs in them
    that tracks have both of, most tracks first. `never` holds the pairs not declared that no track has, though chance
    would have them together, and `suggested` sets of tags, none of them in a group yet, of which that is true of each
    pair.
    """

    groups: dict[str, tuple[str, ...]]
    contradictions: tuple[Contradiction, ...]
    never: tuple[Pair, ...]
    suggested: tuple[tuple[str, ...], ...]


def exclusive(corpus: Corpus, together: CoOccurrence) -> Exclusive:
    """Return what the tracks of a corpus say of tags that rule each other out; `together` is its co-occurrence."""
    group_of = {tag.name: tag.exclusive_group for tag in corpus.tags if tag.exclusive_group}
    groups = _declared(together.names, group_of)
    never = [pair for pair in together.never() if not _same_group(pair, group_of)]
    free = [pair for pair in never if pair.first not in group_of and pair.second not in group_of]
    return Exclusive(
        groups=groups,
        contradictions=tuple(sorted(_contradictions(corpus, together, groups), key=lambda one: -one.pair.both)),
        never=tuple(never),
        suggested=tuple(_cliques(free)),
    )


def _declared(names: Sequence[str], group_of: dict[str, str]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if name in group_of:
            groups[group_of[name]].append(name)
    return {group: tuple(members) for group, members in groups.items() if len(members) > 1}


def _same_group(pair: Pair, group_of: dict[str, str]) -> bool:
    return pair.first in group_of and group_of[pair.first] == group_of.get(pair.second)


def _contradictions(
    corpus: Corpus, together: CoOccurrence, groups: dict[str, tuple[str, ...]]
) -> Iterator[Contradiction]:
    number = {name: place for place, name in enumerate(together.names)}
    column = {tag.name: place for place, tag in enumerate(corpus.tags)}
    for group, members in groups.items():
        for first, second in itertools.combinations(members, 2):
            pair = together.pair(number[first], number[second])
            if pair.both:
                has_both = (corpus.targets[:, [column[first], column[second]]] > 0).all(axis=1)
                tracks = corpus.ids[np.flatnonzero(has_both)[:EXAMPLES]].tolist()
                yield Contradiction(group, pair, tuple(tracks))


def _cliques(pairs: Sequence[Pair]) -> Iterator[tuple[str, ...]]:
    """Yield sets of tags in which every two are one of `pairs`, no tag in two sets; the foremost pairs first."""
    linked = {frozenset((pair.first, pair.second)) for pair in pairs}
    names = dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second))
    taken: set[str] = set()
    for pair in pairs:
        if not taken & {pair.first, pair.second}:
            members = [pair.first, pair.second]
            for name in names:
                if name not in taken and all(frozenset((name, member)) in linked for member in members):
                    members.append(name)
            taken.update(members)
            yield tuple(members)
