"""The players: given what a song has agreed on, each writes the notes of one part, bar by bar."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.corpora.embedded.artists import Artist, Motif, Style, draw_motif
from bench.corpora.embedded.draws import Draws
from bench.corpora.embedded.harmony import Key
from bench.corpora.embedded.patterns import BASS_LINES, COMPING, GROOVES, strokes
from bench.corpora.embedded.score import Note, Part, Section

PLAYING = {
    "intro": ("chords", "bass"),
    "verse": ("drums", "bass", "chords", "voice"),
    "chorus": ("drums", "bass", "chords", "hook"),
    "bridge": ("drums", "bass", "chords", "solo"),
}
GAINS = {"drums": 0.7, "bass": 0.65, "chords": 0.85, "hook": 0.95, "solo": 1.4, "voice": 1.05, "audience": 0.25}
REGISTERS = {"distorted guitar": 52, "saxophone": 55, "cello": 45, "acoustic guitar": 55, "theremin": 67}
USUAL_REGISTER = 64
VOICE_REGISTERS = {"male": 50, "female": 62, "rap": 45}
DEEP_BASSES = ("sub bass", "reese bass")
SYLLABLES = ("a", "e", "i", "o", "u")
AUDIENCE = 0.02  # the share of songs recorded before an audience


@dataclass(frozen=True)
class Song:
    """What the players agree on before they play. `density` in [0, 1] is how much they fill in."""

    artist: Artist
    style: Style
    key: Key
    progression: tuple[int, ...]
    beats: int
    seconds: float
    delay: float  # of the second half of a swung beat, in beats
    looseness: float  # standard deviation of timing, in seconds
    density: float

    def at(self, bar: int, beat: float, draws: Draws) -> float:
        """Return the second at which a player strikes that beat."""
        step = beat % 1
        late = self.delay if step == 0.5 else 0.5 * self.delay if step in (0.25, 0.75) else 0.0
        moment = (bar * self.beats + beat + late) * 60 / self.style.bpm
        return max(0.0, draws.bell(moment, self.looseness))

    def lasting(self, beats: float) -> float:
        """Return a number of beats in seconds."""
        return beats * 60 / self.style.bpm

    def degree(self, bar: int) -> int:
        """Return the degree of the scale on which a bar's chord stands."""
        return self.progression[bar % len(self.progression)]


def perform(song: Song, sections: tuple[Section, ...], draws: Draws) -> Iterator[Part]:
    """Yield the part of every player who plays in this song; a part may be without notes."""
    players = {
        "drums": (song.style.kit, _drums),
        "bass": (song.style.bass, _bass),
        "chords": (song.style.chords, _chords),
        "hook": (song.style.hook, _hook),
        "solo": (song.style.solo, _solo),
        "voice": (song.style.voice, _voice),
    }
    for role, (instrument, player) in players.items():
        gain = GAINS[role] * song.artist.levels[role] * draws.between(0.75, 1.3)
        if role == "drums":
            gain *= 0.6 + 0.7 * song.style.energy
        bars = [
            bar
            for section in sections
            if role in PLAYING[section.name]
            for bar in range(section.first_bar, section.first_bar + section.bars)
        ]
        notes = player(song, bars, draws) if instrument else []
        yield Part(role, instrument, gain, tuple(note for note in notes if note.start < song.seconds))
    if draws.chance(AUDIENCE):
        yield Part("audience", "audience", GAINS["audience"], _applause(song.seconds))


def _drums(song: Song, bars: list[int], draws: Draws) -> list[Note]:
    groove = GROOVES[song.style.groove]
    notes = []
    for bar in bars:
        for sound, grid in groove.items():
            for beat, symbol in strokes(grid, song.beats):
                optional = symbol.isalpha()
                if optional and not draws.chance(song.density):
                    continue
                loudness = (ord(symbol) - ord("a") + 1 if optional else int(symbol)) / 9
                velocity = loudness * draws.between(0.85, 1.15)
                notes.append(Note(song.at(bar, beat, draws), 0.1, 0, velocity, sound))
    return notes


def _bass(song: Song, bars: list[int], draws: Draws) -> list[Note]:
    line = list(strokes(BASS_LINES[song.style.bass_line], song.beats))
    octave = 31 if song.style.bass in DEEP_BASSES else 36
    ends = [beat for beat, _ in line[1:]] + [float(song.beats)]
    notes = []
    for bar in bars:
        for (beat, symbol), end in zip(line, ends, strict=True):
            pitch = song.key.pitch(song.degree(bar) + int(symbol) - 1, octave)
            length = song.lasting(min(end - beat, 2.0) * 0.92)
            notes.append(Note(song.at(bar, beat, draws), length, pitch, draws.between(0.8, 1.0)))
    return notes


def _chords(song: Song, bars: list[int], draws: Draws) -> list[Note]:
    return _accompany(song, bars, draws, song.style.chords, song.style.comping)


def _accompany(song: Song, bars: list[int], draws: Draws, instrument: str, comping: str) -> list[Note]:
    pattern = COMPING[comping]
    low = 40 if instrument in ("distorted guitar", "acoustic guitar") else 48
    length = song.lasting(min(pattern.beats, song.beats))
    notes = []
    for bar in bars:
        chord = song.key.chord(song.degree(bar), low + 12 * pattern.octave, seventh=song.style.sevenths)
        for beat, symbol in strokes(pattern.grid, song.beats):
            start = song.at(bar, beat, draws)
            velocity = draws.between(0.75, 1.0) * (1.1 if beat % 1 == 0 else 1.0)
            pitches = _voicing(chord, symbol)
            notes += [
                Note(start + 0.012 * string, length, pitch, velocity / len(pitches) ** 0.5)
                for string, pitch in enumerate(pitches)
            ]
    return notes


def _voicing(chord: list[int], symbol: str) -> list[int]:
    """Return the pitches that a symbol of a comping grid stands for."""
    if symbol == "A":
        return chord
    if symbol == "P":
        return [chord[0], chord[2]]
    tone = int(symbol) - 1
    return [chord[tone % 3] + 12 * (tone // 3)]


def _hook(song: Song, bars: list[int], draws: Draws) -> list[Note]:
    return _melody(song, bars, draws, song.style.hook, _varied(song.artist.tune, draws))


def _solo(song: Song, bars: list[int], draws: Draws) -> list[Note]:
    return _melody(song, bars, draws, song.style.solo, draw_motif(draws))


def _varied(motif: Motif, draws: Draws) -> Motif:
    """Return an artist's motif as one song has it: about one note in five is another."""
    return tuple(other if draws.chance(0.2) else note for note, other in zip(motif, draw_motif(draws), strict=True))


def _melody(song: Song, bars: list[int], draws: Draws, instrument: str, motif: Motif) -> list[Note]:
    low = REGISTERS.get(instrument, 64)
    pace = 0.5 if song.density > 0.6 else 1.0
    return [
        Note(
            song.at(bar, beat, draws),
            song.lasting(length * 0.9),
            song.key.pitch(song.degree(bar) + step, low),
            draws.between(0.75, 1.0),
        )
        for bar in bars
        for beat, step, length in _tune(motif, bar, song.beats, pace)
        if draws.chance(0.88)
    ]


def _tune(motif: Motif, bar: int, beats: int, pace: float) -> Iterator[tuple[float, int, float]]:
    """Yield (beat, steps above the chord's root, beats) of one bar; even bars open the motif, odd bars answer it."""
    beat, step = 0.0, 2
    number = 0 if bar % 2 == 0 else len(motif) // 2
    while beat < beats:
        interval, length = motif[number % len(motif)]
        step = min(8, max(-3, step + interval))
        yield beat, step, min(length * pace, beats - beat)
        beat += length * pace
        number += 1


def _voice(song: Song, bars: list[int], draws: Draws) -> list[Note]:
    low = VOICE_REGISTERS[song.style.voice]
    return _rap(song, bars, draws, low) if song.style.voice == "rap" else _sing(song, bars, draws, low)


def _sing(song: Song, bars: list[int], draws: Draws, low: int) -> list[Note]:
    motif = _varied(song.artist.song, draws)
    return [
        Note(
            song.at(bar, beat, draws),
            song.lasting(length * 0.9),
            song.key.pitch(song.degree(bar) + min(step, 6), low),
            draws.between(0.8, 1.0),
            ("t" if draws.chance(0.4) else "") + draws.pick(SYLLABLES),
        )
        for bar in bars
        for beat, step, length in _tune(motif, bar, song.beats, 1.0)
        if draws.chance(0.85)
    ]


def _rap(song: Song, bars: list[int], draws: Draws, low: int) -> list[Note]:
    notes = []
    for bar in bars:
        beat = 0.0
        while beat < song.beats:
            length = draws.pick((0.25, 0.25, 0.5))
            if draws.chance(0.9):
                pitch = low + 0.75 * draws.integer(-3, 3)
                sound = ("t" if draws.chance(0.8) else "") + draws.pick(SYLLABLES)
                start = song.at(bar, beat, draws)
                notes.append(Note(start, song.lasting(length * 0.88), pitch, draws.between(0.8, 1.0), sound))
            beat += length
    return notes


def _applause(seconds: float) -> tuple[Note, ...]:
    """Return an audience at the beginning and the end of a track."""
    length = 0.15 * seconds
    return Note(0.0, length, 0, 1.0), Note(seconds - length, length, 0, 1.0)
