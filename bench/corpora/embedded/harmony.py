"""Keys, scales and chord progressions; a degree counts the steps of the scale from 0, the tonic."""

from dataclasses import dataclass

MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)

PROGRESSIONS: dict[str, tuple[tuple[int, ...], ...]] = {
    "song": ((0, 4, 5, 3), (0, 3, 4, 0), (0, 5, 3, 4), (3, 0, 4, 5), (0, 3, 0, 4), (0, 5, 2, 4)),
    "vamp": ((0, 0, 3, 0), (0, 0, 5, 4), (0, 0, 0, 6), (0, 3, 0, 3)),
    "turnaround": ((1, 4, 0, 0), (2, 5, 1, 4), (0, 5, 1, 4), (3, 6, 2, 5)),
    "circle": ((0, 3, 6, 2, 5, 1, 4, 0),),
    "blues": ((0, 0, 0, 0, 3, 3, 0, 0, 4, 3, 0, 4),),
}


@dataclass(frozen=True)
class Key:
    """A tonic (0 is C) and a mode."""

    tonic: int
    minor: bool

    def pitch(self, degree: int, octave_start: int) -> int:
        """Return the MIDI pitch of a degree of the scale, counted from the C at `octave_start`.

        Tonics above F# lie under that C, so that all keys share one register.
        """
        scale = MINOR if self.minor else MAJOR
        tonic = self.tonic if self.tonic <= 6 else self.tonic - 12
        return octave_start + tonic + scale[degree % 7] + 12 * (degree // 7)

    def chord(self, degree: int, octave_start: int, *, seventh: bool) -> list[int]:
        """Return the pitches of the triad (or seventh chord) on a degree."""
        return [self.pitch(degree + step, octave_start) for step in ((0, 2, 4, 6) if seventh else (0, 2, 4))]
