"""Tells in Markdown of some test tracks: the tags that the annotators and the models give them."""

from collections.abc import Iterator
from itertools import zip_longest

from reports.qualitative import (
    AHEAD,
    BEHIND,
    BEST,
    PR_AUC,
    RANDOM,
    RMSE,
    WORST,
    ScoredTag,
    Stories,
    TagList,
    Teller,
    TrackStory,
    Why,
)
from reports.table import NO_VALUE, aligned, escape, track_count

REASONS: dict[Why, str] = {
    "chosen": "chosen",
    "best": "tagged best",
    "worst": "tagged worst",
    "disputed": "disputed",
    "random": "at random",
}


def track_sections(stories: Stories) -> Iterator[str]:
    """Yield who tells and how the tracks were chosen, then what there is to a track, each with a heading."""
    yield "## Some tracks"
    yield who_tells(stories)
    yield how_chosen(stories)
    for number, story in enumerate(stories.tracks, 1):
        yield f"### {number}. {REASONS[story.why]}: {escape(story.id)}"
        yield from _track(story, stories)


def who_tells(stories: Stories) -> str:
    """Return which models tell of the tracks, and why these, in Markdown."""
    network, baseline = stories.network, stories.baseline
    sentences = []
    if network is not None:
        measure = RMSE if network.row.metrics.pr_auc is None else PR_AUC
        sentences.append(
            f"The network is {_named(network)}: of the networks at that size, the one with the best {measure.title}. "
            "It was chosen on the very tracks that it is shown on, so its lists flatter it a little; no number depends "
            "on that."
        )
    if baseline is not None:
        sentences.append(f"The baseline is {_named(baseline)}.")
    if any(one is not None and len(one.row.per_seed) > 1 for one in (network, baseline)):
        sentences.append("Of several seeds, the model of the first one tells.")
    return " ".join(sentences)


def _named(teller: Teller) -> str:
    return f"**{escape(teller.row.label)}** with {track_count(teller.row.n_train)} training tracks"


def how_chosen(stories: Stories) -> str:
    """Return how the tracks were chosen, in Markdown."""
    judge = "baseline" if stories.network is None else "network"
    chosen = sum(story.why == "chosen" for story in stories.tracks)
    kinds = [f"{chosen} that the reader chose"] if chosen else []
    kinds += [f"{BEST} that the {judge} tags best", f"{WORST} that it tags worst"]
    if stories.network is not None and stories.baseline is not None:
        kinds += [f"{AHEAD} on which it is farthest ahead of the baseline and {BEHIND} farthest behind (*disputed*)"]
    kinds += [f"{RANDOM} at random, by a hash of the id"]
    return (
        "How well a track is tagged is its average precision: its tags are ranked by their scores, and it is 1 where "
        "those that the annotators gave come first. Of the test tracks, there are "
        f"{', '.join(kinds[:-1])}, and {kinds[-1]}; none twice, and of each kind "
        f"{'but the first ' if chosen else ''}no two of one artist (group). What the annotators "
        "gave is bold. tracks\\_scored.csv has the average precision of all test tracks."
    )


def _track(story: TrackStory, stories: Stories) -> Iterator[str]:
    sound = "no excerpt is kept" if story.excerpt is None else f"[listen to an excerpt]({story.excerpt})"
    yield f"{escape(story.file)}; {sound}."
    given = ", ".join(f"**{escape(name)}**" for name in story.annotators)
    yield f"Annotators: {given or 'none of the tags'}."
    lists = [
        (teller.row.label, told)
        for teller, told in ((stories.network, story.network), (stories.baseline, story.baseline))
        if teller is not None and told is not None
    ]
    if any(told.tags for _, told in lists):
        columns = [map(_scored, told.tags) for _, told in lists]
        body = [[str(place), *tags] for place, tags in enumerate(zip_longest(*columns, fillvalue=""), 1)]
        body.append(["", *(_precision(told) for _, told in lists)])
        header = ["", *(escape(label) for label, _ in lists)]
        yield aligned(header, body, text=range(1, len(header)))
    if story.ratings:
        yield aligned(
            ["Rating", "annotators", *(escape(label) for label, _ in lists)],
            [
                [
                    escape(one.name),
                    *(f"{value:.2f}" for value in (one.annotators, one.network, one.baseline) if value is not None),
                ]
                for one in story.ratings
            ],
        )


def _scored(tag: ScoredTag) -> str:
    name = escape(tag.name)
    return f"{f'**{name}**' if tag.given else name} {tag.score:.2f}"


def _precision(told: TagList) -> str:
    return NO_VALUE if told.precision is None else f"average precision {told.precision:.2f}"
