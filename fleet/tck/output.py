"""A report as lines for people and as JUnit XML for whatever runs tests."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from fleet.tck.finding import Finding, Verdict
from fleet.tck.report import Report

MARKS = {Verdict.PASS: "ok", Verdict.FAIL: "critical", Verdict.SKIPPED: "warning"}
"""In which colour a verdict is told."""

_NOTHING = "nothing could be judged; does it run, on this broker and under this name?"


def line(finding: Finding) -> str:
    """What is told of a rule beside its verdict."""
    why = f": {finding.evidence}" if finding.evidence else ""
    if finding.verdict is Verdict.FAIL:
        return f"{finding.rule.id:<22} {finding.rule.title}{why} [{finding.rule.clause}]"
    return f"{finding.rule.id:<22} {finding.rule.title}{why}"


def summary(report: Report) -> str:
    tally = report.tally
    counts = ", ".join(f"{tally[verdict]} {verdict}" for verdict in Verdict if tally[verdict])
    judged = "conforms as far as it could be judged" if tally[Verdict.PASS] else _NOTHING
    word = {0: "conforms", 1: judged, 2: "does not conform"}
    return f"{report.agent}, profile {report.profile}: {word[report.exit_code]} ({counts})"


def junit(report: Report) -> str:
    """One test case a rule, grouped by profile."""
    tally = report.tally
    left_out = tally[Verdict.SKIPPED] + tally[Verdict.NOT_APPLICABLE]
    suite = Element(
        "testsuite", name=f"fleet-tck.{report.agent}", tests=str(sum(tally.values())),
        failures=str(tally[Verdict.FAIL]), skipped=str(left_out), errors="0",
    )  # fmt: skip
    for finding in report.findings:
        rule = finding.rule
        case = SubElement(suite, "testcase", classname=f"tck.{rule.profile}", name=rule.id)
        properties = SubElement(case, "properties")
        SubElement(properties, "property", name="clause", value=rule.clause)
        if finding.verdict is Verdict.FAIL:
            SubElement(case, "failure", message=finding.evidence, type=rule.clause)
        elif finding.verdict is not Verdict.PASS:
            SubElement(case, "skipped", message=finding.evidence)
    suites = Element("testsuites")
    suites.append(suite)
    indent(suites)
    return tostring(suites, encoding="unicode", xml_declaration=True)
