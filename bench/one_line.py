"""Text from elsewhere, where a person reads it: in one line, without what steers a terminal or breaks a file."""

import unicodedata

UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"
JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # letters of some scripts, and emoji, are written with them
LONGEST = 2000  # characters: more than any sentence of ours, less than a screen


def printable(text: str) -> str:
    """Return text with a sign in the place of each character that cannot be printed."""
    return "".join(letter if _can_be_printed(letter) else UNPRINTABLE for letter in text)


def in_one_line(text: str) -> str:
    """Return text in one line, with nothing in it that cannot be printed."""
    return printable(" ".join(text.split()))


def _can_be_printed(letter: str) -> bool:
    return letter.isprintable() or letter in JOINERS or unicodedata.category(letter) == "Zs"  # any kind of space


def message_line(text: str) -> str:
    """Return a message in one line that a terminal can show, without the middle of one that is far too long."""
    return in_one_line(text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}")
