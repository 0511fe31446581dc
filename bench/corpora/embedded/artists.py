"""Artists: 2 to 12 songs each, a genre of their own, and habits, sounds and a mix that all their songs share."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import count, islice

from bench.corpora.embedded.draws import ARTIST, DEALING, Draws
from bench.corpora.embedded.genres import DECK, GENRES, Genre
from bench.corpora.embedded.score import Mix, Resonance, Timbre

ROLES = ("drums", "bass", "chords", "hook", "solo", "voice")
MOTIF_NOTES = 8
EQUALISER_BANDS = (110.0, 260.0, 600.0, 1400.0, 3200.0)  # Hz; each artist's desk shifts, boosts and cuts them

Motif = tuple[tuple[int, float], ...]  # interval in steps of the scale, length in beats


@dataclass(frozen=True)
class Style:
    """Every musical decision about a song that a genre suggests; see `Genre` for the meaning of the names."""

    kit: str
    groove: str
    bass: str
    bass_line: str
    chords: str
    comping: str
    hook: str
    solo: str
    voice: str
    progression: str
    bpm: float
    energy: float
    reverb: float
    swing: bool
    triple: bool
    minor: bool
    sevenths: bool
    vintage: bool


@dataclass(frozen=True)
class Artist:
    """One artist. `levels` are the part gains that the artist likes, by role; `tune` and `song` are its motifs."""

    number: int
    genre: Genre
    guest: Genre
    style: Style
    timbre: Timbre
    desk: Mix
    levels: dict[str, float]
    tune: Motif
    song: Motif


def roster(seed: int, tracks: int) -> list[int]:
    """Return the artist's number for each track.

    Numbers of songs are even, so that an even number of tracks leaves no artist with a single song.
    """
    return list(islice(_artist_of_each_track(seed), tracks))


def _artist_of_each_track(seed: int) -> Iterator[int]:
    for number in count():
        songs = 2 * Draws(seed, ARTIST, number).integer(1, 6)
        yield from [number] * songs


@lru_cache(maxsize=64)
def draw_artist(seed: int, number: int) -> Artist:
    """Return an artist. Genres are dealt from shuffled decks, so that every stretch of artists has its share."""
    draws = Draws(seed, ARTIST, number, 1)
    deal = Draws(seed, DEALING, number // len(DECK)).shuffled(DECK)
    genre = GENRES[deal[number % len(DECK)]]
    guest = GENRES[draws.pick(genre.guests if draws.chance(0.75) else tuple(GENRES))]
    return Artist(
        number=number,
        genre=genre,
        guest=guest,
        style=draw_style(genre, draws),
        timbre=Timbre(**{field.name: draws.between(0.15, 0.85) for field in fields(Timbre)}),
        desk=_draw_desk(draws),
        levels={role: draws.between(0.75, 1.3) for role in ROLES},
        tune=draw_motif(draws),
        song=draw_motif(draws),
    )


def draw_style(genre: Genre, draws: Draws) -> Style:
    """Return one song's worth of decisions, as the genre's table weighs them."""
    energy = draws.near(genre.energy, 0.16)
    slow, fast = genre.tempo
    return Style(
        kit=draws.weighted(genre.drums),
        groove=draws.weighted(genre.grooves),
        bass=draws.weighted(genre.basses),
        bass_line=draws.weighted(genre.bass_lines),
        chords=draws.weighted(genre.chords),
        comping=draws.weighted(genre.comping),
        hook=draws.weighted(genre.chords),
        solo=draws.weighted(genre.solos),
        voice=draws.weighted(genre.voices),
        progression=draws.weighted(genre.progressions),
        bpm=slow + (fast - slow) * (0.7 * draws.unit() + 0.3 * energy),
        energy=energy,
        reverb=draws.near(genre.reverb, 0.2),
        swing=draws.chance(genre.swing),
        triple=draws.chance(genre.triple),
        minor=draws.chance(genre.minor),
        sevenths=draws.chance(genre.sevenths),
        vintage=draws.chance(genre.vintage),
    )


def draw_motif(draws: Draws) -> Motif:
    """Return a short melodic figure."""
    return tuple((draws.integer(-2, 2), draws.pick((0.5, 0.5, 1.0, 1.0, 1.5))) for _ in range(MOTIF_NOTES))


def _draw_desk(draws: Draws) -> Mix:
    """Return the settings that an artist's mixing desk is left at."""
    return Mix(
        tilt=draws.unit(),
        resonances=tuple(
            Resonance(centre * draws.between(0.75, 1.35), draws.bell(0.0, 2.6), draws.between(0.25, 0.8))
            for centre in EQUALISER_BANDS
        ),
        reverb=draws.unit(),
        room=draws.between(0.25, 1.5),
        drive=draws.unit(),
        low_cut=draws.between(20, 90),
        high_cut=draws.between(4500, 8000),
        hiss=draws.between(52, 70),
        peak=draws.between(3, 16),
        crackle=False,
    )


def mix_for_song(desk: Mix, style: Style, draws: Draws) -> Mix:
    """Return the artist's desk as it stands for one song: a little moved, and narrowed for an old recording."""
    moved = replace(
        desk,
        tilt=draws.near(desk.tilt, 0.08),
        reverb=draws.near(0.5 * desk.reverb + 0.5 * style.reverb, 0.05),
        drive=draws.near(0.6 * desk.drive + 0.4 * style.energy, 0.05),
        resonances=tuple(replace(r, gain=r.gain + draws.bell(0.0, 0.7)) for r in desk.resonances),
        peak=max(0.5, draws.bell(desk.peak, 1.0)),
    )
    if not style.vintage:
        return moved
    return replace(
        moved,
        low_cut=draws.between(100, 240),
        high_cut=draws.between(2400, 4300),
        hiss=draws.between(40, 50),
        crackle=draws.chance(0.6),
    )


def timbre_for_song(timbre: Timbre, draws: Draws) -> Timbre:
    """Return the artist's sounds, a little moved."""
    return Timbre(**{field.name: draws.near(getattr(timbre, field.name), 0.06) for field in fields(Timbre)})
