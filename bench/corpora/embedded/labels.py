"""Exact labels, read off the score: which tags are true, how plainly each is heard, and the regression scales.

Everything is computed from notes, gains and settings, never from audio, and by arithmetic alone; a label is therefore
the same on every machine, whatever its audio looks like to the last bit.
"""

from bisect import bisect_right
from collections.abc import Mapping
from math import fsum

from bench.corpora.embedded.genres import FAMILIES, GENRES
from bench.corpora.embedded.quantiles import QUANTILES
from bench.corpora.embedded.score import Part, Score
from bench.corpus import Tag

INSTRUMENT_TAGS: dict[str, tuple[str, ...]] = {
    "piano": ("piano",),
    "electric piano": ("electric piano",),
    "organ": ("organ",),
    "harpsichord": ("harpsichord",),
    "acoustic guitar": ("acoustic guitar",),
    "clean electric guitar": ("clean guitar",),
    "distorted electric guitar": ("distorted guitar",),
    "strings": ("strings", "cello"),
    "brass and saxophone": ("trumpet", "saxophone"),
    "flute": ("flute",),
    "harmonica": ("harmonica",),
    "theremin": ("theremin",),
    "synthesizer": ("pad", "stab", "lead synth", "whistle synth", "synth bass", "reese bass"),
    "drum machine": ("machine",),
}
VOCAL_TAGS = {"male vocals": "male", "female vocals": "female", "rap": "rap"}
REGRESSION_TAGS = ("tempo", "acoustic", "energy", "brightness", "density", "ambience", "danceability")


def _tag_list() -> tuple[Tag, ...]:
    genres = [Tag(g.name, "classification", "genre", g.exclusive_group) for g in GENRES.values()]
    families = [Tag(name, "classification", "genre family") for name in FAMILIES]
    instruments = [Tag(name, "classification", "instrument") for name in INSTRUMENT_TAGS]
    vocals = [Tag(name, "classification", "vocals") for name in (*VOCAL_TAGS, "instrumental")]
    rest = {
        "swing": "feel",
        "triple metre": "feel",
        "no drums": "feel",
        "minor key": "mode",
        "vintage recording": "era",
        "live audience": "setting",
    }
    others = [Tag(name, "classification", category) for name, category in rest.items()]
    scales = [Tag(name, "regression", "scale") for name in REGRESSION_TAGS]
    return (*genres, *families, *instruments, *vocals, *others, *scales)


TAGS = _tag_list()

# How acoustic and how bright an instrument is, in [0, 1].
ACOUSTIC = {
    "piano": 0.9,
    "harpsichord": 0.95,
    "strings": 0.95,
    "cello": 1.0,
    "flute": 0.95,
    "saxophone": 0.9,
    "trumpet": 0.85,
    "acoustic guitar": 1.0,
    "upright bass": 0.9,
    "harmonica": 0.85,
    "brushes": 0.9,
    "percussion": 0.85,
    "acoustic": 0.6,
    "male": 0.6,
    "female": 0.65,
    "rap": 0.45,
    "audience": 0.5,
    "organ": 0.5,
    "clean guitar": 0.4,
    "electric piano": 0.35,
    "fingered bass": 0.35,
    "picked bass": 0.25,
    "distorted guitar": 0.15,
    "theremin": 0.1,
}
BRIGHT = {
    "harpsichord": 1.0,
    "distorted guitar": 0.8,
    "stab": 0.7,
    "whistle synth": 0.7,
    "lead synth": 0.7,
    "trumpet": 0.7,
    "harmonica": 0.7,
    "acoustic guitar": 0.6,
    "strings": 0.55,
    "clean guitar": 0.5,
    "saxophone": 0.5,
    "piano": 0.4,
    "organ": 0.4,
    "flute": 0.35,
    "electric piano": 0.3,
    "pad": 0.3,
}
DANCE_TEMPO, DANCE_TEMPO_RANGE = 118.0, 50.0  # bpm
DANCE_GROOVES = {"four on the floor", "techno", "funk", "g-funk", "clave", "one drop"}
FULL_GAIN = 0.7  # a part at this gain or more is heard plainly
GUEST_SALIENCE = 0.6


def saliences(score: Score) -> dict[str, float]:
    """Return, for every classification tag, how plainly it is heard, in (0, 1]; 0 where it is not true."""
    heard = dict.fromkeys((tag.name for tag in TAGS if tag.kind == "classification"), 0.0)
    heard[score.genre] = 1.0
    if score.guest:
        heard[score.guest] = GUEST_SALIENCE
    for genre in (score.genre, score.guest):
        family = GENRES[genre].family if genre else ""
        if family:
            heard[family] = max(heard[family], heard[genre])
    gains = _gains(score.parts)
    for tag, instruments in INSTRUMENT_TAGS.items():
        heard[tag] = max(_plainness(gains.get(instrument, 0.0)) for instrument in instruments)
    for tag, kind in VOCAL_TAGS.items():
        heard[tag] = _plainness(gains.get(kind, 0.0))
    roles = {part.role for part in score.parts}
    facts = {
        "instrumental": "voice" not in roles,
        "swing": score.swing,
        "triple metre": score.beats == 3,
        "no drums": "drums" not in roles,
        "minor key": score.minor,
        "vintage recording": score.vintage,
        "live audience": "audience" in roles,
    }
    return heard | {tag: float(fact) for tag, fact in facts.items()}


def _gains(parts: tuple[Part, ...]) -> dict[str, float]:
    """Return the gain of the loudest part that an instrument has."""
    gains: dict[str, float] = {}
    for part in parts:
        gains[part.instrument] = max(part.gain, gains.get(part.instrument, 0.0))
    return gains


def _plainness(gain: float) -> float:
    return min(1.0, gain / FULL_GAIN)


def scales(score: Score) -> dict[str, float]:
    """Return the regression tags in [0, 1]: each raw measure's place among the quantiles of a large fixed corpus."""
    return {name: place_among(value, QUANTILES[name]) for name, value in raw_scales(score).items()}


def raw_scales(score: Score) -> dict[str, float]:
    """Return the measures behind the regression tags, in their own units."""
    sounding = [(part, part.gain * _share(part, score)) for part in score.parts]
    total = fsum(weight for _, weight in sounding)

    def mean(values: Mapping[str, float], otherwise: float) -> float:
        return fsum(values.get(part.instrument, otherwise) * weight for part, weight in sounding) / total

    return {
        "tempo": score.bpm,
        "acoustic": mean(ACOUSTIC, 0.0) - 0.15 * score.mix.drive,
        "energy": score.energy + 0.15 * score.mix.drive,
        "brightness": score.mix.tilt + 0.4 * mean(BRIGHT, 0.2) + score.mix.high_cut / 20000,
        "density": sum(len(part.notes) for part in score.parts) / score.seconds,
        "ambience": score.mix.reverb * (0.4 + score.mix.room),
        "danceability": _danceability(score),
    }


def _share(part: Part, score: Score) -> float:
    """Return the share of the track during which a part plays, by its first and last note."""
    return (part.notes[-1].start - part.notes[0].start + 1.0) / (score.seconds + 1.0)


def _danceability(score: Score) -> float:
    drums = fsum(part.gain for part in score.parts if part.role == "drums")
    bass = fsum(part.gain for part in score.parts if part.role == "bass")
    away = (score.bpm - DANCE_TEMPO) / DANCE_TEMPO_RANGE
    pulse = 1.0 if score.groove in DANCE_GROOVES else 0.4
    return pulse * min(drums, 1.2) + 0.3 * bass + 0.8 / (1 + away * away)


def place_among(value: float, quantiles: tuple[float, ...]) -> float:
    """Return where a value lies among equally spaced quantiles, between 0 (the first) and 1 (the last)."""
    if value <= quantiles[0]:
        return 0.0
    if value >= quantiles[-1]:
        return 1.0
    above = bisect_right(quantiles, value)
    low, high = quantiles[above - 1], quantiles[above]
    return (above - 1 + (value - low) / (high - low)) / (len(quantiles) - 1)
