"""Verdicts and states as Dagster metadata: counts as numbers, which the UI plots, everything else to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from dit_dagster.evidence.comparison import told_apart
from dit_dagster.model.identity import Commit
from dit_dagster.model.outcome import Failed, PhaseOutcome, Ran, outcome_name
from dit_dagster.planning.decision import Decision, Run
from dit_dagster.planning.plan import PlannedMode
from dit_dagster.ports import SourceControl, TableFacts
from dit_dagster.running.run import Prospect

Metadata = dict[str, dg.MetadataValue]

_SAMPLES = 50
_COUNTS = ("only_left", "only_right", "changed", "multiplicity")


def of_comparison(comparison: Mapping[str, Any], page: Path | None = None) -> Metadata:
    """What a check shows of the verdict on one pair, given as its JSON, and where its page is."""
    evidence, explanation = comparison["detail"]["evidence"], comparison["explanation"] or {}
    entries: Metadata = {
        "verdict": dg.MetadataValue.text(comparison["verdict"]),
        "compared": dg.MetadataValue.text(f"{comparison['left']} ~ {comparison['right']}"),
        "mismatches": dg.MetadataValue.int(sum(explanation.get(name, 0) for name in _COUNTS)),
        **{name: dg.MetadataValue.int(explanation.get(name, 0)) for name in _COUNTS},
        "seconds": dg.MetadataValue.float(float(evidence["cost"]["seconds"])),
        "bytes": dg.MetadataValue.int(evidence["cost"]["bytes_billed"] or evidence["cost"]["bytes_estimated"]),
        "method": dg.MetadataValue.text(comparison["method"]),
        "policy": dg.MetadataValue.json(_declared(evidence["policy"])),
    }
    for side in ("left", "right"):
        if comparison[f"rows_{side}"] is not None:
            entries[f"rows_{side}"] = dg.MetadataValue.int(comparison[f"rows_{side}"])
        if evidence[side]["table"]:
            entries[f"table_{side}"] = dg.MetadataValue.text(evidence[side]["table"])
    if comparison["reason"]:
        entries["reason"] = dg.MetadataValue.text(comparison["reason"])
    return {**entries, **_tables(comparison, evidence, explanation), **of_page(page)}


def of_page(page: Path | None) -> Metadata:
    """Where the page is, on the machine that made it. A path: browsers follow no link from a web page to a file."""
    return {"report": dg.MetadataValue.path(page)} if page is not None else {}


def _tables(comparison: Mapping[str, Any], evidence: Mapping[str, Any], explanation: Mapping[str, Any]) -> Metadata:
    """What has rows is shown as a table; what has none is left out."""
    samples = [_sample(sample) for sample in explanation.get("samples", ())[:_SAMPLES]]
    days = [{"day": day, "rows": rows} for day, rows in explanation.get("days", ())]
    shown = {
        "columns": _rows([_column(column) for column in comparison["columns"]]),
        "samples": _rows(samples),
        "days": _rows(days),
        "causes": _rows([dict(cause) for cause in explanation.get("causes", ())]),
        "first_phase_apart": _rows([_parting(explanation["parting"])] if explanation.get("parting") else []),
        "ignored": _rows([{"column": name, "reason": why} for name, why in evidence["ignored"].items()]),
        "warnings": _list(comparison["warnings"]),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _parting(parting: Mapping[str, Any]) -> dict[str, Any]:
    """The phase after which the modes part, in one row."""
    return {
        "mode": parting["mode"],
        "phase": parting["index"] + 1,
        "start": parting["start"],
        "end": parting["end"],
        "rows": parting["rows"],
        "commands": "; ".join(parting["commands"]),
    }


def _column(column: Mapping[str, Any]) -> dict[str, Any]:
    """The column, how often it differs, and what else is known of the differences in a few words."""
    apart = ("histogram", "type")
    known = {name: value for name, value in column.items() if value not in (None, 0) and name not in apart}
    return {"column": column["name"], "mismatches": column["mismatches"], "more": _worded(known)}


def _worded(known: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in known.items() if name not in ("name", "mismatches")
    )


def _sample(sample: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "key": ", ".join(f"{name}={_value(value)}" for name, value in sample["key"].items()),
        "column": sample["column"] or "(whole row)",
        "left": _value(sample["left"], sample["column"]),
        "right": _value(sample["right"], sample["column"]),
    }


def _value(value: str | None, column: str | None = "") -> str:
    """NULL is a value; a side that has no such row has none."""
    if column is None:
        return "(no row)" if value is None else value
    return told_apart(value)


def _declared(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The policy as far as it says anything."""
    return {name: value for name, value in policy.items() if value not in (None, False, [], {}, ())}


def of_mode(prospect: Prospect, mode: PlannedMode, outcomes: Mapping[Any, PhaseOutcome], logs: Path) -> Metadata:
    """What every output of a mode shows: how it came about."""
    mine = [outcomes[name] for name in mode.path if name in outcomes]
    executed = [one for one in mine if isinstance(one, Ran)]
    return {
        "seconds": dg.MetadataValue.float(float(round(sum(one.seconds for one in executed), 3))),
        "phases_executed": dg.MetadataValue.int(len(executed)),
        "phases_reused": dg.MetadataValue.int(len(mine) - len(executed)),
        "phases": dg.MetadataValue.table(
            [dg.TableRecord(_phase(prospect, mode, number, outcomes)) for number in range(len(mode.path))]
        ),
        "fingerprint": dg.MetadataValue.text(str(mode.leaf)),
        "logs": dg.MetadataValue.path(logs),
    }


def _phase(prospect: Prospect, mode: PlannedMode, number: int, outcomes: Mapping[Any, PhaseOutcome]) -> dict[str, Any]:
    name = mode.path[number]
    node, outcome = prospect.plan.nodes[name], outcomes.get(name)
    return {
        "phase": number + 1,
        "start": node.window.start.isoformat(),
        "end": node.window.end.isoformat(),
        "input": ", ".join(mutation.kind for mutation in node.mutation) or "as it is",
        "fingerprint": name[:12],
        "outcome": outcome_name(outcome) if outcome is not None else "not run",
        "seconds": round(outcome.seconds, 1) if isinstance(outcome, (Ran, Failed)) else 0.0,
        "why": _reasons(prospect.decisions[name]),
    }


def of_reported_mode(mode: Mapping[str, Any]) -> Metadata:
    """What is known of a mode that ran elsewhere, from the run's report."""
    phases: Sequence[Mapping[str, Any]] = mode["phases"]
    executed = [phase for phase in phases if phase.get("outcome") == "ran"]
    rows = [
        {
            "phase": number,
            "start": phase["start"],
            "end": phase["end"],
            "input": ", ".join(phase["mutation"]) or "as it is",
            "fingerprint": phase["fingerprint"][:12],
            "outcome": phase.get("outcome", "not run"),
            "seconds": round(phase.get("seconds", 0.0), 1),
            "why": "; ".join(phase["reasons"]),
        }
        for number, phase in enumerate(phases, 1)
    ]
    return {
        "seconds": dg.MetadataValue.float(float(round(sum(phase["seconds"] for phase in executed), 3))),
        "phases_executed": dg.MetadataValue.int(len(executed)),
        "phases_reused": dg.MetadataValue.int(len(phases) - len(executed)),
        "phases": dg.MetadataValue.table([dg.TableRecord(row) for row in rows]),
        "fingerprint": dg.MetadataValue.text(phases[-1]["fingerprint"]),
    }


def _reasons(decided: Decision) -> str:
    return "; ".join(str(reason) for reason in decided.reasons) if isinstance(decided, Run) else ""


def of_table(facts: TableFacts, rows: int | None) -> Metadata:
    """The table that holds an output; its columns where Dagster looks for them."""
    columns = [
        dg.TableColumn(field.name, field.type, constraints=dg.TableColumnConstraints(nullable=field.mode != "REQUIRED"))
        for field in facts.schema
    ]
    counted = {"dagster/row_count": dg.MetadataValue.int(rows)} if rows is not None else {}
    return {
        "dagster/table_name": dg.MetadataValue.text(str(facts.name)),
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns=columns)),
        **counted,
    }


def of_commit(code: SourceControl, commit: Commit) -> Metadata:
    """What a reader knows a commit by."""
    refs = [ref for ref, known in code.known() if known == commit]
    return {
        "subject": dg.MetadataValue.text(code.subject(commit)),
        **({"refs": dg.MetadataValue.text(", ".join(refs))} if refs else {}),
    }


def of_plan(prospect: Prospect) -> Metadata:
    """What a pin shows: the request, the sources as they were found, how much there is to do."""
    plan = prospect.plan
    request = plan.request
    to_run = [name for name, decided in prospect.decisions.items() if isinstance(decided, Run)]
    sources = [
        dg.TableRecord({"source": name, "table": str(one.table), "rows": one.rows, "modified": one.modified})
        for name, one in plan.sources.items()
    ]
    return {
        "window": dg.MetadataValue.text(str(request.window)),
        "tail": dg.MetadataValue.int(request.tail),
        "lookback": dg.MetadataValue.int(request.lookback),
        "modes": dg.MetadataValue.text(", ".join(request.modes)),
        "experiment": dg.MetadataValue.text(str(request.experiment)),
        "tree": dg.MetadataValue.text(str(plan.code.tree)),
        "phases_planned": dg.MetadataValue.int(len(plan.nodes)),
        "phases_to_execute": dg.MetadataValue.int(len(to_run)),
        "phases_without_sharing": dg.MetadataValue.int(plan.naive_invocations),
        "sources": dg.MetadataValue.table(sources),
    }


def of_report(report: Mapping[str, Any]) -> Metadata:
    """The end of a run, given as its JSON: the outcome and the matrix of verdicts."""
    matrix = [
        {
            "output": one["output"],
            "pair": f"{one['left']} ~ {one['right']}",
            "verdict": one["verdict"],
            "rows": " ~ ".join("-" if rows is None else f"{rows:,}" for rows in (one["rows_left"], one["rows_right"])),
            "reason": one["reason"],
        }
        for one in report["comparisons"]
    ]
    entries: Metadata = {
        "outcome": dg.MetadataValue.text(report["outcome"]),
        "verdicts": dg.MetadataValue.table(
            [dg.TableRecord(row) for row in matrix], schema=_schema(("output", "pair", "verdict", "rows", "reason"))
        ),
        "seconds": dg.MetadataValue.float(float(report["seconds"])),
        "peak_parallel": dg.MetadataValue.int(report["peak_parallel"]),
    }
    counts = {f"phases_{name}": count for name, count in report["invocations"].items()}
    return {**entries, **{name: dg.MetadataValue.int(count) for name, count in counts.items()}}


def _rows(rows: Sequence[Mapping[str, Any]]) -> dg.MetadataValue | None:
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows]) if rows else None


def _list(lines: Sequence[str]) -> dg.MetadataValue | None:
    return dg.MetadataValue.text("; ".join(lines)) if lines else None


def _schema(columns: Sequence[str]) -> dg.TableSchema:
    return dg.TableSchema(columns=[dg.TableColumn(column) for column in columns])
