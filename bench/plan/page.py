"""What a study will cost, to be read: a table, and under it what was assumed; and the same as JSON."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

from bench.plan.forecast import Forecast, Line
from bench.plan.growth import Range

DURATIONS = ((7200.0, 3600.0, "h"), (120.0, 60.0, "min"), (0.0, 1.0, "s"))
BYTES = ((1e12, 1e12, "TB"), (1e9, 1e9, "GB"), (0.0, 1e6, "MB"))
THOUSANDS = ((9.95e9, 1e9, "G"), (9.95e6, 1e6, "M"), (9950.0, 1e3, "k"))

Units = tuple[tuple[float, float, str], ...]


def table(forecast: Forecast) -> str:
    """Return what each thing costs as a Markdown table: intervals, then for the whole what is expected."""
    on_gpu = forecast.whole.gpu is not None
    head = ["", "disk", "memory", "CPU", *(["GPU"] if on_gpu else []), "wall"]
    rows = [_row(line, _interval, on_gpu=on_gpu) for line in (*forecast.lines, forecast.whole)]
    rows.append(["expected", *_row(forecast.whole, _expected, on_gpu=on_gpu)[1:]])
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    rule = [f":{'-' * (widths[0] - 1)}", *(f"{'-' * (width - 1)}:" for width in widths[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in _padded([head, rule, *rows], widths))


def _padded(rows: list[list[str]], widths: list[int]) -> Iterator[list[str]]:
    for first, *others in rows:
        yield [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]


def _row(line: Line, told: Callable[[Range, Units], str], *, on_gpu: bool) -> list[str]:
    gpu = [] if not on_gpu else ["" if line.gpu is None else told(line.gpu, DURATIONS)]
    sizes = (told(line.disk, BYTES), told(line.memory, BYTES))
    return [line.title, *sizes, told(line.cpu, DURATIONS), *gpu, told(line.wall, DURATIONS)]


def _interval(value: Range, units: Units) -> str:
    """Write an interval in the unit of its upper end: "9.5–20 h"."""
    size, unit = next((size, unit) for least, size, unit in units if value.high >= least)
    low, high = (_two_digits(end / size) for end in (value.low, value.high))
    return f"{high} {unit}" if low == high else f"{low}–{high} {unit}"


def _expected(value: Range, units: Units) -> str:
    return _interval(Range(value.mid, value.mid, value.mid), units)


def _two_digits(value: float) -> str:
    """Write a number with two digits, none of them smaller than a tenth; 110,000 is "110k"."""
    for least, size, letter in THOUSANDS:
        if value >= least:
            return f"{_two_digits(value / size)}{letter}"
    if value < 0.05:
        return "0"
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{value:.1f}"


def sentences(forecast: Forecast) -> list[str]:
    """Return how the table is to be read."""
    entries = forecast.study.entries()
    steps = "; ".join(filter(None, (_steps(entry.label, entry.tagger.steps()) for entry in entries)))
    interval = "Each interval is two standard errors of what small runs foretell"
    workers = f"{forecast.workers:,} workers" if forecast.workers > 1 else "one worker"
    told = [
        f"{interval}, and for trainings of unknown length reaches from the shortest to the longest: {steps}."
        if steps
        else f"{interval}.",
        "`expected` takes the geometric mean of both lengths." if steps else "`expected` lies within each.",
        f"Wall time is of stages one after another, with {workers} sharing evenly what can be shared out: decoding, "
        "looking for copies and describing by shards of tracks; training and scoring of families that are no networks "
        "by tags; the songs that a study makes.",
        "Memory is that of one process at work; a worker that trains trees or linear models has some of it again.",
    ]
    if any(entry.tuning for entry in entries):
        told.append("Every trial of a tuning is taken to cost what the study's own settings do.")
    if any(entry.tagger.trains_on_gpu for entry in entries):
        told.append(_of_gpus(forecast))
    return told


def _of_gpus(forecast: Forecast) -> str:
    if forecast.whole.gpu is None:
        return (
            "GPU hours are not told, and --gpus changes nothing: all was measured on a CPU, and is taken to train on "
            "one. Run `tagbench speed stages STUDY --json FILE` on a machine with a CUDA device, and give it with "
            "--figures."
        )
    trees = "trees train on one, tag after tag."
    if forecast.gpus == 1:
        return f"One GPU does the networks' work; {trees}"
    shared = f"{forecast.gpus:,} GPUs are taken to divide the networks' time evenly, by torchrun or by cells (--share)"
    return f"{shared}; {trees}"


def _steps(label: str, steps: object) -> str:
    from bench.tagger import Steps

    if not isinstance(steps, Steps):
        return ""
    of = "rounds a tag" if steps.reads_all else "updates"
    if steps.least == steps.most:
        return f"{label} {steps.most:,} {of}"
    return f"{label} {steps.least:,} to {steps.most:,} {of}"


def as_json(forecast: Forecast, machine: dict[str, object]) -> str:
    """Return it all: bytes and seconds, each as low, mid and high."""
    content = {
        "study": forecast.study.name,
        "extent": asdict(forecast.extent),
        "workers": forecast.workers,
        "gpus": forecast.gpus,
        "machine": machine,
        "lines": [asdict(line) for line in forecast.lines],
        "whole": asdict(forecast.whole),
        "assumptions": sentences(forecast),
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"
