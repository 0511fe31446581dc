"""Drum grooves, bass lines and comping patterns, written as a drummer's grid: sixteen steps to the 4/4 bar.

A dot is silence. In 3/4 time the first twelve steps are played. Drums: a digit is a stroke of that loudness (9 is
full), a letter from a to i is the same stroke, played now and then (ghost notes, extra kicks). Bass: a digit is a step
of the scale counted from the chord's root. Comping: A is the whole chord, P its root and fifth, 1 2 3 are its root,
third and fifth, 4 5 6 the same an octave higher.
"""

from collections.abc import Iterator
from dataclasses import dataclass

STEPS_PER_BEAT = 4

GROOVES: dict[str, dict[str, str]] = {
    "rock": {
        "kick": "9.....h.9.g.....",
        "snare": "....9.......9..c",
        "closed hat": "6.5.6.5.6.5.6.5.",
        "open hat": "..............c.",
        "crash": "f...............",
    },
    "heavy": {
        "kick": "9.8.98.89.8.98.8",
        "snare": "....9.......9...",
        "ride": "6...5...6...5...",
        "crash": "g...............",
        "tom": ".............fff",
    },
    "shuffle": {
        "kick": "9.......9.....e.",
        "snare": "....8.......8...",
        "ride": "6...5.5.6...5.5.",
        "closed hat": "....4.......4...",
    },
    "ride": {
        "ride": "6...6.5.6...6.5.",
        "closed hat": "....5.......5...",
        "brush": "..c...d...c...d.",
        "kick": "4...............",
    },
    "bossa": {
        "kick": "7.....5.7.....5.",
        "rim": "6.....6.....6...",
        "shaker": "4.3.4.3.4.3.4.3.",
    },
    "light": {
        "kick": "5.......e.......",
        "brush": "4.......4.......",
        "shaker": "....4.......4.d.",
    },
    "boom bap": {
        "kick": "9......g..8.....",
        "snare": "....9.......9...",
        "closed hat": "5.4.5.4.5.4.5.4.",
        "open hat": "..............b.",
    },
    "g-funk": {
        "kick": "9.....8.8.....g.",
        "clap": "....9.......9...",
        "closed hat": "4.4.4b4.4.4.4b4.",
        "shaker": "..............5.",
    },
    "four on the floor": {
        "kick": "9...9...9...9...",
        "clap": "....7.......7...",
        "open hat": "..5...5...5...5.",
        "closed hat": "bbbbbbbbbbbbbbbb",
    },
    "techno": {
        "kick": "9...9...9...9...",
        "closed hat": "..4...4...4...4.",
        "ride": "..c...c...c...c.",
        "rim": "...d..d....d..d.",
        "clap": "............e...",
    },
    "breakbeat": {
        "kick": "9.........8.....",
        "snare": "....9..c.c..9..c",
        "closed hat": "5.4.5.4.5.4.5.4.",
        "ride": "..b...b...b...b.",
    },
    "sparse": {
        "kick": "e...............",
        "shaker": "........c.......",
        "rim": "............b...",
    },
    "one drop": {
        "kick": "........9.......",
        "rim": "........8.......",
        "closed hat": "3.5.3.5.3.5.3.5.",
        "open hat": "..............c.",
    },
    "clave": {
        "clave": "6..6..6...6.6...",
        "conga": "4.5.4.7.4.5.4.77",
        "shaker": "2222222222222222",
        "kick": "......e.....e...",
    },
    "funk": {
        "kick": "9.9....g..8..c..",
        "snare": "....9..b.b..9..b",
        "closed hat": "5.4.5.4.5.4.5...",
        "open hat": "..............4.",
    },
}

BASS_LINES: dict[str, str] = {
    "pumping": "1.1.1.1.1.1.1.1.",
    "sixteenths": ".111.111.111.111",
    "walking": "1...3...5...6...",
    "alternating": "1.......5.......",
    "sustained": "1...............",
    "offbeat": "..1...1...1...1.",
    "boom bap": "1.........1..5..",
    "g-funk": "1.....1.8.....7.",
    "funk": "1..1..8...5.7.1.",
    "rolling": "1.........1..3..",
    "reggae": "1.....5.1.....4.",
    "tumbao": "1.....5.....8...",
}


@dataclass(frozen=True)
class Comping:
    """How an accompanist plays chords: the grid, the longest a chord rings in beats, and octaves to go up."""

    grid: str
    beats: float
    octave: int = 0


COMPING: dict[str, Comping] = {
    "sustained": Comping("A...............", 4.0),
    "strummed": Comping("A.A.A.A.A.A.A.A.", 0.5),
    "driven": Comping("P.P.P.P.P.P.P.P.", 0.5),
    "chugging": Comping("P.PPP.PPP.PPP.PP", 0.22),
    "syncopated": Comping("A.....A...A.....", 0.6, octave=1),
    "looped": Comping("A.....A....A....", 1.3),
    "offbeat": Comping("..A...A...A...A.", 0.4, octave=1),
    "skank": Comping("....A.......A...", 0.22, octave=1),
    "running": Comping("1324546413245464", 0.25, octave=1),
    "alberti": Comping("1.3.2.3.1.3.2.3.", 0.5, octave=1),
    "picked": Comping("1.5.3.4.6.3.5.3.", 1.0),
    "montuno": Comping("4.A..A..4.A..A..", 0.45, octave=1),
}


def strokes(grid: str, beats: int) -> Iterator[tuple[float, str]]:
    """Yield (beat, symbol) for every step of a bar that is not silent."""
    for step, symbol in enumerate(grid[: beats * STEPS_PER_BEAT]):
        if symbol != ".":
            yield step / STEPS_PER_BEAT, symbol
