"""Writes the report of a study into its output folder: Table 1, what stands with it, timings and figures."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from bench.costs import stage
from bench.whole_file import remove_leftovers, replace_file
from reports.caption import headline, notes
from reports.claims.writing import CLAIMS_FILE, Claims, claims_json, claims_sections, judge_study
from reports.comparison import comparison_sections
from reports.curve_findings import FIGURE as CURVES_FIGURE
from reports.curve_findings import Fitted, curve_sections, draw_curves, fitted_curves
from reports.estimates import differences, lines, other_ways_lines, plain_lines
from reports.figures import COMBINED_FIGURE, FIGURES_FOLDER, figures, has_sizes, svg
from reports.gains import draw_gains, gain_cells, gain_note, gain_title
from reports.latex import table_tex
from reports.page import html_page
from reports.page.drawings import Drawings
from reports.published import PublishedTable, published
from reports.qualitative_page import look_closer, qualitative_files
from reports.resampled import ResampledStudy, resample_study
from reports.sections import Section, by_heading
from reports.study_folder import StudyFolder, read_study_folder
from reports.table import differences_table, escape, markdown_table
from reports.table_csv import differences_csv, table_by_tags_csv, table_csv, timings_csv
from reports.tag_groups import TAG_NUMBERS, by_category, by_prevalence, groups_table
from reports.uncertainty import interval_notes

TABLE_FILE = "table1.md"
TABLE_CSV_FILE = "table1.csv"
TABLE_TEX_FILE = "table1.tex"
DIFFERENCES_FILE = "differences.csv"
BY_TAGS_FILE = "table1_by_tags.csv"
TIMINGS_FILE = "timings.csv"
PAGE_FILE = "report.html"


@stage("report")
def write_report(out: Path, chosen: Collection[str] = ()) -> None:
    """Write `table1.md` and all that stands with it of the study in the folder `out`.

    Of the test tracks that are told of, the `chosen` come first, by their ids.
    A study that is not finished gives the table of what is, and its caption says how much is missing. Every measure is
    computed again from what was predicted. Everything is made before anything is written, and each file is replaced
    whole. Only `timings.csv` depends on the clock. Raises `InputError` as `read_study_folder` and `resample_study` do,
    and where a chosen track is no test track.
    """
    study = resample_study(read_study_folder(out), out)
    claims = judge_study(study, published().tables)
    curves = fitted_curves(claims.evidence)
    look = look_closer(study, chosen)
    drawings = _drawings(study, curves)
    sizes, kinds, further = map(
        by_heading, (_at_sizes(study), _curves_and_kinds(study, claims, curves), _further(study))
    )
    texts = {
        TABLE_FILE: table_page(study, [*sizes, *by_heading(claims_sections(claims)), *kinds, *further]),
        PAGE_FILE: html_page(study, claims, look, Drawings(drawings | look.drawings), [*sizes, *kinds], further),
        CLAIMS_FILE: claims_json(claims),
        TABLE_CSV_FILE: table_csv(study),
        TABLE_TEX_FILE: table_tex(study),
        DIFFERENCES_FILE: differences_csv(study),
        BY_TAGS_FILE: table_by_tags_csv(study),
        TIMINGS_FILE: timings_csv(one.record for one in study.study.finished),
    }
    contents = {name: text.encode() for name, text in texts.items()} | qualitative_files(look)
    contents |= {f"{FIGURES_FOLDER}/{name}": drawing for name, drawing in drawings.items()}
    remove_leftovers(out)
    (out / FIGURES_FOLDER).mkdir(exist_ok=True)
    for name, content in contents.items():
        replace_file(out / name, content)
    for figure in (out / FIGURES_FOLDER).glob("*.svg"):
        if f"{FIGURES_FOLDER}/{figure.name}" not in contents:
            figure.unlink()  # of a label that the study no longer has


def _drawings(study: ResampledStudy, curves: Sequence[Fitted]) -> dict[str, bytes]:
    shares = {name: svg(draw_gains(one)) for name, one in gain_cells(study.study.finished).items()}
    return figures(lines(study)) | shares | ({CURVES_FIGURE: svg(draw_curves(curves))} if curves else {})


def table_page(study: ResampledStudy, sections: Iterable[Section]) -> str:
    """Return `table1.md`: the study's table with its caption, and under it the sections."""
    caption = notes(study.study, published().networks, interval_notes(study))
    top = ["# Table 1", headline(study.study), markdown_table(lines(study)), caption]
    return "\n\n".join([*top, *(section.markdown for section in sections)]) + "\n"


def _at_sizes(study: ResampledStudy) -> Iterator[str]:
    """Yield the numbers of Table 1 against training size, and set against each other."""
    if has_sizes(lines(study)):
        yield "## Against training size"
        yield (
            "![Each measure against the number of training tracks, one line a model in the band of its 95 % interval; "
            f"where there are several seeds, a dot is one of them]({FIGURES_FOLDER}/{COMBINED_FIGURE})"
        )
    yield from _difference_section(study)


def _curves_and_kinds(study: ResampledStudy, claims: Claims, curves: Sequence[Fitted]) -> Iterator[str]:
    """Yield what the numbers come to beyond the sizes, and by kinds of tags."""
    yield from curve_sections(claims.evidence, curves)
    if curves:
        yield (
            "![Each error against the number of training tracks, with the fitted curves in their 95 % bands, drawn on "
            f"beyond the largest size]({FIGURES_FOLDER}/{CURVES_FIGURE})"
        )
    yield from _by_tags_sections(study)


def _further(study: ResampledStudy) -> Iterator[str]:
    """Yield what else there is to the models, and what others report."""
    record = study.study.finished[0].record
    comparison = published().comparison(record.corpus, record.corpus_version)
    yield from comparison_sections(study.study, lines(study), comparison)
    yield from _other_ways_section(study)
    if study.exact:
        yield "## The same predictions against exact labels"
        yield (
            "The corpus knows what is truly in its music. Nothing was trained on these labels, and no number of "
            "Table 1 uses them; they show how much of an error is the annotators'."
        )
        yield markdown_table(lines(study.exact))
    yield from _gain_section(study.study)
    yield from map(published_section, published().printable)


def _difference_section(study: ResampledStudy) -> Iterator[str]:
    found = differences(study)
    if found:
        yield "## Differences"
        yield (
            "A − B is by how much A is better than B, positive also where a lower √MSE is the better, in percentage "
            "points for ROC-AUC and PR-AUC. A Δ at one size − another is by how much it is larger at the first."
            + (
                " **Bold**: the interval does not hold 0, each looked at for itself, not corrected for their number."
                if study.n_groups > 1
                else ""
            )
            + (
                " A model that was added with a size of its own is set against the entries at the largest size."
                if any(one.against_at for one in found)
                else ""
            )
        )
        yield differences_table(found)


def _other_ways_section(study: ResampledStudy) -> Iterator[str]:
    found = other_ways_lines(study)
    if found:
        yield "## The same models, predicting otherwise"
        yield (
            "Above as in Table 1, where a network's score of a track is the mean over a moving window as long as its "
            "training patches; below what the same trained models give on the same tracks by another way. *Whole "
            "song*: the network hears the song at once, from end to end. Here Δ is the other way against the window, "
            "positive where the other way is better."
        )
        yield markdown_table(found)


def _by_tags_sections(study: ResampledStudy) -> Iterator[str]:
    elsewhere = f"at the largest size; {escape(BY_TAGS_FILE)} has all sizes."
    categories, bands = by_category(study), by_prevalence(study)
    if categories:
        yield "## By category of tags"
        yield f"Table 1 over the scored tags of one category each, {elsewhere} {TAG_NUMBERS}"
        yield groups_table(study, categories)
    if bands:
        yield "## By prevalence of tags"
        yield f"Table 1 over the scored classification tags that so many of the test tracks have, {elsewhere}"
        yield groups_table(study, bands)


def _gain_section(study: StudyFolder) -> Iterator[str]:
    cells = gain_cells(study.finished)
    if cells:
        yield "## Where the gain comes from"
        yield gain_note(cells.values())
        for name, one in cells.items():
            yield f"![{escape(gain_title(one))}: each group's share of each tag's gain]({FIGURES_FOLDER}/{name})"


def published_section(table: PublishedTable) -> str:
    """Return a published table under the name of its version, in the layout of the study's own."""
    told = "\n".join(f"- {escape(note)}" for note in table.notes)
    rows = [row.row() for row in table.rows]
    heading = f"## As published: {escape(table.version)}"
    return "\n\n".join([heading, f"{escape(table.source)}.", markdown_table(plain_lines(rows)), told])
