"""Table 1 over part of the tags: those of a category, and those of a band of prevalence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.corpus import BoolArray
from reports.estimates import lines
from reports.resampled import ResampledStudy
from reports.rows import MEASURES
from reports.table import aligned, escape, headings, model_name, printed_line
from reports.tag_names import shortened

# Bounds that stay where they are, since what PR-AUC a model can reach depends on prevalence: numbers of one band can be
# set beside those of the same band elsewhere, which those of terciles cannot.
BANDS = {"below 2 %": (0.0, 0.02), "2 to 10 %": (0.02, 0.1), "10 % or more": (0.1, np.inf)}
NO_CATEGORY = "no category"
TAG_NUMBERS = "The number of tags is that of classification tags + that of regression tags, where there are both."
LONGEST_NAME = 60  # columns of a category's name in a table


@dataclass(frozen=True, eq=False)
class TagGroup:
    """Some of the scored tags, shape (tags,): those that are alike `by` category or by prevalence."""

    by: Literal["category", "prevalence"]
    name: str
    tags: BoolArray
    n_classification: int
    n_regression: int


def tag_groups(study: ResampledStudy) -> list[TagGroup]:
    """Return the groups of a study's scored tags, those by category first."""
    return [*by_category(study), *by_prevalence(study)]


def by_category(study: ResampledStudy) -> list[TagGroup]:
    """Return the categories of which a tag is scored, in the order of the corpus; none where there is only one."""
    of_tags = np.array([tag.category for tag in study.test.tags], dtype=object)
    members = {name or NO_CATEGORY: study.scored & (of_tags == name) for name in dict.fromkeys(of_tags)}
    return _groups(study, "category", members)


def by_prevalence(study: ResampledStudy) -> list[TagGroup]:
    """Return the bands of prevalence among the test tracks that have a scored tag; none where all are in one band.

    A regression tag has no prevalence.
    """
    classification = np.array([tag.kind == "classification" for tag in study.test.tags])
    prevalence = (study.test.targets > 0).mean(axis=0)
    members = {
        name: study.scored & classification & (low <= prevalence) & (prevalence < high)
        for name, (low, high) in BANDS.items()
    }
    return _groups(study, "prevalence", members)


def _groups(
    study: ResampledStudy, by: Literal["category", "prevalence"], members: Mapping[str, BoolArray]
) -> list[TagGroup]:
    """Return the groups that are not empty, where there are several."""
    classification = np.array([tag.kind == "classification" for tag in study.test.tags])
    found = [
        TagGroup(by, name, tags, int((tags & classification).sum()), int((tags & ~classification).sum()))
        for name, tags in members.items()
        if tags.any()
    ]
    return found if len(found) > 1 else []


def groups_table(study: ResampledStudy, groups: Sequence[TagGroup]) -> str:
    """Return Table 1 over the tags of each group, at the largest training size, in the measures that there are."""
    largest = study.study.largest_size
    shown = [(group, [line for line in lines(study, group.tags) if line.row.n_train == largest]) for group in groups]
    measures = [one for one in MEASURES if any(one.field in line.values for _, found in shown for line in found)]
    body = [
        [escape(shortened(group.name, LONGEST_NAME)), _size(group), model_name(line), *printed_line(line, measures)]
        for group, found in shown
        for line in found
    ]
    return aligned(["Tags", "Number", "Model", *headings(measures)], body, text=(0, 2))


def _size(group: TagGroup) -> str:
    counts = [count for count in (group.n_classification, group.n_regression) if count]
    return " + ".join(map(str, counts))
