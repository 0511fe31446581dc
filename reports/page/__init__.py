"""The page of a study: one HTML file that shows all of its report and loads nothing."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from markupsafe import Markup

from bench.output import STUDY_FILE
from reports.caption import headline, notes
from reports.claims.writing import Claims, claim_notes
from reports.estimates import Line, lines
from reports.page.claims import judged_sentences
from reports.page.drawings import Drawings
from reports.page.main_table import main_table
from reports.page.per_tag import KINDS, tag_tables
from reports.page.prose import phrase, prose
from reports.page.provenance import MOST_REJECTED, cells_table, facts, rejected_table, rejected_tracks
from reports.page.summary import outcomes, tiles
from reports.page.templates import content_hash, render, source
from reports.page.tracks import shown_tracks
from reports.preparation import preparation_page
from reports.published import published
from reports.qualitative import Stories
from reports.qualitative_page import Look
from reports.resampled import ResampledStudy
from reports.sections import Section, by_heading
from reports.table import track_count
from reports.track_sections import how_chosen, who_tells
from reports.uncertainty import ENDS, interval_notes


@dataclass(frozen=True)
class Part:
    """What the page has under a heading."""

    title: Markup
    body: Markup


def html_page(
    study: ResampledStudy,
    claims: Claims,
    look: Look,
    drawings: Drawings,
    results: Iterable[Section],
    further: Iterable[Section],
) -> str:
    """Return `report.html`; the same records give the same text.

    `results` and `further` are the sections that stand before and after the tables of single tags.
    """
    script, table = source("page.js"), lines(study)
    parts = [
        _table_1(study, table),
        _claims(claims),
        *_as_in_markdown(results, drawings),
        _tags(study),
        *_tracks(study, look.stories),
        *_as_in_markdown(by_heading(look.tags), drawings),
        *_as_in_markdown(further, drawings),
        *_data(study),
        _provenance(study),
    ]
    return render(
        "page.html",
        title=study.study.said.name,
        version=version("tagbench"),
        head=prose(headline(study.study)) + render("summary.html", tiles=tiles(table), outcomes=outcomes(claims)),
        parts=_by_anchor(parts),
        style=source("page.css"),
        script=script,
        script_hash=content_hash(script),
    )


def _by_anchor(parts: Sequence[Part]) -> dict[str, Part]:
    """Return the parts by what a link calls them: words of their titles, with a number where these were taken."""
    found: dict[str, Part] = {}
    for part in parts:
        anchor = name = re.sub(r"[^a-z0-9]+", "-", part.title.striptags().lower()).strip("-") or "part"
        number = 1
        while anchor in found:
            number += 1
            anchor = f"{name}-{number}"
        found[anchor] = part
    return found


def _table_1(study: ResampledStudy, table: Sequence[Line]) -> Part:
    told = prose(notes(study.study, published().networks, interval_notes(study, ENDS)))
    return Part(Markup("Table 1"), render("main_table.html", main=main_table(table), notes=told))


def _claims(claims: Claims) -> Part:
    told = prose("\n".join(f"- {line}" for line in claim_notes(claims.evidence)))
    return Part(
        Markup("The paper’s sentences"),
        render("claims.html", sentences=judged_sentences(claims), notes=told),
    )


def _as_in_markdown(sections: Iterable[Section], drawings: Drawings) -> Iterator[Part]:
    for section in sections:
        title = phrase(section.title)
        yield Part(title, prose(section.text, drawings.drawn, caption=title.striptags()))


def _tags(study: ResampledStudy) -> Part:
    tables = tag_tables(study)
    measures = {one.measure.field: f"{one.measure.heading} ({KINDS[one.measure.field]} tags)" for one in tables}
    sizes = {one.n_train: track_count(one.n_train) for one in tables}
    return Part(Markup("Tag by tag"), render("tags.html", tables=tables, measures=measures, sizes=sizes))


def _tracks(study: ResampledStudy, stories: Stories) -> Iterator[Part]:
    if stories.tracks:
        told = prose(f"{who_tells(stories)}\n\n{how_chosen(stories)}")
        tracks = shown_tracks(stories, study.folder)
        yield Part(Markup("Some tracks"), render("tracks.html", told=told, tracks=tracks))


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
    yield Part(Markup("The data"), body)


def _provenance(study: ResampledStudy) -> Part:
    text = (study.folder / STUDY_FILE).read_text(encoding="utf-8")
    records = [one.record for one in study.study.finished]
    body = render("provenance.html", facts=facts(study), cells=cells_table(records), study=text)
    return Part(Markup("Provenance"), body)
