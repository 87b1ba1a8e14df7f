"""Test results as the XML that CI systems read. Schema: JUnit's, as Jenkins publishes it (junit-10.xsd)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple
from xml.etree import ElementTree as ET

from axonflow.cli.tables import printable

__all__ = ["TimedOutcome", "junit_xml"]

_NS_A_SECOND = 1_000_000_000


class TimedOutcome(NamedTuple):
    """How one test came out: what it belongs to, its name, its place, what is wrong, why, and how long it took."""

    suite: str
    name: str
    at: str
    problems: tuple[str, ...]
    explanation: tuple[str, ...]
    taken_ns: int


def junit_xml(outcomes: Sequence[TimedOutcome]) -> bytes:
    """A document with a suite for each run of `outcomes` of the same suite, in UTF-8."""
    root = ET.Element("testsuites", {"name": "axonflow policy test", **_counts(outcomes)})
    for name, grouped in groupby(outcomes, key=lambda one: one.suite):
        own = list(grouped)
        suite = ET.SubElement(root, "testsuite", {"name": printable(name), **_counts(own)})
        for one in own:
            case = ET.SubElement(
                suite, "testcase", name=printable(one.name), classname=printable(one.suite), time=_time([one])
            )
            if one.problems:
                message = printable("; ".join(one.problems))
                failure = ET.SubElement(case, "failure", message=message, type="unexpected-decision")
                failure.text = "\n".join(printable(line) for line in (one.at, *one.problems, *one.explanation))
    ET.indent(root)
    written: bytes = ET.tostring(root, "utf-8", xml_declaration=True)
    return written + b"\n"


def _counts(outcomes: Sequence[TimedOutcome]) -> dict[str, str]:
    failures = sum(bool(one.problems) for one in outcomes)
    counts = {"tests": len(outcomes), "failures": failures, "errors": 0, "skipped": 0}
    return {**{name: str(count) for name, count in counts.items()}, "time": _time(outcomes)}


def _time(outcomes: Sequence[TimedOutcome]) -> str:
    return f"{sum(one.taken_ns for one in outcomes) / _NS_A_SECOND:.6f}"
