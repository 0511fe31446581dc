"""The page of a study: one HTML file that shows all of the report and loads nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from markupsafe import Markup

from bench.output import STUDY_FILE
from reports.caption import headline, notes
from reports.page.drawings import inline
from reports.page.main_table import main_table
from reports.page.per_tag import KINDS, tag_tables
from reports.page.prose import prose
from reports.page.provenance import MOST_REJECTED, cells_table, facts, rejected_table, rejected_tracks
from reports.page.summary import tiles
from reports.page.templates import content_hash, render, source
from reports.preparation import preparation_page
from reports.published import published
from reports.resampled import ResampledStudy
from reports.rows import MEASURES
from reports.table import track_count


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading; `anchor` is unique in it."""

    anchor: str
    title: str
    body: Markup


def html_page(study: ResampledStudy, drawings: Mapping[str, bytes]) -> str:
    """Return `report.html`; the same records give the same text. `drawings` are the report's figures by file name."""
    script = source("page.js")
    return render(
        "page.html",
        title=study.study.said.name,
        version=version("tagbench"),
        head=prose(headline(study.study)) + render("summary.html", tiles=tiles(study)),
        sections=list(_sections(study, drawings)),
        style=source("page.css"),
        script=script,
        script_hash=content_hash(script),
    )


def _sections(study: ResampledStudy, drawings: Mapping[str, bytes]) -> Iterator[Section]:
    told = prose(notes(study.study, published().networks))
    yield Section("table-1", "Table 1", render("main_table.html", main=main_table(study), notes=told))
    yield from _figures(drawings)
    yield _tags(study)
    yield from _data(study)
    yield _provenance(study)


def _figures(drawings: Mapping[str, bytes]) -> Iterator[Section]:
    drawn = [(measure, drawings.get(f"{measure.field}.svg")) for measure in MEASURES]
    shown = [
        inline(svg, measure.field, f"{measure.heading} against the number of training tracks")
        for measure, svg in drawn
        if svg is not None
    ]
    if shown:
        yield Section("curves", "Against training size", render("figures.html", figures=shown))


def _tags(study: ResampledStudy) -> Section:
    tables = tag_tables(study)
    measures = {one.measure.field: f"{one.measure.heading} ({KINDS[one.measure.field]} tags)" for one in tables}
    sizes = {one.n_train: track_count(one.n_train) for one in tables}
    return Section("tags", "Tag by tag", render("tags.html", tables=tables, measures=measures, sizes=sizes))


def _data(study: ResampledStudy) -> Iterator[Section]:
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
    yield Section("data", "The data", body)


def _provenance(study: ResampledStudy) -> Section:
    text = (study.folder / STUDY_FILE).read_text(encoding="utf-8")
    records = [one.record for one in study.study.finished]
    body = render("provenance.html", facts=facts(study), cells=cells_table(records), study=text)
    return Section("provenance", "What it stands on", body)
