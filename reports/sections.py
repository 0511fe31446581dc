"""What a report tells, part by part: Markdown under headings."""

from collections.abc import Iterable
from dataclasses import dataclass

MARK = "## "


@dataclass(frozen=True)
class Section:
    """Markdown under a heading, which is Markdown, too."""

    title: str
    text: str

    @property
    def markdown(self) -> str:
        """The section with its heading."""
        return f"{MARK}{self.title}\n\n{self.text}"


def by_heading(paragraphs: Iterable[str]) -> list[Section]:
    """Return paragraphs as sections, of which each begins with its heading."""
    found: list[tuple[str, list[str]]] = []
    for paragraph in filter(None, "\n\n".join(paragraphs).split("\n\n")):
        if paragraph.startswith(MARK):
            found.append((paragraph.removeprefix(MARK), []))
        else:
            found[-1][1].append(paragraph)
    return [Section(title, "\n\n".join(texts)) for title, texts in found]
