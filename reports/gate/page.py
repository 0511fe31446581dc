"""What a gate found, to be read: a page in Markdown for a terminal or a pull request, and JUnit XML for CI."""

import re
from xml.etree import ElementTree as ET

from reports.gate.checks import Check, Gated, Verdict, told
from reports.gate.trained import TRAINED
from reports.table import aligned, escape

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_JUNIT: dict[Verdict, str] = {"not comparable": "error", "failed": "failure", "worse": "failure", "better": "failure"}


def page(gated: Gated) -> str:
    """Return a page in Markdown: the verdict, then the numbers, the worst first, then all that must be exact."""
    trained = [check for check in gated.worst_first if check.part == TRAINED]
    exact = [check for check in gated.worst_first if check.part != TRAINED]
    sections = [f"## Gate: {gated.verdict}", f"{escape(gated.summary[0].upper() + gated.summary[1:])}."]
    grave = [check for check in exact if check.verdict != "passed"]
    if grave:
        sections.append(_exact_table(grave))
    if trained:
        sections.append(_trained_table(trained))
        sections.append(
            "In brackets, 90 % of the paired bootstrap over test artists, each end a one-sided 95 % bound. Worse or "
            "better is what lies beyond the margin with the whole of the bracket."
        )
    sections.append(_exact_table([check for check in exact if check.verdict == "passed"]))
    return "\n\n".join(sections) + "\n"


def _trained_table(checks: list[Check]) -> str:
    body = [
        [escape(check.name), check.expected, check.found, check.difference, check.margin, _shown(check)]
        for check in checks
    ]
    return aligned(["What", "Expected", "Found", "Difference", "Margin", "Verdict"], body, text=(0, 5))


def _exact_table(checks: list[Check]) -> str:
    body = [[escape(check.name), escape(check.expected), escape(check.found), _shown(check)] for check in checks]
    return aligned(["What", "Expected", "Found", "Verdict"], body, text=(0, 1, 2, 3))


def _shown(check: Check) -> str:
    return check.verdict if check.verdict == "passed" else f"**{check.verdict}**"


def junit(gated: Gated) -> str:
    """Return JUnit XML: a test case a check; what is not comparable is an error, all else that is wrong a failure."""
    outcomes = [_JUNIT.get(check.verdict) for check in gated.checks]
    counts = {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
    }
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", {"name": _clean(f"tagbench gate {gated.study}"), **counts})
    for check, outcome in zip(gated.checks, outcomes, strict=True):
        case = ET.SubElement(suite, "testcase", {"classname": check.part, "name": _clean(check.name)})
        if outcome:
            said = {"type": check.verdict, "message": _clean(told(check))}
            ET.SubElement(case, outcome, said).text = _clean(gated.summary)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("�", text)
