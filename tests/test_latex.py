"""Table 1 for LaTeX says what the Markdown does, in signs that plain LaTeX knows."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.estimates import lines
from reports.latex import escape_tex, table_tex
from reports.resampled import ResampledStudy, resample_study
from reports.rows import MEASURES
from reports.study_folder import read_study_folder
from reports.table import printed_line
from tests.factories import make_scores, make_test_part, write_scored_study


def study_of(out: Path, *labels: str, seeds: int = 1, note: str = "", hit_cap: bool = False) -> ResampledStudy:
    test = make_test_part()
    cells = [(label, size, seed) for label in labels for size in (40, 320) for seed in range(seeds)]
    scores = {cell: make_scores(test, skill=0.3, seed=n) for n, cell in enumerate(cells)}
    return resample_study(
        read_study_folder(write_scored_study(out, test, scores, corpus_note=note, hit_cap=hit_cap)), out
    )


def body(text: str) -> list[list[str]]:
    """Return the cells of the rows below the header."""
    rows = text.split("\\midrule", 1)[1].split("\\bottomrule")[0].replace("\\midrule", "").strip().splitlines()
    assert all(row.endswith(r" \\") for row in rows if row)
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", row[:-2])] for row in rows if row]


def plain(cell: str) -> str:
    """Return a cell as Markdown has it."""
    text = cell.replace("$", "").replace(r"{\scriptstyle", "").replace(r"\,\pm\,", " ± ").replace(r"\,(", " (")
    return re.sub(r"\\mathbf{(.*?)}", r"**\1**", text).replace("}", "").replace("--", "–")


def test_every_cell_says_what_the_markdown_does(tmp_path: Path) -> None:
    study = study_of(tmp_path, "gbt", "waveform", "spectrogram", seeds=2)
    rows = body(table_tex(study))
    assert len(rows) == 6
    for row, line in zip(rows, lines(study), strict=True):
        assert row[:2] == [line.row.label, str(line.row.n_train)]
        assert [plain(cell) for cell in row[2:]] == printed_line(line, MEASURES)


def test_the_table_is_whole_and_its_sizes_are_apart(tmp_path: Path) -> None:
    text = table_tex(study_of(tmp_path, "gbt", "waveform"))
    for name in ("table*", "tabular"):
        assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}") == 1
    assert [text.count(rf"\{rule}") for rule in ("toprule", "midrule", "bottomrule", "cmidrule")] == [1, 2, 1, 1]
    assert text.count("{") == text.count("}")
    commands = set(re.findall(r"\\([A-Za-z]+)", text))
    assert commands <= {
        *("usepackage", "begin", "end", "centering", "setlength", "belowcaptionskip", "tabcolsep", "caption", "sqrt"),
        *("mathrm", "mathbf", "Delta", "pm", "scriptstyle", "footnotesize", "multicolumn", "dots", "dagger"),
        *("toprule", "midrule", "bottomrule", "cmidrule", "par", "smallskip", "parbox", "textwidth"),
    }


def test_the_corpuss_note_stands_in_the_caption_and_what_the_intervals_are_below_the_table(tmp_path: Path) -> None:
    text = table_tex(study_of(tmp_path, "gbt", note="50 % of it is synthetic.", hit_cap=True))
    (caption,) = re.findall(r"\\caption\{(.*)\}", text)
    assert r"50 \% of it is synthetic." in caption
    below = text.split(r"\end{tabular}")[1]
    assert r"$\pm$ is half the width of a 95 \% interval" in below
    assert "training variance not included" in below
    assert r"$\dagger$ The cap on training" in below
    assert r"gbt $\dagger$ & 320" in text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (r"50 % & $x_1$ {a} #b \c", r"50 \% \& \$x\_1\$ \{a\} \#b \textbackslash{}c"),
        ("a\nb <c> ~^|", r"a b $<$c$>$ \textasciitilde{}\textasciicircum{}$|$"),
        ("Žižek é ñ å ç", r"\v{Z}i\v{z}ek \'{e} \~{n} \r{a} \c{c}"),
        ("木 🎵", "{[}U+6728{]} {[}U+1F3B5{]}"),
    ],
)
def test_a_label_is_printed_and_not_obeyed(text: str, written: str) -> None:
    assert escape_tex(text) == written


@given(st.text())
def test_any_label_becomes_printable_ascii_with_its_braces_closed(text: str) -> None:
    written = escape_tex(text)
    assert written.isascii()
    assert all(letter.isprintable() for letter in written)
    bare = re.sub(r"\\[{}]", "", written)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"(?<!\\)[%&#_]", written)
