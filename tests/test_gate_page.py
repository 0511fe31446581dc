"""The gate's verdict as a whole, and how it is told to readers and to CI."""

from xml.etree import ElementTree as ET

import pytest

from bench.errors import BetterThanExpectedError, InputError, StudyFailedError
from reports.gate.checks import Check, Gated, Verdict
from reports.gate.page import junit, page
from tests.gated_study import HOSTILE


def check(verdict: Verdict, name: str = "gbt · 40", order: float = 0.0) -> Check:
    return Check("trained models", name, verdict, "0.5", "0.4", order=order)


@pytest.mark.parametrize(
    ("found", "verdict", "raised"),
    [
        (["passed", "better"], "better", BetterThanExpectedError),
        (["better", "worse", "passed"], "worse", StudyFailedError),
        (["better", "failed", "passed"], "failed", StudyFailedError),
        (["worse", "not comparable"], "not comparable", InputError),
    ],
)
def test_the_gravest_verdict_counts(found: list[Verdict], verdict: Verdict, raised: type[Exception]) -> None:
    gated = Gated("smoke", tuple(check(one) for one in found))
    assert gated.verdict == verdict
    with pytest.raises(raised):
        gated.end()


def test_the_page_has_the_worst_first_and_no_markup_of_others() -> None:
    checks = (check("passed", HOSTILE, 0.2), check("passed", "mild", 0.1), check("worse", "bad", 2), check("better"))
    lines = [line for line in page(Gated("smoke", checks)).splitlines() if line.startswith("|")]
    assert [line[2:7].strip() for line in lines[2:6]] == ["bad", "gbt ·", "a \\|", "mild"]
    assert len({line.replace("\\|", "").count("|") for line in lines[:6]}) == 1
    assert "<d>" not in page(Gated("smoke", checks))


def test_junit_is_what_ci_reads() -> None:
    checks = (check("passed"), check("worse", HOSTILE), check("better"), check("failed"), check("not comparable"))
    suites = ET.fromstring(junit(Gated("smoke", checks)))  # noqa: S314 - our own
    (suite,) = suites
    assert (suites.tag, suite.tag) == ("testsuites", "testsuite")
    assert {key: suite.attrib[key] for key in ("tests", "failures", "errors")} == {
        "tests": "5",
        "failures": "3",
        "errors": "1",
    }
    assert all(case.tag == "testcase" and case.attrib.keys() == {"classname", "name"} for case in suite)
    outcomes = [[(outcome.tag, outcome.attrib["type"]) for outcome in case] for case in suite]
    assert outcomes == [
        [],
        [("failure", "worse")],
        [("failure", "better")],
        [("failure", "failed")],
        [("error", "not comparable")],
    ]
    assert suite[1].attrib["name"] == HOSTILE.replace("\x00", "�")
