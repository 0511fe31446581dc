"""What a study says of a corpus's tags: another kind, category or exclusive group, or that a tag is left out."""

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.corpus import Corpus, Float32Array, Tag
from bench.errors import InputError

CHANGED = "tags changed by the study"


class TagChoice(BaseModel):
    """What a study says of one tag; what it does not say stays as the data set has it.

    A tag whose targets are not all 0 or 1 becomes a classification tag by `positive_above`: 1 where its target is
    greater than that, else 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["classification", "regression"] | None = None
    category: str | None = None
    exclusive_group: str | None = None
    positive_above: float | None = Field(default=None, ge=0, lt=1)
    leave_out: bool = False

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        said = self.model_fields_set - {"leave_out"}
        if self.leave_out and said:
            raise ValueError(f"leave_out = true leaves no room for {sorted(said)[0]}; remove one of them")
        if self.kind == "regression" and self.positive_above is not None:
            raise ValueError('positive_above makes a classification tag, not kind = "regression"; remove one of them')
        return self

    def tag(self, tag: Tag) -> Tag:
        """Return a tag as the study wants it."""
        return Tag(
            name=tag.name,
            kind="classification" if self.positive_above is not None else self.kind or tag.kind,
            category=tag.category if self.category is None else self.category,
            exclusive_group=tag.exclusive_group if self.exclusive_group is None else self.exclusive_group,
        )

    def targets(self, targets: Float32Array) -> Float32Array:
        """Return a tag's targets, shape (tracks,), as the study wants them."""
        return targets if self.positive_above is None else (targets > self.positive_above).astype(np.float32)


def with_tag_choices(corpus: Corpus, choices: Mapping[str, TagChoice]) -> Corpus:
    """Return a corpus with its tags as a study wants them, which its version then tells.

    Raises `InputError` for a tag that the corpus does not have, and where none is left.
    """
    if not choices:
        return corpus
    names = [tag.name for tag in corpus.tags]
    for name in choices:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"the study speaks of a tag {name!r}, which corpus {corpus.name} does not have{hint}")
    said = [choices.get(name, TagChoice()) for name in names]
    for column, choice in enumerate(said):
        _refuse_graded(names[column], choice, corpus.targets[:, column])
    kept = [column for column, choice in enumerate(said) if not choice.leave_out]
    if not kept:
        raise InputError(f"the study leaves out every tag of corpus {corpus.name}")

    def chosen(targets: Float32Array) -> Float32Array:
        return np.stack([said[column].targets(targets[:, column]) for column in kept], axis=1)

    return replace(
        corpus,
        version=f"{corpus.version}, {CHANGED}".removeprefix(", "),
        tags=tuple(said[column].tag(corpus.tags[column]) for column in kept),
        targets=chosen(corpus.targets),
        truth=None if corpus.truth is None else chosen(corpus.truth),
    )


def _refuse_graded(name: str, choice: TagChoice, targets: Float32Array) -> None:
    """Refuse to make a classification tag of targets between 0 and 1 where it is not said from where on they count."""
    made = choice.kind == "classification" and choice.positive_above is None and not choice.leave_out
    graded = targets[~np.isin(targets, (0, 1))]
    if made and len(graded):
        raise InputError(
            f"the study makes {name!r} a classification tag, but it has targets such as {graded[0]:g}; say above which "
            f'it is 1: `positive_above` under [tags."{name}"]'
        )
