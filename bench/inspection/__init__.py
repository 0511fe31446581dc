"""What the tags of a study's corpus are like, from targets and groups alone: nothing is decoded, nothing trained."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.corpus import Corpus, Tag
from bench.inspection.distributions import Distribution, distribution
from bench.inspection.exclusive import Exclusive, exclusive
from bench.inspection.pairs import CoOccurrence, co_occurrence, identical_tags
from bench.inspection.parts import (
    InPart,
    Overlap,
    PartCounts,
    by_name,
    count_part,
    overlaps,
    positives,
    tags_in_part,
    tags_per_track,
)
from bench.splits import Split, subset
from bench.study import Scoring, Study
from bench.tags import TagChoice, with_tag_choices


@dataclass(frozen=True)
class TagFacts:
    """One tag as the study has it, with what the study says of it; `number` counts the tags from 1.

    `given` is how the data set's own targets lie, to which a `positive_above` of the study is not applied; `parts` is
    what the tag has in each part, by name; `at_smallest` the number of positives among the tracks of the smallest
    training size (None: a regression tag).
    """

    number: int
    tag: Tag
    choice: TagChoice
    given: Distribution
    parts: Mapping[str, InPart]
    at_smallest: int | None

    @property
    def positives(self) -> int:
        """The number of positive tracks in all three parts; of a regression tag, 0."""
        return sum(part.positives or 0 for part in self.parts.values())

    @property
    def looks_otherwise(self) -> bool:
        """Whether the targets look like the kind that the tag is not."""
        return self.given.looks_like.kind not in (None, self.tag.kind)

    @property
    def kind_is_of_study(self) -> bool:
        """Whether it is the study that says which kind the tag is."""
        return self.choice.kind is not None or self.choice.positive_above is not None


@dataclass(frozen=True, eq=False)
class Inspection:
    """What is known of a study's tags and tracks.

    `smallest` and `largest` are its training sizes; `unused` tracks of the corpus stand in no part. `tags_per_track`
    counts, at place n, the tracks with n classification tags. These counts, how the tags lie, and which stand together
    are of the tracks of all three parts.
    """

    study: str
    corpus: str
    note: str
    official_split: bool
    scoring: Scoring
    smallest: int
    largest: int
    unused: int
    parts: Mapping[str, PartCounts]
    overlaps: tuple[Overlap, ...]
    tags: tuple[TagFacts, ...]
    tags_per_track: tuple[int, ...]
    together: CoOccurrence
    exclusive: Exclusive
    identical: tuple[tuple[str, ...], ...]


def inspect_tags(study: Study, data_set: Corpus) -> Inspection:
    """Return what is known of the tags of a data set, as the study divides it and has its tags.

    Raises `InputError` where the study speaks of a tag that is not there, or where its smallest training size is more
    than there is to train on.
    """
    corpus = with_tag_choices(data_set, study.tags)
    parts = study.split.divide(corpus)
    sizes = study.sized(len(parts.train)).sizes
    used = _used(corpus, parts)
    together = co_occurrence(used)
    return Inspection(
        study=study.name,
        corpus=f"{corpus.name} {corpus.version}".strip(),
        note=corpus.note,
        official_split=study.split.kind == "official",
        scoring=study.scoring,
        smallest=min(sizes),
        largest=max(sizes),
        unused=len(corpus) - len(used),
        parts={name: count_part(part) for name, part in by_name(parts).items()},
        overlaps=tuple(overlaps(parts)),
        tags=tuple(_tag_facts(study, _used(data_set, parts), parts, smallest=min(sizes))),
        tags_per_track=tuple(np.bincount(tags_per_track(used)).tolist()),
        together=together,
        exclusive=exclusive(used, together),
        identical=tuple(identical_tags(used)),
    )


def _tag_facts(study: Study, given: Corpus, parts: Split, *, smallest: int) -> list[TagFacts]:
    """Return the facts of each tag of the study; `given` are the same tracks with the data set's own targets."""
    in_parts = {name: tags_in_part(part, study.scoring) for name, part in by_name(parts).items()}
    at_smallest = positives(subset(parts.train, smallest, seed=study.subset_seed))
    column = {tag.name: place for place, tag in enumerate(given.tags)}
    return [
        TagFacts(
            number=place + 1,
            tag=tag,
            choice=study.tags.get(tag.name, TagChoice()),
            given=distribution(given.targets[:, column[tag.name]]),
            parts={name: facts[place] for name, facts in in_parts.items()},
            at_smallest=at_smallest[place],
        )
        for place, tag in enumerate(parts.train.tags)
    ]


def _used(corpus: Corpus, parts: Split) -> Corpus:
    """Return the tracks of a corpus that stand in some part."""
    ids = np.concatenate([part.ids for part in (parts.train, parts.valid, parts.test)])
    return corpus.take(np.isin(corpus.ids, ids))
