"""A run as Markdown: for a comment, a check's summary, or a job's page.

It holds verdicts, counts, and names of outputs, modes and columns. It holds no value of any row: a comment is read by
more people than a warehouse. What comes from data or from a repository stands in code spans, in which a host neither
follows links nor calls anybody who is mentioned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dit_dagster.evidence.cases import Case, cases, changes, failed_phases, headline, whole, worst
from dit_dagster.evidence.html.words import SIGNS, counted, plural, seconds, size
from dit_dagster.model.verdict import Outcome

_WORST = 5
_COLUMNS = 4
_NO_CHANGE = ("IDENTICAL", "UNCHANGED")
_SPAN_LIMIT = 160
_LINK = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&*+,;=%\[\]-]+")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")


def markdown(report: Mapping[str, Any], *, link: str | None = None) -> str:
    """The matrix, the worst differences, what it cost, and where the whole report is."""
    return "\n".join(_lines(report, link)) + "\n"


def markdown_of_failure(pipeline: str, commit: str, error: str, *, link: str | None = None) -> str:
    """A run that came to no report."""
    lines = [f"### {SIGNS['error']} {pipeline}: ERROR", "", f"commit {code(commit)} came to no report: {code(error)}"]
    return "\n".join([*lines, *(["", f"[the run]({link})"] if is_link(link) else [])]) + "\n"


def code(text: str) -> str:
    """Text as one code span, whatever is in it; safe in a table."""
    flat = " ".join(_UNPRINTABLE.sub("\ufffd", text.replace("\n", " ").replace("\t", " ")).split())
    short = flat if len(flat) <= _SPAN_LIMIT else flat[: _SPAN_LIMIT - 1] + "…"
    if not short:
        return "–"
    longest = max((len(run) for run in re.findall("`+", short)), default=0)
    fence = "`" * (longest + 1)
    room = " " if short.startswith("`") or short.endswith("`") else ""
    return f"{fence}{room}{short.replace('|', chr(92) + '|')}{room}{fence}"


def _lines(report: Mapping[str, Any], link: str | None) -> Iterator[str]:
    outcome = whole(report)
    yield f"### {SIGNS[outcome.value]} {report['pipeline']}: {outcome.value.upper()}"
    yield ""
    start, end = report["window"]
    yield f"commit {code(report['commit'][:12])}, {start} to {end}, T={report['tail']} W={report['lookback']}"
    yield ""
    yield from _matrix(cases(report))
    yield from _failed(report)
    yield from _worst(worst(report))
    yield from _against(report)
    yield _effort(report)
    yield ""
    run = f"run {code(report['run_id'])}"
    yield f"[the report]({link}), {run}" if is_link(link) else run
    if outcome is not Outcome.PASS:
        yield ""
        yield code(headline(report))


def _matrix(found: tuple[Case, ...]) -> Iterator[str]:
    """Outputs down, pairs across."""
    if not found:
        yield "Nothing was compared."
        yield ""
        return
    pairs = list(dict.fromkeys(case.pair for case in found))
    by_place = {(case.output, case.pair): case for case in found}
    yield f"| output | {' | '.join(code(pair) for pair in pairs)} |"
    yield f"|---|{'---|' * len(pairs)}"
    for output in dict.fromkeys(case.output for case in found):
        cells = [_cell(by_place.get((output, pair))) for pair in pairs]
        yield f"| {code(output)} | {' | '.join(cells)} |"
    yield ""


def _cell(case: Case | None) -> str:
    return "" if case is None else f"{SIGNS[case.outcome.value]} {case.verdict}"


def _failed(report: Mapping[str, Any]) -> Iterator[str]:
    for phase in failed_phases(report):
        where = f"{phase.mode} phase {phase.number}, {phase.start} to {phase.end}"
        yield f"- {SIGNS['error']} {code(where)} failed: {code(phase.error)}"
    if failed_phases(report):
        yield ""


def _worst(bad: Any) -> Iterator[str]:
    if not bad:
        return
    yield "| worst | pair | verdict | rows that differ | columns | looks like |"
    yield "|---|---|---|---|---|---|"
    for case in bad[:_WORST]:
        columns = ", ".join(f"{code(name)} {count:,}" for name, count in case.columns[:_COLUMNS])
        causes = ", ".join(case.causes) or (code(case.reason) if case.differing is None else "")
        cells = (code(case.output), code(case.pair), case.verdict, counted(case.differing), columns, causes)
        yield f"| {' | '.join(cells)} |"
    yield ""
    if len(bad) > _WORST:
        yield f"and {plural(len(bad) - _WORST, 'more pair')} that {'do' if len(bad) - _WORST > 1 else 'does'} not pass"
        yield ""


def _against(report: Mapping[str, Any]) -> Iterator[str]:
    """What the change does to the data, told and not judged."""
    told = report.get("against")
    if told is None:
        return
    found = changes(report)
    yield f"#### Against {code(told['commit'][:12])}"
    yield ""
    if told["reason"]:
        yield f"{SIGNS['inconclusive']} not known: {code(told['reason'])}"
        yield ""
        return
    yield "| output | mode | | rows that differ | columns | looks like |"
    yield "|---|---|---|---|---|---|"
    for modes, case in _in_modes(found):
        columns = ", ".join(f"{code(name)} {count:,}" for name, count in case.columns[:_COLUMNS])
        causes = ", ".join(case.causes) or (code(case.reason) if case.differing is None and case.reason else "")
        cells = (code(case.output), code(", ".join(modes)), _changed(case), counted(case.differing), columns, causes)
        yield f"| {' | '.join(cells)} |"
    yield ""


def _changed(case: Case) -> str:
    """In words alone: whether a change is wanted, no sign can tell."""
    return case.verdict if case.verdict in _NO_CHANGE else f"**{case.verdict}**"


def _in_modes(found: tuple[Case, ...]) -> Iterator[tuple[list[str], Case]]:
    """What there is to say, once for all modes of which the same is to be said."""
    alike: dict[Case, list[str]] = {}
    for case in found:
        alike.setdefault(replace(case, left="", right="", seconds=0.0), []).append(case.left)
    for case, modes in alike.items():
        yield modes, case


def _effort(report: Mapping[str, Any]) -> str:
    """What the run took, and what its comparisons cost."""
    counts, days, cost = report["invocations"], report["source_days"], report["cost"]
    return (
        f"phases: {counts['executed']} executed, {counts['reused']} reused of {counts['planned']} planned; "
        f"source days: {days['executed']} of {days['naive']}; comparisons: {size(cost['bytes_billed'])} billed; "
        f"{seconds(report['seconds'])}"
    )


def is_link(link: str | None) -> bool:
    """Whether it can stand in a link without ending it."""
    return link is not None and _LINK.fullmatch(link) is not None
