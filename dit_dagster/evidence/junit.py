"""A run as JUnit XML, for any CI: one test case per pair, one per phase that failed, one for the run as a whole.

What fails is a failure; what is inconclusive or went wrong is an error. Neither is ever a skipped test, which CI shows
in green. What the commit changes against another is told and not judged: it is the suite's output. There is no schema
that all readers share; this is the part that those of Jenkins, GitLab and GitHub's actions
agree on: https://github.com/testmoapp/junitxml
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from dit_dagster.evidence.cases import Case, FailedPhase, cases, changes, failed_phases, headline, whole
from dit_dagster.model.verdict import Outcome

# What XML 1.0 cannot hold, not even escaped.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT_LIMIT = 4_000
_ELEMENTS: Mapping[Outcome, str] = {
    Outcome.FAIL: "failure",
    Outcome.INCONCLUSIVE: "error",
    Outcome.ERROR: "error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    name: str
    within: str
    outcome: Outcome
    kind: str = ""
    text: str = ""
    seconds: float = 0.0


def junit(report: Mapping[str, Any]) -> str:
    """The document, with its declaration."""
    about = {name: str(report[name]) for name in ("run_id", "commit", "experiment_id")}
    said = "\n".join(_against(report))
    return _document(report["pipeline"], list(_tests(report)), float(report["seconds"]), about, said)


def junit_of_failure(pipeline: str, commit: str, error: str) -> str:
    """The document of a run that came to no report: one test case, which is an error."""
    test = _Test(name="run", within=pipeline, outcome=Outcome.ERROR, kind="NO_REPORT", text=error)
    return _document(pipeline, [test], 0.0, {"commit": commit})


def _tests(report: Mapping[str, Any]) -> Iterator[_Test]:
    pipeline = report["pipeline"]
    found = [_of_case(pipeline, case) for case in cases(report)]
    failed = [_of_phase(pipeline, phase) for phase in failed_phases(report)]
    yield from found
    yield from failed
    # Red only if nothing else says why, so that one difference is one red case.
    told = any(test.outcome is not Outcome.PASS for test in (*found, *failed))
    outcome = Outcome.PASS if told else whole(report)
    yield _Test(name="run", within=pipeline, outcome=outcome, kind=outcome.name, text=headline(report))


def _against(report: Mapping[str, Any]) -> Iterator[str]:
    told = report.get("against")
    if told is None:
        return
    yield f"against {told['commit'][:12]}{': not known: ' + told['reason'] if told['reason'] else ''}"
    for case in changes(report):
        yield f"{case.output} in {case.left}: {case.verdict}{': ' + case.reason if case.reason else ''}"


def _of_case(pipeline: str, case: Case) -> _Test:
    text = "\n".join([case.reason, *(f"warning: {warning}" for warning in case.warnings)]).strip()
    return _Test(
        name=case.pair,
        within=f"{pipeline}.{case.output}",
        outcome=case.outcome,
        kind=case.verdict,
        text=text or case.verdict,
        seconds=case.seconds,
    )


def _of_phase(pipeline: str, phase: FailedPhase) -> _Test:
    name = f"{phase.mode} phase {phase.number} [{phase.start}, {phase.end})"
    return _Test(name=name, within=f"{pipeline}.phases", outcome=Outcome.ERROR, kind="PHASE_FAILED", text=phase.error)


def _document(pipeline: str, tests: list[_Test], seconds: float, about: Mapping[str, str], said: str = "") -> str:
    kinds = [_ELEMENTS.get(test.outcome) for test in tests]
    counts = {
        "tests": str(len(tests)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "time": f"{seconds:.3f}",
    }
    root = ET.Element("testsuites", {"name": "dit", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": _clean(pipeline), **counts})
    properties = ET.SubElement(suite, "properties")
    for name, value in about.items():
        ET.SubElement(properties, "property", {"name": name, "value": _clean(value)})
    for test in tests:
        _append(suite, test)
    if said:
        ET.SubElement(suite, "system-out").text = _clean(said)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _append(suite: ET.Element, test: _Test) -> None:
    about = {"classname": _clean(test.within), "name": _clean(test.name), "time": f"{test.seconds:.3f}"}
    case = ET.SubElement(suite, "testcase", about)
    if test.outcome is not Outcome.PASS:
        text = _clean(test.text)
        first = text.split("\n", 1)[0][:200]
        ET.SubElement(case, _ELEMENTS[test.outcome], {"type": test.kind, "message": first}).text = text


def _clean(text: str) -> str:
    return _NO_XML.sub("\ufffd", text[:_TEXT_LIMIT])
