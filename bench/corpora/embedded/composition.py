"""Composition: a track's number becomes a score with sections, harmony, drums, bass, accompaniment and melodies.

An intro has no drums, voices sing only in verses, the hook sounds in the chorus, the solo only in the bridge; so no
few seconds tell everything about a song.
"""

from dataclasses import fields
from typing import Any

from bench.corpora.embedded.artists import (
    Artist,
    Style,
    draw_artist,
    draw_style,
    mix_for_song,
    timbre_for_song,
)
from bench.corpora.embedded.draws import TRACK, Draws
from bench.corpora.embedded.genres import Genre
from bench.corpora.embedded.harmony import PROGRESSIONS, Key
from bench.corpora.embedded.players import Song, perform
from bench.corpora.embedded.score import Score, Section

FORMS = (
    (("intro", 1.2), ("verse", 3), ("chorus", 2), ("bridge", 2.5), ("verse", 2)),
    (("intro", 1.2), ("verse", 3), ("bridge", 2.5), ("chorus", 2)),
    (("intro", 1.5), ("chorus", 2), ("verse", 3), ("bridge", 2.5), ("chorus", 1.5)),
    (("verse", 2), ("chorus", 2), ("bridge", 2.5), ("intro", 1), ("verse", 2)),
)
LENDING = ("kit", "groove", "bass_line", "chords", "comping", "solo", "progression")  # what a listener knows a genre by
HEARD_AS_GUEST = 3  # of these seven

HABIT = 0.62  # the share of decisions in which a song is like its artist's others
DETOUR = 0.08  # the share of songs that are wholly of the artist's second genre
BORROWING = 0.4  # the share of songs that borrow from the second genre at all
RARE_SOLOS = {"theremin": 0.02, "harpsichord": 0.012, "harmonica": 0.008}  # chances, in any genre


def compose(seed: int, track: int, artist_number: int, seconds: float) -> Score:
    """Return the score of one track; the same arguments give the same score on every machine."""
    draws = Draws(seed, TRACK, track)
    artist = draw_artist(seed, artist_number)
    genre, guest, style = _arrange(artist, draws)
    song = _agree(artist, style, seconds, draws)
    sections = _lay_out(song, draws)
    parts = tuple(part for part in perform(song, sections, draws) if part.notes)
    return Score(
        track=track,
        artist=artist_number,
        seconds=seconds,
        genre=genre.name,
        guest=guest,
        bpm=style.bpm,
        beats=song.beats,
        swing=style.swing,
        minor=style.minor,
        energy=style.energy,
        groove=style.groove,
        vintage=style.vintage,
        sections=sections,
        parts=parts,
        timbre=timbre_for_song(artist.timbre, draws),
        mix=mix_for_song(artist.desk, style, draws),
    )


def _arrange(artist: Artist, draws: Draws) -> tuple[Genre, str, Style]:
    """Decide on a style: some of the artist's habits, some fresh decisions, some borrowed from a second genre."""
    genre, guest = artist.genre, artist.guest
    habits = artist.style
    if draws.chance(DETOUR):
        genre, guest = guest, genre
        habits = draw_style(genre, draws)
    fresh, lent = draw_style(genre, draws), draw_style(guest, draws)
    borrowing = draws.between(0.1, 0.45) if draws.chance(BORROWING) else 0.0
    chosen: dict[str, Any] = {}
    borrowed = 0
    for field in fields(Style):
        borrow = draws.chance(borrowing)
        source = lent if borrow else habits if draws.chance(HABIT) else fresh
        chosen[field.name] = getattr(source, field.name)
        borrowed += borrow and field.name in LENDING
    chosen["bpm"] *= draws.between(0.93, 1.07)
    chosen["energy"] = draws.near(chosen["energy"], 0.05)
    chosen["solo"] = _rare_solo(chosen["solo"], draws)
    heard = borrowed >= HEARD_AS_GUEST and guest is not genre and not _exclude(genre, guest)
    return genre, guest.name if heard else "", Style(**chosen)


def _exclude(one: Genre, other: Genre) -> bool:
    return bool(one.exclusive_group) and one.exclusive_group == other.exclusive_group


def _rare_solo(solo: str, draws: Draws) -> str:
    return draws.weighted({**RARE_SOLOS, solo: 1 - sum(RARE_SOLOS.values())})


def _agree(artist: Artist, style: Style, seconds: float, draws: Draws) -> Song:
    return Song(
        artist=artist,
        style=style,
        key=Key(draws.integer(0, 11), style.minor),
        progression=draws.pick(PROGRESSIONS[style.progression]),
        beats=3 if style.triple else 4,
        seconds=seconds,
        delay=draws.between(0.11, 0.17) if style.swing else draws.between(0.0, 0.015),
        looseness=0.001 if style.kit == "machine" else draws.between(0.003, 0.012),
        density=draws.near(0.2 + 0.6 * style.energy, 0.2),
    )


def _lay_out(song: Song, draws: Draws) -> tuple[Section, ...]:
    """Divide the track's bars among the sections of a form, in proportion to their weights."""
    form = draws.pick(FORMS)
    bars = max(2, -int(-song.seconds // song.lasting(song.beats)))
    total = sum(weight for _, weight in form)
    ends = [int(bars * sum(weight for _, weight in form[: n + 1]) / total + 0.5) for n in range(len(form))]
    starts = [0, *ends[:-1]]
    return tuple(
        Section(name, start, end - start)
        for (name, _), start, end in zip(form, starts, ends, strict=True)
        if end > start
    )
