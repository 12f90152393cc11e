"""The first screen: what the run came to, where it went wrong, and the verdict on every output of every mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dit_dagster.evidence.html.words import MEANINGS, SIGNS, UNEXPLAINED, counted, differing, plural, span

_MOST_FINDINGS = 12
_NOT_A_PASS = ("fail", "error", "inconclusive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One verdict, or why there is none. `outcome` is empty for the reference and for what was not compared."""

    outcome: str
    sign: str
    title: str
    note: str
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A mode with its cell for each output."""

    mode: str
    outcome: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Modes down, outputs across: there are more modes than outputs, and a phone is narrow."""

    outputs: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line under the headline: which pair, what happened, and where."""

    outcome: str
    sign: str
    pair: str
    target: str
    what: str
    where: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The answer to the question that a reader comes with."""

    outcome: str
    sign: str
    answer: str
    more: str
    findings: tuple[Finding, ...]
    left_out: int


def target(place: int) -> str:
    """The id of a comparison's section: its place in the report, from 1."""
    return f"comparison-{place}"


def matrix(report: Mapping[str, Any]) -> Matrix:
    """Every mode that was selected, in declared order."""
    comparisons = report["comparisons"]
    outputs = tuple(dict.fromkeys(one["output"] for one in comparisons))
    places = {(one["output"], one["right"]): (one, place) for place, one in enumerate(comparisons, 1)}
    references = {(one["output"], one["left"]) for one in comparisons}
    rows = [
        Row(
            mode=mode["mode"],
            outcome=mode.get("outcome", ""),
            cells=tuple(_cell((output, mode["mode"]), places, references) for output in outputs),
        )
        for mode in report["modes"]
    ]
    return Matrix(outputs=outputs, rows=tuple(rows))


def _cell(
    at: tuple[str, str],
    places: Mapping[tuple[str, str], tuple[Mapping[str, Any], int]],
    references: set[tuple[str, str]],
) -> Cell:
    if at in places:
        comparison, place = places[at]
        return _verdict(comparison, place)
    if at in references:
        return Cell(outcome="", sign="", title="reference", note="the others are compared with it")
    return Cell(outcome="", sign="", title="–", note="not compared")


def _verdict(comparison: Mapping[str, Any], place: int) -> Cell:
    found = differing(comparison)
    rows = counted(comparison["rows_right"])
    return Cell(
        outcome=comparison["outcome"],
        sign=SIGNS[comparison["outcome"]],
        title=comparison["verdict"],
        note=f"{plural(found, 'row')} differ" if found else f"{rows} rows" if rows != "–" else "",
        target=target(place),
    )


def headline(report: Mapping[str, Any]) -> Headline:
    """The outcome in one sentence, and every pair that is no pass."""
    outcome, comparisons = report["outcome"], report["comparisons"]
    wrong = [(one, place) for kind in _NOT_A_PASS for place, one in enumerate(comparisons, 1) if one["outcome"] == kind]
    return Headline(
        outcome=outcome,
        sign=SIGNS[outcome],
        answer=_answer(report),
        more=_more(report, [one for one, _ in wrong]),
        findings=tuple(finding(one, target(place)) for one, place in wrong[:_MOST_FINDINGS]),
        left_out=max(0, len(wrong) - _MOST_FINDINGS),
    )


def _answer(report: Mapping[str, Any]) -> str:
    match report["outcome"]:
        case "pass":
            near = any(one["verdict"] == "EQUIVALENT" for one in report["comparisons"])
            return f"The data holds: every mode comes to the same tables{', within the declared tolerances' * near}."
        case "fail":
            outputs = dict.fromkeys(one["output"] for one in report["comparisons"] if one["outcome"] == "fail")
            named = " and ".join(filter(None, [", ".join(list(outputs)[:-1]), list(outputs)[-1]])) if outputs else "It"
            return f"{named} {'differs' if len(outputs) < 2 else 'differ'} between modes."
        case "error":
            return "The run did not get through: something failed before everything was judged."
    return "No answer: nothing differs, but not everything could be judged."


def _more(report: Mapping[str, Any], wrong: Sequence[Mapping[str, Any]]) -> str:
    total = len(report["comparisons"])
    if report.get("stopped_by_signal") is not None:
        skipped = sum(one["verdict"] == "SKIPPED" for one in report["comparisons"])
        judged = f"{plural(total - skipped, 'pair')} had been judged" if total > skipped else "no pair had been judged"
        left = f", {skipped:,} had not" if skipped else ""
        return f"The run was stopped by signal {report['stopped_by_signal']}; {judged}{left}."
    if not wrong:
        return f"{plural(total, 'comparison')}, and {'it passes' if total == 1 else 'all of them pass'}."
    kinds = [(kind, sum(one["outcome"] == kind for one in wrong)) for kind in _NOT_A_PASS]
    said = {"fail": "fail", "error": "could not be made", "inconclusive": "inconclusive"}
    parts = ", ".join(f"{count} {said[kind]}" for kind, count in kinds if count)
    return f"Of {plural(total, 'comparison')}: {parts}, {total - len(wrong)} pass."


def finding(comparison: Mapping[str, Any], anchor: str) -> Finding:
    """What a reader needs to know of one pair before anything else."""
    explanation = comparison.get("explanation") or {}
    meaning = MEANINGS.get(comparison["verdict"], "")
    cause = explanation.get("cause")
    what = f"{meaning}: {UNEXPLAINED}" if cause == "unexplained" else cause or comparison["reason"] or meaning
    return Finding(
        outcome=comparison["outcome"],
        sign=SIGNS[comparison["outcome"]],
        pair=f"{comparison['output']}: {comparison['right']} against {comparison['left']}",
        target=anchor,
        what=what,
        where=tuple(_where(comparison, explanation)),
    )


def _where(comparison: Mapping[str, Any], explanation: Mapping[str, Any]) -> list[str]:
    found = differing(comparison)
    places = [f"{plural(found, 'row')} differ"] if found else []
    days = [day for day, _ in explanation.get("days") or ()]
    if days:
        places.append(f"{'on' if len(days) == 1 else plural(len(days), 'day') + ','} {span(days)}")
    columns = [column["name"] for column in comparison["columns"][:3]]
    if columns:
        rest = len(comparison["columns"]) - len(columns)
        places.append(f"in {', '.join(columns)}{f' and {rest} more' if rest else ''}")
    parting = explanation.get("parting")
    if parting:
        places.append(f"first after phase {parting['index'] + 1} of {parting['mode']}")
    return places
