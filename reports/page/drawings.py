"""Figures as part of a page: SVG elements that share a document."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from markupsafe import Markup

from reports.figures import COMBINED_FIGURE, FIGURES_FOLDER, SINGLE_FIGURES

SVG = "http://www.w3.org/2000/svg"
HREF = "{http://www.w3.org/1999/xlink}href"
COLOURS = {  # of the figures that would not be seen in the dark, and the page's own in their place
    "#000000": "currentColor",
    "#ffffff": "var(--paper)",
    "#e6e6e6": "var(--rule)",
    "#332288": "var(--indigo)",
    "#882255": "var(--wine)",
}
_COLOUR = re.compile("|".join(COLOURS))


@dataclass(frozen=True)
class Drawings:
    """The figures of a report, by file name."""

    files: Mapping[str, bytes]

    def drawn(self, path: str, told: str) -> Markup:
        """Return the figure at a path of `table1.md` over what is told of it.

        Where that has several panels side by side, they are figures of their own, which a narrow screen sets one below
        the other. What is no figure of the report is told alone.
        """
        name = path.removeprefix(f"{FIGURES_FOLDER}/")
        names = SINGLE_FIGURES.values() if name == COMBINED_FIGURE else [name]
        drawn = Markup().join(inline(self.files[each], each, told) for each in names if each in self.files)
        return Markup('<figure><div class="panels">{}</div><figcaption>{}</figcaption></figure>').format(drawn, told)


def inline(figure: bytes, name: str, told: str) -> Markup:
    """Return an SVG file of matplotlib's as an element for HTML, which `told` describes to whoever cannot see it.

    Files of one look share element ids, which a page may have only once: each gets `name` put before it. Metadata are
    left out, and the one style that the file sets for its whole document (the page's own sets it). Black and white
    become the page's, so that the drawing can be read in the dark, too.
    """
    drawing = ET.fromstring(figure)  # noqa: S314 (drawn by us)
    for parent in list(drawing.iter()):
        for child in list(parent):
            if child.tag in {f"{{{SVG}}}metadata", f"{{{SVG}}}style"}:
                parent.remove(child)
    for element in drawing.iter():
        _rename(element, re.sub(r"[^A-Za-z0-9]+", "-", name) + "-")
    drawing.attrib |= {"role": "img", "aria-label": told, "class": "drawing"}
    ET.register_namespace("", SVG)
    return Markup(ET.tostring(drawing, encoding="unicode"))  # noqa: S704 (written by ET)


def _rename(element: ET.Element, prefix: str) -> None:
    """Put a prefix before the element's id and before each that it refers to, and let it have the page's colours."""
    for attribute, value in list(element.attrib.items()):
        if attribute == "id":
            element.set(attribute, prefix + value)
        elif attribute == HREF:
            del element.attrib[attribute]
            element.set("href", "#" + prefix + value.removeprefix("#"))
        else:
            referring = value.replace("url(#", f"url(#{prefix}")
            element.set(attribute, _COLOUR.sub(lambda found: COLOURS[found.group()], referring))
