"""Names of tags and models where there is little room, or not every character can be shown."""

import unicodedata
from functools import cache

from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.ft2font import FT2Font

from bench.one_line import UNPRINTABLE, in_one_line

LONGEST_NAME = 36  # characters of a name in a legend or beside an axis


def shortened(name: str, width: int) -> str:
    """Return a name in one line of at most `width` columns of a terminal."""
    line = in_one_line(name)
    if columns(line) <= width:
        return line
    while columns(line) >= width:
        line = line[:-1]
    return line.rstrip() + "…"


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: two for a letter of Chinese, Japanese or Korean."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text
    )


def padded(name: str, width: int) -> str:
    """Return a name shortened or filled to `width` columns of a terminal."""
    line = shortened(name, width)
    return line + " " * (width - columns(line))


def drawn_name(number: int, name: str, length: int) -> str:
    """Return what names a tag in a figure, at most `length` characters.

    A name that is too long ends in the tag's number; one with letters that the figure's font lacks is the number alone.
    """
    line, sign = in_one_line(name), f"#{number}"
    if not line or any(not _font().get_char_index(ord(letter)) for letter in line):
        return sign
    return line if len(line) <= length else f"{line[: length - len(sign) - 2].rstrip()}… {sign}"


def legend_name(name: str) -> str:
    """Return a name as a figure has it: at most 36 characters, with a sign for each letter that the font lacks."""
    line = "".join(letter if _font().get_char_index(ord(letter)) else UNPRINTABLE for letter in in_one_line(name))
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 2].rstrip()} …"


@cache
def _font() -> FT2Font:
    """Return the font of the figures, which comes with matplotlib."""
    return get_font(fontManager.findfont(FontProperties(family="DejaVu Sans")))
