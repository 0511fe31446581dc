"""Some test tracks on the page, to be listened to, with the tags that the models and the annotators give them."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reports.page.cells import Cell, Column, Group, Table, words
from reports.qualitative import Rating, Stories, TagList, TrackStory
from reports.track_sections import REASONS


@dataclass(frozen=True)
class ShownTrack:
    """A track: why it is told of, an excerpt as a data URL where there is one, the models' lists by label, ratings."""

    story: TrackStory
    reason: str
    excerpt: str | None
    lists: dict[str, TagList]
    ratings: Table | None


def shown_tracks(stories: Stories, out: Path) -> list[ShownTrack]:
    """Return the told tracks; `out` is the study's folder, where the excerpts are."""
    tellers = [stories.network, stories.baseline]
    labels = [teller.row.label for teller in tellers if teller is not None]
    return [
        ShownTrack(
            story,
            REASONS[story.why],
            None if story.excerpt is None else data_url(out / story.excerpt),
            dict(zip(labels, [told for told in (story.network, story.baseline) if told is not None], strict=True)),
            _ratings_table(story, labels) if story.ratings else None,
        )
        for story in stories.tracks
    ]


def data_url(file: Path) -> str:
    """Return an MP3 file as a URL that holds it."""
    return f"data:audio/mpeg;base64,{base64.b64encode(file.read_bytes()).decode()}"


def _ratings_table(story: TrackStory, labels: list[str]) -> Table:
    columns = [Column("Rating", numeric=False), Column("Annotators"), *map(Column, labels)]
    rows = tuple(tuple(_rating(one)) for one in story.ratings)
    return Table(f"Ratings of {story.id}", tuple(columns), (Group("", rows),))


def _rating(one: Rating) -> Iterator[Cell]:
    yield words(one.name)
    for value in (one.annotators, one.network, one.baseline):
        if value is not None:
            yield Cell(f"{value:.2f}", value)
