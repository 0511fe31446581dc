"""Gates a finished study: all checks against an expectation."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.corpus import Tag
from reports.gate.checks import Check, Gated
from reports.gate.exact import check_exact
from reports.gate.expectation import Expectation, frozen_file, read_expectation, read_predictions
from reports.gate.found import check_records, read_found
from reports.gate.frozen import check_frozen, unpack
from reports.gate.trained import comparability, trained_checks


def gate(folder: Path, expected: Path, seed: int | None = None) -> Gated:
    """Compare the study in a folder, or one seed of it, with the expectation in a file.

    What is frozen and what must be exact is looked at even where the study cannot be compared.
    Raises `InputError` where the study is not finished, or a file of either is missing or damaged.
    """
    expectation, found = read_expectation(expected), read_found(folder, seed)
    checks = [*comparability(found, expectation), check_records(found), *check_committed(expectation, expected)]
    if all(check.verdict != "not comparable" for check in checks):
        checks += trained_checks(found, expectation, read_predictions(expectation, found.test, expected))
    return Gated(expectation.study, tuple(checks))


def check_committed(expectation: Expectation, expected: Path) -> Iterator[Check]:
    """Yield the checks that need no study: what must be exact, and the frozen models."""
    tags = tuple(Tag(name, kind) for name, kind in expectation.tags.items())
    with TemporaryDirectory(prefix="tagbench-gate-") as made:
        content, cache = Path(made) / "frozen", Path(made) / "cache"
        unpack(frozen_file(expected), content)
        yield from check_exact(tags, content)
        yield from check_frozen(expectation, content, cache)
