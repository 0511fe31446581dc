"""The page of a study: one HTML file that shows all of its report and loads nothing."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from markupsafe import Markup

from bench.output import STUDY_FILE
from reports.caption import headline, notes
from reports.estimates import Line, lines
from reports.page.drawings import Drawings
from reports.page.main_table import main_table
from reports.page.per_tag import KINDS, tag_tables
from reports.page.prose import phrase, prose
from reports.page.provenance import MOST_REJECTED, cells_table, facts, rejected_table, rejected_tracks
from reports.page.summary import tiles
from reports.page.templates import content_hash, render, source
from reports.preparation import preparation_page
from reports.published import published
from reports.resampled import ResampledStudy
from reports.sections import Section
from reports.table import track_count
from reports.uncertainty import ENDS, interval_notes


OWN_ANCHORS = TABLE_1, TAGS, DATA, PROVENANCE = "table-1", "tags", "data", "provenance"


@dataclass(frozen=True)
class Part:
    """What the page has under a heading; `anchor` is unique in it."""

    anchor: str
    title: Markup
    body: Markup


def html_page(study: ResampledStudy, drawings: Mapping[str, bytes], sections: Iterable[Section]) -> str:
    """Return `report.html`; the same records give the same text.

    `drawings` are the report's figures by file name, `sections` what stands under Table 1.
    """
    script, table = source("page.js"), lines(study)
    return render(
        "page.html",
        title=study.study.said.name,
        version=version("tagbench"),
        head=prose(headline(study.study)) + render("summary.html", tiles=tiles(table)),
        parts=[_table_1(study, table), _tags(study), *_sections(sections, drawings), *_data(study), _provenance(study)],
        style=source("page.css"),
        script=script,
        script_hash=content_hash(script),
    )


def _table_1(study: ResampledStudy, table: list[Line]) -> Part:
    told = prose(notes(study.study, published().networks, interval_notes(study, ENDS)))
    return Part(TABLE_1, Markup("Table 1"), render("main_table.html", main=main_table(table), notes=told))


def _sections(sections: Iterable[Section], drawings: Mapping[str, bytes]) -> Iterator[Part]:
    """Yield the parts that are the same text as in `table1.md`, with the figures that it names."""
    taken = set(OWN_ANCHORS)
    for section in sections:
        anchor = name = re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-")
        number = 1
        while not anchor or anchor in taken:
            number += 1
            anchor = f"{name}-{number}"
        taken.add(anchor)
        yield Part(anchor, phrase(section.title), prose(section.text, Drawings(drawings).drawn))


def _tags(study: ResampledStudy) -> Part:
    tables = tag_tables(study)
    measures = {one.measure.field: f"{one.measure.heading} ({KINDS[one.measure.field]} tags)" for one in tables}
    sizes = {one.n_train: track_count(one.n_train) for one in tables}
    return Part(TAGS, Markup("Tag by tag"), render("tags.html", tables=tables, measures=measures, sizes=sizes))


def _data(study: ResampledStudy) -> Iterator[Part]:
    if study.study.data is None:
        return
    rejected = rejected_tracks(study.folder)
    body = render(
        "data.html",
        found=prose(preparation_page(study.study.data).split("\n\n", 1)[1]),
        rejected=rejected_table(rejected[:MOST_REJECTED]) if rejected else None,
        refused=len(rejected),
        more=max(0, len(rejected) - MOST_REJECTED),
    )
    yield Part(DATA, Markup("The data"), body)


def _provenance(study: ResampledStudy) -> Part:
    text = (study.folder / STUDY_FILE).read_text(encoding="utf-8")
    records = [one.record for one in study.study.finished]
    body = render("provenance.html", facts=facts(study), cells=cells_table(records), study=text)
    return Part(PROVENANCE, Markup("What it stands on"), body)
