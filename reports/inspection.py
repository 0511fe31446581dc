"""Writes what the tags of a study are like: a page to read, its tables as CSV, and figures."""

from collections.abc import Collection, Iterator
from pathlib import Path

from bench.inspection import Inspection
from bench.inspection.kinds import RULE
from bench.inspection.pairs import NEVER_DESPITE
from bench.whole_file import replace_file
from reports.table import escape
from reports.tag_figures import FIGURES, HEAT_MAP, MOST_TAGS_OF_A_MAP, TAGS_PER_TRACK, tag_figures
from reports.tag_findings import (
    constant,
    count,
    exclusive_toml,
    findings,
    kinds_toml,
    looking_otherwise,
)
from reports.tag_tables import (
    TOO_FEW,
    appearance_table,
    co_occurrence_csv,
    contradictions_table,
    implied_table,
    kinds_table,
    never_table,
    overlap_table,
    pairs_table,
    parts_table,
    prevalence_table,
    regression_table,
    tags_csv,
)

PAGE_FILE = "inspection.md"
TAGS_FILE = "tags.csv"
CO_OCCURRENCE_FILE = "co_occurrence.csv"
FIGURES_FOLDER = "figures"
PAIRS = 20  # lines of a table of pairs
SUGGESTED = 5  # sets of tags that are suggested to be exclusive


def write_inspection(found: Inspection, out: Path) -> None:
    """Write `inspection.md`, `tags.csv`, `co_occurrence.csv` and `figures/*.svg` into the folder `out`.

    Everything is made before anything is written; the same tags give the same bytes. A figure of an earlier inspection
    that there is nothing to draw of any more is removed.
    """
    figures = tag_figures(found)
    contents = {
        PAGE_FILE: inspection_page(found, figures).encode(),
        TAGS_FILE: tags_csv(found).encode(),
        CO_OCCURRENCE_FILE: co_occurrence_csv(found.together).encode(),
    }
    contents |= {f"{FIGURES_FOLDER}/{name}": drawing for name, drawing in figures.items()}
    (out / FIGURES_FOLDER).mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        replace_file(out / name, content)
    for pattern in FIGURES:
        for file in (out / FIGURES_FOLDER).glob(pattern):
            if file.name not in figures:
                file.unlink()


def inspection_page(found: Inspection, figures: Collection[str]) -> str:
    """Return `inspection.md`; `figures` are the names of those that are drawn."""
    sections = [
        _head(found),
        _parts(found),
        _kinds(found, figures),
        _prevalence(found, figures),
        _regression(found),
        _together(found, figures),
        _exclusive(found),
        _same(found),
    ]
    return "\n\n".join(paragraph for section in sections for paragraph in section) + "\n"


def _head(found: Inspection) -> Iterator[str]:
    yield f"# The tags of {escape(found.corpus)} in the study {escape(found.study)}"
    if found.note:
        yield f"> {escape(found.note)}"
    yield "## What strikes the eye"
    yield "\n".join(f"- {line}" for line in findings(found, escape)) or "Nothing."


def _parts(found: Inspection) -> Iterator[str]:
    yield "## Parts"
    yield parts_table(found)
    if found.unused:
        yield f"{count(found.unused, 'track')} of the corpus stand in no part; nothing below counts them."
    if any(one.groups for one in found.overlaps):
        yield overlap_table(found)
    else:
        yield "No group stands in two parts."


def _kinds(found: Inspection, figures: Collection[str]) -> Iterator[str]:
    yield "## Two kinds of tag"
    yield kinds_table(found)
    yield (
        f"{RULE} The paper makes classification tags of the bi-modal, mostly zero ones and regression tags of the "
        "pseudo-uniform ones; the numbers of the rule are this project's. What a tag looks like is told from the data "
        "set's own targets on the tracks of all three parts."
    )
    graded = [facts for facts in found.tags if facts.given.graded or facts.tag.kind == "regression"]
    if graded:
        yield appearance_table(graded)
    if len(graded) < len(found.tags):
        yield f"Of {'the other' if graded else 'all'} tags every target is 0 or 1."
    yield from _pictures(
        figures, "distributions_", "How the targets of each tag lie; orange: looks like the other kind"
    )
    yield (
        'What a study says of a tag under `[tags."NAME"]` overrides the data set: `kind`, `positive_above` (which '
        "makes a classification tag of graded targets), `category`, `exclusive_group`, `leave_out`."
    )
    yield from _overrides(found)


def _overrides(found: Inspection) -> Iterator[str]:
    changed = [*looking_otherwise(found), *(facts for facts in constant(found) if not facts.kind_is_of_study)]
    if changed:
        yield "These lines give tags the kind that they look like, and leave out those with nothing to learn:"
        yield _toml(kinds_toml(changed))


def _prevalence(found: Inspection, figures: Collection[str]) -> Iterator[str]:
    if found.together.names:
        yield "## Classification tags"
        yield (
            f"Most frequent first. A {TOO_FEW} marks fewer than {found.scoring.min_positives} positives or fewer than "
            f"{found.scoring.min_negatives} negatives: in test, the tag is not scored; in validation, early stopping "
            "and tuning have next to nothing to look at. The last column counts the positives among the tracks of the "
            "smallest training size."
        )
        yield prevalence_table(found)
        yield from _pictures(figures, "prevalence_", "The prevalence of each classification tag in each part")
        yield from _pictures(figures, TAGS_PER_TRACK, "How many tracks have how many classification tags")


def _regression(found: Inspection) -> Iterator[str]:
    if len(found.together.names) < len(found.tags):
        yield "## Regression tags"
        yield regression_table(found)


def _together(found: Inspection, figures: Collection[str]) -> Iterator[str]:
    if len(found.together.names) > 1:
        yield "## Which stand together"
        strongest = found.together.strongest(PAIRS)
        yield (
            f"The {count(len(strongest), 'pair')} of the largest phi; `{CO_OCCURRENCE_FILE}` has the counts of all. *B "
            "where A* is the share of the tracks with A that have B. *Lift* is how many times as often as by chance "
            "the two stand together. *Phi* is the correlation of the two as 0 and 1: 1 always together, 0 as by "
            "chance, -1 always one without the other."
        )
        yield pairs_table(strongest)
        yield from _pictures(figures, HEAT_MAP, "Phi of every two classification tags, like beside like")
        if len(found.together.names) > MOST_TAGS_OF_A_MAP:
            yield f"More than {MOST_TAGS_OF_A_MAP} tags are not drawn."


def _exclusive(found: Inspection) -> Iterator[str]:
    known = found.exclusive
    if known.groups or known.never:
        yield "## Exclusive tags"
    for group, names in known.groups.items():
        yield f"**{escape(group)}**: {', '.join(map(escape, names))}."
    if known.contradictions:
        yield "Declared exclusive, and yet together:"
        yield contradictions_table(known.contradictions)
    elif known.groups:
        yield "No track has two of a group."
    if known.never:
        yield (
            f"{count(len(known.never), 'pair')} never stand together, though {NEVER_DESPITE:g} tracks or more would "
            "have both by chance. Perhaps they are exclusive; perhaps nobody thought of giving both, or they come from "
            "artists of their own (chance here takes each track for itself). "
            + (f"The first {PAIRS}:" if len(known.never) > PAIRS else "")
        ).strip()
        yield never_table(known.never[:PAIRS])
    if known.suggested:
        yield "Where you know that they are, these lines in the study declare it (name the groups as you like):"
        yield _toml(exclusive_toml(known.suggested[:SUGGESTED]))


def _same(found: Inspection) -> Iterator[str]:
    implied = found.together.implied()
    if found.identical or implied:
        yield "## Tags that say the same"
    if found.identical:
        yield "The same targets on every track, so that a mean over tags counts them more than once:"
        yield "\n".join(f"- {' = '.join(map(escape, names))}" for names in found.identical)
    if implied:
        yield (
            f"A never stands without B, though {NEVER_DESPITE:g} tracks or more would have it alone by chance"
            + (f"; the first {PAIRS} of {len(implied)}:" if len(implied) > PAIRS else ":")
        )
        yield implied_table(implied[:PAIRS])


def _pictures(figures: Collection[str], prefix: str, title: str) -> Iterator[str]:
    for name in figures:
        if name.startswith(prefix):
            yield f"![{title}]({FIGURES_FOLDER}/{name})"


def _toml(lines: str) -> str:
    return f"```toml\n{lines}\n```"
