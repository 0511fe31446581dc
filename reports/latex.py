"""Writes Table 1 for LaTeX: a floating table that needs the package booktabs and nothing else."""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

from reports.caption import measures
from reports.estimates import Estimate, Line, lines
from reports.resampled import ResampledStudy
from reports.rows import MEASURES, Measure
from reports.study_folder import ADDED_MARK, HIT_CAP_MARK
from reports.table import numbers, track_count
from reports.uncertainty import interval_notes

_ROOT = r"$\sqrt{\mathrm{MSE}}$"
_SIGNS = (
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {sign: f"{{{sign}}}" for sign in "[]*"}
    | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "`": r"\`{}",
        '"': "''",
        "<": "$<$",
        ">": "$>$",
        "|": "$|$",
        "±": r"$\pm$",
        "−": "$-$",
        "×": r"$\times$",
        "Δ": r"$\Delta$",
        "√": r"$\surd$",
        "†": r"$\dagger$",
        "§": r"$\S$",
        "…": r"\dots{}",
        "–": "--",
        "’": "'",
    }
)
_ACCENTS = {
    "\N{COMBINING GRAVE ACCENT}": "`",
    "\N{COMBINING ACUTE ACCENT}": "'",
    "\N{COMBINING CIRCUMFLEX ACCENT}": "^",
    "\N{COMBINING TILDE}": "~",
    "\N{COMBINING DIAERESIS}": '"',
    "\N{COMBINING RING ABOVE}": "r",
    "\N{COMBINING CARON}": "v",
    "\N{COMBINING CEDILLA}": "c",
}


def escape_tex(text: str) -> str:
    """Return text as LaTeX writes it, in one line; a letter that its own fonts lack becomes its number in Unicode.

    Brackets and stars stand in braces: after the end of a row, LaTeX would take them for the room that it is to leave.
    """
    return "".join(map(_letter, " ".join(text.split())))


def _letter(letter: str) -> str:
    if letter in _SIGNS:
        return _SIGNS[letter]
    if letter.isascii() and letter.isprintable():
        return letter
    base, accent = unicodedata.normalize("NFD", letter)[:1], unicodedata.normalize("NFD", letter)[1:]
    if base.isascii() and accent in _ACCENTS:
        return f"\\{_ACCENTS[accent]}{{{base}}}"
    return f"{{[}}U+{ord(letter):04X}{{]}}"


def table_tex(study: ResampledStudy) -> str:
    """Return `table1.tex`: Table 1 with its intervals, sizes apart, as wide as the page of a paper in two columns."""
    written = lines(study)
    seeds_apart = any(one.sd_apart is not None for line in written for one in line.values.values())
    letters, gap = (r"\scriptsize", 2) if seeds_apart else (r"\footnotesize", 4)  # fits 17 cm
    blocks = [
        "\n".join(_row(line) for line in same_size)
        for _, same_size in groupby(written, key=lambda line: line.row.n_train)
    ]
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table*}",
            r"\centering",
            r"\setlength{\belowcaptionskip}{6pt}",
            rf"\caption{{{' '.join(map(_sentence, _caption(study)))}}}",
            letters,
            rf"\setlength{{\tabcolsep}}{{{gap}pt}}",
            r"\begin{tabular}{@{}lrrrrrrr@{}}",
            r"\toprule",
            r"& & & & & \multicolumn{3}{c@{}}{$\Delta$: spectrogram against waveform} \\",
            r"\cmidrule(l){6-8}",
            rf"Model & Tracks & ROC-AUC \% & PR-AUC \% & {_ROOT} & ROC-AUC & PR-AUC & {_ROOT} \\",
            r"\midrule",
            "\n\\midrule\n".join(blocks),
            r"\bottomrule",
            r"\end{tabular}",
            r"\par\smallskip",
            rf"\parbox{{\textwidth}}{{\footnotesize {' '.join(map(_sentence, _notes(study)))}}}",
            r"\end{table*}",
            "",
        ]
    )


def _sentence(text: str) -> str:
    return escape_tex(text).replace(_SIGNS["√"] + "MSE", _ROOT)


def _caption(study: ResampledStudy) -> Iterator[str]:
    """Yield what the table is of, in plain sentences."""
    record = study.study.finished[0].record
    yield (
        f"Music audio tagging on {record.corpus} {record.corpus_version}".strip()
        + f": models trained on the same tracks at each size, scored on the same {track_count(record.n_test)} test "
        "tracks. "
        f"{measures(record)}; Δ is positive where spectrogram is better."
    )
    if record.corpus_note:
        yield record.corpus_note


def _notes(study: ResampledStudy) -> Iterator[str]:
    """Yield what stands below the table: what its intervals and signs say."""
    yield from (" ".join(note) for note in interval_notes(study))
    marks = {line.row.mark for line in lines(study)}
    if HIT_CAP_MARK in marks:
        yield f"{HIT_CAP_MARK} The cap on training ended at least one seed's training."
    if ADDED_MARK in marks:
        yield f"{ADDED_MARK} Trained elsewhere, on tracks that were told and not checked; scored from its predictions."


def _row(line: Line) -> str:
    name = escape_tex(f"{line.row.label} {line.row.mark}".strip())
    return " & ".join([name, track_count(line.row.n_train), *_cells(line)]) + r" \\"


def _cells(line: Line) -> Sequence[str]:
    values = [_cell(line.values.get(one.field), one, bold=one.field in line.best) for one in MEASURES]
    if line.gains is not None and not line.gains:
        return [*values, *("" for _ in MEASURES)]
    return values + [_cell((line.gains or {}).get(one.field), one, sign="+") for one in MEASURES]


def _cell(estimate: Estimate | None, measure: Measure, *, sign: str = "", bold: bool = False) -> str:
    if estimate is None:
        return "--"
    value, half_width, seed_sd = numbers(estimate, measure, sign)
    spread = (half_width and rf"\,\pm\,{half_width}") + (seed_sd and rf"\,({seed_sd})")
    shown = rf"\mathbf{{{value}}}" if bold else value
    return rf"${shown}{{\scriptstyle{spread}}}$"
