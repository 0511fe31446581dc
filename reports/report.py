"""Writes the report of a study into its output folder, from its records alone: Table 1, timings and figures."""

from collections.abc import Iterator
from pathlib import Path

from bench.output import TAGS_FILE
from bench.whole_file import written_aside
from reports.caption import headline, notes
from reports.comparison import comparison_sections
from reports.figures import COMBINED_FIGURE, figures, has_sizes, svg
from reports.gains import draw_gains, gain_cells, gain_note, gain_title
from reports.published import PublishedTable, published
from reports.qualitative_page import qualitative_files
from reports.resampled import resample_study
from reports.rows import against_exact_labels, other_ways
from reports.study_folder import StudyFolder, read_study_folder
from reports.table import escape, markdown_table, side_by_side, table_csv, timings_csv

TABLE_FILE = "table1.md"
TABLE_CSV_FILE = "table1.csv"
TIMINGS_FILE = "timings.csv"
FIGURES_FOLDER = "figures"


def write_report(out: Path) -> None:
    """Write `table1.md`, `table1.csv`, `timings.csv` and `figures/*.svg` of the study in the folder `out`.

    A study that is not finished gives the table of what is, and its caption says how much is missing. Everything is
    made before anything is written, and each file is replaced whole. Only `timings.csv` depends on the clock.
    Raises `InputError` as `read_study_folder` does.
    """
    study = read_study_folder(out)
    texts = {
        TABLE_FILE: table_page(study),
        TABLE_CSV_FILE: table_csv(study.rows),
        TIMINGS_FILE: timings_csv(one.record for one in study.finished),
    }
    contents = {name: text.encode() for name, text in texts.items()}
    contents |= {f"{FIGURES_FOLDER}/{name}": drawing for name, drawing in _drawings(study).items()}
    if (out / TAGS_FILE).exists():
        contents |= qualitative_files(resample_study(study, out))
    (out / FIGURES_FOLDER).mkdir(exist_ok=True)
    for name, content in contents.items():
        with written_aside(out / name) as aside:
            aside.write_bytes(content)
    for figure in (out / FIGURES_FOLDER).glob("*.svg"):
        if f"{FIGURES_FOLDER}/{figure.name}" not in contents:
            figure.unlink()  # of a label that the study no longer has


def _drawings(study: StudyFolder) -> dict[str, bytes]:
    return figures(study.rows) | {name: svg(draw_gains(one)) for name, one in gain_cells(study.finished).items()}


def table_page(study: StudyFolder) -> str:
    """Return `table1.md`: the study's table with its caption, what else it tells, then the paper's own table."""
    return "\n\n".join([*_study_sections(study), *map(published_section, published().printable)]) + "\n"


def _study_sections(study: StudyFolder) -> Iterator[str]:
    yield "# Table 1"
    yield headline(study)
    yield markdown_table(study.rows)
    yield notes(study, published().networks)
    record = study.finished[0].record
    yield from comparison_sections(study, published().comparison(record.corpus, record.corpus_version))
    if other_ways(study.rows):
        yield "## The same models, predicting otherwise"
        yield (
            "Each measure as in Table 1, where a network's score of a track is the mean over a moving window as long "
            "as its training patches, and beside it what the same trained models give on the same tracks by another "
            "way. *Whole song*: the network hears the song at once, from end to end."
        )
        yield side_by_side(study.rows)
    if has_sizes(study.rows):
        yield (
            "![Each measure against the number of training tracks, one line a model; where there are several seeds, a "
            f"dot is one of them]({FIGURES_FOLDER}/{COMBINED_FIGURE})"
        )
    yield from _gain_section(study)
    exact = against_exact_labels(study.rows)
    if exact:
        yield "## The same predictions against exact labels"
        yield (
            "The corpus knows what is truly in its music. Nothing was trained on these labels, and no number of "
            "Table 1 uses them; they show how much of an error is the annotators'."
        )
        yield markdown_table(exact)


def _gain_section(study: StudyFolder) -> Iterator[str]:
    cells = gain_cells(study.finished)
    if cells:
        yield "## Where the gain comes from"
        yield gain_note(cells.values())
        for name, one in cells.items():
            yield f"![{escape(gain_title(one))}: each group's share of each tag's gain]({FIGURES_FOLDER}/{name})"


def published_section(table: PublishedTable) -> str:
    """Return a published table under the name of its version, in the layout of the study's own."""
    lines = "\n".join(f"- {escape(note)}" for note in table.notes)
    rows = [row.row() for row in table.rows]
    heading = f"## As published: {escape(table.version)}"
    return "\n\n".join([heading, f"{escape(table.source)}.", markdown_table(rows), lines])
