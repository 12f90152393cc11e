"""Runs and plans for people: tables on a terminal, the same text elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_LONG_WORD = 32
_SHOWN_SAMPLES = 3
COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow", "error": "magenta", "changed": "blue"}


def console() -> Console:
    """Wide where nobody looks at it, so that no line of a CI log is cut."""
    return Console(width=None if sys.stdout.isatty() else 200, highlight=False)


def show_report(report: Mapping[str, Any]) -> None:
    """The verdict matrix, what was done for it, and where to look next."""
    out = console()
    out.print(
        f"\n[bold]{report['pipeline']}[/bold] {report['commit'][:12]} (tree {report['tree'][:12]})  "
        f"[{report['window'][0]}, {report['window'][1]})  T={report['tail']} W={report['lookback']}"
    )
    _show_modes(out, report)
    out.print(verdict_table(report["comparisons"]))
    _show_reasons(out, report["comparisons"])
    _show_against(out, report.get("against"))
    out.print(_effort(report))
    colour = COLOURS[report["outcome"]]
    out.print(f"run {report['run_id']}  experiment {report['experiment_id']}")
    out.print(Text(report["outcome"].upper(), style=f"bold {colour}"))


def _show_against(out: Console, told: Mapping[str, Any] | None) -> None:
    """What the change does, if that was asked for: told and not judged."""
    if told is None:
        return
    from dit_dagster.cli.diff import show_changes

    alike = sorted({one["output"] for one in told["comparisons"] if one["verdict"] in ("IDENTICAL", "UNCHANGED")})
    unchanged = f": nothing changes in {', '.join(alike)}" if alike else ""
    out.print(Text(f"against {told['commit'][:12]}{unchanged}{': ' * bool(told['reason'])}{told['reason']}"))
    show_changes(told["comparisons"])


def _effort(report: Mapping[str, Any]) -> str:
    """What the run took, against what it would have taken without sharing and reuse."""
    counts, days = report["invocations"], report["source_days"]
    return (
        f"phases: {counts['executed']} executed, {counts['reused']} reused of {counts['planned']} planned "
        f"({counts['naive']} without sharing); source days {days['executed']} of {days['naive']}; "
        f"{report['peak_parallel']} at a time; {report['seconds']:.1f} s"
    )


def _show_modes(out: Console, report: Mapping[str, Any]) -> None:
    for mode in report["modes"]:
        for number, phase in enumerate(mode["phases"], 1):
            if phase.get("outcome") == "failed":
                where = f"{mode['mode']} phase {number} [{phase['start']}, {phase['end']})"
                out.print(Text(f"failed: {where}: {phase['error']}", style="magenta"))
                out.print(f"  log: {phase['log']}")


def verdict_table(comparisons: Sequence[Mapping[str, Any]]) -> Table:
    """One row per pair."""
    from dit_dagster.evidence.crossing import shown

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("output", "pair", "verdict", "rows", "method"):
        table.add_column(heading, no_wrap=heading != "method")
    for comparison in comparisons:
        rows = [f"{n:,}" if n is not None else "-" for n in (comparison["rows_left"], comparison["rows_right"])]
        table.add_row(
            comparison["output"],
            f"{comparison['left']} ~ {comparison['right']}",
            Text(comparison["verdict"], style=COLOURS[shown(comparison)]),
            " ~ ".join(rows),
            comparison["method"],
        )
    return table


def _show_reasons(out: Console, comparisons: Sequence[Mapping[str, Any]]) -> None:
    from dit_dagster.evidence.comparison import sample_line

    for comparison in comparisons:
        title = f"{comparison['output']} {comparison['left']} ~ {comparison['right']}"
        if comparison["reason"]:
            out.print(Text(f"  {title}: {comparison['reason']}", style="dim"))
        for warning in comparison["warnings"]:
            out.print(Text(f"  {title}: warning: {warning}", style="yellow"))
        explanation = comparison["explanation"] or {}
        for line in parting_lines(explanation):
            out.print(Text(f"    {line}"))
        if comparison["passed"]:
            continue
        for sample in explanation.get("samples", ())[:_SHOWN_SAMPLES]:
            out.print(Text(f"    {sample_line(sample)}", style="dim"))


def parting_lines(explanation: Mapping[str, Any]) -> Sequence[str]:
    """Since when two modes differ: the phase, the commands that it ran, and the first row."""
    parting = explanation.get("parting")
    if parting is None:
        untold = explanation.get("parting_untold")
        return [f"where the modes part cannot be told: {untold}"] if untold else []
    where = f"phase {parting['index'] + 1} of {parting['mode']}, [{parting['start']}, {parting['end']})"
    lines = [f"the modes part after {where}: {parting['rows']:,} differing rows stand there already"]
    lines += [f"  $ {brief_command(command)}" for command in parting["commands"]]
    return lines + [f"  {row['kind']}: {row['row']}" for row in parting["samples"][:1]]


def brief_command(command: str) -> str:
    """A command to recognise: the program without its path, long names by their ends, none of our own labels.

    The whole of it is in the report and in the step's log.
    """
    program, *arguments = command.split(" ")
    ours = {place for place, word in enumerate(arguments) if word.startswith("dit_") and "=" in word}
    kept = [word for place, word in enumerate(arguments) if place not in ours and place + 1 not in ours]
    words = (word if len(word) <= _LONG_WORD else f"…{word[-_LONG_WORD:]}" for word in kept)
    return " ".join([Path(program).name, *words])


def show_prospect(prospect: Mapping[str, Any], *, decisions: bool) -> None:
    """Every mode's phases in order; with `decisions`, what will happen to each and why."""
    out = console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("phase", "window", "input", "fingerprint", *(("decision", "bytes", "why") if decisions else ())):
        table.add_column(heading)
    for mode in prospect["modes"]:
        for number, phase in enumerate(mode["phases"], 1):
            cells = [
                f"{mode['mode']}:{number}" + ("" if mode["selected"] else " (reference)"),
                f"[{phase['start']}, {phase['end']})",
                ", ".join(phase["mutation"]) or "as it is",
                phase["fingerprint"][:12],
            ]
            if decisions:
                size = phase.get("estimate", {}).get("bytes")
                cells += [phase["decision"], f"{size:,}" if size is not None else "", "; ".join(phase["reasons"])]
            table.add_row(*(Text(cell) for cell in cells))
    out.print(table)
    counts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in prospect["invocations"].items())
    days = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in prospect["source_days"].items())
    out.print(f"phases: {counts}; source days: {days}")


def show_runs(runs: Sequence[Mapping[str, Any]]) -> None:
    """The registry's runs, newest first."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("run", "pipeline", "commit", "experiment", "started", "outcome", "executed", "reused"):
        table.add_column(heading, no_wrap=True)
    for run in runs:
        outcome = Text(run["outcome"], style=COLOURS.get(run["outcome"], ""))
        table.add_row(
            run["run_id"],
            run["pipeline"],
            run["commit"][:12],
            run["experiment_id"],
            run["started_at"],
            outcome,
            str(run["executed"] if run["executed"] is not None else "-"),
            str(run["reused"] if run["reused"] is not None else "-"),
        )
    console().print(table if runs else "no runs recorded yet; 'dit run PIPELINE' makes one")
