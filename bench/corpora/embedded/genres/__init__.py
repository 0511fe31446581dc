"""The genres of the embedded corpus, by name, and the deck from which artists are dealt theirs."""

from bench.corpora.embedded.genres.genre import Genre
from bench.corpora.embedded.genres.played import PLAYED
from bench.corpora.embedded.genres.programmed import PROGRAMMED

__all__ = ["DECK", "FAMILIES", "GENRES", "Genre"]

GENRES = {genre.name: genre for genre in (*PLAYED, *PROGRAMMED)}
FAMILIES = tuple(dict.fromkeys(genre.family for genre in GENRES.values() if genre.family))
DECK = tuple(genre.name for genre in GENRES.values() for _ in range(genre.cards))
