"""Small scored studies that tests of the gate write, and a name that is hard to write."""

from pathlib import Path

from bench.corpus import Tag
from reports.gate.found import FoundStudy, read_found
from tests.factories import SCORED_TAGS, make_scores, make_test_part, write_scored_study

HOSTILE = 'a | b "c" <d> \x00 ' + "é/" * 150


def study(out: Path, skills: dict[tuple[str, int, int], float], tags: tuple[Tag, ...] = SCORED_TAGS) -> FoundStudy:
    """Write a study by label, size and seed whose models have these skills, and read it as the gate does."""
    test = make_test_part(tags=tags)
    scores = {cell: make_scores(test, skill=skill, seed=cell[2]) for cell, skill in skills.items()}
    write_scored_study(out, test, scores)
    return read_found(out)


def seeds_of(skill: float, seeds: range = range(5), label: str = "gbt") -> dict[tuple[str, int, int], float]:
    """Return cells of one model and size by these seeds, all of one skill."""
    return {(label, 40, seed): skill for seed in seeds}
