"""Whether a study can be compared with an expectation, and whether its models are as good: a paired one-sided test.

A measure got worse where even the upper end of what the difference to the expected mean may be is below the negative of
the margin: the margin covers what another seed does, the 95 % bound what other test tracks would. Better, likewise.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.bootstrap import Draws
from bench.corpus import Float32Array
from bench.errors import InputError
from reports.gate.checks import Check, Verdict, same
from reports.gate.expectation import UPDATE, Expectation, Number
from reports.gate.found import FoundStudy, identity_of
from reports.gate.margins import margin_for
from reports.rows import Measure

COMPARABLE, TRAINED = "comparability", "trained models"
LEVEL = 0.90  # of the two-sided interval, each of whose ends is a one-sided 95 % bound
SAME_MEAN = 1e-9


def comparability(found: FoundStudy, expectation: Expectation) -> Iterator[Check]:
    """Yield a check for each thing that must be the same: corpus, tags, tracks, rows, settings; never audio bytes."""
    record, tracks = found.record, expectation.tracks
    tags = {tag.name: tag.kind for tag in found.test.tags}
    yield _same("corpus", expectation.corpus, f"{record.corpus} {record.corpus_version}")
    yield _same("tags", _joined(expectation.tags, tags), _joined(tags, expectation.tags))
    yield _same("test tracks", tracks.test, record.test_digest)
    yield _same("validation tracks", tracks.valid, record.valid_digest)
    for n_train, digest in tracks.train.items():
        digests = {one.record.train_digest for one in found.study.finished if one.cell.n_train == n_train}
        yield _same(f"training tracks at size {n_train}", digest, ", ".join(sorted(digests)) or "no such size")
    expected_rows = [f"{label} · {n_train}" for label, n_train in expectation.rows]
    found_rows = [f"{label} · {n_train}" for label, n_train in found.scores]
    yield _same("rows of the table", _listed(expected_rows, found_rows), _listed(found_rows, expected_rows))
    for label, identity in expectation.models.items():
        for one in (cell for cell in found.study.finished if cell.cell.label == label):
            expected, now = _flat(identity), _flat(identity_of(one.record))
            if expected != now:
                yield _same(f"settings of {label}", _told(expected, now), _told(now, expected))
                break
        else:
            yield _same(f"settings of {label}", "as expected", "as expected")


def _same(name: str, expected: str, found: str) -> Check:
    return same(COMPARABLE, name, expected, found, "not comparable")


def _joined(these: Mapping[str, str], others: Mapping[str, str]) -> str:
    """Tell tags, their number alone where they are the same as the others, in the same order."""
    if list(these.items()) == list(others.items()):
        return f"{len(these)} tags"
    own = [f"{name} ({kind})" for name, kind in these.items() if others.get(name) != kind]
    return f"{len(these)} tags, {', '.join(own[:3]) or 'in the order ' + ', '.join(list(these)[:3])}"


def _listed(these: list[str], others: list[str]) -> str:
    only = [row for row in these if row not in others]
    return f"{len(these)} rows" + (f", with {', '.join(only[:3])}" if only else "")


def _flat(value: Any, path: str = "") -> dict[str, Any]:  # noqa: ANN401 - whatever TOML holds
    """Return nested settings under dotted keys."""
    if not isinstance(value, dict) or not value:
        return {path: value}
    inner = (_flat(below, f"{path}.{key}".lstrip(".")) for key, below in value.items())
    return {key: found for settings in inner for key, found in settings.items()}


def _told(these: dict[str, Any], others: dict[str, Any]) -> str:
    """Tell the settings that differ, with these values."""
    absent = object()
    differing = [key for key in sorted({*these, *others}) if these.get(key, absent) != others.get(key, absent)]
    return ", ".join(f"{key} = {these[key]!r}" if key in these else f"no {key}" for key in differing[:3])


def trained_checks(
    found: FoundStudy, expectation: Expectation, expected_scores: Mapping[tuple[str, int], Float32Array]
) -> Iterator[Check]:
    """Yield a check for each number of a comparable study.

    Raises `InputError` where the expectation's own predictions do not have its means, or a measure is missing.
    """
    of_row = {
        row.key: (found.measured(found.scores[row.key]), found.measured(expected_scores[row.key]))
        for row in found.study.rows
    }
    for number in expectation.numbers:
        now, before = (measures.get(number.measure) for measures in of_row[number.key])
        if before is None or abs(before.value - number.mean) > SAME_MEAN:
            raise InputError(f"the expected mean {_name(number)} is not that of the expected predictions; {UPDATE}")
        if now is None:
            raise InputError(f"the study has no {_name(number)}")
        margin = margin_for(number.margin, n_expected=len(expectation.seeds), n_found=len(found.scores[number.key]))
        yield trained_check(number, now, before, margin)


def trained_check(number: Number, now: Draws, before: Draws, margin: float) -> Check:
    """Compare a measure with what is expected of it, paired on the same resamples of the test tracks."""
    column, difference = number.column, now - before
    gain = difference if column.higher_is_better else difference * -1.0
    interval = gain.interval(LEVEL)
    verdict: Verdict = "worse" if interval.high < -margin else "better" if interval.low > margin else "passed"
    ends = difference.interval(LEVEL)
    low, high = (_value(end, column, "+") for end in (ends.low, ends.high))
    return Check(
        TRAINED,
        _name(number),
        verdict,
        expected=_value(before.value, column),
        found=_value(now.value, column),
        difference=f"{_value(difference.value, column, '+')} [{low}, {high}]",
        margin=f"± {_value(margin, column)}",
        order=abs(gain.value) / margin,
    )


def _name(number: Number) -> str:
    return f"{number.label} · {number.n_train} · {number.column.heading}"


def _value(value: float, column: Measure, sign: str = "") -> str:
    return f"{round(column.scale * value, column.decimals) + 0.0:{sign}.{column.decimals}f}"  # + 0.0: no -0
