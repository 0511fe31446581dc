"""What a composed track is before any sound is made: notes in parts, sections, and the settings of the mix."""

from dataclasses import dataclass
from typing import NamedTuple


class Note(NamedTuple):
    """One note: start and length in seconds, MIDI pitch, and what is struck or sung ("kick", "ta"; else empty)."""

    start: float
    seconds: float
    pitch: float
    velocity: float
    sound: str = ""


@dataclass(frozen=True)
class Part:
    """What one player plays; `instrument` is a pitched instrument, a drum kit or a kind of voice."""

    role: str
    instrument: str
    gain: float
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Section:
    """A stretch of bars in which the same roles play."""

    name: str
    first_bar: int
    bars: int


@dataclass(frozen=True)
class Resonance:
    """A bell-shaped boost or cut of an equaliser: centre in Hz, gain in dB, width in octaves."""

    centre: float
    gain: float
    width: float


@dataclass(frozen=True)
class Mix:
    """How the parts become a recording.

    `tilt` in [0, 1] runs from dark to bright, `reverb` and `drive` from none to much; `room` is the reverberation in
    seconds; the band from `low_cut` to `high_cut` (Hz) passes; `hiss` is the noise floor in dB below the music;
    `peak` is the highest sample in dB below full scale; `crackle` is surface noise of an old disc.
    """

    tilt: float
    resonances: tuple[Resonance, ...]
    reverb: float
    room: float
    drive: float
    low_cut: float
    high_cut: float
    hiss: float
    peak: float
    crackle: bool


@dataclass(frozen=True)
class Timbre:
    """The sound of one artist's instruments and voice: settings in [0, 1]."""

    bright: float
    attack: float
    decay: float
    vibrato: float
    detune: float
    hammer: float
    drive: float
    throat: float
    breath: float
    kick: float
    snare: float
    cymbal: float
    drawbar: float


@dataclass(frozen=True)
class Score:
    """A composed track: everything that its labels and its sound are made from.

    `guest` is the genre that has lent the song enough to be heard as one of its genres, else "". `bpm` is in beats
    per minute; `beats` is the number of beats in a bar; `energy` lies in [0, 1].
    """

    track: int
    artist: int
    seconds: float
    genre: str
    guest: str
    bpm: float
    beats: int
    swing: bool
    minor: bool
    energy: float
    groove: str
    vintage: bool
    sections: tuple[Section, ...]
    parts: tuple[Part, ...]
    timbre: Timbre
    mix: Mix
